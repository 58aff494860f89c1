/**
 * What happened in a simulation, for people: one line for whatever one would want to know of a seed that failed.
 *
 * Boundary: text. Written only when a seed is played for its history, because making the lines takes longer than playing.
 */
import { preview } from '../log/codec/codec.ts'
import type { Replica } from '../log/replica.ts'

/** A seed that was shrunk has some hundreds; of one that runs in circles the end is of interest. */
const MOST_LINES = 2_000

/** Characters of the arguments of an operation. */
const PREVIEW = 60

export class History {
  readonly #lines: string[] = []
  readonly #now: () => { readonly event: number; readonly ms: number }

  constructor(now: () => { readonly event: number; readonly ms: number }) {
    this.#now = now
  }

  note(who: string, what: string): void {
    const { event, ms } = this.#now()
    this.#lines.push(`${String(event).padStart(6)} ${ms.toFixed(1).padStart(10)} ms  ${who.padEnd(18)} ${what}`)
    if (this.#lines.length > MOST_LINES) this.#lines.shift()
  }

  /** An operation was applied. */
  applied(replica: Replica, operation: Uint8Array): void {
    const { caller, number, name, args } = replica.decode(operation, 0, operation.length)
    const from = caller.kind === 'gateway' ? 'gateway' : `${caller.kind} ${caller.id}`
    this.note('log', `${replica.position}: ${from} #${number} ${name} ${preview(args, PREVIEW)}`)
  }

  get text(): string {
    return ['  event       time     who                what', ...this.#lines].join('\n')
  }
}
