import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { median, weighted } from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { adjudicator } from '../../../../src/mechanisms/group/adjudicators/own-adjudicator.ts'
import { acceptanceVoting } from '../../../../src/mechanisms/group/strategies/acceptance-voting.ts'
import { TestedCall } from './tested-call.ts'

const voting = acceptanceVoting({ accept: () => true, declared: ['RangeError'] })
const positive = (value: unknown): boolean => (value as number) > 0

describe('acceptance voting', () => {
  test('all are started at once, each on its own state', () => {
    expect(new TestedCall(voting, 3, positive).starts).toEqual([0, 1, 2])
    expect(voting.state).toBe('own')
  })

  test('what is rejected has no vote: two wrong ones that agree lose against one that is accepted', () => {
    const call = new TestedCall(voting, 3, positive).says(0, -1).says(1, -1).says(2, 5)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 5, support: [2], faulty: [0, 1] })
  })

  test('one accepted is the answer, also when all others have failed', () => {
    const call = new TestedCall(voting, 3, positive).throws(0).isGivenUp(1).says(2, 5)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 5, support: [2], faulty: [0] })
  })

  test('none accepted is a failure with all causes', () => {
    const call = new TestedCall(voting, 3, positive).says(0, -1).throws(1).isGivenUp(2)
    expect(call.error.code).toBe('PERDURE_E_NO_QUORUM')
    expect((call.error.data.causes as { why: string }[]).map(({ why }) => why)).toEqual(['rejected', 'threw', 'late'])
  })

  test('the majority is one of the accepted, not of the members', () => {
    const call = new TestedCall(voting, 5, positive).says(0, 5).says(1, 5).says(2, 6).says(3, -1).throws(4)
    expect(call.settled?.decision).toEqual({ kind: 'value', value: 5, support: [0, 1], faulty: [2, 3, 4] })
  })

  test('two accepted that differ are no majority', () => {
    const call = new TestedCall(voting, 3, positive).says(0, 5).says(1, 6).says(2, -1)
    expect(call.error.code).toBe('PERDURE_E_NO_QUORUM')
  })

  test('a decision comes early when nobody still to come could change it, accepted or not', () => {
    const call = new TestedCall(voting, 5, positive).says(0, 5).says(1, 5)
    expect(call.settled).toBeUndefined()
    expect(call.says(2, 5).settled?.decision).toMatchObject({ value: 5, support: [0, 1, 2] })
  })

  test('a failure is never decided early: rejections may yet make a majority of few', () => {
    const call = new TestedCall(voting, 3, positive).says(0, 5).says(1, 6)
    expect(call.settled).toBeUndefined()
    expect(new TestedCall(voting, 4, positive).says(0, 5).says(1, 6).throws(2).settled).toBeUndefined()
    expect(call.says(2, 6).answer).toBe(6)
  })

  test('an adjudicator that needs all members is refused when the group is defined', () => {
    const strategy = acceptanceVoting({ accept: () => true, adjudicator: weighted([1, 2, 3]) })
    expect(() => strategy.check?.(3)).toThrow(/accepted ballots only, and it cannot judge fewer than 3/)
    expect(voting.check?.(3)).toEqual([])
  })

  test('an adjudicator that gives up before all are in is asked again', () => {
    const impatient = adjudicator({
      name: 'impatient',
      judge: ({ length }, { members }) => (members > length ? new Error('somebody is missing') : length),
    })
    const call = new TestedCall(acceptanceVoting({ accept: () => true, adjudicator: impatient }), 3, positive).says(0, 5)
    expect(call.settled).toBeUndefined()
    expect(call.throws(1).says(2, -1).answer).toBe(1)
  })

  test('a declared exception cannot be tested and votes', () => {
    const call = new TestedCall(voting, 3, positive)
      .declares(0, new RangeError('empty'))
      .declares(1, new RangeError('empty'))
      .says(2, 5)
    expect(call.tests).toEqual([])
    expect(call.settled?.decision).toMatchObject({ kind: 'exception', support: [0, 1] })
  })

  test('results wait for their turn to be tested', () => {
    const call = new TestedCall(voting, 3).says(2, 1).says(1, 1).says(0, 1)
    expect(call.tests).toEqual([2])
    call.judges(true)
    expect(call.tests).toEqual([2, 0])
    expect(call.judges(true).answer).toBe(1)
    expect(call.tests).toEqual([2, 0])
  })

  test('at the deadline those that have been accepted by then vote', () => {
    expect(new TestedCall(voting, 3, positive).says(1, 5).runsOut().settled?.decision).toMatchObject({ value: 5, support: [1] })
    expect(new TestedCall(voting, 3).says(1, 5).runsOut().error.code).toBe('PERDURE_E_TIMEOUT')
    expect(new TestedCall(voting, 5, positive).says(1, 5).says(2, 6).runsOut().error.code).toBe('PERDURE_E_NO_QUORUM')
  })

  test('another adjudicator votes on the accepted only', () => {
    const strategy = acceptanceVoting({ accept: () => true, adjudicator: median() })
    const call = new TestedCall(strategy, 4, positive).says(0, -1000).says(1, 3).says(2, 1).says(3, 2)
    expect(call.answer).toBe(2)
  })

  test('whatever the order of arrival, the decision is the majority of the accepted', () => {
    const values = fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.nat()), (said, random) => {
        const call = new TestedCall(voting, said.length, positive)
        const left = [...said.keys()]
        while (left.length > 0) {
          const [member] = left.splice(random.next().value % left.length, 1)
          call.says(member!, said[member!])
        }
        const accepted = said.filter(positive)
        const winner = accepted.find((value) => accepted.filter((other) => other === value).length > accepted.length / 2)
        if (winner === undefined) expect(call.error.code).toBe('PERDURE_E_NO_QUORUM')
        else expect(call.answer).toBe(winner)
      }),
    )
  })
})
