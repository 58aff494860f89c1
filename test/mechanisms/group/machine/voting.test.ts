/** Calls that a front decides: style `vote`, and what is performed with a decision. */
import { describe, expect, test } from 'vitest'
import { FRONT_MS } from '../../../../src/mechanisms/group/machine/machine.ts'
import type { FrontNote, RecordedBallot } from '../../../../src/mechanisms/group/machine/protocol.ts'
import { GroupStage } from './stage.ts'

const VOTE = { style: 'vote', state: 'own', minimum: 2 } as const
const NOTES = { support: [], faulty: [], late: [], rejected: [], chosen: null }

/** Notes that this front has had since it was asked last. */
function heard(stage: GroupStage, front = 1): FrontNote[] {
  const notes = stage.fronts.get(front) ?? []
  stage.fronts.set(front, [])
  return notes
}

function ballotsIn(notes: readonly FrontNote[]): RecordedBallot[] {
  return notes.flatMap((note) => (note[0] === 'group.ballot' ? [note[3]] : []))
}

function decide(stage: GroupStage, call: number, value: unknown, notes: object = {}, by = 1): unknown {
  return stage.issue(by, 'group.decide', call, 'value', { value }, { ...NOTES, ...notes })
}

describe('a front', () => {
  test('is given the call with the view at its dispatch, starts members, hears their ballots, and decides', () => {
    const stage = GroupStage.ready(VOTE)
    const call = stage.call('add', [5])
    expect(heard(stage)).toEqual([['group.turn', 1, 1, 'add', [5], ['a', 'b', 'c'], [], []]])
    expect(stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)).toEqual({ value: true })
    stage.work()
    expect(ballotsIn(heard(stage)).map(({ member, answer }) => [member, answer])).toEqual(
      ['a', 'b', 'c'].map((id) => [id, { value: 5 }]),
    )
    expect(stage.answer(call)).toBeUndefined()
    expect(decide(stage, 1, 5)).toEqual({ value: true })
    expect(stage.answer(call)).toBe(5)
  })

  test('decides once: the first decision counts', () => {
    const stage = GroupStage.ready(VOTE)
    const call = stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    expect([decide(stage, 1, 'first'), decide(stage, 1, 'second')]).toEqual([{ value: true }, { value: false }])
    expect(stage.answer(call)).toBe('first')
  })

  test('is the caller, if the caller has founded the group; else the one that has been there for longest', () => {
    const stage = GroupStage.ready(VOTE)
    stage.found(7)
    stage.found(5)
    stage.call('add', [1], null, 7)
    stage.call('add', [1], null, 99)
    expect([7, 5, 1].map((front) => heard(stage, front).length)).toEqual([1, 0, 1])
  })

  test('is the one that the caller wants, where that is a front of the group', () => {
    const stage = GroupStage.ready(VOTE)
    stage.found(7)
    stage.issue(99, 'group.call', 'sums', 'one', 'get', [], null, 7)
    stage.issue(99, 'group.call', 'sums', 'one', 'get', [], null, 8)
    expect([7, 1].map((front) => heard(stage, front).map((note) => note[2]))).toEqual([[1], [2]])
  })

  test('that is not the front of a call is refused', () => {
    const stage = GroupStage.ready(VOTE)
    stage.found(7)
    stage.call('add', [1])
    expect(stage.issue(7, 'group.start', 1, ['a'], null, 1)).toMatchObject({ error: { code: 'PERDURE_E_STALE' } })
    expect(decide(stage, 1, 666, {}, 7)).toMatchObject({ error: { code: 'PERDURE_E_STALE' } })
  })

  test('that ends is replaced by another one, which gets the call with all its ballots so far', () => {
    const stage = GroupStage.ready(VOTE)
    stage.found(7)
    const call = stage.call('add', [5], null, 50)
    stage.issue(1, 'group.start', 1, ['a', 'b'], null, 1)
    stage.hostOf('a').work()
    stage.end(1)
    const [turn] = heard(stage, 7)
    expect(turn?.slice(0, 7)).toEqual([
      'group.turn',
      1,
      1,
      'add',
      [5],
      ['a', 'b', 'c'],
      [
        ['a', 1],
        ['b', 1],
      ],
    ])
    expect(turn?.[7]).toMatchObject([{ member: 'a', answer: { value: 5 }, counted: true }])
    stage.issue(7, 'group.start', 1, ['a', 'b'], null, 1)
    stage.work()
    expect(stage.hosts.flatMap(({ executed }) => executed)).toEqual(['a:1:member', 'b:1:member'])
    decide(stage, 1, 5, {}, 7)
    expect(stage.answer(call)).toBe(5)
  })

  test('that takes over gets ballots one by one, when they are too large for one note', () => {
    const stage = GroupStage.ready(VOTE)
    for (const host of stage.hosts) host.behaviour = () => 'x'.repeat(200_000)
    stage.found(7)
    stage.call('get')
    stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)
    stage.work()
    stage.end(1)
    expect(heard(stage, 7).map(([kind, , , ...rest]) => [kind, rest.at(-1)])).toMatchObject([
      ['group.turn', []],
      ...['a', 'b', 'c'].map((member) => ['group.ballot', { member }]),
    ])
  })

  test('is waited for, when there is none', () => {
    const stage = GroupStage.ready(VOTE)
    stage.end(1)
    stage.call('add', [5], null, 50)
    stage.found(7)
    expect(heard(stage, 7).map(([kind]) => kind)).toEqual(['group.turn'])
  })

  test('that comes back is told again', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('add', [5])
    heard(stage)
    stage.found()
    expect(heard(stage).map(([kind]) => kind)).toEqual(['group.turn'])
  })

  test('hears of a member that leaves as of one that failed', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)
    heard(stage)
    stage.end(stage.hostOf('b').session)
    expect(ballotsIn(heard(stage)).map(({ member, kind }) => [member, kind])).toEqual([['b', 'error']])
  })

  test('hears at once of a member that had left before it was started', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('add', [5])
    stage.end(stage.hostOf('b').session)
    heard(stage)
    stage.issue(1, 'group.start', 1, ['a', 'b'], null, 1)
    expect(ballotsIn(heard(stage)).map(({ member, kind }) => [member, kind])).toEqual([['b', 'error']])
  })

  test('hears of a member that gives no answer in time; what it says later does not count', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)
    heard(stage)
    stage.advance(1_000)
    expect(ballotsIn(heard(stage)).map(({ member, kind }) => [member, kind])).toEqual(['a', 'b', 'c'].map((id) => [id, 'late']))
    stage.work()
    expect(ballotsIn(heard(stage))).toEqual([])
  })

  test('starts a member again with other arguments, as another attempt', () => {
    const stage = GroupStage.ready({ ...VOTE, state: 'none' })
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    stage.work()
    stage.issue(1, 'group.start', 1, ['a'], [6], 2)
    stage.issue(1, 'group.start', 1, ['a'], [6], 2)
    stage.work()
    expect(ballotsIn(heard(stage)).map(({ attempt, answer }) => [attempt, answer])).toEqual([
      [1, { value: 5 }],
      [2, { value: 11 }],
    ])
  })

  test('hears of the last attempt only, when it did not wait for the one before', () => {
    const stage = GroupStage.ready({ ...VOTE, state: 'none' })
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    stage.issue(1, 'group.start', 1, ['a'], [6], 2)
    heard(stage)
    stage.work()
    expect(ballotsIn(heard(stage)).map(({ attempt, answer }) => [attempt, answer])).toEqual([[2, { value: 11 }]])
  })

  test('that takes over hears of a member that was late once, whatever that says later', () => {
    const stage = GroupStage.ready(VOTE)
    stage.found(7)
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    stage.advance(1_000)
    stage.work()
    stage.end(1)
    expect(heard(stage, 7)[0]?.[7]).toMatchObject([{ member: 'a', kind: 'late' }])
  })

  test('hears of a member that was placed anew as of one that failed, though it repeats the call', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    stage.end(stage.hostOf('b').session)
    stage.work()
    expect(stage.those('active')).toContain('b')
    heard(stage)
    stage.issue(1, 'group.start', 1, ['b'], null, 1)
    expect(ballotsIn(heard(stage)).map(({ member, kind, counted }) => [member, kind, counted])).toEqual([['b', 'error', true]])
  })

  test('is told when the time of the call is over, and has some time to decide', () => {
    const stage = GroupStage.ready(VOTE)
    const call = stage.call('add', [5], 100)
    heard(stage)
    stage.advance(100)
    expect(heard(stage)).toEqual([['group.deadline', 1, 1]])
    expect(stage.answer(call)).toBeUndefined()
    stage.advance(FRONT_MS)
    expect(stage.answer(call)).toBe('PERDURE_E_TIMEOUT')
    expect(heard(stage)).toEqual([['group.over', 1, 1]])
  })

  test('cannot start who is not in the view of the call, nor choose who has cast no ballot', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('add', [5])
    expect(stage.issue(1, 'group.start', 1, ['x'], null, 1)).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
    expect(decide(stage, 1, 5, { chosen: 'a' })).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })
})

test('a member that joins between the dispatch of a call and its start executes it too, not counted', () => {
  const stage = GroupStage.ready(VOTE)
  stage.call('add', [5])
  stage.issue(1, 'group.add', 'sums', 'one', { id: 'd', label: 'Sum', node: 'n4' })
  const joiner = stage.join('n4')
  stage.work()
  expect(stage.those('active')).toContain('d')
  stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)
  stage.work()
  expect(joiner.executed).toEqual(['d:1:shadow'])
  expect(joiner.bodies.get('d')?.state.total).toBe(5)
})

describe('members that a front blames', () => {
  test('have faults, by its decision and by what it says of stragglers, and are suspended when there are too many', () => {
    const stage = GroupStage.ready({ ...VOTE, suspicion: { faults: 2, calls: 10, shadowCalls: 1, ejectMs: 500 } })
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)
    stage.work()
    decide(stage, 1, 5, { faulty: ['b'], rejected: ['c'] })
    expect(stage.codes()).toEqual(['minority-vote', 'attempt-rejected'])
    stage.issue(1, 'group.blame', stage.group, 1, ['b'], [])
    expect(stage.those('suspended')).toEqual(['b'])
  })

  test('are not blamed for having left', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)
    stage.end(stage.hostOf('b').session)
    decide(stage, 1, 5, { faulty: ['b'] })
    expect(stage.codes()).toEqual(['view-changed'])
  })
})

describe('a state in common', () => {
  const COMMON = { style: 'vote', state: 'common', minimum: 1 } as const

  test('is that of the chosen attempt; the others are dropped', () => {
    const stage = GroupStage.ready(COMMON)
    const first = stage.call('add', [5])
    stage.hostOf('a').behaviour = (state) => {
      state.total = 666
      return 666
    }
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    stage.work()
    stage.issue(1, 'group.start', 1, ['b'], null, 1)
    stage.work()
    decide(stage, 1, 5, { chosen: 'b', rejected: ['a'] })
    stage.work()
    expect(stage.answer(first)).toBe(5)
    expect(stage.hosts.flatMap(({ bodies }) => [...bodies.values()].map(({ state }) => state.total))).toEqual([5, 5, 5])
  })

  test('is changed by one call at a time: the others wait', () => {
    const stage = GroupStage.ready(COMMON)
    stage.call('add', [5])
    stage.call('add', [6])
    expect(heard(stage)).toHaveLength(1)
    decide(stage, 1, null)
    expect(heard(stage).map((note) => note.slice(0, 5))).toEqual([['group.turn', 1, 2, 'add', [6]]])
  })

  test('is what a member that comes later begins with', () => {
    const stage = GroupStage.ready(COMMON, ['n1'])
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    stage.work()
    decide(stage, 1, 5, { chosen: 'a' })
    const joiner = stage.join('n2')
    stage.work()
    expect([...joiner.bodies.values()].map(({ state }) => state.total)).toEqual([5])
  })

  test('is not changed by a call whose members were all lost; the call is conducted again, from the beginning', () => {
    const stage = GroupStage.ready(COMMON, ['n1'])
    stage.call('add', [5])
    stage.issue(1, 'group.start', 1, ['a'], null, 1)
    stage.work()
    heard(stage)
    stage.end(stage.host('n1').session)
    expect(heard(stage).map(([kind]) => kind)).toEqual(['group.over'])
    stage.join('n2')
    stage.work()
    expect(heard(stage).map((note) => note[0] === 'group.turn' && note.slice(6))).toEqual([[[], []]])
  })

  test('is changed by that call before those that waited for it', () => {
    const stage = GroupStage.ready(COMMON, ['n1'])
    for (const n of [5, 6]) stage.call('add', [n])
    heard(stage)
    stage.end(stage.host('n1').session)
    stage.join('n2')
    stage.work()
    expect(heard(stage).flatMap((note) => (note[0] === 'group.turn' ? [note[2]] : []))).toEqual([1])
  })
})

describe('what an attempt puts out', () => {
  test('appears for the chosen ballot only, once, in the entry that decides', () => {
    const stage = GroupStage.ready(VOTE)
    stage.call('put', [5])
    stage.issue(1, 'group.start', 1, ['a', 'b', 'c'], null, 1)
    stage.work()
    expect(stage.outs).toEqual([])
    decide(stage, 1, 1, { chosen: 'b' })
    decide(stage, 1, 1, { chosen: 'c' })
    expect(stage.outs).toEqual([['box', ['put', 5]]])
  })

  test.each(['active', 'leader'] as const)('appears once for all replicas of style %s', (style) => {
    const stage = GroupStage.ready({ style })
    stage.call('put', [5])
    stage.work()
    expect(stage.outs).toEqual([['box', ['put', 5]]])
  })

  test('appears once when a primary is lost in front of its ballot', () => {
    const stage = GroupStage.ready({ style: 'passive' })
    stage.call('put', [5])
    stage.end(stage.hostOf('a').session)
    stage.work()
    expect(stage.outs).toEqual([['box', ['put', 5]]])
  })

  test('does not appear again when members repeat the call', () => {
    const stage = GroupStage.ready()
    stage.call('put', [5])
    stage.work()
    stage.reopen()
    stage.join('n4')
    stage.work()
    expect(stage.outs).toEqual([['box', ['put', 5]]])
  })

  test('is a fault where the space does not take it', () => {
    const stage = GroupStage.ready()
    stage.refuseOuts = { name: 'Error', message: 'no room' }
    const call = stage.call('put', [5])
    stage.work()
    expect(stage.answer(call)).toBe(1)
    expect(stage.codes()).toEqual(['output-refused'])
  })
})
