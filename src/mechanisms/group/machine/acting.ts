/**
 * Replication in which one member acts: the primary of passive replication, the leader of semi-active replication.
 *
 * The acting member alone executes a call. Its ballot is the entry that decides and, in the same entry, the one that makes its effect
 * part of the group: the primary's new state (passive), or the choices that the followers repeat (leader; Delta-4). Calls are sent to it
 * without waiting for the one before; it executes them one after the other. When it is lost, what it has not answered has had no effect,
 * and the next one begins it again, a leader with the choices that are in the log.
 *
 * Boundary: functions over the state.
 *   P1  A ballot of the acting member takes effect even when the caller has been told that its time is over: the member has executed
 *       the call, and the next ones build on it.
 */
import type { Context, Operation } from '../../../log/machine.ts'
import { weightOf } from '../../../log/weight.ts'
import { askAlone, recorded } from './base.ts'
import { commit, decide } from './deciding.ts'
import type { RecordedBallot } from './protocol.ts'
import { start, watch } from './starting.ts'
import { type Call, type Group, isHosted, type Member, memberOf } from './state.ts'
import type { World } from './world.ts'

/** Of one call. More choices would be a program, not a call. */
const MAX_CHOICES = 4_096

/** Of arguments and choices together: a note that repeats them fits a frame of 1 MiB. */
const MAX_CALL_WEIGHT: number = 512 * 1024

export function beginActing(world: World, call: Call, context: Context): void {
  const { group } = call
  const acting = memberOf(group, group.acting)
  if (acting === undefined || !isHosted(acting)) return
  start(world, call, acting, { role: group.spec.style === 'leader' ? 'leader' : 'primary', counted: true }, context)
  watch(world, call, context)
  if (group.spec.style === 'leader') askAlone(call, acting, context)
}

/** The next in the order of priority after the one that was lost. */
export function nextActing(group: Group): string | undefined {
  const { members } = group
  const from = members.findIndex(({ id }) => id === group.acting)
  for (let i = 1; i <= members.length; i++) {
    const member = members[(from + i) % members.length]
    if (member?.status === 'active') return member.id
  }
  return undefined
}

/** The acting member has answered. */
export function decideByActing(world: World, call: Call, ballot: RecordedBallot, context: Context): void {
  commit(world, call, ballot, context)
  call.committed = true
  if (call.decided === undefined) decide(world, call, ballot.kind === 'value' ? 'value' : 'exception', ballot.answer, context)
  if (call.group.spec.style === 'leader') startFollowers(world, call, ballot.member, context)
}

function startFollowers(world: World, call: Call, leader: string, context: Context): void {
  const { group } = call
  let started = false
  for (const member of group.members) {
    if (!isHosted(member) || member.id === leader) continue
    start(world, call, member, { role: 'follower', counted: member.status === 'active' }, context)
    started = true
  }
  if (started) watch(world, call, context)
  recorded(world, call, context)
}

/** A choice of the leader, before it goes on. The first one of a number counts, for whoever leads later. */
export function choose(call: Call, member: Member, { args }: Operation): readonly [value: unknown] | string {
  const [, , , n, value] = args as [number, string, number, number, unknown]
  const started = call.starts.get(member.id)
  if (call.group.spec.style !== 'leader' || started?.counted !== true || call.committed)
    return 'only a leader chooses, before its ballot'
  if (n < call.choices.length) return [call.choices[n]]
  if (n > call.choices.length || n >= MAX_CHOICES) return `choices of a call are numbered 0, 1, 2, … and at most ${MAX_CHOICES}`
  const weight = weightOf(value)
  if (call.weight + weight > MAX_CALL_WEIGHT)
    return `the choices of a call weigh at most ${MAX_CALL_WEIGHT} bytes, with its arguments`
  call.choices.push(value)
  call.weight += weight
  return [value]
}
