/** Turns of the system's clock: what else is in this file of the shell is the system's own. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../src/clock.ts'

/** Many bursts of ticks, so that some of the turns are immediates and the queue is cut on the way. */
const TURNS = 3_000

describe('a turn', () => {
  test('asked for inside a turn comes after all microtasks of that one', async () => {
    const seen: string[] = []
    await new Promise<void>((done) => {
      const turn = (n: number) => {
        if (n === TURNS) return done()
        systemClock.hop(() => turn(n + 1))
        seen.push(`turn ${n}`)
        queueMicrotask(() => queueMicrotask(() => seen.push(`settled ${n}`)))
      }
      systemClock.hop(() => turn(0))
    })
    expect(seen).toEqual(Array.from({ length: TURNS }, (_, n) => [`turn ${n}`, `settled ${n}`]).flat())
  })

  test('comes in the order of the calls, with the microtasks of the one before it done', async () => {
    const seen: string[] = []
    await new Promise<void>((done) => {
      for (let n = 0; n < TURNS; n++) {
        systemClock.hop(() => {
          seen.push(`turn ${n}`)
          queueMicrotask(() => seen.push(`settled ${n}`))
        })
      }
      systemClock.hop(done)
    })
    expect(seen).toEqual(Array.from({ length: TURNS }, (_, n) => [`turn ${n}`, `settled ${n}`]).flat())
  })
})
