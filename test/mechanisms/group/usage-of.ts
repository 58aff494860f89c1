import { PerdureError } from '../../../src/errors.ts'

/** The message of the `PERDURE_E_USAGE` that this throws; fails for all else. */
export function usageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_USAGE')) return error.message
    throw error
  }
  throw new Error('expected PERDURE_E_USAGE, and nothing was thrown')
}
