/**
 * Calls that a front decides: the process that holds the strategy's procedure, because functions of the user take part in it.
 *
 * The machine starts whom the front names, collects what they say, passes it on, and takes the front's decision. All of it is in the log, so
 * when a front is lost another one conducts the call from the beginning with the same ballots; what was started is not started again.
 *
 * Boundary: functions over the state, and the notes to fronts.
 *   V1  A call has one front at a time; what another one says about it is refused.
 *   V2  A front hears every ballot of its call once, in the order in which they count.
 */
import type { Context, Outcome } from '../../../log/machine.ts'
import { weightOf } from '../../../log/weight.ts'
import { recorded } from './base.ts'
import { commit, decide, tellEnd } from './deciding.ts'
import { blame } from './members.ts'
import type { DecisionNotes, FrontNote, RecordedBallot } from './protocol.ts'
import { start, watch } from './starting.ts'
import { type Call, type Decided, type Group, isHandedOn, isHosted, isPresent, memberOf, repeats } from './state.ts'
import { reportMember, type World } from './world.ts'

/** Of the ballots in one note: with the arguments it fits a frame of 1 MiB. */
const TURN_WEIGHT: number = 512 * 1024

/** Gives the call to a front, if there is one: the one that its caller wants, or is, else the one that has been there for longest. */
export function turn(call: Call, context: Context): void {
  const { group } = call
  call.front = frontFor(call)
  if (call.front === undefined || call.electors === undefined || call.decided !== undefined) return
  // Each fits a frame; together they might not.
  const together = weightOf(call.ballots) <= TURN_WEIGHT
  const started = [...call.starts].flatMap(([id, each]) => (each.counted ? [[id, each.attempt] as const] : []))
  const note: FrontNote = [
    'group.turn',
    group.id,
    call.id,
    call.method,
    call.args,
    call.electors,
    started,
    together ? [...call.ballots] : [],
  ]
  context.note(call.front, note)
  if (!together) for (const ballot of call.ballots) tellBallot(call, ballot, context)
}

function frontFor({ group, waiter, wish }: Call): number | undefined {
  if (wish !== undefined && group.fronts.has(wish)) return wish
  if (waiter?.caller.kind === 'session' && group.fronts.has(waiter.caller.id)) return waiter.caller.id
  let first: number | undefined
  for (const session of group.fronts) if (first === undefined || session < first) first = session
  return first
}

export interface StartRequest {
  readonly members: readonly string[]
  readonly args: readonly unknown[] | null
  readonly attempt: number
}

/** The front starts members. Those that have gone answer at once, that they have. */
export function startVoters(world: World, call: Call, { members, args, attempt }: StartRequest, context: Context): void {
  const { group } = call
  const isFirst = call.starts.size === 0
  const gone: string[] = []
  let started = false
  for (const id of members) {
    const before = call.starts.get(id)
    if (before?.counted === true && before.attempt >= attempt) continue
    const member = memberOf(group, id)
    // Who was placed anew since the dispatch repeats the call, but is not the member that the view meant.
    if (before?.counted === false || member === undefined || !isHosted(member) || member.status !== 'active') {
      if (!call.ballots.some((ballot) => ballot.member === id && ballot.epoch === GONE)) gone.push(id)
      continue
    }
    start(world, call, member, { role: 'member', counted: true, attempt, args }, context)
    started = true
  }
  if (isFirst) startShadows(world, call, context)
  if (started) watch(world, call, context)
  if (isFirst && repeats(group)) recorded(world, call, context)
  for (const id of gone) castLost(call, id, attempt, context)
}

/**
 * Members that are not counted execute what the others do, to be compared; with a state of their own, to keep up. The front starts those
 * of the view, and nobody else.
 */
function startShadows(world: World, call: Call, context: Context): void {
  const { group, electors, starts } = call
  for (const member of group.members) {
    if (!isHosted(member) || starts.has(member.id)) continue
    const keepsUp = repeats(group) && (member.status !== 'active' || electors?.includes(member.id) !== true)
    if (member.status === 'shadow' || keepsUp) start(world, call, member, { role: 'shadow', counted: false }, context)
  }
}

/** A ballot has come, or what stands for it. */
export function tellBallot(call: Call, ballot: RecordedBallot, context: Context): void {
  if (call.front === undefined) return
  const note: FrontNote = ['group.ballot', call.group.id, call.id, ballot]
  context.note(call.front, note)
}

/** No member has this epoch. */
const GONE = -1

/** A member that has left counts as an error (B4). */
function castLost(call: Call, member: string, attempt: number, context: Context): void {
  const message = `The member ${member} was lost, suspended or removed before it answered.`
  const answer: Outcome = { error: { name: 'Error', message } }
  const ballot: RecordedBallot = { member, epoch: GONE, attempt, kind: 'error', answer, ms: 0, extra: {}, counted: true }
  const now = call.starts.get(member)
  if (now === undefined || !isPresent(call.group, member, now)) {
    call.starts.set(member, { epoch: GONE, attempt, state: 'left', counted: true, dueMs: 0 })
  }
  call.ballots.push(ballot)
  tellBallot(call, ballot, context)
}

/** Members have gone: those that were started and have not answered do so now. */
export function castForGone(call: Call, context: Context): void {
  for (const [id, { state, counted, attempt, epoch }] of [...call.starts]) {
    if (state !== 'left' || epoch === GONE) continue
    if (counted) castLost(call, id, attempt, context)
    else call.starts.delete(id)
  }
}

/** True while somebody who counts for the call has what is needed to answer it. */
export function isAlive(call: Call): boolean {
  const { group, starts, electors } = call
  for (const [id, each] of starts) if (each.counted && isPresent(group, id, each)) return true
  return starts.size === 0 && (electors ?? []).some((id) => memberOf(group, id)?.status === 'active')
}

/** The front has decided. A text says what is wrong. */
export function decideByFront(
  world: World,
  call: Call,
  { kind, answer }: Decided,
  notes: DecisionNotes,
  context: Context,
): string | undefined {
  const { group } = call
  const { chosen } = notes
  const ballot =
    chosen === null ? undefined : call.ballots.findLast(({ member, kind: cast }) => member === chosen && cast !== 'late')
  if (chosen !== null && ballot === undefined) return `${chosen} was chosen, but has cast no ballot`
  decide(world, call, kind, answer, context)
  if (ballot !== undefined) commit(world, call, ballot, context)
  else if (isHandedOn(group)) tellEnd(call, null, null, context)
  if (group.spec.state === 'none') tellEnd(call, chosen, null, context)
  for (const id of notes.faulty) accuse(world, group, call, id, 'faulty', context)
  for (const id of notes.rejected) accuse(world, group, call, id, 'rejected', context)
  for (const id of notes.late) accuse(world, group, call, id, 'late', context)
  return undefined
}

type Accusation = 'faulty' | 'rejected' | 'late'

const CODES = { faulty: 'minority-vote', rejected: 'attempt-rejected', late: 'member-late' } as const

/** The call may be over, when a front blames a straggler. */
export function accuse(world: World, group: Group, call: Call | undefined, id: string, what: Accusation, context: Context): void {
  const member = memberOf(group, id)
  // Who is not there any more has been blamed for that, or has gone without fault.
  if (member === undefined || !isHosted(member)) return
  const ballot = call?.ballots.findLast((each) => each.member === id)
  if (call !== undefined && (ballot ?? call.starts.get(id))?.epoch !== member.epoch) return
  const kind = what === 'late' ? 'late' : 'wrong'
  if (call?.blamed.has(`${id} ${kind}`)) return
  call?.blamed.add(`${id} ${kind}`)
  const code = what === 'faulty' && ballot?.kind === 'error' ? 'member-failed' : CODES[what]
  reportMember(world, group, member, code, { ...(call && { method: call.method, call: call.id }) }, context)
  blame(world, group, member, kind, `${code} in its last calls`)
}
