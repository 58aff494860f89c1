import { describe, expect, test } from 'vitest'
import { ASK_AGAIN_MS, OUTPUT_PATIENCE_MS } from '../../../../src/mechanisms/checkpoint/machine/lag.ts'
import { GroupStage } from './stage.ts'

const kinds = (notes: readonly (readonly unknown[])[]) => notes.map(([kind]) => kind)
const PLEASE = ['checkpoint.please']

describe('the lag policy', () => {
  test('asks whoever holds back the line of all, when work has had no checkpoint for too long', () => {
    const stage = new GroupStage('exact', { undoneMs: 5_000 })
    const [a, b, c] = stage.members('a', 'b', 'c')
    a!.send('b')
    stage.settle()
    b!.heard()
    b!.checkpoint()
    stage.advance(4_999)
    expect(a!.notes).toEqual([])
    stage.advance(1)
    expect([kinds(a!.notes), kinds(b!.notes), kinds(c!.notes)]).toEqual([PLEASE, [], []])
  })

  test('asks again only after a while, and not when it has been heard', () => {
    const stage = new GroupStage('exact', { undoneMs: 5_000 })
    const [a] = stage.members('a', 'b')
    a!.send('b')
    stage.advance(5_000)
    stage.advance(ASK_AGAIN_MS - 1)
    expect(a!.notes).toHaveLength(1)
    stage.advance(1)
    expect(a!.notes).toHaveLength(2)
    a!.readAll()
    stage.advance(10 * ASK_AGAIN_MS)
    expect(a!.notes).toEqual([])
  })

  test('asks when too many messages would be delivered again', () => {
    const stage = new GroupStage('exact', { undoneMessages: 10 })
    const [a, b] = stage.members('a', 'b')
    for (let count = 0; count < 11; count++) a!.send('b')
    b!.readAll()
    while (b!.deliver());
    expect([kinds(a!.notes), kinds(b!.notes)]).toEqual([[], []])
    b!.heard()
    expect([kinds(a!.notes), kinds(b!.notes)]).toEqual([PLEASE, PLEASE])
  })

  test('asks when the logs keep too many bytes', () => {
    const stage = new GroupStage('exact', { logBytes: 1_000 })
    const [a, b] = stage.members('a', 'b')
    a!.send('b', 2_000)
    b!.readAll()
    b!.deliver()
    expect(a!.notes).toEqual([])
    stage.advance(ASK_AGAIN_MS)
    b!.heard()
    expect([kinds(a!.notes), kinds(b!.notes)]).toEqual([PLEASE, PLEASE])
  })

  test('asks when an output has waited for the checkpoints of others', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    b!.send('a')
    stage.settle()
    const position = a!.output()
    a!.checkpoint()
    stage.advance(OUTPUT_PATIENCE_MS - 1)
    expect(b!.notes).toEqual([])
    stage.advance(1)
    expect(kinds(b!.notes)).toEqual(PLEASE)
    stage.settle()
    expect([...a!.released]).toEqual([position])
  })

  test('lets no deadline go on where nothing waits', () => {
    const stage = new GroupStage('exact', { undoneMs: 100 })
    const [a] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    for (let round = 0; round < 10; round++) {
      stage.advance(2_000)
      stage.settle()
    }
    const before = [...stage.machine.snapshot()]
    stage.advance(1_000_000)
    expect([...stage.machine.snapshot()]).toEqual(before)
    expect(JSON.stringify(before)).toContain('"lagAtMs":null')
  })
})
