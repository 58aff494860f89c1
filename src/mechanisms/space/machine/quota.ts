/**
 * How much one space may hold. A space without a bound is a program's memory leak that survives crashes.
 *
 * Whatever exists for the space counts, also what nobody sees at the moment: tuples that are held, that appear later, that are
 * still being computed, or that were promised for the loss of a session. So what comes back always has room.
 *
 * Boundary: numbers. Who is refused, and when, is the business of the machine.
 */
import type { Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'

export interface Quota {
  /** Tuples, visible or not. */
  readonly tuples: number
  /** What they weigh together: the length of texts and bytes, and 16 for every value. */
  readonly bytes: number
  /** Operations that wait. */
  readonly waiting: number
  /** Tuples that are held, and operations that wait for one to hold. */
  readonly holds: number
}

export const DEFAULT_QUOTA: Quota = {
  /** Some two gigabytes of small tuples: more than a process should keep in memory, less than kills it. */
  tuples: 4_000_000,
  bytes: 1024 * 1024 * 1024,
  /** Six programs with as many open operations as one may have. */
  waiting: 100_000,
  holds: 100_000,
}

/** Spaces with a quota of their own are kept for ever, so there are not many of them. */
export const MAX_QUOTAS = 10_000

/** What a space has used up. */
export interface Usage {
  readonly tuples: number
  readonly bytes: number
  readonly waiting: number
  readonly holds: number
}

/** Undefined when there is room; else what whoever asked is answered. */
export function overQuota(space: string, quota: Quota, used: Usage, more: Partial<Usage>): Outcome | undefined {
  for (const what of ['tuples', 'bytes', 'waiting', 'holds'] as const) {
    const wanted = more[what]
    if (wanted === undefined || wanted <= 0 || used[what] + wanted <= quota[what]) continue
    const message = `The space ${space} has ${used[what]} ${NAMES[what]} and may have ${quota[what]}; ${wanted} more were asked for. Take tuples out, or raise it: space(site, '${space}', { quota: { ${what}: … } }).`
    return refusal('PERDURE_E_QUOTA', message, { space, what, used: used[what], limit: quota[what], wanted })
  }
  return undefined
}

const NAMES: Readonly<Record<keyof Quota, string>> = {
  tuples: 'tuples (those that are held, delayed or being computed included)',
  bytes: 'bytes of tuples',
  waiting: 'waiting operations',
  holds: 'held tuples (operations that wait for one included)',
}

export function isQuotaName(name: string): name is keyof Quota {
  return Object.hasOwn(DEFAULT_QUOTA, name)
}

/** Reads what a program asked for; what it does not name is as by default. Null takes the quota of its own away. */
export function readQuota(given: unknown): Quota | null | 'malformed' {
  if (given === null) return null
  if (typeof given !== 'object') return 'malformed'
  const quota: Record<keyof Quota, number> = { ...DEFAULT_QUOTA }
  for (const [name, limit] of Object.entries(given as object)) {
    if (!isQuotaName(name) || !isLimit(limit)) return 'malformed'
    quota[name] = limit
  }
  return quota
}

export function isLimit(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
