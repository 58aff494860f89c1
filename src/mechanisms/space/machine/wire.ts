/**
 * What arguments must be when they arrive from outside: the machine refuses what a program could not have sent.
 *
 * Boundary: pure checks. They say whether something is well formed; what to do about it is the business of the caller.
 */
import { PerdureError } from '../../../errors.ts'
import { checkName } from '../../../support/definition.ts'

export function isSpaceName(name: string): boolean {
  try {
    checkName(name, 'a space')
    return true
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_NAME')) return false
    throw error
  }
}

export function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

export interface WaitTerms {
  readonly timeoutMs: number | undefined
  /** Not read yet. */
  readonly hold: unknown
}

const FOR_EVER: WaitTerms = { timeoutMs: undefined, hold: undefined }

/** Reads the options of an operation that waits; undefined when they are none. */
export function readWait(options: unknown): WaitTerms | undefined {
  if (options === undefined || options === null) return FOR_EVER
  if (typeof options !== 'object') return undefined
  const { timeoutMs, hold, ...others } = options as Record<string, unknown>
  if (Object.keys(others).length > 0) return undefined
  return timeoutMs === undefined || isDuration(timeoutMs) ? { timeoutMs, hold } : undefined
}
