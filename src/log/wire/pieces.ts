/**
 * Large things in pieces, one after the other and no faster than the other side reads.
 *
 * Boundary: an order of sending; frames and pipes are given.
 */
import type { Pipe } from './frames.ts'

/** Blobs travel in pieces. */
export const BLOB_PIECE: number = 256 * 1024

export interface Load {
  /** Asked for when its turn has come. */
  readonly bytes: () => Uint8Array | Promise<Uint8Array>
  readonly piece: (piece: Uint8Array, last: boolean) => void
  readonly failed: (error: unknown) => void
}

export class PieceSender {
  readonly #pipe: Pipe
  #loads: Load[] = []
  #sending = false
  #stopped = false

  constructor(pipe: Pipe) {
    this.#pipe = pipe
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#loads.length
  }

  /** Sends this once all given before have gone. */
  add(load: Load): void {
    this.#loads.push(load)
    if (!this.#sending) void this.#sendAll()
  }

  /** The pipe is of no use any more. */
  stop(): void {
    this.#stopped = true
    this.#loads = []
  }

  async #sendAll(): Promise<void> {
    this.#sending = true
    for (let load = this.#loads.shift(); load !== undefined; load = this.#loads.shift()) {
      try {
        await this.#send(load)
      } catch (error) {
        if (!this.#stopped) load.failed(error)
      }
    }
    this.#sending = false
  }

  async #send({ bytes, piece }: Load): Promise<void> {
    const whole = await bytes()
    for (let from = 0; from === 0 || from < whole.length; from += BLOB_PIECE) {
      if (this.#pipe.full) await new Promise<void>((resolve) => this.#pipe.whenRead(resolve))
      if (this.#stopped) return
      const to = Math.min(whole.length, from + BLOB_PIECE)
      piece(whole.subarray(from, to), to === whole.length)
    }
  }
}
