/** How far a program may run ahead of the disk, counted in operations, and that people see nothing of it. */
import { expect, test } from 'vitest'
import { LocalConnection } from '../../src/log/connection.ts'
import { RUN_AHEAD_OPERATIONS } from '../../src/log/gateway.ts'
import type { HistoryPage } from '../../src/log/history.ts'
import { spaceOver } from '../../src/mechanisms/space/space.ts'
import { Stage } from '../mechanisms/process/stage.ts'

test('however small operations are, at most 65,536 of them are not durable; the rest waits and is done later', async () => {
  const stage = await Stage.open({ durability: 'by hand' })
  const durable = stage.gateway.durablePosition
  const outs: Promise<unknown>[] = []
  for (let client = 0; client < 6; client++) {
    const box = spaceOver(new LocalConnection(stage.gateway, `c${client}`).client, 'box')
    for (let n = 0; n < 12_000; n++) outs.push(box.out([n]))
  }
  const ahead = stage.gateway.replica.position - durable
  expect(ahead).toBeGreaterThanOrEqual(RUN_AHEAD_OPERATIONS)
  expect(ahead).toBeLessThanOrEqual(RUN_AHEAD_OPERATIONS + 1)
  stage.log.durability = 'at once'
  stage.log.sync()
  await stage.settle(Promise.all(outs))
  const box = spaceOver(new LocalConnection(stage.gateway, 'last').client, 'box')
  expect(await stage.settle(box.count([Number]))).toBe(72_000)
})

test('the log as people read it ends where it is durable', async () => {
  const stage = await Stage.open()
  const box = spaceOver(new LocalConnection(stage.gateway, 'c').client, 'box')
  await stage.settle(box.out(['durable']))
  stage.log.durability = 'by hand'
  const later = box.out(['not yet'])
  await stage.clock.idle()
  const outs = async () => {
    const { entries } = (await stage.gateway.query('log', 'last', [100])) as HistoryPage
    return entries.filter(({ operation }) => operation === 'space.out').map(({ preview }) => preview)
  }
  expect(stage.log.lastIndex).toBeGreaterThan(stage.log.durableIndex)
  expect(await outs()).toEqual(['["box", ["durable"]]'])
  stage.log.sync()
  await stage.settle(later)
  expect(await outs()).toEqual(['["box", ["durable"]]', '["box", ["not yet"]]'])
})
