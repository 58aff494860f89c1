/**
 * What of a ballot is compared, and when two of them say the same.
 *
 * By default whole values are compared by content, with the one equality of `log/codec/equality.ts`: the order of keys is free, that of
 * arrays fixed, NaN equals NaN, -0 equals 0, `{ a: undefined }` differs from `{}`. `compareOn` takes out what is to be compared,
 * `within` allows numbers to differ, `equal` is one's own relation, which has to be declared as an equivalence or a tolerance.
 *
 * Boundary: pure.
 *   C1  Declared exceptions are compared by name and code, whatever the options say; none equals a value.
 *   C2  A comparison that throws (cycles, values nested too deep, one's own relation) says "not the same".
 *   C3  A ballot on which `compareOn` throws is no vote.
 */
import { equal, fingerprint } from '../../../log/codec/codec.ts'
import { MAX_CLIQUE_VOTES, type Relation } from '../../../support/voting.ts'
import type { Ballot } from '../ballot.ts'
import { usage } from '../strategy-options.ts'

/** A relation of one's own. It is symmetric; an `equivalence` is transitive, a `tolerance` is not and allows at most 16 members. */
export interface OwnRelation<T = unknown> {
  readonly relation: 'equivalence' | 'tolerance'
  equal(a: T, b: T): boolean
}

/** Numbers agree if they differ by at most this share of the greater one's amount, or by at most `floor`. */
export interface RelativeTolerance {
  /** From 0 to less than 1. */
  readonly relative: number
  /** Absolute, for numbers near 0. Default 0. */
  readonly floor?: number
}

export interface ComparisonOptions<T = unknown> {
  /** A relation of one's own instead of equality by content; it is given what `compareOn` has made. Excludes `within`. */
  readonly equal?: OwnRelation<NoInfer<T>>
  /** What is compared instead of the whole answer, such as an answer without its time stamp. It must not change the answer. */
  compareOn?(answer: T): unknown
  /**
   * How far finite numbers may be from each other, in plain doubles and without slack: 1.8 and 1.4 are further apart than 0.4. What is no
   * finite number is compared by content. Default 0.
   */
  readonly within?: number | RelativeTolerance | OwnRelation<NoInfer<T>>
}

/** What stands for a ballot that is no vote. */
export const NO_VOTE: unique symbol = Symbol('no vote')

export interface Comparison {
  readonly relation: Relation
  /** The most members that can be compared. */
  readonly maxMembers: number
  /** Whole values are compared, by an equivalence: then it is cheap to see whether all agree. */
  readonly isPlain: boolean
  /** Whether the relation, or the tolerance, was given by the user. */
  readonly isGiven: boolean
  /** What is compared of this ballot; `NO_VOTE` when it does not count. */
  keyOf(ballot: Ballot): unknown
  isSame(a: unknown, b: unknown): boolean
  /** Why values such as this one equal nothing but themselves, if they do. */
  refusal(key: unknown): unknown
}

export function comparison<T>(name: string, options: ComparisonOptions<T>): Comparison {
  const { equal: own, compareOn, within } = options
  if (own !== undefined && within !== undefined) throw usage(`${name} has both equal and within: choose one.`)
  if (compareOn !== undefined && typeof compareOn !== 'function')
    throw usage(`The option compareOn of ${name} has to be a function.`)
  const relation = relationOf(name, own === undefined ? 'within' : 'equal', own ?? within)
  return {
    relation,
    maxMembers: relation.kind === 'tolerance' ? MAX_CLIQUE_VOTES : Number.POSITIVE_INFINITY,
    isPlain: compareOn === undefined && relation.kind === 'equivalence',
    isGiven: own !== undefined || within !== undefined,
    keyOf: compareOn === undefined ? wholeKey : (ballot) => projectedKey(ballot, compareOn as (answer: unknown) => unknown),
    isSame: (a, b) => a === b || inOrder(relation, a, b),
    refusal: own === undefined ? refusalOf : () => undefined,
  }
}

/** Exceptions of a name and code are one answer: their texts are for people and differ between variants. */
class DeclaredException {
  readonly name: unknown
  readonly code: unknown

  constructor(thrown: unknown) {
    const { name, code } = Object(thrown) as { name?: unknown; code?: unknown }
    this.name = name
    this.code = code
  }
}

/** What is compared of a thrown declared exception. */
export function exceptionKey(thrown: unknown): unknown {
  return new DeclaredException(thrown)
}

function wholeKey(ballot: Ballot): unknown {
  if (ballot.kind === 'value') return ballot.value
  return ballot.kind === 'exception' ? exceptionKey(ballot.value) : NO_VOTE
}

function projectedKey(ballot: Ballot, compareOn: (answer: unknown) => unknown): unknown {
  if (ballot.kind !== 'value') return wholeKey(ballot)
  try {
    return compareOn(ballot.value)
  } catch {
    return NO_VOTE
  }
}

const BY_CONTENT: Relation = { kind: 'equivalence', same: guarded(equal) }

function relationOf(name: string, option: string, given: unknown): Relation {
  if (given === undefined) return BY_CONTENT
  if (option === 'within' && typeof given === 'number') return interval(absolute(name, 'within', given))
  if (typeof given === 'object' && given !== null) {
    const { relation, equal: own } = given as Partial<OwnRelation>
    if ((relation === 'equivalence' || relation === 'tolerance') && typeof own === 'function') {
      return { kind: relation, same: guarded((a, b) => own.call(given, a, b)) }
    }
    if (option === 'within' && 'relative' in given) return interval(relativeTo(name, given as RelativeTolerance))
  }
  const numbers = option === 'within' ? 'a number, { relative, floor }, or ' : ''
  const text = `The option ${option} of ${name} is ${typeof given === 'function' ? 'a bare function' : String(given)}: expected ${numbers}{ relation: 'equivalence' | 'tolerance', equal: (a, b) => … }. Say which of the two it is: being near is not transitive, and classes are formed differently then.`
  throw usage(text)
}

function absolute(name: string, option: string, eps: number): (low: number, high: number) => boolean {
  if (!(eps >= 0 && Number.isFinite(eps)))
    throw usage(`The option ${option} of ${name} is ${eps}: expected a finite number from 0 on.`)
  return (low, high) => high - low <= eps
}

/** Less than 1: else numbers of opposite signs would agree while those between them do not. */
function relativeTo(name: string, { relative, floor = 0 }: RelativeTolerance): (low: number, high: number) => boolean {
  if (!(typeof relative === 'number' && relative >= 0 && relative < 1))
    throw usage(`The option within.relative of ${name} is ${String(relative)}: expected a share from 0 to less than 1.`)
  const isNear = absolute(name, 'within.floor', floor)
  return (low, high) => isNear(low, high) || high - low <= relative * Math.max(Math.abs(low), Math.abs(high))
}

function interval(near: (low: number, high: number) => boolean): Relation {
  const same = guarded((a, b) => (Number.isFinite(a) && Number.isFinite(b) ? near(a as number, b as number) : equal(a, b)))
  return { kind: 'interval', same }
}

function inOrder({ kind, same }: Relation, a: unknown, b: unknown): boolean {
  const isDescending = kind === 'interval' && typeof a === 'number' && typeof b === 'number' && a > b
  return isDescending ? same(b, a) : same(a, b)
}

/** C1 and C2. */
function guarded(same: (a: unknown, b: unknown) => boolean): (a: unknown, b: unknown) => boolean {
  return (a, b) => {
    if (typeof a !== 'object' && typeof b !== 'object' && same === equal) return a === b || (Number.isNaN(a) && Number.isNaN(b))
    if (a instanceof DeclaredException || b instanceof DeclaredException) {
      if (!(a instanceof DeclaredException && b instanceof DeclaredException)) return false
      return guardedEqual(a.name, b.name) && guardedEqual(a.code, b.code)
    }
    try {
      return Boolean(same(a, b))
    } catch {
      return false
    }
  }
}

function guardedEqual(a: unknown, b: unknown): boolean {
  return a === b || BY_CONTENT.same(a, b)
}

function refusalOf(key: unknown): unknown {
  if (key === NO_VOTE || key instanceof DeclaredException) return undefined
  try {
    fingerprint(key)
    return undefined
  } catch (refusal) {
    return refusal
  }
}
