/**
 * What members say to a call, and what is made of it.
 *
 * Every member that executes a call casts one *ballot*. A returned value and a declared exception are votes; any other error, and
 * silence until the deadline, are ballots without a vote: they count in n and support nothing. A *decision* is made of ballots, and
 * a *verdict* is its record, complete once the last straggler has answered or run out of time.
 *
 * Boundary: data only. Members are named by their place in the view at the time of the call, from 0; ids are for people.
 */

/** `value` and `exception` are votes; `error` (thrown, but not declared) and `late` (nothing in time) are none. */
export type BallotKind = 'value' | 'exception' | 'error' | 'late'

export interface Ballot {
  readonly member: number
  readonly kind: BallotKind
  /** The value, or what was thrown; undefined when late. A copy: what the member does to its own afterwards changes nothing. */
  readonly value: unknown
  /** From the start of the member to its answer. */
  readonly ms: number
  /** Its author says that a neighbouring answer would be as right (consistent comparison problem): to disagree is no fault then. */
  readonly borderline?: boolean
}

/** What an adjudicator knows at a moment. */
export interface Poll {
  /** n: the members of the view at dispatch. */
  readonly members: number
  /** In the order of arrival, one for each member at most. */
  readonly ballots: readonly Ballot[]
  /** Nothing more will come: all have answered, or the deadline has passed. Then there must be a decision. */
  readonly closed: boolean
  /** For messages, and for weights that are given by id. Default: `member 0`, `member 1`, … */
  readonly id?: ((member: number) => string) | undefined
}

export interface Decision {
  /** `error` when the members came to no answer: then `value` is the PerdureError to be thrown. */
  readonly kind: 'value' | 'exception' | 'error'
  readonly value: unknown
  /** Members whose votes carry the answer. */
  readonly support: readonly number[]
  /** Members that are to blame: a differing vote, an undeclared error. Silence is in `late` of the verdict. */
  readonly faulty: readonly number[]
  /** To differ from this answer is no fault: all that carry it are borderline, or nothing says that it is the right one. */
  readonly blameless?: true
}

export interface Adjudicator {
  readonly name: string
  /** The fewest members with which it can still decide for a value: suspicion never takes a group below. */
  minimum(members: number): number
  /** Undefined as long as outstanding ballots could change the decision; pure, and never undefined for a closed poll. */
  judge(poll: Poll): Decision | undefined
  /** Whether a straggler's vote agrees with what was decided; undefined for a borderline vote: no fault, no support. */
  agrees(decision: Decision, vote: Ballot): boolean | undefined
  /** `PERDURE_E_USAGE` when it does not fit a group of this size; asked when the group is defined, so that no call has to fail. */
  check?(members: number, id?: (member: number) => string): void
}

/** Given to `onVerdict` once all stragglers have answered or run out of time. */
export interface Verdict {
  readonly method: string
  readonly args: readonly unknown[]
  readonly decision: 'value' | 'error'
  readonly value?: unknown
  readonly error?: unknown
  /** Ids of the view at dispatch: n. */
  readonly members: readonly string[]
  /** Wall time of the decision. */
  readonly atMs: number
  /** Ids of members. */
  readonly support: readonly string[]
  readonly faulty: readonly string[]
  /** Answered after the decision's deadline, or not at all. */
  readonly late: readonly string[]
  readonly started: readonly string[]
  readonly ballots: readonly VerdictBallot[]
}

export interface VerdictBallot {
  readonly id: string
  readonly kind: BallotKind
  readonly value?: unknown
  readonly error?: unknown
  readonly ms: number
  /** Of strategies with an acceptance test: what it said. */
  readonly accepted?: boolean
}
