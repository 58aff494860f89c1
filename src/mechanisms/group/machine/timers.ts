/**
 * What the group machine waits for log time to do, with one deadline of the log for many.
 *
 * Most calls are decided long before their time is over, and the log never takes a deadline back; one deadline for each of twenty
 * thousand calls a second would fill its queue with what is no longer wanted. But the calls of a group all have the same duration, so
 * they fall due in the order in which they began: for each duration a *lane*, a queue whose first one alone has a deadline.
 *
 * Boundary: book-keeping. Whether what falls due is still wanted, and what it means, is the business of the caller.
 *   L1  In a lane, what was added later does not fall due earlier.
 *   L2  A lane that holds something wanted has a deadline of the log, not later than its first one.
 */
import type { Context, LogTime } from '../../../log/machine.ts'

/**
 * `call`: its caller has waited long enough. `start`: some member has. `front`: whoever should decide has not. `member`: a suspended
 * one is tried again.
 */
export type DueKind = 'call' | 'start' | 'front' | 'member'

export interface Due {
  readonly kind: DueKind
  readonly atMs: number
  /** A call, or the group of a member. */
  readonly id: number
  readonly member?: string
  /** The member's epoch: another one has another reason to wait. */
  readonly epoch?: number
}

interface Lane {
  readonly token: number
  readonly time: LogTime
  readonly ms: number
  /** Time of its deadline of the log, if it has one. */
  armedMs: number | null
  dues: Due[]
  /** Index of the first in `dues`. */
  first: number
  /** Length at which it is looked through. */
  cleanAt: number
}

export interface SavedLane {
  readonly token: number
  readonly time: LogTime
  readonly ms: number
  readonly armedMs: number | null
  readonly dues: readonly Due[]
}

/** Shorter lanes are not worth looking through. */
const WORTH_CLEANING = 1_024

export type IsWanted = (due: Due) => boolean

export class Timers {
  readonly #lanes = new Map<string, Lane>()
  readonly #byToken = new Map<number, Lane>()
  #nextToken = 1

  /** Due `ms` from now. */
  add(context: Context, time: LogTime, ms: number, due: Omit<Due, 'atMs'>, isWanted: IsWanted): void {
    const lane = this.#lane(time, ms)
    const atMs = (time === 'wall' ? context.wallMs : context.serviceMs) + ms
    clean(lane, isWanted)
    lane.dues.push({ ...due, atMs })
    if (lane.armedMs === null) arm(lane, context)
  }

  /** Takes out what is due and still wanted; the rest of its lane gets a new deadline. */
  expire(token: number, context: Context, isWanted: IsWanted): readonly Due[] {
    const lane = this.#byToken.get(token)
    if (lane === undefined) return []
    const now = lane.time === 'wall' ? context.wallMs : context.serviceMs
    lane.armedMs = null
    const due: Due[] = []
    for (let next = lane.dues[lane.first]; next !== undefined && next.atMs <= now; next = lane.dues[lane.first]) {
      lane.first += 1
      if (isWanted(next)) due.push(next)
    }
    clean(lane, isWanted)
    if (lane.first < lane.dues.length) arm(lane, context)
    else this.#forget(lane)
    return due
  }

  #lane(time: LogTime, ms: number): Lane {
    const name = `${time}:${ms}`
    const existing = this.#lanes.get(name)
    if (existing !== undefined) return existing
    return this.#put({ token: this.#nextToken, time, ms, armedMs: null, dues: [], first: 0, cleanAt: WORTH_CLEANING })
  }

  #put(lane: Lane): Lane {
    this.#nextToken = Math.max(this.#nextToken, lane.token + 1)
    this.#lanes.set(`${lane.time}:${lane.ms}`, lane)
    this.#byToken.set(lane.token, lane)
    return lane
  }

  #forget(lane: Lane): void {
    this.#lanes.delete(`${lane.time}:${lane.ms}`)
    this.#byToken.delete(lane.token)
  }

  get nextToken(): number {
    return this.#nextToken
  }

  restoreNextToken(token: number): void {
    this.#nextToken = token
  }

  *saved(isWanted: IsWanted): Generator<SavedLane> {
    for (const { token, time, ms, armedMs, dues, first } of this.#byToken.values()) {
      yield {
        token,
        time,
        ms,
        armedMs,
        dues: dues
          .slice(first)
          .filter(isWanted)
          .map((due) => ({ ...due })),
      }
    }
  }

  restore(lanes: Iterable<SavedLane>): void {
    for (const lane of lanes) this.#put({ ...lane, dues: [...lane.dues], first: 0, cleanAt: WORTH_CLEANING })
  }

  restoreDues(token: number, dues: Iterable<Due>): void {
    this.#byToken.get(token)?.dues.push(...dues)
  }
}

function arm(lane: Lane, context: Context): void {
  const { atMs } = lane.dues[lane.first] as Due
  lane.armedMs = atMs
  context.schedule(atMs, lane.token, lane.time)
}

/** Drops what is not wanted any more: at the beginning always, further on whenever the lane has doubled. */
function clean(lane: Lane, isWanted: IsWanted): void {
  const { dues } = lane
  while (lane.first < dues.length && !isWanted(dues[lane.first] as Due)) lane.first += 1
  if (dues.length < lane.cleanAt) return
  lane.dues = dues.slice(lane.first).filter(isWanted)
  lane.first = 0
  lane.cleanAt = Math.max(WORTH_CLEANING, 2 * lane.dues.length)
}
