/**
 * Active replication: every member executes every call, in the order of the log, and equal answers decide.
 *
 * Members are copies of one deterministic object, so what one of them throws is an answer like any other (Schneider's state machine
 * approach). With `agree` = 1 the first answer decides, which masks crashes; f + 1 equal ones of 2 f + 1 mask f wrong members.
 *
 * Boundary: functions over the state.
 *   A1  What is decided does not depend on the order of the ballots that carry it, only on which come first.
 *   A2  Members that are not counted decide nothing.
 */
import { equal } from '../../../log/codec/codec.ts'
import type { Context } from '../../../log/machine.ts'
import { commit, decide, fail } from './deciding.ts'
import type { RecordedBallot } from './protocol.ts'
import { noQuorum } from './refusals.ts'
import { start, watch } from './starting.ts'
import { type Call, isHosted } from './state.ts'
import type { World } from './world.ts'

export function beginActive(world: World, call: Call, context: Context): void {
  for (const member of call.group.members) {
    if (!isHosted(member)) continue
    const counted = member.status === 'active'
    start(world, call, member, { role: counted ? 'member' : 'shadow', counted }, context)
  }
  watch(world, call, context)
}

/** Decides as soon as `agree` ballots are equal, or can no longer become so. */
export function judgeActive(world: World, call: Call, context: Context): void {
  if (call.decided !== undefined || call.electors === undefined) return
  const { agree } = call.group.spec
  const best = largest(classesOf(call.ballots.filter(isVote)))
  const carried = best?.[0]
  if (best !== undefined && carried !== undefined && best.length >= agree) {
    decide(world, call, carried.kind === 'value' ? 'value' : 'exception', carried.answer, context)
    return commit(world, call, carried, context)
  }
  let outstanding = 0
  for (const { state, counted } of call.starts.values()) if (counted && state === 'out') outstanding += 1
  const reachable = (best?.length ?? 0) + outstanding
  if (reachable >= agree) return
  const failed = best === undefined ? largest(classesOf(call.ballots.filter(isFailed))) : undefined
  if (failed?.[0] !== undefined && failed.length >= agree) return decide(world, call, 'error', failed[0].answer, context)
  fail(world, call, noQuorum(call, { needed: agree, best: reachable, members: call.electors.length }), context)
}

/** An `error` is none: its member was not there, or its answer cannot travel. */
export function isVote({ counted, kind }: RecordedBallot): boolean {
  return counted && (kind === 'value' || kind === 'exception')
}

/** Where nobody votes because all fail alike, that is what the caller should hear. */
function isFailed({ counted, kind }: RecordedBallot): boolean {
  return counted && kind === 'error'
}

export type VoteClass = readonly RecordedBallot[]

/** Equal answers together, in the order in which the first of each came. */
export function classesOf(ballots: readonly RecordedBallot[]): readonly VoteClass[] {
  const classes: RecordedBallot[][] = []
  for (const ballot of ballots) {
    const found = classes.find(([first]) => first !== undefined && equal(first.answer, ballot.answer))
    if (found === undefined) classes.push([ballot])
    else found.push(ballot)
  }
  return classes
}

/** Of those that are as large the first. */
export function largest(classes: readonly VoteClass[]): VoteClass | undefined {
  let best: VoteClass | undefined
  for (const each of classes) if (best === undefined || each.length > best.length) best = each
  return best
}
