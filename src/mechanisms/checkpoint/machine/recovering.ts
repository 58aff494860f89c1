/**
 * Recovery, from the failure to the line (`protocol.ts`, 1 to 3).
 *
 * Boundary: functions over the state.
 *   R1  Who has no proxy is at its line already: in every further recovery it has failed, and stays where it is.
 *   R2  The line is computed when every proxy has said how far its member is, or was given up: then all deliveries are known. Those of
 *       failed members are asked too, since one that does not answer could not go back either.
 *   R3  A recovery during a recovery is the same one with more failed members. Nobody conducts it, so nobody's loss ends it.
 */
import type { Context } from '../../../log/machine.ts'
import type { Cut } from '../protocol.ts'
import { abortCoordinated } from './coordinated.ts'
import { grantOf, tellAgain } from './grants.ts'
import { admit } from './joining.ts'
import { pump, tell } from './messages.ts'
import { HALT_MS, type Mail, type WireLine } from './protocol.ts'
import { restartSnapshots } from './recording.ts'
import { noProxy, rolledBack } from './refusals.ts'
import { giveBack, withdrawFrom } from './requests.ts'
import { collect, discard } from './saving.ts'
import { type Group, isNew, type Member, recount } from './state.ts'
import { tokenOf } from './timers.ts'
import { answer, wantsOf } from './waiting.ts'
import { CHECKPOINT_TOPIC, memberChanged, reportGroup, reportMember, type World } from './world.ts'

/** Objects that fail at the same message again and again will the next time too: it is the message, or the program. */
export const MAX_FAILS = 5

/** These members have failed: a recovery begins, or the one that is under way has more to recover. */
export function begin(world: World, group: Group, failed: Iterable<Member>, context: Context): void {
  if (group.recovery === null) {
    group.recovery = { failed: new Set(), haltByMs: context.serviceMs + HALT_MS }
    for (const member of failed) group.recovery.failed.add(member.place)
    abortCoordinated(world, group, context)
    let asked = false
    for (const member of group.byName.values()) {
      if (member.session === null || member.halt === 'halted') continue
      member.halt = 'asked'
      asked = true
      tell(member, context, ['checkpoint.halt', group.id, member.place])
    }
    if (asked) context.schedule(group.recovery.haltByMs, tokenOf(group, 'halt'), 'service')
  } else for (const member of failed) group.recovery.failed.add(member.place)
  completeIfHalted(world, group, context)
}

/** R2. */
export function completeIfHalted(world: World, group: Group, context: Context): void {
  const { recovery } = group
  if (recovery === null) return
  for (const { session, halt } of group.byName.values()) if (session !== null && halt === 'asked') return
  complete(world, group, context)
}

/** Whoever has not halted in time has failed too, and is not heard of again. */
export function haltIsDue(world: World, group: Group, context: Context): void {
  const { recovery } = group
  if (recovery === null || context.serviceMs < recovery.haltByMs) return
  for (const member of group.byName.values()) {
    if (member.session === null || member.halt !== 'asked') continue
    reportMember(world, member, 'suspected', { haltMs: HALT_MS }, context)
    dismiss(world, member, 'late', `it did not halt within ${HALT_MS} ms`, context)
    recovery.failed.add(member.place)
  }
  completeIfHalted(world, group, context)
}

/** The proxy goes. */
function dismiss(world: World, member: Member, why: 'late' | 'wedged', reason: string, context: Context): void {
  tell(member, context, ['checkpoint.over', member.group.id, member.place, why, reason])
  lose(world, member, context)
}

/** What belongs to a proxy goes with it. */
function lose(world: World, member: Member, context: Context): void {
  world.state.attach(member, null)
  member.halt = 'no'
  member.behind = []
  answer(world, member.group, context, wantsOf('ask', member.place), noProxy(member))
}

/** The session of these proxies has ended. */
export function lost(world: World, members: Iterable<Member>, context: Context): void {
  const groups = new Map<Group, Member[]>()
  // The same order on every replica, whatever the history of its sets.
  for (const member of [...members].sort((a, b) => a.group.id - b.group.id || a.place - b.place)) {
    lose(world, member, context)
    reportMember(world, member, 'crashed', {}, context)
    memberChanged(member, 'lost', context)
    const others = groups.get(member.group)
    if (others === undefined) groups.set(member.group, [member])
    else others.push(member)
  }
  for (const [group, failed] of groups) begin(world, group, failed, context)
}

/** The object of a member was thrown away; its proxy lives. */
export function failed(world: World, member: Member, message: number | null, reason: string, context: Context): void {
  const { fails, group } = member
  const count = fails !== null && fails.message === message ? fails.count + 1 : 1
  member.fails = { message, count }
  member.halt = 'halted'
  reportMember(world, member, 'member-failed', { reason, message, count }, context)
  if (count >= MAX_FAILS) {
    const where = message === null ? '' : ` at message ${message}`
    member.wedged = `it failed ${count} times${where}, the last time: ${reason}`
    reportMember(world, member, 'wedged', { reason: member.wedged }, context)
    dismiss(world, member, 'wedged', member.wedged, context)
    memberChanged(member, 'wedged', context)
  }
  begin(world, group, [member], context)
}

/** The line by the places of members: what they go back to. */
export function lineFor(group: Group, failedPlaces: ReadonlySet<number>): Cut {
  const slots: number[] = []
  for (const { session, place, slot } of group.byName.values()) if (session === null || failedPlaces.has(place)) slots.push(slot)
  return group.graph.line(slots)
}

/** As people and programs are told. */
export function namedLine(group: Group, cut: Cut): Record<string, number | 'current'> {
  const named: Record<string, number | 'current'> = {}
  for (const { name, slot } of group.byName.values()) named[name] = cut[slot]!
  return named
}

function complete(world: World, group: Group, context: Context): void {
  const recovery = group.recovery!
  const cut = lineFor(group, recovery.failed)
  const members = [...group.byName.values()]
  const line: WireLine = group.places.map((member) => wireEntry(member, cut))
  group.graph.goBack(cut)
  group.recovery = null
  group.epoch += 1
  for (const member of members) member.mailbox.filter((mail) => !isGhost(line, mail))
  for (const member of members) undo(world, member, cut[member.slot]!, context)
  recount(group)
  for (const member of members) resume(world, member, cut[member.slot]!, line, context)
  const named = namedLine(group, cut)
  reportGroup(world, group, 'rolled-back', { epoch: group.epoch, line: named }, context)
  context.changed(CHECKPOINT_TOPIC, 'line', { group: group.name, epoch: group.epoch, line: named })
  answer(world, group, context, ({ kind }) => kind === 'recover', { value: named })
  for (const { caller, number, want } of world.state.takeWaiters(group, ({ kind }) => kind === 'line'))
    if (want.kind === 'line') context.reply(caller, number, { value: namedLine(group, lineFor(group, new Set(want.failed))) })
  collect(world, group, context)
  for (const waiter of world.state.takeWaiters(group, ({ kind }) => kind === 'join')) {
    if (waiter.want.kind !== 'join') continue
    const outcome = admit(world, group, waiter.want.member, waiter, context)
    if (outcome !== undefined) context.reply(waiter.caller, waiter.number, outcome)
  }
  restartSnapshots(group, context)
  // Last of all: tuples that come back may go to members that have just gone on.
  for (const member of members) {
    const to = cut[member.slot]!
    if (to !== 'current') giveBack(member, to, context)
  }
}

function wireEntry(member: Member | undefined, cut: Cut): number | null {
  const to = member === undefined ? 'current' : cut[member.slot]!
  return to === 'current' ? null : to
}

/** Sent in an interval that is undone now. */
function isGhost(line: WireLine, [, from, , index]: Mail): boolean {
  const to = from < 0 ? null : line[from]
  return to !== null && to !== undefined && index >= to
}

/** The member is as it was at checkpoint `to`. */
function undo(world: World, member: Member, to: number | 'current', context: Context): void {
  member.halt = 'no'
  member.checked = null
  if (to === 'current' || isNew(member)) return
  const { checkpoints, mailbox, events } = member
  const gone = checkpoints.splice(to - checkpoints[0]!.index + 1)
  discardLater(member, gone, context)
  const last = checkpoints.at(-1)!
  last.workMs = null
  member.delivered = last.delivered
  mailbox.rewind(last.delivered)
  events.rollback(to, last.event)
  member.outputs = member.outputs.filter(({ interval }) => interval < to)
  withdrawFrom(member, to, context)
  member.behind = []
  member.asked = null
  if (!member.leaving) return
  member.leaving = false
  answer(world, member.group, context, wantsOf('leave', member.place), rolledBack(member))
}

/** The proxy hears first that it goes back. */
function discardLater(member: Member, gone: Member['checkpoints'], context: Context): void {
  const { session } = member
  member.session = null
  discard(member, gone, context)
  member.session = session
}

function resume(world: World, member: Member, to: number | 'current', line: WireLine, context: Context): void {
  const { group, place } = member
  if (member.session === null) return
  if (to === 'current') {
    tell(member, context, ['checkpoint.resume', group.id, place, group.epoch, line])
    pump(member, context)
    return
  }
  tell(member, context, ['checkpoint.rollback', group.id, place, grantOf(member, context)])
  tellAgain(world, member, context)
}
