import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../../../src/log/codec/codec.ts'
import type { ListedCheckpointGroup } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { GroupStage } from './stage.ts'

function listed(stage: GroupStage, name: string) {
  return (stage.query('group', 'g') as ListedCheckpointGroup).members.find((member) => member.name === name)!
}

describe('a checkpoint', () => {
  test('is stable at once, and has the next index', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    expect(a!.checkpoint()).toBe(true)
    expect(listed(stage, 'a').index).toBe(1)
  })

  test('with another index than the next is refused', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const state = { kind: 'inline', bytes: new Uint8Array(1) }
    const save = (index: number) => stage.issue(a!.session, 'checkpoint.save', [1, a!.place, 0, index, 0, 'basic', state, null])
    for (const index of [0, 2]) expect(save(index)).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })

  test('without a state has that of the one before', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    a!.save('basic', { received: [], sent: [7], outputs: [] })
    a!.save('basic', null)
    stage.end(a!.session)
    expect(stage.join('a').memory.sent).toEqual([7])
  })

  test('below the line of all is freed, with the messages delivered before it', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    for (let round = 0; round < 20; round++) {
      a!.send('b')
      stage.settle()
      b!.checkpoint()
      a!.checkpoint()
      b!.checkpoint()
    }
    expect(listed(stage, 'b').kept).toBeLessThanOrEqual(1)
    expect(listed(stage, 'a').floor).toBeGreaterThanOrEqual(19)
  })

  test('of a member that others depend on keeps their checkpoints and messages while it does not save', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    for (let round = 0; round < 20; round++) {
      a!.send('b')
      stage.settle()
      b!.checkpoint()
    }
    expect(listed(stage, 'b')).toMatchObject({ kept: 20, floor: 0, index: 20 })
    a!.checkpoint()
    b!.checkpoint()
    expect(listed(stage, 'b')).toMatchObject({ kept: 0, floor: 20 })
  })
})

describe('a state that is stored elsewhere', () => {
  const ref = (name: string) => encode(name)

  test('is discarded when its checkpoint is below the line of all', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    a!.save('basic', {}, ref('one'))
    a!.save('basic', {}, ref('two'))
    a!.readAll()
    expect(a!.discarded).toEqual(['one'])
  })

  test('is kept while a later checkpoint has it too', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    a!.save('basic', {}, ref('one'))
    a!.save('basic', null)
    a!.save('basic', {}, ref('one'))
    a!.readAll()
    expect(a!.discarded).toEqual([])
    a!.save('basic', {}, ref('two'))
    a!.readAll()
    expect(a!.discarded).toEqual(['one'])
  })

  test('is discarded when its checkpoint was undone, after the member has heard that it goes back', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    b!.save('basic', {}, ref('undone'))
    stage.recover('a')
    b!.read()
    expect(b!.notes.map(([name]) => name)).toEqual(['checkpoint.rollback', 'checkpoint.discard'])
    b!.readAll()
    expect(b!.discarded).toEqual(['undone'])
  })

  test('that nobody heard of because the member was dead is discarded by its next proxy', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    b!.save('basic', {}, ref('undone'))
    stage.end(b!.session)
    stage.settle()
    stage.recover('a')
    stage.settle()
    const again = stage.join('b')
    again.readAll()
    expect(again.discarded).toEqual(['undone'])
  })
})

describe('an output', () => {
  test('waits until no failure can undo the interval that asked for it, then goes to the object', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    b!.send('a')
    stage.settle()
    const position = a!.output(new Uint8Array([7]))
    a!.checkpoint()
    // b has not saved what made a do it.
    expect(a!.notes).toEqual([])
    b!.checkpoint()
    expect(a!.notes).toEqual([['checkpoint.release', 1, a!.place, [[position, new Uint8Array([7])]]]])
  })

  test('of an interval that is undone vanishes', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    a!.output()
    stage.recover('a')
    stage.settle()
    for (let round = 0; round < 3; round++) a!.checkpoint()
    stage.settle()
    expect([...a!.released]).toEqual([])
  })

  test('is given again to the next proxy until one says that it has been done', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const position = a!.output()
    a!.checkpoint()
    stage.end(a!.session)
    const second = stage.join('a')
    second.readAll()
    expect([...second.released]).toEqual([position])
    stage.end(second.session)
    const third = stage.join('a')
    third.readAll()
    expect([...third.released]).toEqual([])
  })

  test('that is a tuple is deposited in the entry that makes it stable, and not before', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const out = ['out', 'jobs', ['resize', 7], null]
    stage.issue(a!.session, 'checkpoint.output', [1, a!.place, 0, 0, 0, out])
    expect(stage.outs).toEqual([])
    a!.checkpoint()
    expect(stage.outs).toEqual([['jobs', ['resize', 7], null]])
  })

  test('that the space does not take is reported', () => {
    const stage = new GroupStage()
    stage.refusal = 'no room'
    const [a] = stage.members('a')
    stage.issue(a!.session, 'checkpoint.output', [1, a!.place, 0, 0, 0, ['out', 'jobs', [1], null]])
    a!.checkpoint()
    expect(stage.faults).toMatchObject([{ code: 'output-refused', entity: { kind: 'member', name: 'g/a' } }])
  })
})

describe('somebody who asks for a checkpoint', () => {
  test('is answered with its index when it is stable', () => {
    const stage = new GroupStage()
    stage.members('a')
    const answer = stage.begin('checkpoint.ask', 'g', 'a')
    expect(answer.value).toBeUndefined()
    stage.settle()
    expect(answer.value).toBe(1)
  })

  test('of a member without a proxy is refused', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    stage.end(a!.session)
    expect(stage.ask('checkpoint.ask', 'g', 'a')).toBe('PERDURE_E_MEMBER_LOST')
  })

  test('is answered also when the member goes back meanwhile: it is asked again', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    const answer = stage.begin('checkpoint.ask', 'g', 'a')
    stage.recover('a')
    b!.readAll()
    expect(a!.notes.map(([kind]) => kind)).toContain('checkpoint.please')
    stage.settle()
    expect(answer.value).toBe(1)
  })

  test('is told when the member loses its proxy meanwhile, or leaves', () => {
    for (const lose of ['end', 'leave'] as const) {
      const stage = new GroupStage()
      const [a] = stage.members('a')
      const answer = stage.begin('checkpoint.ask', 'g', 'a')
      if (lose === 'end') stage.end(a!.session)
      else stage.issue(a!.session, 'checkpoint.leave', [1, a!.place, 0])
      expect(answer.value).toBe(lose === 'end' ? 'PERDURE_E_MEMBER_LOST' : 'PERDURE_E_UNKNOWN_MEMBER')
    }
  })
})

test('a grant carries the state of the rule as it was saved', () => {
  const stage = new GroupStage('bcs')
  const [a] = stage.members('a')
  a!.checkpoint()
  stage.end(a!.session)
  const { value } = stage.issue(60, 'checkpoint.join', ['g', 'a']) as { value: { index: number; rule: Uint8Array } }
  expect(value.index).toBe(1)
  expect(decode(value.rule)).toMatchObject({ rule: expect.anything() })
})
