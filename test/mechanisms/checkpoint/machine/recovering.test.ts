import { describe, expect, test } from 'vitest'
import { HALT_MS } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import type { ListedCheckpointGroup } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { MAX_FAILS } from '../../../../src/mechanisms/checkpoint/machine/recovering.ts'
import { GroupStage } from './stage.ts'

const kinds = (notes: readonly (readonly unknown[])[]) => notes.map(([kind]) => kind)

function statusOf(stage: GroupStage, name: string) {
  return (stage.query('group', 'g') as ListedCheckpointGroup).members.find((member) => member.name === name)?.status
}

describe('a recovery', () => {
  test('halts the others, and computes the line when all have said how far they are', () => {
    const stage = new GroupStage()
    const [a, b, c] = stage.members('a', 'b', 'c')
    a!.send('b')
    stage.settle()
    const answer = stage.recover('a')
    expect([kinds(a!.notes), kinds(b!.notes), kinds(c!.notes)]).toEqual([[], ['checkpoint.halt'], ['checkpoint.halt']])
    b!.readAll()
    expect(answer.value).toBeUndefined()
    c!.read()
    expect(answer.value).toEqual({ a: 0, b: 0, c: 'current' })
    expect([kinds(a!.notes), kinds(b!.notes), kinds(c!.notes)]).toEqual([
      ['checkpoint.rollback'],
      ['checkpoint.rollback'],
      ['checkpoint.resume'],
    ])
  })

  test('begins a new epoch: what comes under the old one is refused before anything else', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    stage.recover('a')
    b!.read()
    expect(a!.send('b')).toBe('PERDURE_E_STALE')
    a!.readAll()
    expect(typeof a!.send('b')).toBe('number')
  })

  test('takes messages out of the logs whose sending is undone, and gives the others again in order', () => {
    const stage = new GroupStage()
    const [a, b, c] = stage.members('a', 'b', 'c')
    const kept = c!.send('b')
    stage.settle()
    a!.checkpoint()
    const ghost = a!.send('b')
    stage.settle()
    expect(b!.memory.received).toEqual([kept, ghost])
    const post = stage.ask('checkpoint.post', 'g', 'b', '@x', new Uint8Array(1))
    stage.recover('a')
    stage.settle()
    expect(b!.memory.received).toEqual([kept, post])
  })

  test('leaves messages that were given to a proxy and not delivered to it to throw away, by the line', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.checkpoint()
    const ghost = a!.send('b')
    b!.read()
    expect(b!.queue).toHaveLength(1)
    stage.recover('a')
    b!.read()
    expect(b!.notes.at(-1)).toEqual(['checkpoint.resume', 1, b!.place, 1, [1, null]])
    stage.settle()
    expect(b!.memory.received).not.toContain(ghost)
  })

  test('answers a rollback with the checkpoint, and with how far the replay goes', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    const first = a!.send('b')
    stage.settle()
    b!.checkpoint()
    const second = a!.send('b')
    stage.settle()
    stage.recover('b')
    stage.settle()
    const grant = stage.driver.notes.findLast(({ body }) => body[0] === 'checkpoint.rollback')!.body[3]
    expect(grant).toMatchObject({ epoch: 1, index: 1, delivered: first, replayTo: second, names: ['a', 'b'] })
    expect(grant).toMatchObject({ position: stage.driver.position })
  })

  test('of a member that has never saved begins it anew', () => {
    const stage = new GroupStage()
    const { value } = stage.issue(50, 'checkpoint.join', ['g', 'a']) as { value: { place: number } }
    stage.truth.failed.add(value.place)
    stage.issue(50, 'checkpoint.fail', [1, value.place, 0, 0, null, 'its factory threw'])
    expect(stage.driver.notes.at(-1)?.body).toMatchObject(['checkpoint.rollback', 1, value.place, { index: -1, state: null }])
  })

  test('goes on with more failed members when somebody fails during it', () => {
    const stage = new GroupStage()
    const [a, b, c] = stage.members('a', 'b', 'c')
    a!.send('c')
    b!.send('c')
    stage.settle()
    const answer = stage.recover('a')
    c!.read()
    stage.end(b!.session)
    expect(answer.value).toEqual({ a: 0, b: 0, c: 0 })
  })

  test('goes on when whoever began it is lost', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    stage.truth.failed.add(a!.place)
    stage.issue(70, 'checkpoint.recover', ['g', ['a']])
    stage.driver.ended({ kind: 'session', id: 70 }, 'lost')
    a!.haltNow()
    b!.readAll()
    expect(kinds(a!.notes)).toEqual(['checkpoint.rollback'])
  })

  test('gives up the proxy of a member that is said to have failed and does not halt: its name is free again', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    const answer = stage.begin('checkpoint.recover', 'g', ['a'])
    for (const proxy of stage.proxies) if (proxy !== a) proxy.readAll()
    expect(answer.value).toBeUndefined()
    stage.truth.failed.add(a!.place)
    stage.advance(HALT_MS)
    expect(answer.value).toEqual({ a: 0, b: 'current' })
    expect(stage.join('a').index).toBe(0)
  })

  test('counts as failed who does not halt in time, and lets it join again', () => {
    const stage = new GroupStage()
    const [, b] = stage.members('a', 'b')
    const answer = stage.recover('a')
    stage.advance(HALT_MS - 1)
    expect(answer.value).toBeUndefined()
    stage.advance(1)
    expect(answer.value).toEqual({ a: 0, b: 0 })
    b!.readAll()
    expect(b!.over).toBe('late')
    expect(stage.join('b').index).toBe(0)
  })

  test('keeps a dead member at its line, and among the failed of every further recovery', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    b!.checkpoint()
    stage.end(b!.session)
    stage.settle()
    const answer = stage.recover('a')
    expect(answer.value).toEqual({ a: 0, b: 1 })
    stage.settle()
    expect(stage.join('b').index).toBe(1)
    expect(a!.state).toBe('working')
  })

  test('of a stranger is refused', () => {
    const stage = new GroupStage()
    stage.members('a')
    expect(stage.ask('checkpoint.recover', 'g', ['z'])).toBe('PERDURE_E_UNKNOWN_MEMBER')
    expect(stage.ask('checkpoint.recover', 'h', [])).toBe('PERDURE_E_UNKNOWN_GROUP')
  })

  test('is reported with its line', () => {
    const stage = new GroupStage()
    stage.members('a')
    stage.recover('a')
    const fault = { code: 'rolled-back', entity: { kind: 'group', name: 'g' }, data: { epoch: 1, line: { a: 0 } } }
    expect(stage.faults).toMatchObject([fault])
  })
})

describe('the end of a session', () => {
  test('fails all its members at once', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const [b, c] = [stage.join('b', 300), stage.join('c', 300)]
    stage.settle()
    b.send('a')
    c.send('a')
    stage.settle()
    stage.end(300)
    stage.settle()
    expect(stage.query('group', 'g')).toMatchObject({ epoch: 1 })
    expect(a!.memory.received).toEqual([])
  })

  test('of a member that was closed concerns the others only', () => {
    const stage = new GroupStage()
    stage.members('a')
    const [b, c] = [stage.join('b', 300), stage.join('c', 300)]
    stage.settle()
    b.close()
    stage.settle()
    expect([statusOf(stage, 'b'), statusOf(stage, 'c')]).toEqual(['lost', 'working'])
    expect(c.state).toBe('working')
  })
})

describe('after a restart of everything', () => {
  test('all have failed, the line is that of all checkpoints, and join waits for nobody', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    b!.checkpoint()
    stage.reopen()
    const again = stage.join('b')
    expect(again.state).toBe('working')
    expect(again.index).toBe(0)
    expect(stage.query('group', 'g')).toMatchObject({ epoch: 1, recovering: false })
  })
})

describe('a member whose object fails', () => {
  test(`${MAX_FAILS} times at the same message is wedged, until a recovery names it`, () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const poison = stage.ask('checkpoint.post', 'g', 'a', '@x', new Uint8Array(1)) as number
    for (let count = 0; count < MAX_FAILS; count++) {
      a!.readAll()
      // What was sent in that delivery has said already that it was given the message.
      a!.deliver()
      stage.truth.failed.add(a!.place)
      a!.fail(poison)
    }
    a!.readAll()
    expect(a!.over).toBe('wedged')
    expect(stage.faults.map(({ code }) => code)).toContain('wedged')
    expect(stage.join('a').refusals).toEqual(['PERDURE_E_WEDGED'])
    stage.recover('a')
    expect(stage.join('a').state).toBe('working')
  })

  test('at another message each time is not', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    for (let count = 0; count < 2 * MAX_FAILS; count++) {
      const message = stage.ask('checkpoint.post', 'g', 'a', '@x', new Uint8Array(1)) as number
      a!.readAll()
      stage.truth.failed.add(a!.place)
      a!.fail(message)
    }
    a!.readAll()
    expect(a!.state).toBe('working')
  })

  test('is reported, with the reason', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    stage.truth.failed.add(a!.place)
    a!.fail()
    expect(stage.faults[0]).toMatchObject({ code: 'member-failed', data: { reason: 'the object threw', count: 1 } })
  })
})

describe('the line that a recovery would lead to', () => {
  test('is told when the others have said how far they are, and nobody halts', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    b!.readAll()
    b!.deliver()
    const answer = stage.begin('checkpoint.line', 'g', ['a'])
    expect(answer.value).toBeUndefined()
    stage.settle()
    expect(answer.value).toEqual({ a: 0, b: 0 })
    expect(stage.query('group', 'g')).toMatchObject({ epoch: 0 })
  })

  test('is told without those who say nothing for too long', () => {
    const stage = new GroupStage()
    stage.members('a', 'b')
    const answer = stage.begin('checkpoint.line', 'g', ['a'])
    stage.advance(HALT_MS)
    expect(answer.value).toEqual({ a: 0, b: 'current' })
  })
})
