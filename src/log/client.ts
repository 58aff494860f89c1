/**
 * A client of a site: numbers its operations, waits for their replies, gives up when asked to.
 *
 * The same client stands over a gateway in the same process (`gateway-link.ts`) and over a socket (`remote.ts`); a `Link` is
 * what differs.
 *
 * Boundary: no clock but the given one, no I/O but the link.
 *   C1  Operations are numbered in the order of the calls and sent in that order.
 *   C2  A promise settles with the reply from the log, or with the error that ended the session: then its outcome is unknown.
 *   C3  An operation that could not be encoded has no number and was not sent.
 */
import { PerdureError } from '../errors.ts'
import { decode, encode } from './codec/codec.ts'
import type { Caller, Outcome } from './machine.ts'
import { encodeOperation, MAX_RANGES, type Range } from './operation.ts'
import { errorOf } from './outcome.ts'
import { MAX_OPEN } from './sessions.ts'

export interface IssueOptions {
  readonly signal?: AbortSignal | undefined
  /** On whose behalf, for `withdraw`. */
  readonly owner?: object | undefined
}

/** Unsent operations of one client: with more the program produces faster than any disk takes, for longer than a moment. */
const MAX_QUEUED = 65_536

/**
 * Bytes of operations that wait for their reply: far more than may be undurable, and far less than a pipe holds for a side that
 * does not read.
 */
const MAX_PENDING_BYTES = 64 * 1024 * 1024

/** The way to the gateway. */
export interface Link {
  /** Sends an encoded operation; a link keeps the order. */
  send(operation: Uint8Array): void
  /** True when the other side wants to be sent less; `whenRelieved` calls back once. */
  readonly pressed: boolean
  whenRelieved(resume: () => void): void
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly owner: object | undefined
  readonly signal: AbortSignal | undefined
  readonly onAbort: (() => void) | undefined
  /** Why it was withdrawn here, if it was. */
  reason: unknown
  /** Of its operation, once sent. */
  bytes: number
}

interface Queued {
  readonly code: number
  readonly args: readonly unknown[]
  readonly pending: Pending
}

export class Client {
  readonly session: number
  readonly #caller: Caller
  readonly #link: Link
  readonly #code: (name: string) => number
  readonly #pending = new Map<number, Pending>()
  #queue: Queued[] = []
  #pendingBytes = 0
  #received: [number, number][] = []
  #next = 1
  #ended: PerdureError | undefined

  constructor(session: number, link: Link, code: (name: string) => number) {
    this.session = session
    this.#caller = { kind: 'session', id: session }
    this.#link = link
    this.#code = code
  }

  /** Operations whose reply is still to come. */
  get open(): number {
    return this.#pending.size
  }

  issue(name: string, args: readonly unknown[], { signal, owner }: IssueOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = signal && (() => this.#withdraw(pending, signal.reason))
      const pending: Pending = { resolve, reject, owner, signal, onAbort, reason: undefined, bytes: 0 }
      try {
        if (this.#queue.length === 0 && this.#hasRoom()) this.#send(this.#code(name), args, pending)
        else this.#enqueue(this.#code(name), args, pending)
        if (onAbort) signal.addEventListener('abort', onAbort, { once: true })
      } catch (error) {
        reject(error)
      }
    })
  }

  /** Withdraws every waiting operation of this owner. */
  withdraw(owner: object, reason: Error): void {
    const pendings = [...this.#pending.values(), ...this.#queue.map(({ pending }) => pending)]
    for (const pending of pendings) if (pending.owner === owner) this.#withdraw(pending, reason)
  }

  #enqueue(code: number, args: readonly unknown[], pending: Pending): void {
    if (this.#queue.length >= MAX_QUEUED) {
      throw new PerdureError(
        'PERDURE_E_BUSY',
        `${MAX_QUEUED} operations wait to be sent and ${this.#pending.size} for their reply; this one was not sent. Await replies before issuing more.`,
      )
    }
    // Refused here if at all: a value that is too large must not stand in the way of those behind it.
    this.#queue.push({ code, args: decode(encode(args)) as readonly unknown[], pending })
    if (this.#link.pressed) this.#link.whenRelieved(() => this.#drain())
  }

  #send(code: number, args: readonly unknown[], pending: Pending): void {
    const received: readonly Range[] = this.#received.length > MAX_RANGES ? this.#received.slice(0, MAX_RANGES) : this.#received
    const operation = encodeOperation({ caller: this.#caller, number: this.#next, code, received }, args)
    if (received.length > 0) this.#received = this.#received.slice(received.length)
    pending.bytes = operation.length
    this.#pendingBytes += operation.length
    this.#pending.set(this.#next, pending)
    this.#next += 1
    this.#link.send(operation)
  }

  #hasRoom(): boolean {
    return this.#pending.size < MAX_OPEN && this.#pendingBytes < MAX_PENDING_BYTES && !this.#link.pressed
  }

  #drain(): void {
    let sent = 0
    while (sent < this.#queue.length && this.#hasRoom()) {
      const { code, args, pending } = this.#queue[sent] as Queued
      this.#send(code, args, pending)
      sent += 1
    }
    if (sent > 0) this.#queue = this.#queue.slice(sent)
    if (this.#queue.length > 0 && this.#link.pressed) this.#link.whenRelieved(() => this.#drain())
  }

  /** The link brings a reply. */
  reply(number: number, outcome: Outcome): void {
    const pending = this.#pending.get(number)
    if (pending === undefined) return
    this.#pending.delete(number)
    this.#pendingBytes -= pending.bytes
    this.#remember(number)
    settle(pending, outcome)
    if (this.#queue.length > 0) this.#drain()
  }

  /** Replies mostly come in order, so what was received is a few ranges. */
  #remember(number: number): void {
    const last = this.#received.at(-1)
    if (last !== undefined && last[1] === number - 1) last[1] = number
    else this.#received.push([number, number])
  }

  #withdraw(pending: Pending, reason: unknown): void {
    const index = this.#queue.findIndex((queued) => queued.pending === pending)
    if (index >= 0) {
      this.#queue.splice(index, 1)
      return pending.reject(reason)
    }
    for (const [number, other] of this.#pending) {
      if (other !== pending || pending.reason !== undefined) continue
      pending.reason = reason
      this.issue('site.withdraw', [number]).catch(() => undefined)
    }
  }

  /** The session is over: what is under way has an unknown outcome. */
  closed(error: PerdureError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    const pendings = [...this.#pending.values(), ...this.#queue.map((queued) => queued.pending)]
    this.#pending.clear()
    this.#queue = []
    for (const pending of pendings) {
      release(pending)
      pending.reject(error)
    }
  }
}

function settle(pending: Pending, outcome: Outcome): void {
  release(pending)
  if ('value' in outcome) pending.resolve(outcome.value)
  else if (outcome.error.code === 'PERDURE_E_ABORTED' && pending.reason !== undefined) pending.reject(pending.reason)
  else pending.reject(errorOf(outcome.error))
}

function release(pending: Pending): void {
  if (pending.onAbort) pending.signal?.removeEventListener('abort', pending.onAbort)
}
