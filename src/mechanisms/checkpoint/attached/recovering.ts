/**
 * From a failure to the line, for attached members: all that are believed to work are halted, and say every edge they know; then the line is
 * exact. Whoever does not answer in time has failed too; should it work after all, it learns at its next call that it has to go back.
 *
 * Boundary: changes the group, answers through the context.
 */
import type { Context } from '../../../log/machine.ts'
import { HALT_MS } from '../machine/protocol.ts'
import { type AttachedGroup, goBack, moveOf, orderOf, type Seat, stableOf, type Waiter } from './attached-group.ts'
import type { Grant, Order, Recovered } from './protocol.ts'

/** Hands out tokens for deadlines of the log. */
export type Tokens = (kind: 'halt' | 'wait', group: AttachedGroup, place: number) => number

/** These members have failed, whatever is under way. */
export function fail(group: AttachedGroup, failed: readonly number[], tokens: Tokens, context: Context): void {
  if (group.recovery === null) {
    const token = tokens('halt', group, 0)
    const present = group.seats.flatMap(({ gone }, place) => (gone ? [] : [place]))
    const isLive = (place: number) => group.seats[place]?.live === true
    const pending = new Set(present.filter(isLive))
    // Who has not been heard of since the last line may be working all the same, unheard.
    const lost = present.filter((place) => !isLive(place))
    group.recovery = { failed: new Set(lost), pending, callers: [], attaching: [], token }
    context.schedule(context.serviceMs + HALT_MS, token, 'service')
  }
  for (const place of failed) {
    group.recovery.failed.add(place)
    group.recovery.pending.delete(place)
  }
  wakeAll(group, context)
}

/** Everybody has halted or failed. */
export function finishIfHalted(group: AttachedGroup, context: Context): void {
  if (group.recovery?.pending.size === 0) finish(group, context)
}

/** They have had their time. */
export function timeOut(group: AttachedGroup, context: Context): void {
  const { recovery } = group
  if (recovery === null) return
  for (const place of recovery.pending) recovery.failed.add(place)
  finish(group, context)
}

function finish(group: AttachedGroup, context: Context): void {
  const { recovery } = group
  if (recovery === null) return
  const line = goBack(group, recovery.failed)
  for (const place of recovery.failed) (group.seats[place] as Seat).live = false
  group.recovery = null
  group.floor = group.graph.floor(stableOf(group))
  const members = group.seats.flatMap(({ name, gone }, k) => (gone ? [] : [[name, line[k] ?? ('current' as const)] as const]))
  const recovered: Recovered = { epoch: group.epoch, line: Object.fromEntries(members) }
  for (const { caller, number } of recovery.callers) context.reply(caller, number, { value: recovered })
  for (const { place, waiter } of recovery.attaching) grant(group, place, waiter, context)
  for (const seat of group.seats) {
    if (seat.leaving && seat.target !== null) {
      context.reply(seat.leaving.caller, seat.leaving.number, { value: false })
      seat.leaving = null
    }
  }
  wakeAll(group, context)
}

/** The proxy may begin. */
export function grant(group: AttachedGroup, place: number, { caller, number }: Waiter, context: Context): void {
  const seat = group.seats[place] as Seat
  seat.live = true
  const order = { ...moveOf(group, place, seat.epoch), do: 'rollback', index: seat.target ?? seat.stable } as Grant['order']
  const granted: Grant = { place, incarnation: seat.incarnation, order }
  context.reply(caller, number, { value: granted })
}

/** Whoever waits for an order that there is now is told. */
export function wakeAll(group: AttachedGroup, context: Context): void {
  for (const [place, seat] of group.seats.entries()) {
    const { waiting } = seat
    if (waiting === null) continue
    const order = orderOf(group, place, waiting.epoch)
    if (order !== undefined) answer(seat, order, context)
  }
}

/** Everybody who waits hears how things are. */
export function tellAll(group: AttachedGroup, names: Order['names'], context: Context): void {
  for (const [place, seat] of group.seats.entries())
    if (seat.waiting) answer(seat, { do: 'nothing', epoch: group.epoch, floor: group.floor[place] ?? 0, names }, context)
}

export function answer(seat: Seat, order: Order, context: Context): void {
  const { waiting } = seat
  seat.waiting = null
  if (waiting) context.reply(waiting.waiter.caller, waiting.waiter.number, { value: order })
}
