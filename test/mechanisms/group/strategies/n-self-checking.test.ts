import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { majority } from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { nSelfChecking } from '../../../../src/mechanisms/group/strategies/n-self-checking.ts'
import { TestedCall } from './tested-call.ts'

const tested = nSelfChecking({ accept: () => true, declared: ['RangeError'] })
const paired = nSelfChecking({ pairs: 'in-order', declared: ['RangeError'] })
const positive = (value: unknown): boolean => (value as number) > 0
const never = (): boolean => false

class A {}
class B {}

describe('N self-checking, each component a variant with a test', () => {
  test('the acting component and all spares execute the call', () => {
    expect(new TestedCall(tested, 3, positive).starts).toEqual([0, 1, 2])
    expect(tested.state).toBe('own')
  })

  test("the acting component's result is the answer if its check passes", () => {
    const call = new TestedCall(tested, 3, positive).says(0, 5)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 5, support: [0], faulty: [] })
  })

  test('a spare that is ready first waits for the check of the acting one', () => {
    const call = new TestedCall(tested, 3, positive).says(2, 7).says(1, 6)
    expect(call.settled).toBeUndefined()
    expect(call.says(0, 5).answer).toBe(5)
  })

  test.each([
    { what: 'rejected', hurt: (call: TestedCall) => call.says(0, -1), faulty: [0] },
    { what: 'broken', hurt: (call: TestedCall) => call.throws(0), faulty: [0] },
    { what: 'silent', hurt: (call: TestedCall) => call.isGivenUp(0), faulty: [] },
  ])(
    'when the acting component is $what the next spare takes over with the result it has: no work is begun again',
    ({ hurt, faulty }) => {
      const call = hurt(new TestedCall(tested, 3, positive).says(1, 6))
      expect(call.settled?.decision).toEqual({ kind: 'value', value: 6, support: [1], faulty })
      expect(call.starts).toEqual([0, 1, 2])
    },
  )

  test('a spare that has failed its check before it is needed is passed over', () => {
    const call = new TestedCall(tested, 3, positive).throws(1).says(2, 7).says(0, -1)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 7, support: [2], faulty: [0, 1].reverse() })
  })

  test('a declared exception is a legal outcome of a component', () => {
    const refusal = new RangeError('empty')
    expect(new TestedCall(tested, 2, never).declares(0, refusal).settled?.decision).toMatchObject({
      kind: 'exception',
      value: refusal,
    })
  })

  test('the acting component is tested before spares that wait for their test', () => {
    const call = new TestedCall(tested, 3).says(1, 6).says(2, 7).says(0, 5)
    expect(call.judges(true).judges(true).answer).toBe(5)
    expect(call.tests).toEqual([1, 0])
  })

  test('when no check passes the call fails with all causes', () => {
    const call = new TestedCall(tested, 3, positive).says(0, -1).throws(1).isGivenUp(2)
    expect(call.error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect((call.error.data.causes as { why: string }[]).map(({ why }) => why)).toEqual(['rejected', 'threw', 'late'])
  })

  test('at the deadline a spare whose check has passed takes over from a silent acting component', () => {
    expect(new TestedCall(tested, 3, positive).says(2, 7).runsOut().settled?.decision).toMatchObject({ value: 7, support: [2] })
    expect(new TestedCall(tested, 3, positive).throws(0).runsOut().error.code).toBe('PERDURE_E_TIMEOUT')
  })
})

describe('N self-checking, each component a pair with a comparator', () => {
  test("the acting pair's result is the answer if both agree", () => {
    const call = new TestedCall(paired, 4, never).says(1, 5).says(0, 5)
    expect(call.settled).toEqual({ do: 'settle', decision: { kind: 'value', value: 5, support: [0, 1], faulty: [] }, chosen: 0 })
    expect(call.tests).toEqual([])
  })

  test('a pair that disagrees is discarded, both of it, and the spare pair takes over', () => {
    const call = new TestedCall(paired, 4, never).says(0, 5).says(2, 5).says(3, 5).says(1, 6)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 5, support: [2, 3], faulty: [0, 1] })
  })

  test('one result of a discarded pair agrees with nobody any more', () => {
    const call = new TestedCall(paired, 4, never).says(0, 5).says(1, 6).says(2, 5).says(3, 7)
    expect(call.error.code).toBe('PERDURE_E_DISAGREEMENT')
    expect(call.settled?.decision.faulty).toEqual([0, 1, 2, 3])
  })

  test('a pair with a broken half is discarded at once', () => {
    const call = new TestedCall(paired, 4, never).says(2, 5).says(3, 5).throws(1)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 5, support: [2, 3], faulty: [1] })
    expect(call.says(0, 5).settled?.decision.value).toBe(5)
  })

  test('two halves that throw the same declared exception agree', () => {
    const call = new TestedCall(paired, 2, never).declares(0, new RangeError('empty')).declares(1, new RangeError('empty'))
    expect(call.settled?.decision).toMatchObject({ kind: 'exception', support: [0, 1] })
  })

  test('another comparator may allow a tolerance', () => {
    const strategy = nSelfChecking({ pairs: 'in-order', adjudicator: majority({ within: 0.5 }) })
    expect(new TestedCall(strategy, 2, never).says(0, 1).says(1, 1.4).settled?.decision).toMatchObject({
      kind: 'value',
      support: [0, 1],
    })
    expect(new TestedCall(strategy, 2, never).says(0, 1).says(1, 1.6).error.code).toBe('PERDURE_E_DISAGREEMENT')
  })

  test('the variants are those in the pairs, in their order', () => {
    const strategy = nSelfChecking({
      pairs: [
        [A, B],
        [B, A],
      ],
    })
    expect(strategy.options.variants).toEqual([A, B, B, A])
  })

  test('pairs need an even number of members, and all of them', () => {
    expect(() => paired.check?.(3)).toThrow(/expected an even number/)
    expect(paired.check?.(4)).toEqual([])
    expect(paired.check?.(2)).toEqual([expect.stringContaining('only detects')])
    expect(paired.minimum(4)).toBe(4)
  })

  test('options that do not fit are refused with what was expected', () => {
    expect(() => nSelfChecking({} as never)).toThrow(/accept of nSelfChecking is missing/)
    expect(() => nSelfChecking({ pairs: [[A, B]], accept: never } as never)).toThrow(/one kind of check/)
    expect(() => nSelfChecking({ pairs: [[A, B, A]] } as never)).toThrow(/expected \[\[A, B\], \[C, D\]\]/)
    expect(() => nSelfChecking({ pairs: [[A, B]], variants: [A, B] } as never)).toThrow(/both pairs and variants/)
  })

  test('whatever the order of arrival, the answer is that of the first pair that agrees', () => {
    const values = fc
      .array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 8 })
      .filter(({ length }) => length % 2 === 0)
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.nat()), (said, random) => {
        const call = new TestedCall(paired, said.length, never)
        const left = [...said.keys()]
        while (left.length > 0) {
          const [member] = left.splice(random.next().value % left.length, 1)
          call.says(member!, said[member!])
        }
        const first = said.findIndex((value, i) => i % 2 === 0 && value === said[i + 1])
        if (first < 0) expect(call.error.code).toBe('PERDURE_E_DISAGREEMENT')
        else expect(call.settled?.decision.support).toEqual([first, first + 1])
      }),
    )
  })
})
