import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AlphaCount } from '../../src/support/alpha-count.ts'

const judged = (alpha: AlphaCount, ...judgements: readonly ('error' | 'ok')[]): number[] =>
  judgements.map((judgement) => {
    if (judgement === 'error') alpha.fail(0)
    else alpha.succeed()
    return alpha.value
  })

describe('SPEC 7.4, alpha-count', () => {
  test('alpha(L) = alpha(L-1) + 1 on error, K * alpha(L-1) on success, from 0', () => {
    expect(judged(new AlphaCount({ threshold: 2, factor: 0.5 }), 'ok', 'error', 'ok', 'error', 'error')).toEqual([
      0, 1, 0.5, 1.5, 2.5,
    ])
    expect(judged(new AlphaCount({ threshold: 2, factor: 0 }), 'error', 'error', 'ok', 'error')).toEqual([1, 2, 0, 1])
  })

  test('the check of the specification: K = 0.5, alpha_T = 2: TRANSIENT is true, true, false after the three errors', () => {
    const alpha = new AlphaCount({ threshold: 2, factor: 0.5 })
    const transient = (['error', 'ok', 'error', 'error'] as const).map((judgement) => {
      judged(alpha, judgement)
      return alpha.isTransient
    })
    expect([transient[0], transient[2], transient[3]]).toEqual([true, true, false])
  })

  test('at the threshold a fault is intermittent or permanent', () => {
    const alpha = new AlphaCount({ threshold: 1, factor: 0.5 })
    alpha.fail(0)
    expect(alpha.isTransient).toBe(false)
  })

  test('the assessment does not latch', () => {
    const alpha = new AlphaCount({ threshold: 2, factor: 0.5 })
    judged(alpha, 'error', 'error')
    expect(alpha.isTransient).toBe(false)
    judged(alpha, 'ok')
    expect(alpha.isTransient).toBe(true)
  })

  test('n successes together are alpha * K^n: the same value, to the last bit, as one by one', () => {
    const runs = fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), runs, (factor, successes) => {
        const [single, together] = [new AlphaCount({ threshold: 3, factor }), new AlphaCount({ threshold: 3, factor })]
        let byTheBook = 0
        for (const n of successes) {
          for (const alpha of [single, together]) alpha.fail(0)
          byTheBook += 1
          for (let times = 0; times < n; times += 1) {
            single.succeed()
            byTheBook *= factor
          }
          together.succeed(n)
          expect(together.value).toBe(single.value)
          expect(single.value).toBeCloseTo(byTheBook, 9)
        }
      }),
    )
  })

  test('a million successes cost no more than one', () => {
    const alpha = new AlphaCount({ threshold: 3, factor: 0.999999 })
    alpha.fail(0)
    alpha.succeed(1_000_000_000_000)
    expect(alpha.value).toBeCloseTo(0, 12)
  })

  test('EVERY p: each full period p without an error counts as one success, as of the last record', () => {
    const alpha = new AlphaCount({ threshold: 3, factor: 0.5, everyUs: 100 })
    alpha.fail(1_000)
    alpha.observe(1_099)
    expect(alpha.value).toBe(1)
    alpha.observe(1_100)
    expect(alpha.value).toBe(0.5)
    alpha.observe(1_199)
    expect(alpha.value).toBe(0.5)
    alpha.succeed()
    alpha.observe(1_250)
    expect(alpha.value).toBe(0.125)
    alpha.observe(1_300)
    alpha.fail(1_300)
    expect(alpha.value).toBe(1.0625)
    alpha.observe(1_350)
    expect(alpha.value).toBe(1.0625)
  })

  test('its state is plain data, and one made from it goes on the same', () => {
    const filter = { threshold: 3, factor: 0.3, everyUs: 50 }
    const alpha = new AlphaCount(filter)
    alpha.fail(10)
    alpha.succeed(3)
    alpha.observe(140)
    const again = new AlphaCount(filter, JSON.parse(JSON.stringify(alpha.snapshot())))
    for (const each of [alpha, again]) {
      each.fail(150)
      each.observe(400)
    }
    expect(again.value).toBe(alpha.value)
    expect(again.snapshot()).toEqual(alpha.snapshot())
  })
})
