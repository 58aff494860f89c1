/** Faults of checkpoint groups: on the log, and on the channel of whoever holds the group. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FAULT_CHANNEL, type Fault } from '../../../../src/fault.ts'
import type { FaultPage } from '../../../../src/support/faults.ts'
import { eventually, Scene } from './scene.ts'

const heard: Fault[] = []
const hear = (fault: unknown) => void heard.push(fault as Fault)

beforeEach(() => subscribe(FAULT_CHANNEL, hear))
afterEach(() => {
  unsubscribe(FAULT_CHANNEL, hear)
  heard.length = 0
})

const shown = ({ detector, entity, code }: Fault) => `${detector} ${entity.kind} ${entity.name} ${code}`

test('a rollback is on the log and on the channel once, with the line', async () => {
  await using scene = await Scene.open()
  await scene.join('a', 'b', 'c')
  await scene.group.send('b', { text: 'one', tell: [['a', { text: 'of one' }]] })
  await scene.knows({ a: ['of one'] })
  await scene.group.recover(['b'])
  await eventually(() => heard.map(shown)).toContain('checkpointGroup group bank rolled-back')
  expect(heard).toHaveLength(1)
  expect(heard[0]?.data).toEqual({ epoch: 1, line: { a: 0, b: 0, c: 'current' } })
  const { faults } = (await scene.site.link.main.query('fault', 'recent', [])) as FaultPage
  expect(faults.map(shown)).toEqual(heard.map(shown))
})

test('an object that breaks is told of with its member and the reason, before the rollback', async () => {
  await using scene = await Scene.open()
  let breaks = 1
  await scene.group.join('a', () => ({
    save: () => null,
    restore: () => undefined,
    receive: () => {
      breaks -= 1
      if (breaks >= 0) throw new Error('no more')
    },
  }))
  await scene.group.send('a', 1)
  await eventually(() => heard.map(shown)).toEqual([
    'checkpointGroup member bank/a member-failed',
    'checkpointGroup group bank rolled-back',
  ])
  expect(heard[0]?.data).toMatchObject({ reason: expect.stringContaining('no more'), count: 1 })
})
