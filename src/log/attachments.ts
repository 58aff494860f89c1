/**
 * Where each session is attached now, and how long the absent ones may still come back.
 *
 * A bound session is over when its connection is. A lasting one is waited for: its client may have lost the connection, or its whole
 * process; which of the two, only time tells.
 *
 * Boundary: knows connections as listeners, and a clock; ending a session is an entry of the log, which others write.
 *   T1  A session has at most one connection, the newest; whatever an older one still sends or loses does not concern it.
 *   T2  A lasting session is given up once it has been away for REATTACH_MS while this gateway was up, not before.
 */
import type { Clock, Timer } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import type { Outcome } from './machine.ts'

/** The other end of a session. */
export interface Listener {
  reply(number: number, outcome: Outcome, position: number): void
  note(body: readonly unknown[], position: number): void
  durableTo(position: number): void
  /** The session is over; nothing follows. */
  closed(error: PerdureError): void
}

/**
 * 30 s: an owner that was killed is started again, and has replayed a long log, within that; and it is how long what a dead
 * client waits for, or holds, is kept from others.
 */
export const REATTACH_MS = 30_000

const TAKEN_OVER =
  'The same client has connected to the site again; this older connection of it is over. Go on with the newer connection.'

export class Attachments {
  readonly #clock: Clock
  readonly #giveUp: (session: number) => void
  readonly #listeners = new Map<number, Listener>()
  readonly #absent = new Map<number, Timer>()

  /** `giveUp` hears of sessions that have been away for too long. */
  constructor(clock: Clock, giveUp: (session: number) => void) {
    this.#clock = clock
    this.#giveUp = giveUp
  }

  of(session: number): Listener | undefined {
    return this.#listeners.get(session)
  }

  get all(): IterableIterator<Listener> {
    return this.#listeners.values()
  }

  /** Lasting sessions that are without a connection. */
  get absent(): number {
    return this.#absent.size
  }

  /** T1: ends the connection that the session had, if any. */
  attach(session: number, listener: Listener): void {
    const older = this.#listeners.get(session)
    this.#present(session)
    this.#listeners.set(session, listener)
    older?.closed(new PerdureError('PERDURE_E_SESSION_LOST', TAKEN_OVER))
  }

  /** True if the session had this connection, and has none now. */
  detach(session: number, listener: Listener): boolean {
    return this.#listeners.get(session) === listener && this.#listeners.delete(session)
  }

  /** From now on the session is waited for (T2). */
  awaitReturn(session: number): void {
    const timer = this.#clock.after(REATTACH_MS, () => {
      this.#absent.delete(session)
      this.#giveUp(session)
    })
    this.#present(session)
    this.#absent.set(session, timer)
  }

  /** Nobody comes back any more; tells all who are there. */
  end(error: PerdureError): void {
    for (const timer of this.#absent.values()) timer.cancel()
    this.#absent.clear()
    const listeners = [...this.#listeners.values()]
    this.#listeners.clear()
    for (const listener of listeners) listener.closed(error)
  }

  #present(session: number): void {
    this.#absent.get(session)?.cancel()
    this.#absent.delete(session)
  }
}
