/**
 * Long work in slices, so that the event loop has its turn in between.
 *
 * Boundary: asks the clock and waits; what the work is, is the caller's business.
 */
import type { Clock } from '../clock.ts'

/** A slice this long disturbs nobody: a turn of the loop is to be far below 50 ms. */
const SLICE_MS = 8

/** Under a virtual clock, which stands still while something works, the work is cut by its steps. */
const SLICE_STEPS = 64

export class Pace {
  readonly #clock: Clock
  #sliceEndsMs: number
  readonly #signal: AbortSignal | undefined
  #steps = 0

  /** With a signal, the work ends at the next step once it aborts, with its reason. */
  constructor(clock: Clock, signal?: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    this.#sliceEndsMs = clock.monotonicMs() + SLICE_MS
  }

  /** To be awaited after every step of a few milliseconds at most, unless it is undefined. */
  step(): Promise<void> | undefined {
    this.#steps += 1
    this.#signal?.throwIfAborted()
    if (this.#clock.monotonicMs() >= this.#sliceEndsMs) return this.#rest((resume) => this.#clock.after(0, resume))
    if (this.#steps % SLICE_STEPS === 0) return this.#rest((resume) => this.#clock.hop(resume))
    return undefined
  }

  async #rest(wait: (resume: () => void) => void): Promise<void> {
    await new Promise<void>(wait)
    this.#sliceEndsMs = this.#clock.monotonicMs() + SLICE_MS
  }
}
