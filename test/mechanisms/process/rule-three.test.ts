/**
 * Rule 3 under fire: a program may run ahead of the disk, the outside world may not.
 *
 * A run is given a tuple by a reply that is not durable yet. Then the owner is killed before the sync, the log is reopened without
 * that reply, and another client takes the same tuple. Whatever the run has done outside by then belongs to a future that never was.
 */
import { resilient, start } from 'perdure'
import { space } from 'perdure/space'
import { afterEach, describe, expect, test } from 'vitest'
import { LocalConnection } from '../../../src/log/connection.ts'
import { RemoteConnection } from '../../../src/log/wire/remote.ts'
import { cut } from '../../log/array-log.ts'
import { type NodeOptions, Stage } from './stage.ts'

interface Sale {
  readonly seat: number
  readonly to: string
}

interface Story {
  /** Who was told outside that a seat is theirs. */
  readonly sales: readonly Sale[]
  /** Whether the body had the tuple in its hand when the owner was killed. */
  readonly hadSeat: boolean
  readonly lostRecords: number
  /** What the other client took after the reopening. */
  readonly taken: unknown
}

async function sellTwice(over: NodeOptions['over']): Promise<Story> {
  const sales: Sale[] = []
  let hadSeat = false
  const seller = resilient('seller', async (p) => {
    const [, seat] = await p.space('hall').in(['seat', Number])
    hadSeat = true
    await p.step('sell', () => void sales.push({ seat, to: 'the run' }))
  })
  const before = await Stage.open()
  await before.node('a', [seller], { over: over ?? 'memory' })
  await before.settle((await space(before.site, 'hall')).out(['seat', 1]))
  await before.clock.idle()
  before.log.durability = 'by hand'
  start(before.site, seller, 'k', []).catch(() => undefined)
  // The start becomes durable, and nothing after it.
  await before.clock.idle()
  const kept = before.log.durableIndex
  const lostRecords = before.log.lastIndex - kept
  const hadSeatThen = hadSeat
  before.abandon()

  const after = await Stage.open({ shelf: cut(before.shelf, kept), clock: before.clock })
  const taken = await after.settle((await space(after.site, 'hall')).inp(['seat', Number]))
  if (taken !== null) sales.push({ seat: 1, to: 'the other client' })
  await after.node('a', [seller])
  await after.clock.idle()
  return { sales, hadSeat: hadSeatThen, lostRecords, taken }
}

const mend: (() => void)[] = []
afterEach(() => {
  for (const each of mend.splice(0)) each()
})

/** The host believes that everything it is told is durable. */
function plantHaste(connection: object): void {
  const original = Object.getOwnPropertyDescriptor(connection, 'durablePosition') as PropertyDescriptor
  Object.defineProperty(connection, 'durablePosition', { configurable: true, get: () => Number.MAX_SAFE_INTEGER })
  mend.push(() => Object.defineProperty(connection, 'durablePosition', original))
}

describe('an owner killed between an optimistic reply and the sync', () => {
  for (const over of ['memory', 'a pipe'] as const) {
    test(`leaves no effect of the undone future when another client takes the same tuple: host over ${over}`, async () => {
      const { sales, hadSeat, lostRecords, taken } = await sellTwice(over)
      expect(hadSeat).toBe(true)
      expect(lostRecords).toBeGreaterThan(0)
      expect(taken).toEqual(['seat', 1])
      expect(sales).toEqual([{ seat: 1, to: 'the other client' }])
    })

    test(`would have sold the seat twice if steps did not wait for durability: host over ${over}`, async () => {
      plantHaste(over === 'memory' ? LocalConnection.prototype : RemoteConnection.prototype)
      const { sales, taken } = await sellTwice(over)
      expect(taken).toEqual(['seat', 1])
      expect(sales).toEqual([
        { seat: 1, to: 'the run' },
        { seat: 1, to: 'the other client' },
      ])
    })
  }
})
