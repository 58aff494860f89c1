import { describe, expect, test } from 'vitest'
import { replaySet } from '../../../../src/mechanisms/checkpoint/line.ts'
import type { TracePage } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { GroupStage } from './stage.ts'

const traceOf = (stage: GroupStage) => stage.query('trace', 'g') as TracePage

describe('the trace of a group', () => {
  test("has each object's own events in order, with positions as ids, and marks what is replayed", () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    const msg = String(a!.send('b'))
    stage.settle()
    b!.heard()
    stage.recover('b')
    stage.settle()
    b!.heard()
    b!.checkpoint()
    expect(traceOf(stage)).toEqual({
      objects: ['a', 'b'],
      events: [
        { object: 'a', kind: 'send', msg, to: 'b' },
        { object: 'b', kind: 'receive', msg, from: 'a' },
        { object: 'b', kind: 'rollback', to: 0 },
        { object: 'b', kind: 'receive', msg, from: 'a', replay: true },
        { object: 'b', kind: 'checkpoint', index: 1, forced: false },
      ],
      next: null,
    })
  })

  test('reaches back to the line of all', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    b!.checkpoint()
    a!.checkpoint()
    b!.checkpoint()
    a!.checkpoint()
    b!.checkpoint()
    expect(traceOf(stage).events).toEqual([
      { object: 'a', kind: 'checkpoint', index: 2, forced: false },
      { object: 'b', kind: 'checkpoint', index: 3, forced: false },
    ])
  })

  test('leaves out deliveries whose sending was undone before its beginning: they would look like messages from outside', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    b!.heard()
    stage.recover('a')
    stage.settle()
    for (let round = 0; round < 4; round++) a!.checkpoint()
    expect(traceOf(stage).events.map(({ object, kind }) => `${object} ${kind}`)).toEqual(['a checkpoint', 'b rollback'])
    expect(replaySet(traceOf(stage), { a: 4, b: 0 })).toEqual([])
  })

  test('comes in pages to whoever asks for one', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a', 'b')
    for (let count = 0; count < 5_000; count++) a!.send('b')
    const first = stage.query('trace', 'g', 0) as TracePage
    const second = stage.query('trace', 'g', first.next) as TracePage
    expect([...first.events, ...second.events]).toEqual(traceOf(stage).events)
    expect(second.next).toBe(null)
  })

  test('of a group that there is not is null', () => {
    expect(new GroupStage().query('trace', 'h')).toBe(null)
  })
})
