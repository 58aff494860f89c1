/**
 * What an attempt needs of whoever hosts it, and what it is told about itself.
 */
import type { Clock } from '../../clock.ts'
import type { Blobs } from '../../log/log.ts'

/** Measures how long a turn holds the event loop. */
export interface TurnMeter {
  begin(run: number, fence: number, maxTurnMs: number): void
  end(): void
}

export interface AttemptPort {
  readonly clock: Clock
  readonly blobs: Blobs
  readonly logId: string
  readonly meter: TurnMeter
  /** True where deliveries share memory with the machine and must be copied. */
  readonly shared: boolean
  code(name: string): number
  send(operations: readonly Uint8Array[]): void
  durableTo(position: number): Promise<void>
  /** Resolves once the site has confirmed, not long ago, that this host is not fenced. */
  confirmed(): Promise<void>
  /** A line of `p.log`. */
  log(run: number, key: string, text: string): void
}

export interface AttemptIdentity {
  readonly run: number
  readonly fence: number
  readonly incarnation: number
  readonly key: string
  readonly maxTurnMs: number
  readonly strict: boolean
}
