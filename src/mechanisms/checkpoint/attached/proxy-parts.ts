/**
 * What the proxy of an attached member is given, and what it leaves behind: the object, the transport, the store and its records.
 *
 * Boundary: interfaces only.
 */
import type { Edge, EpochLine, Need } from './protocol.ts'

/** What is made recoverable. Plain data in and out. */
export interface Recoverable {
  save(): unknown
  restore(state: unknown): unknown
  // Of any type, since existing objects say what they expect.
  receive(message: never, from: string): unknown
}

/** What the object sees of its proxy; useless once the object was thrown away (`PERDURE_E_REVOKED`). */
export interface Self {
  readonly name: string
  /** Resolves when the transport has it; need not be awaited. Until the object is built and restored it waits. */
  send(to: string, message: unknown): Promise<void>
  /**
   * Resolves with the index when the checkpoint is stable. While the object is being given a message it resolves at once: the checkpoint
   * is taken when `receive` has returned.
   */
  checkpoint(): Promise<number>
}

/** Place of the sender, epoch, interval, and the number among the sender's messages to this receiver in this epoch. */
export type Token = readonly [place: number, epoch: number, index: number, number: number]

/** As it travels over the members' own transport: JSON. */
export interface Wire {
  readonly from: string
  /** Null: from no member. */
  readonly token: Token | null
  readonly edges: readonly Edge[]
  readonly needs: readonly Need[]
  readonly payload: unknown
}

export interface Transport {
  send(to: string, message: Wire): unknown
  /** Calls `receive` for whatever arrives; its promise resolves once the message is stored, so that it can be acknowledged. */
  listen(receive: (message: unknown) => Promise<Receipt>): void
}

/** `dropped`: a duplicate, or a ghost. */
export type Receipt = 'kept' | 'dropped'

/** Calls an operation of the service. A refusal rejects with a `code`; anything else counts as an outage. */
export type Service = (operation: string, body: object) => Promise<unknown>

/** Stable storage: one sequence of records. Each promise resolves when the record is stable; calls take effect in their order. */
export interface Store {
  read(): Promise<readonly StoreRecord[]>
  append(record: StoreRecord): Promise<void>
  replace(records: readonly StoreRecord[]): Promise<void>
  /** The proxy has ended. */
  close?(): Promise<void>
}

export type StoreRecord =
  | { readonly kind: 'message'; readonly wire: Wire }
  /** `at`: messages of the log before it were delivered. */
  | ({ readonly kind: 'checkpoint' } & Saved)
  | { readonly kind: 'lines'; readonly epoch: number; readonly lines: readonly EpochLine[]; readonly to: number | null }
  /** What was forgotten: the log begins here. */
  | { readonly kind: 'base'; readonly at: number; readonly seen: readonly (readonly [string, number, readonly number[]])[] }

export interface Saved {
  readonly index: number
  readonly at: number
  readonly received: readonly number[]
  readonly edges: readonly Edge[]
  /** JSON. */
  readonly state: string
}

export interface Timers {
  /** Calls back after so many milliseconds, unless the returned function is called before. */
  after(ms: number, fire: () => void): () => void
}

/** In the words of a trace (`perdure/checkpoint`). */
export type ProxyEvent =
  | { readonly object: string; readonly kind: 'send'; readonly msg: string; readonly to: string }
  | { readonly object: string; readonly kind: 'receive'; readonly msg: string; readonly from: string; readonly replay?: true }
  | { readonly object: string; readonly kind: 'checkpoint'; readonly index: number; readonly forced: boolean }
  | { readonly object: string; readonly kind: 'rollback'; readonly to: number }

export interface AttachOptions {
  readonly context: string
  readonly name: string
  readonly service: Service
  readonly transport: Transport
  readonly object: (self: Self) => Recoverable
  /** Default: in memory, which survives the object but not the process. */
  readonly store?: Store
  /** Milliseconds the service has for an answer, before safe mode. Default: 2,000. */
  readonly answerMs?: number
  /** Milliseconds between attempts to reach the service. Default: 250. */
  readonly retryMs?: number
  /** Milliseconds of a long poll; null: where the service is in this process and cannot be away. Default: 20,000. */
  readonly waitMs?: number | null
  readonly timers?: Timers
  /** URL where the service posts its orders, which go to `heed`; default: the member polls. */
  readonly callback?: string
  /** Names this life of the proxy; default: random. */
  readonly boot?: string
  readonly observe?: (event: ProxyEvent) => void
  /** Hears why the member has ended for good: it was replaced, deleted, or breaks again and again. */
  readonly ended?: (error: Error) => void
}
