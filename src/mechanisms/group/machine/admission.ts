/**
 * Groups are founded and closed, fronts and hosts come and go, and what people do with members.
 *
 * Boundary: functions over the state; arguments have been read.
 */
import { equal } from '../../../log/codec/codec.ts'
import type { Context, Outcome } from '../../../log/machine.ts'
import { canSpare, newRecord } from '../membership.ts'
import { MAX_MEMBERS } from '../strategy-options.ts'
import { askForState } from './base.ts'
import { decide, tellOver } from './deciding.ts'
import { drop, lose, spread } from './members.ts'
import type { Founded, GroupSpec, GroupView, MemberSpec } from './protocol.ts'
import { closed, exhausted, groupTaken, MAX_GROUPS, malformed, nodeTaken, noMember, tooManyGroups } from './refusals.ts'
import { type Group, type Host, hasActing, isHosted, type Member, memberOf, newGroup, newMember } from './state.ts'
import { turn } from './voting.ts'
import type { World } from './world.ts'

/** Makes the group, or finds the one there is; the session is one of its fronts from here on. */
export function found(
  world: World,
  [name, key, spec]: readonly [string, string, GroupSpec],
  session: number | undefined,
  context: Context,
): Outcome {
  const { state } = world
  let group = state.find(name, key)
  if (group !== undefined && !equal(group.spec, spec)) return groupTaken(group)
  if (group === undefined) {
    if (state.groups.size >= MAX_GROUPS) return tooManyGroups()
    const members = spec.members.map((member) => newMember(member, newRecord()))
    group = newGroup({ id: state.nextGroup, name, key, spec }, members)
    state.nextGroup += 1
    state.add(group)
    world.dirty.add(group)
  }
  if (session !== undefined) joinFronts(group, session, context)
  return { value: { group: group.id, view: viewOf(group) } satisfies Founded }
}

/** A front that returns has forgotten what it was told. */
function joinFronts(group: Group, session: number, context: Context): void {
  group.fronts.add(session)
  if (group.spec.style !== 'vote') return
  for (const call of group.running.values()) {
    if (call.decided === undefined && (call.front === undefined || call.front === session)) turn(call, context)
  }
}

/** What a front conducted somebody else conducts, or waits for the next one. */
export function leaveFronts(world: World, session: number, context: Context): void {
  for (const group of world.state.groups.values()) {
    if (!group.fronts.delete(session) || group.spec.style !== 'vote') continue
    for (const call of group.running.values()) if (call.front === session) turn(call, context)
  }
}

export function enlist(
  world: World,
  [node, boot, labels]: readonly [string, string, readonly string[]],
  session: number,
  context: Context,
): Outcome {
  const { hosts, groups } = world.state
  for (const other of hosts.values()) if (other.node === node && other.session !== session) return nodeTaken(node)
  const known = hosts.get(session)
  if (known !== undefined && known.node !== node)
    return malformed('group.enlist', `this session is the host ${known.node} already`)
  const host: Host = known ?? { session, node, boot, labels: new Set(), members: 0 }
  host.labels = new Set(labels)
  hosts.set(session, host)
  for (const group of groups.values()) {
    if (group.members.some(({ status }) => status === 'absent')) world.dirty.add(group)
    else spread(world, group, host, context)
  }
  return { value: true }
}

/** All members of a host that is gone, at once: calls are looked at only when all of them are known to be. */
export function loseHost(world: World, session: number): void {
  if (!world.state.hosts.has(session)) return
  for (const group of world.state.groups.values()) {
    for (const member of group.members) if (member.host === session) lose(world, group, member, 'absent')
  }
  world.state.hosts.delete(session)
}

export function viewOf({ view }: Group): GroupView {
  return { id: view.id, members: view.members, position: view.position }
}

/** By hand: it stays away until somebody promotes it. */
export function suspendByHand(world: World, group: Group, id: string, context: Context): Outcome | undefined {
  const member = memberOf(group, id)
  if (member === undefined) return noMember(group, id)
  if (member.status === 'suspended') return undefined
  if (member.status === 'active' && !canSpare(group.view.members.length, group.spec.minimum)) return exhausted(group)
  drop(world, group, member, 'suspended', context)
  return undefined
}

export function addMember(world: World, group: Group, spec: MemberSpec): Outcome | undefined {
  const { members } = group
  if (memberOf(group, spec.id) !== undefined) return malformed('group.add', `the group has a member ${spec.id} already`)
  if (members.length >= MAX_MEMBERS) return malformed('group.add', `a group has at most ${MAX_MEMBERS} members`)
  members.push(newMember(spec, newRecord()))
  world.dirty.add(group)
  return undefined
}

export function removeMember(world: World, group: Group, id: string, context: Context): Outcome | undefined {
  const member = memberOf(group, id)
  if (member === undefined) return noMember(group, id)
  if (member.status === 'active' && !canSpare(group.view.members.length, group.spec.minimum)) return exhausted(group)
  drop(world, group, member, 'absent', context)
  group.members.splice(group.members.indexOf(member), 1)
  return undefined
}

export function promote(world: World, group: Group, id: string, context: Context): Outcome | undefined {
  const member = memberOf(group, id)
  if (member === undefined) return noMember(group, id)
  if (group.diverged !== undefined) return promoteState(group, member, context)
  if (member.status === 'suspended') member.status = 'absent'
  else if (hasActing(group) && group.acting !== id && member.status === 'active') act(world, group, member, context)
  else if (member.status === 'shadow') member.status = 'active'
  world.dirty.add(group)
  return undefined
}

/** The one that acted until now begins anew: what it has under way must not take effect any more. */
function act(world: World, group: Group, member: Member, context: Context): void {
  const before = memberOf(group, group.acting)
  group.acting = member.id
  if (before !== undefined) drop(world, group, before, 'absent', context)
}

/** Its state is asked for; the group goes on when it is there. */
function promoteState(group: Group, member: Member, context: Context): Outcome | undefined {
  if (!isHosted(member) || member.status !== 'active')
    return malformed('group.promote', `${member.id} is not active, so nobody knows its state`)
  const last = [...group.history.keys()].at(-1) ?? group.base?.afterCall ?? 0
  askForState(group, member, last, 'trusted', context)
  return undefined
}

export function close(world: World, group: Group, context: Context): void {
  for (const member of group.members) drop(world, group, member, 'absent', context)
  for (const call of [...group.running.values(), ...group.queue]) {
    tellOver(group, call, context)
    if (call.decided === undefined) decide(world, call, 'error', closed(group), context)
    world.state.calls.delete(call.id)
  }
  world.state.remove(group)
  world.dirty.delete(group)
  world.bereft.delete(group)
}

/** A new generation: no host is there any more, and no group had time to notice one after the other. */
export function loseAllHosts(world: World): void {
  for (const session of [...world.state.hosts.keys()]) loseHost(world, session)
}
