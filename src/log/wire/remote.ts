/**
 * The client's side of a connection: a thin client of the process that owns the log. It holds no replica; what it knows it was
 * told.
 *
 * Boundary: frames over a pipe; sockets are the shell's business.
 *   M1  A connection belongs to one session of one generation. When it ends, everything that waits rejects: what was under way
 *       has an unknown outcome, and nobody reconnects behind the program's back.
 */
import type { Clock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import { Client, type Link } from '../client.ts'
import { CLOSED_HERE, type Connection, type Ears } from '../connection.ts'
import type { Blobs } from '../log.ts'
import type { Outcome } from '../machine.ts'
import { errorOf } from '../outcome.ts'
import {
  BLOB_PIECE,
  decodeFrameFromSite,
  encodeFrame,
  type FrameFromSite,
  type FrameToSite,
  OPS_PER_FRAME,
  type Pipe,
  PROTOCOL,
} from './frames.ts'

/** How long the other side may take to answer a `hello`. */
const HELLO_MS = 10_000

/** Bytes of operations that may share one frame; with the header they stay below the limit of a frame. */
const FRAME_BYTES = 512 * 1024

interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly pieces: Uint8Array[]
}

/** Says hello over a pipe and resolves with the session it is given. `logId` makes sure that it is the log expected. */
export function connectRemote(
  pipe: Pipe,
  clock: Clock,
  label: string,
  ears: Ears = {},
  logId?: string,
): Promise<RemoteConnection> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(HELLO_MS, () => {
      reject(
        new PerdureError(
          'PERDURE_E_TIMEOUT',
          `The owner of the site did not answer within ${HELLO_MS} ms. It may be stopped or overloaded.`,
        ),
      )
      pipe.close()
    })
    pipe.receive({
      message(bytes) {
        timer.cancel()
        try {
          const frame = decodeFrameFromSite(bytes)
          if (frame[0] === 'bye') throw errorOf({ name: 'PerdureError', code: frame[1], message: frame[2] })
          if (frame[0] !== 'welcome') throw new PerdureError('PERDURE_E_PROTOCOL', 'The site did not answer with a welcome.')
          resolve(new RemoteConnection(pipe, clock, frame, ears))
        } catch (error) {
          reject(error)
          pipe.close()
        }
      },
      closed() {
        timer.cancel()
        reject(new PerdureError('PERDURE_E_SESSION_LOST', 'The owner of the site closed the connection before it began.'))
      },
    })
    pipe.send(encodeFrame(['hello', PROTOCOL, label, logId ?? null]))
  })
}

export class RemoteConnection implements Connection, Link {
  readonly session: number
  readonly logId: string
  readonly generation: number
  readonly client: Client
  readonly blobs: Blobs
  readonly #pipe: Pipe
  readonly #clock: Clock
  readonly #codes: ReadonlyMap<string, number>
  readonly #ears: Ears
  readonly #asked = new Map<number, Asked>()
  #outgoing: Uint8Array[] = []
  #durablePosition: number
  #nextAsk = 1
  #ended: PerdureError | undefined

  constructor(pipe: Pipe, clock: Clock, welcome: Extract<FrameFromSite, readonly ['welcome', ...unknown[]]>, ears: Ears) {
    const [, , logId, generation, session, position, codes] = welcome
    this.#pipe = pipe
    this.#clock = clock
    this.#ears = ears
    this.logId = logId
    this.generation = generation
    this.session = session
    this.#durablePosition = position
    this.#codes = new Map(Object.entries(codes))
    this.client = new Client(session, this, (name) => this.code(name))
    this.blobs = { put: (bytes) => this.#putBlob(bytes), get: (hash) => this.#getBlob(hash) }
    pipe.receive({ message: (bytes) => this.#message(bytes), closed: () => this.#lost() })
  }

  get durablePosition(): number {
    return this.#durablePosition
  }

  /** The socket holds the other side back by itself. */
  get pressed(): boolean {
    return false
  }

  whenRelieved(resume: () => void): void {
    resume()
  }

  code(name: string): number {
    const code = this.#codes.get(name)
    if (code === undefined)
      throw new PerdureError(
        'PERDURE_E_PROTOCOL',
        `The site does not know the operation ${name}: it runs another version of perdure.`,
      )
    return code
  }

  /** Operations of one turn of the event loop share a frame. */
  send(operation: Uint8Array): void {
    this.#outgoing.push(operation)
    if (this.#outgoing.length === 1) this.#clock.hop(() => this.#flush())
  }

  sendAll(operations: readonly Uint8Array[]): void {
    for (const operation of operations) this.#outgoing.push(operation)
    this.#flush()
  }

  #flush(): void {
    const operations = this.#outgoing
    if (operations.length === 0 || this.#ended !== undefined) return
    this.#outgoing = []
    let from = 0
    while (from < operations.length) {
      let to = from
      let bytes = 0
      while (to < operations.length && to - from < OPS_PER_FRAME && (to === from || bytes < FRAME_BYTES)) {
        bytes += (operations[to] as Uint8Array).length
        to += 1
      }
      this.#send(['ops', operations.slice(from, to)])
      from = to
    }
  }

  query(machine: string, question: string, args: readonly unknown[]): Promise<unknown> {
    return this.#ask((id) => this.#send(['ask', id, machine, question, args]))
  }

  async durable(): Promise<void> {
    this.#flush()
    // Answers leave when everything before them is durable, so any question will do.
    await this.query('site', 'sessions', [])
  }

  async confirm(): Promise<void> {
    await this.#ask((id) => this.#send(['ping', id]))
  }

  #putBlob(bytes: Uint8Array): Promise<string> {
    return this.#ask((id) => {
      for (let from = 0; from === 0 || from < bytes.length; from += BLOB_PIECE) {
        const to = Math.min(bytes.length, from + BLOB_PIECE)
        this.#send(['blob', id, bytes.subarray(from, to), to === bytes.length])
      }
    }) as Promise<string>
  }

  #getBlob(hash: string): Promise<Uint8Array> {
    return this.#ask((id) => this.#send(['fetch', id, hash])) as Promise<Uint8Array>
  }

  #ask(send: (id: number) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      const id = this.#nextAsk++
      this.#asked.set(id, { resolve, reject, pieces: [] })
      try {
        send(id)
      } catch (error) {
        this.#asked.delete(id)
        reject(error)
      }
    })
  }

  #send(frame: FrameToSite): void {
    if (this.#ended === undefined) this.#pipe.send(encodeFrame(frame))
  }

  #message(bytes: Uint8Array): void {
    if (this.#ended !== undefined) return
    try {
      this.#take(decodeFrameFromSite(bytes))
    } catch (error) {
      this.#end(error instanceof PerdureError ? error : new PerdureError('PERDURE_E_PROTOCOL', String(error), { cause: error }))
    }
  }

  #take(frame: FrameFromSite): void {
    switch (frame[0]) {
      case 'replies':
        for (const [number, outcome] of frame[2]) this.client.reply(number, outcome)
        return
      case 'note':
        return this.#ears.note?.(frame[2], frame[1])
      case 'durable':
        this.#durablePosition = frame[1]
        return this.#ears.durable?.(frame[1])
      case 'answer':
        return this.#answer(frame[1], frame[2])
      case 'pong':
        return this.#answer(frame[1], { value: null })
      case 'blob':
        return this.#blobPiece(frame[1], frame[2], frame[3])
      case 'bye':
        return this.#end(errorOf({ name: 'PerdureError', code: frame[1], message: frame[2] }) as PerdureError)
    }
  }

  #answer(id: number, outcome: Outcome): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    if ('value' in outcome) asked?.resolve(outcome.value)
    else asked?.reject(errorOf(outcome.error))
  }

  #blobPiece(id: number, piece: Uint8Array, last: boolean): void {
    const asked = this.#asked.get(id)
    asked?.pieces.push(piece)
    if (asked && last) this.#answer(id, { value: new Uint8Array(Buffer.concat(asked.pieces)) })
  }

  #lost(): void {
    this.#end(
      new PerdureError(
        'PERDURE_E_SESSION_LOST',
        'The connection to the owner of the site was lost; the outcome of what was under way is unknown. Open the site again and look.',
      ),
    )
  }

  #end(error: PerdureError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#pipe.close()
    for (const { reject } of this.#asked.values()) reject(error)
    this.#asked.clear()
    this.client.closed(error)
    this.#ears.closed?.(error)
  }

  close(): void {
    if (this.#ended !== undefined) return
    this.#flush()
    this.#send(['bye'])
    this.#end(new PerdureError('PERDURE_E_CLOSED', CLOSED_HERE))
  }
}
