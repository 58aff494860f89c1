/**
 * Which messages are ghosts. When a group has gone back, messages may still be on the wire whose sending has not happened any more;
 * delivered, they would be orphans that no checkpoint heals.
 *
 * The rule: a message stamped (epoch e, index x) by s is accepted if and only if x < line[s] for every recovery after e (s being
 * `current` in a line undoes nothing of s).
 *
 * Boundary: pure. The table has one row for each epoch, with the least of the lines since.
 */
import type { Cut, Token } from './protocol.ts'

/** Recoveries that a message may spend on the wire. Older ones are refused: no transport keeps a message through so many crashes. */
export const EPOCHS_KEPT = 1024

export class Epochs {
  /** limits[e - oldest][s]: messages of s stamped e are kept below this interval. */
  readonly #limits: number[][] = []
  #oldest = 0
  #members: number

  constructor(members: number) {
    this.#members = members
  }

  get current(): number {
    return this.#oldest + this.#limits.length
  }

  /** One more member; of it, nothing has been undone yet. */
  join(): void {
    this.#members++
    for (const limits of this.#limits) limits.push(Number.POSITIVE_INFINITY)
  }

  accepts(token: Token): boolean {
    if (token.epoch === this.current) return true
    const limit = this.#limits[token.epoch - this.#oldest]?.[token.from]
    return limit !== undefined && token.index < limit
  }

  recovered(line: Cut): void {
    this.#limits.push(new Array<number>(this.#members).fill(Number.POSITIVE_INFINITY))
    if (this.#limits.length > EPOCHS_KEPT) {
      this.#limits.shift()
      this.#oldest++
    }
    for (const limits of this.#limits)
      for (const [s, to] of line.entries()) if (to !== 'current' && to < limits[s]!) limits[s] = to
  }
}
