/** Why a majority under a tolerance has one answer: whatever more than half of the numbers agree on, it has their median in it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { majority } from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { closed } from './polling.ts'

const EPS = 1

test('a majority of numbers always shares the median of all of them', () => {
  let majorities = 0
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 3, maxLength: 9 }), (halves) => {
      const said = halves.map((n) => n / 2)
      const { kind, value, support } = closed(majority({ within: EPS }), said)
      if (kind !== 'value') return
      majorities += 1
      const sorted = [...said].sort((a, b) => a - b)
      const lower = sorted[(sorted.length - 1) >> 1] as number
      const upper = sorted[sorted.length >> 1] as number
      const agreed = support.map((member) => said[member] as number)
      expect(Math.min(...agreed)).toBeLessThanOrEqual(upper)
      expect(Math.max(...agreed)).toBeGreaterThanOrEqual(lower)
      expect(Math.abs((value as number) - lower)).toBeLessThanOrEqual(EPS)
    }),
    { numRuns: 1_000, seed: 4 },
  )
  expect(majorities).toBeGreaterThan(100)
})
