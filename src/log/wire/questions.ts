/**
 * Questions to the site that wait for their answer: queries, pings, blobs both ways.
 *
 * None of them changes anything, so all that wait are simply asked again when the connection has been replaced.
 *
 * Boundary: who asked what; sending is given.
 */
import { PerdureError } from '../../errors.ts'
import type { Outcome } from '../machine.ts'
import { errorOf } from '../outcome.ts'

/** As many as operations may be open: a program that asks more at once has forgotten to await. */
export const MAX_ASKED = 16_384

interface Asked {
  readonly send: (id: number) => void
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** Of a blob that is on its way here. */
  pieces: Uint8Array[]
}

export class Questions {
  readonly #asked = new Map<number, Asked>()
  #next = 1

  get waiting(): number {
    return this.#asked.size
  }

  /** `send` is called now unless `later`, and again after every break. */
  ask(send: (id: number) => void, when: 'now' | 'later'): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#asked.size >= MAX_ASKED) return reject(tooMany())
      const id = this.#next
      this.#next += 1
      this.#asked.set(id, { send, resolve, reject, pieces: [] })
      if (when === 'now') this.#send(id, send)
    })
  }

  /** Over a new connection; what came over the one before was not all. */
  askAgain(): void {
    for (const [id, asked] of this.#asked) {
      asked.pieces = []
      this.#send(id, asked.send)
    }
  }

  answer(id: number, outcome: Outcome): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    if ('value' in outcome) asked?.resolve(outcome.value)
    else asked?.reject(errorOf(outcome.error))
  }

  piece(id: number, piece: Uint8Array, last: boolean): void {
    const asked = this.#asked.get(id)
    asked?.pieces.push(piece)
    if (asked && last) this.answer(id, { value: new Uint8Array(Buffer.concat(asked.pieces)) })
  }

  end(error: PerdureError): void {
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
  }

  /** A question that cannot be encoded is the fault of who asked it. */
  #send(id: number, send: (id: number) => void): void {
    try {
      send(id)
    } catch (error) {
      this.#asked.get(id)?.reject(error)
      this.#asked.delete(id)
    }
  }
}

function tooMany(): PerdureError {
  return new PerdureError(
    'PERDURE_E_BUSY',
    `${MAX_ASKED} questions wait for their answer; this one was not asked. Await answers before asking more.`,
  )
}
