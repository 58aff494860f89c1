/**
 * Checkpoint groups as a deterministic function of the log (the Persistent Object Group Service of Zweiacker 1997): who is a member, what
 * was sent to whom, which checkpoints there are, and to which of them a group goes back when something fails.
 *
 * Members work in proxies, which are told what to do by notes (`protocol.ts`), all of which follow from the state.
 *
 * Boundary: a machine of the log: no I/O, no time but the log's, no code of users. It reports faults and puts out tuples through ports.
 *   C1  An operation is refused by its reply, never by a throw, and identically on every replica.
 *   C2  What a proxy says that was replaced, or under an epoch that is over, is refused before anything else is looked at.
 *   C3  Nobody goes back behind the line of all, so what lies below it is freed.
 */
import { equal } from '../../../log/codec/equality.ts'
import type { Caller, Context, Interest, Operation, Outcome } from '../../../log/machine.ts'
import type { ReplyTable } from '../../../log/replica.ts'
import { join } from './joining.ts'
import { deleteGroup } from './leaving.ts'
import { answerLines, askForLine } from './lines.ts'
import { put, refuseMail, tell } from './messages.ts'
import type { CheckpointOperations } from './protocol.ts'
import { ask as askQuestion } from './queries.ts'
import { isBytes, isCount, isName, isNames, isSender, readSpec } from './read.ts'
import { takeSnapshot } from './recording.ts'
import { begin, haltIsDue, lost } from './recovering.ts'
import { groupTaken, MAX_GROUPS, malformed, noProxy, stale, tooManyGroups, unknownGroup, unknownMember } from './refusals.ts'
import { placeAnswers, settled } from './requests.ts'
import { collect, tend } from './saving.ts'
import { restoreInto, snapshotOf } from './snapshot.ts'
import { type Result, said } from './speaking.ts'
import { GroupsState, newGroup, waiterKey } from './state.ts'
import { readToken } from './timers.ts'
import { CHECKPOINT_TOPIC, type Ports, type World } from './world.ts'

const DEAF: Ports = { report: () => undefined, out: () => undefined }

export class CheckpointMachine implements ReplyTable {
  readonly name = 'checkpoint'
  readonly operations: Readonly<Record<keyof CheckpointOperations, number>> = {
    'checkpoint.found': 120,
    'checkpoint.join': 121,
    'checkpoint.send': 122,
    'checkpoint.post': 123,
    'checkpoint.check': 124,
    'checkpoint.save': 125,
    'checkpoint.output': 126,
    'checkpoint.released': 127,
    'checkpoint.heard': 128,
    'checkpoint.halted': 129,
    'checkpoint.fail': 130,
    'checkpoint.recover': 131,
    'checkpoint.line': 132,
    'checkpoint.leave': 133,
    'checkpoint.delete': 134,
    'checkpoint.ask': 135,
    'checkpoint.snapshot': 136,
    'checkpoint.recorded': 137,
    'checkpoint.mark': 138,
    'checkpoint.close': 139,
    'checkpoint.request': 150,
  }
  readonly #world: World

  constructor(ports: Ports = DEAF) {
    this.#world = { state: new GroupsState(), ports }
  }

  apply(operation: Operation, context: Context): void {
    const { caller, number, name } = operation
    const result = this.#apply(operation, context)
    if (result !== undefined) context.reply(caller, number, typeof result === 'string' ? malformed(name, result) : result)
  }

  #apply(operation: Operation, context: Context): Result {
    switch (operation.name) {
      case 'checkpoint.post':
        return this.#post(operation, context)
      case 'checkpoint.found':
        return this.#found(operation, context)
      case 'checkpoint.join':
        return this.#join(operation, context)
      case 'checkpoint.recover':
      case 'checkpoint.line':
        return this.#back(operation, context)
      case 'checkpoint.delete':
      case 'checkpoint.ask':
      case 'checkpoint.snapshot':
        return this.#govern(operation, context)
      default:
        return this.#ofMember(operation, context)
    }
  }

  #found({ args }: Operation, context: Context): Result {
    const { state } = this.#world
    const [name, given] = args
    if (args.length !== 2 || !isName(name)) return 'it takes a name and a specification'
    const spec = readSpec(given)
    if (typeof spec === 'string') return spec
    const known = state.byName.get(name)
    if (known !== undefined) return equal(known.spec, spec) ? { value: known.id } : groupTaken(known)
    if (state.groups.size >= MAX_GROUPS) return tooManyGroups()
    const group = newGroup(state.nextGroup, name, spec)
    state.nextGroup += 1
    state.add(group)
    context.changed(CHECKPOINT_TOPIC, 'founded', { group: name })
    return { value: group.id }
  }

  #join({ caller, number, args }: Operation, context: Context): Result {
    const [name, member] = args
    if (args.length !== 2 || !isName(member)) return 'it takes the name of a group and that of a member'
    if (caller.kind !== 'session') return 'only a session has members'
    const group = this.#world.state.byName.get(String(name))
    return group === undefined ? unknownGroup(name) : join(this.#world, group, member, { caller, number }, context)
  }

  #post({ args }: Operation, context: Context): Result {
    const [name, to, sender, payload] = args
    if (args.length !== 4 || !isSender(sender) || !isBytes(payload))
      return 'it takes group, receiver, a sender that begins with @, and bytes'
    const group = this.#world.state.byName.get(String(name))
    if (group === undefined) return unknownGroup(name)
    const receiver = group.byName.get(String(to))
    if (receiver === undefined) return unknownMember(group, to)
    const refused = refuseMail(receiver)
    if (refused !== undefined) return refused
    put(receiver, [context.position, -1, sender, 0, payload, null], context)
    return { value: context.position }
  }

  /** C2. */
  #ofMember(operation: Operation, context: Context): Result {
    const { caller, name, args } = operation
    const [id, place, epoch] = args
    if (!isCount(id) || !isCount(place) || !isCount(epoch)) return 'it begins with group, place and epoch'
    const group = this.#world.state.groups.get(id)
    const member = group?.places[place]
    if (group === undefined || member === undefined) return stale('it is not in the group any more')
    if (caller.kind !== 'session' || member.session !== caller.id) return stale(`${member.name} has another proxy`)
    if (name === 'checkpoint.halted' && epoch < group.epoch) return { value: true }
    // What was given to the outside has been given, in whatever epoch that is said.
    if (group.epoch !== epoch && name !== 'checkpoint.released') return stale(`it is epoch ${group.epoch}, not ${epoch}`)
    if (member.halt === 'halted' && !WHILE_HALTED.has(name)) return stale(`${member.name} has halted`)
    return said(this.#world, member, operation, context)
  }

  /** To the line, or only to see where it is. */
  #back({ caller, number, name: operation, args }: Operation, context: Context): Result {
    const [name, names] = args
    if (args.length !== 2 || !isNames(names)) return 'it takes the name of a group and names of members'
    const group = this.#world.state.byName.get(String(name))
    if (group === undefined) return unknownGroup(name)
    const stranger = names.find((each) => !group.byName.has(each))
    if (stranger !== undefined) return unknownMember(group, stranger)
    const members = names.map((each) => group.byName.get(each)!)
    const asking = { caller, number }
    if (operation === 'checkpoint.recover') {
      this.#world.state.hold(group, asking, { kind: 'recover' })
      for (const member of members) {
        member.wedged = null
        member.fails = null
      }
      begin(this.#world, group, members, context)
      return undefined
    }
    askForLine(this.#world, group, members, asking, context)
    return undefined
  }

  #govern({ caller, number, name: operation, args }: Operation, context: Context): Result {
    const [name, detail] = args
    const group = this.#world.state.byName.get(String(name))
    if (args.length !== (operation === 'checkpoint.ask' ? 2 : 1))
      return 'it takes the name of a group, and to ask one of a member'
    if (group === undefined) return unknownGroup(name)
    if (operation === 'checkpoint.delete') {
      // What its members have taken for good does not go back.
      collect(this.#world, group, context)
      deleteGroup(this.#world, group, context)
      return { value: true }
    }
    if (operation === 'checkpoint.snapshot') return takeSnapshot(group, caller, number, context)
    const member = group.byName.get(String(detail))
    if (member === undefined) return unknownMember(group, detail)
    if (member.session === null) return noProxy(member)
    this.#world.state.hold(group, { caller, number }, { kind: 'ask', place: member.place })
    tell(member, context, ['checkpoint.please', group.id, member.place])
    return undefined
  }

  /** What was asked in the name of a member is answered. */
  settle(member: number, number: number, outcome: Outcome, context: Context): void {
    settled(this.#world, member, number, outcome, context)
  }

  expire(token: number, context: Context): void {
    const [id, kind] = readToken(token)
    const group = this.#world.state.groups.get(id)
    if (group === undefined) return
    if (kind === 'halt') haltIsDue(this.#world, group, context)
    else if (kind === 'line') answerLines(this.#world, group, context)
    else if (kind === 'answers') placeAnswers(group, context)
    else tend(this.#world, group, context)
  }

  ended(caller: Caller, context: Context): void {
    const { state } = this.#world
    for (const { caller: other, number } of [...state.waiters.values()]) if (isSame(other, caller)) this.withdraw(other, number)
    for (const group of state.groups.values())
      if (group.snapshots.length > 0) group.snapshots = group.snapshots.filter((run) => !isSame(run.caller, caller))
    const members = caller.kind === 'session' ? state.bySession.get(caller.id) : undefined
    if (members !== undefined) lost(this.#world, [...members], context)
  }

  /** Proxies that were connected before cannot be heard of again, and were told what may be undone now: all have failed at once. */
  reopened(context: Context): void {
    const members = [...this.#world.state.bySession.values()].flatMap((some) => [...some])
    lost(this.#world, members, context)
  }

  withdraw(caller: Caller, number: number): boolean {
    const { state } = this.#world
    const key = waiterKey(caller, number)
    const waiter = state.waiters.get(key)
    if (waiter === undefined) return this.#withdrawSnapshot(caller, number)
    state.waiters.delete(key)
    const { want } = waiter
    const member = want.kind === 'leave' ? state.groups.get(waiter.group)?.places[want.place] : undefined
    if (member !== undefined) member.leaving = false
    return true
  }

  #withdrawSnapshot(caller: Caller, number: number): boolean {
    for (const group of this.#world.state.groups.values()) {
      const index = group.snapshots.findIndex((run) => isSame(run.caller, caller) && run.number === number)
      if (index < 0) continue
      group.snapshots.splice(index, 1)
      return true
    }
    return false
  }

  query(question: string, args: readonly unknown[]): unknown {
    return askQuestion(this.#world.state, question, args)
  }

  /** `[]`: what becomes of groups and their members from now on. */
  interest(args: readonly unknown[]): Interest | undefined {
    return args.length === 0 ? { topic: CHECKPOINT_TOPIC, wants: () => true, present: () => [] } : undefined
  }

  census(): Record<string, number> {
    const { groups, waiters, members, bySession, nextGroup, nextMember } = this.#world.state
    const counts = { groups: groups.size, members: members.size, waiters: waiters.size, sessions: bySession.size }
    return { ...counts, nextGroup, nextMember }
  }

  snapshot(): Iterable<unknown> {
    return snapshotOf(this.#world.state)
  }

  restore(part: unknown): void {
    restoreInto(this.#world.state, part)
  }
}

function isSame(a: Caller, b: Caller): boolean {
  return a.kind === b.kind && (a.kind === 'gateway' || a.id === (b as typeof a).id)
}

/** What a member that has halted may still say: they change nothing that the line depends on. */
const WHILE_HALTED: ReadonlySet<string> = new Set([
  'checkpoint.halted',
  'checkpoint.released',
  'checkpoint.close',
  'checkpoint.recorded',
])
