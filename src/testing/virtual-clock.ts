/**
 * A clock that stands still until it is told to go on.
 *
 *     const clock = virtualClock()
 *     const waiting = clock.sleep(60_000)
 *     await clock.advance(60_000)      // everything that falls due on the way has happened
 *     await waiting
 *
 * Boundary: time and timers are virtual; turns and microtasks are those of the real event loop, in which the code under test
 * runs. The simulator has a clock of its own for every process (`schedule.ts`).
 */
import TinyQueue from 'tinyqueue'
import { type Clock, systemClock, type Timer } from '../clock.ts'
import { SeededRandom } from './seeded-random.ts'

export interface VirtualClock extends Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Resolves once the clock has been advanced by so much. */
  sleep(ms: number): Promise<void>
  /** Goes on by so many milliseconds: timers fire in the order in which they fall due, and what follows from one comes before the next. */
  advance(ms: number): Promise<void>
}

export interface VirtualClockOptions {
  /** Milliseconds since 1970 at which it starts. */
  readonly startMs?: number
  /** Of `randomId`. */
  readonly seed?: number
}

/** Some day: programs must not depend on which. */
export const SOME_DAY_MS: number = Date.UTC(2026, 0, 1)

/** Turns given to what a timer has set off, before the next one: chains of promises across several objects need a few. */
const TURNS_BETWEEN = 16

interface Alarm {
  readonly atMs: number
  readonly order: number
  fire: (() => void) | undefined
}

export function virtualClock({ startMs = SOME_DAY_MS, seed = 1 }: VirtualClockOptions = {}): VirtualClock {
  const random = new SeededRandom(seed)
  const alarms = new TinyQueue<Alarm>([], (a, b) => a.atMs - b.atMs || a.order - b.order)
  let passedMs = 0
  let order = 0
  const after = (delayMs: number, fire: () => void): Timer => {
    order += 1
    const alarm: Alarm = { atMs: passedMs + Math.max(0, delayMs), order, fire }
    alarms.push(alarm)
    return {
      cancel: () => {
        alarm.fire = undefined
      },
    }
  }
  return {
    now: () => startMs + passedMs,
    wallMs: () => startMs + passedMs,
    monotonicMs: () => passedMs,
    hop: (turn) => systemClock.hop(turn),
    after,
    background: after,
    randomId: () => random.hex(32),
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
    async advance(ms) {
      const endMs = passedMs + ms
      await settle()
      for (let next = alarms.peek(); next !== undefined && next.atMs <= endMs; next = alarms.peek()) {
        alarms.pop()
        passedMs = Math.max(passedMs, next.atMs)
        if (next.fire === undefined) continue
        next.fire()
        await settle()
      }
      passedMs = endMs
    },
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_BETWEEN; turn++) await new Promise<void>((resolve) => systemClock.hop(resolve))
}
