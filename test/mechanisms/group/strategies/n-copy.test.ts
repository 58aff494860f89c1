/** N-copy programming (Ammann and Knight, 1988): one program, its input said in several words, and a vote on what comes out. */
import { describe, expect, test } from 'vitest'
import { majority } from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { dependable, groupOf } from '../../../../src/mechanisms/group/dependable.ts'
import { nVersion } from '../../../../src/mechanisms/group/strategies/n-version.ts'
import type { VariantClass } from '../../../../src/mechanisms/group/strategy.ts'

/** Wrong at single points of its input. */
class Mean {
  of(numbers: readonly number[]): number {
    const sum = numbers.reduce((total, n) => total + n, 0)
    return numbers[0] === 7 ? -1 : sum / numbers.length
  }
}

/** The classes that say the input of `Mean` in other words, and take what it answers back into the words of the caller. */
function copies(...words: readonly (readonly [(n: number) => number, (n: number) => number])[]) {
  return (): readonly VariantClass<Mean>[] =>
    words.map(
      ([there, back]) =>
        class extends Mean {
          override of(numbers: readonly number[]): number {
            return back(super.of(numbers.map(there)))
          }
        },
    )
}

const asItIs = [(n: number) => n, (n: number) => n] as const

describe('N-copy programming', () => {
  test('with exact re-expression the copies agree to the bit, and one point at which the program is wrong is outvoted', () => {
    const doubled = [(n: number) => n * 2, (n: number) => n / 2] as const
    const mirrored = [(n: number) => -n, (n: number) => -n] as const
    const Copied = dependable(Mean, nVersion({ variants: copies(asItIs, doubled, mirrored), adjudicator: majority() }))
    const mean = new Copied()
    expect([mean.of([7, 1]), mean.of([1, 2])]).toEqual([4, 1.5])
    expect(groupOf(mean).counts).toMatchObject({ calls: 2, masked: 1, failed: 0 })
  })

  test('with inexact re-expression they agree within a tolerance only', () => {
    const shifted = [(n: number) => n + 0.1, (n: number) => n - 0.1] as const
    const scaled = [(n: number) => n * 1.1, (n: number) => n / 1.1] as const
    const variants = copies(asItIs, shifted, scaled)
    const strict = new (dependable(Mean, nVersion({ variants, adjudicator: majority() })))()
    expect(() => strict.of([7, 0.1, 0.2])).toThrow(expect.objectContaining({ code: 'PERDURE_E_NO_QUORUM' }))
    const tolerant = new (dependable(Mean, nVersion({ variants, adjudicator: majority({ within: 1e-9 }) })))()
    expect(tolerant.of([7, 0.1, 0.2])).toBeCloseTo(7.3 / 3, 9)
  })
})
