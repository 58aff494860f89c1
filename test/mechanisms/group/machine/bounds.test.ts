/** What the group machine refuses: what cannot be understood, what is too much, what nobody may say; and what is over. */
import { describe, expect, test } from 'vitest'
import { MAX_OPEN_CALLS } from '../../../../src/mechanisms/group/machine/refusals.ts'
import { MAX_BACKLOG } from '../../../../src/mechanisms/group/machine/starting.ts'
import { run } from '../../machine-driver.ts'
import { GroupStage, KEY, NAME, spec } from './stage.ts'

const USAGE = { error: { code: 'PERDURE_E_USAGE' } }
const NOTES = { support: [], faulty: [], late: [], rejected: [], chosen: null }

describe('an operation that no program of this version could have sent is refused by its answer:', () => {
  test.each<readonly [string, ...unknown[]]>([
    ['group.found'],
    ['group.found', 'no name!', KEY, spec()],
    ['group.found', NAME, '', spec()],
    ['group.found', NAME, 'x'.repeat(300), spec()],
    ['group.found', NAME, KEY, null],
    ['group.found', NAME, KEY, spec({ members: [] })],
    ['group.found', NAME, KEY, { ...spec(), style: 'other' }],
    ['group.found', NAME, KEY, { ...spec(), state: 'other' }],
    ['group.found', NAME, KEY, { ...spec(), args: 1 }],
    ['group.found', NAME, KEY, { ...spec(), agree: 0 }],
    ['group.found', NAME, KEY, { ...spec(), minimum: 4 }],
    ['group.found', NAME, KEY, { ...spec(), memberMs: 0 }],
    ['group.found', NAME, KEY, { ...spec(), timeoutMs: -1 }],
    ['group.found', NAME, KEY, { ...spec(), suspicion: {} }],
    ['group.found', NAME, KEY, spec({ members: [...spec().members, { id: 'a', label: 'Sum', node: null }] })],
    ['group.found', NAME, KEY, spec({ members: [{ id: 'a', label: 'Sum', node: 'no node!' }] })],
    ['group.enlist', 'n9', 'boot', [1]],
    ['group.enlist', 'no node!', 'boot', []],
    ['group.enlist', 'n9', 'boot'],
    ['group.call', NAME, KEY, 'get', []],
    ['group.call', NAME, KEY, 1, [], null],
    ['group.call', NAME, KEY, 'get', 'none', null],
    ['group.call', NAME, KEY, 'get', [], -1],
    ['group.start', 1, 'a', null, 1],
    ['group.start', 1, ['a'], null, 0],
    ['group.ballot', 1, 'a', 1, 1, 'late', { value: 1 }, 1, {}],
    ['group.ballot', 1, 'a', 1, 1, 'value', { error: { name: 'Error', message: '' } }, 1, {}],
    ['group.ballot', 1, 'a', 1, 1, 'value', { value: 1, error: 1 }, 1, {}],
    ['group.ballot', 1, 'a', 1, 1, 'value', { value: 1 }, 'long', {}],
    ['group.ballot', 1, 'a', 1, 1, 'value', { value: 1 }, 1, { outs: [['box']] }],
    ['group.ballot', 1, 'a', 1, 1, 'value', { value: 1 }, 1, { hash: 7 }],
    ['group.ballot', 1, 'a', 1, 1, 'value', { value: 1 }, 1, null],
    ['group.choice', 1, 'a', 1, -1, 'x'],
    ['group.choice', 1, 'a', 1],
    ['group.decide', 1, 'value', { value: 1 }, {}],
    ['group.decide', 1, 'error', { value: 1 }, NOTES],
    ['group.decide', 1, 'late', { value: 1 }, NOTES],
    ['group.blame', 1, 1, 'a', []],
    ['group.ready', 1, 'a', 1, 'failed'],
    ['group.state', 1, 'a', 1, 1, 'state'],
    ['group.suspend', NAME, KEY],
    ['group.suspend', NAME, KEY, 'nobody'],
    ['group.remove', NAME, KEY, 'nobody'],
    ['group.promote', NAME, KEY, 7],
    ['group.promote', NAME, KEY, 'nobody'],
    ['group.add', NAME, KEY, { id: 'd' }],
    ['group.add', NAME, KEY, { id: 'a', label: 'Sum', node: null }],
  ])('%s %j %j %j %j', (name, ...args) => {
    const stage = GroupStage.ready()
    expect(stage.issue(1, String(name), ...args)).toMatchObject(USAGE)
    const call = stage.call('get')
    stage.work()
    expect(stage.answer(call)).toBe(0)
  })
})

describe('a group', () => {
  test('is founded once: the same again is the same group', () => {
    const stage = GroupStage.ready()
    expect(stage.found(7)).toMatchObject({ value: { group: stage.group, view: { members: ['a', 'b', 'c'] } } })
  })

  test('is not founded again as another one', () => {
    const stage = GroupStage.ready()
    const other = stage.issue(7, 'group.found', NAME, KEY, spec({ agree: 3 }))
    expect(other).toMatchObject({ error: { code: 'PERDURE_E_KEY_TAKEN' } })
  })

  test('that was never made has no calls', () => {
    const stage = new GroupStage()
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_UNKNOWN_GROUP')
    expect(stage.issue(1, 'group.suspend', NAME, KEY, 'a')).toMatchObject({ error: { code: 'PERDURE_E_UNKNOWN_GROUP' } })
    expect(stage.issue(1, 'group.close', NAME, KEY)).toEqual({ value: false })
  })

  test('that is closed refuses what is under way, and its members are forgotten', () => {
    const stage = GroupStage.ready()
    const call = stage.call('add', [1])
    expect(stage.issue(1, 'group.close', NAME, KEY)).toEqual({ value: true })
    expect(stage.answer(call)).toBe('PERDURE_E_CLOSED')
    stage.work()
    expect(stage.hosts.map(({ bodies }) => bodies.size)).toEqual([0, 0, 0])
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_UNKNOWN_GROUP')
    stage.found()
    stage.work()
    const fresh = stage.call('get')
    stage.work()
    expect(stage.answer(fresh)).toBe(0)
  })

  test('has so many calls at once and no more', () => {
    const stage = GroupStage.ready()
    const calls = Array.from({ length: MAX_OPEN_CALLS }, () => stage.call('get'))
    expect(stage.answer(stage.call('get'))).toBe('PERDURE_E_BUSY')
    stage.work()
    expect(new Set(calls.map((call) => stage.answer(call)))).toEqual(new Set([0]))
  })

  test('does without a member that does not keep up', () => {
    const stage = GroupStage.ready()
    stage.hostOf('c').hung = true
    for (let i = 0; i <= MAX_BACKLOG; i++) {
      stage.call('get')
      stage.work()
    }
    expect(stage.those('suspended')).toEqual(['c'])
    expect(stage.codes()).toContain('suspended')
  })

  test('forgets a call that nobody waits for any more, if it has not begun', () => {
    const stage = new GroupStage()
    stage.found()
    stage.call('add', [1], null, 50)
    stage.call('add', [2], null, 51)
    stage.call('add', [4], null, 52)
    stage.end(50)
    expect(stage.driver.withdraw({ kind: 'session', id: 51 }, 1)).toBe(true)
    expect(stage.driver.withdraw({ kind: 'session', id: 51 }, 1)).toBe(false)
    stage.join('n1')
    stage.work()
    const call = stage.call('get')
    stage.work()
    expect(stage.answer(call)).toBe(4)
  })

  test('goes on with a call that has begun, though nobody waits for it any more', () => {
    const stage = GroupStage.ready()
    stage.call('add', [1], null, 50)
    stage.end(50)
    const call = stage.call('get')
    stage.work()
    expect(stage.answer(call)).toBe(1)
  })

  test('is called by a run as by a session', () => {
    const stage = GroupStage.ready()
    stage.apply(run(3), 8, 'group.call', NAME, KEY, 'add', [2], null)
    stage.work()
    expect(stage.answers.get('run:3:8')).toEqual({ value: 2 })
  })

  test('is listed with its members', () => {
    const stage = GroupStage.ready()
    const page = stage.driver.machines[0]?.query('groups', []) as { groups: { name: string }[]; next: number | null }
    expect(page).toMatchObject({ groups: [{ name: NAME, key: KEY, style: 'active' }], next: null })
    expect(stage.driver.machines[0]?.query('view', [NAME, 'other'])).toBeNull()
    expect(stage.driver.machines[0]?.query('hosts', [])).toMatchObject([{ node: 'n1', members: 1 }, {}, {}])
  })
})
