/**
 * Errors as data and back. An error travels as name, message, code, data and cause; what `instanceof` says about it is the
 * same wherever it arrives: a `PerdureError` when its code is one of ours, else an `Error`.
 */
import { ERRORS, type ErrorCode, PerdureError } from '../errors.ts'
import { encode } from './codec/codec.ts'
import { MAX_VALUE } from './log.ts'
import type { Failure, Outcome } from './machine.ts'

/** How many causes of causes travel. */
const MAX_CAUSES = 8

/** An error with its causes, encoded; with what stands around it, it is still a value. */
const MAX_FAILURE = MAX_VALUE - 8 * 1024

/** Of each text of an error that is larger than that, and goes without its data. */
const SHORT_TEXT = 2_000

/** Anything thrown, as data. What of it cannot travel, or cannot even be read, is left out, never an error of its own. */
export function failureOf(thrown: unknown): Failure {
  const failure = describe(thrown, Number.POSITIVE_INFINITY, 0)
  return travels(failure, MAX_FAILURE) ? failure : describe(thrown, SHORT_TEXT, 0)
}

/** Every text cut to `room` characters; data only where there is room without end. */
function describe(thrown: unknown, room: number, depth: number): Failure {
  const text = (value: unknown) => shortened(textOf(value), room)
  const kept = (data: unknown) => room === Number.POSITIVE_INFINITY && data !== undefined && travels(data, MAX_FAILURE)
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === 'string' ? thrown : `something that is no Error was thrown: ${textOf(thrown)}`
    return { name: 'Error', message: text(message), ...(kept(thrown) && { data: thrown }) }
  }
  const code = read(thrown, 'code')
  const data = read(thrown, 'data')
  const cause = read(thrown, 'cause')
  return {
    name: text(read(thrown, 'name')),
    message: text(read(thrown, 'message')),
    ...(typeof code === 'string' && { code: text(code) }),
    ...(kept(data) && { data }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: describe(cause, room, depth + 1) }),
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

function travels(value: unknown, limit: number): boolean {
  try {
    encode(value, limit)
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

/** The cut may halve a surrogate pair. */
function shortened(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1).toWellFormed()}…`
}

/** Half surrogate pairs cannot be written, some objects cannot be shown; an error text is not worth failing for. */
function textOf(value: unknown): string {
  try {
    return String(value).toWellFormed()
  } catch {
    return 'something that cannot be shown'
  }
}
