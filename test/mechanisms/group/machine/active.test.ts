/** Active replication on the log: the first row of B4, and how replicas that differ are found. */
import { describe, expect, test } from 'vitest'
import { type Behaviour, GroupStage, plain } from './stage.ts'

const wrong: Behaviour = () => 666

/** Its state gets something that does not repeat, as `Date.now()` does not; its answers are right. */
const drifting: Behaviour = (state, method, args, at) => {
  state.log.push(`the time at ${at.member}`)
  return plain(state, method, args, at)
}

describe('a call of an actively replicated group', () => {
  test('is decided by the first ballot where one is enough', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [5])
    stage.hostOf('b').work()
    expect(stage.answer(call)).toBe(5)
  })

  test('is executed by every member, in the order of the log', () => {
    const stage = GroupStage.ready()
    for (const n of [1, 2, 3]) stage.call('add', [n])
    stage.work()
    const logs = stage.hosts.map(({ bodies }) => [...bodies.values()].map(({ state }) => state.log))
    expect(logs).toEqual([[[1, 2, 3]], [[1, 2, 3]], [[1, 2, 3]]])
  })

  test('is decided by the first f + 1 equal ballots, and not before', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 })
    stage.hostOf('a').behaviour = wrong
    const call = stage.call('add', [5])
    stage.hostOf('a').work()
    stage.hostOf('b').work()
    expect(stage.answer(call)).toBeUndefined()
    stage.hostOf('c').work()
    expect(stage.answer(call)).toBe(5)
  })

  test('fails at once when no f + 1 ballots can be equal any more', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 })
    for (const [i, host] of stage.hosts.entries()) host.behaviour = () => i
    const call = stage.call('add', [5])
    stage.hostOf('a').work()
    stage.hostOf('b').work()
    expect(stage.answer(call)).toBeUndefined()
    stage.hostOf('c').work()
    expect(stage.answer(call)).toBe('PERDURE_E_NO_QUORUM')
  })

  test('takes what a replica throws for an answer, since all of them throw it', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 })
    const call = stage.call('nonsense')
    stage.work()
    expect(stage.answer(call)).toBe('no method nonsense')
    expect(stage.codes()).toEqual([])
  })

  test('does not count a member that says it has no answer; the member has a fault', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [5])
    const failure = { error: { name: 'Error', message: 'the answer cannot travel' } }
    stage.hostOf('a').issue('group.ballot', 1, 'a', 1, 1, 'error', failure, 1, {})
    expect(stage.answer(call)).toBeUndefined()
    for (const id of ['b', 'c']) stage.hostOf(id).work()
    expect(stage.answer(call)).toBe(5)
    expect(stage.codes()).toEqual(['member-failed'])
  })

  test('fails as its members do, where all of them have no answer', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [5])
    const failure = { error: { name: 'Error', message: 'the answer cannot travel' } }
    for (const [i, id] of ['a', 'b', 'c'].entries()) {
      stage.hostOf(id).issue('group.ballot', 1, id, 1, 1, 'error', failure, 1, {})
      expect(stage.answer(call)).toBe(i < 2 ? undefined : 'the answer cannot travel')
    }
    expect(stage.codes()).toEqual([])
  })

  test('is over at its deadline; a ballot that comes later changes nothing', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [5], 100)
    stage.advance(100)
    expect(stage.answer(call)).toBe('PERDURE_E_TIMEOUT')
    stage.work()
    expect(stage.answer(call)).toBe('PERDURE_E_TIMEOUT')
    expect(stage.view().open).toBe(0)
  })

  test('is decided once, whatever comes later', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [5])
    stage.work()
    expect(
      stage.driver.replies.filter(({ caller, number }) => `session:${'id' in caller ? caller.id : 0}:${number}` === call),
    ).toHaveLength(1)
  })
})

describe('a replica that is not like the others', () => {
  test('has a value fault when its ballot differs from that of the majority, also when it was the first', () => {
    const stage = GroupStage.ready()
    stage.hostOf('a').behaviour = wrong
    stage.call('add', [5])
    stage.work()
    expect(stage.faults.map(({ code, entity }) => [code, entity.name])).toEqual([['minority-vote', 'sums/one/a']])
  })

  test('is suspended when its state has another digest, though its answers are right', () => {
    const stage = GroupStage.ready({ hashEvery: 4 })
    stage.hostOf('c').behaviour = drifting
    for (let i = 0; i < 4; i++) stage.call('add', [1])
    stage.work()
    expect(stage.codes()).toEqual(['diverged', 'suspended', 'view-changed'])
    expect(stage.those('active')).toEqual(['a', 'b'])
  })

  test('is not even noticed before the call for which digests are wanted', () => {
    const stage = GroupStage.ready({ hashEvery: 4 })
    stage.hostOf('c').behaviour = drifting
    for (let i = 0; i < 3; i++) stage.call('add', [1])
    stage.work()
    expect(stage.codes()).toEqual([])
  })
})

describe('replicas without a majority of equal states', () => {
  function diverged(): GroupStage {
    const stage = GroupStage.ready({ hashEvery: 2 })
    for (const host of stage.hosts) host.behaviour = drifting
    stage.call('add', [1])
    stage.call('add', [1])
    stage.work()
    return stage
  }

  test('are believed no more: calls are refused until somebody promotes a member', () => {
    const stage = diverged()
    expect(stage.codes()).toEqual(['diverged'])
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_DISAGREEMENT')
  })

  test('are built again from the state of the promoted one', () => {
    const stage = diverged()
    for (const host of stage.hosts) host.behaviour = plain
    stage.issue(1, 'group.promote', 'sums', 'one', 'b')
    stage.work()
    const call = stage.call('get')
    stage.work()
    expect(stage.answer(call)).toBe(2)
    const logs = stage.hosts.flatMap(({ bodies }) => [...bodies.values()].map(({ state }) => state.log))
    const right = ['the time at b', 1, 'the time at b', 1]
    expect(logs).toEqual([right, right, right])
    expect(stage.those('active')).toEqual(['a', 'b', 'c'])
  })

  test('refuse the calls that were under way too', () => {
    const stage = GroupStage.ready({ hashEvery: 1, agree: 3, minimum: 3 })
    for (const host of stage.hosts) host.behaviour = drifting
    const first = stage.call('add', [1])
    const second = stage.call('add', [1])
    for (const host of stage.hosts) host.work(1)
    expect(stage.answer(first)).toBe(1)
    expect(stage.answer(second)).toBe('PERDURE_E_DISAGREEMENT')
  })

  test('are two of which each has another one', () => {
    const members = ['a', 'b'].map((id) => ({ id, label: 'Sum', node: null }))
    const stage = GroupStage.ready({ members, hashEvery: 1 }, ['n1', 'n2'])
    stage.hostOf('b').behaviour = drifting
    stage.call('add', [1])
    stage.work()
    expect(stage.codes()).toEqual(['diverged'])
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_DISAGREEMENT')
  })

  test('are found by two different answers of two as well', () => {
    const stage = GroupStage.ready({ members: ['a', 'b'].map((id) => ({ id, label: 'Sum', node: null })) }, ['n1', 'n2'])
    stage.hostOf('b').behaviour = wrong
    stage.call('add', [1])
    stage.work()
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_DISAGREEMENT')
  })
})
