import { virtualClock } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

describe('a virtual clock', () => {
  test('stands still until it is advanced', async () => {
    const clock = virtualClock({ startMs: 1_000 })
    let woken = false
    clock.sleep(50).then(
      () => {
        woken = true
      },
      () => undefined,
    )
    await clock.advance(49)
    expect([clock.now(), clock.monotonicMs(), woken]).toEqual([1_049, 49, false])
    await clock.advance(1)
    expect([clock.now(), clock.monotonicMs(), woken]).toEqual([1_050, 50, true])
  })

  test('fires timers in the order in which they fall due, each at its own time', async () => {
    const clock = virtualClock({ startMs: 0 })
    const fired: string[] = []
    const note = (name: string) => () => void fired.push(`${name} at ${clock.now()}`)
    clock.after(30, note('third'))
    clock.after(10, note('first'))
    clock.after(10, note('second'))
    clock.after(20, note('never')).cancel()
    await clock.advance(100)
    expect(fired).toEqual(['first at 10', 'second at 10', 'third at 30'])
    expect(clock.now()).toBe(100)
  })

  test('lets what a timer has set off happen before the next one', async () => {
    const clock = virtualClock()
    const seen: string[] = []
    const loop = async () => {
      for (const name of ['a', 'b', 'c']) {
        await clock.sleep(10)
        await new Promise<void>((resolve) => clock.hop(resolve))
        seen.push(name)
      }
    }
    const looping = loop()
    clock.after(25, () => seen.push('25 ms'))
    await clock.advance(30)
    await looping
    expect(seen).toEqual(['a', 'b', '25 ms', 'c'])
  })

  test('gives the same ids for the same seed, and others for another', () => {
    const ids = (seed: number) => {
      const clock = virtualClock({ seed })
      return [clock.randomId(), clock.randomId()]
    }
    expect(ids(7)).toEqual(ids(7))
    expect(new Set([...ids(7), ...ids(8)]).size).toBe(4)
    expect(ids(7)[0]).toMatch(/^[0-9a-f]{32}$/)
  })
})
