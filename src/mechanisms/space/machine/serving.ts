/**
 * Who is given which tuple.
 *
 * A tuple that appears goes to those who wait for one like it, or into its space. That may let a group be carried out which puts
 * further tuples, and so on; so tuples that are to appear queue up, and one after the other is served until nothing is left.
 *
 * Boundary: rules over the data of `state.ts`. What operations mean, and who may do what, is decided in `machine.ts`.
 *   S1  No tuple in a space matches a template that waits there, and no group that waits could be carried out.
 *   S2  A tuple is given to all matching waiting `rd`, in order of arrival; then to the `in` that has waited longest, or to a group
 *       that has waited longer than that and can be carried out with it.
 *   S4  A tuple belongs to the machine until it is given away for good; whoever reads or holds gets a copy.
 *   S5  A tuple that was held comes back to the place it had; one that appears for the first time stands behind all others.
 */
import TinyQueue from 'tinyqueue'
import { copyValue } from '../../../log/codec/codec.ts'
import type { Caller, Context, Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import { weightOf } from '../../../log/weight.ts'
import { answerOf, type BlockedPlan, type Group, type Plan, planGroup, type ReadyPlan, tooLarge } from './atomic.ts'
import type { Hold, HoldTerms } from './holds.ts'
import { kindsOf } from './match.ts'
import type { SpacesState } from './state.ts'
import type { Placed, Stored } from './tuple-class.ts'
import type { Waiter } from './waiting.ts'

/** What can happen to a tuple in a space, for those who watch. */
export type ChangeKind = 'out' | 'in' | 'expired'

/** Hears of every change, at its position and in order. The fields belong to the machine. */
export type ChangeListener = (kind: ChangeKind, space: string, fields: readonly unknown[], context: Context) => void

/** A tuple that is about to appear. */
export interface Arrival {
  readonly space: string
  readonly fields: readonly unknown[]
  /** Default: what it weighs. */
  readonly weight?: number | undefined
  /** Wall time at which its lease ends. */
  readonly expiresMs?: number | undefined
  /** Where it was, if it comes back, and how often it was handed out. */
  readonly back?: { readonly order: number; readonly position: number; readonly deliveries: number } | undefined
}

/** Whoever is given a tuple. */
export interface Asker {
  readonly caller: Caller
  readonly number: number
  readonly space: string
  readonly hold?: HoldTerms | undefined
}

export class Serving {
  readonly #state: SpacesState
  readonly #changed: ChangeListener
  #arrivals: Arrival[] = []
  #settling = false
  /** Groups for which something has changed. */
  readonly #stirred = new Set<Waiter>()
  readonly #oldestStirred = new TinyQueue<Waiter>([], (a, b) => a.order - b.order)
  /** Tuples that waiting groups would read or take, and by whom. */
  readonly #picked = new Map<Stored, Set<Waiter>>()
  readonly #picks = new Map<Waiter, readonly Stored[]>()

  constructor(state: SpacesState, changed: ChangeListener) {
    this.#state = state
    this.#changed = changed
  }

  appear(arrival: Arrival, context: Context): void {
    this.#arrivals.push(arrival)
    this.settle(context)
  }

  /** Lets everything appear that is to, and carries out every group that can be, the one that has waited longest first. */
  settle(context: Context): void {
    if (this.#settling) return
    this.#settling = true
    let served = 0
    for (;;) {
      const group = this.#takeStirred()
      if (group !== undefined) this.#retry(group, context)
      else if (served < this.#arrivals.length) {
        served += 1
        this.#arrive(this.#arrivals[served - 1] as Arrival, context)
      } else break
    }
    if (served > 0) this.#arrivals = []
    this.#settling = false
  }

  #arrive(arrival: Arrival, context: Context): void {
    const { space, fields } = arrival
    const kinds = kindsOf(fields)
    this.#changed('out', space, fields, context)
    // An answer may have consequences at once, such as others who wait being withdrawn, so after each the state is looked at anew.
    let readers = this.#state.get(space)?.waiting.readers(fields, kinds)
    while (readers !== undefined && readers.length > 0) {
      for (const reader of readers) {
        if (this.#state.waits(reader)) this.answer(reader, { value: copyValue(fields) }, context)
      }
      readers = this.#state.get(space)?.waiting.readers(fields, kinds)
    }
    const waiting = this.#state.get(space)?.waiting
    if (waiting?.hasGroups) return this.#offer(arrival, kinds, context)
    const taker = waiting?.taker(fields, kinds)
    if (taker === undefined) this.#put(this.#placed(arrival, context), space, kinds)
    else this.#hand(taker, arrival, context)
  }

  /** Straight to whoever waits for it, without having lain in the space. */
  #hand(taker: Waiter, arrival: Arrival, context: Context): void {
    this.forget(taker)
    this.#changed('in', arrival.space, arrival.fields, context)
    if (taker.hold === undefined) context.reply(taker.caller, taker.number, { value: arrival.fields })
    else this.give(taker, this.#placed(arrival, context), context)
  }

  /** To the oldest who can take it, where groups are among those who wait. */
  #offer(arrival: Arrival, kinds: ReturnType<typeof kindsOf>, context: Context): void {
    const { space, fields, back } = arrival
    const stored = this.#put(this.#placed(arrival, context), space, kinds)
    const { waiting } = this.#state.open(space)
    for (const group of waiting.concerned(fields, kinds, back === undefined ? 'newest' : 'old')) this.#stir(group)
    for (;;) {
      const taker = waiting.taker(fields, kinds)
      const group = this.#takeStirred(taker?.order)
      if (group !== undefined) {
        if (this.#retry(group, context)?.has(stored)) return
      } else if (taker !== undefined) {
        this.forget(taker)
        return this.give(taker, this.take(stored, space, context), context)
      } else return
    }
  }

  /** Gives a tuple that is no longer in its space. */
  give({ caller, number, space, hold: terms }: Asker, tuple: Placed, context: Context): void {
    if (terms === undefined) return context.reply(caller, number, { value: tuple.fields })
    const { order, position, fields, weight } = tuple
    const hold: Hold = {
      id: this.#state.nextOrder(),
      space,
      holder: caller,
      terms,
      deliveries: (tuple.terms?.deliveries ?? 0) + 1,
      dueMs: context.serviceMs + terms.leaseMs,
      tuple: { order, position, fields, weight, expiresMs: tuple.terms?.expiresMs },
    }
    this.#state.holds.add(hold)
    this.#state.reserve(space, weight)
    this.#state.open(space).holds += 1
    if (hold.dueMs < Number.POSITIVE_INFINITY) context.schedule(hold.dueMs, hold.id, 'service')
    context.reply(caller, number, { value: { id: hold.id, tuple: copyValue(fields), deliveries: hold.deliveries } })
  }

  /** The holder has done its work. */
  drop(hold: Hold): void {
    const { space, tuple } = hold
    this.#state.holds.remove(hold)
    this.#state.open(space).holds -= 1
    this.#state.release(space, tuple.weight)
  }

  /** A tuple that was held comes back, or goes where those go that came back too often. */
  bringBack(hold: Hold, context: Context): void {
    const { space, terms, deliveries } = hold
    const { order, position, fields, weight, expiresMs } = hold.tuple
    this.drop(hold)
    if (expiresMs !== undefined && expiresMs <= context.wallMs) return
    // When there is no room among the dead it is better tried again than lost.
    const isDead = deliveries >= terms.maxDeliveries && (this.#state.get(terms.deadLetter)?.hasRoomFor(weight) ?? true)
    if (isDead) this.appear({ space: terms.deadLetter, fields, weight }, context)
    else this.appear({ space, fields, weight, expiresMs, back: { order, position, deliveries } }, context)
  }

  /** Takes a tuple out of its space. */
  take(stored: Stored, space: string, context: Context): Stored {
    this.#remove(stored, space)
    this.#changed('in', space, stored.fields, context)
    return stored
  }

  /** The lease of a tuple has ended. */
  expire(stored: Stored, space: string, context: Context): void {
    this.#remove(stored, space)
    this.#changed('expired', space, stored.fields, context)
    this.settle(context)
  }

  /** Carries a group out, if it can be; else it is to wait, or to be refused. */
  carryOut(group: Group, asker: Asker, context: Context): Plan {
    const state = this.#state.get(asker.space)
    const plan = planGroup(group, state?.store)
    if (plan.kind === 'ready') this.#carryOut(plan, group, asker, context)
    return plan
  }

  /** Returns what was taken. */
  #carryOut(plan: ReadyPlan, group: Group, { caller, number, space }: Asker, context: Context): ReadonlySet<Stored> | undefined {
    const outs = plan.outs.map((fields) => ({ space, fields, weight: weightOf(fields) }))
    const refused = tooLarge(plan, group) ?? this.#roomFor(outs, plan.taken, space)
    if (refused !== undefined) {
      context.reply(caller, number, refused)
      return undefined
    }
    for (const stored of plan.taken) this.take(stored, space, context)
    context.reply(caller, number, { value: answerOf(plan.matched) })
    this.#arrivals.push(...outs)
    return plan.taken
  }

  #roomFor(outs: readonly { readonly weight: number }[], taken: ReadonlySet<Stored>, space: string): Outcome | undefined {
    let bytes = 0
    for (const { weight } of outs) bytes += weight
    for (const { weight } of taken) bytes -= weight
    return this.#state.get(space)?.refusal({ tuples: outs.length - taken.size, bytes })
  }

  /** A group that waits: it is carried out, or waits on. */
  #retry(waiter: Waiter, context: Context): ReadonlySet<Stored> | undefined {
    const group = waiter.group as Group
    const plan = planGroup(group, this.#state.get(waiter.space)?.store)
    if (plan.kind === 'blocked') {
      this.#block(waiter, plan)
      return undefined
    }
    this.forget(waiter)
    return this.#carryOut(plan, group, waiter, context)
  }

  /** Puts an operation among those who wait. A group says at what it is blocked. */
  wait(waiter: Waiter, plan?: BlockedPlan): void {
    this.#state.addWaiter(waiter)
    if (plan !== undefined) this.#setPicks(waiter, plan.picks)
  }

  /** The waiter has its answer, or nobody to give it to. */
  forget(waiter: Waiter): void {
    this.#setPicks(waiter, [])
    this.#stirred.delete(waiter)
    this.#state.removeWaiter(waiter)
  }

  answer(waiter: Waiter, outcome: Outcome, context: Context): void {
    this.forget(waiter)
    context.reply(waiter.caller, waiter.number, outcome)
  }

  timeOut(waiter: Waiter, context: Context): void {
    const { space } = waiter
    const message = `No tuple that matches appeared in the space ${space} in the time allowed. Wait longer, or see who was to put one.`
    this.answer(waiter, refusal('PERDURE_E_TIMEOUT', message, { space }), context)
  }

  #block(waiter: Waiter, { template, picks }: BlockedPlan): void {
    this.#state.open(waiter.space).waiting.block(waiter, template)
    this.#setPicks(waiter, picks)
  }

  /** Where the elements do not depend on each other, other picks could not help. */
  #setPicks(waiter: Waiter, picks: readonly Stored[]): void {
    const { group } = waiter
    if (group === undefined || !(group.chained || group.ownOuts)) return
    for (const stored of this.#picks.get(waiter) ?? []) {
      const pickers = this.#picked.get(stored)
      pickers?.delete(waiter)
      if (pickers?.size === 0) this.#picked.delete(stored)
    }
    if (picks.length === 0) return void this.#picks.delete(waiter)
    this.#picks.set(waiter, picks)
    for (const stored of picks) {
      const pickers = this.#picked.get(stored) ?? new Set<Waiter>()
      this.#picked.set(stored, pickers.add(waiter))
    }
  }

  #stir(group: Waiter): void {
    if (this.#stirred.has(group)) return
    this.#stirred.add(group)
    this.#oldestStirred.push(group)
  }

  /** The oldest group for which something has changed, if it is older than `order`. */
  #takeStirred(order: number = Number.POSITIVE_INFINITY): Waiter | undefined {
    for (let group = this.#oldestStirred.peek(); group !== undefined; group = this.#oldestStirred.peek()) {
      if (this.#stirred.has(group) && group.order > order) return undefined
      this.#oldestStirred.pop()
      if (this.#stirred.delete(group)) return group
    }
    return undefined
  }

  /** Gives a tuple its place among the others; its lease, if it has one, begins with it. */
  #placed({ fields, weight = weightOf(fields), expiresMs, back }: Arrival, context: Context): Placed {
    const deliveries = back?.deliveries ?? 0
    const terms = expiresMs === undefined && deliveries === 0 ? undefined : { expiresMs, deliveries }
    if (back !== undefined) return { order: back.order, position: back.position, fields, weight, terms }
    const order = this.#state.nextOrder()
    if (expiresMs !== undefined) context.schedule(expiresMs, order)
    return { order, position: context.position, fields, weight, terms }
  }

  #put(placed: Placed, space: string, kinds: ReturnType<typeof kindsOf>): Stored {
    const stored = this.#state.open(space).store.place(placed, kinds)
    if (placed.terms?.expiresMs !== undefined) this.#state.leases.leased.set(placed.order, { space, stored })
    return stored
  }

  #remove(stored: Stored, space: string): void {
    const state = this.#state.open(space)
    state.store.remove(stored)
    if (stored.terms?.expiresMs !== undefined) this.#state.leases.leased.delete(stored.order)
    for (const group of this.#picked.get(stored) ?? []) this.#stir(group)
    this.#state.forgetEmpty(state)
  }
}
