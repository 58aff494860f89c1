/**
 * What is said between a group on the log and those who serve it: the arguments of operations, and the notes.
 *
 * Three kinds of sessions take part. *Callers* issue `group.call`. *Hosts* hold members: they execute what notes tell them and cast
 * ballots. *Fronts* hold the strategy's procedure, where functions of the user decide. One session may be all three.
 *
 * Boundary: types only. What a note carries belongs to the machine: whoever hears it copies before anything changes it.
 *   N1  Notes to one host are in the order in which a member has to do what they say, one after the other, and nothing is left out
 *       for as long as the session lives. A session that has ended is never heard of again.
 *   N2  A ballot counts under the epoch of its member that the note named; a member that was suspended, removed or placed anew has
 *       another one.
 *   N3  Hosts are bound sessions: they end with their connection. A front that returns founds its group again and is told again.
 */
import type { Failure, Outcome } from '../../../log/machine.ts'
import type { SuspicionRule } from '../membership.ts'
import type { StateMode } from '../strategy.ts'

/** `active`, `passive` and `leader` are decided by the machine, `vote` by a front. */
export type GroupStyle = 'active' | 'passive' | 'leader' | 'vote'

export interface MemberSpec {
  readonly id: string
  /** The name of its class, as its host knows it. */
  readonly label: string
  /** Null: any host that has the class. */
  readonly node: string | null
}

export interface GroupSpec {
  readonly style: GroupStyle
  /** Of every member's constructor. */
  readonly args: readonly unknown[]
  readonly members: readonly MemberSpec[]
  readonly state: StateMode
  /** Of style `active`: so many equal ballots decide; 1: the first does. */
  readonly agree: number
  /** Of a call that names none; null: it is waited for. */
  readonly timeoutMs: number | null
  /** Service time a member has for one call, from its start. */
  readonly memberMs: number
  /** Every so many calls members send the digest of their state; 0: never. Only where equal members have equal states. */
  readonly hashEvery: number
  readonly suspicion: SuspicionRule
  /** Fewest active members with which calls begin. */
  readonly minimum: number
}

/** Who counts in the calls of a group, from `position` on. */
export interface GroupView {
  readonly id: number
  /** Ids of the active members, in the order of their priority. */
  readonly members: readonly string[]
  readonly position: number
}

/** `absent`: it has no host; `stranded`: nothing is left from which it could be built again. */
export type MemberStatus = 'absent' | 'recovering' | 'shadow' | 'active' | 'suspended' | 'stranded'

/**
 * As in `ballot.ts`; `late` is cast by the machine only. Hosts do not know what is declared: whatever an object throws is an `exception`;
 * `error` is what is no answer of the object: it could not be built, or its answer cannot travel.
 */
export type CastKind = 'value' | 'exception' | 'error'

/** An `out` of the attempt, kept back until its ballot is chosen: space, tuple, and options as `space.out` takes them. */
export type BufferedOut = readonly [space: string, tuple: readonly unknown[], options?: unknown]

export interface BallotExtra {
  /** Digest of the state after the call (`stateDigest`), where the note wanted one. */
  readonly hash?: string
  /** State before the attempt; only for an acceptance test (style `vote`). */
  readonly before?: unknown
  /** State after the attempt, where state is `common`, or style `passive`. Absent: the attempt has changed nothing. */
  readonly after?: unknown
  readonly outs?: readonly BufferedOut[]
  /** How many choices it has made or repeated (style `leader`). */
  readonly choices?: number
  /** As in `Ballot`. */
  readonly borderline?: boolean
}

/** A ballot as it is kept and told: `answer` holds the value or what was thrown. */
export interface RecordedBallot {
  readonly member: string
  /** Of the object that cast it; -1: it had gone, and this stands for its ballot. */
  readonly epoch: number
  readonly attempt: number
  readonly kind: CastKind | 'late'
  /** An error for every kind but `value`. */
  readonly answer: Outcome
  readonly ms: number
  readonly extra: BallotExtra
  /** False for members that are compared, but not counted. */
  readonly counted: boolean
}

export interface DecisionNotes {
  /** Ids of members. */
  readonly support: readonly string[]
  readonly faulty: readonly string[]
  readonly late: readonly string[]
  /** Turned down by the acceptance test. */
  readonly rejected: readonly string[]
  /** Whose state becomes the common one, and whose outs are performed. */
  readonly chosen: string | null
}

/** What callers and hosts and fronts send. Every array is the arguments of the operation of that name, `->` its answer. */
export interface GroupOperations {
  /** -> Founded. Makes the calling session a front of the group until it ends, and tells it again what it has to do. */
  'group.found': readonly [name: string, key: string, spec: GroupSpec]
  /** -> true. Of a session only. Again: replaces the labels. `PERDURE_E_NODE_TAKEN` while another session has this node's name. */
  'group.enlist': readonly [node: string, boot: string, labels: readonly string[]]
  /**
   * -> the value that was decided, or its error. `timeoutMs` null: as in the specification of the group. `front`: the session that is to
   * conduct it, if that is a front of the group: the one in the process of the caller.
   */
  'group.call': readonly [
    name: string,
    key: string,
    method: string,
    args: readonly unknown[],
    timeoutMs: number | null,
    front?: number | null,
  ]
  /**
   * -> true. Of the call's front. `args` null: the call's own. `attempt` counts the tries of a member in this call, from 1; what was
   * started already is not started again, so a front that takes over may say everything once more.
   */
  'group.start': readonly [call: number, members: readonly string[], args: readonly unknown[] | null, attempt: number]
  /** -> true, or false when it came too late to count. `PERDURE_E_STALE` under an old epoch. */
  'group.ballot': readonly [
    call: number,
    member: string,
    epoch: number,
    attempt: number,
    kind: CastKind,
    answer: Outcome,
    ms: number,
    extra: BallotExtra,
  ]
  /** -> the n-th choice of this call, n from 0: this one, or the one that was made before. */
  'group.choice': readonly [call: number, member: string, epoch: number, n: number, value: unknown]
  /** -> true, or false when it was decided before. Of the call's front. */
  'group.decide': readonly [call: number, kind: 'value' | 'exception' | 'error', answer: Outcome, notes: DecisionNotes]
  /** -> true. Of a front of the group, after a decision: who of the stragglers was wrong, or hung beyond its time. */
  'group.blame': readonly [group: number, call: number, faulty: readonly string[], late: readonly string[]]
  /** -> true. The member is built, has restored and repeated what the place note said; with a failure: it could not be. */
  'group.ready': readonly [group: number, member: string, epoch: number, failure: Failure | null]
  /** -> true. Answer to a donate note: the state after that call; an error where there is none to be had. */
  'group.state': readonly [group: number, member: string, epoch: number, afterCall: number, state: Outcome]
  /** -> GroupView, each. */
  'group.suspend': readonly [name: string, key: string, member: string]
  'group.add': readonly [name: string, key: string, member: MemberSpec]
  'group.remove': readonly [name: string, key: string, member: string]
  /** Makes it primary or leader; where the members have diverged, says that its state is the right one. A suspended one returns at once. */
  'group.promote': readonly [name: string, key: string, member: string]
  /** -> true; false when there is no such group. */
  'group.close': readonly [name: string, key: string]
}

export interface Founded {
  readonly group: number
  readonly view: GroupView
}

/** What a member does with a call: `shadow` casts a ballot that is not counted, `replay` casts none. */
export type Role = 'member' | 'primary' | 'leader' | 'follower' | 'shadow' | 'replay'

/** A call as it is repeated: with the choices that were made in it. */
export type PastCall = readonly [call: number, method: string, args: readonly unknown[], choices: readonly unknown[]]

/** A state that members agreed on, after which calls are repeated. */
export interface Base {
  readonly afterCall: number
  readonly state: unknown
}

/** To hosts. */
export type HostNote =
  /** Construct, restore the base if there is one, repeat the calls, then say `group.ready`; what follows waits for that. */
  | readonly [
      'group.place',
      group: number,
      member: string,
      epoch: number,
      label: string,
      args: readonly unknown[],
      mode: StateMode,
      base: Base | null,
      calls: readonly PastCall[],
    ]
  /**
   * Execute. Where state is `common`, or the style passive, on a copy (passive: the primary may work on its own state, and send it as
   * `after`). Choices: those already made, to be repeated; later ones are sent as `group.choice` by a leader.
   */
  | readonly [
      'group.run',
      group: number,
      member: string,
      epoch: number,
      call: number,
      attempt: number,
      method: string,
      args: readonly unknown[],
      role: Role,
      wantHash: boolean,
      choices: readonly unknown[],
    ]
  /**
   * Decided. State `common` and style passive: `state` (where not null: nobody has changed it) is from here on that of all members here
   * but a passive group's `chosen`, which has it and may have gone on to the next call; their attempts are dropped. Any state: signals of
   * attempts still under way abort. Not sent to members with a state of their own.
   */
  | readonly ['group.end', group: number, call: number, chosen: string | null, state: readonly [state: unknown] | null]
  /** Forget the object. */
  | readonly ['group.drop', group: number, member: string, epoch: number]
  /** Send the state as it is now, after that call; comes right behind its run. */
  | readonly ['group.donate', group: number, member: string, epoch: number, afterCall: number]

/** To fronts. */
export type FrontNote =
  /**
   * Conduct this call, from the beginning, also if it was conducted before: under another view, or by somebody else. `members`: the
   * view at dispatch, n. `ballots`: what has come in, in order; `started` with the attempts.
   */
  | readonly [
      'group.turn',
      group: number,
      call: number,
      method: string,
      args: readonly unknown[],
      members: readonly string[],
      started: readonly (readonly [member: string, attempt: number])[],
      ballots: readonly RecordedBallot[],
    ]
  | readonly ['group.ballot', group: number, call: number, ballot: RecordedBallot]
  /** The time of the whole call is over: decide with what there is, within `FRONT_MS`. */
  | readonly ['group.deadline', group: number, call: number]
  /** Somebody else has it, or the machine has decided it: forget it. Not told to a front of what it has decided itself. */
  | readonly ['group.over', group: number, call: number]

export interface ListedMember extends MemberSpec {
  readonly status: MemberStatus
  /** Node of the host that has it. */
  readonly host: string | null
  readonly epoch: number
  /** Counted so far, all together. */
  readonly faults: number
  readonly suspensions: number
}

/** Answer to the question `view`, [name, key]; null when there is no such group. */
export interface ListedGroup {
  readonly group: number
  readonly name: string
  readonly key: string
  readonly style: GroupStyle
  readonly id: number
  readonly position: number
  /** Primary or leader. */
  readonly acting: string | null
  /** In the order of their priority; those of the view are `active`. */
  readonly members: readonly ListedMember[]
  /** Calls that are not decided. */
  readonly open: number
  /** Calls decided since it was founded. */
  readonly calls: number
  /** Why calls are refused, if they are. */
  readonly refusing: string | null
}
