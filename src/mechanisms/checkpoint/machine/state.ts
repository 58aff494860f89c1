/**
 * The state of checkpoint groups: plain data, and the ways to find it.
 *
 * Boundary: data structures. What happens to them is in the files named after it.
 *   S1  A place is given to one member for ever: what proxies have saved about it may be old. In the graph it is a *slot*, which the next
 *       member gets when the old one has left.
 *   S2  `checkpoints` of a member is empty until it has saved what its factory made, and from then on never; its first one is that to
 *       which the line of all has come, the last one the beginning of its interval.
 *   S3  The indices of the rows of a slot in the graph are those of the member's checkpoints.
 */
import type { Caller, Outcome } from '../../../log/machine.ts'
import { RollbackGraph } from '../rollback-graph.ts'
import { Events } from './events.ts'
import { Mailbox } from './mailbox.ts'
import type { GroupSpec, Output, SaveCause, StoredState } from './protocol.ts'

export interface Checkpoint {
  readonly index: number
  /** Of its entry. */
  readonly position: number
  readonly delivered: number
  readonly cause: SaveCause
  /** The same object as that of the checkpoint before where nothing has changed. */
  readonly state: StoredState
  readonly rule: Uint8Array | null
  /** Number of its event. */
  readonly event: number
  /** Service time of the first thing that is known to have been done after it; null: nothing is. */
  workMs: number | null
}

/** Protocol `koo-toueg`: saved, and not decided. */
export interface Tentative {
  readonly index: number
  readonly position: number
  readonly delivered: number
  readonly cause: SaveCause
  /** Null: that of the last checkpoint. */
  readonly state: StoredState | null
  readonly rule: Uint8Array | null
}

export interface Recorded {
  readonly position: number
  readonly interval: number
  /** Service time. */
  readonly atMs: number
  readonly output: Output
}

/** Asked of others in the name of a member, and not answered yet. */
export interface Request {
  /** The member's own number of it. */
  readonly number: number
  /** By which the answer names it. */
  readonly position: number
  /** In which it was asked. */
  readonly interval: number
  /** Name of the space; null: a call of a group, which was made when nothing could undo it any more. */
  readonly space: string | null
  readonly takes: boolean
  /** Of the answer. */
  readonly sender: string
  /** What the space has said in the entry of the request: it is not kept then. */
  refusal?: Outcome
}

/** A tuple that was taken in an interval that can be undone. */
export interface Held {
  readonly space: string
  /** Of the hold. */
  readonly id: number
  readonly interval: number
}

/** An answer for which there was no position of its own. As in `Mail`. */
export interface Answer {
  readonly from: number
  readonly sender: string
  readonly index: number
  readonly payload: Uint8Array
}

/** A note that has to come after the mail up to a position. */
export interface Behind {
  readonly kind: 'marker' | 'record'
  readonly position: number
}

export interface Member {
  /** Of all members of all groups: it calls others under it. */
  readonly id: number
  readonly group: Group
  readonly name: string
  readonly place: number
  readonly slot: number
  /** Of its proxy; null: it is dead. */
  session: number | null
  /** Why it is not given a proxy any more. */
  wedged: string | null
  /** `asked`: it was told to halt. `halted`: it has, or its object is broken. */
  halt: 'no' | 'asked' | 'halted'
  /** It waits until nothing that it has done can be undone. */
  leaving: boolean
  readonly mailbox: Mailbox
  readonly checkpoints: Checkpoint[]
  /** Position of the last message that is known to have been delivered. */
  delivered: number
  /** As far as it ever was: what it is given again, up to there, is replay. */
  reached: number
  readonly events: Events
  /** Asked for in intervals that can be undone. */
  outputs: Recorded[]
  /** Given to the proxy, and not yet said to have been done. */
  released: (readonly [position: number, payload: Uint8Array])[]
  /** Of its last request. */
  numbered: number
  /** By number, in the order of asking. */
  readonly requests: Map<number, Request>
  /** In the order of their intervals. */
  held: Held[]
  /** In the order in which they came. */
  answers: Answer[]
  /** References of states to which nobody will go back, for the next proxy. */
  discards: Uint8Array[]
  behind: Behind[]
  /** The last question that was answered. */
  checked: { readonly position: number; readonly index: number; readonly forces: boolean } | null
  /** In a row, at the same message. */
  fails: { readonly message: number | null; readonly count: number } | null
  /** When it was asked to save, in which interval. */
  asked: { readonly atMs: number; readonly index: number } | null
  tentative: Tentative | null
}

export interface Recovery {
  /** Places, beside those without a proxy. */
  readonly failed: Set<number>
  readonly haltByMs: number
}

export interface SnapshotRun {
  readonly position: number
  readonly places: ReadonlySet<number>
  /** Places that have not recorded yet. */
  readonly left: Set<number>
  readonly states: Map<number, Uint8Array>
  readonly channels: { readonly from: number; readonly to: number; readonly payload: Uint8Array }[]
  bytes: number
  readonly caller: Caller
  readonly number: number
}

export interface Group {
  readonly id: number
  readonly name: string
  readonly spec: GroupSpec
  epoch: number
  /** By place; undefined: has left. */
  readonly places: (Member | undefined)[]
  /** Names by place, of those that have left too. */
  readonly placeNames: string[]
  readonly byName: Map<string, Member>
  readonly bySlot: (Member | undefined)[]
  readonly graph: RollbackGraph
  recovery: Recovery | null
  /** Messages that would be delivered again if all failed. */
  undone: number
  /** Of all messages that are kept. */
  bytes: number
  /** Checkpoints since the line of all was looked for. */
  saves: number
  /** Service time of the deadline of the log that counts; null: none does. */
  lagAtMs: number | null
  /** Service time before which nobody is asked again because there is too much. */
  askAgainMs: number
  /** Protocol `koo-toueg`: places that take part in the checkpoint that is under way, in the order in which they were drawn in. */
  coordinated: Set<number> | null
  /** Protocol `cut`: positions. */
  markers: number[]
  snapshots: SnapshotRun[]
}

/** What somebody waits for. */
export type Want =
  | { readonly kind: 'join'; readonly member: string }
  | { readonly kind: 'recover' }
  | { readonly kind: 'line'; readonly failed: readonly number[]; readonly left: Set<number>; readonly dueMs: number }
  | { readonly kind: 'leave' | 'ask' | 'save'; readonly place: number }

export interface Waiter {
  readonly caller: Caller
  readonly number: number
  readonly group: number
  readonly want: Want
}

export class GroupsState {
  nextGroup = 1
  nextMember = 1
  readonly members: Map<number, Member> = new Map<number, Member>()
  readonly groups: Map<number, Group> = new Map<number, Group>()
  readonly byName: Map<string, Group> = new Map<string, Group>()
  /** Members by the session of their proxy. */
  readonly bySession: Map<number, Set<Member>> = new Map<number, Set<Member>>()
  readonly waiters: Map<string, Waiter> = new Map<string, Waiter>()

  add(group: Group): void {
    this.groups.set(group.id, group)
    this.byName.set(group.name, group)
  }

  remove(group: Group): void {
    this.groups.delete(group.id)
    this.byName.delete(group.name)
  }

  /** The member has this proxy from here on; null: none. */
  attach(member: Member, session: number | null): void {
    if (member.session !== null) {
      const others = this.bySession.get(member.session)
      others?.delete(member)
      if (others?.size === 0) this.bySession.delete(member.session)
    }
    member.session = session
    if (session === null) return
    const members = this.bySession.get(session)
    if (members === undefined) this.bySession.set(session, new Set([member]))
    else members.add(member)
  }

  hold(group: Group, { caller, number }: Pick<Waiter, 'caller' | 'number'>, want: Want): void {
    this.waiters.set(waiterKey(caller, number), { caller, number, group: group.id, want })
  }

  /** Whoever waits for this in the group, in the order of asking; they do not wait any more. */
  takeWaiters(group: Group, wanted: (want: Want) => boolean): readonly Waiter[] {
    if (this.waiters.size === 0) return NOBODY
    const taken = [...this.waiters.values()].filter((waiter) => waiter.group === group.id && wanted(waiter.want))
    for (const { caller, number } of taken) this.waiters.delete(waiterKey(caller, number))
    return taken
  }
}

const NOBODY: readonly Waiter[] = []

export function waiterKey(caller: Caller, number: number): string {
  return `${caller.kind}:${caller.kind === 'gateway' ? '' : caller.id}:${number}`
}

export function newGroup(id: number, name: string, spec: GroupSpec): Group {
  return {
    ...{ id, name, spec },
    epoch: 0,
    places: [],
    placeNames: [],
    byName: new Map(),
    bySlot: [],
    graph: new RollbackGraph(0),
    recovery: null,
    undone: 0,
    bytes: 0,
    saves: 0,
    lagAtMs: null,
    askAgainMs: 0,
    coordinated: null,
    markers: [],
    snapshots: [],
  }
}

export function newMember(group: Group, known: Pick<Member, 'id' | 'name' | 'place' | 'slot'>): Member {
  const { id, name, place, slot } = known
  return {
    ...{ id, group, name, place, slot },
    session: null,
    wedged: null,
    halt: 'no',
    leaving: false,
    mailbox: new Mailbox(),
    checkpoints: [],
    delivered: 0,
    reached: 0,
    events: new Events(),
    outputs: [],
    released: [],
    numbered: 0,
    requests: new Map(),
    held: [],
    answers: [],
    discards: [],
    behind: [],
    checked: null,
    fails: null,
    asked: null,
    tentative: null,
  }
}

/** The interval in which the member is; 0 for one that has not saved yet. */
export function intervalOf({ checkpoints }: Member): number {
  return checkpoints.length === 0 ? 0 : checkpoints[checkpoints.length - 1]!.index
}

export function isNew({ checkpoints }: Member): boolean {
  return checkpoints.length === 0
}

/** Names by place for the wire; null: has left. */
export function namesOf({ places }: Group): (string | null)[] {
  return places.map((member) => member?.name ?? null)
}

/** After messages have gone: how many are left, and how large they are. */
export function recount(group: Group): void {
  group.undone = 0
  group.bytes = 0
  for (const { mailbox } of group.byName.values()) {
    group.undone += mailbox.heard
    group.bytes += mailbox.bytes
  }
}
