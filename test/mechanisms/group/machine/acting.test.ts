/** Passive and semi-active replication on the log: the second and third row of B4. */
import { describe, expect, test } from 'vitest'
import { GroupStage } from './stage.ts'

const PASSIVE = { style: 'passive' } as const

describe('a call of a passively replicated group', () => {
  test('is executed by the primary alone', () => {
    const stage = GroupStage.ready(PASSIVE)
    const call = stage.call('add', [5])
    stage.work()
    expect(stage.answer(call)).toBe(5)
    expect(stage.hosts.flatMap(({ executed }) => executed)).toEqual(['a:1:primary'])
  })

  test('has its state and its reply in one entry: a backup has the state as soon as the caller has the reply', () => {
    const stage = GroupStage.ready(PASSIVE)
    const call = stage.call('add', [5])
    stage.hostOf('a').work()
    expect(stage.answer(call)).toBe(5)
    stage.end(stage.hostOf('a').session)
    const next = stage.call('add', [2])
    stage.work()
    expect(stage.answer(next)).toBe(7)
  })

  test('is executed again by the next member when the primary is lost before its ballot, and takes effect once', () => {
    const stage = GroupStage.ready(PASSIVE)
    const calls = [5, 2, 1].map((n) => stage.call('add', [n]))
    stage.hostOf('a').work(1)
    stage.end(stage.hostOf('a').session)
    stage.work()
    expect(calls.map((call) => stage.answer(call))).toEqual([5, 7, 8])
    expect(stage.view().acting).toBe('b')
  })

  test('is executed once when the primary is lost behind its ballot', () => {
    const stage = GroupStage.ready(PASSIVE)
    const call = stage.call('add', [5])
    stage.hostOf('a').work(1)
    stage.end(stage.hostOf('a').session)
    stage.work()
    expect(stage.answer(call)).toBe(5)
    expect(stage.hosts.flatMap(({ executed }) => executed)).toEqual([])
  })

  test('goes to another member when the primary gives no answer in time; the former one is not believed any more', () => {
    const stage = GroupStage.ready(PASSIVE)
    const former = stage.hostOf('a')
    const call = stage.call('add', [5])
    const [todo] = former.todo
    stage.advance(1_000)
    stage.work()
    expect(stage.answer(call)).toBe(5)
    expect(stage.codes()).toEqual(['member-late', 'suspended', 'view-changed'])
    const epoch = todo?.[0] === 'group.run' ? todo[3] : -1
    const late = former.issue('group.ballot', 1, 'a', epoch, 1, 'value', { value: 666 }, 1, { after: { total: 666, log: [] } })
    expect(late).toMatchObject({ value: false })
    const next = stage.call('add', [1])
    stage.work()
    expect(stage.answer(next)).toBe(6)
  })

  test('takes effect when the primary answers behind the deadline: the next calls build on it', () => {
    const stage = GroupStage.ready(PASSIVE)
    const late = stage.call('add', [5], 10)
    stage.advance(10)
    expect(stage.answer(late)).toBe('PERDURE_E_TIMEOUT')
    stage.work()
    stage.end(stage.hostOf('a').session)
    const next = stage.call('add', [1])
    stage.work()
    expect(stage.answer(next)).toBe(6)
  })

  test('goes to a member that was promoted; what the former primary has under way does not take effect', () => {
    const stage = GroupStage.ready(PASSIVE)
    const call = stage.call('add', [5])
    stage.issue(1, 'group.promote', 'sums', 'one', 'c')
    stage.work()
    const next = stage.call('add', [1])
    stage.work()
    expect([call, next].map((each) => stage.answer(each))).toEqual([5, 6])
    expect(stage.hosts.flatMap(({ executed }) => executed)).toEqual(['a:1:primary', 'c:1:primary', 'c:2:primary'])
    expect(stage.view().acting).toBe('c')
  })
})

test('when an acting member is lost, the next one in the order of priority acts, and the one that returns does not take over', () => {
  const stage = GroupStage.ready(PASSIVE)
  const acted: unknown[] = []
  stage.issue(1, 'group.promote', 'sums', 'one', 'b')
  stage.work()
  for (let i = 0; i < 3; i++) {
    acted.push(stage.view().acting)
    stage.end(stage.hostOf(String(acted.at(-1))).session)
    stage.join(`more-${i}`)
    stage.work()
  }
  expect(acted).toEqual(['b', 'c', 'a'])
})

describe('a call of a group with a leader', () => {
  const LEADER = { style: 'leader' } as const

  test('is executed by the followers once the ballot of the leader is in the log, with its choices', () => {
    const stage = GroupStage.ready(LEADER)
    const call = stage.call('pick')
    stage.hostOf('b').work()
    expect(stage.hostOf('b').executed).toEqual([])
    stage.work()
    expect(stage.answer(call)).toBe("a's")
    expect(stage.hosts.map(({ executed }) => executed)).toEqual([['a:1:leader'], ['b:1:follower'], ['c:1:follower']])
    expect(stage.codes()).toEqual([])
  })

  test('is begun again by the next member when the leader is lost behind a choice, and the choice is repeated', () => {
    const stage = GroupStage.ready(LEADER)
    const leader = stage.hostOf('a')
    const call = stage.call('pick')
    const run = leader.todo[0]
    const epoch = run?.[0] === 'group.run' ? run[3] : -1
    leader.issue('group.choice', 1, 'a', epoch, 0, "the lost one's")
    stage.end(leader.session)
    stage.work()
    expect(stage.answer(call)).toBe("the lost one's")
    expect(stage.hosts.flatMap(({ executed }) => executed).slice(0, 2)).toEqual(['b:1:leader', 'a:1:follower'])
    expect(stage.codes()).toEqual(['view-changed'])
  })

  test('has the first choice of a number, whoever makes another one', () => {
    const stage = GroupStage.ready(LEADER)
    const leader = stage.hostOf('a')
    stage.call('pick')
    const run = leader.todo[0]
    const epoch = run?.[0] === 'group.run' ? run[3] : -1
    expect(leader.issue('group.choice', 1, 'a', epoch, 0, 'first')).toEqual({ value: 'first' })
    expect(leader.issue('group.choice', 1, 'a', epoch, 0, 'second')).toEqual({ value: 'first' })
    expect(leader.issue('group.choice', 1, 'a', epoch, 2, 'a gap')).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })

  test('has no more choices than fit a note', () => {
    const stage = GroupStage.ready(LEADER)
    stage.call('pick')
    const told = [0, 1, 2, 3, 4].map((n) => stage.hostOf('a').issue('group.choice', 1, 'a', 1, n, 'x'.repeat(120_000)))
    expect(told.map((outcome) => outcome !== undefined && 'value' in outcome)).toEqual([true, true, true, true, false])
  })

  test('takes no choice of a follower', () => {
    const stage = GroupStage.ready(LEADER)
    stage.call('pick')
    const follower = stage.view().members[1]
    const told = stage.hostOf('b').issue('group.choice', 1, 'b', follower?.epoch, 0, 'mine')
    expect(told).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })

  test('gives a follower a value fault when it answers otherwise', () => {
    const stage = GroupStage.ready(LEADER)
    stage.hostOf('c').behaviour = () => 666
    stage.call('add', [1])
    stage.work()
    expect(stage.faults.map(({ code, entity }) => [code, entity.name])).toEqual([['minority-vote', 'sums/one/c']])
  })

  test('is repeated, choices and all, by a member that is built again', () => {
    const stage = GroupStage.ready(LEADER, ['n1', 'n2'])
    stage.call('pick')
    stage.call('add', [3])
    stage.work()
    stage.end(stage.hostOf('b').session)
    stage.join('n3')
    stage.work()
    expect(stage.hostOf('b').bodies.get('b')?.state).toEqual({ total: 3, log: ["a's", 3] })
    expect(stage.those('active')).toEqual(['a', 'b', 'c'])
  })
})
