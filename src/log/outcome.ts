/**
 * Errors as data and back. An error travels as name, message, code, data and cause; what `instanceof` says about it is the
 * same wherever it arrives: a `PerdureError` when its code is one of ours, else an `Error`.
 */
import { ERRORS, type ErrorCode, PerdureError } from '../errors.ts'
import { encode } from './codec.ts'
import type { Failure, Outcome } from './machine.ts'

/** How many causes of causes travel. */
const MAX_CAUSES = 8

/** Anything thrown, as data. What of it cannot travel, or cannot even be read, is left out, never an error of its own. */
export function failureOf(thrown: unknown, depth = 0): Failure {
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === 'string' ? thrown : `something that is no Error was thrown: ${textOf(thrown)}`
    return { name: 'Error', message: textOf(message), ...(travels(thrown) && { data: thrown }) }
  }
  const code = read(thrown, 'code')
  const data = read(thrown, 'data')
  const cause = read(thrown, 'cause')
  return {
    name: textOf(read(thrown, 'name')),
    message: textOf(read(thrown, 'message')),
    ...(typeof code === 'string' && { code: textOf(code) }),
    ...(data !== undefined && travels(data) && { data }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: failureOf(cause, depth + 1) }),
  }
}

export function errorOf(failure: Failure): Error {
  const cause = failure.cause === undefined ? undefined : isFailure(failure.cause) ? errorOf(failure.cause) : failure.cause
  if (failure.code !== undefined && Object.hasOwn(ERRORS, failure.code)) {
    return new PerdureError(failure.code as ErrorCode, failure.message, {
      ...(cause !== undefined && { cause }),
      data: (failure.data ?? {}) as Readonly<Record<string, unknown>>,
    })
  }
  const error = new Error(failure.message, cause === undefined ? undefined : { cause })
  error.name = failure.name
  if (failure.code !== undefined) Object.assign(error, { code: failure.code })
  if (failure.data !== undefined) Object.assign(error, { data: failure.data })
  return error
}

export function refusal(code: ErrorCode, message: string, data?: Readonly<Record<string, unknown>>): Outcome {
  return { error: { name: 'PerdureError', message, code, ...(data && { data }) } }
}

function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && typeof (value as Failure).message === 'string' && 'name' in value
}

function travels(value: unknown): boolean {
  try {
    encode(value)
    return true
  } catch {
    return false
  }
}

/** A getter may throw. */
function read(error: Error, field: 'name' | 'message' | 'code' | 'data' | 'cause'): unknown {
  try {
    return (error as unknown as Readonly<Record<string, unknown>>)[field]
  } catch {
    return undefined
  }
}

/** Half surrogate pairs cannot be written, some objects cannot be shown; an error text is not worth failing for. */
function textOf(value: unknown): string {
  try {
    return String(value).toWellFormed()
  } catch {
    return 'something that cannot be shown'
  }
}
