/**
 * Everything that can happen in a small system, tried: does the policy ever go on for ever, and how long does recovery take?
 *
 *     const explorer = new Explorer(policy)
 *     while (explorer.advance(1_000)) print(explorer.progress)
 *     explorer.report()
 *
 * From the declared state every row of notifications up to a depth is tried, breadth first: of each task an error or a success, of each
 * node that it is up or down too. States that the program cannot tell apart are one (`explore-state.ts`). For each state it is asked
 * what would happen if from then on all went well: crashed nodes come back (or stay away), what runs succeeds, and
 * once a step something starts a pass. Either the system comes to rest, or the policy acts round after round without getting anywhere: a livelock.
 *
 * Boundary: pure, over the interpreter itself; no clock: who drives it decides when it has taken long enough.
 *   X1  The history of a finding is a shortest one: replayed in a dry run it leads to the state in question.
 *   X2  Nothing is reported that the interpreter does not do; only states that K1 makes equal are left out.
 */
import { PerdureError } from '../../errors.ts'
import type { EntityName } from '../../support/backbone/entity.ts'
import type { Notification } from '../../support/backbone/notification.ts'
import { type Policy, Rint, type RintState } from '../../support/backbone/rint.ts'
import { type Calm, Future, type PersistentFault, pausesOf } from './explore-future.ts'
import { KnownStates, type Whereabouts } from './explore-known.ts'
import { LEAST_STEP_US, named, StateKeys } from './explore-state.ts'
import type { HistoryEvent } from './history.ts'

/** Notifications in a row: with 20 different ones beyond this nobody waits for the end. */
const DEFAULT_DEPTH = 8
const MAX_DEPTH = 64

/** An hour: a longest history lasts some days then. */
const MAX_STEP_MS = 3_600_000

/** States that are kept, each with its history: about a gigabyte, and a minute's work. */
export const MAX_EXPLORED = 1_000_000

/** Below are the codes of the backbone itself. */
const FIRST_FREE_CODE = 4

/** Different livelocks that are told apart; one is enough to begin mending. */
const MAX_LIVELOCKS = 16

export interface ExploreOptions {
  /** Notifications in a row. Default 8, at most 64. */
  readonly depth?: number
  /** Of all errors. Default 4. */
  readonly code?: number
  /** Who can be notified about. Default: all declared tasks and nodes; without declarations those that the program names. */
  readonly entities?: readonly EntityName[]
  /** Time between two notifications, and of a step of a calm future, in milliseconds; at least 100. Default 1000. */
  readonly stepMs?: number
  /** As of a dry run. */
  readonly classic?: boolean
}

export interface ExploreProgress {
  /** Notifications in a row that are tried now. */
  readonly depth: number
  readonly states: number
  readonly notifications: number
}

export interface Finding {
  /** A shortest way there. */
  readonly history: readonly HistoryEvent[]
}

export interface ExplorationReport extends ExploreProgress {
  /** `exhausted`: no deeper history leads anywhere new; `depth`: all up to the depth; `stopped`: not all of that. */
  readonly complete: 'exhausted' | 'depth' | 'stopped'
  /** The longest recovery: from the last notification to rest, pauses included. Undefined if there never is one. */
  readonly slowest: (Finding & { readonly steps: number; readonly ms: number }) | undefined
  /** The policy acts round after round, although nothing fails any more. `lines` are those of the actions. */
  readonly livelocks: readonly (Finding & { readonly lines: readonly number[] })[]
  /** At rest there is an error record about it that nothing has settled. */
  readonly unsettled: readonly (Finding & { readonly entity: string })[]
  /** At rest it is stopped, isolated or down. */
  readonly lost: readonly (Finding & { readonly entity: string })[]
  /** What becomes of an entity that fails whenever it can. */
  readonly persistent: readonly PersistentFault[]
}

interface Explored extends Whereabouts {
  readonly before: Explored | undefined
  readonly event: Notification | undefined
}

export class Explorer {
  readonly #rint: Rint
  readonly #keys: StateKeys
  readonly #future: Future
  readonly #entities: readonly EntityName[]
  readonly #depth: number
  readonly #code: number
  readonly #stepUs: number
  readonly #root: RintState
  /** Where the interpreter was brought to last; undefined: to the root. */
  #last: { readonly at: Explored | undefined; readonly state: RintState }
  readonly #known: KnownStates
  #level: Explored[] = []
  #next: Explored[] = []
  #at = 0
  #notifications = 0
  #isFull = false
  #slowest: { readonly state: Explored; readonly steps: number; readonly ms: number } | undefined
  readonly #livelocks = new Map<string, { readonly state: Explored; readonly lines: readonly number[] }>()
  readonly #unsettled = new Map<string, Explored>()
  readonly #lost = new Map<string, Explored>()
  readonly #persistent: readonly PersistentFault[]

  /** `PERDURE_E_USAGE` for options out of their range, and where there is nothing to notify about. */
  constructor(policy: Policy, options: ExploreOptions = {}) {
    const { depth = DEFAULT_DEPTH, code = FIRST_FREE_CODE, stepMs = 1000, classic = false } = options
    this.#entities = options.entities ?? entitiesOf(policy)
    check({ depth, stepMs, entities: this.#entities.length })
    this.#depth = depth
    this.#code = code
    this.#stepUs = Math.round(stepMs * 1000)
    this.#rint = new Rint(policy, { classic, pauses: 'skip' })
    this.#keys = new StateKeys(policy, this.#rint.database, this.#entities)
    this.#future = new Future(this.#rint, this.#keys, this.#entities, this.#stepUs)
    this.#known = new KnownStates(this.#future, { horizon: this.#keys.horizon, depth })
    this.#root = this.#rint.snapshot()
    this.#last = { at: undefined, state: this.#root }
    this.#persistent = this.#entities.map((entity) => this.#future.persistent(this.#root, entity, code))
    this.#rint.load(this.#root)
    const root: Explored = { before: undefined, event: undefined, depth: 0, nowUs: 0, crashed: new Set() }
    this.#known.find(root)
    this.#reach(root, this.#root)
    this.#level = this.#next
    this.#next = []
  }

  get progress(): ExploreProgress {
    return { depth: this.#known.reached, states: this.#known.count, notifications: this.#notifications }
  }

  /** Goes on from so many states; false when there is none left to go on from. */
  advance(states: number): boolean {
    for (let left = states; left > 0; left -= 1) {
      if (this.#at >= this.#level.length) {
        if (this.#next.length === 0 || this.#isFull) return false
        this.#level = this.#next
        this.#next = []
        this.#at = 0
      }
      const from = this.#level[this.#at] as Explored
      this.#at += 1
      this.#goOn(from)
      if (this.#isFull) return false
    }
    return this.#at < this.#level.length || this.#next.length > 0
  }

  /** Of what has been tried so far. */
  report(): ExplorationReport {
    const slowest = this.#slowest
    const pending = this.#at < this.#level.length || this.#next.length > 0
    return {
      ...this.progress,
      complete: pending || this.#isFull ? 'stopped' : this.#known.isOpen ? 'depth' : 'exhausted',
      slowest: slowest && { steps: slowest.steps, ms: slowest.ms, history: historyOf(slowest.state) },
      livelocks: [...this.#livelocks.values()].map(({ lines, state }) => ({ lines, history: historyOf(state) })),
      unsettled: findings(this.#unsettled),
      lost: findings(this.#lost),
      persistent: this.#persistent,
    }
  }

  #goOn(from: Explored): void {
    this.#return(from)
    const state = this.#rint.snapshot()
    const nowUs = from.nowUs + this.#stepUs
    const events = this.#entities.flatMap((entity) => this.#eventsOf(entity, nowUs))
    for (const event of events) {
      this.#rint.load(state)
      const performed = this.#rint.notify(event)
      this.#notifications += 1
      const crashed = this.#future.crashedAfter(from.crashed, event, performed)
      const reached: Explored = { before: from, event, depth: from.depth + 1, nowUs, crashed }
      this.#time(reached, this.#known.find(reached) ?? this.#reach(reached, state), pausesOf(performed))
      if (this.#isFull) return
    }
  }

  /**
   * Brings the interpreter to a state. A snapshot of every state that waits would fill the memory; but those with one predecessor wait in
   * a row, so that of the predecessor is kept.
   */
  #return({ before, event }: Explored): void {
    if (before !== this.#last.at) {
      this.#rint.load(this.#root)
      for (const earlier of before === undefined ? [] : historyOf(before)) this.#rint.notify(earlier)
      this.#last = { at: before, state: this.#rint.snapshot() }
    } else this.#rint.load(this.#last.state)
    if (event !== undefined) this.#rint.notify(event)
  }

  /** What can be told of an entity now. */
  #eventsOf(entity: EntityName, atUs: number): readonly Notification[] {
    const error: Notification = { kind: 'error', atUs, entity, code: this.#code }
    // A success changes scores and nothing else: where nobody asks for one there is nothing to try.
    const ok: readonly Notification[] = this.#keys.asksAlpha(entity) ? [{ kind: 'ok', atUs, entity }] : []
    if (entity.kind !== 'node') return [error, ...ok]
    const status = (word: 'up' | 'down'): Notification => ({ kind: 'status', atUs, entity, status: word })
    return [error, ...ok, status('up'), status('down')]
  }

  /**
   * The interpreter is in a state that was not known before, a notification after `before`: it is judged by its calm future, and gone on
   * from later.
   */
  #reach(reached: Explored, before: RintState): Calm {
    const { depth, crashed, event } = reached
    if (depth < this.#depth) this.#next.push(reached)
    const from = { ...reached, key: this.#known.calmKey(reached) }
    const calm = this.#future.calm(from, 'return')
    this.#known.add(reached, calm)
    this.#isFull = this.#known.count >= MAX_EXPLORED
    this.#judge(reached, calm)
    if (crashed.size === 0) return calm
    if (event !== undefined && this.#future.remembered(from.key, 'stay away') === undefined) {
      this.#rint.load(before)
      this.#rint.notify(event)
    }
    this.#checkLivelock(reached, this.#future.calm(from, 'stay away'))
    return calm
  }

  #judge(reached: Explored, calm: Calm): void {
    this.#checkLivelock(reached, calm)
    if (calm.kind === 'livelock') return
    for (const entity of calm.unsettled) if (!this.#unsettled.has(entity)) this.#unsettled.set(entity, reached)
    for (const entity of calm.lost) if (!this.#lost.has(entity)) this.#lost.set(entity, reached)
  }

  /** Of every notification, also one that leads to a state that is known: how long it takes depends on the way. */
  #time(reached: Explored, calm: Calm, pauseMs: number): void {
    if (calm.kind === 'livelock' || calm.unsettled.length > 0) return
    const ms = (calm.steps * this.#stepUs) / 1000 + calm.pauseMs + pauseMs
    if (ms > (this.#slowest?.ms ?? -1)) this.#slowest = { state: reached, steps: calm.steps, ms }
  }

  #checkLivelock(reached: Explored, calm: Calm): void {
    if (calm.kind !== 'livelock') return
    const name = calm.lines.join(' ')
    if (this.#livelocks.has(name) || this.#livelocks.size >= MAX_LIVELOCKS) return
    this.#livelocks.set(name, { lines: calm.lines, state: reached })
  }
}

function check({
  depth,
  stepMs,
  entities,
}: {
  readonly depth: number
  readonly stepMs: number
  readonly entities: number
}): void {
  const least = LEAST_STEP_US / 1000
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH)
    throw unfit(`depth is ${depth}`, `a whole number from 1 to ${MAX_DEPTH}`)
  if (!(stepMs >= least && stepMs <= MAX_STEP_MS))
    throw unfit(`stepMs is ${stepMs}`, `milliseconds from ${least} to ${MAX_STEP_MS}`)
  if (entities === 0) throw unfit('the policy names no task and no node', 'one at least, declared or in `entities`')
}

function unfit(found: string, expected: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', `An exploration is not possible: ${found}; expected ${expected}.`)
}

/** Declared tasks but watchdogs, and the nodes; where nothing is declared, those that the program names. */
export function entitiesOf({ rcode, topology }: Policy): readonly EntityName[] {
  const watchdogs = new Set(topology.watchdogs.map(({ number }) => number))
  const tasks = topology.tasks.map(({ number }) => number).filter((number) => !watchdogs.has(number))
  const nodes = [...Object.keys(topology.roles).map(Number), ...topology.tasks.map(({ node }) => node)]
  const all = named(rcode.code)
  const numbers = (kind: 'task' | 'node', declared: readonly number[]): readonly EntityName[] => {
    const found = declared.length > 0 ? declared : all.filter((each) => each.kind === kind).map(({ number }) => number)
    return [...new Set(found)].sort((a, b) => a - b).map((number) => ({ kind, number }))
  }
  return [...numbers('task', tasks), ...numbers('node', nodes)]
}

function historyOf(reached: Explored): readonly Notification[] {
  const events: Notification[] = []
  for (let at: Explored | undefined = reached; at?.event !== undefined; at = at.before) events.push(at.event)
  return events.reverse()
}

function findings(found: ReadonlyMap<string, Explored>): readonly (Finding & { readonly entity: string })[] {
  return [...found].map(([entity, state]) => ({ entity, history: historyOf(state) }))
}
