/**
 * Orders for members that cannot poll: the service waits on their behalf and posts what there is to do to the URL they have named
 * (Zweiacker 1997, POGSrecover as a callback interface).
 *
 * Boundary: part of the shell. A lost post is repeated until the member is heard of in the new epoch; only this machine is called.
 */
import type { Clock } from '../clock.ts'
import type { Connection } from '../log/connection.ts'
import type { Order } from '../mechanisms/checkpoint/attached/protocol.ts'

/** A long poll on behalf of a member. */
const WAIT_MS = 20_000
/** For a member to take an order. */
const POST_MS = 5_000
/** Between two posts of the same order. */
const REPEAT_MS = 250

interface SeatView {
  readonly name: string
  readonly incarnation: number
  readonly epoch: number
  readonly callback: string | null
}

export class Webhooks {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #followed = new Set<string>()
  #closed = false

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection
    this.#clock = clock
  }

  /** All members with a callback, as after a restart. */
  async followAll(): Promise<void> {
    const contexts = (await this.#connection.query('attached', 'contexts', [])) as readonly string[]
    for (const context of contexts)
      for (const { name, callback } of await this.#seats(context)) if (callback !== null) this.follow(context, name)
  }

  follow(context: string, member: string): void {
    const key = `${context}/${member}`
    if (this.#closed || this.#followed.has(key)) return
    this.#followed.add(key)
    const following = this.#follow(context, member).catch(() => undefined)
    void following.finally(() => this.#followed.delete(key))
  }

  close(): void {
    this.#closed = true
  }

  async #follow(context: string, member: string): Promise<void> {
    // The log tells to save only once; all else is said until it is done.
    let notTaken: Order | undefined
    while (!this.#closed) {
      const seat = (await this.#seats(context)).find(({ name }) => name === member)
      if (seat === undefined || seat.callback === null) return
      const { incarnation, epoch, callback } = seat
      const heard = await this.#wait({ context, member, incarnation, epoch, waitMs: notTaken ? 0 : WAIT_MS })
      const order = heard?.do === 'nothing' ? (notTaken ?? heard) : heard
      if (this.#closed) return
      const taken = order !== undefined && (await this.#post(callback, order))
      notTaken = !taken && order?.do === 'save' ? order : undefined
      if (!taken || order.do !== 'nothing') await this.#pause()
    }
  }

  /** Undefined: the member was replaced meanwhile. */
  #wait(body: object): Promise<Order | undefined> {
    const waiting = this.#connection.client.issue('attached.wait', [body]) as Promise<Order>
    return waiting.catch(() => undefined)
  }

  async #post(url: string, order: Order): Promise<boolean> {
    const giveUp = new AbortController()
    const timer = this.#clock.background(POST_MS, () => giveUp.abort())
    try {
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify(order)
      const response = await fetch(url, { method: 'POST', headers, body, signal: giveUp.signal, redirect: 'error' })
      await response.body?.cancel()
      return response.ok
    } catch {
      return false
    } finally {
      timer.cancel()
    }
  }

  async #seats(context: string): Promise<readonly SeatView[]> {
    return ((await this.#connection.query('attached', 'seats', [context])) ?? []) as readonly SeatView[]
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#clock.background(REPEAT_MS, resolve))
  }
}

/** Names and addresses of this machine itself. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
