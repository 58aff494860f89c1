import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { consensusRecoveryBlock } from '../../../../src/mechanisms/group/strategies/consensus-recovery-block.ts'
import { TestedCall } from './tested-call.ts'

const block = consensusRecoveryBlock({ accept: () => true, declared: ['RangeError'] })
const never = (): boolean => false

describe('consensus recovery block', () => {
  test('all are started at once on the common state', () => {
    expect(new TestedCall(block, 3, never).starts).toEqual([0, 1, 2])
    expect(block.state).toBe('common')
  })

  test('an agreement wins untested, and the state of the first that agrees is chosen', () => {
    const call = new TestedCall(block, 3, never).says(2, 7).says(1, 7)
    expect(call.tests).toEqual([])
    expect(call.settled).toEqual({ do: 'settle', decision: { kind: 'value', value: 7, support: [1, 2], faulty: [] }, chosen: 1 })
  })

  test('an agreement on a declared exception wins too', () => {
    const refusal = () => new RangeError('empty')
    const call = new TestedCall(block, 3, never).declares(0, refusal()).says(1, 7).declares(2, refusal())
    expect(call.settled?.decision).toMatchObject({ kind: 'exception', support: [0, 2] })
  })

  test('without agreement the results that are there are tested in the order of priority, and nothing runs twice', () => {
    const call = new TestedCall(block, 3, (value) => value === 1).says(2, 2).says(1, 1).says(0, 0)
    expect(call.tests).toEqual([0, 1])
    expect(call.starts).toEqual([0, 1, 2])
    expect(call.settled).toEqual({ do: 'settle', decision: { kind: 'value', value: 1, support: [1], faulty: [0] }, chosen: 1 })
  })

  test('the order of arrival does not matter once all are in', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const call = new TestedCall(block, 3, () => true)
      for (const member of order) call.says(member, member)
      expect(call.settled?.chosen).toBe(0)
    }
  })

  test('tests begin as soon as no agreement is possible any more, without waiting for who is late', () => {
    const call = new TestedCall(block, 4, (value) => value === 1).says(1, 1).says(2, 2)
    expect(call.tests).toEqual([])
    call.throws(3)
    expect(call.tests).toEqual([1])
    expect(call.outstanding).toEqual(new Set([0]))
    expect(call.settled?.decision).toMatchObject({ value: 1, faulty: [3] })
  })

  test('a result that comes while another is being tested is tested after it', () => {
    const call = new TestedCall(block, 4).says(1, 1).says(2, 2).throws(3)
    expect(call.underTest).toBe(1)
    call.says(0, 0)
    expect(call.underTest).toBe(1)
    call.judges(false)
    expect(call.underTest).toBe(0)
    expect(call.judges(true).settled?.chosen).toBe(0)
  })

  test('when all have been rejected the call waits for those that are outstanding', () => {
    const call = new TestedCall(block, 4, (value) => value === 0).says(1, 1).says(2, 2).throws(3)
    expect(call.settled).toBeUndefined()
    expect(call.says(0, 0).settled?.chosen).toBe(0)
  })

  test('when nothing agrees and nothing is accepted the call fails with all causes', () => {
    const call = new TestedCall(block, 4, never).declares(0, new RangeError('empty')).says(1, 1).says(2, 2).isGivenUp(3)
    expect(call.error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect((call.error.data.causes as { why: string }[]).map(({ why }) => why).sort()).toEqual([
      'late',
      'rejected',
      'rejected',
      'untested',
    ])
    expect(call.settled?.chosen).toBeUndefined()
    expect(call.settled?.decision.faulty).toEqual([1, 2])
  })

  test('one member is tested, since everybody agrees with himself', () => {
    expect(new TestedCall(block, 1, never).says(0, 7).error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect(new TestedCall(block, 1, () => true).says(0, 7).answer).toBe(7)
  })

  test.each([
    { when: 'nobody has answered', before: (call: TestedCall) => call },
    { when: 'there is no agreement yet', before: (call: TestedCall) => call.says(0, 0).says(1, 1) },
    { when: 'a result is being tested', before: (call: TestedCall) => call.says(0, 0).says(1, 1).throws(2) },
  ])('the time of the call runs out while $when', ({ before }) => {
    const call = before(new TestedCall(block, 3)).runsOut()
    expect(call.error.code).toBe('PERDURE_E_TIMEOUT')
    expect(call.settled?.chosen).toBeUndefined()
  })

  test('members are given up in time for the others to be tested', () => {
    expect(consensusRecoveryBlock({ accept: () => true, timeoutMs: 1000 }).attemptMs).toBe(900)
    expect(consensusRecoveryBlock({ accept: () => true, timeoutMs: 1000, attemptMs: 10 }).attemptMs).toBe(10)
    expect(block.attemptMs).toBe(Number.POSITIVE_INFINITY)
  })

  test('after a vote a straggler is compared; after a test another answer may be as right', () => {
    const vote = { member: 2, kind: 'value', value: 8, ms: 1 } as const
    const agreed = new TestedCall(block, 3, never).says(0, 7).says(1, 7)
    expect(block.agrees?.(agreed.settled!.decision, vote)).toBe(false)
    const accepted = new TestedCall(block, 4, () => true).says(0, 7).says(1, 9).throws(3)
    expect(block.agrees?.(accepted.settled!.decision, vote)).toBeUndefined()
  })

  test('the answer is a majority if there is one, else an accepted one, of three the first in order whatever the order of arrival', () => {
    const values = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.nat()), (said, random) => {
        const accepts = (value: unknown) => (value as number) % 2 === 0
        const call = new TestedCall(block, said.length, accepts)
        const left = [...said.keys()]
        while (left.length > 0) {
          const [member] = left.splice(random.next().value % left.length, 1)
          call.says(member!, said[member!])
        }
        const winner = said.find((value) => said.filter((other) => other === value).length > said.length / 2)
        const accepted = said.filter(accepts)
        if (winner !== undefined) expect(call.answer).toBe(winner)
        else if (accepted.length === 0) expect(call.error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
        else if (said.length <= 3) expect(call.answer).toBe(accepted[0])
        else expect(accepted).toContain(call.answer)
        expect(call.starts).toEqual([...said.keys()])
        expect(new Set(call.tests).size).toBe(call.tests.length)
      }),
    )
  })
})
