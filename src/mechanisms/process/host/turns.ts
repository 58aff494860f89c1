/**
 * One turn at a time: whose code holds the event loop is known at every moment.
 *
 * Replies for many runs come together. If their turns were opened together too, the microtasks of one would run under the name of
 * another, and a body that never gives the event loop back would be laid at the door of an innocent run.
 *
 * Boundary: order and nothing else; who measures a turn is a `TurnMeter`. One of these per host.
 *   U1  Between the opening of a turn and its end no other is opened; those that wait are opened in the order in which they came.
 */
import type { Clock } from '../../../clock.ts'
import type { AttemptIdentity, TurnMeter, TurnQueue } from './port.ts'

/** Turns that have begun are cut off the queue together: one by one would move all of it each time. */
const TAKEN_KEPT = 1024

export class Turns implements TurnQueue {
  readonly #clock: Clock
  readonly #meter: TurnMeter
  #open = false
  #waiting: (() => boolean)[] = []
  #taken = 0

  constructor(clock: Clock, meter: TurnMeter) {
    this.#clock = clock
    this.#meter = meter
  }

  take(whose: AttemptIdentity, begin: () => boolean, end: () => void): void {
    const open = () => {
      this.#meter.begin(whose)
      if (!begin()) {
        this.#meter.end()
        return false
      }
      this.#clock.hop(() => {
        this.#meter.end()
        try {
          end()
        } finally {
          this.#next()
        }
      })
      return true
    }
    if (this.#open) this.#waiting.push(open)
    else {
      this.#open = true
      if (!open()) this.#next()
    }
  }

  #next(): void {
    while (this.#taken < this.#waiting.length) {
      const open = this.#waiting[this.#taken] as () => boolean
      this.#taken += 1
      if (this.#taken === this.#waiting.length || this.#taken === TAKEN_KEPT) {
        this.#waiting = this.#waiting.slice(this.#taken)
        this.#taken = 0
      }
      if (open()) return
    }
    this.#open = false
  }
}
