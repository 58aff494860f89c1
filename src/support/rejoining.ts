/**
 * Somebody who takes part in a site over a connection of its own, and comes back as somebody new when it has ended.
 *
 * A connection ends with its owner, or because it was cut; a site that is gone for good is told from one that is started again by time only.
 *
 * Boundary: connections and time; what is done over a connection is its `Part`'s business.
 *   J1  At most one part is there at a time; before the next one begins the last one was destroyed.
 *   J2  After `close` none begins.
 */
import type { Timer } from '../clock.ts'
import { type ErrorCode, PerdureError } from '../errors.ts'
import { REATTACH_MS } from '../log/attachments.ts'
import type { Connection } from '../log/connection.ts'
import { failureOf } from '../log/outcome.ts'
import type { SiteLink } from '../log/site.ts'

/** An owner that is started again is there within tenths of a second, or takes long anyway. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

/** What takes part over one connection. */
export interface Part {
  note(body: readonly unknown[], position: number): void
  /** Everything up to this position is durable. */
  durable?(position: number): void
  destroy(): void
}

export interface Joining<P extends Part> {
  /** Of the connection, for people. */
  readonly label: string
  begin(connection: Connection): P
  /** Makes the part known to the site. */
  enter(part: P): Promise<void>
  /** It does not come back: the site was gone for too long, or does not want it. */
  gone(reason: string): void
}

interface Membership<P extends Part> {
  readonly part: P
  readonly connection: Connection
  readonly stopBeating: (() => void) | undefined
}

export class Rejoining<P extends Part> {
  readonly #link: SiteLink
  readonly #joining: Joining<P>
  #membership: Membership<P> | undefined
  #joiningNow: Promise<void> | undefined
  #timer: Timer | undefined
  #closed = false

  constructor(link: SiteLink, joining: Joining<P>) {
    this.#link = link
    this.#joining = joining
  }

  /** Does something over the present connection, or the next one; for as long as a site may be away. */
  async patiently<R>(act: (part: P) => Promise<R>): Promise<R> {
    const { clock } = this.#link
    const sinceMs = clock.monotonicMs()
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        if (this.#membership === undefined) await this.join()
        if (this.#membership !== undefined) return await act(this.#membership.part)
      } catch (error) {
        if (this.#closed || !isAway(error) || clock.monotonicMs() - sinceMs > REATTACH_MS) throw error
      }
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve))
    }
  }

  /** Rejects with what the site refuses; does nothing where a part is there. */
  join(): Promise<void> {
    this.#joiningNow ??= this.#join().finally(() => {
      this.#joiningNow = undefined
    })
    return this.#joiningNow
  }

  async #join(): Promise<void> {
    if (this.#membership !== undefined) return
    let part: P | undefined
    const early: (readonly [body: readonly unknown[], position: number])[] = []
    let ended = false
    const connection = await this.#link.connect(this.#joining.label, {
      note: (body, position) => (part === undefined ? void early.push([body, position]) : part.note(body, position)),
      durable: (position) => part?.durable?.(position),
      closed: () => {
        ended = true
        part?.destroy()
        if (part !== undefined && this.#membership?.part === part) this.#lost()
      },
    })
    if (this.#closed || ended) {
      connection.close()
      if (this.#closed) return
      throw new PerdureError('PERDURE_E_SESSION_LOST', 'The connection to the site was lost while it was being made.')
    }
    part = this.#joining.begin(connection)
    const membership: Membership<P> = { part, connection, stopBeating: this.#link.beat?.(connection.session) }
    this.#membership = membership
    for (const [body, position] of early) part.note(body, position)
    try {
      await this.#joining.enter(part)
    } catch (error) {
      if (this.#membership === membership) this.#part()
      throw error
    }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#part()
  }

  #part(): void {
    const membership = this.#membership
    this.#membership = undefined
    membership?.part.destroy()
    membership?.stopBeating?.()
    membership?.connection.close()
  }

  #lost(): void {
    this.#part()
    if (!this.#closed) this.#again(this.#link.clock.monotonicMs(), FIRST_PAUSE_MS)
  }

  #again(sinceMs: number, pauseMs: number): void {
    const { clock } = this.#link
    this.#timer = clock.after(pauseMs, () => {
      this.join().catch((error: unknown) => {
        if (this.#closed) return
        if (clock.monotonicMs() - sinceMs < REATTACH_MS && (isAway(error) || PerdureError.is(error, 'PERDURE_E_NODE_TAKEN')))
          return this.#again(sinceMs, Math.min(2 * pauseMs, LONGEST_PAUSE_MS))
        this.#joining.gone(`it cannot join again: ${failureOf(error).message}`)
      })
    })
  }
}

/** A site that is being started again; a connection that was cut while it was being made. */
function isAway(error: unknown): boolean {
  return ['PERDURE_E_SESSION_LOST', 'PERDURE_E_FOLDER', 'PERDURE_E_TIMEOUT'].some((code) =>
    PerdureError.is(error, code as ErrorCode),
  )
}
