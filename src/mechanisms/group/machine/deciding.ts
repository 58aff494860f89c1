/**
 * The decision of a call, and what becomes true with it: the caller is answered, what the chosen attempt has put out appears, and the
 * state that it has made is that of the group.
 *
 * Boundary: functions over the state. Why a call is decided so is known in `active.ts`, `acting.ts` and `voting.ts`.
 *   E1  A call is decided once; the first decision counts, whoever makes it.
 *   E2  Outs are performed for the chosen attempt only, in the entry that makes its ballot count, once.
 */
import { invariant } from '../../../errors.ts'
import type { Context, Outcome } from '../../../log/machine.ts'
import type { FrontNote, HostNote, RecordedBallot } from './protocol.ts'
import { type Call, type Decided, type Group, isHandedOn } from './state.ts'
import { reportGroup, type World } from './world.ts'

export function decide(world: World, call: Call, kind: Decided['kind'], answer: Outcome, context: Context): void {
  invariant(call.decided === undefined, `call ${call.id} of group ${call.group.id} was decided twice`)
  const { group } = call
  call.decided = { kind, answer }
  group.open -= 1
  group.decided += 1
  const waiter = world.state.leave(call)
  if (waiter !== undefined) context.reply(waiter.caller, waiter.number, answer)
  if (group.queue.length > 0) world.dirty.add(group)
}

/** Decides for no answer: `why` is what the caller is told. */
export function fail(world: World, call: Call, why: Outcome, context: Context): void {
  const { group, method } = call
  const reason = 'error' in why ? why.error.message : ''
  reportGroup(world, group, 'call-failed', { method, call: call.id, reason }, context)
  decide(world, call, 'error', why, context)
}

/** The attempt of this ballot is the one that counts. */
export function commit(world: World, call: Call, ballot: RecordedBallot, context: Context): void {
  const { group } = call
  perform(world, call, ballot, context)
  if (!isHandedOn(group)) return
  const { after } = ballot.extra
  if (after !== undefined) group.base = { afterCall: call.id, state: after }
  tellEnd(call, ballot.member, after === undefined ? null : [after], context)
}

/** Tells all members with a state in common how it ended; those without a state only if they are still at it. */
export function tellEnd(call: Call, chosen: string | null, state: readonly [unknown] | null, context: Context): void {
  const { group } = call
  const note: HostNote = ['group.end', group.id, call.id, chosen, state]
  const isForAll = isHandedOn(group)
  const told = new Set<number>()
  for (const member of group.members) {
    if (member.host === undefined || told.has(member.host)) continue
    if (!isForAll && call.starts.get(member.id)?.state !== 'out') continue
    told.add(member.host)
    context.note(member.host, note)
  }
}

/** A call that another front, or the machine, has taken from this one. */
export function tellOver(group: Group, call: Call, context: Context): void {
  if (call.front === undefined) return
  const note: FrontNote = ['group.over', group.id, call.id]
  context.note(call.front, note)
}

export function perform(world: World, call: Call, ballot: RecordedBallot, context: Context): void {
  const { outs } = ballot.extra
  if (outs === undefined) return
  for (const out of outs) {
    const refused = world.ports.out(out, context)
    if (refused === undefined) continue
    const data = { method: call.method, call: call.id, space: out[0], reason: refused.message }
    reportGroup(world, call.group, 'output-refused', data, context)
  }
}
