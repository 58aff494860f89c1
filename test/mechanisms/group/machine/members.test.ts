/** Views, placement, suspicion and re-integration on the log (notes B4; the rules of `settle.ts`, `members.ts` and `base.ts`). */
import { describe, expect, test } from 'vitest'
import { BASE_EVERY } from '../../../../src/mechanisms/group/machine/base.ts'
import { MAX_KEPT_WEIGHT } from '../../../../src/mechanisms/group/machine/starting.ts'
import { type Behaviour, GroupStage, plain, spec } from './stage.ts'

const wrong: Behaviour = () => 666

/** Calls that are executed to their end, with these answers. */
function calls(stage: GroupStage, count: number, method = 'add', args: readonly unknown[] = [1]): unknown[] {
  const made = Array.from({ length: count }, () => {
    const call = stage.call(method, args)
    stage.work()
    return call
  })
  return made.map((call) => stage.answer(call))
}

describe('views', () => {
  test('grow by one with every change, which is made by an entry', () => {
    const stage = new GroupStage()
    stage.found()
    for (const node of ['n1', 'n2', 'n3']) stage.join(node)
    stage.work()
    for (const node of ['n1', 'n3']) stage.end(stage.host(node).session)
    stage.work()
    expect(stage.views.length).toBeGreaterThan(5)
    expect(stage.views.map(({ id }) => id)).toEqual(stage.views.map((_, i) => i))
    for (const { id, position, seenAt } of stage.views) if (id > 0) expect(position).toBe(seenAt)
  })

  test('a call belongs to the view at its dispatch: a member that leaves counts as an error', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 })
    const call = stage.call('add', [5])
    stage.hostOf('a').work()
    stage.end(stage.hostOf('b').session)
    expect(stage.answer(call)).toBeUndefined()
    stage.end(stage.hostOf('c').session)
    expect(stage.answer(call)).toBe('PERDURE_E_NO_QUORUM')
  })

  test('a joiner is not counted in calls that began before it was there', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 }, ['n1', 'n2'])
    const late = stage.hostOf('c')
    for (const host of stage.hosts) host.hung = true
    const call = stage.call('add', [5])
    stage.issue(1, 'group.add', 'sums', 'one', { id: 'd', label: 'Sum', node: 'n9' })
    const joiner = stage.join('n9')
    joiner.work()
    expect(joiner.executed).toContain('d:1:shadow')
    expect(stage.those('active')).toContain('d')
    expect(stage.answer(call)).toBeUndefined()
    late.hung = false
    for (const host of stage.hosts) host.hung = false
    stage.work()
    expect(stage.answer(call)).toBe(5)
  })

  test('calls do not begin before there are as many members as are needed', () => {
    const stage = new GroupStage({
      agree: 2,
      minimum: 2,
      members: ['a', 'b'].map((id, i) => ({ id, label: 'Sum', node: `n${i}` })),
    })
    stage.found()
    const call = stage.call('add', [5])
    stage.join('n0')
    stage.work()
    expect(stage.answer(call)).toBeUndefined()
    stage.join('n1')
    stage.work()
    expect(stage.answer(call)).toBe(5)
  })

  test('old epochs are refused: a ballot of a member that was suspended does not count', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 })
    const former = stage.hostOf('a')
    const call = stage.call('add', [5])
    stage.issue(1, 'group.suspend', 'sums', 'one', 'a')
    const told = former.issue('group.ballot', 1, 'a', 1, 1, 'value', { value: 5 }, 1, {})
    expect(told).toMatchObject({ error: { code: 'PERDURE_E_STALE' } })
    stage.hostOf('b').work()
    expect(stage.answer(call)).toBeUndefined()
  })

  test('old epochs are refused also when the member is on the same host again', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 1 }, ['n1'])
    stage.call('add', [5])
    stage.issue(1, 'group.suspend', 'sums', 'one', 'a')
    stage.issue(1, 'group.promote', 'sums', 'one', 'a')
    expect(stage.view().members[0]).toMatchObject({ status: 'recovering', host: 'n1' })
    const cast = (epoch: number) => stage.host('n1').issue('group.ballot', 1, 'a', epoch, 1, 'value', { value: 5 }, 1, {})
    expect(cast(1)).toMatchObject({ error: { code: 'PERDURE_E_STALE' } })
    expect(cast(stage.view().members[0]?.epoch ?? 0)).toEqual({ value: true })
  })

  test('are what a change by hand answers with', () => {
    const stage = GroupStage.ready()
    const { id } = stage.view()
    const told = stage.issue(1, 'group.suspend', 'sums', 'one', 'b')
    expect(told).toEqual({ value: { id: id + 1, members: ['a', 'c'], position: stage.driver.position } })
  })

  test('nobody but its host speaks for a member', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [5])
    const told = stage.hostOf('b').issue('group.ballot', 1, 'a', 1, 1, 'value', { value: 666 }, 1, {})
    expect(told).toMatchObject({ error: { code: 'PERDURE_E_STALE' } })
    stage.work()
    expect(stage.answer(call)).toBe(5)
  })
})

describe('members are placed', () => {
  test('on different hosts while there are any, the least loaded first', () => {
    const stage = GroupStage.ready()
    expect(stage.view().members.map(({ host }) => host)).toEqual(['n1', 'n2', 'n3'])
  })

  test('on different hosts even if one of them has much more to do', () => {
    const stage = new GroupStage({ members: ['a', 'b'].map((id) => ({ id, label: 'Sum', node: null })) })
    for (const node of ['n1', 'n2']) stage.join(node)
    const busy = ['a', 'b', 'c', 'd'].map((id) => ({ id, label: 'Sum', node: 'n2' }))
    stage.issue(1, 'group.found', 'other', 'one', spec({ members: busy }))
    stage.found()
    expect(stage.view().members.map(({ host }) => host)).toEqual(['n1', 'n2'])
  })

  test('on one host where there is no other, and move when there is', () => {
    const stage = GroupStage.ready({}, ['n1'])
    expect(stage.view().members.map(({ host }) => host)).toEqual(['n1', 'n1', 'n1'])
    calls(stage, 3)
    stage.join('n2')
    stage.join('n3')
    stage.work()
    expect(
      stage
        .view()
        .members.map(({ host }) => host)
        .sort(),
    ).toEqual(['n1', 'n2', 'n3'])
    expect(calls(stage, 1)).toEqual([4])
    expect(stage.codes().filter((code) => code !== 'view-changed')).toEqual([])
  })

  test('only where their class is, and on the node that was named', () => {
    const members = [
      { id: 'a', label: 'Sum', node: 'n2' },
      { id: 'b', label: 'Other', node: null },
    ]
    const stage = GroupStage.ready({ members }, ['n1', 'n2'])
    expect(stage.view().members.map(({ host, status }) => [host, status])).toEqual([
      ['n2', 'active'],
      [null, 'absent'],
    ])
  })

  test('and a host name belongs to one living session', () => {
    const stage = GroupStage.ready()
    const other = stage.join('n1')
    expect(other.enlist()).toMatchObject({ error: { code: 'PERDURE_E_NODE_TAKEN' } })
    stage.end(stage.host('n1').session)
    expect(other.enlist()).toEqual({ value: true })
  })
})

describe('a member is suspected', () => {
  test('after so many value faults in its last calls', () => {
    const stage = GroupStage.ready()
    stage.hostOf('c').behaviour = wrong
    calls(stage, 2)
    expect(stage.those('suspended')).toEqual([])
    calls(stage, 1)
    expect(stage.those('suspended')).toEqual(['c'])
  })

  test('not by faults that are longer ago than that', () => {
    const stage = GroupStage.ready({ suspicion: { faults: 2, calls: 3, shadowCalls: 2, ejectMs: 500 } })
    const host = stage.hostOf('c')
    for (let i = 0; i < 6; i++) {
      host.behaviour = i % 3 === 0 ? (state, ...rest) => Number(plain(state, ...rest)) + 1000 : plain
      calls(stage, 1)
    }
    expect(stage.codes()).toEqual(['minority-vote', 'minority-vote'])
    host.behaviour = wrong
    calls(stage, 1)
    expect(stage.those('suspended')).toEqual([])
    calls(stage, 1)
    expect(stage.those('suspended')).toEqual(['c'])
  })

  test('after so many time-outs, which are counted apart from value faults', () => {
    const stage = GroupStage.ready({ suspicion: { faults: 2, calls: 10, shadowCalls: 2, ejectMs: 500 } })
    const host = stage.hostOf('c')
    host.behaviour = wrong
    calls(stage, 1)
    host.behaviour = plain
    host.hung = true
    calls(stage, 1)
    stage.advance(1_000)
    expect(stage.codes()).toEqual(['minority-vote', 'member-late'])
    expect(stage.those('suspended')).toEqual([])
    calls(stage, 1)
    stage.advance(1_000)
    expect(stage.those('suspended')).toEqual(['c'])
  })

  test('but never taken away below the minimum: the fault says so, and it is kept', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 3 })
    stage.hostOf('c').behaviour = wrong
    expect(calls(stage, 3)).toEqual([1, 2, 3])
    expect(stage.codes().at(-1)).toBe('exhausted')
    expect(stage.those('active')).toEqual(['a', 'b', 'c'])
  })
})

describe('a suspended member', () => {
  function suspended(): GroupStage {
    const stage = GroupStage.ready()
    const host = stage.hostOf('c')
    host.behaviour = wrong
    calls(stage, 3)
    host.behaviour = plain
    return stage
  }

  test('comes back after its time: built again, executing as a shadow, then counted', () => {
    const stage = suspended()
    const seen = [stage.those('suspended')]
    calls(stage, 2)
    stage.advance(500)
    seen.push(stage.those('recovering'))
    stage.work()
    seen.push(stage.those('shadow'))
    calls(stage, 2)
    seen.push(stage.those('active'))
    expect(seen).toEqual([['c'], ['c'], ['c'], ['a', 'b', 'c']])
    expect(stage.hostOf('c').bodies.get('c')?.state).toEqual({ total: 7, log: [1, 1, 1, 1, 1, 1, 1] })
  })

  test('is not counted as a shadow', () => {
    const stage = suspended()
    stage.advance(500)
    stage.work()
    const call = stage.call('add', [1])
    stage.hostOf('c').work()
    expect(stage.answer(call)).toBeUndefined()
    stage.work()
    expect(stage.answer(call)).toBe(4)
  })

  test('is not counted as one of two that must agree either', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 })
    const host = stage.hostOf('c')
    host.behaviour = wrong
    calls(stage, 3)
    host.behaviour = plain
    stage.advance(500)
    stage.work()
    expect(stage.those('shadow')).toEqual(['c'])
    const call = stage.call('add', [1])
    for (const id of ['c', 'a']) stage.hostOf(id).work()
    expect(stage.answer(call)).toBeUndefined()
    stage.work()
    expect(stage.answer(call)).toBe(4)
  })

  test('is suspended again for one fault as a shadow, and stays away twice as long', () => {
    const stage = suspended()
    for (const host of stage.hosts)
      host.behaviour = (state, method, args, at) => (at.member === 'c' ? 666 : plain(state, method, args, at))
    stage.advance(500)
    stage.work()
    calls(stage, 1)
    expect(stage.those('suspended')).toEqual(['c'])
    expect(stage.view().members[2]?.suspensions).toBe(2)
    stage.advance(999)
    expect(stage.those('suspended')).toEqual(['c'])
    stage.advance(1)
    expect(stage.those('recovering')).toEqual(['c'])
  })

  test('is not blamed for what it does not answer in time while it is built again', () => {
    const stage = suspended()
    stage.advance(500)
    stage.hostOf('c').hung = true
    const call = stage.call('get')
    stage.work()
    stage.advance(1_000)
    expect(stage.answer(call)).toBe(3)
    expect(stage.those('recovering')).toEqual(['c'])
    expect(stage.codes()).not.toContain('member-late')
  })

  test('returns at once when somebody promotes it', () => {
    const stage = suspended()
    stage.issue(1, 'group.promote', 'sums', 'one', 'c')
    expect(stage.those('recovering')).toEqual(['c'])
  })

  test('by hand stays away until somebody promotes it', () => {
    const stage = GroupStage.ready()
    stage.issue(1, 'group.suspend', 'sums', 'one', 'b')
    stage.advance(10_000_000)
    expect(stage.those('suspended')).toEqual(['b'])
  })
})

describe('when too few are left', () => {
  test('calls are refused at once, if nobody can come by itself', () => {
    const stage = GroupStage.ready({ minimum: 3, agree: 2, hashEvery: 1 })
    stage.hostOf('c').behaviour = (state, ...rest) => {
      state.log.push('something else')
      return plain(state, ...rest)
    }
    expect(calls(stage, 1)).toEqual([1])
    expect(stage.those('suspended')).toEqual(['c'])
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_GROUP_EXHAUSTED')
  })

  test('a suspended member that comes back is counted at once, since nobody else can be', () => {
    const stage = GroupStage.ready({ style: 'passive' }, ['n1', 'n2'])
    calls(stage, 2)
    for (const id of ['a', 'c']) stage.issue(1, 'group.remove', 'sums', 'one', id)
    stage.issue(1, 'group.add', 'sums', 'one', { id: 'd', label: 'Sum', node: 'n3' })
    const third = stage.join('n3')
    stage.work()
    third.hung = true
    stage.issue(1, 'group.promote', 'sums', 'one', 'd')
    stage.work()
    stage.call('get')
    stage.advance(1_000)
    expect(stage.those('suspended')).toEqual(['d'])
    third.hung = false
    stage.work()
    for (const host of stage.hosts.filter(({ node }) => node !== 'n3')) stage.end(host.session)
    stage.issue(1, 'group.remove', 'sums', 'one', 'b')
    stage.advance(500)
    stage.work()
    expect(stage.those('active')).toEqual(['d'])
    expect(calls(stage, 1, 'get')).toEqual([2])
  })

  test('nobody may take one away by hand', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 3 })
    for (const operation of ['group.suspend', 'group.remove']) {
      expect(stage.issue(1, operation, 'sums', 'one', 'b')).toMatchObject({ error: { code: 'PERDURE_E_GROUP_EXHAUSTED' } })
    }
  })

  test('calls wait while somebody may still come', () => {
    const stage = GroupStage.ready({}, ['n1'])
    calls(stage, 2)
    stage.end(stage.host('n1').session)
    const call = stage.call('get')
    const impatient = stage.call('get', [], 100)
    stage.advance(100)
    expect([stage.answer(call), stage.answer(impatient)]).toEqual([undefined, 'PERDURE_E_TIMEOUT'])
    stage.join('n2')
    stage.work()
    expect(stage.answer(call)).toBe(2)
  })
})

describe('after everything was lost', () => {
  test('members are built again when hosts come, and what was acknowledged is there', () => {
    const stage = GroupStage.ready()
    calls(stage, 5)
    stage.reopen()
    expect(stage.view().members.map(({ status }) => status)).toEqual(['absent', 'absent', 'absent'])
    const call = stage.call('get')
    for (const node of ['n1', 'n2']) stage.join(node)
    stage.work()
    expect(stage.answer(call)).toBe(5)
  })

  test('a call that was not decided is executed by the next view, in its place', () => {
    const stage = GroupStage.ready({ agree: 2, minimum: 2 })
    calls(stage, 1, 'add', [1])
    const open = [10, 100].map((n) => stage.call('add', [n]))
    stage.hostOf('a').work()
    stage.reopen()
    expect(open.map((call) => stage.answer(call))).toEqual([undefined, undefined])
    for (const node of ['n1', 'n2']) stage.join(node)
    stage.work()
    expect(open.map((call) => stage.answer(call))).toEqual([11, 111])
  })

  test('a view that loses its last member decides nothing; one of which a member is left fails what it cannot decide', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [1])
    for (const id of ['a', 'b', 'c']) stage.hostOf(id).hung = true
    for (const host of [...stage.hosts]) stage.end(host.session)
    expect(stage.answer(call)).toBeUndefined()
    stage.join('n4')
    stage.work()
    expect(stage.answer(call)).toBe(1)
  })
})

describe('the base', () => {
  test('is the state of a member, taken after BASE_EVERY calls, once its digest is the one that was agreed on', () => {
    const stage = GroupStage.ready({ hashEvery: 8 })
    calls(stage, BASE_EVERY + 4)
    stage.issue(1, 'group.add', 'sums', 'one', { id: 'd', label: 'Sum', node: 'n4' })
    const joiner = stage.join('n4')
    stage.work()
    expect(joiner.executed).toHaveLength(4)
    expect(joiner.bodies.get('d')?.state.total).toBe(BASE_EVERY + 4)
  })

  test('is not taken from a member that says another state than its digest', () => {
    const stage = GroupStage.ready({ hashEvery: 8 })
    calls(stage, BASE_EVERY - 1)
    const call = stage.call('add', [1])
    const donor = stage.hosts.find(({ todo }) => todo.some(([kind]) => kind === 'group.donate'))
    donor?.work(1)
    for (const body of donor?.bodies.values() ?? []) body.state = { total: -1, log: [] }
    stage.work()
    expect(stage.answer(call)).toBe(BASE_EVERY)
    stage.issue(1, 'group.add', 'sums', 'one', { id: 'd', label: 'Sum', node: 'n4' })
    const joiner = stage.join('n4')
    stage.work()
    expect(joiner.executed).toHaveLength(BASE_EVERY)
  })

  test('is nothing that objects without a state of their own can give: they repeat everything from the start', () => {
    const stage = GroupStage.ready()
    calls(stage, BASE_EVERY + 10)
    stage.issue(1, 'group.add', 'sums', 'one', { id: 'd', label: 'Sum', node: 'n4' })
    const joiner = stage.join('n4')
    stage.work()
    expect(joiner.executed).toHaveLength(BASE_EVERY + 10)
    expect(joiner.bodies.get('d')?.state.total).toBe(BASE_EVERY + 10)
  })

  test('is missed when more is called than can be kept: a fault says that nobody can return', () => {
    const stage = GroupStage.ready({}, ['n1'])
    const host = stage.host('n1')
    const large = 'x'.repeat(100_000)
    for (let weight = 0; weight <= MAX_KEPT_WEIGHT; weight += large.length) {
      stage.call('get', [large])
      host.work()
    }
    expect(stage.codes()).toEqual(['stranded'])
    stage.end(host.session)
    stage.join('n2')
    expect(stage.those('stranded')).toEqual(['a', 'b', 'c'])
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_GROUP_EXHAUSTED')
  })
})
