/**
 * A node inside the program itself: joins the site, executes what it is given, and joins again when it was fenced.
 *
 * A program that was stopped or cut off for too long finds that its runs have gone on elsewhere. What it still had of them is
 * destroyed; then it joins as somebody new, which is the same as joining for the first time (rule 7).
 *
 * Boundary: one node over one connection at a time. When the site itself is gone there is nothing to join.
 */
import type { Connection } from '../../../log/connection.ts'
import { failureOf } from '../../../log/outcome.ts'
import type { SiteLink } from '../../../log/site.ts'
import { type HostedDefinition, RunHost } from './host.ts'
import type { AttemptIdentity } from './port.ts'
import { stallMeter } from './stalls.ts'

interface Membership {
  readonly host: RunHost
  readonly connection: Connection
  readonly stopBeating: (() => void) | undefined
}

export class OwnNode {
  readonly #link: SiteLink
  readonly #name: string
  readonly #definitions: readonly HostedDefinition[]
  readonly #capacity: number
  #membership: Membership | undefined
  #unwatch: (() => void) | undefined
  #closing = false

  constructor(link: SiteLink, name: string, definitions: readonly HostedDefinition[], capacity: number) {
    this.#link = link
    this.#name = name
    this.#definitions = definitions
    this.#capacity = capacity
  }

  /** Rejects with `PERDURE_E_NODE_TAKEN`. */
  async join(): Promise<void> {
    const { clock, logId, owner, pid, workFolders } = this.#link
    let host: RunHost | undefined
    const connection = await this.#link.connect(`host ${this.#name}`, {
      note: (body, position) => host?.note(body, position),
      durable: (position) => host?.durableTo(position),
      closed: () => host?.destroy(),
    })
    host = new RunHost(connection, clock, {
      name: this.#name,
      parent: null,
      parentSession: 0,
      boot: clock.randomId(),
      pid,
      definitions: this.#definitions,
      capacity: this.#capacity,
      logId,
      shared: owner,
      workFolders,
      meter: stallMeter(clock, (turn, heldMs) => this.#stalled(turn, heldMs)),
      log: (definition, key, text) => this.#link.hear({ event: 'log', name: this.#name, definition, key, text }),
      fenced: () => this.#fenced(),
      retire: () => this.#retire(),
    })
    this.#membership = { host, connection, stopBeating: this.#link.beat?.(connection.session) }
    this.#unwatch ??= this.#link.watchBodies?.(
      this.#definitions.some(({ strict }) => strict) ? 'calls and constructors' : 'calls',
    )
    try {
      await host.register()
    } catch (error) {
      this.#part()
      throw error
    }
    // It may have been closed while it joined again.
    if (this.#closing) await this.close()
  }

  #stalled({ run, fence, definition, key, maxTurnMs }: AttemptIdentity, heldMs: number): void {
    const text = `the run ${definition} "${key}" held the event loop of this program for ${heldMs} ms; its maxTurnMs allows ${maxTurnMs}. Long computations belong into workers: host(site, name, definitions, { workers }).`
    this.#link.hear({ event: 'warning', name: this.#name, text })
    this.#membership?.connection.client.issue('process.stalled', [run, fence, heldMs]).catch(() => undefined)
  }

  /** Somebody stops this node; the program around it goes on. */
  #retire(): void {
    const { hear, clock, pid } = this.#link
    this.#closing = true
    hear({ event: 'exit', name: this.#name, pid, reason: 'it was stopped' })
    clock.hop(() => void this.close())
  }

  #fenced(): void {
    const { hear, clock, pid } = this.#link
    if (this.#closing) return
    hear({ event: 'exit', name: this.#name, pid, reason: 'it was silent for too long and has been fenced; it joins again' })
    // A note comes in the middle of an operation that is being applied, so nothing may be sent at once.
    clock.hop(() => {
      this.#part()
      if (this.#closing) return
      this.join().catch((error: unknown) => {
        hear({ event: 'exit', name: this.#name, pid, reason: `it cannot join again: ${failureOf(error).message}` })
      })
    })
  }

  #part(): void {
    const membership = this.#membership
    this.#membership = undefined
    membership?.host.destroy()
    membership?.stopBeating?.()
    membership?.connection.close()
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  /** Leaves in order: the runs go on elsewhere, or wait. */
  async close(): Promise<void> {
    this.#closing = true
    await this.#membership?.host.leave().catch(() => undefined)
    this.#part()
  }
}
