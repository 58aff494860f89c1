/**
 * The messages of one member, in the order of the log: first what it has been given (and may be given again), then what is on its way to
 * it, then what still waits for room in the window.
 *
 *     | delivered ... | noted ... | waiting ... |
 *     0            heard        noted         length
 *
 * Boundary: book-keeping in counts from the first message that is kept. Which messages can go, and who hears of them, is said by others.
 *   B1  0 <= heard <= noted <= length.
 *   B2  Positions rise.
 */
import type { Mail } from './protocol.ts'

/** Dropped messages in front of the others that are not worth moving those yet. */
const WORTH_MOVING = 1_024

/** What a message costs beside its bytes, roughly: array, headers, two events of the trace. */
const MESSAGE_BYTES = 64

export class Mailbox {
  #mail: Mail[] = []
  /** Index in `#mail` of the first that is kept. */
  #first = 0
  /** Of how many it is known that they have been delivered. */
  heard = 0
  /** How many the proxy has been told of, or had been told of before they were delivered. */
  noted = 0
  /** Of all that is kept. */
  bytes = 0

  get length(): number {
    return this.#mail.length - this.#first
  }

  at(index: number): Mail | undefined {
    return this.#mail[this.#first + index]
  }

  /** Of the last message; 0: there is none. */
  get lastPosition(): number {
    return this.length === 0 ? 0 : this.#mail.at(-1)![0]
  }

  /** Returns what it weighs. */
  push(mail: Mail): number {
    const bytes = bytesOf(mail)
    this.#mail.push(mail)
    this.bytes += bytes
    return bytes
  }

  /** The next ones for the proxy, and counts them as told. */
  takeNoted(count: number): readonly Mail[] {
    const from = this.#first + this.noted
    this.noted += count
    return this.#mail.slice(from, from + count)
  }

  /** Forgets what is at or before this position; all of it has been delivered. Returns how many messages that were. */
  drop(position: number): number {
    let count = 0
    while (count < this.heard && this.at(count)![0] <= position) {
      this.bytes -= bytesOf(this.at(count)!)
      count += 1
    }
    this.heard -= count
    this.noted -= count
    this.#first += count
    if (this.#first >= WORTH_MOVING && this.#first * 2 >= this.#mail.length) {
      this.#mail = this.#mail.slice(this.#first)
      this.#first = 0
    }
    return count
  }

  /** Keeps only what passes; none that was delivered and stays so is among the others. */
  filter(passes: (mail: Mail) => boolean): void {
    const toldUpTo = this.noted === 0 ? 0 : this.at(this.noted - 1)![0]
    const heardUpTo = this.heard === 0 ? 0 : this.at(this.heard - 1)![0]
    this.#mail = this.#mail.slice(this.#first).filter(passes)
    this.#first = 0
    this.bytes = this.#mail.reduce((sum, mail) => sum + bytesOf(mail), 0)
    this.heard = this.#countUpTo(heardUpTo)
    this.noted = this.#countUpTo(toldUpTo)
  }

  /** Everything after this position has not been delivered, nor told. */
  rewind(position: number): void {
    this.heard = this.#countUpTo(position)
    this.noted = this.heard
  }

  has(position: number): boolean {
    return this.at(this.#countUpTo(position) - 1)?.[0] === position
  }

  *[Symbol.iterator](): Generator<Mail> {
    for (let index = this.#first; index < this.#mail.length; index++) yield this.#mail[index]!
  }

  #countUpTo(position: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.at(middle)![0] <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}

function bytesOf([, , , , payload, stamp]: Mail): number {
  return payload.length + (stamp?.length ?? 0) + MESSAGE_BYTES
}
