/**
 * What an object of a member needs of its surroundings, and how much of them it may take.
 *
 * Boundary: an interface and bounds.
 */
import type { Clock } from '../../../clock.ts'
import type { Blobs } from '../../../log/log.ts'

/** Messages in one turn of the event loop, and milliseconds: others have to have their turns, and input and output. */
export const MESSAGES_PER_TURN = 256
export const TURN_MS = 5

/** An object that sends without awaiting is given no more messages while so many of its own are on their way to the log. */
export const MAX_IN_FLIGHT = 4_096

export interface IncarnationPort {
  readonly clock: Clock
  readonly blobs: Blobs
  /** Position up to which everything is durable. */
  readonly durablePosition: number
  issue(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown>
  /** It broke, and is retired. `message`: the position of the delivery it broke in. */
  broken(message: number | null, reason: string): void
  /** It has been given everything that was there for it when it was granted. */
  arrived(): void
  /** Outputs can be given to it from now on. */
  live(): void
  /** Something went wrong that nobody may be waiting for. */
  warn(text: string): void
}
