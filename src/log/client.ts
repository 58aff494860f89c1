/**
 * A client of a site: numbers its operations, waits for their replies, gives up when asked to.
 *
 * The same client stands over a gateway in the same process (`connection.ts`) and over a socket (`wire/remote.ts`); a `Link` is
 * what differs.
 *
 * Boundary: no clock but the given one, no I/O but the link.
 *   C1  Operations are numbered in the order of the calls and sent in that order; withdrawals go before what waits for room.
 *   C2  A promise settles with the reply from the log, or with the error that ended the session: then its outcome is unknown.
 *   C3  An operation that could not be encoded has no number and was not sent.
 *   C4  Over a link that lasts, an operation without reply can be sent again, in the bytes in which it was sent.
 */
import { PerdureError } from '../errors.ts'
import { decode, encode } from './codec/codec.ts'
import type { Outcome } from './machine.ts'
import { encodeOperation, type Issuer, MAX_RANGES, type Range } from './operation.ts'
import { errorOf } from './outcome.ts'
import { MAX_OPEN } from './sessions.ts'
import { weightOf } from './weight.ts'

export interface IssueOptions {
  readonly signal?: AbortSignal | undefined
  /** On whose behalf, for `withdraw`. */
  readonly owner?: object | undefined
  /** Makes of the answer what the program is given. */
  readonly present?: ((answer: unknown) => unknown) | undefined
}

/**
 * Unsent operations of one client, and their bytes: with more the program produces faster than any disk takes, for longer than a
 * moment, or there is no site to send to.
 */
const MAX_QUEUED = 65_536
const MAX_QUEUED_BYTES = 64 * 1024 * 1024

/**
 * Bytes of operations that wait for their reply: far more than may be undurable, and far less than a pipe holds for a side that
 * does not read.
 */
const MAX_PENDING_BYTES = 64 * 1024 * 1024

/** Less than this is not worth an entry of the log, only to say that it was received. */
const WORTH_ACKNOWLEDGING = 64 * 1024
const WORTH_ACKNOWLEDGING_COUNT = 256

/** The way to the gateway. */
export interface Link {
  /** Sends an encoded operation; a link keeps the order. */
  send(operation: Uint8Array): void
  /** True when the other side wants to be sent less; `whenRelieved` calls back once. */
  readonly pressed: boolean
  whenRelieved(resume: () => void): void
  /** True where the session survives the link: what was sent is kept until it is answered, and received replies are acknowledged. */
  readonly lasting: boolean
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly owner: object | undefined
  readonly signal: AbortSignal | undefined
  readonly onAbort: (() => void) | undefined
  /** Why it was withdrawn here, if it was. */
  reason: unknown
  /** Of its operation, once sent; 0 before. */
  number: number
  bytes: number
  /** The operation itself, where it may have to be sent again. */
  operation: Uint8Array | undefined
}

interface Queued {
  readonly code: number
  readonly args: readonly unknown[]
  readonly bytes: number
  readonly pending: Pending
  /** Counts what was queued; what is urgent stands before all that has an order. */
  readonly order: number
}

const URGENT = 0

export class Client {
  readonly session: number
  readonly #caller: Issuer
  readonly #link: Link
  readonly #code: (name: string) => number
  readonly #pending = new Map<number, Pending>()
  #queue: Queued[] = []
  #queuedBytes = 0
  #order = 0
  /** Those who wait until everything queued up to some order has been sent. */
  #whenSent: { readonly order: number; readonly resolve: () => void }[] = []
  #awaitsRelief = false
  #pendingBytes = 0
  /** Weight and number of the replies that the site does not know to be received. */
  #unacknowledged = 0
  #unacknowledgedCount = 0
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

  issue(name: string, args: readonly unknown[], { signal, owner, present }: IssueOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = signal && (() => this.#withdraw(pending, signal.reason))
      const given = present === undefined ? resolve : (answer: unknown) => resolve(present(answer))
      const pending = newPending(given, reject, { owner, signal, onAbort })
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

  /** Sent and not answered, in the order of their numbers (C4). */
  unanswered(): Uint8Array[] {
    return [...this.#pending.values()].flatMap(({ operation }) => operation ?? [])
  }

  /** Resolves when everything issued so far has been sent. */
  sent(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenSent.push({ order: this.#order, resolve }))
  }

  /** True when the site keeps so much for this client that has arrived here that it should be told, should no operation do so. */
  get shouldAcknowledge(): boolean {
    return this.#unacknowledged > WORTH_ACKNOWLEDGING || this.#unacknowledgedCount > WORTH_ACKNOWLEDGING_COUNT
  }

  /** Tells the site what was received, by an operation that does nothing else: withdrawing one that cannot exist. */
  acknowledge(): void {
    this.#insist('site.withdraw', [0])
  }

  /** Sends what makes room, so waits for no room; there are never more of these than operations they are about. */
  #insist(name: string, args: readonly unknown[]): void {
    if (this.#ended !== undefined) return
    const pending = newPending(ignore, ignore, NOBODY)
    const code = this.#code(name)
    if (!this.#link.pressed) return this.#send(code, args, pending)
    this.#queue.unshift({ code, args, bytes: 0, pending, order: URGENT })
    this.#awaitRelief()
  }

  #enqueue(code: number, args: readonly unknown[], pending: Pending): void {
    if (this.#queue.length >= MAX_QUEUED || this.#queuedBytes >= MAX_QUEUED_BYTES) {
      throw new PerdureError(
        'PERDURE_E_BUSY',
        `${this.#queue.length} operations of ${this.#queuedBytes} bytes wait to be sent and ${this.#pending.size} for their reply; this one was not sent. Await replies before issuing more.`,
      )
    }
    // Refused here if at all: a value that is too large must not stand in the way of those behind it.
    const encoded = encode(args)
    this.#order += 1
    this.#queue.push({ code, args: decode(encoded) as readonly unknown[], bytes: encoded.length, pending, order: this.#order })
    this.#queuedBytes += encoded.length
    this.#awaitRelief()
  }

  #awaitRelief(): void {
    if (this.#awaitsRelief || !this.#link.pressed) return
    this.#awaitsRelief = true
    this.#link.whenRelieved(() => {
      this.#awaitsRelief = false
      this.#drain()
    })
  }

  #send(code: number, args: readonly unknown[], pending: Pending): void {
    const received: readonly Range[] = this.#received.length > MAX_RANGES ? this.#received.slice(0, MAX_RANGES) : this.#received
    const operation = encodeOperation({ caller: this.#caller, number: this.#next, code, received }, args)
    if (received.length > 0) {
      this.#received = this.#received.slice(received.length)
      this.#unacknowledged = 0
      for (const [first, last] of received) this.#unacknowledgedCount -= last - first + 1
    }
    pending.number = this.#next
    pending.bytes = operation.length
    if (this.#link.lasting) pending.operation = operation
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
    for (; sent < this.#queue.length; sent += 1) {
      const { code, args, bytes, pending, order } = this.#queue[sent] as Queued
      if (order === URGENT ? this.#link.pressed : !this.#hasRoom()) break
      this.#send(code, args, pending)
      this.#queuedBytes -= bytes
    }
    if (sent > 0) {
      this.#queue = this.#queue.slice(sent)
      this.#tellSent()
    }
    if (this.#queue.length > 0) this.#awaitRelief()
  }

  #tellSent(): void {
    if (this.#whenSent.length === 0) return
    const next = this.#queue.find(({ order }) => order !== URGENT)?.order ?? Number.POSITIVE_INFINITY
    while (this.#whenSent[0] !== undefined && this.#whenSent[0].order < next) this.#whenSent.shift()?.resolve()
  }

  /** The link brings a reply. */
  reply(number: number, outcome: Outcome): void {
    const pending = this.#pending.get(number)
    if (pending === undefined) return
    this.#pending.delete(number)
    this.#pendingBytes -= pending.bytes
    this.#remember(number)
    this.#unacknowledgedCount += 1
    if (this.#link.lasting) this.#unacknowledged += weightOf(outcome)
    // Operations carry few ranges; should replies come in more of them than that, the site must not be left to keep them all.
    if (this.#received.length > MAX_RANGES && this.#unacknowledgedCount > MAX_OPEN / 2) this.acknowledge()
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
    if (pending.reason !== undefined) return
    pending.reason = reason
    if (pending.number > 0) {
      if (this.#pending.has(pending.number)) this.#insist('site.withdraw', [pending.number])
      return
    }
    const index = this.#queue.findIndex((queued) => queued.pending === pending)
    if (index < 0) return
    this.#queuedBytes -= this.#queue[index]?.bytes ?? 0
    this.#queue.splice(index, 1)
    this.#tellSent()
    release(pending)
    pending.reject(reason)
  }

  /** The session is over: what is under way has an unknown outcome. */
  closed(error: PerdureError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    const pendings = [...this.#pending.values(), ...this.#queue.map((queued) => queued.pending)]
    this.#pending.clear()
    this.#queue = []
    this.#queuedBytes = 0
    for (const { resolve } of this.#whenSent.splice(0)) resolve()
    for (const pending of pendings) {
      release(pending)
      pending.reject(error)
    }
  }
}

type Waiting = Pick<Pending, 'owner' | 'signal' | 'onAbort'>

const NOBODY: Waiting = { owner: undefined, signal: undefined, onAbort: undefined }

/** One shape, spelled out: every operation makes one. */
function newPending(resolve: Pending['resolve'], reject: Pending['reject'], { owner, signal, onAbort }: Waiting): Pending {
  return { resolve, reject, owner, signal, onAbort, reason: undefined, number: 0, bytes: 0, operation: undefined }
}

function ignore(): void {}

function settle(pending: Pending, outcome: Outcome): void {
  release(pending)
  if ('value' in outcome) pending.resolve(outcome.value)
  else if (outcome.error.code === 'PERDURE_E_ABORTED' && pending.reason !== undefined) pending.reject(pending.reason)
  else pending.reject(errorOf(outcome.error))
}

function release(pending: Pending): void {
  if (pending.onAbort) pending.signal?.removeEventListener('abort', pending.onAbort)
}
