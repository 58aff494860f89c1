import { describe, expect, test } from 'vitest'
import { OsProcess, Schedule } from '../../src/testing/schedule.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'

const LIMITS = { events: 1_000, virtualMs: 60_000 }

function schedule(seed: number): Schedule {
  return new Schedule(new SeededRandom(seed))
}

/** Runs until nothing is left, which the schedule reports as an error. */
async function runOut(of: Schedule): Promise<void> {
  await expect(
    of.run(
      () => false,
      LIMITS,
      () => 'Done.',
    ),
  ).rejects.toThrow('Nothing is left to happen. Done.')
}

describe('a schedule', () => {
  test('orders by time, and by the seed what is due at the same time', async () => {
    const orderOf = async (seed: number) => {
      const events = schedule(seed)
      const seen: string[] = []
      for (const name of ['a', 'b', 'c', 'd']) events.at(undefined, 5, () => seen.push(name))
      events.at(undefined, 1, () => seen.push('first'))
      await runOut(events)
      return seen.join('')
    }
    const orders = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const order = await orderOf(seed)
      expect(order).toMatch(/^first/)
      expect(await orderOf(seed)).toBe(order)
      orders.add(order)
    }
    expect(orders.size).toBeGreaterThan(5)
  })

  test('drains all microtasks between two events', async () => {
    const events = schedule(1)
    const seen: string[] = []
    for (let n = 1; n <= 3; n++) {
      events.at(undefined, n, () => {
        queueMicrotask(() => queueMicrotask(() => seen.push(`after ${n}`)))
        seen.push(`event ${n}`)
      })
    }
    await runOut(events)
    expect(seen).toEqual(['event 1', 'after 1', 'event 2', 'after 2', 'event 3', 'after 3'])
  })

  test('gives up after so many events, and says where things stand', async () => {
    const events = schedule(1)
    const again = () => void events.at(undefined, 1, again)
    again()
    await expect(
      events.run(
        () => false,
        { events: 10, virtualMs: 1e6 },
        () => 'Turning.',
      ),
    ).rejects.toThrow('After 10 events no end is in sight. Turning.')
  })
})

describe('a process of the simulation', () => {
  test('takes its turns in the order in which it asked for them', async () => {
    const events = schedule(3)
    const seen: number[] = []
    const process = new OsProcess(events, 'p')
    for (let n = 0; n < 10; n++) process.clock.hop(() => seen.push(n))
    await runOut(events)
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('does nothing after its end', async () => {
    const events = schedule(1)
    const seen: string[] = []
    const process = new OsProcess(events, 'p')
    process.atEnd(() => seen.push('end'))
    process.clock.after(10, () => seen.push('late'))
    process.clock.after(1, () => process.end())
    process.clock.hop(() => seen.push('turn'))
    await runOut(events)
    process.clock.hop(() => seen.push('dead'))
    await runOut(events)
    expect(seen).toEqual(['turn', 'end'])
  })

  test('that is held does everything afterwards, in order', async () => {
    const events = schedule(1)
    const seen: string[] = []
    const process = new OsProcess(events, 'p')
    for (const ms of [1, 2, 3]) process.clock.after(ms, () => seen.push(`${ms} at ${events.nowMs}`))
    events.at(undefined, 2, () => seen.push(`other at ${events.nowMs}`))
    process.hold(100)
    await runOut(events)
    expect(seen).toEqual(['other at 2', '1 at 100', '2 at 100', '3 at 100'])
  })
})
