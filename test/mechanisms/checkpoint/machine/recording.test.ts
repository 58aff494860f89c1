/** Chandy and Lamport 1985, with one marker in the order of all messages. */
import { describe, expect, test } from 'vitest'
import { decode } from '../../../../src/log/codec/codec.ts'
import { type Snapshot, WINDOW } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import { MAX_SNAPSHOT_BYTES } from '../../../../src/mechanisms/checkpoint/machine/recording.ts'
import { GroupStage } from './stage.ts'

const kinds = (notes: readonly (readonly unknown[])[]) => notes.map(([kind]) => kind)

describe('a snapshot', () => {
  test('has the states after all messages up to the marker, and as channels what was sent after it before the sender recorded', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    const before = a!.send('b')
    const answer = stage.begin('checkpoint.snapshot', 'g')
    const onItsWay = a!.send('b', 3)
    while (a!.read() || a!.deliver());
    const later = a!.send('b', 4)
    expect(answer.value).toBeUndefined()
    stage.settle()
    const { position, states, channels } = answer.value as Snapshot
    expect(position).toBe(Number(before) + 1)
    expect(decode(states.a!)).toMatchObject({ sent: [before, onItsWay] })
    expect(decode(states.b!)).toMatchObject({ received: [before] })
    expect(channels).toEqual([{ from: 'a', to: 'b', messages: [new Uint8Array(3)] }])
    expect(b!.memory.received).toEqual([before, onItsWay, later])
  })

  test('asks a member only after all messages up to the marker have been noted', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    for (let count = 0; count < WINDOW + 10; count++) a!.send('b')
    stage.begin('checkpoint.snapshot', 'g')
    expect(kinds(a!.notes)).toEqual(['checkpoint.record'])
    expect(kinds(b!.notes)).not.toContain('checkpoint.record')
    b!.readAll()
    for (let count = 0; count < WINDOW; count++) b!.deliver()
    b!.heard()
    expect(kinds(b!.notes)).toEqual(['checkpoint.mail', 'checkpoint.record'])
  })

  test('begins anew after a recovery', () => {
    const stage = new GroupStage()
    const [, b] = stage.members('a', 'b')
    const answer = stage.begin('checkpoint.snapshot', 'g')
    b!.read()
    b!.deliver()
    stage.recover('a')
    stage.settle()
    expect(answer.value).toMatchObject({ states: { a: expect.any(Uint8Array), b: expect.any(Uint8Array) }, channels: [] })
    expect((answer.value as Snapshot).position).toBeGreaterThan(5)
  })

  test('waits for nobody who has left, or has no proxy', () => {
    const stage = new GroupStage()
    const [a, b] = stage.members('a', 'b')
    stage.end(b!.session)
    stage.settle()
    const answer = stage.begin('checkpoint.snapshot', 'g')
    stage.issue(a!.session, 'checkpoint.leave', [1, a!.place, 1])
    expect(answer.value).toMatchObject({ states: {}, channels: [] })
  })

  test('that is larger than an answer may be is refused', () => {
    const stage = new GroupStage()
    const [a] = stage.members('a')
    const answer = stage.begin('checkpoint.snapshot', 'g')
    const marker = stage.driver.position
    stage.issue(a!.session, 'checkpoint.recorded', [1, a!.place, 0, marker, new Uint8Array(MAX_SNAPSHOT_BYTES + 1)])
    expect(answer.value).toBe('PERDURE_E_VALUE')
  })
})
