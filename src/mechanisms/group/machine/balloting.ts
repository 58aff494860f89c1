/**
 * What members say: ballots, choices, that they are ready, their state; and what is noted when they say nothing in time.
 *
 * Boundary: functions over the state; arguments have been read.
 *   K1  Under an old epoch nothing is accepted: the object that speaks is not the member any more (rule 5 of the design).
 *   K2  One ballot of a member counts for each of its attempts, and none after its time.
 */
import { invariant } from '../../../errors.ts'
import type { Context, Operation, Outcome } from '../../../log/machine.ts'
import { decideByActing } from './acting.ts'
import { judgeActive } from './active.ts'
import { finishIfDone } from './finishing.ts'
import type { GroupOperations, RecordedBallot } from './protocol.ts'
import { type Call, type Group, hasActing, type Member, memberOf, type Start } from './state.ts'
import { tellBallot } from './voting.ts'
import { reportMember, type World } from './world.ts'

/** The member, if this session may speak for it under this epoch. */
export function speaker(group: Group | undefined, { caller }: Operation, id: unknown, epoch: unknown): Member | undefined {
  if (group === undefined || caller.kind !== 'session') return undefined
  const member = memberOf(group, id)
  return member?.host === caller.id && member.epoch === epoch ? member : undefined
}

export type CastArguments = GroupOperations['group.ballot']

/** False when it came too late to count. */
export function cast(world: World, call: Call, member: Member, args: CastArguments, context: Context): boolean {
  const [, id, , attempt, kind, answer, ms, extra] = args
  member.owing = Math.max(0, member.owing - 1)
  const start = call.starts.get(id)
  if (start === undefined || start.attempt !== attempt || start.state === 'in' || start.state === 'left') return false
  const inTime = start.state === 'out'
  start.state = 'in'
  const ballot: RecordedBallot = { member: id, epoch: start.epoch, attempt, kind, answer, ms, extra, counted: start.counted }
  if (inTime) call.ballots.push(ballot)
  if (extra.hash !== undefined && call.wantHash) call.hashes.push([id, extra.hash])
  count(world, call, start, ballot, inTime, context)
  return inTime
}

function count(world: World, call: Call, start: Start, ballot: RecordedBallot, inTime: boolean, context: Context): void {
  const { style } = call.group.spec
  if (style === 'active') {
    if (inTime && start.counted) judgeActive(world, call, context)
  } else if (style === 'vote') {
    if (inTime) tellBallot(call, ballot, context)
  } else if (start.counted && !call.committed) decideByActing(world, call, ballot, context)
  finishIfDone(world, call, context)
}

/** Some of those who were started have not answered in time. */
export function timeOutStarts(world: World, call: Call, context: Context): void {
  for (const [id, start] of [...call.starts]) {
    if (start.state === 'out' && start.dueMs <= context.serviceMs) timeOut(world, call, id, start, context)
  }
  finishIfDone(world, call, context)
}

function timeOut(world: World, call: Call, id: string, start: Start, context: Context): void {
  const { group } = call
  const { attempt, counted } = start
  const member = memberOf(group, id)
  invariant(member !== undefined, `call ${call.id} waits for ${id}, which is no member`)
  start.state = 'late'
  if (hasActing(group) && counted && !call.committed) return actsTooLate(world, call, member, context)
  const answer: Outcome = {
    error: {
      name: 'PerdureError',
      code: 'PERDURE_E_TIMEOUT',
      message: `The member ${id} gave no answer within ${group.spec.memberMs} ms.`,
    },
  }
  const ballot: RecordedBallot = {
    member: id,
    epoch: start.epoch,
    attempt,
    kind: 'late',
    answer,
    ms: group.spec.memberMs,
    extra: {},
    counted,
  }
  call.ballots.push(ballot)
  if (group.spec.style === 'vote') tellBallot(call, ballot, context)
  else if (group.spec.style === 'active') judgeActive(world, call, context)
}

/** Nobody else can answer: the next one acts, if there is one. */
function actsTooLate(world: World, call: Call, member: Member, context: Context): void {
  const { group, method, id } = call
  if (world.suspects.some((suspect) => suspect.member === member)) return
  reportMember(world, group, member, 'member-late', { method, call: id, acting: true }, context)
  world.suspects.push({ group, member, reason: `it acts, and gave no answer to ${method} in time`, evidence: 'counted' })
}
