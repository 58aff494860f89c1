import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import { fallback } from '../../../../src/mechanisms/group/strategies/fallback.ts'
import { ScriptedCall } from './scripted-call.ts'

const broken = (name: string) => new TypeError(`${name} is broken`)

describe('fallback', () => {
  test('asks the first member only, as long as it answers', () => {
    const call = new ScriptedCall(fallback({}), 3).says(0, 7)
    expect(call.phases).toEqual([[0]])
    expect(call.settled).toEqual({ do: 'settle', decision: { kind: 'value', value: 7, support: [0], faulty: [] }, chosen: 0 })
  })

  test('asks the next member on an error only, and takes the first answer as it is', () => {
    const call = new ScriptedCall(fallback({}), 3).throws(0)
    expect(call.phases).toEqual([[0], [1]])
    call.says(1, undefined)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: undefined, support: [1], faulty: [0] })
    expect(call.started).toEqual([0, 1])
  })

  test('a declared exception is an answer, and no reason to ask anybody else', () => {
    const refusal = new RangeError('sold out')
    const call = new ScriptedCall(fallback({ declared: ['RangeError'] }), 2).declares(0, refusal)
    expect(call.settled?.decision).toEqual({ kind: 'exception', value: refusal, support: [0], faulty: [] })
    expect(call.started).toEqual([0])
  })

  test('a member that is given up leads to the next, and silence is not blamed', () => {
    const call = new ScriptedCall(fallback({ attemptMs: 50 }), 2).isGivenUp(0).says(1, 'late but there')
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 'late but there', support: [1], faulty: [] })
  })

  test('when all have failed the error names each and has all errors in order as its cause', () => {
    const call = new ScriptedCall(fallback({}), 3).throws(0, broken('a')).isGivenUp(1).throws(2, 'no error at all')
    expect(PerdureError.is(call.answer, 'PERDURE_E_GROUP_EXHAUSTED')).toBe(true)
    const error = call.answer as PerdureError
    expect(error.message).toContain(
      'member 0 threw TypeError: a is broken, member 1 did not answer in time, member 2 threw string',
    )
    expect((error.cause as AggregateError).errors).toEqual([broken('a'), 'no error at all'])
    expect(error.data).toEqual({ failed: ['member 0', 'member 1', 'member 2'] })
    expect(call.settled?.decision.faulty).toEqual([0, 2])
  })

  test('of a group of one the own error of its member is thrown', () => {
    const call = new ScriptedCall(fallback({}), 1).throws(0, broken('only'))
    expect(call.settled?.decision).toEqual({ kind: 'error', value: broken('only'), support: [], faulty: [0] })
  })

  test('a group of one whose member is given up has no answer', () => {
    const call = new ScriptedCall(fallback({ attemptMs: 5 }), 1).isGivenUp(0)
    expect(PerdureError.is(call.answer, 'PERDURE_E_GROUP_EXHAUSTED')).toBe(true)
  })

  test('a group without members says so at once', () => {
    const call = new ScriptedCall(fallback({}), 0)
    expect(PerdureError.is(call.answer, 'PERDURE_E_GROUP_EXHAUSTED')).toBe(true)
    expect(call.started).toEqual([])
  })

  test('the deadline is that of all members together: whoever is asked then, nobody is asked any more', () => {
    for (const failures of [0, 1, 2]) {
      const call = new ScriptedCall(fallback({ timeoutMs: 100 }), 3)
      for (let member = 0; member < failures; member += 1) call.throws(member)
      call.runsOut()
      expect(PerdureError.is(call.answer, 'PERDURE_E_TIMEOUT')).toBe(true)
      expect((call.answer as Error).message).toContain(`${failures + 1} of 3 were asked`)
      call.says(failures, 'too late')
      expect(call.started).toHaveLength(failures + 1)
    }
  })

  test('after the answer nothing moves it any more', () => {
    const call = new ScriptedCall(fallback({}), 2).says(0, 1).runsOut().elapses().throws(0)
    expect(call.answer).toBe(1)
  })

  test('nothing is copied or restored: it is no recovery block, and one member is enough', () => {
    const strategy = fallback({ timeoutMs: 10 })
    expect([strategy.kind, strategy.state, strategy.timeoutMs, strategy.attemptMs]).toEqual(['fallback', 'none', 10, Infinity])
    expect(strategy.accept).toBeUndefined()
    expect(strategy.agrees).toBeUndefined()
    expect(strategy.minimum(5)).toBe(1)
  })

  test('an attempt without any time is refused', () => {
    expect(() => fallback({ attemptMs: 0 })).toThrow(/attemptMs of fallback is 0: expected milliseconds/)
  })
})
