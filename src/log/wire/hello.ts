/**
 * The first words of a client: hello, and the welcome that comes back; and how a client finds the owner of its site again.
 *
 * Boundary: pipes are given by a `Way`; where they lead is the shell's business.
 *   H1  A session is gone on with, or it is over: never is a new one begun in its place.
 */
import type { Clock, Timer } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import { errorOf } from '../outcome.ts'
import { decodeFrameFromSite, encodeFrame, type FrameFromSite, type HelloAs, type Pipe, PROTOCOL } from './frames.ts'

/** How long the other side may take to answer a `hello`. */
export const HELLO_MS = 10_000

/** From the first attempt to find the owner to the longest time between two: a new owner is met soon, and not besieged. */
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 500

/** Opens a connection to whoever owns the site now; rejects when there is nobody. */
export type Way = () => Promise<Pipe>

export type Welcome = Extract<FrameFromSite, readonly ['welcome', ...unknown[]]>

export interface Hello {
  readonly label: string
  /** Of the log that is expected; null for any. */
  readonly logId: string | null
  readonly as: HelloAs
}

export interface Greeted {
  /** Called in the turn in which the welcome came, before anything that follows it. */
  welcomed(welcome: Welcome): void
  /** `again`: another attempt may come to another end. */
  failed(error: PerdureError, what: 'again' | 'final'): void
}

/** Says hello over a pipe. One of the two is called once; after `failed` the pipe is closed. */
export function greet(pipe: Pipe, clock: Clock, { label, logId, as }: Hello, greeted: Greeted): void {
  let over = false
  const fail = (error: PerdureError, what: 'again' | 'final') => {
    if (over) return
    over = true
    timer.cancel()
    pipe.close()
    greeted.failed(error, what)
  }
  const timer = clock.after(HELLO_MS, () => fail(silent(), 'again'))
  pipe.receive({
    message(bytes) {
      if (over) return
      const frame = firstFrame(bytes)
      if (frame instanceof PerdureError) return fail(frame, isEndOfOwner(frame) ? 'again' : 'final')
      over = true
      timer.cancel()
      greeted.welcomed(frame)
    },
    closed: () => fail(gone(), 'again'),
  })
  pipe.send(encodeFrame(['hello', PROTOCOL, label, logId, as]))
}

/** An owner that closes its site, or whose disk failed: its place may be taken by another. */
export function isEndOfOwner(error: PerdureError): boolean {
  return error.code === 'PERDURE_E_CLOSED' || error.code === 'PERDURE_E_LOG_FAILED'
}

export interface SearchParts {
  readonly way: Way
  readonly clock: Clock
  readonly hello: Hello
  /** After which time without a connection there is no hope left. */
  readonly graceMs: number
  /** Why there is none. */
  readonly cause: PerdureError
  found(pipe: Pipe, welcome: Welcome): void
  /** The session is over. */
  failed(error: PerdureError): void
}

/** Looks for the owner of a site until it is found, or the time is over. */
export class Search {
  readonly #parts: SearchParts
  readonly #deadline: Timer
  #cause: PerdureError
  #pauseMs = FIRST_PAUSE_MS
  #pause: Timer | undefined
  #pipe: Pipe | undefined
  #over = false

  constructor(parts: SearchParts) {
    this.#parts = parts
    this.#cause = parts.cause
    this.#deadline = parts.clock.after(parts.graceMs, () => this.#giveUp())
    this.#try()
  }

  /** Nobody wants to know any more. */
  stop(): void {
    this.#over = true
    this.#deadline.cancel()
    this.#pause?.cancel()
    this.#pipe?.close()
  }

  #try(): void {
    this.#parts.way().then(
      (pipe) => this.#greet(pipe),
      (error: unknown) => this.#tryLater(error instanceof PerdureError ? error : this.#cause),
    )
  }

  #greet(pipe: Pipe): void {
    if (this.#over) return pipe.close()
    this.#pipe = pipe
    const { clock, hello, found, failed } = this.#parts
    greet(pipe, clock, hello, {
      welcomed: (welcome) => {
        if (this.#over) return
        this.#pipe = undefined
        this.stop()
        found(pipe, welcome)
      },
      failed: (error, what) => {
        if (what === 'again') return this.#tryLater(error)
        if (this.#over) return
        this.stop()
        failed(error)
      },
    })
  }

  #tryLater(cause: PerdureError): void {
    this.#pipe = undefined
    if (this.#over) return
    this.#cause = cause
    const { clock } = this.#parts
    this.#pause = clock.after(this.#pauseMs * spread(clock), () => this.#try())
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
  }

  #giveUp(): void {
    const { graceMs, failed } = this.#parts
    this.stop()
    const text = `The connection to the owner of the site was lost, and nobody who owns it was found within ${graceMs} ms; the outcome of what was under way is unknown. Open the site again and look.`
    failed(new PerdureError('PERDURE_E_SESSION_LOST', text, { cause: this.#cause }))
  }
}

/** Between a half and one: those who lost the same owner do not come at the same time. */
function spread(clock: Clock): number {
  return 0.5 + Number.parseInt(clock.randomId().slice(0, 4), 16) / 2 ** 17
}

function firstFrame(bytes: Uint8Array): Welcome | PerdureError {
  try {
    const frame = decodeFrameFromSite(bytes)
    if (frame[0] === 'bye') return errorOf({ name: 'PerdureError', code: frame[1], message: frame[2] }) as PerdureError
    if (frame[0] === 'welcome') return frame
    return new PerdureError('PERDURE_E_PROTOCOL', 'The site did not answer with a welcome.')
  } catch (error) {
    return error instanceof PerdureError ? error : new PerdureError('PERDURE_E_PROTOCOL', String(error), { cause: error })
  }
}

function silent(): PerdureError {
  return new PerdureError(
    'PERDURE_E_TIMEOUT',
    `The owner of the site did not answer within ${HELLO_MS} ms. It may be stopped or overloaded.`,
  )
}

function gone(): PerdureError {
  return new PerdureError('PERDURE_E_SESSION_LOST', 'The owner of the site closed the connection before it began.')
}
