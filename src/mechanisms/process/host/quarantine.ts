/**
 * Runs whose process has died at the same place before: executed again one after the other, so that the next death tells which of
 * them it was, and the others are not condemned with it. Who waits here has not begun, so a death says nothing against it.
 *
 * Boundary: order and time; who must come here is `host.ts`. One of these per host.
 */
import type { Clock, Timer } from '../../../clock.ts'

/** What ends a process does it soon; a run that has not done so after this long lets the next one begin beside it. */
const QUARANTINE_MS = 1_000

export class Quarantine {
  readonly #clock: Clock
  readonly #waiting: ((leave: () => void) => void)[] = []
  #inside = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `begin` as soon as nobody is inside who came less than `QUARANTINE_MS` ago; it calls `leave` when it is over. */
  enter(begin: (leave: () => void) => void): void {
    this.#waiting.push(begin)
    if (this.#inside === 0) this.#next()
  }

  #next(): void {
    const begin = this.#waiting.shift()
    if (begin === undefined) return
    this.#inside += 1
    let timer: Timer | undefined
    let left = false
    const leave = () => {
      if (left) return
      left = true
      timer?.cancel()
      this.#inside -= 1
      // Whoever leaves may be in the middle of an operation that is being applied.
      this.#clock.hop(() => this.#next())
    }
    timer = this.#clock.after(QUARANTINE_MS, leave)
    begin(leave)
  }
}
