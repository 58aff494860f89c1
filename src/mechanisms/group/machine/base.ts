/**
 * From what a lost member is built again: a *base*, which is a state that a majority agreed on, and the calls after it.
 *
 * Every `hashEvery` calls members send the digest of their state; those who differ from the majority are suspended. Now and then a member
 * is asked for the state itself (R6): it becomes the base once its digest is the one that was agreed on, and the calls before it are
 * forgotten. Groups that hand their state on have it in every ballot, and need none of this.
 *
 * Boundary: functions over the state.
 *   B1  A base is the state after a call of the history, and every later call is in the history.
 *   B2  Only active members count in an agreement; one that is alone agrees with itself.
 *   B3  Where no majority agrees, nobody is believed: the group refuses calls until somebody promotes a member.
 */
import type { Context } from '../../../log/machine.ts'
import { stateDigest } from './digest.ts'
import { drop } from './members.ts'
import type { HostNote } from './protocol.ts'
import { forgetUpTo, remember } from './starting.ts'
import { type Call, type Group, isPresent, type Member, memberOf } from './state.ts'
import { reportGroup, reportMember, type World } from './world.ts'

/** Calls between two bases: what a member that joins repeats at most, while a state costs as much as some hundred calls. */
export const BASE_EVERY = 256

/** Or so much weight of calls. */
export const BASE_WEIGHT: number = 1024 * 1024

/** Members execute this call now; one of them may be asked for its state behind it. */
export function recorded(world: World, call: Call, context: Context): void {
  const { group } = call
  if (!remember(call)) overflow(world, group, context)
  group.sinceBase += 1
  const donor = isDue(call) ? donorOf(call) : undefined
  if (donor === undefined) return
  group.sinceBase = 0
  askForState(group, donor, call.id, 'agreed', context)
}

/** A leader without followers is asked as soon as it has been told to execute: later it may have been told to execute more. */
export function askAlone(call: Call, leader: Member & { host: number }, context: Context): void {
  const { group } = call
  if (!isDue(call) || group.members.some((other) => other !== leader && other.host !== undefined)) return
  group.sinceBase = 0
  askForState(group, leader, call.id, 'agreed', context)
}

function isDue({ group, wantHash }: Call): boolean {
  return wantHash && group.donation === undefined && (group.sinceBase >= BASE_EVERY || group.historyWeight >= BASE_WEIGHT)
}

/** One after the other is asked. */
function donorOf({ group, starts, id }: Call): (Member & { host: number }) | undefined {
  const able = group.members.filter(
    (member): member is Member & { host: number } => member.status === 'active' && starts.get(member.id)?.state === 'out',
  )
  return able[id % Math.max(1, able.length)]
}

export function askForState(
  group: Group,
  member: Member & { host: number },
  afterCall: number,
  terms: 'agreed' | 'trusted',
  context: Context,
): void {
  const { epoch, id, host } = member
  group.donation = { member: id, epoch, afterCall, trusted: terms === 'trusted', state: undefined, agreed: undefined }
  const note: HostNote = ['group.donate', group.id, id, epoch, afterCall]
  context.note(host, note)
}

/** The calls are more than can be kept, and there is no base: whoever is lost from here on cannot come back. */
function overflow(world: World, group: Group, context: Context): void {
  group.history.clear()
  group.historyWeight = 0
  if (!group.replayable) return
  group.replayable = false
  group.base = null
  const reason = 'the calls since its beginning are too many to be repeated, and its members give no state that they agree on'
  reportGroup(world, group, 'stranded', { reason }, context)
}

/** All members have answered a call for which digests were wanted. */
export function compareStates(world: World, call: Call, context: Context): void {
  const { group } = call
  const counted = call.hashes.filter(([id]) => {
    const start = call.starts.get(id)
    return start?.counted === true && isPresent(group, id, start)
  })
  const agreed = majorityOf(counted.map(([, hash]) => hash))
  if (agreed === null) {
    return diverge(
      world,
      group,
      `after call ${call.id} there are ${new Set(counted.map(([, hash]) => hash)).size} states`,
      context,
    )
  }
  if (agreed !== undefined) for (const [id, hash] of call.hashes) if (hash !== agreed) accuse(world, call, id, context)
  const { donation } = group
  if (donation === undefined || donation.afterCall !== call.id || donation.trusted) return
  donation.agreed = agreed ?? null
  installIfAgreed(world, group)
}

function accuse(world: World, call: Call, id: string, context: Context): void {
  const { group } = call
  const member = memberOf(group, id)
  const start = call.starts.get(id)
  if (member === undefined || start === undefined || !isPresent(group, id, start)) return
  reportMember(world, group, member, 'diverged', { method: call.method, call: call.id }, context)
  world.suspects.push({ group, member, reason: 'its state differs from that of the majority', evidence: 'certain' })
}

/** Undefined of none; null where no more than half are equal. */
function majorityOf(hashes: readonly string[]): string | null | undefined {
  if (hashes.length === 0) return undefined
  const counts = new Map<string, number>()
  for (const hash of hashes) counts.set(hash, (counts.get(hash) ?? 0) + 1)
  for (const [hash, count] of counts) if (2 * count > hashes.length) return hash
  return null
}

/** B3. */
export function diverge(world: World, group: Group, how: string, context: Context): void {
  if (group.diverged !== undefined) return
  group.diverged = how
  reportGroup(world, group, 'diverged', { how }, context)
  world.dirty.add(group)
}

/** A donor has answered. */
export function takeState(world: World, group: Group, state: readonly [unknown] | undefined, context: Context): void {
  const { donation } = group
  if (donation === undefined) return
  if (donation.trusted) return believe(world, group, state, context)
  if (state === undefined) group.donation = undefined
  else {
    donation.state = state
    installIfAgreed(world, group)
  }
}

function installIfAgreed(world: World, group: Group): void {
  const { donation } = group
  if (donation?.agreed === undefined || donation.state === undefined) return
  group.donation = undefined
  const [state] = donation.state
  // Refused: it was taken at another moment, or its object answers otherwise than it is. The next one is asked next time.
  if (donation.agreed === null || stateDigest(state) !== donation.agreed || !group.history.has(donation.afterCall)) return
  install(world, group, donation.afterCall, state)
}

function install(world: World, group: Group, afterCall: number, state: unknown): void {
  group.base = { afterCall, state }
  forgetUpTo(group, afterCall)
  if (group.replayable) return
  group.replayable = true
  for (const member of group.members) if (member.status === 'stranded') member.status = 'absent'
  world.dirty.add(group)
}

/** The promoted member's state is the right one, and the others are built again from it; without it, it goes on alone. */
function believe(world: World, group: Group, state: readonly [unknown] | undefined, context: Context): void {
  const { donation } = group
  if (donation === undefined) return
  group.donation = undefined
  group.diverged = undefined
  group.history.clear()
  group.historyWeight = 0
  group.replayable = state !== undefined
  group.base = state === undefined ? null : { afterCall: donation.afterCall, state: state[0] }
  for (const member of group.members) {
    if (member.id === donation.member || member.status === 'suspended') continue
    drop(world, group, member, 'absent', context)
  }
  if (state !== undefined) return
  const reason = `${donation.member} gives no state from which others could be built`
  reportGroup(world, group, 'stranded', { reason }, context)
}
