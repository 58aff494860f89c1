/**
 * The past, watched: a second replica goes through the log, from before the position asked for, and tells of every change on its
 * way; close to the present it lets the watcher join the live stream, and goes on exactly to that place.
 *
 * The log is the buffer: a reader of the past that takes its time holds up nobody and fills no memory, so only the last piece of
 * the way, which is short, is subject to the bounds of the live stream.
 *
 * Boundary: reads what is durable; the live replica is only asked for its position.
 *   Z1  Every change after `after`, up to the place of joining, comes once and in order; the live stream has all that follow.
 */
import type { Clock } from '../../clock.ts'
import { invariant } from '../../errors.ts'
import { encode } from '../codec/codec.ts'
import type { Log } from '../log.ts'
import type { Interest, Present } from '../machine.ts'
import { readRecord } from '../record.ts'
import { restoreBefore } from '../replay.ts'
import type { Replica } from '../replica.ts'

/** What the site is to those who watch it. */
export interface Watched {
  readonly log: Log
  readonly replica: Replica
  readonly clock: Clock
  readonly durablePosition: number
  durable(position?: number): Promise<void>
}

/** A change as it travels: its kind, its position and what has changed, encoded. */
export type Change = readonly [kind: string, position: number, value: Uint8Array]

/** Where a watcher begins. */
export interface Start {
  /** Only changes after this position count. Absent: from now on. */
  readonly after?: number | undefined
  /** Tells first, as `out`, what is there after that position. */
  readonly initial: boolean
  /** So many of the changes have been received before. */
  readonly skip: number
}

/** What is watched: of which machine, and what of it. */
export interface Subject {
  readonly machine: string
  readonly args: readonly unknown[]
}

/** The change that stands for what was there before. */
const PRESENT = 'out'

/** Changes of one answer, and their bytes: with a last value they fit a frame. */
export const BATCH_CHANGES = 1_024
export const BATCH_BYTES: number = 256 * 1024

/** Each replay holds a second state of the whole site in memory and keeps a core busy; others wait until one is done. */
export const MAX_REPLAYS = 2

/** Positions behind the present at which a replay is as good as there: a few milliseconds of work. */
const NEAR = 2_048

/** The loop is held no longer than this at a time, but for a single record. */
const SLICE_MS = 5

export function isStart(value: unknown): value is Start {
  if (typeof value !== 'object' || value === null) return false
  const { after, initial, skip } = value as Partial<Start>
  return (after === undefined || isCount(after)) && typeof initial === 'boolean' && isCount(skip)
}

/** `join` begins to keep what happens from now on, and says after which position that is. `isOver` asks whether to give up. */
export async function* replayed(
  site: Watched,
  subject: Subject,
  { after, initial }: { readonly after: number; readonly initial: boolean },
  join: () => number,
  isOver: () => boolean,
): AsyncGenerator<readonly Change[]> {
  const replica = site.replica.fresh()
  let next = await restoreBefore(site.log, replica, site.clock, after + 1)
  const second = new SecondReplica(replica, subject, after, initial)
  let end: number | undefined
  for (;;) {
    if (end === undefined && site.replica.position - second.position <= NEAR) {
      end = join()
      await site.durable(end)
    }
    const last = site.log.durableIndex
    if (last < next) await site.durable()
    let sliceStartMs = site.clock.monotonicMs()
    for await (const { index, bytes } of site.log.read(next, { live: false })) {
      if (isOver()) return
      if (index > last) break
      second.apply(bytes, end)
      next = index + 1
      if (second.position === end) break
      if (site.clock.monotonicMs() - sliceStartMs < SLICE_MS && second.found < BATCH_CHANGES) continue
      yield* second.take()
      await new Promise<void>((resolve) => site.clock.hop(resolve))
      sliceStartMs = site.clock.monotonicMs()
    }
    if (second.position === end) {
      second.finish()
      yield* second.take()
      return
    }
  }
}

/** How far a reader has come, and where it would have to start again to get the rest. */
export class Progress {
  readonly #start: Start & { readonly after: number }
  #last: number
  #atLast: number
  #received: number

  constructor(start: Start & { readonly after: number }) {
    this.#start = start
    this.#received = start.skip
    // Without what was there, all that is skipped is of the first position.
    const skipsChanges = start.skip > 0 && !start.initial
    this.#last = skipsChanges ? start.after + 1 : start.after
    this.#atLast = skipsChanges ? start.skip : 0
  }

  add(changes: readonly Change[]): void {
    this.#received += changes.length
    for (const [, position] of changes) {
      if (position === this.#last) this.#atLast += 1
      else if (position > this.#last) {
        this.#last = position
        this.#atLast = 1
      }
    }
  }

  get start(): Start & { readonly after: number } {
    const { after, initial } = this.#start
    if (this.#last === after) return { after, initial, skip: this.#received }
    return { after: this.#last - 1, initial: false, skip: this.#atLast }
  }
}

/** What was there at a moment, changed into bytes only as it is taken. */
export function presentBatches(present: readonly Present[]): Generator<readonly Change[]> {
  return batches(encoded(present))
}

function* encoded(present: readonly Present[]): Generator<Change> {
  for (const { position, value } of present) yield [PRESENT, position, encode(value, Number.POSITIVE_INFINITY)]
}

class SecondReplica {
  readonly #replica: Replica
  readonly #interest: Interest
  readonly #after: number
  #tellPresent: boolean
  #changes: Change[] = []

  constructor(replica: Replica, { machine, args }: Subject, after: number, initial: boolean) {
    this.#replica = replica
    this.#interest = replica.interest(machine, args)
    this.#after = after
    this.#tellPresent = initial
    replica.changes = (topic, kind, value) => {
      if (topic !== this.#interest.topic || replica.position <= after || !this.#interest.wants(value)) return
      this.#changes.push([kind, replica.position, encode(value, Number.POSITIVE_INFINITY)])
    }
  }

  get position(): number {
    return this.#replica.position
  }

  get found(): number {
    return this.#changes.length
  }

  /** Applies a record, but nothing beyond the position `end`. */
  apply(bytes: Uint8Array, end: number | undefined): void {
    const replica = this.#replica
    const before = (): boolean => {
      if (this.#tellPresent && replica.position === this.#after) this.#present()
      return replica.position !== end
    }
    readRecord(
      bytes,
      (from, to) => before() && replica.apply(bytes, from, to),
      ({ wallMs, serviceMs }) => before() && replica.advance(wallMs, serviceMs),
    )
  }

  /** The place of joining has been reached. */
  finish(): void {
    if (this.#tellPresent && this.#replica.position === this.#after) this.#present()
    invariant(!this.#tellPresent, 'a replay joined the present before the position it was asked for')
  }

  *take(): Generator<readonly Change[]> {
    const changes = this.#changes
    this.#changes = []
    yield* batches(changes)
  }

  #present(): void {
    this.#tellPresent = false
    for (const change of encoded(this.#interest.present())) this.#changes.push(change)
  }
}

/** So many at a time; the others in the order in which they came. */
export class Places {
  #free: number
  readonly #waiting = new Map<object, (taken: boolean) => void>()

  constructor(count: number) {
    this.#free = count
  }

  /** True once there is a place for this one; false when it gave up waiting. */
  async take(who: object): Promise<boolean> {
    if (this.#free === 0) return new Promise((resolve) => this.#waiting.set(who, resolve))
    this.#free -= 1
    return true
  }

  giveUp(who: object): void {
    const waiting = this.#waiting.get(who)
    this.#waiting.delete(who)
    waiting?.(false)
  }

  giveBack(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free += 1
      return
    }
    this.#waiting.delete(next[0])
    next[1](true)
  }
}

function* batches(changes: Iterable<Change>): Generator<readonly Change[]> {
  let batch: Change[] = []
  let bytes = 0
  for (const change of changes) {
    const size = change[2].length
    if (batch.length > 0 && (batch.length === BATCH_CHANGES || bytes + size > BATCH_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(change)
    bytes += size
  }
  if (batch.length > 0) yield batch
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
