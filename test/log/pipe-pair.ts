/** Two ends of a pipe in memory; messages arrive in a later macrotask, in order. */
import type { Pipe, PipeReceiver } from '../../src/log/wire/frames.ts'

type Later = (turn: () => void) => void

export class PipeEnd implements Pipe {
  readonly #later: Later
  other: PipeEnd | undefined
  paused = 0
  /** Everything that arrived, for tests that look. */
  readonly arrived: Uint8Array[] = []
  #receiver: PipeReceiver | undefined
  #inbox: Uint8Array[] = []
  #held = false
  #closed = false

  constructor(later: Later) {
    this.#later = later
  }

  send(message: Uint8Array): void {
    const { other } = this
    const copy = message.slice()
    if (this.#closed) return
    this.#sent += copy.length
    this.#later(() => other?.take(copy))
  }

  take(message: Uint8Array): void {
    if (this.#closed) return
    this.#inbox.push(message)
    this.#deliver()
  }

  #deliver(): void {
    while (this.#receiver && !this.#held && this.#inbox.length > 0) {
      const message = this.#inbox.shift() as Uint8Array
      this.arrived.push(message)
      this.other?.read(message.length)
      this.#receiver.message(message)
    }
  }

  receive(receiver: PipeReceiver): void {
    this.#receiver = receiver
    this.#deliver()
    if (this.#closed) receiver.closed()
  }

  pause(): void {
    this.paused += 1
    this.#held = true
  }

  resume(): void {
    this.#held = false
    this.#deliver()
  }

  /** What arrived and was not read, of the other end: a test sets the room. */
  room: number = Number.POSITIVE_INFINITY
  #sent = 0
  readonly #waiting: (() => void)[] = []

  get full(): boolean {
    return this.#sent > this.room
  }

  whenRead(resume: () => void): void {
    if (this.full) this.#waiting.push(resume)
    else resume()
  }

  /** The other side has taken a message of so many bytes. */
  read(bytes: number): void {
    this.#sent -= bytes
    if (!this.full) for (const resume of this.#waiting.splice(0)) resume()
  }

  /** Messages that have been sent and not been read. */
  get unread(): number {
    return this.#sent
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { other } = this
    this.#receiver?.closed()
    this.#later(() => other?.close())
  }

  get closed(): boolean {
    return this.#closed
  }
}

/** `later` is the clock's hop where a test waits for the clock to be idle. */
export function pipePair(later: Later = setImmediate): readonly [PipeEnd, PipeEnd] {
  const [a, b] = [new PipeEnd(later), new PipeEnd(later)]
  a.other = b
  b.other = a
  return [a, b]
}
