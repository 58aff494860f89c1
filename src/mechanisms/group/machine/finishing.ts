/**
 * The end of a call, once it is decided and everybody who was started has answered, run out of time, or gone: who was wrong, who has
 * earned trust, whether all are still in the same state.
 *
 * Boundary: functions over the state.
 *   F1  A member is blamed for a call once for each kind of fault.
 *   F2  Where the ballots of replicas have no majority, nobody is blamed: they have diverged.
 */
import { equal } from '../../../log/codec/codec.ts'
import type { Context } from '../../../log/machine.ts'
import { shadowed, tookPart } from '../membership.ts'
import { classesOf, isVote, largest } from './active.ts'
import { compareStates, diverge } from './base.ts'
import { blame, spread } from './members.ts'
import type { RecordedBallot } from './protocol.ts'
import { isOutstanding } from './starting.ts'
import { type Call, hasActing, isPresent, type Member, memberOf } from './state.ts'
import { reportMember, type World } from './world.ts'

export function finishIfDone(world: World, call: Call, context: Context): void {
  if (call.decided === undefined || isOutstanding(call) || mayStillHappen(call)) return
  const { group } = call
  const { style } = group.spec
  group.running.delete(call.id)
  world.state.calls.delete(call.id)
  if (style === 'active') compareReplicas(world, call, context)
  if (style === 'leader' && call.committed) compareFollowers(world, call, context)
  for (const [id, start] of call.starts) {
    const member = memberOf(group, id)
    if (member === undefined || !isPresent(group, id, start)) continue
    tookPart(member.record)
    if (start.state === 'late' || hasLate(call, id)) blameLate(world, call, member, context)
    else if (start.state === 'in') earnTrust(world, call, member)
  }
  if (call.hashes.length > 0) compareStates(world, call, context)
  call.ballots = []
  call.hashes = []
  call.starts.clear()
  call.blamed.clear()
  // What could not move while it voted does now.
  if (style === 'vote' && group.running.size === 0)
    for (const host of world.state.hosts.values()) spread(world, group, host, context)
}

/** An acting member that answers after its time still makes the call happen. */
function mayStillHappen(call: Call): boolean {
  if (!hasActing(call.group) || call.committed) return false
  for (const { counted, state } of call.starts.values()) if (counted && state === 'late') return true
  return false
}

function hasLate({ ballots }: Call, id: string): boolean {
  for (const { kind, member } of ballots) if (kind === 'late' && member === id) return true
  return false
}

function blameLate(world: World, call: Call, member: Member, context: Context): void {
  // It may still be repeating what it has missed.
  if (member.status === 'recovering' || call.blamed.has(`${member.id} late`)) return
  call.blamed.add(`${member.id} late`)
  reportMember(world, call.group, member, 'member-late', { method: call.method, call: call.id }, context)
  blame(world, call.group, member, 'late', 'it gave no answer in time in its last calls')
}

function earnTrust(world: World, call: Call, member: Member): void {
  if (member.status !== 'shadow' || call.blamed.has(`${member.id} wrong`)) return
  if (!shadowed(member.record)) return
  member.status = 'active'
  world.dirty.add(call.group)
}

function compareReplicas(world: World, call: Call, context: Context): void {
  const votes = call.ballots.filter(isVote)
  const classes = classesOf(votes)
  const best = largest(classes)
  const right = best?.[0]
  if (best === undefined || right === undefined) return
  if (classes.length > 1 && 2 * best.length <= votes.length) {
    return diverge(world, call.group, `${classes.length} answers to ${call.method}, call ${call.id}`, context)
  }
  if (classes.length === 1 && call.ballots.length === votes.length) return
  for (const ballot of call.ballots)
    if (ballot.kind !== 'late' && !equal(ballot.answer, right.answer)) blameVote(world, call, ballot, context)
}

/** The leader is right by definition: its choices are the ones that were repeated. */
function compareFollowers(world: World, call: Call, context: Context): void {
  const leader = call.ballots.find(({ counted, kind }) => counted && kind !== 'late')
  if (leader === undefined) return
  for (const ballot of call.ballots) {
    if (ballot.kind !== 'late' && !equal(ballot.answer, leader.answer)) blameVote(world, call, ballot, context)
  }
}

function blameVote(world: World, call: Call, { member: id, epoch, kind }: RecordedBallot, context: Context): void {
  const { group, starts, blamed, method } = call
  const member = memberOf(group, id)
  const start = starts.get(id)
  if (member === undefined || start?.epoch !== epoch || !isPresent(group, id, start)) return
  blamed.add(`${id} wrong`)
  reportMember(world, group, member, kind === 'error' ? 'member-failed' : 'minority-vote', { method, call: call.id }, context)
  blame(world, group, member, 'wrong', 'it answered otherwise than the others in its last calls')
}
