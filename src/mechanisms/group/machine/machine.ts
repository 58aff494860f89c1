/**
 * Object groups as a deterministic function of the log: who their members are, what each call was decided to be, what a member that
 * comes back has to repeat.
 *
 * A call is one entry, each ballot of a member another one, and the decision follows from them: at once, for replicas; for strategies
 * in which functions of the user take part, by the entry of a *front*, which conducts the call in a process of its own. Hosts and fronts are
 * told what to do by notes (`protocol.ts`), all of which follow from the state.
 *
 * Boundary: a machine of the log: no I/O, no time but the log's, no code of users. It reports faults and puts out tuples through ports.
 *   G1  An operation is refused by its reply, never by a throw, and identically on every replica.
 *   G2  What a member, a host or a front says under a role that it has lost is refused before anything else is looked at.
 *   G3  Every call that has begun is decided once, or outlives the site.
 */
import type { Caller, Context, Machine, Operation, Outcome } from '../../../log/machine.ts'
import { weightOf } from '../../../log/weight.ts'
import { choose } from './acting.ts'
import {
  addMember,
  close,
  enlist,
  found,
  leaveFronts,
  loseAllHosts,
  loseHost,
  promote,
  removeMember,
  suspendByHand,
  viewOf,
} from './admission.ts'
import { type CastArguments, cast, speaker, timeOutStarts } from './balloting.ts'
import { takeState } from './base.ts'
import { fail, tellOver } from './deciding.ts'
import { finishIfDone } from './finishing.ts'
import { becameReady, readmit } from './members.ts'
import type { DecisionNotes, FrontNote, GroupSpec, MemberSpec } from './protocol.ts'
import { ask } from './questions.ts'
import {
  isAttempt,
  isCastKind,
  isDecisionNotes,
  isDuration,
  isExtra,
  isFailure,
  isGroupName,
  isId,
  isKey,
  isLabels,
  isMemberSpec,
  isMembers,
  isNodeName,
  isOutcome,
  isText,
  readSpec,
} from './read.ts'
import { disagreed, MAX_OPEN_CALLS, malformed, notFront, stale, timedOut, tooManyCalls, unknownGroup } from './refusals.ts'
import { settle } from './settle.ts'
import { restoreInto, snapshotOf } from './snapshot.ts'
import { addTimer, wantedIn } from './starting.ts'
import { type Call, type Decided, type Group, GroupsState, memberOf, newCall } from './state.ts'
import type { Due } from './timers.ts'
import { accuse, decideByFront, startVoters } from './voting.ts'
import type { Ports, World } from './world.ts'

/** Service time a front has to decide a call whose time is over: it has all ballots, and only acceptance tests to wait for. */
export const FRONT_MS = 10_000

const TRUE: Outcome = { value: true }
const FALSE: Outcome = { value: false }

const DEAF: Ports = { report: () => undefined, out: () => undefined }

/** An answer, or a text that says why the arguments cannot be understood; nothing where the operation waits. */
type Result = Outcome | string | undefined

export class GroupMachine implements Machine {
  readonly name = 'group'
  readonly operations = {
    'group.found': 80,
    'group.enlist': 81,
    'group.call': 82,
    'group.start': 83,
    'group.ballot': 84,
    'group.choice': 85,
    'group.decide': 86,
    'group.state': 87,
    'group.suspend': 88,
    'group.add': 89,
    'group.remove': 90,
    'group.promote': 91,
    'group.close': 92,
    'group.ready': 93,
    'group.blame': 94,
  }
  readonly #world: World

  constructor(ports: Ports = DEAF) {
    this.#world = { state: new GroupsState(), ports, suspects: [], dirty: new Set(), bereft: new Set() }
  }

  apply(operation: Operation, context: Context): void {
    const { caller, number, name } = operation
    const result = this.#apply(operation, context)
    if (result !== undefined) context.reply(caller, number, typeof result === 'string' ? malformed(name, result) : result)
    settle(this.#world, context)
  }

  #apply(operation: Operation, context: Context): Result {
    switch (operation.name) {
      case 'group.call':
        return this.#call(operation, context)
      case 'group.ballot':
        return this.#ballot(operation, context)
      case 'group.start':
        return this.#start(operation, context)
      case 'group.decide':
        return this.#decide(operation, context)
      case 'group.choice':
        return this.#choice(operation)
      case 'group.ready':
        return this.#ready(operation, context)
      case 'group.state':
        return this.#takeState(operation, context)
      case 'group.blame':
        return this.#blame(operation, context)
      case 'group.found':
        return this.#found(operation, context)
      case 'group.enlist':
        return this.#enlist(operation, context)
      default:
        return this.#govern(operation, context)
    }
  }

  #call({ caller, number, args }: Operation, context: Context): Result {
    const { state } = this.#world
    const [name, key, method, given, timeoutMs, front = null] = args
    if (args.length < 5 || args.length > 6 || !(front === null || isId(front))) return CALL
    if (!isText(method) || !Array.isArray(given) || !(timeoutMs === null || isDuration(timeoutMs))) return CALL
    const group = state.find(name, key)
    if (group === undefined) return unknownGroup(name, key)
    if (group.diverged !== undefined) return disagreed(group)
    if (group.open >= MAX_OPEN_CALLS) return tooManyCalls(group)
    const limitMs = timeoutMs ?? group.spec.timeoutMs
    const deadlineMs = limitMs === null ? null : context.wallMs + limitMs
    const call = newCall({
      id: state.nextCall,
      group,
      method,
      args: given,
      weight: weightOf(given),
      deadlineMs,
      wish: front ?? undefined,
    })
    state.nextCall += 1
    state.calls.set(call.id, call)
    state.await(call, { caller, number })
    group.open += 1
    group.queue.push(call)
    if (limitMs !== null) addTimer(this.#world, context, 'call', call, limitMs)
    this.#world.dirty.add(group)
    return undefined
  }

  #ballot(operation: Operation, context: Context): Result {
    const { args } = operation
    const [id, member, epoch, attempt, kind, answer, ms, extra] = args
    if (args.length !== 8 || !isId(id) || !isText(member) || !isId(epoch) || !isAttempt(attempt)) return BALLOT
    if (!isCastKind(kind) || !isOutcome(answer) || 'value' in answer !== (kind === 'value')) return BALLOT
    if (!isDuration(ms) || !isExtra(extra)) return BALLOT
    const call = this.#world.state.calls.get(id)
    // Everybody else has answered, or the group is closed.
    if (call === undefined) return this.#lateBallot(operation)
    const speaking = speaker(call.group, operation, member, epoch)
    if (speaking === undefined) return stale(member)
    return cast(this.#world, call, speaking, args as unknown as CastArguments, context) ? TRUE : FALSE
  }

  /** Of a call that is over: the member owes one answer less. */
  #lateBallot({ caller, args }: Operation): Outcome {
    const [, id, epoch] = args
    if (caller.kind !== 'session' || !this.#world.state.hosts.has(caller.id)) return FALSE
    for (const group of this.#world.state.groups.values()) {
      const member = memberOf(group, id)
      if (member?.host !== caller.id || member.epoch !== epoch || member.owing === 0) continue
      member.owing -= 1
      break
    }
    return FALSE
  }

  #choice(operation: Operation): Result {
    const { args } = operation
    const [id, member, epoch, n] = args
    if (args.length !== 5 || !isId(id) || !isText(member) || !isId(epoch) || !isId(n))
      return 'it takes a call, a member, its epoch, the number of the choice and its value'
    const call = this.#world.state.calls.get(id)
    const speaking = speaker(call?.group, operation, member, epoch)
    if (call === undefined || speaking === undefined) return stale(member)
    const chosen = choose(call, speaking, operation)
    return typeof chosen === 'string' ? chosen : { value: chosen[0] }
  }

  #ready(operation: Operation, context: Context): Result {
    const { args } = operation
    const [id, member, epoch, failure] = args
    if (args.length !== 4 || !isId(id) || !(failure === null || isFailure(failure)))
      return 'it takes a group, a member, its epoch and a failure or null'
    const group = this.#world.state.groups.get(id)
    const speaking = speaker(group, operation, member, epoch)
    if (group === undefined || speaking === undefined) return stale(member)
    becameReady(this.#world, group, speaking, failure, context)
    return TRUE
  }

  #takeState(operation: Operation, context: Context): Result {
    const { args } = operation
    const [id, member, epoch, afterCall, given] = args
    if (args.length !== 5 || !isId(id) || !isId(afterCall) || !isOutcome(given))
      return 'it takes a group, a member, its epoch, a call and a state'
    const group = this.#world.state.groups.get(id)
    const speaking = speaker(group, operation, member, epoch)
    if (group === undefined || speaking === undefined) return stale(member)
    const { donation } = group
    if (donation === undefined || donation.member !== member || donation.epoch !== epoch || donation.afterCall !== afterCall)
      return stale(member)
    takeState(this.#world, group, 'value' in given ? [given.value] : undefined, context)
    return TRUE
  }

  #start({ caller, args }: Operation, context: Context): Result {
    const [id, members, given, attempt] = args
    if (args.length !== 4 || !isId(id) || !isMembers(members) || !(given === null || Array.isArray(given)) || !isAttempt(attempt))
      return 'it takes a call, ids of members, arguments or null, and the number of the attempt'
    const call = this.#conducted(caller, id)
    if (call === undefined) return notFront(id)
    if (call.decided !== undefined) return FALSE
    const stranger = members.find((member) => call.electors?.includes(member) !== true)
    if (stranger !== undefined) return `${stranger} is not in the view of the call`
    startVoters(this.#world, call, { members, args: given, attempt }, context)
    return TRUE
  }

  #decide({ caller, args }: Operation, context: Context): Result {
    const [id, kind, answer, notes] = args
    if (args.length !== 4 || !isId(id) || !isCastKind(kind) || !isOutcome(answer) || !isDecisionNotes(notes)) return DECISION
    if ('value' in answer !== (kind === 'value')) return DECISION
    const call = this.#conducted(caller, id)
    if (call === undefined) return notFront(id)
    if (call.decided !== undefined) return FALSE
    const decided: Decided = { kind, answer }
    const wrong = decideByFront(this.#world, call, decided, notes as DecisionNotes, context)
    if (wrong !== undefined) return wrong
    finishIfDone(this.#world, call, context)
    return TRUE
  }

  /** The call, if this session is its front. */
  #conducted(caller: Caller, id: number): Call | undefined {
    const call = this.#world.state.calls.get(id)
    return caller.kind === 'session' && call?.front === caller.id ? call : undefined
  }

  #blame({ caller, args }: Operation, context: Context): Result {
    const [id, callId, faulty, late] = args
    if (args.length !== 4 || !isId(id) || !isId(callId) || !isMembers(faulty) || !isMembers(late))
      return 'it takes a group, a call, and ids of members that were wrong or late'
    const group = this.#world.state.groups.get(id)
    if (group === undefined || caller.kind !== 'session' || !group.fronts.has(caller.id)) return notFront(callId)
    const call = this.#world.state.calls.get(callId)
    for (const member of faulty) accuse(this.#world, group, call, member, 'faulty', context)
    for (const member of late) accuse(this.#world, group, call, member, 'late', context)
    return TRUE
  }

  #found({ caller, args }: Operation, context: Context): Result {
    const [name, key, given] = args
    if (args.length !== 3 || !isGroupName(name) || !isKey(key)) return 'it takes a name, a key and a specification'
    const spec = readSpec(given)
    if (typeof spec === 'string') return spec
    const session = caller.kind === 'session' ? caller.id : undefined
    return found(this.#world, [name, key, spec as GroupSpec], session, context)
  }

  #enlist({ caller, args }: Operation, context: Context): Result {
    const [node, boot, labels] = args
    if (args.length !== 3 || !isNodeName(node) || !isText(boot) || !isLabels(labels))
      return 'it takes a node, a boot id and names of classes'
    if (caller.kind !== 'session') return 'only a session hosts members'
    return enlist(this.#world, [node, boot, labels], caller.id, context)
  }

  /** What people do with a group. */
  #govern({ name: operation, args }: Operation, context: Context): Result {
    const [name, key, detail] = args
    const group = this.#world.state.find(name, key)
    if (operation === 'group.close') {
      if (group !== undefined) close(this.#world, group, context)
      return group === undefined ? FALSE : TRUE
    }
    if (args.length !== 3 || !(operation === 'group.add' ? isMemberSpec(detail) : isText(detail)))
      return 'it takes name, key and a member'
    if (group === undefined) return unknownGroup(name, key)
    const refused = this.#change(operation, group, detail, context)
    if (refused !== undefined) return refused
    settle(this.#world, context)
    return { value: viewOf(group) }
  }

  #change(operation: string, group: Group, detail: unknown, context: Context): Result {
    switch (operation) {
      case 'group.suspend':
        return suspendByHand(this.#world, group, detail as string, context)
      case 'group.add':
        return addMember(this.#world, group, detail as MemberSpec)
      case 'group.remove':
        return removeMember(this.#world, group, detail as string, context)
      case 'group.promote':
        return promote(this.#world, group, detail as string, context)
      default:
        return 'it is no operation of groups'
    }
  }

  expire(token: number, context: Context): void {
    const world = this.#world
    for (const due of world.state.timers.expire(token, context, wantedIn(world))) this.#due(due, context)
    settle(world, context)
  }

  #due({ kind, id, member }: Due, context: Context): void {
    const world = this.#world
    if (kind === 'member') {
      const group = world.state.groups.get(id)
      const found = group && memberOf(group, member)
      if (group && found) readmit(world, group, found)
      return
    }
    const call = world.state.calls.get(id)
    if (call === undefined) return
    if (kind === 'start') timeOutStarts(world, call, context)
    else if (call.decided === undefined) this.#callIsDue(call, kind, context)
  }

  /** A front may still make something of the ballots that there are; it has not for ever. */
  #callIsDue(call: Call, kind: 'call' | 'front', context: Context): void {
    const world = this.#world
    const { group } = call
    const index = group.queue.indexOf(call)
    if (index >= 0) {
      group.queue.splice(index, 1)
      world.state.calls.delete(call.id)
    } else if (kind === 'call' && group.spec.style === 'vote' && call.front !== undefined && call.electors !== undefined) {
      const note: FrontNote = ['group.deadline', group.id, call.id]
      context.note(call.front, note)
      return addTimer(world, context, 'front', call, FRONT_MS)
    }
    tellOver(group, call, context)
    fail(world, call, timedOut(call), context)
    if (index < 0) finishIfDone(world, call, context)
  }

  ended(caller: Caller, context: Context): void {
    const { state } = this.#world
    for (const call of state.waitingFor(caller)) this.#forget(call)
    state.forgetCaller(caller)
    if (caller.kind === 'session') {
      loseHost(this.#world, caller.id)
      leaveFronts(this.#world, caller.id, context)
    }
    settle(this.#world, context)
  }

  /** Members of hosts that were connected before may have seen what is undone now; and they cannot be heard of again. */
  reopened(context: Context): void {
    loseAllHosts(this.#world)
    settle(this.#world, context)
  }

  withdraw(caller: Caller, number: number): boolean {
    const call = this.#world.state.waiting(caller, number)
    if (call !== undefined) this.#forget(call)
    return call !== undefined
  }

  /** Nobody waits for it any more. What has begun goes on: members are executing it. */
  #forget(call: Call): void {
    const { state } = this.#world
    const { group } = call
    state.leave(call)
    const index = group.queue.indexOf(call)
    if (index < 0) return
    group.queue.splice(index, 1)
    group.open -= 1
    state.calls.delete(call.id)
  }

  query(question: string, args: readonly unknown[]): unknown {
    return ask(this.#world.state, question, args)
  }

  census(): Record<string, number> {
    const { groups, calls, hosts, nextGroup, nextCall } = this.#world.state
    return { groups: groups.size, calls: calls.size, hosts: hosts.size, nextGroup, nextCall }
  }

  snapshot(): Iterable<unknown> {
    return snapshotOf(this.#world.state, wantedIn(this.#world))
  }

  restore(part: unknown): void {
    restoreInto(this.#world.state, part)
  }
}

const CALL = 'it takes name, key, method, arguments, a time-out or null, and the session of a front or null'
const BALLOT =
  'it takes a call, a member, its epoch, the number of the attempt, the kind of ballot, an outcome of that kind, its duration and more'
const DECISION =
  'it takes a call, the kind of the decision, an outcome of that kind, and { support, faulty, late, rejected, chosen }'
