/**
 * What is due when: one ordered list of deadlines for all machines, in log time.
 *
 * Boundary: order and nothing else. A deadline is never taken back; a machine whose reason has gone ignores its token.
 *   D1  Deadlines come out ordered by time, ties in the order in which they were scheduled.
 */
import TinyQueue from 'tinyqueue'
import type { Machine } from './machine.ts'

export interface Deadline {
  readonly atMs: number
  readonly order: number
  readonly machine: Machine
  readonly token: number
}

export class Deadlines {
  readonly #queue = new TinyQueue<Deadline>([], (a, b) => a.atMs - b.atMs || a.order - b.order)
  #order = 0

  get nextMs(): number | undefined {
    return this.#queue.peek()?.atMs
  }

  add(atMs: number, machine: Machine, token: number): void {
    this.#order += 1
    this.#queue.push({ atMs, order: this.#order, machine, token })
  }

  /** Takes out the first deadline that is due at `nowMs`, or nothing. */
  takeDue(nowMs: number): Deadline | undefined {
    const first = this.#queue.peek()
    return first !== undefined && first.atMs <= nowMs ? this.#queue.pop() : undefined
  }
}
