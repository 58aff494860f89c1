/**
 * The client's side of a connection: a thin client of the process that owns the log. It holds no replica; what it knows it was
 * told.
 *
 * Boundary: frames over a pipe; sockets are the shell's business.
 *   M1  A bound connection is over when its pipe is. Everything that waits rejects: what was under way has an unknown outcome, and
 *       nobody reconnects behind the program's back.
 *   M2  A lasting one looks for the owner again. Then every operation without reply is sent again, in order and unchanged, and every
 *       question asked again, before anything new. When its time is over, M1 holds.
 *   M3  Of a pipe that has been replaced nothing is heard any more.
 */
import type { Clock, Timer } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import { REATTACH_MS } from '../attachments.ts'
import { Client, type Link } from '../client.ts'
import { CLOSED_HERE, type Connection, type Ears } from '../connection.ts'
import type { Blobs } from '../log.ts'
import { errorOf } from '../outcome.ts'
import { Watchers } from '../watch/stream.ts'
import { decodeFrameFromSite, encodeFrame, type FrameFromSite, type FrameToSite, OPS_PER_FRAME, type Pipe } from './frames.ts'
import { greet, isEndOfOwner, Search, type Way, type Welcome } from './hello.ts'
import { PieceSender } from './pieces.ts'
import { Questions } from './questions.ts'

/** Bytes of operations that may share one frame; with the header they stay below the limit of a frame. */
const FRAME_BYTES = 512 * 1024

/** A client that issues nothing for so long says what it has received, if it is much: its next operation would have said so. */
const ACKNOWLEDGE_MS = 1_000

/** How the owner is found again, and for how long it is looked for. */
export interface Lasting {
  readonly way: Way
  readonly graceMs: number
}

/** Says hello over a pipe and resolves with the session it is given, which ends with it. `logId` makes sure that it is the log expected. */
export function connectRemote(
  pipe: Pipe,
  clock: Clock,
  label: string,
  ears: Ears = {},
  logId?: string,
): Promise<RemoteConnection> {
  return begin(pipe, { clock, label, ears, lasting: undefined }, logId)
}

/** Begins a session that survives the connection, and the owner: whoever the way leads to within `graceMs` goes on with it. */
export async function connectLasting(
  way: Way,
  clock: Clock,
  label: string,
  ears: Ears = {},
  graceMs: number = REATTACH_MS,
): Promise<RemoteConnection> {
  return begin(await way(), { clock, label, ears, lasting: { way, graceMs } }, undefined)
}

interface Settings {
  readonly clock: Clock
  readonly label: string
  readonly ears: Ears
  readonly lasting: Lasting | undefined
}

function begin(pipe: Pipe, settings: Settings, logId: string | undefined): Promise<RemoteConnection> {
  const { clock, label, lasting } = settings
  return new Promise((resolve, reject) => {
    greet(
      pipe,
      clock,
      { label, logId: logId ?? null, as: lasting ? 'lasting' : 'bound' },
      {
        welcomed: (welcome) => resolve(new RemoteConnection(pipe, welcome, settings)),
        failed: reject,
      },
    )
  })
}

export class RemoteConnection implements Connection, Link {
  readonly session: number
  readonly logId: string
  readonly client: Client
  readonly blobs: Blobs
  readonly watchers: Watchers
  readonly #settings: Settings
  readonly #secret: string
  readonly #questions = new Questions()
  #codes: ReadonlyMap<string, number>
  #generation: number
  /** Absent while the owner is looked for. */
  #pipe: Pipe | undefined
  #pieces: PieceSender
  #search: Search | undefined
  #whenFound: (() => void)[] = []
  #outgoing: Uint8Array[] = []
  #durablePosition: number
  #acknowledgement: Timer | undefined
  #ended: PerdureError | undefined

  constructor(pipe: Pipe, welcome: Welcome, settings: Settings) {
    const [, , logId, generation, session, position, codes, secret] = welcome
    this.#settings = settings
    this.logId = logId
    this.#generation = generation
    this.session = session
    this.#secret = secret
    this.#durablePosition = position
    this.#codes = new Map(Object.entries(codes))
    this.client = new Client(session, this, (name) => this.code(name))
    this.watchers = new Watchers((machine, question, args) => this.query(machine, question, args))
    this.blobs = { put: (bytes) => this.#putBlob(bytes), get: (hash) => this.#getBlob(hash) }
    this.#pieces = new PieceSender(pipe)
    this.#listen(pipe)
  }

  /** Of the owner it is, or was last, connected to. */
  get generation(): number {
    return this.#generation
  }

  get durablePosition(): number {
    return this.#durablePosition
  }

  get lasting(): boolean {
    return this.#settings.lasting !== undefined
  }

  /** The pipe holds the other side back by itself; without one nothing can be sent. */
  get pressed(): boolean {
    return this.#pipe === undefined && this.#ended === undefined
  }

  whenRelieved(resume: () => void): void {
    if (this.pressed) this.#whenFound.push(resume)
    else resume()
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
    if (this.#outgoing.length === 1) this.#settings.clock.hop(() => this.#flush())
  }

  sendAll(operations: readonly Uint8Array[]): void {
    for (const operation of operations) this.#outgoing.push(operation)
    this.#flush()
  }

  #flush(): void {
    const operations = this.#outgoing
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
    await this.client.sent()
    this.#flush()
    // Answers leave when everything before them is durable, so any question will do.
    await this.query('site', 'sessions', [])
  }

  async confirm(): Promise<void> {
    await this.#ask((id) => this.#send(['ping', id]))
  }

  #putBlob(bytes: Uint8Array): Promise<string> {
    const put = (id: number) =>
      this.#pieces.add({
        bytes: () => bytes,
        piece: (piece, last) => this.#send(['blob', id, piece, last]),
        failed: (error) => this.#end(protocolError(error)),
      })
    return this.#ask(put) as Promise<string>
  }

  #getBlob(hash: string): Promise<Uint8Array> {
    return this.#ask((id) => this.#send(['fetch', id, hash])) as Promise<Uint8Array>
  }

  #ask(send: (id: number) => void): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return this.#questions.ask(send, this.#pipe === undefined ? 'later' : 'now')
  }

  #send(frame: FrameToSite): void {
    this.#pipe?.send(encodeFrame(frame))
  }

  #listen(pipe: Pipe): void {
    this.#pipe = pipe
    pipe.receive({
      message: (bytes) => {
        if (this.#pipe === pipe) this.#message(bytes)
      },
      closed: () => {
        if (this.#pipe === pipe) this.#lost(broken())
      },
    })
  }

  #message(bytes: Uint8Array): void {
    try {
      this.#take(decodeFrameFromSite(bytes))
    } catch (error) {
      this.#end(protocolError(error))
    }
  }

  #take(frame: FrameFromSite): void {
    switch (frame[0]) {
      case 'replies':
        this.#durablePosition = Math.max(this.#durablePosition, frame[1])
        for (const [number, outcome] of frame[2]) this.client.reply(number, outcome)
        return this.#acknowledgeLater()
      case 'note':
        return this.#settings.ears.note?.(frame[2], frame[1])
      case 'durable':
        this.#durablePosition = Math.max(this.#durablePosition, frame[1])
        return this.#settings.ears.durable?.(frame[1])
      case 'answer':
        return this.#questions.answer(frame[1], frame[2])
      case 'pong':
        return this.#questions.answer(frame[1], { value: null })
      case 'blob':
        return this.#questions.piece(frame[1], frame[2], frame[3])
      case 'bye': {
        const error = errorOf({ name: 'PerdureError', code: frame[1], message: frame[2] }) as PerdureError
        return isEndOfOwner(error) ? this.#lost(error) : this.#end(error)
      }
    }
  }

  /** Replies that are kept for nobody are given up soon, also when nothing is issued that would say so. */
  #acknowledgeLater(): void {
    if (this.#acknowledgement !== undefined || !this.client.shouldAcknowledge) return
    this.#acknowledgement = this.#settings.clock.after(ACKNOWLEDGE_MS, () => {
      this.#acknowledgement = undefined
      if (this.client.shouldAcknowledge) this.client.acknowledge()
    })
  }

  /** The pipe is of no use any more. */
  #lost(error: PerdureError): void {
    const { lasting } = this.#settings
    if (lasting === undefined) return this.#end(error)
    this.#drop()
    const { clock, label } = this.#settings
    this.#search = new Search({
      ...lasting,
      clock,
      hello: { label, logId: this.logId, as: [this.session, this.#secret] },
      cause: error,
      found: (pipe, welcome) => this.#found(pipe, welcome),
      failed: (failure) => this.#end(failure),
    })
  }

  /** M2. */
  #found(pipe: Pipe, [, , , generation, , position, codes]: Welcome): void {
    this.#search = undefined
    this.#generation = generation
    this.#codes = new Map(Object.entries(codes))
    this.#durablePosition = Math.max(this.#durablePosition, position)
    this.#pieces = new PieceSender(pipe)
    this.#listen(pipe)
    this.sendAll(this.client.unanswered())
    this.#questions.askAgain()
    for (const resume of this.#whenFound.splice(0)) resume()
  }

  #drop(): void {
    const pipe = this.#pipe
    this.#pipe = undefined
    this.#outgoing = []
    this.#pieces.stop()
    pipe?.close()
  }

  #end(error: PerdureError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#drop()
    this.#search?.stop()
    this.#acknowledgement?.cancel()
    this.#questions.end(error)
    this.client.closed(error)
    this.#settings.ears.closed?.(error)
  }

  close(): void {
    if (this.#ended !== undefined) return
    this.#flush()
    this.#send(['bye'])
    this.#end(new PerdureError('PERDURE_E_CLOSED', CLOSED_HERE))
  }
}

function protocolError(error: unknown): PerdureError {
  return error instanceof PerdureError ? error : new PerdureError('PERDURE_E_PROTOCOL', String(error), { cause: error })
}

function broken(): PerdureError {
  return new PerdureError(
    'PERDURE_E_SESSION_LOST',
    'The connection to the owner of the site was lost; the outcome of what was under way is unknown. Open the site again and look.',
  )
}
