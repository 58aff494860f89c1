/**
 * The site's side of a connection: a pipe becomes a session of the gateway.
 *
 * Boundary: knows frames, the gateway and a pipe; no socket. A connection may send operations of its own session, and of runs:
 * those carry the fence of their placement, which the machine checks.
 * A lasting session is told only what is durable: it gets no notes and sends no operations of runs.
 *   V1  Nothing but counting heartbeats is done for a connection before its `hello`; a foreign log id or protocol ends it.
 *   V2  Malformed bytes end this connection with an error that says so, and nothing else.
 *   V3  Whoever does not read is not read from, and replies wait in the machine, which keeps them anyway, not in the pipe.
 *   V4  A connection is heard for so many operations, then the others and the disk have their turn: a flood from one of them must
 *       not delay what the site does for the rest (starts, ends and fences of runs come over connections too).
 */
import { PerdureError } from '../../errors.ts'
import type { Listener } from '../attachments.ts'
import type { Gateway } from '../gateway.ts'
import { MAX_BLOB } from '../log.ts'
import type { Outcome } from '../machine.ts'
import { callerOf } from '../operation.ts'
import { failureOf } from '../outcome.ts'
import { hashOf } from '../secret.ts'
import { weightOf } from '../weight.ts'
import {
  decodeFrameToSite,
  encodeFrame,
  type FrameFromSite,
  type FrameToSite,
  type HelloAs,
  type Pipe,
  PROTOCOL,
} from './frames.ts'
import { PieceSender } from './pieces.ts'

/** Some milliseconds of work. A socket is read many times in a row otherwise, as long as there is more. */
const OPERATIONS_PER_TURN = 1_024

/** Uploads of blobs under way on one connection. */
const MAX_UPLOADS = 64

/** Downloads of blobs that wait for their turn on one connection: each is a name, sent one after the other. */
const MAX_DOWNLOADS = 16_384

/** Replies that share a frame: up to this weight they fit, whatever is in them, unless one alone does not. */
const REPLIES_WEIGHT = 256 * 1024
const REPLIES_PER_FRAME = 4_096

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
  readonly #downloads: PieceSender
  /** Without a welcome the client does not know its session, and cannot come back to it. */
  #welcomed = false
  #lasting = false
  /** True while nothing is read from the pipe. */
  #holding = false
  #sending = false
  /** Operations since the others had their turn. */
  #heard = 0
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
    this.#downloads = new PieceSender(pipe)
    this.#hooks = hooks
  }

  message(bytes: Uint8Array): void {
    if (!this.#open) return
    try {
      this.#take(decodeFrameToSite(bytes))
      this.#hold()
    } catch (error) {
      this.close(error instanceof PerdureError ? error : new PerdureError('PERDURE_E_PROTOCOL', String(error), { cause: error }))
    }
  }

  closed(error?: PerdureError): void {
    this.#over(error === undefined ? 'broken' : 'expelled', error)
  }

  close(error: PerdureError): void {
    this.closed(error)
  }

  #over(how: 'broken' | 'expelled' | 'goodbye', error?: PerdureError): void {
    if (!this.#open) return
    this.#open = false
    if (error !== undefined) this.#send(['bye', error.code, error.message])
    this.#downloads.stop()
    this.#replies = []
    this.#pipe.close()
    if (this.session === 0) return
    if (how === 'goodbye' || !this.#welcomed) this.#gateway.leave(this.session, this)
    else if (how === 'broken') this.#gateway.lose(this.session, this)
    else this.#gateway.expel(this.session, this)
    this.#hooks.closed?.(this)
  }

  #take(frame: FrameToSite): void {
    if (frame[0] === 'beat') return this.#hooks.beat?.(frame[1])
    if (frame[0] === 'hello') return this.#hello(frame[1], frame[2], frame[3], frame[4])
    if (this.session === 0) throw new PerdureError('PERDURE_E_PROTOCOL', 'The first frame of a connection must be a hello.')
    switch (frame[0]) {
      case 'ops':
        return this.#operations(frame[1])
      case 'ask':
        return this.#answer(frame[1], this.#gateway.query(frame[2], frame[3], frame[4], this.session))
      case 'ping':
        return this.#send(['pong', frame[1]])
      case 'blob':
        return this.#upload(frame[1], frame[2], frame[3])
      case 'fetch':
        return this.#fetch(frame[1], frame[2])
      case 'bye':
        return this.#over('goodbye')
    }
  }

  #hello(protocol: number, label: string, logId: string | null, as: HelloAs): void {
    if (this.session !== 0) throw new PerdureError('PERDURE_E_PROTOCOL', 'A connection says hello once.')
    if (protocol !== PROTOCOL) {
      throw new PerdureError(
        'PERDURE_E_PROTOCOL',
        `The site speaks protocol ${PROTOCOL}, the client ${protocol}. Use the same version of perdure on both sides.`,
      )
    }
    const { log } = this.#gateway
    if (logId !== null && logId !== log.id) {
      throw new PerdureError(
        'PERDURE_E_SESSION_LOST',
        `This is the log ${log.id}, the client belongs to the log ${logId}. Open the site anew.`,
      )
    }
    this.label = label
    if (as === 'bound') this.#bind(label)
    else if (as === 'lasting') this.#begin(label)
    else this.#goOn(as[0], as[1])
  }

  #bind(label: string): void {
    this.session = this.#gateway.enter(label, this)
    this.#welcome('')
  }

  /** What a client knows of a session that lasts must last too: it is welcomed once its session is durable. */
  #begin(label: string): void {
    const { clock } = this.#gateway
    const secret = clock.randomId()
    this.#lasting = true
    this.session = this.#gateway.enter(label, this, { kind: 'lasting', secretHash: hashOf(secret) })
    this.#gateway.durable(this.session).then(
      () => this.#open && this.#welcome(secret),
      () => undefined,
    )
  }

  /** Whether the session never was, is over, or is another's, is not told: that is nothing to learn here. */
  #goOn(session: number, secret: string): void {
    if (!this.#gateway.reattach(session, secret, this)) {
      throw new PerdureError(
        'PERDURE_E_SESSION_LOST',
        'The site has no such session, or it was away for too long; the outcome of what was under way is unknown. Open the site again and look.',
      )
    }
    this.#lasting = true
    this.session = session
    this.#welcome('')
  }

  #welcome(secret: string): void {
    const { log, replica, durablePosition } = this.#gateway
    this.#welcomed = true
    this.#send(['welcome', PROTOCOL, log.id, log.generation, this.session, durablePosition, replica.codes, secret])
    this.#hooks.opened?.(this)
  }

  #operations(operations: readonly Uint8Array[]): void {
    this.#heard += operations.length
    for (const operation of operations) {
      const caller = callerOf(operation)
      if (caller.kind === 'session' ? caller.id !== this.session : caller.kind === 'gateway' || this.#lasting) {
        throw new PerdureError(
          'PERDURE_E_PROTOCOL',
          'A connection may speak only for its own session, and for runs where its session is bound to it.',
        )
      }
      this.#gateway.submit(operation)
    }
  }

  /** V3 and V4. */
  #hold(): void {
    const { pressed } = this.#gateway
    const isFlood = this.#heard >= OPERATIONS_PER_TURN
    if (!this.#open || this.#holding || !(pressed || this.#pipe.full || isFlood)) return
    this.#holding = true
    this.#heard = 0
    this.#pipe.pause()
    const resume = () => {
      this.#holding = false
      this.#pipe.resume()
    }
    if (pressed) this.#gateway.whenRelieved(resume)
    else if (this.#pipe.full) this.#pipe.whenRead(resume)
    else this.#gateway.clock.hop(resume)
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
    if (this.#downloads.waiting >= MAX_DOWNLOADS)
      throw new PerdureError('PERDURE_E_BUSY', `${MAX_DOWNLOADS} blobs wait to be sent. Receive them before asking for more.`)
    this.#downloads.add({
      bytes: () => this.#gateway.log.blobs.get(hash),
      piece: (piece, last) => this.#send(['blob', id, piece, last]),
      failed: (error) => this.#sendAnswer(id, { error: failureOf(error) }),
    })
  }

  reply(number: number, outcome: Outcome): void {
    this.#replies.push([number, outcome])
    if (this.#sending) return
    this.#sending = true
    this.#gateway.clock.hop(() => this.#flush())
  }

  /** Replies to a burst share a frame, or several; what the other side leaves unread waits here, by reference (V3). */
  #flush(): void {
    const replies = this.#replies
    let from = 0
    while (from < replies.length && !this.#pipe.full) {
      let to = from
      for (let weight = 0; to < replies.length && to - from < REPLIES_PER_FRAME && weight < REPLIES_WEIGHT; to += 1)
        weight += weightOf((replies[to] as [number, Outcome])[1])
      this.#sendReplies(from === 0 && to === replies.length ? replies : replies.slice(from, to))
      from = to
    }
    this.#replies = from === replies.length ? [] : replies.slice(from)
    if (this.#replies.length > 0) this.#pipe.whenRead(() => this.#flush())
    else this.#sending = false
  }

  /** The weight is a guess: what does not fit one frame goes in two. */
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
    if (this.#lasting) return
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
