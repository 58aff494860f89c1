/**
 * What has become final, on its way to the object: outputs that nothing can undo any more, and references of states that nobody goes
 * back to. One after the other, beside the messages.
 *
 * Boundary: order and repetition; calling the object and telling the service are the port's.
 *   O1  An output is given to an object when its release is durable, and said to be done when the object has returned.
 *   O2  What was released outlives the object: the next one is given what is not done. The same output is in the queue once.
 */
import { decode } from '../../../log/codec/codec.ts'

export interface OutputPort {
  readonly durablePosition: number
  /** Resolves when the present object has done it; undefined where there is no object that could. */
  give(payload: unknown, position: number): Promise<void> | undefined
  /** Undefined where there is no object that could. */
  discard(ref: unknown): Promise<void> | undefined
  done(positions: readonly number[]): void
}

interface Released {
  readonly position: number
  readonly payload: Uint8Array
  /** Position at which it was released. */
  readonly released: number
}

/** Done ones are reported together, at the latest after so many. */
const REPORT_EVERY = 64

export class Outputs {
  readonly #port: OutputPort
  readonly #queue = new Map<number, Released>()
  #discards: { readonly ref: Uint8Array; readonly released: number }[] = []
  #done: number[] = []
  #busy = false

  constructor(port: OutputPort) {
    this.#port = port
  }

  add(outputs: readonly (readonly [position: number, payload: Uint8Array])[], released: number): void {
    for (const [position, payload] of outputs)
      if (!this.#queue.has(position)) this.#queue.set(position, { position, payload, released })
  }

  discard(refs: readonly Uint8Array[], released: number): void {
    for (const ref of refs) this.#discards.push({ ref, released })
  }

  /** Goes on, if it can; whatever goes wrong ends the object, and the next one calls this again. */
  async pump(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      await this.#giveOutputs()
      await this.#giveDiscards()
    } catch {
      // The object is broken, which its proxy has heard of.
    } finally {
      this.#busy = false
      this.#report()
    }
  }

  async #giveOutputs(): Promise<void> {
    for (const output of this.#queue.values()) {
      if (output.released > this.#port.durablePosition) break
      const given = this.#port.give(decode(output.payload), output.position)
      if (given === undefined) break
      await given
      this.#queue.delete(output.position)
      this.#done.push(output.position)
      if (this.#done.length >= REPORT_EVERY) this.#report()
    }
  }

  async #giveDiscards(): Promise<void> {
    for (let first = this.#discards[0]; first !== undefined; first = this.#discards[0]) {
      if (first.released > this.#port.durablePosition) break
      const given = this.#port.discard(decode(first.ref))
      if (given === undefined) break
      this.#discards.shift()
      await given
    }
  }

  #report(): void {
    if (this.#done.length === 0) return
    this.#port.done(this.#done)
    this.#done = []
  }
}
