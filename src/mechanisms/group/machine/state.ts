/**
 * Everything the group machine knows: groups, their members and calls, the hosts that hold members.
 *
 * Boundary: data, and how it is found. What happens to it is decided in the files beside this one.
 *   D1  A call is in exactly one of: its group's queue (not begun), its group's `running` (begun; undecided, or some started member has
 *       not answered yet). Afterwards it may still be in the `history`.
 *   D2  `history` holds, in the order in which members executed them, the calls since the base, where every member has its own state.
 */
import type { Caller, Outcome } from '../../../log/machine.ts'
import { type MemberRecord, NO_VIEW, type View } from '../membership.ts'
import type { Base, GroupSpec, MemberSpec, MemberStatus, RecordedBallot } from './protocol.ts'
import { Timers } from './timers.ts'

export interface Member extends MemberSpec {
  status: MemberStatus
  /** The fence: counts placements, suspensions and losses. What says another one comes from an object that is gone. */
  epoch: number
  /** The session of the host that has it. */
  host: number | undefined
  /** It has been suspected, and has to be watched before it is counted again. */
  probation: boolean
  /** Runs it was sent and has not answered. */
  owing: number
  readonly record: MemberRecord
}

/** A member was told to execute a call. `late`: its time was over; `left`: it went away. */
export interface Start {
  readonly epoch: number
  readonly attempt: number
  state: 'out' | 'in' | 'late' | 'left'
  counted: boolean
  /** Service time. */
  readonly dueMs: number
}

export interface Decided {
  readonly kind: 'value' | 'exception' | 'error'
  readonly answer: Outcome
}

export interface Waiter {
  readonly caller: Caller
  readonly number: number
}

export interface Call {
  readonly id: number
  readonly group: Group
  readonly method: string
  readonly args: readonly unknown[]
  /** Of arguments and choices. */
  weight: number
  /** Wall time. */
  readonly deadlineMs: number | null
  /** Who is to be answered; absent when nobody is any more. */
  waiter: Waiter | undefined
  /** n: the view at dispatch. Absent while no view has the call: before it begins, and when a view was lost as a whole. */
  electors: readonly string[] | undefined
  readonly starts: Map<string, Start>
  /** In order of arrival. */
  ballots: RecordedBallot[]
  hashes: (readonly [member: string, hash: string])[]
  choices: unknown[]
  wantHash: boolean
  decided: Decided | undefined
  /** Style `leader`: the leader's ballot is in, followers execute. */
  committed: boolean
  /** The front that its caller would like. */
  readonly wish: number | undefined
  /** Session that conducts it. */
  front: number | undefined
  /** Who was blamed for it already, as `id` and kind. */
  readonly blamed: Set<string>
}

/** A member was asked for its state. */
export interface Donation {
  readonly member: string
  readonly epoch: number
  readonly afterCall: number
  /** Its state needs no agreement: somebody has promoted it. */
  readonly trusted: boolean
  /** Once it has come, until the digests have. */
  state: readonly [unknown] | undefined
  /** What the members have agreed on; null: they have not. Absent until they have answered. */
  agreed: string | null | undefined
}

export interface Group {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly spec: GroupSpec
  /** In the order of their priority. */
  readonly members: Member[]
  view: View
  readonly fronts: Set<number>
  queue: Call[]
  readonly running: Map<number, Call>
  /** Undecided, of queue and running together. */
  open: number
  readonly history: Map<number, Call>
  historyWeight: number
  base: Base | null
  /** False once part of the history had to be thrown away before there was a base. */
  replayable: boolean
  donation: Donation | undefined
  /** Calls begun; of those, since a base was asked for. */
  begun: number
  sinceBase: number
  decided: number
  /** Primary or leader. */
  acting: string | undefined
  /** Why calls are refused until somebody promotes a member. */
  diverged: string | undefined
}

export interface Host {
  readonly session: number
  readonly node: string
  readonly boot: string
  labels: ReadonlySet<string>
  /** How many members it holds. */
  members: number
}

export class GroupsState {
  readonly groups: Map<number, Group> = new Map()
  readonly calls: Map<number, Call> = new Map()
  /** By session. */
  readonly hosts: Map<number, Host> = new Map()
  readonly timers: Timers = new Timers()
  readonly #byName = new Map<string, Group>()
  readonly #byCaller = new Map<string, Map<number, Call>>()
  nextGroup = 1
  nextCall = 1

  find(name: unknown, key: unknown): Group | undefined {
    return this.#byName.get(nameOf(name, key))
  }

  add(group: Group): void {
    this.groups.set(group.id, group)
    this.#byName.set(nameOf(group.name, group.key), group)
  }

  remove(group: Group): void {
    this.groups.delete(group.id)
    this.#byName.delete(nameOf(group.name, group.key))
  }

  /** Somebody waits for this call. */
  await(call: Call, waiter: Waiter): void {
    call.waiter = waiter
    const caller = callerName(waiter.caller)
    let ofCaller = this.#byCaller.get(caller)
    if (ofCaller === undefined) {
      ofCaller = new Map()
      this.#byCaller.set(caller, ofCaller)
    }
    ofCaller.set(waiter.number, call)
  }

  waiting(caller: Caller, number: number): Call | undefined {
    return this.#byCaller.get(callerName(caller))?.get(number)
  }

  waitingFor(caller: Caller): Call[] {
    return [...(this.#byCaller.get(callerName(caller))?.values() ?? [])]
  }

  /** Nobody waits for it any more, or is about to be answered. */
  leave(call: Call): Waiter | undefined {
    const { waiter } = call
    if (waiter === undefined) return undefined
    call.waiter = undefined
    const caller = callerName(waiter.caller)
    const ofCaller = this.#byCaller.get(caller)
    ofCaller?.delete(waiter.number)
    // The map of a session, which calls again and again, stays; it goes with its caller.
    if (ofCaller?.size === 0 && waiter.caller.kind !== 'session') this.#byCaller.delete(caller)
    return waiter
  }

  forgetCaller(caller: Caller): void {
    this.#byCaller.delete(callerName(caller))
  }
}

export function newGroup(known: Pick<Group, 'id' | 'name' | 'key' | 'spec'>, members: Member[]): Group {
  return {
    ...known,
    members,
    view: NO_VIEW,
    fronts: new Set(),
    queue: [],
    running: new Map(),
    open: 0,
    history: new Map(),
    historyWeight: 0,
    base: null,
    replayable: true,
    donation: undefined,
    begun: 0,
    sinceBase: 0,
    decided: 0,
    acting: undefined,
    diverged: undefined,
  }
}

export function newMember({ id, label, node }: MemberSpec, record: MemberRecord): Member {
  return { id, label, node, status: 'absent', epoch: 0, host: undefined, probation: false, owing: 0, record }
}

export function newCall(known: Pick<Call, 'id' | 'group' | 'method' | 'args' | 'weight' | 'deadlineMs' | 'wish'>): Call {
  const { id, group, method, args, weight, deadlineMs, wish } = known
  return {
    id,
    group,
    method,
    args,
    weight,
    deadlineMs,
    wish,
    waiter: undefined,
    electors: undefined,
    starts: new Map(),
    ballots: [],
    hashes: [],
    choices: [],
    wantHash: false,
    decided: undefined,
    committed: false,
    front: undefined,
    blamed: new Set(),
  }
}

export function memberOf(group: Group, id: unknown): Member | undefined {
  for (const member of group.members) if (member.id === id) return member
  return undefined
}

/** Every member executes every call on a state of its own, so that it can be built again only by repeating them. */
export function repeats({ spec }: Group): boolean {
  return spec.style === 'active' || spec.style === 'leader' || (spec.style === 'vote' && spec.state === 'own')
}

/** Members are given the state that the chosen attempt has made. */
export function isHandedOn({ spec }: Group): boolean {
  return spec.style === 'passive' || (spec.style === 'vote' && spec.state === 'common')
}

/** Only one member executes a call before it is decided. */
export function hasActing({ spec }: Group): boolean {
  return spec.style === 'passive' || spec.style === 'leader'
}

/** It has an object that executes calls, whether it is counted or not. */
export function isHosted(member: Member): member is Member & { host: number } {
  return member.host !== undefined
}

/** The start was made to the object that the member has now. */
export function isPresent(group: Group, id: string, start: Start): boolean {
  const member = memberOf(group, id)
  return member?.host !== undefined && member.epoch === start.epoch
}

/** No name has a line break; keys may have any text. */
function nameOf(name: unknown, key: unknown): string {
  return `${String(name)}\n${String(key)}`
}

function callerName(caller: Caller): string {
  return caller.kind === 'gateway' ? 'gateway' : `${caller.kind}:${caller.id}`
}
