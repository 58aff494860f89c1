/**
 * Members come and go: they are placed on hosts, get ready, are suspended, lost with their host, removed.
 *
 * Being born, coming back after a crash and coming back after a suspension are the same path: a host is told to build the member from what
 * the log has, and the member counts from the entry on in which the host says that it is ready.
 *
 * Boundary: functions over the state. What follows for calls and the view is done by `settle.ts`.
 *   M1  Whenever a member loses its object, its epoch moves: nothing that the object says afterwards counts.
 *   M2  Two members of a group are on one host only while no other host offers the class.
 */
import type { Context, Failure } from '../../../log/machine.ts'
import { type Blame, blamed, canSpare, suspended } from '../membership.ts'
import type { HostNote, MemberStatus } from './protocol.ts'
import { tellPlace, wantedIn } from './starting.ts'
import { type Group, type Host, isHosted, type Member, repeats } from './state.ts'
import { reportGroup, reportMember, type Suspect, type World } from './world.ts'

/** Gives every absent member a host, where there is one. */
export function placeAbsent(world: World, group: Group, context: Context): void {
  if (group.diverged !== undefined) return
  for (const member of group.members) {
    if (member.status !== 'absent') continue
    if (repeats(group) && !group.replayable) {
      member.status = 'stranded'
      reportMember(world, group, member, 'stranded', {}, context)
      continue
    }
    const host = hostFor(world, group, member)
    if (host !== undefined) place(world, group, member, host, context)
  }
}

/** M2; then the least loaded one; then the one that has been there for longest. */
function hostFor({ state }: World, group: Group, member: Member): Host | undefined {
  let best: Host | undefined
  for (const host of state.hosts.values()) {
    if (!offers(host, member)) continue
    if (best === undefined || isBetter(group, host, best)) best = host
  }
  return best
}

function offers({ labels, node }: Host, member: Member): boolean {
  return labels.has(member.label) && (member.node === null || member.node === node)
}

function isBetter(group: Group, host: Host, best: Host): boolean {
  const more = countOn(group, host) - countOn(group, best) || host.members - best.members || host.session - best.session
  return more < 0
}

function countOn(group: Group, host: Host): number {
  return group.members.filter((member) => member.host === host.session).length
}

function place(world: World, group: Group, member: Member, host: Host, context: Context): void {
  member.host = host.session
  member.epoch += 1
  member.status = 'recovering'
  member.owing = 0
  host.members += 1
  if (isHosted(member)) tellPlace(world, group, member, context)
}

/**
 * A host has room: of members that share another host, one gives its place up, and gets one there (M2). Not in the middle of a vote, for
 * which it would be lost: replicas answer for each other, variants do not.
 */
export function spread(world: World, group: Group, host: Host, context: Context): void {
  if (group.spec.style === 'vote' && group.running.size > 0) return
  if (group.diverged !== undefined || countOn(group, host) > 0 || (repeats(group) && !group.replayable)) return
  const crowded = group.members.filter((member) => {
    const its = member.host === undefined ? undefined : world.state.hosts.get(member.host)
    return its !== undefined && member.id !== group.acting && offers(host, member) && countOn(group, its) > 1
  })
  const moving = crowded.at(-1)
  if (moving !== undefined) drop(world, group, moving, 'absent', context)
}

/** The host says that the member has been built, or why not. */
export function becameReady(world: World, group: Group, member: Member, failure: Failure | null, context: Context): void {
  if (member.status !== 'recovering') return
  if (failure !== null) {
    reportMember(world, group, member, 'member-failed', { reason: failure.message, building: true }, context)
    world.suspects.push({ group, member, reason: `it could not be built: ${failure.message}`, evidence: 'certain' })
    return
  }
  member.status = member.probation && member.record.shadowLeft > 0 ? 'shadow' : 'active'
  member.probation = false
  world.dirty.add(group)
}

/** Its object is gone. `late` starts stay late; what it has not answered it will not answer. */
export function lose(world: World, group: Group, member: Member, status: MemberStatus): void {
  const host = member.host === undefined ? undefined : world.state.hosts.get(member.host)
  if (host !== undefined) host.members -= 1
  member.host = undefined
  member.status = status
  member.epoch += 1
  member.owing = 0
  for (const call of group.running.values()) {
    const start = call.starts.get(member.id)
    if (start?.state === 'out') start.state = 'left'
  }
  if (group.donation?.member === member.id) group.donation = undefined
  world.bereft.add(group)
  world.dirty.add(group)
}

/** Its host is to forget it. */
export function drop(world: World, group: Group, member: Member, status: MemberStatus, context: Context): void {
  const { host, epoch, id } = member
  if (host !== undefined) {
    const note: HostNote = ['group.drop', group.id, id, epoch]
    context.note(host, note)
  }
  lose(world, group, member, status)
}

/** Something went wrong with it; so often, perhaps, that it is suspected now. A shadow has but one chance. */
export function blame(world: World, group: Group, member: Member, what: Blame, reason: string): void {
  const isSuspected = blamed(member.record, what, group.spec.suspicion)
  if (member.status === 'shadow') world.suspects.push({ group, member, reason: `as a shadow: ${reason}`, evidence: 'certain' })
  else if (isSuspected && member.status === 'active') world.suspects.push({ group, member, reason, evidence: 'counted' })
}

export function suspend(world: World, { group, member, reason, evidence }: Suspect, context: Context): void {
  if (!isHosted(member)) return
  const { spec } = group
  const active = group.members.filter(({ status }) => status === 'active').length
  if (evidence === 'counted' && member.status === 'active' && !canSpare(active, spec.minimum)) {
    const data = { member: member.id, reason, active, minimum: spec.minimum }
    return reportGroup(world, group, 'exhausted', data, context)
  }
  const awayMs = suspended(member.record, spec.suspicion)
  member.probation = true
  drop(world, group, member, 'suspended', context)
  reportMember(world, group, member, 'suspended', { reason, awayMs }, context)
  const due = { kind: 'member', id: group.id, member: member.id, epoch: member.epoch } as const
  world.state.timers.add(context, 'service', awayMs, due, wantedIn(world))
}

/** It is tried again: as a shadow first, if it was suspected. */
export function readmit(world: World, group: Group, member: Member): void {
  if (member.status !== 'suspended') return
  member.status = 'absent'
  world.dirty.add(group)
}

/** Members that may become active without anybody's doing. */
export function mayCome({ status }: Member): boolean {
  return status === 'absent' || status === 'recovering'
}
