import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_CLIQUE_VOTES, type Relation, standing, type Vote } from '../../src/support/voting.ts'

const EXACT: Relation = { kind: 'equivalence', same: (a, b) => a === b }

function within(eps: number): Relation {
  const same = (a: unknown, b: unknown) =>
    typeof a === 'number' && typeof b === 'number' && Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) <= eps : a === b
  return { kind: 'interval', same }
}

function votesFor(...values: unknown[]): Vote[] {
  return values.map((value) => ({ value, weight: 1 }))
}

/** The definition, and nothing clever: of all sets in which each agrees with each, those of the greatest weight. */
function naive(votes: readonly Vote[], { same }: Relation): { most: number; largest: string[]; common: number[] } {
  let most = 0
  let sets: number[][] = []
  for (let bits = 1; bits < 1 << votes.length; bits += 1) {
    const set = votes.map((_, i) => i).filter((i) => (bits >> i) & 1)
    const agree = set.every((i) => set.every((j) => i === j || same(votes[i]?.value, votes[j]?.value)))
    const weight = set.reduce((sum, i) => sum + (votes[i]?.weight ?? 0), 0)
    if (!agree || weight < most) continue
    if (weight > most) sets = []
    most = weight
    sets.push(set)
  }
  const common = votes.map((_, i) => i).filter((i) => sets.length > 0 && sets.every((set) => set.includes(i)))
  return { most, largest: sets.map(String).sort(), common }
}

function naiveMedian(votes: readonly Vote[], common: readonly number[]): unknown {
  const values = common.flatMap((i) => Array.from({ length: votes[i]?.weight ?? 0 }, () => votes[i]?.value as number))
  return values.sort((a, b) => a - b)[Math.ceil(values.length / 2) - 1]
}

const numbers = fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 7 })
const weights = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 7, maxLength: 7 })

describe('classes under a tolerance of numbers', () => {
  test('have a diameter of eps at most: 0, 1, 2, 3, 4 are not unanimous at eps 1', () => {
    const { most, answer } = standing(votesFor(0, 1, 2, 3, 4), within(1))
    expect([most, answer]).toEqual([2, undefined])
  })

  test('may overlap: of 1.0, 1.4 and 1.8 at 0.5 the answer is 1.4, which both largest share', () => {
    const { most, largest, answer } = standing(votesFor(1.8, 1.0, 1.4), within(0.5))
    expect([most, largest, answer]).toEqual([
      2,
      [
        [1, 2],
        [0, 2],
      ],
      2,
    ])
  })

  test('are not cells of a grid: 1.49999 and 1.50001 agree', () => {
    expect(standing(votesFor(1.49999, 1.50001), within(0.1)).most).toBe(2)
  })

  test('have as answer the lower median of an even number of votes', () => {
    expect(standing(votesFor(4, 3, 2, 1), within(10)).answer).toBe(2)
  })

  test('contain finite numbers only: an infinity equals itself, NaN what the relation says', () => {
    const { most, answer } = standing(votesFor(Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY, 2), within(0.5))
    expect([most, answer]).toEqual([2, 0])
  })

  test('tie with a class of something else that is as large', () => {
    expect(standing(votesFor(1, 1.1, 'x', 'x'), within(0.5)).answer).toBeUndefined()
  })

  test('are those of the definition, and so is the answer, for any numbers and weights', () => {
    fc.assert(
      fc.property(numbers, weights, fc.integer({ min: 0, max: 5 }), (values, heavy, eps) => {
        const votes = values.map((value, i) => ({ value, weight: heavy[i] as number }))
        const found = standing(votes, within(eps))
        const expected = naive(votes, within(eps))
        expect([found.most, found.largest.map(String).sort()]).toEqual([expected.most, expected.largest])
        expect(found.answer === undefined ? undefined : votes[found.answer]?.value).toBe(naiveMedian(votes, expected.common))
      }),
      { numRuns: 300 },
    )
  })

  test('are certain though a window further right can become as large: what counts is what both share', () => {
    const values = [0, 0, 1, 1, 1.5, 1.5, 2.5]
    expect(standing(votesFor(...values), within(1.5)).isCertain(1)).toBe(true)
    expect(canMove(values, 1, 1.5, 1)).toBe(false)
  })

  test('are certain exactly when no votes on a fine grid could move the answer', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 2 }), (values, eps, outstanding) => {
        const votes = votesFor(...values)
        const found = standing(votes, within(eps))
        if (found.answer === undefined) return
        expect(found.isCertain(outstanding)).toBe(!canMove(values, votes[found.answer]?.value, eps, outstanding))
      }),
      { numRuns: 200 },
    )
  })
})

/** Positions at halves and quarters between whole numbers reach every order and every window of whole numbers. */
function canMove(values: readonly number[], answer: unknown, eps: number, outstanding: number): boolean {
  const grid = Array.from({ length: 61 }, (_, i) => i / 4 - 3.5)
  const extend = (added: readonly number[], from: number): boolean => {
    const votes = votesFor(...values, ...added)
    const expected = standing(votes, within(eps)).answer
    if (expected === undefined || votes[expected]?.value !== answer) return true
    return added.length < outstanding && grid.slice(from).some((at, i) => extend([...added, at], from + i))
  }
  return extend([], 0)
}

describe('classes of an equivalence', () => {
  test('are those of equal values, and the answer is the vote of the highest priority', () => {
    const { most, largest, answer } = standing(votesFor('a', 'b', 'b', 'c'), EXACT)
    expect([most, largest, answer]).toEqual([2, [[1, 2]], 1])
  })

  test('are certain while a rival with all that is outstanding stays smaller', () => {
    const found = standing(votesFor('a', 'a', 'a', 'b'), EXACT)
    expect([found.isCertain(1), found.isCertain(2)]).toEqual([true, false])
  })
})

describe("classes under a tolerance of one's own", () => {
  const near: Relation = { kind: 'tolerance', same: (a, b) => Math.abs((a as number) - (b as number)) <= 2 }

  test('are sets in which each agrees with each, as the definition says, and the answer is the first that all share', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const votes = votesFor(...values)
        const found = standing(votes, near)
        const expected = naive(votes, near)
        expect([found.most, found.largest.map(String).sort(), found.answer]).toEqual([
          expected.most,
          expected.largest,
          expected.common[0],
        ])
      }),
      { numRuns: 200 },
    )
  })

  test('are certain only when nothing is outstanding', () => {
    const found = standing(votesFor(1, 1, 1), near)
    expect([found.isCertain(0), found.isCertain(1)]).toEqual([true, false])
  })

  test('are formed of a bounded number of votes', () => {
    expect(() => standing(votesFor(...Array.from({ length: MAX_CLIQUE_VOTES + 1 }, (_, i) => i)), near)).toThrow(/at most 16/)
  })
})
