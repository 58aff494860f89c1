/**
 * Adjudicators that count: the answer is that of the largest class of agreeing votes, if it is large enough.
 *
 * Boundary: pure. `support/voting.ts` forms the classes; a `Rule` says what is large enough.
 *   A1  Errors and silence count in n and support nothing; only a rule that says so looks at less than n.
 *   A2  A decision is made as soon as no outstanding ballot can change it, for success and failure alike, and not before.
 *   A3  An open poll gives what every completion of it would give; the order of arrival changes nothing, but where a rule says so.
 */
import type { ErrorCode } from '../../../errors.ts'
import { firstOfLargest, type Standing, standing } from '../../../support/voting.ts'
import type { Adjudicator, Ballot, Decision, Poll } from '../ballot.ts'
import { usage } from '../strategy-options.ts'
import { agreement, type CountedVote, countedVotes, decided } from './blame.ts'
import type { Comparison } from './comparison.ts'
import { noAnswer } from './no-answer.ts'

/**
 * `certain`: as soon as nothing outstanding can change the answer. `agreed`: as soon as enough agree, though under a tolerance those to
 * come could move the answer within it. `never`: when all have answered, or time is over.
 */
export type Early = 'certain' | 'agreed' | 'never'

export interface Count {
  /** Of all members of the view. */
  readonly whole: number
  /** Of the largest class. */
  readonly most: number
  /** Of all votes that are there. */
  readonly voted: number
  /** Of the members that may still vote; 0 for a closed poll. */
  readonly outstanding: number
  readonly votes: number
  readonly awaited: number
}

export interface Rule {
  readonly name: string
  readonly early: Early
  readonly code: ErrorCode
  readonly advice: string
  readonly tie: 'fail' | 'priority'
  /** The first class that is large enough decides, in the order of arrival, and nobody is blamed. */
  readonly isFirstCome?: boolean
  minimum(members: number): number
  /** Throws `PERDURE_E_USAGE` when it does not fit a group of this size. */
  check(members: number, id?: (member: number) => string): void
  /** In the order of the members, whole and exact; undefined: 1 each. */
  weights?(poll: Poll): readonly number[]
  /** Whether the largest class has enough, however the outstanding ballots turn out. */
  isEnough(count: Count): boolean
  /** Whether the largest class cannot get enough any more. */
  isHopeless(count: Count): boolean
  /** What it takes, for people. */
  needed(whole: number): string
}

export function countingAdjudicator(rule: Rule, comparison: Comparison): Adjudicator {
  const check = (members: number, id?: (member: number) => string) => {
    rule.check(members, id)
    if (members <= comparison.maxMembers) return
    throw usage(
      `${rule.name} with a tolerance of one's own compares ${comparison.maxMembers} members at most, not ${members}: take fewer, or an equivalence.`,
    )
  }
  return {
    name: rule.name,
    minimum: (members) => rule.minimum(members),
    check,
    judge(poll) {
      const isOpen = !poll.closed && poll.ballots.length < poll.members
      if (isOpen && rule.early === 'never') return undefined
      if (isOpen && rule.weights === undefined && isTooEarly(rule, poll)) return undefined
      check(poll.members, poll.id)
      return rule.isFirstCome === true ? judgeInOrder(rule, comparison, poll, isOpen) : judge(rule, comparison, poll, isOpen)
    },
    agrees: (decision, vote) => agreement(comparison, decision, vote),
  }
}

/** Without a look at the values: all of them equal would not be enough, and none of them a vote would not be hopeless. */
function isTooEarly(rule: Rule, { members, ballots }: Poll): boolean {
  const there = ballots.length
  const outstanding = members - there
  const best: Count = { whole: members, most: there, voted: there, outstanding, votes: there, awaited: outstanding }
  if (rule.isEnough(best)) return false
  return !rule.isHopeless({ whole: members, most: 0, voted: there, outstanding, votes: 0, awaited: outstanding })
}

function judge(rule: Rule, comparison: Comparison, poll: Poll, isOpen: boolean): Decision | undefined {
  const alike = rule.weights === undefined ? mostAlike(comparison, poll.ballots) : NOT_PLAIN
  if (alike === NOT_PLAIN) return judgeClosely(rule, comparison, poll, isOpen)
  const { members, ballots } = poll
  const there = ballots.length
  const outstanding = isOpen ? members - there : 0
  const count: Count = { whole: members, most: alike, voted: there, outstanding, votes: there, awaited: outstanding }
  const isEnough = rule.isEnough(count)
  if (isEnough && alike === there && (outstanding < alike || rule.early === 'agreed') && rule.isFirstCome !== true)
    return ofAll(ballots)
  if (isOpen && !isEnough && !rule.isHopeless(count)) return undefined
  return judgeClosely(rule, comparison, poll, isOpen)
}

const NOT_PLAIN = -1

/** How many say what most say, without a list of classes: most calls are decided by that. `NOT_PLAIN` where it takes more to know. */
function mostAlike(comparison: Comparison, ballots: readonly Ballot[]): number {
  if (!comparison.isPlain) return NOT_PLAIN
  let most = 0
  for (let i = 0; i < ballots.length && most + i < ballots.length; i += 1) {
    const { kind, value, borderline } = ballots[i] as Ballot
    if (kind !== 'value' || borderline === true) return NOT_PLAIN
    let alike = 1
    for (let j = i + 1; j < ballots.length; j += 1) {
      const other = ballots[j] as Ballot
      if (other.kind !== 'value' || other.borderline === true) return NOT_PLAIN
      if (comparison.isSame(value, other.value)) alike += 1
    }
    if (alike > most) most = alike
  }
  return most
}

/** All that have voted agree. */
function ofAll(ballots: readonly Ballot[]): Decision {
  let first = ballots[0] as Ballot
  const support = new Array<number>(ballots.length)
  let isSorted = true
  for (let i = 0; i < ballots.length; i += 1) {
    const ballot = ballots[i] as Ballot
    support[i] = ballot.member
    if (i > 0 && ballot.member < (support[i - 1] as number)) isSorted = false
    if (ballot.member < first.member) first = ballot
  }
  if (!isSorted) support.sort((a, b) => a - b)
  return { kind: 'value', value: first.value, support, faulty: [] }
}

function judgeClosely(rule: Rule, comparison: Comparison, poll: Poll, isOpen: boolean): Decision | undefined {
  const weights = rule.weights?.(poll)
  const votes = countedVotes(poll.ballots, comparison, weights)
  const found = standing(votes, comparison.relation)
  const count = countOf(poll, votes, found, isOpen, weights)
  const isEnough = rule.isEnough(count)
  if (isEnough && found.answer !== undefined) {
    if (isOpen && rule.early !== 'agreed' && !found.isCertain(count.outstanding)) return undefined
    return conclusion(rule, comparison, poll, votes, found, found.answer)
  }
  if (isOpen && !rule.isHopeless(count)) return undefined
  if (!isEnough) return failure(rule, comparison, poll, count)
  const first = rule.tie === 'priority' ? firstOfLargest(votes, comparison.relation, found) : undefined
  return first === undefined ? tie(rule, comparison, poll, count) : conclusion(rule, comparison, poll, votes, found, first)
}

/** As if it had been asked after every ballot: so it decides the same whether it was or not. */
function judgeInOrder(rule: Rule, comparison: Comparison, poll: Poll, isOpen: boolean): Decision | undefined {
  for (let there = 1; there < poll.ballots.length; there += 1) {
    const votes = countedVotes(poll.ballots.slice(0, there), comparison)
    const found = standing(votes, comparison.relation)
    if (!rule.isEnough(countOf(poll, votes, found, true)) || found.answer === undefined) continue
    return conclusion(rule, comparison, poll, votes, found, found.answer)
  }
  return judge({ ...rule, early: 'agreed' }, comparison, poll, isOpen)
}

function countOf(
  poll: Poll,
  votes: readonly CountedVote[],
  found: Standing,
  isOpen: boolean,
  weights?: readonly number[],
): Count {
  const { members, ballots } = poll
  const awaited = isOpen ? members - ballots.length : 0
  if (weights === undefined) {
    return { whole: members, most: found.most, voted: votes.length, outstanding: awaited, votes: votes.length, awaited }
  }
  const whole = sum(weights)
  const outstanding = isOpen ? whole - sum(ballots.map(({ member }) => weights[member] ?? 0)) : 0
  return { whole, most: found.most, voted: sum(votes.map(({ weight }) => weight)), outstanding, votes: votes.length, awaited }
}

function conclusion(
  rule: Rule,
  comparison: Comparison,
  poll: Poll,
  votes: readonly CountedVote[],
  found: Standing,
  index: number,
): Decision {
  const { ballot, value: key } = votes[index] as CountedVote
  const kind = ballot.kind === 'exception' ? 'exception' : 'value'
  const answer = { kind, value: ballot.value, key, blameless: rule.isFirstCome === true } as const
  if (found.largest.length < 2) return decided(poll, comparison, answer)
  const largest = found.largest.flat().map((vote) => (votes[vote] as CountedVote).ballot.member)
  return decided(poll, comparison, { ...answer, largest })
}

function failure(rule: Rule, comparison: Comparison, poll: Poll, { whole, most, voted }: Count): Decision {
  const { name: adjudicator, code, advice } = rule
  return noAnswer(poll, comparison, { adjudicator, code, advice, needed: rule.needed(whole), most, isHarmonious: most === voted })
}

function tie(rule: Rule, comparison: Comparison, poll: Poll, { most }: Count): Decision {
  return noAnswer(poll, comparison, {
    adjudicator: rule.name,
    code: 'PERDURE_E_TIE',
    needed: `one class of votes that is larger than all others; the largest have ${most} each`,
    advice: "Take an odd number of variants, or plurality({ tie: 'priority' }) if the order of the members may decide.",
    most,
    isHarmonious: false,
  })
}

function sum(weights: readonly number[]): number {
  return weights.reduce((total, weight) => total + weight, 0)
}
