/**
 * Adjudicators of one's own: a name and a function from ballots to a value, an error, or "not yet".
 *
 * Boundary: pure, as the function has to be: the same ballots in the same order give the same decision, in a replay too.
 *   O1  Members are blamed for undeclared errors; for values only if `agrees` is given, since nobody else knows what is right.
 *   O2  A closed poll is decided, also by a function that is still undecided: as an error.
 */
import type { Adjudicator, Ballot, Decision, Poll } from '../ballot.ts'
import { usage } from '../strategy-options.ts'
import { agreement, decided, failedMembers } from './blame.ts'
import { comparison, exceptionKey } from './comparison.ts'
import { noAnswer } from './no-answer.ts'

/** What `judge` returns as long as ballots to come could change its mind. */
export const undecided: unique symbol = Symbol.for('perdure.undecided')

/** Beside the ballots: what can be known of those that have not come. */
export interface PollView {
  /** n: the members of the view at dispatch. */
  readonly members: number
  /** Ballots that may still come; 0 when the poll is closed. */
  readonly outstanding: number
  /** Nothing more will come: `undecided` is an error now. */
  readonly closed: boolean
}

export interface OwnAdjudicator<R = unknown> {
  /** For messages. */
  readonly name: string
  /**
   * Of ballots in the order of arrival, also of those without a vote (`error`, `late`). Returning an error fails the call with it, unless it
   * is what a member raised or returned: then it is the group's answer too. Throwing fails the call as well.
   */
  judge(ballots: readonly Ballot[], view: PollView): R | Error | typeof undecided
  /** Whether a vote agrees with the answer; undefined: it is neither support nor fault. Default: it does if equal, and else nothing is said. */
  agrees?(answer: R, vote: Ballot): boolean | undefined
  /** The fewest members with which it can decide. Default 1. */
  readonly minMembers?: number
}

/** An adjudicator as `majority()` is one. `PERDURE_E_USAGE` without a name and a function `judge`. */
export function adjudicator<R = unknown>(own: OwnAdjudicator<R>): Adjudicator {
  if (typeof own?.name !== 'string' || typeof own.judge !== 'function')
    throw usage('adjudicator takes { name, judge(ballots, view) }: one of them is missing.')
  const { name, minMembers = 1 } = own
  const least = Math.max(1, minMembers)
  return {
    name,
    minimum: () => least,
    judge: (poll) => judge(own, poll),
    agrees: (decision, vote) => opinion(own, decision, vote),
  }
}

const BY_CONTENT = comparison('adjudicator', {})

function judge<R>(own: OwnAdjudicator<R>, poll: Poll): Decision | undefined {
  const { members, ballots } = poll
  const closed = poll.closed || ballots.length >= members
  const outcome: unknown = own.judge(ballots, { members, outstanding: closed ? 0 : members - ballots.length, closed })
  if (outcome === undecided) return closed ? stillUndecided(own, poll) : undefined
  const author = ballots.find(({ kind, value }) => (kind === 'value' || kind === 'exception') && Object.is(value, outcome))
  if (outcome instanceof Error && author === undefined) {
    return { kind: 'error', value: outcome, support: [], faulty: failedMembers(ballots, BY_CONTENT) }
  }
  const kind = author?.kind === 'exception' ? 'exception' : 'value'
  const key = kind === 'exception' ? exceptionKey(outcome) : outcome
  const decision = decided(poll, BY_CONTENT, { kind, value: outcome, key, blameless: true })
  return own.agrees === undefined ? decision : asked(own, decision, ballots)
}

/** With the author's own opinion about every vote. */
function asked<R>(own: OwnAdjudicator<R>, { kind, value }: Decision, ballots: readonly Ballot[]): Decision {
  const decision = { kind, value, support: [], faulty: [] }
  const opinions = [...ballots]
    .filter((ballot) => ballot.kind !== 'late')
    .sort((a, b) => a.member - b.member)
    .map((ballot) => ({ member: ballot.member, agrees: opinion(own, decision, ballot) }))
  const those = (agrees: boolean) => opinions.filter((each) => each.agrees === agrees).map(({ member }) => member)
  return { kind, value, support: those(true), faulty: those(false) }
}

function opinion<R>(own: OwnAdjudicator<R>, decision: Decision, vote: Ballot): boolean | undefined {
  const isVote = vote.kind === 'value' || vote.kind === 'exception'
  if (!isVote || decision.kind === 'error' || own.agrees === undefined) return agreement(BY_CONTENT, decision, vote)
  const agrees = own.agrees(decision.value as R, vote)
  return agrees === false && vote.borderline === true ? undefined : agrees
}

function stillUndecided<R>({ name }: OwnAdjudicator<R>, poll: Poll): Decision {
  return noAnswer(poll, BY_CONTENT, {
    adjudicator: name,
    code: 'PERDURE_E_NO_QUORUM',
    needed: 'its judge to return a value or an error when view.closed is true',
    advice: 'Correct the judge if the ballots were sufficient.',
    most: 0,
    isHarmonious: false,
  })
}
