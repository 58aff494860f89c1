/**
 * A clock whose time passes only when the test says so, and whose turns are real macrotasks.
 *
 * `settle` is the usual way to wait: it lets everything happen that needs no time, and when nothing is left lets time pass to
 * the next timer, until the promise is settled. So a test neither sleeps nor guesses.
 */
import type { Clock, Timer } from '../../src/clock.ts'

/** Macrotasks without a hop after which nothing more will happen by itself. */
const QUIET_TURNS = 4

/** Timers fired for one promise; more means that it waits for something else. */
const MAX_TIMERS = 10_000

interface Waiting {
  readonly dueMs: number
  readonly fire: () => void
}

export class VirtualClock implements Clock {
  /** Offset of the wall from the monotonic time; a test may let it jump. */
  wallOffsetMs: number
  #nowMs = 0
  #hops = 0
  #ids = 0
  #timers: Waiting[] = []
  readonly #name: string

  constructor(wallMs = 1_000_000, name = 'clock') {
    this.wallOffsetMs = wallMs
    this.#name = name
  }

  wallMs(): number {
    return this.wallOffsetMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  hop(turn: () => void): void {
    this.#hops += 1
    setImmediate(() => {
      this.#hops -= 1
      turn()
    })
  }

  after(delayMs: number, fire: () => void): Timer {
    const waiting = { dueMs: this.#nowMs + delayMs, fire }
    const place = this.#timers.findIndex(({ dueMs }) => dueMs > waiting.dueMs)
    this.#timers.splice(place < 0 ? this.#timers.length : place, 0, waiting)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== waiting)
      },
    }
  }

  background(delayMs: number, fire: () => void): Timer {
    return this.after(delayMs, fire)
  }

  randomId(): string {
    this.#ids += 1
    return Buffer.from(`${this.#name}:${this.#ids}`).toString('hex').padEnd(32, '0').slice(-32)
  }

  get timers(): number {
    return this.#timers.length
  }

  /** Lets everything happen that needs no time. */
  async idle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = this.#hops > 0 ? 0 : quiet + 1) await macrotask()
  }

  /** Lets time pass, and everything happen that falls due meanwhile, in order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await this.idle()
    for (let next = this.#timers[0]; next !== undefined && next.dueMs <= endMs; next = this.#timers[0]) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      this.#timers.shift()
      next.fire()
      await this.idle()
    }
    this.#nowMs = endMs
  }

  /** The promise's result; time passes as far as needed. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    for (let fired = 0; fired < MAX_TIMERS; fired++) {
      await this.idle()
      if (settled) return promise
      const next = this.#timers.shift()
      if (next === undefined) throw new Error('nothing is left to happen, and the promise is not settled')
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.fire()
    }
    throw new Error(`${MAX_TIMERS} timers have fired, and the promise is not settled`)
  }

  /** Waits, without time passing, until the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < MAX_TIMERS; turn++) {
      if (condition()) return
      await macrotask()
    }
    throw new Error('the condition does not come true')
  }
}

export function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
