/**
 * What follows from an entry, done before the entry is over: suspicions become suspensions, members that left or came make another view,
 * calls of the old one are looked at again, and the next calls begin.
 *
 * Boundary: functions over the state; each step is in the file of its kind.
 *   R1  Views grow by one; every change of a view happens in an entry, so all calls are before it or behind it.
 *   R2  A view that is lost as a whole decides nothing: its calls wait for the next one, which executes them in the same order.
 *   R3  Calls begin only under a view with at least `minimum` members.
 */
import type { Context, Outcome } from '../../../log/machine.ts'
import { nextView } from '../membership.ts'
import { beginActing, nextActing } from './acting.ts'
import { beginActive, judgeActive } from './active.ts'
import { recorded } from './base.ts'
import { decide, fail, tellOver } from './deciding.ts'
import { finishIfDone } from './finishing.ts'
import { mayCome, placeAbsent, suspend } from './members.ts'
import { disagreed, exhausted, viewLost } from './refusals.ts'
import { MAX_BACKLOG } from './starting.ts'
import { type Call, type Group, hasActing, isPresent, type Member, repeats } from './state.ts'
import { castForGone, isAlive, turn } from './voting.ts'
import { reportGroup, type World } from './world.ts'

export function settle(world: World, context: Context): void {
  const { suspects, dirty } = world
  while (suspects.length > 0 || dirty.size > 0) {
    const suspect = suspects.shift()
    if (suspect !== undefined) {
      suspend(world, suspect, context)
      continue
    }
    for (const group of dirty) {
      dirty.delete(group)
      review(world, group, context)
      break
    }
  }
}

function review(world: World, group: Group, context: Context): void {
  if (!world.state.groups.has(group.id)) return void world.bereft.delete(group)
  callUpShadows(group)
  const isBereft = world.bereft.delete(group)
  if (renewView(world, group, context) || isBereft) reviewCalls(world, group, context)
  // Not before: who is placed anew is told to repeat the calls that are left, as somebody else than it was.
  placeAbsent(world, group, context)
  if (group.diverged !== undefined) refuseAll(world, group, disagreed(group), context)
  else pump(world, group, context)
}

/** A group that cannot go on without them trusts its shadows before their time: they are in the right state, as far as anybody knows. */
function callUpShadows({ members, spec }: Group): void {
  let active = members.filter(({ status }) => status === 'active').length
  for (const member of members) {
    if (active >= spec.minimum) return
    if (member.status !== 'shadow') continue
    member.status = 'active'
    active += 1
  }
}

/** R1. True if there is another view. */
function renewView(world: World, group: Group, context: Context): boolean {
  const before = group.view
  const active = group.members.filter(({ status }) => status === 'active').map(({ id }) => id)
  group.view = nextView(before, active, context.position)
  if (group.view === before) return false
  if (before.members.some((id) => !active.includes(id))) {
    const left = before.members.filter((id) => !active.includes(id))
    reportGroup(world, group, 'view-changed', { view: group.view.id, left, members: active }, context)
  }
  if (hasActing(group) && (group.acting === undefined || !active.includes(group.acting))) group.acting = nextActing(group)
  return true
}

function reviewCalls(world: World, group: Group, context: Context): void {
  const again: Call[] = []
  for (const call of [...group.running.values()]) {
    if (!group.running.has(call.id)) continue
    if (call.decided !== undefined) finishIfDone(world, call, context)
    else if (hasActing(group)) {
      if (!isActedOn(call)) again.push(call)
    } else if (call.electors === undefined) elect(world, call, context)
    else if (group.spec.style === 'active') reviewReplicated(world, call, context)
    else reviewVoted(world, call, again, context)
  }
  if (again.length > 0) beginAgain(group, again)
}

/** The member that acts for it is still there. */
function isActedOn({ group, starts }: Call): boolean {
  for (const [id, each] of starts) if (each.counted && isPresent(group, id, each)) return true
  return false
}

function reviewReplicated(world: World, call: Call, context: Context): void {
  if (isAlive(call)) {
    judgeActive(world, call, context)
    finishIfDone(world, call, context)
  } else loseView(world, call, context)
}

function reviewVoted(world: World, call: Call, again: Call[], context: Context): void {
  if (isAlive(call)) castForGone(call, context)
  else if (call.starts.size > 0 && repeats(call.group)) loseView(world, call, context)
  else {
    tellOver(call.group, call, context)
    again.push(call)
  }
}

/** R2. What is in the history is executed again by whoever comes; what is in the base has happened, and nobody can say with what answer. */
function loseView(world: World, call: Call, context: Context): void {
  const { group, starts } = call
  tellOver(group, call, context)
  if (!group.history.has(call.id)) {
    fail(world, call, viewLost(call), context)
    return finishIfDone(world, call, context)
  }
  for (const [id, each] of [...starts]) if (!isPresent(group, id, each)) starts.delete(id)
  call.electors = undefined
  call.ballots = call.ballots.filter(({ member, epoch }) => starts.get(member)?.epoch === epoch)
  call.hashes = call.hashes.filter(([member]) => starts.has(member))
  elect(world, call, context)
}

/** A call without a view gets the present one, if it is large enough: its members have the call before them, or have answered it. */
function elect(world: World, call: Call, context: Context): void {
  const { group, starts } = call
  if (group.view.members.length < group.spec.minimum) return
  call.electors = group.view.members
  for (const id of call.electors) {
    const own = starts.get(id)
    if (own !== undefined) own.counted = true
  }
  call.ballots = call.ballots.map((ballot) => {
    const own = starts.get(ballot.member)
    return { ...ballot, counted: own?.counted === true && own.epoch === ballot.epoch }
  })
  if (group.spec.style === 'vote') return turn(call, context)
  judgeActive(world, call, context)
  finishIfDone(world, call, context)
}

/** Nothing of these calls has had an effect: they stand in front of those that have not begun, in their order. */
function beginAgain(group: Group, calls: readonly Call[]): void {
  for (const call of calls) {
    group.running.delete(call.id)
    call.electors = undefined
    call.starts.clear()
    call.ballots = []
    call.hashes = []
    call.front = undefined
  }
  group.queue = [...calls, ...group.queue]
}

/** Begins as many calls as may begin. */
export function pump(world: World, group: Group, context: Context): void {
  while (group.queue.length > 0) {
    const verdict = mayBegin(group)
    if (verdict === 'wait') return
    if (verdict === 'never') return refuseQueue(world, group, exhausted(group), context)
    begin(world, group.queue.shift() as Call, context)
  }
}

/** R3. */
function mayBegin(group: Group): 'now' | 'wait' | 'never' {
  const { spec, view, members } = group
  if (group.diverged !== undefined) return 'wait'
  if (view.members.length < spec.minimum) return couldBe(members) < spec.minimum ? 'never' : 'wait'
  if (spec.style === 'vote' && spec.state === 'common' && group.running.size > 0 && hasUndecided(group)) return 'wait'
  for (const { status, owing } of members) if (status === 'active' && owing > 2 * MAX_BACKLOG) return 'wait'
  return 'now'
}

function couldBe(members: readonly Member[]): number {
  return members.filter((member) => member.status === 'active' || mayCome(member)).length
}

function hasUndecided({ running }: Group): boolean {
  for (const { decided } of running.values()) if (decided === undefined) return true
  return false
}

function begin(world: World, call: Call, context: Context): void {
  const { group } = call
  const { style, hashEvery } = group.spec
  group.begun += 1
  group.running.set(call.id, call)
  call.electors = group.view.members
  call.wantHash = hashEvery > 0 && group.begun % hashEvery === 0 && repeats(group)
  if (style === 'active') {
    beginActive(world, call, context)
    recorded(world, call, context)
  } else if (style === 'vote') turn(call, context)
  else beginActing(world, call, context)
}

/** Everything that is not decided, begun or not. */
function refuseAll(world: World, group: Group, why: Outcome, context: Context): void {
  for (const call of [...group.running.values()]) {
    if (call.decided !== undefined) continue
    tellOver(group, call, context)
    decide(world, call, 'error', why, context)
    finishIfDone(world, call, context)
  }
  refuseQueue(world, group, why, context)
}

function refuseQueue(world: World, group: Group, why: Outcome, context: Context): void {
  const refused = group.queue.splice(0)
  for (const call of refused) {
    decide(world, call, 'error', why, context)
    world.state.calls.delete(call.id)
  }
}
