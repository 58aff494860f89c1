/**
 * What is due when: the deadlines of all machines, in log time.
 *
 * Boundary: order and nothing else. A deadline is never taken back; a machine whose reason has gone ignores its token.
 *   D1  Deadlines of one time come out ordered, ties in the order in which they were scheduled; at one moment those of wall time
 *       before those of service time.
 */
import TinyQueue from 'tinyqueue'
import type { LogTime } from './machine.ts'

export interface Deadline {
  readonly atMs: number
  readonly order: number
  /** Name of the machine that asked for it. */
  readonly machine: string
  readonly token: number
}

/** As it is written into a snapshot. */
export type SavedDeadline = readonly [time: LogTime, atMs: number, order: number, machine: string, token: number]

const TIMES: readonly LogTime[] = ['wall', 'service']

export class Deadlines {
  readonly #queues: Readonly<Record<LogTime, TinyQueue<Deadline>>> = { wall: newQueue(), service: newQueue() }
  #order = 0

  get count(): number {
    return TIMES.reduce((sum, time) => sum + this.#queues[time].length, 0)
  }

  /** The time at which the first of this kind falls due. */
  nextMs(time: LogTime): number | undefined {
    return this.#queues[time].peek()?.atMs
  }

  add(time: LogTime, atMs: number, machine: string, token: number): void {
    this.#order += 1
    this.#queues[time].push({ atMs, order: this.#order, machine, token })
  }

  /** Takes out the first deadline that is due, or nothing. */
  takeDue(now: Readonly<Record<LogTime, number>>): Deadline | undefined {
    for (const time of TIMES) {
      const first = this.#queues[time].peek()
      if (first !== undefined && first.atMs <= now[time]) return this.#queues[time].pop()
    }
    return undefined
  }

  /** All of them in the order of their calls, the last order given first. */
  saved(): { readonly order: number; readonly deadlines: readonly SavedDeadline[] } {
    const deadlines = TIMES.flatMap((time) =>
      this.#queues[time].data.map(({ atMs, order, machine, token }) => [time, atMs, order, machine, token] as const),
    )
    return { order: this.#order, deadlines: deadlines.sort((a, b) => a[2] - b[2]) }
  }

  restoreOrder(order: number): void {
    this.#order = order
  }

  restore(saved: readonly SavedDeadline[]): void {
    for (const [time, atMs, order, machine, token] of saved) this.#queues[time].push({ atMs, order, machine, token })
  }
}

function newQueue(): TinyQueue<Deadline> {
  return new TinyQueue<Deadline>([], (a, b) => a.atMs - b.atMs || a.order - b.order)
}
