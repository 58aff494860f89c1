/**
 * What the median and the mean have in common: the middle one, or the mean of what is left when the extremes are gone.
 *
 * The median masks wild values of a minority without a tolerance and is always a value that a member gave. A mean is nobody's value.
 *
 * Boundary: pure.
 *   B1  More than half of all members must have given a number. Anything else, NaN too, is a fault of its member.
 *   B2  Members that raised the same declared exception, if they are more than half, decide for it.
 *   B3  Decided when all have answered, at the deadline, or before if no outstanding number can change the answer.
 *   B4  Numbers that differ are nobody's fault, unless a comparison was given.
 */

import { standing } from '../../../support/voting.ts'
import type { Adjudicator, Ballot, Decision, Poll } from '../ballot.ts'
import { usage } from '../strategy-options.ts'
import { agreement, type CountedVote, countedVotes, decided } from './blame.ts'
import { type Comparison, NO_VOTE } from './comparison.ts'
import { noAnswer } from './no-answer.ts'

export interface Middle {
  /** The fewest numbers to decide on. */
  readonly least: number
  /** Of ascending numbers, with so many more to come: the vote or number that is the answer; undefined while it may change. */
  find(numbers: readonly CountedVote[], outstanding: number): CountedVote | number | undefined
  /** What of a decision's value is compared. */
  keyOf(value: unknown): unknown
}

export function middleAdjudicator(name: string, compare: Comparison, middle: Middle): Adjudicator {
  const { least } = middle
  const check = (members: number) => {
    if (members >= least) return
    throw usage(`${name} needs ${least} members at least, and the group has ${members}. Trim less, or add members.`)
  }
  return {
    name,
    minimum: (members) => neededOf(members, least),
    check,
    judge(poll) {
      check(poll.members)
      return judge(name, compare, middle, poll)
    },
    agrees(decision, vote) {
      const opinion = agreement(compare, decision, vote, ({ value }) => middle.keyOf(value))
      const isOpen = !compare.isGiven && vote.kind === 'value' && decision.kind === 'value' && compare.keyOf(vote) !== NO_VOTE
      return opinion === false && isOpen ? undefined : opinion
    },
  }
}

function judge(name: string, compare: Comparison, middle: Middle, poll: Poll): Decision | undefined {
  const { members, ballots, closed } = poll
  const outstanding = closed ? 0 : members - ballots.length
  const needed = neededOf(members, middle.least)
  // Neither enough nor hopeless, whatever the ballots say.
  if (2 * ballots.length <= members && outstanding >= needed) return undefined
  const votes = countedVotes(ballots, compare)
  const numbers = votes.filter(({ ballot }) => ballot.kind === 'value').sort((a, b) => (a.value as number) - (b.value as number))
  const exceptions = votes.filter(({ ballot }) => ballot.kind === 'exception')
  const raised = standing(exceptions, compare.relation)
  if (2 * raised.most > members) {
    const { ballot, value: key } = exceptions[raised.answer as number] as CountedVote
    return decided(poll, compare, { kind: 'exception', value: ballot.value, key })
  }
  if (numbers.length >= needed) {
    const found = middle.find(numbers, outstanding)
    return found === undefined ? undefined : conclusion(poll, compare, numbers, found)
  }
  const isHopeless = numbers.length + outstanding < needed && 2 * (raised.most + outstanding) <= members
  if (outstanding > 0 && !isHopeless) return undefined
  return noAnswer(poll, compare, {
    adjudicator: name,
    code: 'PERDURE_E_NO_QUORUM',
    needed: `${needed} of ${members} to give a number`,
    advice: 'Find out why the others failed; an answer that contains a number needs compareOn.',
    most: Math.max(numbers.length, raised.most),
    isHarmonious: numbers.length === 0 || exceptions.length === 0,
  })
}

function conclusion(poll: Poll, compare: Comparison, numbers: readonly CountedVote[], found: CountedVote | number): Decision {
  const answer = typeof found === 'number' ? { value: found, key: found } : { value: found.ballot.value, key: found.value }
  const kind = 'value'
  if (compare.isGiven) return decided(poll, compare, { kind, ...answer })
  return decided(poll, compare, { kind, ...answer, largest: numbers.map(({ ballot }) => ballot.member) })
}

function neededOf(members: number, least: number): number {
  return Math.max(least, Math.floor(members / 2) + 1)
}

/** Only numbers are votes, and declared exceptions. */
export function numeric(compare: Comparison, isNumber: (key: unknown) => boolean): Comparison {
  const keyOf = (ballot: Ballot) => {
    const key = compare.keyOf(ballot)
    return ballot.kind === 'exception' || isNumber(key) ? key : NO_VOTE
  }
  return { ...compare, keyOf }
}

/** Of ascending numbers, never outside of them; their sum may be more than a double can hold. */
export function meanOf(numbers: readonly number[]): number {
  const sum = numbers.reduce((total, number) => total + number, 0)
  const whole = Number.isFinite(sum)
    ? sum / numbers.length
    : numbers.reduce((total, number) => total + number / numbers.length, 0)
  return Math.min(Math.max(whole, numbers[0] as number), numbers.at(-1) as number)
}
