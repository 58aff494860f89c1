/**
 * Messages over a byte stream: a length of four bytes, then that many bytes.
 *
 * What is sent in one turn of the event loop goes to the system in one piece.
 *
 * Boundary: any duplex stream; who opened it is the shell's business. A length beyond the limit ends the stream: there is no way
 * to find the next message after it.
 */
import type { Duplex } from 'node:stream'
import { MAX_FRAME, type Pipe, type PipeReceiver } from './frames.ts'

/** Bytes that may wait for the other side to read: beyond it, it is not reading, and waiting for it would fill our memory. */
const MAX_UNREAD = 256 * 1024 * 1024

/** As many bytes as a fast reader takes in some milliseconds: with more, this side stops producing. */
const FULL = 4 * 1024 * 1024

export function pipeOver(stream: Duplex): Pipe {
  return new StreamPipe(stream)
}

class StreamPipe implements Pipe {
  readonly #stream: Duplex
  #receiver: PipeReceiver | undefined
  #early: Uint8Array[] = []
  #chunks: Buffer[] = []
  #buffered = 0
  #corked = false
  #closed = false

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    stream.on('error', () => this.#end())
    stream.on('close', () => this.#end())
    stream.on('end', () => this.#end())
  }

  send(message: Uint8Array): void {
    if (this.#closed) return
    if (!this.#corked) {
      this.#corked = true
      this.#stream.cork()
      queueMicrotask(() => {
        this.#corked = false
        this.#stream.uncork()
      })
    }
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32LE(message.length)
    this.#stream.write(length)
    this.#stream.write(message)
    if (this.#stream.writableLength > MAX_UNREAD) this.close()
  }

  receive(receiver: PipeReceiver): void {
    this.#receiver = receiver
    const early = this.#early
    this.#early = []
    for (const message of early) receiver.message(message)
    if (this.#closed) receiver.closed()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  get full(): boolean {
    return this.#stream.writableLength > FULL
  }

  whenRead(resume: () => void): void {
    if (this.full) this.#stream.once('drain', resume)
    else resume()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stream.end()
    this.#stream.destroySoon?.()
    this.#receiver?.closed()
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stream.destroy()
    this.#receiver?.closed()
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
    while (this.#buffered >= 4 && !this.#closed) {
      const length = this.#peekLength()
      if (length > MAX_FRAME) return this.#end()
      if (this.#buffered < 4 + length) return
      const bytes = this.#cut(4 + length)
      this.#deliver(bytes.subarray(4))
    }
  }

  #deliver(message: Uint8Array): void {
    if (this.#receiver) this.#receiver.message(message)
    else this.#early.push(message)
  }

  #peekLength(): number {
    const first = this.#chunks[0] as Buffer
    if (first.length >= 4) return first.readUInt32LE(0)
    this.#chunks = [Buffer.concat(this.#chunks)]
    return (this.#chunks[0] as Buffer).readUInt32LE(0)
  }

  /** Takes the first `size` bytes out of the chunks; they are there. */
  #cut(size: number): Buffer {
    let first = this.#chunks[0] as Buffer
    if (first.length < size) {
      first = Buffer.concat(this.#chunks)
      this.#chunks = [first]
    }
    const rest = first.subarray(size)
    if (rest.length > 0) this.#chunks[0] = rest
    else this.#chunks.shift()
    this.#buffered -= size
    return first.subarray(0, size)
  }
}

declare module 'node:stream' {
  interface Duplex {
    /** Sockets have it: closes once everything written has gone out. */
    destroySoon?(): void
  }
}
