import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import { tOverN1 } from '../../../../src/mechanisms/group/strategies/t-over-n1.ts'
import { ScriptedCall } from './scripted-call.ts'

const RIGHT = 5
const WRONG = [7, 8, 9]

/** All members answer, in this order. */
function answerAll(
  strategy: ReturnType<typeof tOverN1>,
  said: readonly unknown[],
  order: readonly number[] = [...said.keys()],
): ScriptedCall {
  const call = new ScriptedCall(strategy, said.length)
  for (const member of order) {
    if (said[member] === '!') call.throws(member)
    else call.says(member, said[member])
  }
  return call
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))
}

const ORDERS_OF_5 = permutations([0, 1, 2, 3, 4])

describe('tOverN1 with n = 5, t = 2', () => {
  const strategy = tOverN1({ t: 2 })

  // Comparisons 1-2, 2-3, 3-4, where 0 says equal; outputs are counted from 1 as in the paper.
  test.each([
    { syndrome: '000', said: 'aaaa', output: 2 },
    { syndrome: '001', said: 'aaab', output: 2 },
    { syndrome: '011', said: 'aabc', output: 2 },
    { syndrome: '100', said: 'baaa', output: 3 },
    { syndrome: '110', said: 'bcaa', output: 3 },
    { syndrome: '010', said: 'aabb', output: 5 },
    { syndrome: '101', said: 'baab', output: 5 },
    { syndrome: '111', said: 'abcd', output: 5 },
  ])('syndrome $syndrome gives the output of member $output', ({ said, output }) => {
    // What is compared is the letter; what comes out says whose it was. The member that settles matters comes last.
    const byLetter = tOverN1({ t: 2, compareOn: (answer: string) => answer[0] })
    const answers = [...`${said}z`].map((letter, member) => `${letter} of ${member + 1}`)
    const call = new ScriptedCall(byLetter, 5).says(4, answers[4])
    for (const member of [0, 1, 2, 3]) if (call.settled === undefined) call.says(member, answers[member])
    expect(call.answer).toBe(answers[output - 1])
    expect(call.settled?.chosen).toBe(output - 1)
  })

  test('is right for all 135 patterns of at most two faults, identical wrong values among them', () => {
    let patterns = 0
    for (let one = 0; one < 5; one += 1) {
      for (let other = one; other < 5; other += 1) {
        for (const a of WRONG) {
          for (const b of WRONG) {
            const said = [RIGHT, RIGHT, RIGHT, RIGHT, RIGHT]
            said[one] = a
            said[other] = b
            const call = answerAll(strategy, said)
            expect(call.answer, String(said)).toBe(RIGHT)
            expect(said[call.settled?.chosen ?? -1]).toBe(RIGHT)
            patterns += 1
          }
        }
      }
    }
    expect(patterns).toBe(135)
  })

  test('is right in every order of arrival, also where faults are errors, and blames nobody who was right', () => {
    const patterns = [
      [5, 5, 5, 5, 5],
      [7, 5, 7, 5, 5],
      [5, 7, 7, 5, 5],
      ['!', 5, 5, '!', 5],
      [5, '!', 7, 5, 5],
      [5, 5, 5, 7, 7],
      [7, 7, 5, 5, 5],
    ]
    for (const said of patterns) {
      for (const order of ORDERS_OF_5) {
        const call = answerAll(strategy, said, order)
        expect(call.answer, `${said} in the order ${order}`).toBe(RIGHT)
        for (const member of call.settled?.decision.faulty ?? []) expect(said[member]).not.toBe(RIGHT)
        for (const member of call.settled?.decision.support ?? []) expect(said[member]).toBe(RIGHT)
      }
    }
  })

  test('7, 7, 9, 9, 5 gives 5, where majority and plurality fail', () => {
    expect(answerAll(strategy, [7, 7, 9, 9, 5]).answer).toBe(5)
  })

  test('ends as soon as no outstanding ballot could accuse the author of the answer', () => {
    const call = new ScriptedCall(strategy, 5).says(0, 5).says(1, 5)
    expect(call.settled).toBeUndefined()
    expect(call.says(2, 5).settled?.decision).toEqual({ kind: 'value', value: 5, support: [0, 1, 2], faulty: [] })
  })

  test('starts all members at once', () => {
    expect(new ScriptedCall(strategy, 5).phases).toEqual([[0, 1, 2, 3, 4]])
  })

  test('a member that has not answered in time counts as wrong', () => {
    expect(new ScriptedCall(strategy, 5).says(4, 5).says(3, 5).says(0, 5).runsOut().answer).toBe(5)
    const twoOnly = new ScriptedCall(strategy, 5).says(4, 5).says(3, 5).runsOut()
    expect(PerdureError.is(twoOnly.answer, 'PERDURE_E_NO_QUORUM')).toBe(true)
  })

  test('the deadline without any ballot is an error', () => {
    expect(new ScriptedCall(strategy, 5).runsOut().settled?.decision.kind).toBe('error')
  })

  test('more than t failures end the call at once', () => {
    const call = new ScriptedCall(strategy, 5).throws(4).throws(0).throws(2)
    expect(PerdureError.is(call.answer, 'PERDURE_E_NO_QUORUM')).toBe(true)
    expect((call.answer as Error).message).toContain('More than t = 2 members')
    expect(call.settled?.decision.faulty).toEqual([0, 2, 4])
  })

  test('declared exceptions are answers', () => {
    const call = new ScriptedCall(strategy, 5)
    for (const member of [0, 1, 2]) call.declares(member, new RangeError(`sold out, says ${member}`))
    expect(call.settled?.decision.kind).toBe('exception')
  })

  test('a borderline vote that differs counts as wrong, but is not blamed', () => {
    const call = new ScriptedCall(strategy, 5).says(0, 5).casts({ member: 1, kind: 'value', value: 6, ms: 0, borderline: true })
    call.says(2, 5).says(3, 5).says(4, 5)
    expect([call.answer, call.settled?.decision.faulty]).toEqual([5, []])
  })
})

/** Every way in which at most t of n members can be wrong: which of them, and which of these say the same. */
function* faultsOfAtMost(t: number, n: number, said: readonly number[] = []): Generator<readonly number[]> {
  if (said.length === n) return yield said
  yield* faultsOfAtMost(t, n, [...said, RIGHT])
  if (t === 0) return
  const wrong = new Set(said.filter((value) => value !== RIGHT))
  for (const value of [...wrong, 100 + wrong.size]) yield* faultsOfAtMost(t - 1, n, [...said, value])
}

describe('tOverN1 of other sizes', () => {
  test.each([1, 2, 3, 4])(
    't = %i: is right for every set of at most so many wrong members, whichever of them say the same',
    (t) => {
      const strategy = tOverN1({ t })
      const wrong = [...faultsOfAtMost(t, 2 * t + 1)].find((said) => answerAll(strategy, said).answer !== RIGHT)
      expect(wrong).toBeUndefined()
    },
  )

  test('t = 3: A A B C A A D gives A, for which a chain of the first six would not be enough', () => {
    expect(answerAll(tOverN1({ t: 3 }), [...'AABCAAD']).answer).toBe('A')
  })
})

describe('tOverN1 is refused', () => {
  test.each([0, 1.5, 5, undefined])('with t = %s', (t) => {
    expect(() => tOverN1({ t: t as number })).toThrow(/option t of tOverN1 is/)
  })

  test('for a group of another size than 2t + 1', () => {
    expect(tOverN1({ t: 2 }).check?.(5)).toEqual([])
    expect(() => tOverN1({ t: 2 }).check?.(4)).toThrow(/tOverN1 with t = 2 has 4 members: expected exactly 5/)
    expect(tOverN1({ t: 2 }).minimum(5)).toBe(5)
  })

  test('in a call of a view that has become smaller', () => {
    const call = new ScriptedCall(tOverN1({ t: 2 }), 4).says(0, 5)
    expect(PerdureError.is(call.answer, 'PERDURE_E_NO_QUORUM')).toBe(true)
  })

  test('with a tolerance, since the ends of a chain of near numbers need not be near', () => {
    const near = { relation: 'tolerance', equal: (a: number, b: number) => Math.abs(a - b) < 1 } as const
    expect(() => tOverN1({ t: 1, equal: near as never })).toThrow(/cannot compare with a tolerance/)
    expect(() => tOverN1({ t: 1, within: 0.5 } as { t: number })).toThrow(/cannot compare with a tolerance/)
  })
})
