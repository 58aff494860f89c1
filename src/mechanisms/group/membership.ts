/**
 * Who belongs to a group: when a member is suspected, how long it stays away, how it comes back.
 *
 *     active -> suspended -> recovering -> shadow -> active
 *
 * A member with `faults` wrong answers, or `faults` time-outs, among its last `calls` is suspected. It stays away for `ejectMs`,
 * twice as long each time, is then built again, executes `shadowCalls` calls without being counted, and is trusted again if none of
 * them was wrong; else it is suspended once more.
 *
 * Boundary: pure functions over plain records, in calls and milliseconds that are given. Groups in one process and groups on the log
 * decide with the same ones.
 *   B1  The ids of views grow by one, and a view differs from the one before it.
 *   B2  Suspicion alone never takes a group below its minimum.
 */

export interface SuspicionRule {
  /** So many wrong answers, or so many time-outs, … */
  readonly faults: number
  /** … among so many of its last calls make a member suspected. */
  readonly calls: number
  /** Calls that it executes without being counted before it is trusted again. */
  readonly shadowCalls: number
  /** Time until it is tried again, in milliseconds; doubled each time, up to an hour. */
  readonly ejectMs: number
}

/** Wrong: a vote that differs, an error that was not declared, a result that was rejected. Late: nothing in time. */
export type Blame = 'wrong' | 'late'

export interface MemberRecord {
  /** Calls it has taken part in. */
  calls: number
  /** The calls, by their count, of its latest faults; of each kind no more than the rule needs. */
  wrong: number[]
  late: number[]
  /** Of both kinds, for ever. */
  faults: number
  suspensions: number
  /** Calls it has still to execute without being counted. */
  shadowLeft: number
}

/** Of which who counts: from `position` on, a position of the log or a count of changes. */
export interface View {
  readonly id: number
  readonly members: readonly string[]
  readonly position: number
}

/** One hour: longer than most outages, short enough to notice a repair on the same day. */
export const MAX_EJECT_MS: number = 60 * 60 * 1000

/** More doublings would exceed every bound. */
const MAX_DOUBLINGS = 30

export const NO_VIEW: View = { id: 0, members: [], position: 0 }

export function newRecord(): MemberRecord {
  return { calls: 0, wrong: [], late: [], faults: 0, suspensions: 0, shadowLeft: 0 }
}

/** The member has taken part in one more call. */
export function tookPart(record: MemberRecord): void {
  record.calls += 1
}

/** Notes a fault; true if the member is suspected now. The two kinds are counted apart. */
export function blamed(record: MemberRecord, blame: Blame, rule: SuspicionRule): boolean {
  record.faults += 1
  const recent = record[blame].filter((call) => call > record.calls - rule.calls)
  recent.push(record.calls)
  record[blame] = recent.slice(-rule.faults)
  return recent.length >= rule.faults
}

/** B2: whether the group can do without one more of its active members. */
export function canSpare(active: number, minimum: number): boolean {
  return active - 1 >= minimum
}

/** The member is suspended: what it did before no longer counts against it. Returns for how long, in milliseconds. */
export function suspended(record: MemberRecord, rule: SuspicionRule): number {
  record.suspensions += 1
  record.wrong = []
  record.late = []
  record.shadowLeft = rule.shadowCalls
  return ejectionMs(record.suspensions, rule)
}

/** How long a member stays away the n-th time. */
export function ejectionMs(suspensions: number, rule: SuspicionRule): number {
  return Math.min(rule.ejectMs * 2 ** Math.min(suspensions - 1, MAX_DOUBLINGS), MAX_EJECT_MS)
}

/** A shadow has executed a call as it should; true if it is trusted again. */
export function shadowed(record: MemberRecord): boolean {
  record.shadowLeft = Math.max(0, record.shadowLeft - 1)
  return record.shadowLeft === 0
}

/** The view after a change, or the same one where nothing has changed. */
export function nextView(view: View, members: readonly string[], position: number): View {
  const same = view.members.length === members.length && view.members.every((id, i) => id === members[i])
  return same ? view : { id: view.id + 1, members, position }
}
