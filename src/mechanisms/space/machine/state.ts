/**
 * Everything the space machine knows, and how it is looked up.
 *
 * Boundary: data without rules; the rules are in `serving.ts` (who is given which tuple) and `machine.ts` (what the operations mean).
 */
import { invariant } from '../../../errors.ts'
import type { Caller, Outcome } from '../../../log/machine.ts'
import { Placeholders } from './eval.ts'
import { callerKey, Holds } from './holds.ts'
import { Leases } from './leases.ts'
import { PromisedTuples } from './promised.ts'
import { DEFAULT_QUOTA, overQuota, type Quota, type Usage } from './quota.ts'
import { TupleStore } from './store.ts'
import type { Indexing } from './tuple-class.ts'
import { type Waiter, WaitingTemplates } from './waiting.ts'

/** Empty spaces kept with their indexes; more are a sign of names used once, as for replies. */
const MAX_SPACES_KEPT = 1_000

export class SpaceState {
  readonly name: string
  readonly store: TupleStore
  readonly waiting: WaitingTemplates = new WaitingTemplates()
  /** Its own, if it has one. */
  quota: Quota | undefined = undefined
  /** Tuples that exist but do not lie here: held, delayed, being computed, promised. */
  absent = 0
  absentBytes = 0
  /** Tuples that are held, and operations that wait for one to hold. */
  holds = 0

  constructor(name: string, indexing: Indexing) {
    this.name = name
    this.store = new TupleStore(indexing)
  }

  get isEmpty(): boolean {
    return this.store.size === 0 && this.waiting.size === 0 && this.absent === 0 && this.quota === undefined
  }

  /** Whether a tuple may be put; asked for every one. */
  hasRoomFor(weight: number): boolean {
    const { tuples, bytes } = this.quota ?? DEFAULT_QUOTA
    return this.store.size + this.absent < tuples && this.store.weight + this.absentBytes + weight <= bytes
  }

  /** What is answered when there is no room for more; undefined when there is. */
  refusal(more: Partial<Usage>): Outcome | undefined {
    const { store, waiting, absent, absentBytes, holds } = this
    const used = { tuples: store.size + absent, bytes: store.weight + absentBytes, waiting: waiting.size, holds }
    return overQuota(this.name, this.quota ?? DEFAULT_QUOTA, used, more)
  }
}

export class SpacesState {
  readonly spaces: Map<string, SpaceState> = new Map()
  readonly holds: Holds = new Holds()
  readonly leases: Leases = new Leases()
  readonly promised: PromisedTuples = new PromisedTuples()
  readonly placeholders: Placeholders = new Placeholders()
  /** Those who wait until a certain time, by token: their order. */
  readonly deadlines: Map<number, Waiter> = new Map()
  /** Spaces with a quota of their own. */
  quotas = 0
  readonly #indexing: Indexing
  /** By `callerKey`, then by number. */
  readonly #waiters = new Map<number, Map<number, Waiter>>()
  #order = 0

  constructor(indexing: Indexing) {
    this.#indexing = indexing
  }

  /** The last number given to a tuple, waiter or hold. One position may bring several, so positions alone do not order them. */
  get order(): number {
    return this.#order
  }

  nextOrder(): number {
    this.#order += 1
    return this.#order
  }

  restoreOrder(order: number): void {
    invariant(this.#order === 0, 'a snapshot was restored into a space machine in use')
    this.#order = order
  }

  get(name: string): SpaceState | undefined {
    return this.spaces.get(name)
  }

  /** As `get`, but there is one afterwards. */
  open(name: string): SpaceState {
    let state = this.spaces.get(name)
    if (state === undefined) {
      state = new SpaceState(name, this.#indexing)
      this.spaces.set(name, state)
    }
    return state
  }

  forgetEmpty(state: SpaceState): void {
    if (this.spaces.size > MAX_SPACES_KEPT && state.isEmpty) this.spaces.delete(state.name)
  }

  /** By name: which space was used first is no part of the state. */
  sorted(): SpaceState[] {
    return [...this.spaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** A tuple of the space exists from here on that does not lie in it. */
  reserve(space: string, weight: number): void {
    const state = this.open(space)
    state.absent += 1
    state.absentBytes += weight
  }

  /** It is gone, or about to appear. */
  release(space: string, weight: number): void {
    const state = this.open(space)
    state.absent -= 1
    state.absentBytes -= weight
    this.forgetEmpty(state)
  }

  addWaiter(waiter: Waiter): void {
    const key = callerKey(waiter.caller)
    let own = this.#waiters.get(key)
    if (own === undefined) {
      own = new Map()
      this.#waiters.set(key, own)
    }
    invariant(!own.has(waiter.number), `operation ${waiter.number} of a ${waiter.caller.kind} waits twice`)
    own.set(waiter.number, waiter)
    if (waiter.deadlineMs !== undefined) this.deadlines.set(waiter.order, waiter)
    const state = this.open(waiter.space)
    state.waiting.add(waiter)
    if (waiter.hold !== undefined) state.holds += 1
  }

  removeWaiter(waiter: Waiter): void {
    const key = callerKey(waiter.caller)
    const own = this.#waiters.get(key)
    own?.delete(waiter.number)
    if (own?.size === 0) this.#waiters.delete(key)
    if (waiter.deadlineMs !== undefined) this.deadlines.delete(waiter.order)
    const state = this.open(waiter.space)
    state.waiting.remove(waiter)
    if (waiter.hold !== undefined) state.holds -= 1
    this.forgetEmpty(state)
  }

  waiter(caller: Caller, number: number): Waiter | undefined {
    return this.#waiters.get(callerKey(caller))?.get(number)
  }

  waitersOf(caller: Caller): Waiter[] {
    return [...(this.#waiters.get(callerKey(caller))?.values() ?? [])]
  }

  waits({ caller, number, order }: Waiter): boolean {
    return this.waiter(caller, number)?.order === order
  }

  /** Of all spaces, in order of arrival. */
  allWaiters(): Waiter[] {
    return [...this.spaces.values()].flatMap(({ waiting }) => waiting.all()).sort((a, b) => a.order - b.order)
  }
}
