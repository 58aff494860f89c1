/**
 * What an attempt needs of whoever hosts it, and what it is told about itself.
 */
import type { Clock } from '../../../clock.ts'
import type { Blobs } from '../../../log/log.ts'
import type { CopyPart } from './granted.ts'
import type { WorkFiles } from './work-files.ts'

/** Measures how long a turn holds the event loop; there is one at a time (`turns.ts`). */
export interface TurnMeter {
  begin(turn: AttemptIdentity): void
  end(): void
}

export interface TurnQueue {
  /**
   * Calls `begin` as soon as no other turn is open. It answers whether it began one; if so, the turn lasts until all microtasks
   * have run, and then `end` is called.
   */
  take(whose: AttemptIdentity, begin: () => boolean, end: () => void): void
}

export interface AttemptPort {
  readonly clock: Clock
  readonly blobs: Blobs
  /** Of the layer replicas. */
  readonly copy?: CopyPart | undefined
  /** Of the layer files. */
  readonly files?: WorkFiles | undefined
  readonly logId: string
  readonly turns: TurnQueue
  /** True where deliveries share memory with the machine and must be copied. */
  readonly shared: boolean
  code(name: string): number
  send(operations: readonly Uint8Array[]): void
  durableTo(position: number): Promise<void>
  /** Resolves once the site has confirmed, not long ago, that this host is not fenced. */
  confirmed(): Promise<void>
  /** Whether that is so now. */
  isConfirmed(): boolean
  /** A line of `p.log`. */
  log(run: number, key: string, text: string): void
}

export interface AttemptIdentity {
  readonly run: number
  readonly fence: number
  readonly incarnation: number
  /** 1 for the first execution of its body. */
  readonly attempt: number
  readonly definition: string
  readonly key: string
  readonly maxTurnMs: number
  readonly strict: boolean
}
