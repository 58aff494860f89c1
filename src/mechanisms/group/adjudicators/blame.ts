/**
 * From an answer to a decision: whose votes carry it, and who is to blame.
 *
 * Boundary: pure.
 *   F1  Support and blame are in the order of the members, whatever the order of arrival.
 *   F2  Nobody is blamed who agrees with the answer, is in a largest class, is borderline, or is late (silence is not a wrong answer).
 *   F3  An undeclared error, and a value that cannot count, are always a fault, also when the members came to no answer.
 */
import type { Vote } from '../../../support/voting.ts'
import type { Ballot, Decision, Poll } from '../ballot.ts'
import { type Comparison, exceptionKey, NO_VOTE } from './comparison.ts'

/** A ballot that counts. */
export interface CountedVote extends Vote {
  readonly ballot: Ballot
}

/** The votes in the order of priority; members of weight 0 have none. */
export function countedVotes(ballots: readonly Ballot[], { keyOf }: Comparison, weights?: readonly number[]): CountedVote[] {
  const votes: CountedVote[] = []
  for (const ballot of ballots) {
    if (ballot.kind === 'late' || ballot.kind === 'error') continue
    const value = keyOf(ballot)
    const weight = weights === undefined ? 1 : (weights[ballot.member] ?? 0)
    if (value === NO_VOTE || weight === 0) continue
    let place = votes.length
    while (place > 0 && (votes[place - 1] as CountedVote).ballot.member > ballot.member) place -= 1
    if (place === votes.length) votes.push({ ballot, value, weight })
    else votes.splice(place, 0, { ballot, value, weight })
  }
  return votes
}

export interface Answer {
  readonly kind: 'value' | 'exception'
  readonly value: unknown
  /** What of it is compared. */
  readonly key: unknown
  /** Members in a largest class, whether they agree with the answer or not. */
  readonly largest?: readonly number[]
  readonly blameless?: boolean
}

export function decided(poll: Poll, comparison: Comparison, answer: Answer): Decision {
  const support: number[] = []
  const faulty: number[] = []
  const differing: number[] = []
  let isFirm = false
  for (const ballot of poll.ballots) {
    const { member } = ballot
    if (ballot.kind === 'late') continue
    const key = ballot.kind === 'error' ? NO_VOTE : comparison.keyOf(ballot)
    if (key === NO_VOTE) faulty.push(member)
    else if (comparison.isSame(answer.key, key)) {
      support.push(member)
      if (ballot.borderline !== true) isFirm = true
    } else if (ballot.borderline !== true && answer.largest?.includes(member) !== true) differing.push(member)
  }
  // Votes with which all that carry the answer would be content: to differ from borderline ones is no fault.
  const blameless = answer.blameless === true || (!isFirm && support.length > 0)
  if (!blameless) faulty.push(...differing)
  const { kind, value } = answer
  const decision: Decision = { kind, value, support: support.sort(ascending), faulty: faulty.sort(ascending) }
  return blameless ? { ...decision, blameless: true } : decision
}

/** For an adjudicator whose answers are of this comparison; `keyOf` says what of the answer is compared. */
export function agreement(
  comparison: Comparison,
  decision: Decision,
  vote: Ballot,
  keyOf: (decision: Decision) => unknown = (given) => answerKey(comparison, given),
): boolean | undefined {
  const key = vote.kind === 'late' || vote.kind === 'error' ? NO_VOTE : comparison.keyOf(vote)
  if (key === NO_VOTE) return false
  if (decision.kind === 'error') return undefined
  const expected = decision.kind === 'exception' ? exceptionKey(decision.value) : keyOf(decision)
  if (comparison.isSame(expected, key)) return true
  return vote.borderline === true || decision.blameless === true ? undefined : false
}

/** Members whose ballots are no votes though they have answered. */
export function failedMembers(ballots: readonly Ballot[], { keyOf }: Comparison): number[] {
  const failed = ballots.filter((ballot) => ballot.kind === 'error' || (ballot.kind !== 'late' && keyOf(ballot) === NO_VOTE))
  return failed.map(({ member }) => member).sort(ascending)
}

function answerKey({ keyOf }: Comparison, { value }: Decision): unknown {
  return keyOf({ member: 0, kind: 'value', value, ms: 0 })
}

function ascending(a: number, b: number): number {
  return a - b
}
