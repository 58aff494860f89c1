import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import {
  type Adjudicator,
  first,
  kAgree,
  majority,
  median,
  plurality,
  unanimity,
  weighted,
} from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { stepwise } from '../../../../src/mechanisms/group/strategies/stepwise.ts'
import { ScriptedCall } from './scripted-call.ts'

/** What a member says: a letter is a value, `X` a declared exception, `!` an undeclared error. */
function play(call: ScriptedCall, member: number, line: string): void {
  if (line === '!') call.throws(member)
  else if (line === 'X') call.declares(member, new RangeError('sold out'))
  else call.says(member, line)
}

/** Members answer in the order in which they were started, each what its place in `lines` says. */
function playAll(call: ScriptedCall, lines: string): ScriptedCall {
  for (let next = 0; call.settled === undefined && next < lines.length; next += 1) {
    const member = call.started[next] as number
    play(call, member, lines[member] as string)
  }
  return call
}

function sizesOf(call: ScriptedCall): readonly number[] {
  return call.phases.map((phase) => phase.length)
}

describe('stepwise', () => {
  // The cost of a call is the number of members that were started: the sum of its phases.
  test.each([
    { lines: 'a', phases: [1], answer: 'a' },
    { lines: 'aa', phases: [2], answer: 'a' },
    { lines: 'aaa', phases: [2], answer: 'a' },
    { lines: 'aba', phases: [2, 1], answer: 'a' },
    { lines: 'baa', phases: [2, 1], answer: 'a' },
    { lines: '!aa', phases: [2, 1], answer: 'a' },
    { lines: 'XaX', phases: [2, 1], answer: 'X' },
    { lines: 'abc', phases: [2, 1], answer: undefined },
    { lines: '!!a', phases: [2], answer: undefined },
    { lines: 'aaaaa', phases: [3], answer: 'a' },
    { lines: 'aabaa', phases: [3, 1], answer: 'a' },
    { lines: 'aabba', phases: [3, 1, 1], answer: 'a' },
    { lines: 'abcaa', phases: [3, 2], answer: 'a' },
    { lines: 'abcaX', phases: [3, 2], answer: undefined },
    { lines: '!!aaa', phases: [3, 2], answer: 'a' },
    { lines: '!!!aa', phases: [3], answer: undefined },
    { lines: 'aabcaaa', phases: [4, 2], answer: 'a' },
    { lines: 'abcdaaa', phases: [4, 3], answer: 'a' },
    { lines: 'aabcdaa', phases: [4, 2, 1], answer: 'a' },
  ])('$lines starts phases of $phases and answers $answer', ({ lines, phases, answer }) => {
    const call = playAll(new ScriptedCall(stepwise({ declared: ['RangeError'] }), lines.length), lines)
    expect(sizesOf(call)).toEqual(phases)
    if (answer === undefined) expect(PerdureError.is(call.answer, 'PERDURE_E_NO_QUORUM')).toBe(true)
    else if (answer === 'X') expect(call.settled?.decision.kind).toBe('exception')
    else expect(call.answer).toBe(answer)
  })

  test('members are started in the order of their priority', () => {
    const call = playAll(new ScriptedCall(stepwise({}), 5), 'abcaa')
    expect(call.phases).toEqual([
      [0, 1, 2],
      [3, 4],
    ])
  })

  test('the next phase waits until all of the last one have come back', () => {
    const call = new ScriptedCall(stepwise({}), 5).says(2, 'a').says(0, 'b')
    expect(call.phases).toHaveLength(1)
    call.says(1, 'c')
    expect(call.phases).toHaveLength(2)
  })

  test('a majority is one of all members, not of those that were started', () => {
    const call = new ScriptedCall(stepwise({}), 5).says(0, 'a').says(1, 'a')
    expect(call.settled).toBeUndefined()
  })

  // The size of a phase comes from the adjudicator, whichever it is.
  const adjudicators: readonly { name: string; adjudicator: Adjudicator; lines: string; phases: number[]; answer: unknown }[] = [
    { name: 'first', adjudicator: first(), lines: '!!aa', phases: [1, 1, 1], answer: 'a' },
    { name: 'unanimity', adjudicator: unanimity(), lines: 'aaa', phases: [3], answer: 'a' },
    { name: 'kAgree(3) of 5', adjudicator: kAgree(3), lines: 'aabaa', phases: [3, 1], answer: 'a' },
    { name: 'plurality', adjudicator: plurality(), lines: 'aabca', phases: [3, 1, 1], answer: 'a' },
    { name: 'weighted', adjudicator: weighted([3, 1, 1, 1]), lines: 'abab', phases: [2, 1], answer: 'a' },
  ]
  test.each(adjudicators)('with $name $lines starts phases of $phases', ({ adjudicator, lines, phases, answer }) => {
    const call = playAll(new ScriptedCall(stepwise({ adjudicator }), lines.length), lines)
    expect({ phases: sizesOf(call), answer: call.answer }).toEqual({ phases, answer })
  })

  test('with a median, which all must be in for, all are started in the end', () => {
    const call = new ScriptedCall(stepwise({ adjudicator: median() }), 3).says(0, 1).says(1, 2)
    expect(sizesOf(call)).toEqual([2, 1])
    expect(call.says(2, 9).answer).toBe(2)
  })

  test('with a tolerance a quorum of near numbers is enough, if the adjudicator may decide on those that have agreed', () => {
    const near = stepwise({ adjudicator: majority({ within: 0.5, early: 'agreed' }) })
    const call = new ScriptedCall(near, 5).says(0, 1).says(1, 1.2).says(2, 1.4)
    expect([call.answer, call.started]).toEqual([1.2, [0, 1, 2]])
    const wider = new ScriptedCall(near, 5).says(0, 1).says(1, 3).says(2, 1.4)
    expect(wider.phases.at(-1)).toEqual([3])
  })

  describe('the deadline', () => {
    test.each([
      { lines: '', started: 3 },
      { lines: 'a', started: 3 },
      { lines: 'ab', started: 3 },
      { lines: 'abc', started: 5 },
      { lines: 'abca', started: 5 },
    ])('is that of the whole call: after "$lines" it ends with $started members started and no answer', ({ lines, started }) => {
      const call = new ScriptedCall(stepwise({ timeoutMs: 100 }), 5)
      for (const [member, line] of [...lines].entries()) play(call, member, line)
      call.runsOut()
      expect(call.settled?.decision.kind).toBe('error')
      expect(call.started).toHaveLength(started)
    })

    test('after the answer moves nothing any more', () => {
      const call = new ScriptedCall(stepwise({}), 3).says(0, 'a').says(1, 'a').runsOut().elapses()
      expect([call.answer, call.started]).toEqual(['a', [0, 1]])
    })
  })

  describe('phaseMs', () => {
    test('a phase that has lasted so long is not waited for, but its votes still count', () => {
      const call = new ScriptedCall(stepwise({ phaseMs: 50 }), 3).says(0, 'a').elapses()
      expect(call.phases).toEqual([[0, 1], [2]])
      expect(call.says(1, 'a').answer).toBe('a')
    })

    test('every phase has so much time', () => {
      const call = new ScriptedCall(stepwise({ phaseMs: 50 }), 5).says(0, 'a').says(1, 'a').elapses().elapses()
      expect(call.moves.filter((move) => move.do === 'start').map(({ afterMs }) => afterMs)).toEqual([50, 50, 50])
      expect(sizesOf(call)).toEqual([3, 1, 1])
    })

    test('without votes the next phase is as large as a quorum, as far as there are members', () => {
      expect(sizesOf(new ScriptedCall(stepwise({ phaseMs: 50 }), 7).elapses())).toEqual([4, 3])
    })

    test('when all are started there is nothing left to do', () => {
      const call = new ScriptedCall(stepwise({ phaseMs: 50 }), 3).elapses().elapses()
      expect(call.last).toEqual({ do: 'wait' })
    })

    test('is refused when it is no time', () => {
      expect(() => stepwise({ phaseMs: 0 })).toThrow(/phaseMs of stepwise is 0: expected milliseconds/)
    })
  })

  test('members that are not started see nothing of the call, so they have one state: that of the answer', () => {
    expect(stepwise({}).state).toBe('common')
    expect(stepwise({ stateless: true }).state).toBe('none')
    expect(new ScriptedCall(stepwise({}), 3).says(1, 'a').says(0, 'a').settled?.chosen).toBe(0)
    expect(new ScriptedCall(stepwise({}), 3).says(0, 'b').says(1, 'a').says(2, 'a').settled?.chosen).toBe(1)
  })

  test('a group of one is passed through, and two are said to detect only', () => {
    const error = new TypeError('broken')
    expect(new ScriptedCall(stepwise({}), 1).throws(0, error).answer).toBe(error)
    expect(stepwise({}).check?.(2)).toEqual([expect.stringContaining('only detects')])
  })

  test('an adjudicator that throws when it is asked what would be is taken for undecided', () => {
    const moody: Adjudicator = {
      name: 'moody',
      minimum: () => 1,
      agrees: () => true,
      judge: ({ ballots }) => {
        if (ballots.length > 1) throw new TypeError('cannot read')
        return undefined
      },
    }
    const call = new ScriptedCall(stepwise({ adjudicator: moody }), 3).says(0, 'a')
    expect(sizesOf(call)).toEqual([1, 2])
    expect(PerdureError.is(call.says(1, 'a').answer, 'PERDURE_E_NO_QUORUM')).toBe(true)
  })

  test('whatever arrives in which order: one end, nobody started twice, no phase larger than needed, the answer of all ballots', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', '!'), { minLength: 1, maxLength: 7 })
    fc.assert(
      fc.property(lines, fc.infiniteStream(fc.nat()), (said, picks) => {
        const call = new ScriptedCall(stepwise({}), said.length)
        const quorum = Math.floor(said.length / 2) + 1
        while (call.settled === undefined) {
          const before = said.filter((_, member) => call.started.includes(member) && !call.outstanding.has(member))
          const outstanding = [...call.outstanding]
          expect(outstanding.length, 'a call that has not ended has members at work').toBeGreaterThan(0)
          const most = Math.max(0, ...['a', 'b', 'c'].map((line) => before.filter((other) => other === line).length))
          if (outstanding.length === call.phases.at(-1)?.length) {
            expect(outstanding.length).toBe(Math.min(quorum - most, said.length - before.length))
          }
          const member = outstanding[(picks.next().value as number) % outstanding.length] as number
          play(call, member, said[member] as string)
        }
        const winner = ['a', 'b', 'c'].find((line) => said.filter((other) => other === line).length >= quorum)
        expect(call.settled.decision.kind).toBe(winner === undefined ? 'error' : 'value')
        if (winner !== undefined) expect(call.answer).toBe(winner)
      }),
      { numRuns: 300 },
    )
  })
})
