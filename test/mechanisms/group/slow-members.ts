/** Members and callers whose time is the virtual clock's. */
import type { VirtualClock } from 'perdure/testing'

/** Answers after so many milliseconds, with what it has been told to answer. */
export class Slow {
  readonly asked: number[] = []
  readonly #clock: VirtualClock
  readonly #ms: number
  readonly #answer: (n: number) => number

  constructor(clock: VirtualClock, ms: number, answer: (n: number) => number = (n) => n) {
    this.#clock = clock
    this.#ms = ms
    this.#answer = answer
  }

  async ask(n: number): Promise<number> {
    this.asked.push(n)
    await this.#clock.sleep(this.#ms)
    return this.#answer(n)
  }
}

/** What a promise has come to by now. */
export function watched<T>(promise: Promise<T>): { state: 'pending' | 'resolved' | 'rejected'; value?: unknown } {
  const seen: { state: 'pending' | 'resolved' | 'rejected'; value?: unknown } = { state: 'pending' }
  promise.then(
    (value) => Object.assign(seen, { state: 'resolved', value }),
    (value: unknown) => Object.assign(seen, { state: 'rejected', value }),
  )
  return seen
}

export const wrong = (n: number) => n + 1
