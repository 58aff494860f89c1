/**
 * Tuples that are there for a while only: from `notBeforeMs` after their `out`, for `leaseMs`.
 *
 * A tuple with `notBeforeMs` counts as put when that time has passed: nobody sees it before, and then it stands behind all that are
 * there. Several that are due at the same time come in the order of their `out`. The lease begins when the tuple can be seen. Both
 * are wall time of the log: a lease also ends while the site is down, and the tuple is gone before anybody could take it.
 *
 * Boundary: book-keeping. What happens when the time has come is decided in `serving.ts`.
 */
import { isLease } from './holds.ts'
import type { Stored } from './tuple-class.ts'
import { isDuration } from './wire.ts'

/** What was asked for with an `out`. */
export interface OutTerms {
  readonly leaseMs: number | undefined
  readonly notBeforeMs: number
}

/** A tuple that nobody sees yet. */
export interface Delayed {
  /** Rises with every `out`; also the token of its deadline. */
  readonly order: number
  /** Of its `out`. */
  readonly position: number
  readonly space: string
  readonly fields: readonly unknown[]
  readonly weight: number
  readonly leaseMs: number | undefined
  /** Wall time at which it appears. */
  readonly dueMs: number
}

export interface Leased {
  readonly space: string
  readonly stored: Stored
}

export class Leases {
  /** By token: the order of the tuple. */
  readonly delayed: Map<number, Delayed> = new Map()
  /** Tuples in a space whose lease will end, by token: their order. */
  readonly leased: Map<number, Leased> = new Map()

  /** In the order of their `out`. */
  allDelayed(): Delayed[] {
    return [...this.delayed.values()].sort((a, b) => a.order - b.order)
  }
}

const AT_ONCE: OutTerms = { leaseMs: undefined, notBeforeMs: 0 }

/** Reads the options of an `out`. An `acknowledge` only asks for an answer, which every `out` is given anyway. */
export function readOutTerms(given: unknown): OutTerms | undefined {
  if (given === undefined) return AT_ONCE
  if (typeof given !== 'object' || given === null) return undefined
  const { leaseMs, notBeforeMs = 0, acknowledge = true, ...others } = given as Record<string, unknown>
  if (Object.keys(others).length > 0 || acknowledge !== true || !isDuration(notBeforeMs)) return undefined
  return leaseMs === undefined || isLease(leaseMs) ? { leaseMs, notBeforeMs } : undefined
}
