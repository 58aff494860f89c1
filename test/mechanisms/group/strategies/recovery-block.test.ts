import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import { recoveryBlock } from '../../../../src/mechanisms/group/strategies/recovery-block.ts'
import { retryBlock } from '../../../../src/mechanisms/group/strategies/retry-block.ts'
import { TestedCall } from './tested-call.ts'

const block = recoveryBlock({ accept: () => true, declared: ['RangeError'] })
const right = (value: unknown): boolean => value === 'right'

describe('recovery block', () => {
  test('one at a time: the primary first, and nobody else if its answer is accepted', () => {
    const call = new TestedCall(block, 3, right).says(0, 'right')
    expect(call.starts).toEqual([0])
    expect(call.settled).toEqual({
      do: 'settle',
      decision: { kind: 'value', value: 'right', support: [0], faulty: [] },
      chosen: 0,
    })
  })

  test.each([
    { what: 'a rejected answer', hurt: (call: TestedCall) => call.says(0, 'wrong'), faulty: [0] },
    { what: 'an exception', hurt: (call: TestedCall) => call.throws(0), faulty: [0] },
    { what: 'a time-out', hurt: (call: TestedCall) => call.isGivenUp(0), faulty: [] },
  ])('$what leads to the next alternate, whose state is chosen if it is accepted', ({ hurt, faulty }) => {
    const call = hurt(new TestedCall(block, 3, right))
    expect(call.starts).toEqual([0, 1])
    call.says(1, 'right')
    expect(call.settled).toEqual({ do: 'settle', decision: { kind: 'value', value: 'right', support: [1], faulty }, chosen: 1 })
  })

  test('the last alternate is tested like the others', () => {
    const call = new TestedCall(block, 2, right).says(0, 'wrong').says(1, 'wrong')
    expect(call.tests).toEqual([0, 1])
    expect(call.error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect(call.settled?.chosen).toBeUndefined()
  })

  test('when all fail the error has the causes in order, as data and as errors', () => {
    const broken = new TypeError('b is broken')
    const call = new TestedCall(block, 3, right).says(0, 'wrong').throws(1, broken).isGivenUp(2)
    expect(call.error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect(call.error.data.causes).toEqual([
      { member: 'a', why: 'rejected', message: 'a returned "wrong", which the acceptance test did not accept' },
      { member: 'b', why: 'threw', message: 'b threw TypeError: b is broken' },
      { member: 'c', why: 'late', message: 'c did not answer in time' },
    ])
    expect(call.causes).toHaveLength(3)
    expect(call.causes[1]).toBe(broken)
    expect(PerdureError.is(call.causes[2], 'PERDURE_E_TIMEOUT')).toBe(true)
    expect(call.settled?.decision.faulty).toEqual([0, 1])
    expect(call.error.message).toContain('The state is as it was before the call')
  })

  test('the failure of a nested block is an exception of the outer alternate', () => {
    const inner = new TestedCall(block, 1, right).says(0, 'wrong')
    const outer = new TestedCall(block, 2, right).throws(0, inner.error).says(1, 'right')
    expect(outer.answer).toBe('right')
    const both = new TestedCall(block, 2, right).throws(0, inner.error).throws(1)
    expect(both.causes[0]).toBe(inner.error)
  })

  test('a declared exception is a legal outcome: it is not tested and nobody else is asked', () => {
    const refusal = new RangeError('empty')
    const call = new TestedCall(block, 2, right).declares(0, refusal)
    expect(call.tests).toEqual([])
    expect(call.settled).toEqual({
      do: 'settle',
      decision: { kind: 'exception', value: refusal, support: [0], faulty: [] },
      chosen: 0,
    })
  })

  test('with one alternate the test only detects, of which its author is warned', () => {
    expect(new TestedCall(block, 1, right).says(0, 'wrong').error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect(block.check?.(1)).toEqual([expect.stringContaining('only detects')])
    expect(block.check?.(2)).toEqual([])
  })

  test('the same answer of two alternates is tested twice: a test looks at the state too', () => {
    expect(new TestedCall(block, 2, right).says(0, 'same').says(1, 'same').tests).toEqual([0, 1])
  })

  test('an answer of an alternate that was given up is not heard', () => {
    const call = new TestedCall(block, 3, right).isGivenUp(0).says(0, 'right')
    expect(call.settled).toBeUndefined()
    expect(call.starts).toEqual([0, 1])
    expect(call.says(1, 'right').settled?.chosen).toBe(1)
    expect(call.tests).toEqual([1])
  })

  test.each([
    { when: 'an alternate is at work', before: (call: TestedCall) => call, under: 'was at work' },
    { when: 'an answer is being tested', before: (call: TestedCall) => call.says(0, 'right'), under: 'was being tested' },
    { when: 'a second alternate is at work', before: (call: TestedCall) => call.throws(0), under: 'attempt 2' },
  ])('the time of the call runs out while $when', ({ before, under }) => {
    const call = before(new TestedCall(block, 2)).runsOut()
    expect(call.error.code).toBe('PERDURE_E_TIMEOUT')
    expect(call.error.message).toContain(under)
    expect(call.settled?.chosen).toBeUndefined()
    expect(call.runsOut().says(0, 'right').says(1, 'right').settled?.decision.kind).toBe('error')
  })

  test('without members the call fails at once', () => {
    expect(new TestedCall(block, 0).error.code).toBe('PERDURE_E_GROUP_EXHAUSTED')
  })

  test('options that do not fit are refused with what was expected', () => {
    expect(() => recoveryBlock({} as never)).toThrow(/accept of recoveryBlock is missing: expected a function/)
    expect(() => recoveryBlock({ accept: () => true, attemptMs: 0 })).toThrow(/attemptMs/)
  })

  test('whatever alternates do, the first accepted one is the answer, else nobody', () => {
    const outcome = fc.constantFrom('right', 'wrong', 'throws', 'hangs')
    fc.assert(
      fc.property(fc.array(outcome, { minLength: 1, maxLength: 8 }), (outcomes) => {
        const call = new TestedCall(block, outcomes.length, right)
        for (const [member, what] of outcomes.entries()) {
          if (call.settled !== undefined) break
          if (what === 'throws') call.throws(member)
          else if (what === 'hangs') call.isGivenUp(member)
          else call.says(member, what)
        }
        const first = outcomes.indexOf('right')
        expect(call.settled?.chosen).toBe(first < 0 ? undefined : first)
        expect(call.starts).toEqual([...outcomes.keys()].slice(0, first < 0 ? outcomes.length : first + 1))
        expect(call.outstanding.size).toBe(0)
      }),
    )
  })
})

describe('retry block', () => {
  const args = [[3, 1, 2]]
  const rotate = ([list]: [number[]], tryNumber: number) => [[...list.slice(tryNumber - 1), ...list.slice(0, tryNumber - 1)]]
  const retry = retryBlock({ accept: () => true, reexpress: rotate, maxTries: 3 })

  test('the first try has the original arguments, the others have them re-expressed', () => {
    const call = new TestedCall(retry, 1, right, args).says(0, 'wrong').throws(0).says(0, 'right')
    expect(call.starts).toEqual([0, [0, [[1, 2, 3]]], [0, [[2, 3, 1]]]])
    expect(call.settled).toEqual({
      do: 'settle',
      decision: { kind: 'value', value: 'right', support: [0], faulty: [] },
      chosen: 0,
    })
  })

  test('after the last try each backup is asked once, with the original arguments', () => {
    const call = new TestedCall(retry, 3, right, args)
      .says(0, 'wrong')
      .says(0, 'wrong')
      .says(0, 'wrong')
      .throws(1)
      .says(2, 'right')
    expect(call.starts).toEqual([0, [0, [[1, 2, 3]]], [0, [[2, 3, 1]]], 1, 2])
    expect(call.settled?.decision).toMatchObject({ value: 'right', support: [2], faulty: [0, 1] })
  })

  test('when tries and backups have failed the causes are in the order of the attempts', () => {
    const call = new TestedCall(retry, 2, right, args).says(0, 1).isGivenUp(0).throws(0, 'x').says(1, 2)
    expect(call.error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect((call.error.data.causes as { member: string; why: string }[]).map(({ member, why }) => `${member} ${why}`)).toEqual([
      'a rejected',
      'a late',
      'a threw',
      'b rejected',
    ])
    expect(call.settled?.decision.faulty).toEqual([0, 1])
  })

  test('the deadline covers all tries', () => {
    const call = new TestedCall(retry, 2, right, args).says(0, 'wrong').says(0, 'wrong').runsOut()
    expect(call.error.code).toBe('PERDURE_E_TIMEOUT')
    expect(call.causes).toHaveLength(3)
    expect(call.says(0, 'right').settled?.decision.kind).toBe('error')
  })

  test('what reexpress does to its arguments is done to a copy', () => {
    const given = [[3, 1, 2], 5]
    const strategy = retryBlock({
      accept: () => true,
      reexpress: (all: [number[], number]) => {
        all[0].sort()
        all[1] = 6
        return all
      },
      maxTries: 2,
    })
    const call = new TestedCall(strategy, 1, right, given).says(0, 'wrong')
    expect(given).toEqual([[3, 1, 2], 5])
    expect(call.starts[1]).toEqual([0, [[1, 2, 3], 6]])
    const flat = [1, 2]
    new TestedCall(
      retryBlock({ accept: () => true, reexpress: (all: number[]) => all.fill(0), maxTries: 2 }),
      1,
      right,
      flat,
    ).throws(0)
    expect(flat).toEqual([1, 2])
  })

  test('a re-expression that throws, or returns no arguments, is a failed try', () => {
    const strategy = retryBlock({
      accept: () => true,
      reexpress: (_, tryNumber): unknown[] => {
        if (tryNumber === 2) throw new Error('no other words')
        return 'none' as never
      },
      maxTries: 3,
    })
    const call = new TestedCall(strategy, 2, right).says(0, 'wrong')
    expect(call.starts).toEqual([0, 1])
    call.throws(1)
    expect(call.causes.map(String)).toEqual([
      expect.stringContaining('did not accept'),
      'Error: no other words',
      expect.stringContaining('expected an array of arguments'),
      'TypeError: b is broken',
    ])
  })

  test('maxTries of 1 is a recovery block', () => {
    const strategy = retryBlock({ accept: () => true, reexpress: () => [], maxTries: 1 })
    expect(new TestedCall(strategy, 2, right).says(0, 'wrong').starts).toEqual([0, 1])
  })

  test('options that do not fit are refused with what was expected', () => {
    const fine = { accept: () => true, reexpress: () => [], maxTries: 2 }
    expect(() => retryBlock({ ...fine, maxTries: 0 })).toThrow(/maxTries of retryBlock is 0/)
    expect(() => retryBlock({ ...fine, maxTries: 101 })).toThrow(/at most 100/)
    expect(() => retryBlock({ ...fine, reexpress: undefined } as never)).toThrow(/reexpress/)
  })
})
