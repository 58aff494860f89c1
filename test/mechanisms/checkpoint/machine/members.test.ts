import { describe, expect, test } from 'vitest'
import type { CheckpointGroupsPage, ListedCheckpointGroup } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { session } from '../../machine-driver.ts'
import { GroupStage } from './stage.ts'

const LAG = { undoneMs: 5_000, undoneMessages: 10_000, logBytes: 16_000_000 }
const kinds = (notes: readonly (readonly unknown[])[]) => notes.map(([kind]) => kind)

function names(stage: GroupStage): string[] {
  return (stage.query('group', 'g') as ListedCheckpointGroup).members.map(({ name }) => name)
}

describe('a group', () => {
  test('is founded once: again with the same specification it is the same one', () => {
    const stage = new GroupStage()
    const id = stage.ask('checkpoint.found', 'bank', { protocol: 'bcs', lag: LAG })
    expect(stage.ask('checkpoint.found', 'bank', { protocol: 'bcs', lag: { ...LAG } })).toBe(id)
    expect(stage.ask('checkpoint.found', 'bank', { protocol: 'exact', lag: LAG })).toBe('PERDURE_E_KEY_TAKEN')
    expect(stage.ask('checkpoint.found', 'other', { protocol: 'bcs', lag: LAG })).not.toBe(id)
  })

  test('that is deleted answers all who wait, tells its proxies, and its name can be used again', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    const waiting = stage.recover('a')
    expect(stage.ask('checkpoint.delete', 'g')).toBe(true)
    expect(waiting.value).toBe('PERDURE_E_CLOSED')
    a!.readAll()
    expect(a!.over).toBe('deleted')
    expect(a!.send('b')).toBe('PERDURE_E_STALE')
    expect(stage.query('group', 'g')).toBe(null)
    expect(stage.ask('checkpoint.found', 'g', { protocol: 'exact', lag: LAG })).toBe(2)
  })
})

describe('a member', () => {
  test('that is new is told so, and the others hear its name', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const { value } = stage.issue(50, 'checkpoint.join', ['g', 'b']) as { value: object }
    expect(value).toMatchObject({
      group: 1,
      place: 1,
      epoch: 0,
      index: -1,
      state: null,
      rule: null,
      delivered: 0,
      names: ['a', 'b'],
    })
    expect(a!.notes).toEqual([['checkpoint.names', 1, 0, ['a', 'b']]])
  })

  test('with a living proxy cannot be joined', () => {
    const stage = new GroupStage()
    stage.members('a')
    expect(stage.join('a').refusals).toEqual(['PERDURE_E_MEMBER_TAKEN'])
  })

  test('that is known and has no proxy goes on from its last checkpoint: to join is its recovery', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    a!.save('basic', { received: [], sent: [42], outputs: [] })
    stage.end(a!.session)
    const again = stage.join('a')
    expect(again.index).toBe(1)
    expect(again.memory.sent).toEqual([42])
  })

  test('joins only when no recovery is under way, and one at a time', () => {
    const stage = new GroupStage()
    const [, b] = stage.members('a', 'b')
    stage.recover('a')
    const fresh = stage.join('c')
    expect(fresh.state).toBe('joining')
    expect(stage.join('c').refusals).toEqual(['PERDURE_E_MEMBER_TAKEN'])
    b!.readAll()
    expect(fresh.state).toBe('working')
    expect(fresh.epoch).toBe(1)
  })

  test('of no group, or of no session, cannot join', () => {
    const stage = new GroupStage()
    expect(stage.ask('checkpoint.join', 'h', 'a')).toBe('PERDURE_E_UNKNOWN_GROUP')
    stage.driver.apply({ kind: 'run', id: 7 }, 1, 'checkpoint.join', 'g', 'a')
    expect(stage.driver.replies.at(-1)?.outcome).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })

  test('is refused what another session says in its name', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const said = stage.issue(999, 'checkpoint.heard', [1, a!.place, 0, 0])
    expect(said).toMatchObject({ error: { code: 'PERDURE_E_STALE' } })
  })
})

test('groups are listed in pages, with how many members they have and how many of these are lost', () => {
  const stage = new GroupStage()
  const [a] = stage.members('a', 'b')
  stage.end(a!.session)
  const spec = { protocol: 'cut', lag: LAG }
  for (let n = 1; n < 300; n++) stage.ask('checkpoint.found', `h${n}`, spec)
  const groups: { readonly name: string }[] = []
  let pages = 0
  for (let from: number | null = 0; from !== null; pages += 1) {
    const page = stage.query('groups', from) as CheckpointGroupsPage
    groups.push(...page.groups)
    from = page.next
  }
  expect(pages).toBe(2)
  expect(groups[0]).toMatchObject({ name: 'g', protocol: 'exact', members: 2, lost: 1 })
  expect(groups.map(({ name }) => name)).toEqual(['g', ...Array.from({ length: 299 }, (_, n) => `h${n + 1}`)])
})

describe('a member that leaves', () => {
  test('has left when nothing that it has done can be undone; others are asked to save', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    b!.send('a')
    stage.settle()
    a!.leave()
    expect(a!.state).toBe('working')
    expect(kinds(b!.notes)).toEqual(['checkpoint.please'])
    stage.settle()
    expect(a!.state).toBe('over')
    expect(names(stage)).toEqual(['b'])
  })

  test('is asked to save itself, if it has done something since', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.issue(a!.session, 'checkpoint.leave', [1, a!.place, 0])
    expect(kinds(a!.notes)).toEqual(['checkpoint.please'])
    stage.settle()
    a!.checkpoint()
    expect(names(stage)).toEqual(['b'])
    expect(b!.memory.received).toHaveLength(1)
  })

  test('leaves its messages to others as those of nobody, who never goes back', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    const message = a!.send('b')
    a!.leave()
    stage.settle()
    expect(names(stage)).toEqual(['b'])
    stage.recover('b')
    stage.settle()
    expect(b!.memory.received).toEqual([message])
    expect(stage.begin('checkpoint.line', 'g', ['b']).value).toBeUndefined()
  })

  test('can be joined afresh under its name, at another place', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.leave()
    stage.settle()
    expect(a!.over).toBe('left')
    expect(b!.send('a')).toBe('PERDURE_E_UNKNOWN_MEMBER')
    const again = stage.join('a')
    expect([again.place, again.index]).toEqual([2, 0])
  })

  test('has not left when it goes back before, and hears so', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    b!.send('a')
    stage.settle()
    a!.leave()
    stage.recover('b')
    stage.settle()
    expect(a!.refusals).toEqual(['PERDURE_E_STALE'])
    expect(names(stage)).toEqual(['a', 'b'])
  })

  test('and takes that back is given what came meanwhile, once it says how far it is', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.output()
    a!.leave()
    const message = b!.send('a')
    const numbers = Array.from({ length: 20 }, (_, i) => i + 1)
    expect(numbers.some((number) => stage.withdraw(session(a!.session), number))).toBe(true)
    a!.leaving = false
    stage.settle()
    expect(a!.memory.received).toEqual([])
    a!.heard()
    stage.settle()
    expect(a!.memory.received).toEqual([message])
    expect(names(stage)).toEqual(['a', 'b'])
  })

  test('first sees its outputs done', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const position = a!.output()
    a!.leave()
    expect(names(stage)).toEqual(['a'])
    stage.settle()
    expect([...a!.released]).toEqual([position])
    expect(names(stage)).toEqual([])
  })
})
