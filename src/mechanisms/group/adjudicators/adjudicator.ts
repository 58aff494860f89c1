/**
 * Adjudicators: what is made of the ballots of a call.
 *
 * An adjudicator is a value: how many members have to agree, and what "agree" means. It is asked after every ballot, and answers with
 * a decision as soon as no outstanding ballot could change it. Errors and silence count as members that agree with nobody: with three
 * members, two of which have failed, no majority is possible.
 *
 * Boundary: pure. `largest-class.ts` does the counting, `median.ts` has the adjudicators for numbers in the middle, `comparison.ts` says what
 * is compared. (Buzato, Rubira and Lisboa, section 4.2: adjudicators as metaobjects; Lorczak, Caglayan and Eckhardt: generalized voters.)
 */
import type { Adjudicator } from '../ballot.ts'
import { count, usage } from '../strategy-options.ts'
import { type ComparisonOptions, comparison } from './comparison.ts'
import { type Count, countingAdjudicator, type Early, type Rule } from './largest-class.ts'
import { meanOf, middleAdjudicator, numeric } from './middle.ts'
import { weighing } from './weights.ts'

export type { Adjudicator } from '../ballot.ts'

export interface CountingOptions<T = unknown> extends ComparisonOptions<T> {
  /**
   * When an open poll is decided. `true`: as soon as no outstanding ballot can change the answer; answers that are compared as equal are
   * one answer, and under a tolerance this may mean to wait for all. `'agreed'`: as soon as enough agree, so that under a tolerance
   * the order of arrival may move the answer within it. `false`: when all have answered or time is over. Default true.
   */
  readonly early?: boolean | 'agreed'
}

export interface MajorityOptions<T = unknown> extends CountingOptions<T> {
  /** More than half of what: of all members, or of the votes there are, so that errors and silence do not count. Default `configured`. */
  readonly base?: 'configured' | 'responded'
  /** The fewest votes to decide on. Default and at least 2 for `responded`, else 1. */
  readonly minBallots?: number
}

export interface PluralityOptions<T = unknown> extends ComparisonOptions<T> {
  /** Among largest classes of the same size: an error, or the class of the member that was listed first. Default `fail`. */
  readonly tie?: 'fail' | 'priority'
}

export interface KAgreeOptions<T = unknown> extends CountingOptions<T> {
  /** Allows k of not more than half of the members: then two classes could have k, the first to arrive decides, and nobody is blamed. */
  readonly ambiguous?: 'allow'
}

export interface MeanOptions<T = unknown> extends ComparisonOptions<T> {
  /** So many of the lowest and of the highest numbers are left out: as many wild values are masked. */
  readonly trim: number
  /** Allows `trim: 0`, with which one wild value moves the answer anywhere. */
  readonly unmasked?: 'allow'
}

const HALF = 'Find the wrong variant among those that differ, add variants, or compare less strictly with within or compareOn.'

/**
 * More than half of all members agree. With numbers and `within` the answer is the lower median of the largest class.
 *
 * Else `PERDURE_E_NO_QUORUM`, as soon as no class can get there; `PERDURE_E_TIMEOUT` when silence is the only reason.
 */
export function majority<T = unknown>(options: MajorityOptions<T> = {}): Adjudicator {
  const { base = 'configured', minBallots = base === 'responded' ? 2 : 1 } = options
  if (base !== 'configured' && base !== 'responded')
    throw usage(`The option base of majority is ${String(base)}: expected 'configured' or 'responded'.`)
  const least = count('majority', 'minBallots', minBallots, base === 'responded' ? 2 : 1)
  const common = { ...COUNTING, name: 'majority()', early: earlyOf('majority', options), check: atLeast('majority()', least) }
  const isTooFew = ({ votes, awaited }: Count) => votes + awaited < least
  const rule: Rule =
    base === 'responded'
      ? {
          ...common,
          minimum: () => least,
          isEnough: ({ most, voted, outstanding, votes }) => votes >= least && 2 * most > voted + outstanding,
          isHopeless: (now) => isTooFew(now) || 2 * now.most + now.outstanding <= now.voted,
          needed: () => `more than half of the votes to be equal, and ${least} votes at least`,
        }
      : {
          ...common,
          minimum: (members) => Math.max(least, Math.floor(members / 2) + 1),
          isEnough: ({ most, whole, votes }) => votes >= least && 2 * most > whole,
          isHopeless: (now) => isTooFew(now) || 2 * (now.most + now.outstanding) <= now.whole,
          needed: (whole) => `${Math.floor(whole / 2) + 1} of ${whole} to agree`,
        }
  return countingAdjudicator(rule, comparison('majority', options))
}

/**
 * The largest class, if at least two agree and no other class is as large (one member alone is passed through).
 *
 * Else `PERDURE_E_TIE` or, when all differ, `PERDURE_E_NO_QUORUM`.
 */
export function plurality<T = unknown>(options: PluralityOptions<T> = {}): Adjudicator {
  const { tie = 'fail' } = options
  if (tie !== 'fail' && tie !== 'priority')
    throw usage(`The option tie of plurality is ${String(tie)}: expected 'fail' or 'priority'.`)
  const rule: Rule = {
    ...COUNTING,
    name: 'plurality()',
    tie,
    minimum: (members) => Math.min(2, members),
    isEnough: ({ most, whole }) => most >= Math.min(2, whole),
    isHopeless: ({ most, outstanding, whole }) => most + outstanding < Math.min(2, whole),
    needed: () => '2 at least to agree',
  }
  return countingAdjudicator(rule, comparison('plurality', options))
}

/**
 * All agree; with two members this is a comparison check. The first disagreement or error ends the call.
 *
 * Else `PERDURE_E_DISAGREEMENT`; `PERDURE_E_TIMEOUT` when silence is the only reason.
 */
export function unanimity<T = unknown>(options: ComparisonOptions<T> = {}): Adjudicator {
  const rule: Rule = {
    ...COUNTING,
    name: 'unanimity()',
    code: 'PERDURE_E_DISAGREEMENT',
    advice:
      'One of them is wrong, and nobody can say which: compare the variants on these arguments, or take a majority of three.',
    minimum: (members) => members,
    isEnough: ({ most, whole }) => most === whole,
    isHopeless: ({ most, outstanding, whole }) => most + outstanding < whole,
    needed: (whole) => `all ${whole} to agree`,
  }
  return countingAdjudicator(rule, comparison('unanimity', options))
}

/**
 * At least k agree. `PERDURE_E_USAGE` for a group in which two classes could do so (k of not more than half), unless that is allowed,
 * and for a group of fewer than k.
 *
 * Else `PERDURE_E_NO_QUORUM`, or `PERDURE_E_TIMEOUT` when silence is the only reason.
 */
export function kAgree<T = unknown>(k: number, options: KAgreeOptions<T> = {}): Adjudicator {
  const least = count('kAgree', 'k', k, 1)
  const name = `kAgree(${least})`
  const isAllowed = options.ambiguous === 'allow'
  const enough = atLeast(name, least)
  const rule: Rule = {
    ...COUNTING,
    name,
    early: isAllowed && options.early === undefined ? 'agreed' : earlyOf('kAgree', options),
    isFirstCome: isAllowed,
    minimum: () => least,
    check(members) {
      enough(members)
      if (isAllowed || 2 * least > members) return
      throw usage(
        `${name} of ${members} members could be reached by two different answers, and whichever came first would win. Take k of more than half, here ${Math.floor(members / 2) + 1}, or say { ambiguous: 'allow' }: then nobody is blamed.`,
      )
    },
    isEnough: ({ most }) => most >= least,
    isHopeless: ({ most, outstanding }) => most + outstanding < least,
    needed: (whole) => `${least} of ${whole} to agree`,
  }
  return countingAdjudicator(rule, comparison('kAgree', options))
}

/**
 * The members that agree have more than half of the weight of all; exactly half never wins.
 *
 * Weights are finite, at least 0, not all 0: one for each member in their order, or by id. They are taken as the decimal numbers that they
 * were written as, so that 0.1 and 0.2 are exactly 0.3. A member of weight 0 is compared, and blamed, but has no vote.
 * Else `PERDURE_E_NO_QUORUM`, or `PERDURE_E_TIMEOUT` when silence is the only reason.
 */
export function weighted<T = unknown>(
  weights: readonly number[] | Readonly<Record<string, number>>,
  options: CountingOptions<T> = {},
): Adjudicator {
  const scale = weighing(weights)
  const rule: Rule = {
    ...COUNTING,
    name: 'weighted()',
    early: earlyOf('weighted', options),
    weights: ({ members, id }) => scale.of(members, id),
    minimum: () => scale.fewest,
    check: (members, id) => void scale.of(members, id),
    isEnough: ({ most, whole }) => 2 * most > whole,
    isHopeless: ({ most, outstanding, whole }) => 2 * (most + outstanding) <= whole,
    needed: () => 'more than half of the weight to agree',
  }
  return countingAdjudicator(rule, comparison('weighted', options))
}

/**
 * The lower median of the numbers: for an even count the lower of the two in the middle, for it was really given. `compareOn` takes the
 * number out of an answer; `within` or `equal` say who is to blame.
 *
 * `PERDURE_E_NO_QUORUM` when not more than half of all members gave a number; `PERDURE_E_TIMEOUT` when silence is the only reason.
 */
export function median<T = unknown>(options: ComparisonOptions<T> = {}): Adjudicator {
  const isNumber = (value: unknown) => typeof value === 'number' && !Number.isNaN(value)
  const compare = numeric(comparison('median', options), isNumber)
  return middleAdjudicator('median()', compare, {
    least: 1,
    find(numbers, outstanding) {
      const upper = Math.floor((numbers.length + outstanding - 1) / 2)
      const low = numbers[upper - outstanding]
      const high = numbers[upper]
      // What it would be if all to come were lower, and if all were higher.
      return low !== undefined && high !== undefined && low.value === high.value ? low : undefined
    },
    keyOf: (value) => compare.keyOf({ member: 0, kind: 'value', value, ms: 0 }),
  })
}

/**
 * The mean of the numbers without the `trim` lowest and highest; `compareOn` takes the number out of an answer, and the answer is a
 * number in any case. Infinities are no numbers here. `PERDURE_E_USAGE` for groups of fewer than 2 `trim` + 1.
 *
 * `PERDURE_E_NO_QUORUM` when there are fewer numbers than that, or not more than half of all members gave one.
 */
export function mean<T = unknown>(options: MeanOptions<T>): Adjudicator {
  const trim = count('mean', 'trim', options?.trim, 0)
  if (trim === 0 && options.unmasked !== 'allow')
    throw usage(
      "mean({ trim: 0 }) masks nothing: one wild value moves the answer anywhere. Give trim: 1 or more, or say unmasked: 'allow'.",
    )
  const least = 2 * trim + 1
  return middleAdjudicator(`mean({ trim: ${trim} })`, numeric(comparison('mean', options), Number.isFinite), {
    least,
    find(numbers, outstanding) {
      if (outstanding === 0) return meanOf(numbers.slice(trim, numbers.length - trim).map(({ value }) => value as number))
      const low = numbers[trim - outstanding]?.value
      const isFixed = outstanding <= trim && low === numbers[numbers.length - 1 - trim + outstanding]?.value
      return isFixed ? (low as number) : undefined
    },
    keyOf: (value) => value,
  })
}

/**
 * The first vote that comes; others are started for speed or availability only: no wrong value is masked, and none is blamed.
 *
 * `PERDURE_E_NO_QUORUM` when all have failed, `PERDURE_E_TIMEOUT` when silence is the only reason.
 */
export function first<T = unknown>(options: ComparisonOptions<T> = {}): Adjudicator {
  const rule: Rule = {
    ...COUNTING,
    name: 'first()',
    advice: 'All members failed: look at their errors.',
    early: 'agreed',
    isFirstCome: true,
    minimum: () => 1,
    isEnough: ({ most }) => most >= 1,
    isHopeless: ({ most, outstanding }) => most + outstanding < 1,
    needed: () => 'one at least to answer',
  }
  return countingAdjudicator(rule, comparison('first', options))
}

const COUNTING = {
  early: 'certain',
  code: 'PERDURE_E_NO_QUORUM',
  advice: HALF,
  tie: 'fail',
  check: () => undefined,
} as const

function earlyOf(name: string, { early = true }: { readonly early?: boolean | 'agreed' }): Early {
  if (early === 'agreed') return 'agreed'
  if (typeof early === 'boolean') return early ? 'certain' : 'never'
  throw usage(`The option early of ${name} is ${String(early)}: expected true, false or 'agreed'.`)
}

function atLeast(name: string, least: number): (members: number) => void {
  return (members) => {
    if (members < least)
      throw usage(`${name} needs ${least} votes, and the group has ${members} members. Ask for less, or add members.`)
  }
}
