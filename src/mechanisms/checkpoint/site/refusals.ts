/**
 * What an object is told that was thrown away, and how to recognise it.
 *
 * Boundary: pure.
 */
import { type ErrorCode, PerdureError } from '../../../errors.ts'
import type { Mail } from '../machine/protocol.ts'

const OF_OLD: readonly ErrorCode[] = ['PERDURE_E_STALE', 'PERDURE_E_SESSION_LOST', 'PERDURE_E_CLOSED']

/** The service, or the connection, does not know this object any more: a rollback or the end follows. */
export function isRefusalOfOld(error: unknown): boolean {
  return OF_OLD.some((code) => PerdureError.is(error, code))
}

/** Nothing went wrong but that the object was thrown away. */
export function isRevocation(error: unknown): boolean {
  return PerdureError.is(error, 'PERDURE_E_REVOKED') || isRefusalOfOld(error)
}

export function thrownAway(): PerdureError {
  return new PerdureError('PERDURE_E_REVOKED', 'This object of the member was thrown away. What it does reaches nobody any more.')
}

/** For people: which call it was. */
export function receiptOf([position, , sender]: Mail): string {
  return `receive of message ${position} from ${sender}`
}
