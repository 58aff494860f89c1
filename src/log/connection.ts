/**
 * A connection to a site: one session, in the process that owns the log (`LocalConnection`) or over a pipe (`remote.ts`).
 *
 * Besides the client's operations and replies it carries what hosts of runs need: operations of runs, notes, and how far the
 * log is durable.
 */
import { PerdureError } from '../errors.ts'
import type { Listener } from './attachments.ts'
import { Client, type Link } from './client.ts'
import { copyValue } from './codec/codec.ts'
import type { Gateway } from './gateway.ts'
import type { Blobs } from './log.ts'
import type { Outcome } from './machine.ts'
import { Watchers } from './watch/stream.ts'

/** What the holder of a connection hears. */
export interface Ears {
  /** Sent by a machine at `position`, which need not be durable yet. */
  note?(body: readonly unknown[], position: number): void
  durable?(position: number): void
  /** The session is over, also when this side closed it. */
  closed?(error: PerdureError): void
}

export interface Connection {
  readonly session: number
  readonly client: Client
  /** Position up to which everything is known to be durable. */
  readonly durablePosition: number
  readonly blobs: Blobs
  /** Of changes, for this session. */
  readonly watchers: Watchers
  /** Sends encoded operations of runs, in order. */
  sendAll(operations: readonly Uint8Array[]): void
  query(machine: string, question: string, args: readonly unknown[]): Promise<unknown>
  /** Resolves when everything this connection has caused so far is durable. */
  durable(): Promise<void>
  /** Resolves once the site has answered that this session still lives. */
  confirm(): Promise<void>
  /** The code of an operation in the log format. */
  code(name: string): number
  close(): void
}

export const CLOSED_HERE = 'The connection to the site is closed on this side. Open the site again to go on.'

/** A session in the process that owns the log. */
export class LocalConnection implements Connection, Listener, Link {
  readonly session: number
  readonly client: Client
  readonly blobs: Blobs
  readonly watchers: Watchers
  readonly #gateway: Gateway
  readonly #ears: Ears
  #open = true

  constructor(gateway: Gateway, label: string, ears: Ears = {}) {
    this.#gateway = gateway
    this.#ears = ears
    this.blobs = gateway.log.blobs
    this.session = gateway.enter(label, this)
    this.client = new Client(this.session, this, (name) => gateway.replica.code(name))
    this.watchers = new Watchers((machine, question, args) =>
      this.#open
        ? gateway.query(machine, question, args, this.session)
        : Promise.reject(new PerdureError('PERDURE_E_CLOSED', CLOSED_HERE)),
    )
  }

  get durablePosition(): number {
    return this.#gateway.durablePosition
  }

  /** The session ends with the site. */
  get lasting(): boolean {
    return false
  }

  get pressed(): boolean {
    return this.#gateway.pressed
  }

  whenRelieved(resume: () => void): void {
    this.#gateway.whenRelieved(resume)
  }

  send(operation: Uint8Array): void {
    this.#gateway.submit(operation)
  }

  sendAll(operations: readonly Uint8Array[]): void {
    for (const operation of operations) this.#gateway.submit(operation)
  }

  query(machine: string, question: string, args: readonly unknown[]): Promise<unknown> {
    return this.#gateway.query(machine, question, args).then(copyValue)
  }

  async durable(): Promise<void> {
    await this.client.sent()
    await this.#gateway.durable()
  }

  async confirm(): Promise<void> {
    if (!this.#open) throw new PerdureError('PERDURE_E_CLOSED', CLOSED_HERE)
  }

  code(name: string): number {
    return this.#gateway.replica.code(name)
  }

  reply(number: number, outcome: Outcome): void {
    this.client.reply(number, 'value' in outcome ? { value: copyValue(outcome.value) } : outcome)
  }

  note(body: readonly unknown[], position: number): void {
    this.#ears.note?.(body, position)
  }

  durableTo(position: number): void {
    this.#ears.durable?.(position)
  }

  closed(error: PerdureError): void {
    if (!this.#open) return
    this.#open = false
    this.client.closed(error)
    this.#ears.closed?.(error)
  }

  close(): void {
    if (!this.#open) return
    this.#gateway.leave(this.session, this)
    this.closed(new PerdureError('PERDURE_E_CLOSED', CLOSED_HERE))
  }
}
