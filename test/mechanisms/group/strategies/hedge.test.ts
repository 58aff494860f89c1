import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import { hedge } from '../../../../src/mechanisms/group/strategies/hedge.ts'
import type { Strategy } from '../../../../src/mechanisms/group/strategy.ts'
import { ScriptedCall } from './scripted-call.ts'

/** Plays so many calls whose first member takes this long, the second none; answers how many were hedged. */
function hedgedOf(strategy: Strategy, calls: number, ms: number): number {
  let hedged = 0
  for (let i = 0; i < calls; i += 1) {
    const call = new ScriptedCall(strategy, 2)
    const start = call.last
    const afterMs = start?.do === 'start' ? start.afterMs : undefined
    if (afterMs !== undefined && ms > afterMs) call.elapses()
    if (call.started.length === 2) hedged += 1
    if (call.started.length === 2) call.says(1, 'fast', 1)
    else call.says(0, 'slow', ms)
  }
  return hedged
}

describe('hedge', () => {
  test('asks the first member only, as long as it answers in time', () => {
    const call = new ScriptedCall(hedge({ budget: 0.1, afterMs: 20 }), 3)
    expect(call.moves).toEqual([{ do: 'start', members: [0], afterMs: 20 }])
    call.says(0, 'quick')
    expect(call.settled).toEqual({
      do: 'settle',
      decision: { kind: 'value', value: 'quick', support: [0], faulty: [] },
      chosen: 0,
    })
  })

  test('asks the next as well when the first has not answered in time, and the first answer wins', () => {
    const strategy = hedge({ budget: 0.1, afterMs: 20 })
    expect(new ScriptedCall(strategy, 3).elapses().says(1, 'second').settled?.decision.support).toEqual([1])
    expect(new ScriptedCall(strategy, 3).elapses().says(0, 'first').settled?.decision.support).toEqual([0])
  })

  test('each that is too slow in its turn leads to one more, as long as there are any', () => {
    const call = new ScriptedCall(hedge({ budget: 0.1, afterMs: 20 }), 3).elapses().elapses().elapses()
    expect(call.phases).toEqual([[0], [1], [2]])
    expect(call.last).toEqual({ do: 'wait' })
  })

  test('asks the next at once when the only one at work has failed', () => {
    const call = new ScriptedCall(hedge({ budget: 0.1, afterMs: 20 }), 2).throws(0).says(1, 'second')
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 'second', support: [1], faulty: [0] })
  })

  test('a declared exception wins like a value', () => {
    const refusal = new RangeError('sold out')
    const call = new ScriptedCall(hedge({ budget: 0.1, afterMs: 20 }), 2).elapses().declares(1, refusal)
    expect(call.settled?.decision).toEqual({ kind: 'exception', value: refusal, support: [1], faulty: [] })
  })

  test('fails when all have failed, with their errors as the cause', () => {
    const call = new ScriptedCall(hedge({ budget: 0.1, afterMs: 20 }), 2).elapses().throws(1).throws(0)
    expect(PerdureError.is(call.answer, 'PERDURE_E_GROUP_EXHAUSTED')).toBe(true)
    expect(((call.answer as Error).cause as AggregateError).errors).toHaveLength(2)
  })

  test('the deadline ends a call with one or with all members at work', () => {
    for (const slow of [0, 1, 2]) {
      const call = new ScriptedCall(hedge({ budget: 0.1, afterMs: 20, timeoutMs: 100 }), 3)
      for (let i = 0; i < slow; i += 1) call.elapses()
      call.runsOut()
      expect(PerdureError.is(call.answer, 'PERDURE_E_TIMEOUT')).toBe(true)
      expect((call.answer as Error).message).toContain(`${slow + 1} of 3 were asked`)
    }
  })

  test('when every call is slow, the burst and then the share of the budget are hedged, and no more', () => {
    expect(hedgedOf(hedge({ budget: 0.1, afterMs: 20 }), 1_000, 50)).toBe(109)
    expect(hedgedOf(hedge({ budget: 0.25, afterMs: 20, burst: 1 }), 1_000, 50)).toBe(250)
    expect(hedgedOf(hedge({ budget: 1, afterMs: 20 }), 1_000, 50)).toBe(1_000)
  })

  test('what quiet times leave unused is no more than the burst', () => {
    const strategy = hedge({ budget: 0.5, afterMs: 20, burst: 4 })
    expect(hedgedOf(strategy, 1_000, 10)).toBe(0)
    expect(hedgedOf(strategy, 4, 50)).toBe(4)
  })

  test('without budget left a slow call is waited for', () => {
    const strategy = hedge({ budget: 0.001, afterMs: 20, burst: 1 })
    new ScriptedCall(strategy, 2).elapses().says(1, 'hedged')
    const call = new ScriptedCall(strategy, 2).elapses()
    expect(call.started).toEqual([0])
    expect(call.says(0, 'at last').answer).toBe('at last')
  })

  test('without budget left a failure still leads to the next member, for the failed one is not at work any more', () => {
    const strategy = hedge({ budget: 0.001, afterMs: 20, burst: 1 })
    new ScriptedCall(strategy, 2).elapses().says(1, 'hedged')
    for (let i = 0; i < 50; i += 1) expect(new ScriptedCall(strategy, 2).throws(0).says(1, i).answer).toBe(i)
  })

  test('a failure while another is at work is hedged on the budget only', () => {
    const strategy = hedge({ budget: 0.001, afterMs: 20, burst: 1 })
    const call = new ScriptedCall(strategy, 3).elapses().throws(1)
    expect(call.started).toEqual([0, 1])
    expect(call.throws(0).started).toEqual([0, 1, 2])
  })

  test('without afterMs the next is asked on failure only, until a few answers have shown what is slow', () => {
    const strategy = hedge({ budget: 0.1 })
    expect(new ScriptedCall(strategy, 2).moves).toEqual([{ do: 'start', members: [0], afterMs: undefined }])
    for (let ms = 1; ms <= 100; ms += 1) new ScriptedCall(strategy, 2).says(0, 'answer', ms)
    expect(new ScriptedCall(strategy, 2).last).toMatchObject({ afterMs: 90 })
  })

  test('without afterMs a service that has become slow as a whole is soon taken as it is', () => {
    const strategy = hedge({ budget: 0.1 })
    hedgedOf(strategy, 200, 10)
    hedgedOf(strategy, 200, 500)
    expect(hedgedOf(strategy, 200, 500)).toBe(0)
  })

  test('without afterMs a first member that was overtaken counts with the time it was waited for, and the answer took', () => {
    const strategy = hedge({ budget: 0.5, burst: 100 })
    for (let i = 0; i < 20; i += 1) new ScriptedCall(strategy, 2).says(0, 'answer', 10)
    for (let i = 0; i < 32; i += 1) new ScriptedCall(strategy, 2).elapses().says(1, 'hedged', 7)
    expect(new ScriptedCall(strategy, 2).last).toMatchObject({ afterMs: 17 })
  })

  test('without afterMs a first member that fails at once says nothing about what is slow', () => {
    const strategy = hedge({ budget: 0.5 })
    for (let i = 0; i < 20; i += 1) new ScriptedCall(strategy, 2).says(0, 'answer', 10)
    for (let i = 0; i < 100; i += 1) new ScriptedCall(strategy, 2).throws(0).says(1, 'other', 1)
    expect(new ScriptedCall(strategy, 2).last).toMatchObject({ afterMs: 10 })
  })

  test('members that answer at once are never hedged at once', () => {
    const strategy = hedge({ budget: 0.1 })
    hedgedOf(strategy, 100, 0)
    expect(new ScriptedCall(strategy, 2).last).toMatchObject({ afterMs: 1 })
  })

  test.each([0, -0.1, 1.1, Number.NaN, undefined])('a budget of %s is refused', (budget) => {
    expect(() => hedge({ budget: budget as number })).toThrow(/budget of hedge is .*: expected the share of calls/)
  })

  test('a burst below one hedge, and no time to wait, are refused', () => {
    expect(() => hedge({ budget: 0.1, burst: 0 })).toThrow(/burst of hedge is 0/)
    expect(() => hedge({ budget: 0.1, afterMs: 0 })).toThrow(/afterMs of hedge is 0/)
  })

  test('nothing is copied and nobody compared, so whoever lost is not needed any more', () => {
    const strategy = hedge({ budget: 0.1 })
    expect([strategy.state, strategy.agrees]).toEqual(['none', undefined])
  })
})
