/** Koo and Toueg 1987, the checkpoint algorithm, with the members of one group. */
import { describe, expect, test } from 'vitest'
import type { ListedCheckpointGroup } from '../../../../src/mechanisms/checkpoint/machine/queries.ts'
import { GroupStage } from './stage.ts'

const kinds = (notes: readonly (readonly unknown[])[]) => notes.map(([kind]) => kind)
const indices = (stage: GroupStage) =>
  Object.fromEntries((stage.query('group', 'g') as ListedCheckpointGroup).members.map(({ name, index }) => [name, index]))

describe('a coordinated checkpoint', () => {
  test('of a member that was given nothing is permanent at once', () => {
    const stage = new GroupStage('koo-toueg')
    const [a] = stage.members('a', 'b')
    a!.send('b')
    expect(a!.checkpoint()).toBe(true)
    expect(indices(stage)).toEqual({ a: 1, b: 0 })
  })

  test('asks those whose messages were delivered since the last permanent one, and theirs, and nobody else', () => {
    const stage = new GroupStage('koo-toueg')
    const [a, b, c, d] = stage.members('a', 'b', 'c', 'd')
    a!.send('b')
    stage.settle()
    b!.send('c')
    c!.send('d')
    stage.settle()
    c!.checkpoint()
    expect([a, b, c, d].map((member) => kinds(member!.notes))).toEqual([[], ['checkpoint.tentative'], [], []])
    b!.read()
    expect(kinds(a!.notes)).toEqual(['checkpoint.tentative'])
    expect(indices(stage)).toEqual({ a: 0, b: 0, c: 0, d: 0 })
    a!.read()
    expect(indices(stage)).toEqual({ a: 1, b: 1, c: 1, d: 0 })
  })

  test('does not ask a sender that has a permanent checkpoint after the message', () => {
    const stage = new GroupStage('koo-toueg')
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    a!.checkpoint()
    expect(b!.checkpoint()).toBe(true)
    expect(a!.notes).toEqual([])
  })

  test('lets a member neither send nor deliver between its tentative checkpoint and the decision', () => {
    const stage = new GroupStage('koo-toueg')
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    b!.checkpoint()
    expect(b!.send('a')).toBe('PERDURE_E_USAGE')
    a!.readAll()
    expect(typeof b!.send('a')).toBe('number')
  })

  test('is undone by a failure of somebody who takes part', () => {
    const stage = new GroupStage('koo-toueg')
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    stage.settle()
    let answer: unknown
    const state = { kind: 'inline', bytes: new Uint8Array(1) }
    const args = [1, b!.place, 0, 1, b!.delivered, 'basic', state, null]
    stage.issue(b!.session, 'checkpoint.save', args, (outcome) => {
      answer = outcome
    })
    stage.end(a!.session)
    expect(answer).toEqual({ value: false })
    stage.settle()
    expect(indices(stage)).toEqual({ a: 0, b: 0 })
  })

  test('waits while another is under way, and is part of it where it is drawn in', () => {
    const stage = new GroupStage('koo-toueg')
    const [a, b, c] = stage.members('a', 'b', 'c')
    a!.send('b')
    b!.send('c')
    stage.settle()
    b!.checkpoint()
    c!.checkpoint()
    expect([b!.state, c!.state]).toEqual(['tentative', 'tentative'])
    a!.readAll()
    expect([b!.state, c!.state]).toEqual(['working', 'working'])
    expect(indices(stage)).toEqual({ a: 1, b: 1, c: 1 })
  })
})

describe('a marker of the protocol cut', () => {
  test('makes every member save before its first message after it, and the others when they see it', () => {
    const stage = new GroupStage('cut')
    const [a, b, c] = stage.members('a', 'b', 'c')
    const before = a!.send('b')
    a!.checkpoint()
    const after = a!.send('b')
    stage.settle()
    expect(b!.memory.received).toEqual([before, after])
    expect(indices(stage)).toEqual({ a: 1, b: 1, c: 1 })
    stage.end(b!.session)
    stage.settle()
    const again = stage.join('b')
    expect(again.memory.received).toEqual([before])
    expect(c!.index).toBe(1)
  })

  test('is told again to a member that goes back behind it', () => {
    const stage = new GroupStage('cut')
    const [a, b] = stage.members('a', 'b')
    a!.send('b')
    b!.readAll()
    a!.checkpoint()
    stage.end(b!.session)
    stage.settle()
    const again = stage.join('b')
    expect(kinds(again.notes)).toContain('checkpoint.marker')
    stage.settle()
    expect(indices(stage)).toEqual({ a: 1, b: 1 })
  })
})
