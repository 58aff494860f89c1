/**
 * The site's side of a connection: a pipe becomes a session of the gateway.
 *
 * Boundary: knows frames, the gateway and a pipe; no socket. A connection may send operations of its own session, and of runs:
 * those carry the fence of their placement, which the machine checks.
 *   V1  Nothing but counting heartbeats is done for a connection before its `hello`; a foreign log id or protocol ends it.
 *   V2  Malformed bytes end this connection with an error that says so, and nothing else.
 */
import { PerdureError } from '../../errors.ts'
import type { Gateway, Listener } from '../gateway.ts'
import { MAX_BLOB } from '../log.ts'
import type { Outcome } from '../machine.ts'
import { callerOf } from '../operation.ts'
import { failureOf } from '../outcome.ts'
import {
  BLOB_PIECE,
  decodeFrameToSite,
  encodeFrame,
  type FrameFromSite,
  type FrameToSite,
  type Pipe,
  PROTOCOL,
} from './frames.ts'

/** Uploads of blobs under way on one connection. */
const MAX_UPLOADS = 64

/** How a daemon hears who comes and goes. */
export interface ServeHooks {
  opened?(connection: ServedConnection): void
  closed?(connection: ServedConnection): void
  /** A heartbeat of the process that has this session; it comes on a connection of its own. */
  beat?(session: number): void
}

export interface ServedConnection {
  readonly label: string
  readonly session: number
  close(error: PerdureError): void
}

/** Serves one pipe until it closes. */
export function serve(gateway: Gateway, pipe: Pipe, hooks: ServeHooks = {}): void {
  const server = new Server(gateway, pipe, hooks)
  pipe.receive(server)
}

class Server implements Listener, ServedConnection {
  readonly #gateway: Gateway
  readonly #pipe: Pipe
  readonly #hooks: ServeHooks
  readonly #uploads = new Map<number, Uint8Array[]>()
  #replies: [number, Outcome][] = []
  /** Position of the last note, and up to which durability was told. */
  #noted = 0
  #told = 0
  session = 0
  label = ''
  #open = true

  constructor(gateway: Gateway, pipe: Pipe, hooks: ServeHooks) {
    this.#gateway = gateway
    this.#pipe = pipe
    this.#hooks = hooks
  }

  message(bytes: Uint8Array): void {
    if (!this.#open) return
    try {
      this.#take(decodeFrameToSite(bytes))
    } catch (error) {
      this.close(error instanceof PerdureError ? error : new PerdureError('PERDURE_E_PROTOCOL', String(error), { cause: error }))
    }
  }

  closed(error?: PerdureError): void {
    if (!this.#open) return
    this.#open = false
    if (error !== undefined) this.#send(['bye', error.code, error.message])
    this.#pipe.close()
    if (this.session === 0) return
    this.#gateway.leave(this.session)
    this.#hooks.closed?.(this)
  }

  close(error: PerdureError): void {
    this.closed(error)
  }

  #take(frame: FrameToSite): void {
    if (frame[0] === 'beat') return this.#hooks.beat?.(frame[1])
    if (frame[0] === 'hello') return this.#hello(frame[1], frame[2], frame[3])
    if (this.session === 0) throw new PerdureError('PERDURE_E_PROTOCOL', 'The first frame of a connection must be a hello.')
    switch (frame[0]) {
      case 'ops':
        return this.#operations(frame[1])
      case 'ask':
        return this.#answer(frame[1], this.#gateway.query(frame[2], frame[3], frame[4]))
      case 'ping':
        return this.#send(['pong', frame[1]])
      case 'blob':
        return this.#upload(frame[1], frame[2], frame[3])
      case 'fetch':
        return this.#fetch(frame[1], frame[2])
      case 'bye':
        return this.closed()
    }
  }

  #hello(protocol: number, label: string, logId: string | null): void {
    if (this.session !== 0) throw new PerdureError('PERDURE_E_PROTOCOL', 'A connection says hello once.')
    if (protocol !== PROTOCOL) {
      throw new PerdureError(
        'PERDURE_E_PROTOCOL',
        `The site speaks protocol ${PROTOCOL}, the client ${protocol}. Use the same version of perdure on both sides.`,
      )
    }
    const { log, replica } = this.#gateway
    if (logId !== null && logId !== log.id) {
      throw new PerdureError(
        'PERDURE_E_SESSION_LOST',
        `This is the log ${log.id}, the client belongs to the log ${logId}. Open the site anew.`,
      )
    }
    this.label = label
    this.session = this.#gateway.enter(label, this)
    this.#send(['welcome', PROTOCOL, log.id, log.generation, this.session, this.#gateway.durablePosition, replica.codes])
    this.#hooks.opened?.(this)
  }

  #operations(operations: readonly Uint8Array[]): void {
    for (const operation of operations) {
      const caller = callerOf(operation)
      if (caller.kind === 'gateway' || (caller.kind === 'session' && caller.id !== this.session)) {
        throw new PerdureError('PERDURE_E_PROTOCOL', 'A connection may speak only for its own session and for runs.')
      }
      this.#gateway.submit(operation)
    }
    if (!this.#gateway.pressed) return
    this.#pipe.pause()
    this.#gateway.whenRelieved(() => this.#pipe.resume())
  }

  #answer(id: number, answer: Promise<unknown>): void {
    answer.then(
      (value) => this.#sendAnswer(id, { value }),
      (error: unknown) => this.#sendAnswer(id, { error: failureOf(error) }),
    )
  }

  #sendAnswer(id: number, outcome: Outcome): void {
    try {
      this.#send(['answer', id, outcome])
    } catch (error) {
      this.#send(['answer', id, { error: failureOf(error) }])
    }
  }

  #upload(id: number, piece: Uint8Array, last: boolean): void {
    const pieces = this.#uploads.get(id) ?? []
    if (pieces.length === 0 && this.#uploads.size >= MAX_UPLOADS)
      throw new PerdureError('PERDURE_E_BUSY', `${MAX_UPLOADS} uploads are under way.`)
    pieces.push(piece)
    const size = pieces.reduce((sum, { length }) => sum + length, 0)
    if (size > MAX_BLOB) throw new PerdureError('PERDURE_E_VALUE', `A blob is larger than ${MAX_BLOB} bytes.`)
    if (!last) {
      this.#uploads.set(id, pieces)
      return
    }
    this.#uploads.delete(id)
    this.#answer(id, this.#gateway.log.blobs.put(Buffer.concat(pieces)))
  }

  #fetch(id: number, hash: string): void {
    this.#gateway.log.blobs.get(hash).then(
      (bytes) => {
        for (let from = 0; from === 0 || from < bytes.length; from += BLOB_PIECE) {
          const to = Math.min(bytes.length, from + BLOB_PIECE)
          this.#send(['blob', id, bytes.subarray(from, to), to === bytes.length])
        }
      },
      (error: unknown) => this.#sendAnswer(id, { error: failureOf(error) }),
    )
  }

  reply(number: number, outcome: Outcome): void {
    this.#replies.push([number, outcome])
    if (this.#replies.length > 1) return
    this.#gateway.clock.hop(() => {
      const replies = this.#replies
      this.#replies = []
      this.#sendReplies(replies)
    })
  }

  /** Replies to a burst share a frame, or several if one is too small for them. */
  #sendReplies(replies: readonly [number, Outcome][]): void {
    try {
      this.#send(['replies', this.#gateway.durablePosition, replies])
    } catch (error) {
      const [first] = replies
      if (first === undefined) return
      // What an honest client puts fits on its way back; of anything else whoever asks for it is told, and nobody is harmed.
      if (replies.length === 1) return this.#sendReplies([[first[0], { error: failureOf(error) }]])
      const half = replies.length >> 1
      this.#sendReplies(replies.slice(0, half))
      this.#sendReplies(replies.slice(half))
    }
  }

  note(body: readonly unknown[], position: number): void {
    this.#noted = position
    try {
      this.#send(['note', position, body])
    } catch (error) {
      this.#gateway.clock.hop(() => this.close(error as PerdureError))
    }
  }

  /** Only who was told something that is not durable yet waits to hear that it is. */
  durableTo(position: number): void {
    if (this.#noted <= this.#told) return
    this.#told = position
    this.#send(['durable', position])
  }

  #send(frame: FrameFromSite): void {
    if (this.#open || frame[0] === 'bye') this.#pipe.send(encodeFrame(frame))
  }
}
