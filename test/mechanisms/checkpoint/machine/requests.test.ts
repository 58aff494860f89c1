/** Members as clients of spaces and object groups: what takes effect when, what is undone, and how answers come. */
import { describe, expect, test } from 'vitest'
import { decode } from '../../../../src/log/codec/codec.ts'
import type { Mail } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import type { ListedCheckpointGroup } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { MAX_REQUESTS } from '../../../../src/mechanisms/checkpoint/machine/refusals.ts'
import type { SimulatedProxy } from './simulated-proxy.ts'
import { GroupStage } from './stage.ts'

const JOB = ['job', Number] as const

function put(stage: GroupStage, ...numbers: readonly number[]): void {
  for (const number of numbers) stage.ask('space.out', 'jobs', ['job', number])
}

/** Everybody saves, so that nothing done before can be undone. */
function commit(stage: GroupStage, ...members: readonly SimulatedProxy[]): void {
  stage.settle()
  for (const member of members) member.checkpoint()
  stage.settle()
}

function holds(stage: GroupStage): number {
  const { members } = stage.query('group', 'g') as ListedCheckpointGroup
  return members.reduce((sum, { held }) => sum + held, 0)
}

/** The mail that a proxy has been told of. */
function mailOf({ notes }: SimulatedProxy): Mail[] {
  return notes.flatMap((note) => (note[0] === 'checkpoint.mail' ? note[3] : []))
}

describe('what a member takes out of a space', () => {
  test('is gone at once for everybody else, and told to the member by the position of its request', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    put(stage, 1)
    const reply = a!.ask('in', 'jobs', JOB)
    expect(stage.tuples('jobs')).toEqual([])
    stage.settle()
    expect(a!.memory.answers).toEqual([{ reply, value: ['job', 1] }])
  })

  test('comes as a message of the member itself, in the interval that asked, from @ and the name of the space', () => {
    const stage = new GroupStage('bcs')
    const [a] = stage.members('a', 'b')
    a!.checkpoint()
    put(stage, 1)
    const reply = a!.ask('inp', 'jobs', JOB) as number
    const [mail] = mailOf(a!)
    expect(mail?.slice(0, 4)).toEqual([reply, a!.place, '@jobs', 1])
    expect(decode(mail![4])).toEqual({ reply, value: ['job', 1] })
    expect(mail![5]).toEqual(new Uint8Array(0))
  })

  test('comes back to its old place when the interval that asked is undone, and the answer with it', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    put(stage, 1, 2)
    a!.ask('in', 'jobs', JOB)
    stage.settle()
    stage.recover('a')
    stage.settle()
    expect(stage.tuples('jobs')).toEqual([
      ['job', 1],
      ['job', 2],
    ])
    expect(a!.memory.answers).toEqual([])
    expect(b!.state).toBe('working')
    expect(holds(stage)).toBe(0)
  })

  test('is gone for good once the interval that asked is stable, however often the group goes back then', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    put(stage, 1)
    const reply = a!.ask('in', 'jobs', JOB)
    commit(stage, a!)
    expect(holds(stage)).toBe(0)
    stage.recover('a', 'b')
    stage.settle()
    expect(stage.tuples('jobs')).toEqual([])
    expect(a!.memory.answers).toEqual([{ reply, value: ['job', 1] }])
  })

  test('is told again, once, when only its delivery is undone', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    put(stage, 1)
    const reply = a!.ask('in', 'jobs', JOB)
    // The message waits in the queue while the member saves.
    a!.readAll()
    a!.checkpoint()
    stage.settle()
    expect(a!.memory.answers).toHaveLength(1)
    stage.recover('a')
    stage.settle()
    expect(a!.memory.answers).toEqual([{ reply, value: ['job', 1] }])
    expect(stage.tuples('jobs')).toEqual([])
  })

  test('survives the death of the proxy if a checkpoint has the request', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    const reply = a!.ask('in', 'jobs', JOB)
    a!.checkpoint()
    stage.end(a!.session)
    stage.settle()
    put(stage, 1)
    const again = stage.join('a')
    stage.settle()
    expect(again.memory.answers).toEqual([{ reply, value: ['job', 1] }])
    expect(stage.tuples('jobs')).toEqual([])
  })

  test('of a request that still waits when its interval is undone goes to others', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.ask('in', 'jobs', JOB)
    const reply = b!.ask('in', 'jobs', JOB)
    stage.recover('a')
    stage.settle()
    put(stage, 1)
    stage.settle()
    expect(a!.memory.answers).toEqual([])
    expect(b!.memory.answers).toEqual([{ reply, value: ['job', 1] }])
  })

  test('and gives back in a recovery goes to a member that waits for it and stays as it is', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    put(stage, 1)
    a!.ask('in', 'jobs', JOB)
    const reply = b!.ask('in', 'jobs', JOB)
    stage.recover('a')
    stage.settle()
    expect(b!.memory.answers).toEqual([{ reply, value: ['job', 1] }])
    expect(stage.tuples('jobs')).toEqual([])
  })

  test('does not go from one undone interval to another', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    put(stage, 1)
    a!.ask('in', 'jobs', JOB)
    b!.ask('in', 'jobs', JOB)
    stage.recover('a', 'b')
    stage.settle()
    expect(stage.tuples('jobs')).toEqual([['job', 1]])
    expect([...a!.memory.answers, ...b!.memory.answers]).toEqual([])
  })

  test('several at one position are told one after the other, each at a position of its own', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const replies = [1, 2, 3].map(() => a!.ask('in', 'jobs', JOB))
    for (const number of [1, 2, 3]) stage.ask('space.out', 'pool', ['job', number])
    stage.ask('space.collect', 'pool', ['sn'], { into: 'jobs' })
    expect(mailOf(a!)).toHaveLength(1)
    const [before, after] = stage.restore()
    expect(after).toEqual(before)
    stage.advance(1)
    stage.advance(1)
    const positions = mailOf(a!).map(([position]) => position)
    expect(new Set(positions).size).toBe(3)
    stage.settle()
    expect(a!.memory.answers).toEqual(replies.map((reply, i) => ({ reply, value: ['job', i + 1] })))
  })

  test('several at one position of which none was told yet are undone together', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    for (let i = 0; i < 3; i++) a!.ask('in', 'jobs', JOB)
    for (const number of [1, 2, 3]) stage.ask('space.out', 'pool', ['job', number])
    stage.ask('space.collect', 'pool', ['sn'], { into: 'jobs' })
    stage.recover('a')
    stage.settle()
    stage.advance(5)
    stage.settle()
    expect(a!.memory.answers).toEqual([])
    expect(stage.tuples('jobs')).toHaveLength(3)
  })
})

describe('what a member asks a space', () => {
  test('without a tuple for it, inp and rdp are answered with null', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const replies = [a!.ask('inp', 'jobs', JOB), a!.ask('rdp', 'jobs', JOB)]
    stage.settle()
    expect(a!.memory.answers).toEqual(replies.map((reply) => ({ reply, value: null })))
  })

  test('with rd and rdp stays where it is, and its answer is undone with the interval', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    put(stage, 1)
    const replies = [a!.ask('rd', 'jobs', JOB), a!.ask('rdp', 'jobs', JOB)]
    stage.settle()
    expect(a!.memory.answers).toEqual(replies.map((reply) => ({ reply, value: ['job', 1] })))
    stage.recover('a')
    stage.settle()
    expect(a!.memory.answers).toEqual([])
    expect(stage.tuples('jobs')).toEqual([['job', 1]])
  })

  test('in vain for longer than it wanted to wait is answered with the error', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const reply = a!.ask('in', 'jobs', JOB, { timeoutMs: 50 })
    stage.advance(50)
    stage.settle()
    expect(a!.memory.answers).toMatchObject([{ reply, error: { code: 'PERDURE_E_TIMEOUT' } }])
    put(stage, 1)
    expect(stage.tuples('jobs')).toHaveLength(1)
  })

  test('and the space refuses at once is refused at once, and no message follows', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    stage.ask('space.quota', 'jobs', { tuples: 1, bytes: 1_000, waiting: 0, holds: 1 })
    expect(a!.ask('in', 'jobs', JOB)).toBe('PERDURE_E_QUOTA')
    stage.settle()
    expect(a!.memory.answers).toEqual([])
    expect(stage.query('group', 'g')).toMatchObject({ members: [{ requests: 0, held: 0 }] })
  })

  test('under an interval in which it is not is refused', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    a!.index = 7
    expect(a!.ask('in', 'jobs', JOB)).toBe('PERDURE_E_USAGE')
  })

  test('too often without waiting for answers is refused', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    for (let i = 0; i < MAX_REQUESTS; i++) a!.ask('in', 'jobs', JOB)
    expect(a!.ask('in', 'jobs', JOB)).toBe('PERDURE_E_BUSY')
  })

  test('is forgotten when it leaves', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    a!.ask('in', 'jobs', JOB)
    a!.leave()
    stage.settle()
    expect(a!.over).toBe('left')
    put(stage, 1)
    expect(stage.tuples('jobs')).toEqual([['job', 1]])
  })

  test('is forgotten with its group: what can be undone goes back, what is stable does not', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    put(stage, 1, 2, 3)
    a!.ask('in', 'jobs', JOB)
    commit(stage, a!)
    a!.ask('in', 'jobs', JOB)
    b!.ask('in', 'jobs', JOB)
    b!.ask('in', 'jobs', JOB)
    expect(stage.tuples('jobs')).toEqual([])
    expect(stage.ask('checkpoint.delete', 'g')).toBe(true)
    expect(stage.tuples('jobs')).toEqual([
      ['job', 2],
      ['job', 3],
    ])
  })
})

describe('a call of a group', () => {
  test('is made when nothing can undo it any more, and answered by a message that is never undone', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    const reply = a!.call('push', 7)
    stage.settle()
    expect(stage.groups.calls).toEqual([])
    commit(stage, a!)
    expect(stage.groups.calls).toEqual([['stacks', 'main', 'push', [7], null]])
    stage.answerCall({ value: 1 })
    expect(mailOf(a!)[0]?.slice(1, 4)).toEqual([-1, '@stacks', 0])
    stage.settle()
    stage.recover('a')
    stage.settle()
    expect(a!.memory.answers).toEqual([{ reply, value: 1 }])
    expect(stage.groups.calls).toHaveLength(1)
  })

  test('of an interval that is undone is never made', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.call('push', 7)
    stage.recover('a')
    commit(stage, a!, b!)
    expect(stage.groups.calls).toEqual([])
  })

  test('that fails is answered with the error', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const reply = a!.call('push', 7)
    commit(stage, a!)
    stage.answerCall({ error: { name: 'RangeError', message: 'full' } })
    stage.settle()
    expect(a!.memory.answers).toEqual([{ reply, error: { name: 'RangeError', message: 'full' } }])
  })

  test('is answered even if the member was dead meanwhile', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    const reply = a!.call('push', 7)
    commit(stage, a!)
    stage.end(a!.session)
    stage.settle()
    stage.answerCall({ value: 1 })
    const again = stage.join('a')
    stage.settle()
    expect(again.memory.answers).toEqual([{ reply, value: 1 }])
  })

  test('several that are made and answered in one entry are told one after the other', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const replies = [1, 2, 3].map((number) => a!.call('now', number))
    commit(stage, a!)
    stage.advance(1)
    stage.advance(1)
    stage.settle()
    expect(a!.memory.answers).toEqual(replies.map((reply, i) => ({ reply, value: [i + 1] })))
  })
})

describe('the wire', () => {
  test.each([
    ['no array', 'in'],
    ['another verb', ['out', 'jobs', ['n'], null]],
    ['no name of a space', ['in', 'jobs/1', ['n'], null]],
    ['no template', ['in', 'jobs', 'n', null]],
    ['an inp that waits', ['inp', 'jobs', ['n'], { timeoutMs: 5 }]],
    ['a hold of its own', ['in', 'jobs', ['n'], { timeoutMs: 5, hold: { leaseMs: 1 } }]],
    ['no time', ['in', 'jobs', ['n'], { timeoutMs: -1 }]],
    ['a time without end', ['rd', 'jobs', ['n'], { timeoutMs: Number.NaN }]],
    ['too little', ['in', 'jobs', ['n']]],
    ['too much', ['in', 'jobs', ['n'], null, 1]],
  ])('a request with %s is refused', (_, request) => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const outcome = stage.issue(a!.session, 'checkpoint.request', [1, a!.place, 0, 0, 0, request])
    expect(outcome).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
    expect(stage.query('group', 'g')).toMatchObject({ members: [{ requests: 0 }] })
  })

  test('a request with a template that is none is refused by the space', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const outcome = stage.issue(a!.session, 'checkpoint.request', [1, a!.place, 0, 0, 0, ['in', 'jobs', ['?', 1], null]])
    expect(outcome).toMatchObject({ error: { code: 'PERDURE_E_PROTOCOL' } })
    expect(stage.query('group', 'g')).toMatchObject({ members: [{ requests: 0 }] })
  })

  test.each([
    ['no name of a group', ['call', 'a/b', 'k', 'm', []]],
    ['no arguments', ['call', 'g', 'k', 'm', 1]],
    ['no method', ['call', 'g', 'k', null, []]],
    ['no name of a space', ['out', '', ['job'], null]],
  ])('an output with %s is refused', (_, output) => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const outcome = stage.issue(a!.session, 'checkpoint.output', [1, a!.place, 0, 0, 0, output])
    expect(outcome).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
  })
})
