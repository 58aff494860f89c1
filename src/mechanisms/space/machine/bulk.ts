/**
 * Many tuples at once: how many, and how many bytes of them, one operation moves or answers.
 *
 * Boundary: chooses tuples and changes nothing.
 *   K1  What is chosen are the first that match, without a gap.
 */
import { encode } from '../../../log/codec/codec.ts'
import { MAX_VALUE } from '../../../log/log.ts'
import type { Template } from './match.ts'
import type { TupleStore } from './store.ts'
import type { Stored } from './tuple-class.ts'
import { isSpaceName } from './wire.ts'

/** Some twenty milliseconds in which nobody else is served. */
export const MAX_COLLECTED = 10_000

/** Half of the largest frame, and four of the largest tuples. */
export const MAX_REPLY_BYTES: number = 4 * MAX_VALUE

export interface BulkOptions {
  readonly limit: number
  readonly into: string | undefined
}

/** The first tuples that match: at most `limit`, and so many that, encoded, they have at most `bytes` bytes together. */
export function gather(store: TupleStore, template: Template, limit: number, bytes?: number): readonly Stored[] {
  const found = store.gather(template, limit)
  if (bytes === undefined) return found
  let left = bytes
  const end = found.findIndex(({ fields }) => {
    left -= encode(fields, Number.POSITIVE_INFINITY).length
    return left < 0
  })
  return end < 0 ? found : found.slice(0, end)
}

/** Reads `{ limit?, into? }`. */
export function readBulk(given: unknown, space: string): BulkOptions | undefined {
  if (given === undefined) return { limit: MAX_COLLECTED, into: undefined }
  if (typeof given !== 'object' || given === null) return undefined
  const { limit = MAX_COLLECTED, into, ...others } = given as Record<string, unknown>
  if (Object.keys(others).length > 0 || !isBulkLimit(limit)) return undefined
  if (into === undefined) return { limit, into }
  return typeof into === 'string' && into !== space && isSpaceName(into) ? { limit, into } : undefined
}

export function isBulkLimit(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= MAX_COLLECTED
}
