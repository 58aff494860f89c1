/**
 * Messages that a member has been given and its object has not, in the order of the log.
 *
 * Boundary: a queue; at most `WINDOW` messages are in it, since the service sends no more.
 */
import type { Mail } from '../machine/protocol.ts'

/** Taken messages are cut off together: one by one would move the whole queue each time. */
const TAKEN_KEPT = 256

export class MailQueue {
  #mail: Mail[] = []
  #taken = 0

  get first(): Mail | undefined {
    return this.#mail[this.#taken]
  }

  push(mail: Mail): void {
    this.#mail.push(mail)
  }

  shift(): void {
    this.#taken += 1
    if (this.#taken < TAKEN_KEPT && this.#taken < this.#mail.length) return
    this.#mail = this.#mail.slice(this.#taken)
    this.#taken = 0
  }

  drop(isGone: (mail: Mail) => boolean): void {
    this.#mail = this.#mail.slice(this.#taken).filter((mail) => !isGone(mail))
    this.#taken = 0
  }
}
