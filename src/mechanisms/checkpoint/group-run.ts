/**
 * A whole group under one rule, without a site: it calls the rule for every member, keeps the graph of what was delivered, and goes back
 * when members fail.
 *
 * Boundary: pure. What a rule decides is the rule's affair; which objects and messages there are, the caller's.
 *   D1  A forced checkpoint comes before the delivery, in the state, in the graph and in the indices alike.
 *   D2  saved[k] has the rule's state for every checkpoint of k that a recovery could still go back to. Their number grows without
 *       bound only while some member never saves, as any recovery would: whoever drives the group has to make it save.
 */
import { PerdureError } from '../../errors.ts'
import { Epochs } from './epochs.ts'
import { type Cut, type Delivery, MAX_MEMBERS, type Protocol, type Rule, type Token } from './protocol.ts'
import { RollbackGraph } from './rollback-graph.ts'

/** Shared: deliveries are frequent. */
const PLAIN: Delivery = Object.freeze({ force: false })
const FORCED: Delivery = Object.freeze({ force: true })

/** Live intervals from which on it is worth looking for those that can go; then whenever they have doubled. */
const TRIM_FROM = 1024

export class GroupRun<State, S extends Token> implements Protocol<S> {
  readonly members: number
  readonly #rule: Rule<State, S>
  readonly #graph: RollbackGraph
  readonly #epochs: Epochs
  readonly #states: State[]
  readonly #saved: State[][]
  #trimAt = TRIM_FROM

  /** `PERDURE_E_USAGE` unless 1 <= `members` <= 256. */
  constructor(members: number, ruleOf: (graph: RollbackGraph) => Rule<State, S>) {
    this.members = groupSize(members)
    this.#graph = new RollbackGraph(members)
    this.#epochs = new Epochs(members)
    this.#rule = ruleOf(this.#graph)
    this.#states = Array.from({ length: members }, (_, i) => this.#rule.begin(i))
    this.#saved = this.#states.map((state) => [this.#rule.copy(state)])
  }

  send(i: number, to?: number): S {
    const token = { from: memberOf(this, i), epoch: this.#epochs.current, index: this.#graph.latest(i) }
    return this.#rule.send(this.#states[i]!, token, to === undefined ? undefined : memberOf(this, to))
  }

  deliver(j: number, stamp: S): Delivery {
    const state = this.#states[memberOf(this, j)]!
    if (!this.accepts(stamp)) throw ghost(j, stamp)
    const force = this.#rule.forces(state, stamp)
    if (force) this.#take(j, stamp)
    this.#rule.merge(state, stamp)
    this.#graph.add(stamp.from, stamp.index, j, this.#graph.latest(j))
    return force ? FORCED : PLAIN
  }

  checkpoint(i: number): void {
    this.#take(memberOf(this, i))
  }

  accepts(stamp: S): boolean {
    checkStamp(stamp)
    const { from, epoch, index } = stamp
    const known = epoch === this.#epochs.current ? this.#graph.latest(memberOf(this, from)) : Number.POSITIVE_INFINITY
    const exists = wholeBelow(epoch, this.#epochs.current) && wholeBelow(index, known)
    if (exists && this.#rule.fits(stamp)) return this.#epochs.accepts(stamp)
    const what = exists ? 'is not of this protocol' : `names epoch ${epoch} and interval ${index}, which do not exist`
    const text = `A stamp of member ${from} ${what}: expected one made by send of this group. Deliver stamps as they were sent.`
    throw new PerdureError('PERDURE_E_USAGE', text)
  }

  recover(failed: readonly number[]): Cut {
    if (!Array.isArray(failed)) throw noList(failed)
    for (const k of failed) memberOf(this, k)
    const line = this.#graph.line(failed)
    for (const [k, to] of line.entries()) {
      if (to === 'current') continue
      const saved = this.#saved[k]!
      saved.length = to - this.#graph.oldest(k) + 1
      this.#states[k] = this.#rule.copy(saved.at(-1)!)
    }
    this.#graph.goBack(line)
    this.#epochs.recovered(line)
    return line
  }

  #take(i: number, by?: S): void {
    const state = this.#states[i]!
    this.#rule.take(state, by)
    this.#graph.open(i)
    this.#saved[i]!.push(this.#rule.copy(state))
    if (this.#graph.live >= this.#trimAt) this.#trim()
  }

  #trim(): void {
    const floor = this.#graph.floor()
    for (const [k, index] of floor.entries()) this.#saved[k]!.splice(0, index - this.#graph.oldest(k))
    this.#graph.trim(floor)
    this.#trimAt = Math.max(TRIM_FROM, 2 * this.#graph.live)
  }
}

export function groupSize(members: number): number {
  if (wholeBelow(members, MAX_MEMBERS) && members > 0) return members
  const text = `A checkpoint group of ${members} members was asked for: expected a whole number from 1 to ${MAX_MEMBERS}. Split larger groups.`
  throw new PerdureError('PERDURE_E_USAGE', text)
}

export function memberOf(group: { readonly members: number }, i: number): number {
  if (wholeBelow(i, group.members - 1)) return i
  const text = `There is no member ${i} in this group: expected a whole number from 0 to ${group.members - 1}.`
  throw new PerdureError('PERDURE_E_USAGE', text)
}

/** What came over a wire may be anything. */
export function checkStamp(stamp: unknown): void {
  if (typeof stamp === 'object' && stamp !== null) return
  const text = `A stamp is ${String(stamp)}: expected one made by send of this group. Deliver stamps as they were sent.`
  throw new PerdureError('PERDURE_E_USAGE', text)
}

function noList(failed: unknown): PerdureError {
  const text = `The failed members are ${String(failed)}: expected an array of their numbers, as in recover([0]).`
  return new PerdureError('PERDURE_E_USAGE', text)
}

function wholeBelow(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most
}

function ghost(j: number, stamp: Token): PerdureError {
  const text = `A message of member ${stamp.from} for ${j} was sent in interval ${stamp.index} of epoch ${stamp.epoch}, which a recovery has undone: expected messages that were sent. Ask accepts before delivering, and throw such messages away.`
  return new PerdureError('PERDURE_E_STALE', text)
}
