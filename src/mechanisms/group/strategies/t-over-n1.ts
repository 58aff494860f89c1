/**
 * t/(n-1)-variant programming: one right answer is found with few comparisons, without asking which answer has the most votes.
 *
 * Of n = 2t + 1 members at most t are taken to be wrong. Neighbours in a chain are compared. Equal neighbours are both right or both
 * wrong, of different ones at least one is wrong; a set of at most t members that fits all comparisons *explains* them. A member
 * that no explanation accuses is right: "all faults lie among the n-1 others". With n = 5 three comparisons do, where a majority
 * vote needs up to ten, and 7, 7, 9, 9, 5 comes out as 5. (Xu and Randell, Software Fault Tolerance: t/(n-1)-Variant Programming.)
 *
 * Boundary: pure; the members run as in N-version programming, and this is an adjudicator.
 *   X1  With at most t wrong members the answer is right, whatever the wrong ones say, and if they say the same.
 *   X2  A member without a vote counts as wrong. A decision is made as soon as no outstanding ballot could accuse its author.
 */
import { PerdureError } from '../../../errors.ts'
import type { Adjudicator } from '../adjudicators/adjudicator.ts'
import { agreement, decided, failedMembers } from '../adjudicators/blame.ts'
import { type Comparison, type ComparisonOptions, comparison, NO_VOTE } from '../adjudicators/comparison.ts'
import type { Ballot, Poll } from '../ballot.ts'
import type { Strategy, StrategyOptions } from '../strategy.ts'
import { commonOptions, count, usage } from '../strategy-options.ts'
import { AllAtOnce, stateOf } from './n-version.ts'
import { failure } from './poll.ts'

/** A test tries every way in which up to so many can be wrong; with more, explanations become too many to be enumerated. */
const MOST_FAULTS = 4

/** Up to here the chain ends before the last member, as in the paper for n = 5. With t = 3 it would clear nobody of A A B C A A D. */
const SHORT_CHAIN_FAULTS = 2

export interface TOverN1Options extends StrategyOptions, Pick<ComparisonOptions, 'compareOn' | 'equal'> {
  /** So many members may be wrong, from 1 to 4; the group then has exactly 2t + 1 members. */
  readonly t: number
}

/**
 * A strategy for `dependable` and `objectGroup` of 2t + 1 members, all of which execute every call.
 *
 * More than t wrong members may go unnoticed: unlike a majority, it answers also when no two members agree. What it notices fails
 * with `PERDURE_E_NO_QUORUM`. `PERDURE_E_USAGE` for options or a number of members that do not fit.
 */
export function tOverN1<const O extends TOverN1Options>(options: O): Strategy<O> {
  const common = commonOptions('tOverN1', options)
  const t = count('tOverN1', 't', options.t, 1)
  if (t > MOST_FAULTS)
    throw usage(`The option t of tOverN1 is ${t}: expected at most ${MOST_FAULTS} wrong members. Use nVersion with majority().`)
  const compared = comparison('tOverN1', options)
  if (compared.relation.kind !== 'equivalence')
    throw usage(
      'tOverN1 cannot compare with a tolerance: that neighbours are near does not make the ends of a chain equal. Use nVersion with majority({ within }).',
    )
  const adjudicator = diagnosis(t, compared)
  return {
    kind: 'tOverN1',
    options,
    state: stateOf(options),
    attemptMs: Number.POSITIVE_INFINITY,
    ...common,
    minimum: (members) => adjudicator.minimum(members),
    check: (members) => {
      if (members === 2 * t + 1) return []
      throw usage(`tOverN1 with t = ${t} has ${members} members: expected exactly ${2 * t + 1}, of which at most ${t} are wrong.`)
    },
    agrees: (decision, vote) => adjudicator.agrees(decision, vote),
    begin: (call) => new AllAtOnce(call, adjudicator),
  }
}

function diagnosis(t: number, compared: Comparison): Adjudicator {
  const members = 2 * t + 1
  const links = chain(t)
  const suspects = setsOfAtMost(t, members)
  return {
    name: `t/(n-1) with t = ${t}`,
    minimum: () => members,
    agrees: (decision, vote) => agreement(compared, decision, vote),
    judge(poll) {
      if (poll.members !== members) return failure(wrongSize(t, poll.members))
      const keys = keysOf(poll, compared)
      const accused = accusedOf(suspects, silentOf(poll, keys), findingsOf(links, keys, compared))
      if (accused === undefined) return failure(tooManyFaults(t), failedMembers(poll.ballots, compared))
      const right = innermost(poll, accused, links.length)
      return (
        right &&
        decided(poll, compared, {
          kind: right.kind === 'value' ? 'value' : 'exception',
          value: right.value,
          key: keys[right.member],
        })
      )
    },
  }
}

/** Two members that were compared, and whether they are alike. */
interface Finding {
  readonly first: number
  readonly second: number
  readonly alike: boolean
}

/** Sets of members are numbers whose bit i stands for member i. */
type MemberSet = number

type Links = readonly (readonly [number, number])[]

/** Neighbours to be compared: of the first n - 1, or with more faults of all members in a ring. */
function chain(t: number): Links {
  const members = 2 * t + 1
  const links = t <= SHORT_CHAIN_FAULTS ? members - 2 : members
  return Array.from({ length: links }, (_, i) => [i, (i + 1) % members] as const)
}

function setsOfAtMost(t: number, members: number): readonly MemberSet[] {
  const sets: MemberSet[] = []
  for (let set = 0; set < 1 << members; set += 1) if (sizeOf(set) <= t) sets.push(set)
  return sets
}

function sizeOf(set: MemberSet): number {
  let size = 0
  for (let rest = set; rest !== 0; rest &= rest - 1) size += 1
  return size
}

/** By member, what is compared of its vote; `NO_VOTE` of those that have not voted. */
function keysOf(poll: Poll, compared: Comparison): readonly unknown[] {
  const keys = new Array<unknown>(poll.members).fill(NO_VOTE)
  for (const ballot of poll.ballots) keys[ballot.member] = compared.keyOf(ballot)
  return keys
}

/** Who is known not to vote. */
function silentOf(poll: Poll, keys: readonly unknown[]): MemberSet {
  let silent: MemberSet = 0
  if (poll.closed) for (const [member, key] of keys.entries()) if (key === NO_VOTE) silent |= 1 << member
  for (const { member } of poll.ballots) if (keys[member] === NO_VOTE) silent |= 1 << member
  return silent
}

/** A borderline vote that differs counts as wrong here, although nobody will be blamed for it. */
function findingsOf(links: Links, keys: readonly unknown[], compared: Comparison): readonly Finding[] {
  const findings: Finding[] = []
  for (const [first, second] of links) {
    const [one, other] = [keys[first], keys[second]]
    if (one !== NO_VOTE && other !== NO_VOTE) findings.push({ first, second, alike: compared.isSame(one, other) })
  }
  return findings
}

/** All members that any explanation accuses; undefined if no set explains what was found. */
function accusedOf(suspects: readonly MemberSet[], silent: MemberSet, findings: readonly Finding[]): MemberSet | undefined {
  let accused: MemberSet | undefined
  for (const set of suspects) {
    if ((set & silent) !== silent) continue
    if (findings.every((finding) => explains(set, finding))) accused = (accused ?? 0) | set
  }
  return accused
}

function explains(set: MemberSet, { first, second, alike }: Finding): boolean {
  const firstIsWrong = (set >> first) & 1
  const secondIsWrong = (set >> second) & 1
  return alike ? firstIsWrong === secondIsWrong : firstIsWrong + secondIsWrong > 0
}

/**
 * The vote of a member that is certainly right. Of several, which say the same, the middle one, and of two middle ones that nearer to
 * the middle of the chain: this is the choice of the paper's table for n = 5.
 */
function innermost(poll: Poll, accused: MemberSet, links: number): Ballot | undefined {
  const cleared = poll.ballots.filter(({ member }) => ((accused >> member) & 1) === 0).sort((a, b) => a.member - b.member)
  const lower = cleared[(cleared.length - 1) >> 1]
  const upper = cleared[cleared.length >> 1]
  if (lower === undefined || upper === undefined) return undefined
  const middle = links / 2
  return Math.abs(upper.member - middle) < Math.abs(lower.member - middle) ? upper : lower
}

function wrongSize(t: number, members: number): PerdureError {
  const text = `tOverN1 with t = ${t} was asked of ${members} members: expected exactly ${2 * t + 1}. Add the members that have left.`
  return new PerdureError('PERDURE_E_NO_QUORUM', text, { data: { t, members } })
}

function tooManyFaults(t: number): PerdureError {
  const text = `More than t = ${t} members of tOverN1 are wrong or silent: no ${t} of them explain all comparisons. Repair them, or allow for more faults.`
  return new PerdureError('PERDURE_E_NO_QUORUM', text, { data: { t } })
}
