import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import {
  type Adjudicator,
  first,
  kAgree,
  majority,
  mean,
  median,
  unanimity,
} from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { nVersion } from '../../../../src/mechanisms/group/strategies/n-version.ts'
import { ScriptedCall } from './scripted-call.ts'

const byMajority = nVersion({ adjudicator: majority() })

/** What a member says: a letter is a value, `X` a declared exception, `!` an undeclared error. */
type Line = string

function play(call: ScriptedCall, member: number, line: Line): ScriptedCall {
  if (line === '!') return call.throws(member)
  return line === 'X' ? call.declares(member, new RangeError('sold out')) : call.says(member, line)
}

function codeOf(call: ScriptedCall): unknown {
  return (call.answer as { code?: unknown } | undefined)?.code
}

describe('nVersion', () => {
  test.each([1, 2, 3, 7])('starts all %i members at once, and nobody later', (members) => {
    const call = new ScriptedCall(byMajority, members)
    const everybody = Array.from({ length: members }, (_, i) => i)
    expect(call.phases).toEqual([everybody])
    for (const member of everybody) call.says(member, 1)
    call.elapses().runsOut()
    expect(call.phases).toEqual([everybody])
  })

  // Members answer in the order of the lines; `after` is the number of ballots with which the call ends.
  test.each([
    { lines: 'aaa', after: 2, kind: 'value', support: [0, 1], faulty: [] },
    { lines: 'aba', after: 3, kind: 'value', support: [0, 2], faulty: [1] },
    { lines: 'baa', after: 3, kind: 'value', support: [1, 2], faulty: [0] },
    { lines: '!aa', after: 3, kind: 'value', support: [1, 2], faulty: [0] },
    { lines: 'XXa', after: 2, kind: 'exception', support: [0, 1], faulty: [] },
    { lines: 'aXX', after: 3, kind: 'exception', support: [1, 2], faulty: [0] },
    { lines: 'abc', after: 3, kind: 'error', support: [], faulty: undefined },
    { lines: '!!a', after: 2, kind: 'error', support: [], faulty: undefined },
    { lines: 'a!!', after: 3, kind: 'error', support: [], faulty: undefined },
    { lines: 'aaaaa', after: 3, kind: 'value', support: [0, 1, 2], faulty: [] },
    { lines: 'abcde', after: 4, kind: 'error', support: [], faulty: undefined },
    { lines: '!!!aa', after: 3, kind: 'error', support: [], faulty: undefined },
    { lines: 'aabb', after: 4, kind: 'error', support: [], faulty: undefined },
  ])('$lines ends after $after ballots with a $kind', ({ lines, after, kind, support, faulty }) => {
    const call = new ScriptedCall(nVersion({ adjudicator: majority(), declared: ['RangeError'] }), lines.length)
    for (const [member, line] of [...lines].entries()) {
      expect(call.settled !== undefined, `before ballot ${member + 1}`).toBe(member >= after)
      play(call, member, line)
    }
    expect(call.settled?.decision.kind).toBe(kind)
    if (faulty === undefined) return expect(codeOf(call)).toBe('PERDURE_E_NO_QUORUM')
    expect([...(call.settled?.decision.support ?? [])].sort()).toEqual(support)
    expect(call.settled?.decision.faulty).toEqual(faulty)
  })

  describe('a group of one is passed through', () => {
    test('its value', () => {
      expect(new ScriptedCall(byMajority, 1).says(0, 7).settled).toMatchObject({
        decision: { kind: 'value', value: 7 },
        chosen: 0,
      })
    })

    test('its declared exception', () => {
      const refusal = new RangeError('sold out')
      const decision = new ScriptedCall(byMajority, 1).declares(0, refusal).settled?.decision
      expect([decision?.kind, decision?.value]).toEqual(['exception', refusal])
    })

    test('its own error, not one about votes', () => {
      const error = new TypeError('broken')
      const decision = new ScriptedCall(byMajority, 1).throws(0, error).settled?.decision
      expect(decision).toEqual({ kind: 'error', value: error, support: [], faulty: [0] })
    })

    test('unless its adjudicator needs more members, which is refused when the group is defined', () => {
      const two = nVersion({ adjudicator: kAgree(2) })
      expect(() => two.check?.(1)).toThrow(/kAgree\(2\) needs 2 votes, and the group has 1 members/)
      expect(codeOf(new ScriptedCall(two, 1).says(0, 7))).toBe('PERDURE_E_USAGE')
    })
  })

  describe('two members only detect', () => {
    test('equal answers are the answer', () => {
      expect(new ScriptedCall(byMajority, 2).says(1, 7).says(0, 7).answer).toBe(7)
    })

    test.each(['ab', 'a!', '!a'])('%s is no answer', (lines) => {
      const call = new ScriptedCall(byMajority, 2)
      play(call, 0, lines[0] as Line)
      play(call, 1, lines[1] as Line)
      expect(codeOf(call)).toBe('PERDURE_E_NO_QUORUM')
    })

    test('which is said when the group is defined', () => {
      expect(byMajority.check?.(2)).toEqual([expect.stringContaining('only detects a wrong answer and cannot mask it')])
    })

    test('but not of one or three, and not when no number of members would mask', () => {
      expect([byMajority.check?.(1), byMajority.check?.(3)]).toEqual([[], []])
      expect(nVersion({ adjudicator: unanimity() }).check?.(2)).toEqual([])
      expect(nVersion({ adjudicator: first() }).check?.(2)).toEqual([])
    })
  })

  describe('the deadline decides with what there is', () => {
    test.each([
      { lines: '', kind: 'error' },
      { lines: 'a', kind: 'error' },
      { lines: '!', kind: 'error' },
      { lines: 'ab', kind: 'error' },
      { lines: 'aa', kind: 'value' },
    ])('after "$lines" of three: $kind', ({ lines, kind }) => {
      const call = new ScriptedCall(byMajority, 3)
      for (const [member, line] of [...lines].entries()) play(call, member, line)
      call.runsOut()
      expect(call.settled?.decision.kind).toBe(kind)
    })

    test('and silence does not shrink n: one of three is no majority', () => {
      const call = new ScriptedCall(byMajority, 3).says(1, 'a').runsOut()
      expect(['PERDURE_E_NO_QUORUM', 'PERDURE_E_TIMEOUT']).toContain(codeOf(call))
    })

    test('where all must be in, more than half of the numbers do at the deadline', () => {
      const call = new ScriptedCall(nVersion({ adjudicator: median() }), 3).says(0, 1).says(1, 2)
      expect(call.settled).toBeUndefined()
      expect(call.runsOut().answer).toBe(1)
    })
  })

  describe('whose state and effects count', () => {
    test('those of the first member, in the order of priority, whose answer it is', () => {
      expect(new ScriptedCall(byMajority, 3).says(2, 'a').says(1, 'a').settled?.chosen).toBe(1)
    })

    test('with a tolerance those of the very ballot that became the answer', () => {
      const call = new ScriptedCall(nVersion({ adjudicator: majority({ within: 0.5 }) }), 3).says(0, 1.4).says(1, 1).says(2, 1.2)
      const { answer, settled } = call
      expect([1.4, 1, 1.2][settled?.chosen ?? -1]).toBe(answer)
    })

    test("of an answer that is nobody's own, such as a mean, those of the member that comes nearest", () => {
      const call = new ScriptedCall(nVersion({ adjudicator: mean({ trim: 1 }) }), 5)
      for (const [member, value] of [
        [4, 90],
        [3, 1],
        [2, 2],
        [1, 6],
        [0, -90],
      ] as const)
        call.says(member, value)
      expect([call.answer, call.settled?.chosen]).toEqual([3, 2])
    })

    test("nobody's, when there is no answer", () => {
      expect(new ScriptedCall(byMajority, 2).says(0, 'a').says(1, 'b').settled).not.toHaveProperty('chosen')
    })
  })

  test('every member has its own state, none when stateless, and methods of one class have one in common', () => {
    expect(nVersion({ adjudicator: majority() }).state).toBe('own')
    expect(nVersion({ adjudicator: majority(), stateless: true }).state).toBe('none')
    expect(nVersion({ adjudicator: majority(), operations: { sort: ['quick', 'merge', 'heap'] } }).state).toBe('common')
  })

  test('suspicion leaves as many members as the adjudicator needs', () => {
    expect([1, 2, 3, 5].map((members) => byMajority.minimum(members))).toEqual([1, 2, 2, 3])
  })

  test('stragglers are compared as the adjudicator compares', () => {
    const decision = { kind: 'value', value: 1, support: [0, 1], faulty: [] } as const
    expect(byMajority.agrees?.(decision, { member: 2, kind: 'value', value: 1, ms: 9 })).toBe(true)
    expect(byMajority.agrees?.(decision, { member: 2, kind: 'value', value: 2, ms: 9 })).toBe(false)
  })

  test('an adjudicator that throws, or decides nothing in the end, is no reason to wait for ever', () => {
    const faulty: Adjudicator = {
      name: 'moody',
      minimum: () => 1,
      agrees: () => true,
      judge: ({ closed }) => {
        if (closed) throw new TypeError('cannot read')
        return undefined
      },
    }
    const thrown = new ScriptedCall(nVersion({ adjudicator: faulty }), 2).says(0, 1).says(1, 1)
    expect(codeOf(thrown)).toBe('PERDURE_E_NO_QUORUM')
    expect((thrown.answer as Error).message).toContain('The adjudicator moody threw')
    const undecided = new ScriptedCall(nVersion({ adjudicator: { ...faulty, judge: () => undefined } }), 2).says(0, 1).says(1, 1)
    expect((undecided.answer as Error).message).toContain('The adjudicator moody decided nothing')
  })

  test('without an adjudicator, or without options, it is refused', () => {
    const wrong = nVersion as (options: unknown) => unknown
    expect(() => wrong({})).toThrow(/adjudicator of nVersion is missing: expected one such as majority\(\)/)
    expect(() => wrong({ adjudicator: majority })).toThrow(/adjudicator of nVersion is a function/)
    expect(() => wrong(undefined)).toThrow(/nVersion takes an object of options/)
  })

  test('a group without members says so at once', () => {
    expect(PerdureError.is(new ScriptedCall(byMajority, 0).answer, 'PERDURE_E_GROUP_EXHAUSTED')).toBe(true)
  })

  test('whatever arrives in which order, every call ends once, and exactly as when all ballots are counted at the end', () => {
    const ballots = fc.array(fc.constantFrom('a', 'b', 'X', '!'), { minLength: 2, maxLength: 7 })
    const scripts = ballots.chain((lines) =>
      fc.tuple(fc.constant(lines), fc.shuffledSubarray([...lines.keys()], { minLength: lines.length })),
    )
    fc.assert(
      fc.property(scripts, ([lines, order]) => {
        const call = new ScriptedCall(byMajority, lines.length)
        for (const member of order) play(call, member, lines[member] as Line)
        const winner = ['a', 'b', 'X'].find((line) => lines.filter((said) => said === line).length * 2 > lines.length)
        const answer = call.settled?.decision.kind === 'exception' ? 'X' : call.answer
        if (winner === undefined) expect(call.settled?.decision.kind).toBe('error')
        else expect(answer).toBe(winner)
      }),
      { numRuns: 300 },
    )
  })
})
