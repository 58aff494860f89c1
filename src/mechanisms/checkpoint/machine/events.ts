/**
 * What a member has done, in its own order, back to the checkpoint behind which it will never go: its part of the trace.
 *
 * Every message is two events, so they are kept flat: three fields of one array for each.
 *
 * Boundary: data. Names are put in when somebody asks (`queries.ts`).
 *   E1  The first event is the checkpoint to which the line of all has come, or the first thing the member has done at all.
 *   E2  What recoveries have undone is kept for whoever looks, but no more than MAX_UNDONE of it.
 */
import type { Mail } from './protocol.ts'

export type EventKind = 'send' | 'receive' | 'replay' | 'basic' | 'forced' | 'rollback'

/**
 * `send`: position and place of the receiver. `receive`, `replay`: position and sender. `basic`, `forced`: index, and `rollback`: index of
 * the checkpoint it goes back to; 0 as last field.
 */
export type MemberEvent = readonly [EventKind, number, number | string]

/** Events that a recovery has undone: enough for a picture; a member that crashes again and again must not fill the memory with them. */
const MAX_UNDONE = 65_536

const FIELDS = 3

/** Dropped events in front that are not worth moving the others yet. */
const WORTH_MOVING = 4_096

export class Events {
  #fields: (EventKind | number | string)[] = []
  /** Number of the first that is kept. */
  #first = 0

  /** Number of the next one. */
  get next(): number {
    return this.#first + this.#fields.length / FIELDS
  }

  /** Of the first that is kept. */
  get first(): number {
    return this.#first
  }

  add(kind: EventKind, what: number, other: number | string): void {
    this.#fields.push(kind, what, other)
  }

  received(mail: Mail, kind: 'receive' | 'replay'): void {
    this.#fields.push(kind, mail[0], mail[2])
  }

  /** Back to checkpoint `index`, whose event has the number `at`. */
  rollback(index: number, at: number): void {
    const undone = this.next - at - 1
    if (undone <= 0) return
    if (undone > MAX_UNDONE) this.#fields.length = (at + 1 - this.#first) * FIELDS
    else this.add('rollback', index, 0)
  }

  /** Forgets what is before the event with this number; in steps, since events are many. */
  dropBefore(number: number): void {
    const count = number - this.#first
    if (count < WORTH_MOVING && count * 2 < this.#fields.length / FIELDS) return
    this.#fields = this.#fields.slice(count * FIELDS)
    this.#first = number
  }

  /** From the event with this number on. */
  *from(number: number): Generator<MemberEvent> {
    for (let i = Math.max(0, number - this.#first) * FIELDS; i < this.#fields.length; i += FIELDS)
      yield [this.#fields[i] as EventKind, this.#fields[i + 1] as number, this.#fields[i + 2]!]
  }
}
