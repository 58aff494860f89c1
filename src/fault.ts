/**
 * The words in which every level reports faults: who noticed, about whom, what, and when.
 *
 * A fault that is masked is still news: the next one may not be. So whoever masks, outvotes, rejects, suspends or gives up says so
 * here, and whoever decides about recovery (a policy, a monitor, a log, a test) needs to know one shape only. Policies ask for the
 * entity, the kind of error and the time; all else is in `data`, for people.
 *
 * Boundary: the words, and a channel of this process on which they are published. What a site writes into its log is the same
 * `Fault`, written by whoever holds the site. Publishing changes nothing: no program depends on who listens.
 */
import { channel } from 'node:diagnostics_channel'

/** What a fault can be about. */
export type EntityKind = 'site' | 'node' | 'worker' | 'run' | 'group' | 'member' | 'action' | 'participant'

export interface Entity {
  readonly kind: EntityKind
  /** A member is named with its group, a participant with its action, as in `roots/newton`. */
  readonly name: string
}

/** Codes of faults and what they mean. A code, once released, keeps its meaning; policies count them. */
export const FAULTS = {
  'action-aborted': 'a coordinated atomic action undid what it had done',
  'action-failed': 'a coordinated atomic action could not undo what it had done',
  'attempt-rejected': 'an acceptance test refused a result, and another attempt was made or the call failed',
  'call-failed': 'a group came to no answer: too few agreed, a tie, or every alternate was refused',
  crashed: 'a node, worker, member or run ended without having been asked to',
  deadlocked: 'runs wait for each other',
  diverged: 'a replica is in another state than its peers, or a body did something else than its journal says',
  exception: 'a participant raised an exception in an action, which all participants now handle',
  exhausted: 'a group has too few members left to go on: a faulty one was kept, or calls are refused',
  lost: 'a participant did not come back in time and has been fenced',
  'member-failed': 'a member threw an error that it has not declared, and the group did without it',
  'member-late': 'a member gave no answer in time, and the group did without it',
  'minority-vote': 'a member voted for another answer than the group decided on',
  'output-refused': 'what a chosen attempt had put out was not taken, as by a space without room',
  'rolled-back': 'members of a checkpoint group failed, and the group went back to a consistent line',
  stranded: 'a member can never return: nothing is left from which its state could be built again',
  suspected: 'nothing was heard of a node or member for longer than agreed; it may be slow only',
  suspended: 'a member had too many faults and is not asked any more',
  'view-changed': 'members left or joined: calls from here on go to others',
  wedged: 'a member failed too often at the same place and is not built again until somebody names it in a recovery',
} as const

export type FaultCode = keyof typeof FAULTS

export interface Fault {
  /** What noticed it, as it is called in programs, such as `nVersion`, `recoveryBlock`, `watchdog`. */
  readonly detector: string
  readonly entity: Entity
  readonly code: FaultCode
  /** Wall time in milliseconds since 1970. */
  readonly atMs: number
  /** Plain data: it may be written to a log. */
  readonly data?: Readonly<Record<string, unknown>>
}

/** The name of the channel: `diagnostics_channel.subscribe(FAULT_CHANNEL, (fault) => …)`. */
export const FAULT_CHANNEL = 'perdure:fault'

/** Kept here: a channel that nobody holds may be collected, and its subscribers with it. */
const faults = channel(FAULT_CHANNEL)

/** Tells everyone in this process who has subscribed, at once. An error thrown by a subscriber is not the publisher's. */
export function publishFault(fault: Fault): void {
  if (faults.hasSubscribers) faults.publish(fault)
}
