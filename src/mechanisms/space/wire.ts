/**
 * What arguments must be when they arrive from outside: the machine refuses what a program could not have sent.
 *
 * Boundary: pure checks. They say whether something is well formed; what to do about it is the business of the caller.
 */
import { PerdureError } from '../../errors.ts'
import { checkName } from '../../support/definition.ts'

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

/** Reads the options of an operation that waits. */
export function readTimeout(options: unknown): number | undefined | 'malformed' {
  if (options === undefined || options === null) return undefined
  if (typeof options !== 'object') return 'malformed'
  const { timeoutMs, ...others } = options as Record<string, unknown>
  if (Object.keys(others).length > 0) return 'malformed'
  return timeoutMs === undefined || isDuration(timeoutMs) ? timeoutMs : 'malformed'
}
