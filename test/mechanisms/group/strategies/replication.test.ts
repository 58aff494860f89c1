/** Replication strategies without a site: their procedures, and what they refuse. In a site: `site/` and `test/node/`. */
import { describe, expect, test } from 'vitest'
import { activeReplication, leaderFollower, passiveReplication } from '../../../../src/mechanisms/group/strategies/replication.ts'
import { ScriptedCall } from './scripted-call.ts'

describe('active replication', () => {
  test('answers with the first reply', () => {
    const call = new ScriptedCall(activeReplication({ replicas: 3 }), 3)
    expect(call.started).toEqual([0, 1, 2])
    call.says(1, 'right')
    expect(call.settled?.decision).toMatchObject({ kind: 'value', value: 'right', support: [1], faulty: [] })
  })

  test('answers with as many equal replies as were asked for, and knows who said otherwise', () => {
    const call = new ScriptedCall(activeReplication({ replicas: 3, agree: 2 }), 3)
    call.says(0, 'wrong').says(2, 'right')
    expect(call.settled).toBeUndefined()
    call.says(1, 'right')
    expect(call.settled?.decision).toMatchObject({ value: 'right', support: [2, 1], faulty: [0] })
  })

  test('fails as soon as so many cannot agree any more', () => {
    const call = new ScriptedCall(activeReplication({ replicas: 3, agree: 3 }), 3)
    call.says(0, 'one').says(1, 'two')
    expect(call.answer).toMatchObject({ code: 'PERDURE_E_NO_QUORUM', data: { agree: 3, answered: 2 } })
  })

  test('has what an object throws as its answer: replicas of the same code throw alike', () => {
    const call = new ScriptedCall(activeReplication({ replicas: 2, agree: 2 }), 2)
    call.throws(0, new RangeError('empty')).throws(1, new RangeError('empty'))
    expect(call.settled?.decision).toMatchObject({ kind: 'exception', value: { message: 'empty' }, support: [0, 1] })
  })
})

describe.each([
  ['passive replication', passiveReplication({ replicas: 2 })],
  ['leader and followers', leaderFollower({ replicas: 2 })],
])('%s', (_name, strategy) => {
  test('answers with what the first replica says, whose state is the one that counts', () => {
    const call = new ScriptedCall(strategy, 2)
    expect(call.started).toEqual([0])
    call.says(0, 'reply')
    expect(call.settled).toMatchObject({ decision: { kind: 'value', value: 'reply' }, chosen: 0 })
  })
})

describe('what is refused when the strategy is made', () => {
  test.each([
    [() => activeReplication({ replicas: 0 }), 'replicas'],
    [() => activeReplication({ replicas: 65 }), '65 replicas'],
    [() => activeReplication({ replicas: 2, agree: 3 }), '3 equal answers of 2 replicas'],
    [() => passiveReplication({ replicas: 2, operations: { push: ['pushA'] } }), 'operations'],
    [() => leaderFollower({ replicas: 3, variants: [Date, Date] }), 'lists 2 variants but has 3 replicas'],
  ])('%s', (make, part) => {
    expect(make).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE', message: expect.stringContaining(part) }))
  })

  test('nothing where the number of replicas is that of the variants listed', () => {
    expect(activeReplication({ variants: [Date, Date] }).options).toEqual({ variants: [Date, Date] })
  })
})
