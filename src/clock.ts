/**
 * Time, timers, randomness and turns of the event loop behind one interface.
 *
 * Everything in perdure that would ask the machine "what time is it", "wake me later" or "give me something random" asks a
 * `Clock` instead, so that the same code runs under the system's clock in production and under a virtual one in the simulator.
 *
 * Boundary: `systemClock` below is the only place outside the shell that touches timers, the system's time or its randomness.
 */

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970, as people see them; may jump. */
  wallMs(): number
  /** Milliseconds since some start; never goes back. */
  monotonicMs(): number
  /** Runs `turn` once all microtasks queued so far, and those they queue, have run. Turns run in the order of the calls. */
  hop(turn: () => void): void
  /** Runs `fire` after `delayMs`; until then the timer keeps the process alive. */
  after(delayMs: number, fire: () => void): Timer
  /** 32 hexadecimal digits that nobody else has. */
  randomId(): string
}

/** `process.nextTick` runs after the microtasks and is twice as fast as `setImmediate`, but starves input and output. */
const HOPS_BEFORE_IO = 64

/** Above this many milliseconds `setTimeout` fires at once instead of waiting; longer waits are taken in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

class SystemClock implements Clock {
  #hopsSinceIo = 0

  wallMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  hop(turn: () => void): void {
    this.#hopsSinceIo += 1
    if (this.#hopsSinceIo < HOPS_BEFORE_IO) {
      process.nextTick(turn)
      return
    }
    this.#hopsSinceIo = 0
    setImmediate(turn)
  }

  after(delayMs: number, fire: () => void): Timer {
    const dueMs = performance.now() + delayMs
    let handle: NodeJS.Timeout
    const arm = () => {
      const leftMs = dueMs - performance.now()
      handle = setTimeout(() => (leftMs > LONGEST_TIMER_MS ? arm() : fire()), Math.max(0, Math.min(leftMs, LONGEST_TIMER_MS)))
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  }

  randomId(): string {
    return globalThis.crypto.randomUUID().replaceAll('-', '')
  }
}

export const systemClock: Clock = new SystemClock()
