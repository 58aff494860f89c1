/**
 * Telling members to execute calls: live ones, and those that a member has to repeat to get into its state.
 *
 * Boundary: functions over the state, and the notes to hosts.
 *   T1  A member is sent the calls that change its state in one order, the same for all members of its group.
 */
import type { Context } from '../../../log/machine.ts'
import type { HostNote, PastCall, Role } from './protocol.ts'
import { type Call, type Group, type Member, repeats } from './state.ts'
import type { DueKind, IsWanted } from './timers.ts'
import type { World } from './world.ts'

/** Calls a member may owe: beyond it, it does not keep up, and would fill its host. */
export const MAX_BACKLOG = 1_024

/** Calls kept to be repeated, by number and by weight: some seconds of work for whoever repeats them. */
export const MAX_KEPT_CALLS = 16_384
export const MAX_KEPT_WEIGHT: number = 16 * 1024 * 1024

/** Of a place note: with the base beside it, it fits a frame of 1 MiB. Further calls follow one by one. */
const PLACE_WEIGHT: number = 256 * 1024

export interface StartTerms {
  readonly role: Role
  readonly counted: boolean
  readonly attempt?: number
  /** Instead of the call's own. */
  readonly args?: readonly unknown[] | null
}

/** Once for all that are started together: `watch` has to be called afterwards. */
export function start(world: World, call: Call, member: Member & { host: number }, terms: StartTerms, context: Context): void {
  const { role, counted, attempt = 1 } = terms
  const { group } = call
  const dueMs = context.serviceMs + group.spec.memberMs
  call.starts.set(member.id, { epoch: member.epoch, attempt, state: 'out', counted, dueMs })
  member.owing += 1
  if (member.owing > MAX_BACKLOG) {
    const reason = `it owes the answers to ${member.owing} calls`
    world.suspects.push({ group, member, reason, evidence: 'counted' })
  }
  tellRun(call, member, { role, attempt, args: terms.args ?? call.args }, context)
}

/** The members that were started have `memberMs` from now. */
export function watch(world: World, call: Call, context: Context): void {
  addTimer(world, context, 'start', call, call.group.spec.memberMs)
}

export function addTimer(world: World, context: Context, kind: DueKind, call: Call, ms: number): void {
  world.state.timers.add(context, kind === 'call' ? 'wall' : 'service', ms, { kind, id: call.id }, wantedIn(world))
}

/** What of all that was to be done some time is still to be done. */
export function wantedIn({ state }: World): IsWanted {
  return (due) => {
    if (due.kind === 'member') {
      const member = state.groups.get(due.id)?.members.find(({ id }) => id === due.member)
      return member?.status === 'suspended' && member.epoch === due.epoch
    }
    const call = state.calls.get(due.id)
    if (call === undefined) return false
    if (due.kind !== 'start') return call.decided === undefined
    // Of these very starts: a call that is started again has another time, and what was dropped must not be wanted again.
    for (const { state, dueMs } of call.starts.values()) if (state === 'out' && dueMs === due.atMs) return true
    return false
  }
}

/** Somebody has been started, and may still answer in time. */
export function isOutstanding(call: Call): boolean {
  for (const { state } of call.starts.values()) if (state === 'out') return true
  return false
}

interface Telling {
  readonly role: Role
  readonly attempt: number
  readonly args: readonly unknown[]
}

function tellRun(call: Call, member: Member & { host: number }, telling: Telling, context: Context): void {
  const { group, id, method, wantHash, choices } = call
  const { role, attempt, args } = telling
  const note: HostNote = [
    'group.run',
    group.id,
    member.id,
    member.epoch,
    id,
    attempt,
    method,
    args,
    role,
    wantHash && role !== 'replay',
    choices.length === 0 ? NOTHING : [...choices],
  ]
  context.note(member.host, note)
}

const NOTHING: readonly unknown[] = []

/** Members execute the call now: whoever joins later has to repeat it. False when there is more than can be kept. */
export function remember(call: Call): boolean {
  const { group } = call
  group.history.set(call.id, call)
  group.historyWeight += call.weight
  return group.history.size <= MAX_KEPT_CALLS && group.historyWeight <= MAX_KEPT_WEIGHT
}

/** Forgets the calls up to this one: a base stands for them. */
export function forgetUpTo(group: Group, last: number): void {
  for (const [id, call] of group.history) {
    group.history.delete(id)
    group.historyWeight -= call.weight
    if (id === last) return
  }
}

/** Sends a member all that it needs to be built, and what it has to execute after it. */
export function tellPlace(world: World, group: Group, member: Member & { host: number }, context: Context): void {
  const { id, epoch, label, host } = member
  const { spec, base } = group
  const calls = [...(repeats(group) ? group.history.values() : [])]
  const past = prefix(calls)
  const note: HostNote = ['group.place', group.id, id, epoch, label, spec.args, spec.state, base, past]
  context.note(host, note)
  for (const call of calls.slice(past.length)) {
    if (call.decided !== undefined) tellRun(call, member, { role: 'replay', attempt: 1, args: call.args }, context)
    else {
      start(world, call, member, { role: 'shadow', counted: false }, context)
      watch(world, call, context)
    }
  }
}

/** The first calls that nobody waits for, as many as fit a note. */
function prefix(calls: readonly Call[]): PastCall[] {
  const past: PastCall[] = []
  let weight = 0
  for (const { id, method, args, choices, decided, weight: own } of calls) {
    weight += own
    if (decided === undefined || weight > PLACE_WEIGHT) break
    past.push([id, method, args, [...choices]])
  }
  return past
}
