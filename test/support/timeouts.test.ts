import fc from 'fast-check'
import { virtualClock } from 'perdure/testing'
import { expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { Timeouts } from '../../src/support/timeouts.ts'

test('each fires once, not early and at most a tick late, in the order of ticks, unless it is withdrawn', async () => {
  const setting = fc.array(
    fc.record({ delayMs: fc.integer({ min: 0, max: 5_000 }), withdrawnMs: fc.option(fc.integer({ min: 0, max: 5_000 })) }),
    {
      maxLength: 30,
    },
  )
  await fc.assert(
    fc.asyncProperty(setting, async (wanted) => {
      const clock = virtualClock()
      const startMs = clock.monotonicMs()
      const timeouts = new Timeouts(clock)
      const fired = new Map<number, number>()
      for (const [n, { delayMs, withdrawnMs }] of wanted.entries()) {
        const timeout = timeouts.after(delayMs, () => {
          expect(fired.has(n)).toBe(false)
          fired.set(n, clock.monotonicMs() - startMs)
        })
        if (withdrawnMs !== null) clock.after(withdrawnMs, () => timeout.cancel())
      }
      await clock.advance(6_000)
      for (const [n, { delayMs, withdrawnMs }] of wanted.entries()) {
        const atMs = fired.get(n)
        if (atMs !== undefined) {
          expect(atMs).toBeGreaterThanOrEqual(delayMs)
          expect(atMs).toBeLessThanOrEqual(delayMs + 10)
          if (withdrawnMs !== null) expect(atMs).toBeLessThanOrEqual(withdrawnMs)
        } else expect(withdrawnMs).not.toBeNull()
        if (withdrawnMs !== null && withdrawnMs < delayMs) expect(atMs).toBeUndefined()
      }
    }),
    { numRuns: 100 },
  )
})

test('one timer of the clock serves many, and without time-outs there is none after a second', async () => {
  const clock = virtualClock()
  let live = 0
  let most = 0
  const counting: Clock = {
    ...clock,
    background(delayMs, fire) {
      live += 1
      most = Math.max(most, live)
      return clock.background(delayMs, () => {
        live -= 1
        fire()
      })
    },
  }
  const timeouts = new Timeouts(counting)
  const all = Array.from({ length: 1_000 }, (_, n) => timeouts.after(60_000 - n, () => undefined))
  for (const timeout of all) timeout.cancel()
  expect(live).toBeGreaterThan(0)
  await clock.advance(1_000)
  expect(live).toBe(0)
  // One for each time a nearer end came: those that were set for later find out when they fire.
  expect(most).toBeLessThan(110)
})

test('a time-out keeps the process alive while somebody waits for it, and never in the background', () => {
  const held = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = held()
  const timeouts = new Timeouts(systemClock)
  const background = timeouts.background(60_000, () => undefined)
  expect(held()).toBe(before)
  const [one, other] = [timeouts.after(60_000, () => undefined), timeouts.after(30_000, () => undefined)]
  expect(held()).toBe(before + 1)
  one.cancel()
  one.cancel()
  expect(held()).toBe(before + 1)
  other.cancel()
  expect(held()).toBe(before)
  background.cancel()
})

test('one that is set while others fire, for now, fires with the next tick', async () => {
  const clock = virtualClock()
  const timeouts = new Timeouts(clock)
  const fired: string[] = []
  timeouts.after(5, () => {
    fired.push('first')
    timeouts.after(0, () => fired.push('second'))
  })
  await clock.advance(50)
  expect(fired).toEqual(['first', 'second'])
})
