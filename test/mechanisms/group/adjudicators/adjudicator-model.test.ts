/**
 * Adjudicators against a decision procedure that knows only closed polls and tries everything: all sets of votes for the largest
 * class, all completions of an open poll for whether something could still change.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Adjudicator,
  kAgree,
  majority,
  plurality,
  unanimity,
  weighted,
} from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { failed, open, outcome } from './polling.ts'

/** What a closed poll comes to: a value, or `lost`. */
type Naive = (said: readonly unknown[]) => unknown

interface Rule {
  readonly weightOf: (member: number) => number
  isEnough(most: number, votes: number, whole: number): boolean
}

const LOST = 'lost'
const OUT: unknown = failed

function naive({ weightOf, isEnough }: Rule, eps: number | undefined): Naive {
  const agree = (a: unknown, b: unknown) => a === b || (eps !== undefined && Math.abs(Number(a) - Number(b)) <= eps)
  return (said) => {
    const voters = said.map((_, member) => member).filter((member) => said[member] !== OUT)
    const weigh = (members: readonly number[]) => members.reduce((sum, member) => sum + weightOf(member), 0)
    let most = 0
    let largest: number[][] = []
    for (let bits = 1; bits < 1 << voters.length; bits += 1) {
      const set = voters.filter((_, place) => (bits >> place) & 1)
      if (!set.every((a) => set.every((b) => agree(said[a], said[b]))) || weigh(set) < most) continue
      if (weigh(set) > most) largest = []
      most = weigh(set)
      largest.push(set)
    }
    const common = voters.filter((member) => largest.every((set) => set.includes(member)))
    const whole = weigh(said.map((_, member) => member))
    if (largest.length === 0 || common.length === 0 || !isEnough(most, weigh(voters), whole)) return LOST
    const values = common.flatMap((member) => Array(weightOf(member)).fill(said[member])).sort((a, b) => a - b)
    return values[Math.ceil(values.length / 2) - 1]
  }
}

/** `open` if two completions come to different ends, else what all come to. */
function foreseen(closedOutcome: Naive, members: number, said: readonly unknown[], alphabet: readonly unknown[]): unknown {
  if (said.length === members) return closedOutcome(said)
  const ends = alphabet.map((next) => foreseen(closedOutcome, members, [...said, next], alphabet))
  return ends.every((end) => end === ends[0]) ? ends[0] : 'open'
}

function judged(adjudicator: Adjudicator, members: number, said: readonly unknown[]): unknown {
  const decision = open(adjudicator, members, said)
  return decision?.kind === 'error' ? LOST : outcome(decision)
}

const HEAVY = [1, 2, 1, 3, 2]
const one = () => 1
const ADJUDICATORS: readonly (readonly [string, (within?: number) => Adjudicator, Rule])[] = [
  ['majority', (within) => majority(optional(within)), { weightOf: one, isEnough: (most, _, whole) => 2 * most > whole }],
  [
    'majority of those that responded',
    (within) => majority({ base: 'responded', ...optional(within) }),
    { weightOf: one, isEnough: (most, votes) => votes >= 2 && 2 * most > votes },
  ],
  ['plurality', (within) => plurality(optional(within)), { weightOf: one, isEnough: (most) => most >= 2 }],
  ['unanimity', (within) => unanimity(optional(within)), { weightOf: one, isEnough: (most, _, whole) => most === whole }],
  ['kAgree', (within) => kAgree(4, optional(within)), { weightOf: one, isEnough: (most) => most >= 4 }],
  [
    'weighted',
    (within) => weighted(HEAVY, optional(within)),
    { weightOf: (member) => HEAVY[member] as number, isEnough: (most, _, whole) => 2 * most > whole },
  ],
]

const MEMBERS = 5

function optional(within: number | undefined): { within?: number } {
  return within === undefined ? {} : { within }
}

function poll(values: number): fc.Arbitrary<unknown[]> {
  const vote = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: values }) as fc.Arbitrary<unknown> }, fc.constant(OUT))
  return fc.array(vote, { minLength: 1, maxLength: MEMBERS })
}

describe('as soon as all completions come to the same end, and not before,', () => {
  test.each(ADJUDICATORS)('%s decides for it', (_name, make, rule) => {
    // Three values that nobody has given yet: as many classes as can still be opened matter.
    const alphabet = [0, 1, 2, 7, 8, 9, OUT]
    fc.assert(
      fc.property(poll(2), (said) => {
        expect(judged(make(), MEMBERS, said)).toBe(foreseen(naive(rule, undefined), MEMBERS, said, alphabet))
      }),
      { numRuns: 25 },
    )
  })

  test.each(ADJUDICATORS)('%s within a tolerance decides for it', (_name, make, rule) => {
    const alphabet = [...Array.from({ length: 29 }, (_, i) => i / 2 - 4), OUT]
    const longer = poll(6).filter((said) => said.length >= 3)
    fc.assert(
      fc.property(longer, fc.constantFrom(0, 1, 2), (said, eps) => {
        const expected = foreseen(naive(rule, eps), MEMBERS, said, alphabet)
        expect(judged(make(eps), MEMBERS, said)).toBe(expected)
      }),
      { numRuns: 20 },
    )
  })
})
