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
  /** Of a timer in the background, where there is a process: keeps it alive, until `release`. */
  hold?(): void
  release?(): void
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
  /** As `after`, but the timer keeps no process alive. */
  background(delayMs: number, fire: () => void): Timer
  /** 32 hexadecimal digits that nobody else has. */
  randomId(): string
}

/** As they were at the beginning: what a host puts in their place to watch its bodies (`node/determinism.ts`) is not for us. */
const { setTimeout, setImmediate, performance, crypto } = globalThis
const now = Date.now
const randomUUID = crypto.randomUUID.bind(crypto)
const monotonic = performance.now.bind(performance)

/** Turns run as ticks, which are twice as fast as immediates but starve input and output; so one in so many is an immediate, */
const HOPS_BEFORE_IO = 64

/** and one after so many milliseconds, for turns may be long. */
const IO_AFTER_MS = 5

/** Turns that have been taken are cut off together: one by one would move the whole queue each time. */
const TAKEN_KEPT = 1024

/** Above this many milliseconds `setTimeout` fires at once instead of waiting; longer waits are taken in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

class SystemClock implements Clock {
  #turns: (() => void)[] = []
  #taken = 0
  #hopsSinceIo = 0
  #ioMs = 0
  readonly #tick = () => process.nextTick(this.#next)
  readonly #immediate = () => {
    this.#ioMs = monotonic()
    this.#next()
  }

  wallMs(): number {
    return now()
  }

  monotonicMs(): number {
    return monotonic()
  }

  hop(turn: () => void): void {
    this.#turns.push(turn)
    if (this.#turns.length - this.#taken === 1) this.#arm()
  }

  /** A tick asked for inside a tick would run before the microtasks of the first; asked for in a microtask it runs after all. */
  #arm(): void {
    this.#hopsSinceIo += 1
    if (this.#hopsSinceIo < HOPS_BEFORE_IO && monotonic() - this.#ioMs < IO_AFTER_MS) return queueMicrotask(this.#tick)
    this.#hopsSinceIo = 0
    setImmediate(this.#immediate)
  }

  readonly #next = (): void => {
    const turn = this.#turns[this.#taken] as () => void
    this.#taken += 1
    if (this.#taken === this.#turns.length || this.#taken === TAKEN_KEPT) {
      this.#turns = this.#turns.slice(this.#taken)
      this.#taken = 0
    }
    if (this.#turns.length > 0) this.#arm()
    turn()
  }

  after(delayMs: number, fire: () => void): Timer {
    return this.#timer(delayMs, fire, (handle) => handle)
  }

  background(delayMs: number, fire: () => void): Timer {
    return this.#timer(delayMs, fire, (handle) => handle.unref())
  }

  #timer(delayMs: number, fire: () => void, hold: (handle: NodeJS.Timeout) => NodeJS.Timeout): Timer {
    const dueMs = monotonic() + delayMs
    let handle: NodeJS.Timeout
    const arm = () => {
      const leftMs = dueMs - monotonic()
      const waitMs = Math.max(0, Math.min(leftMs, LONGEST_TIMER_MS))
      handle = hold(setTimeout(() => (leftMs > LONGEST_TIMER_MS ? arm() : fire()), waitMs))
    }
    arm()
    return { cancel: () => clearTimeout(handle), hold: () => void handle.ref(), release: () => void handle.unref() }
  }

  randomId(): string {
    return randomUUID().replaceAll('-', '')
  }
}

export const systemClock: Clock = new SystemClock()
