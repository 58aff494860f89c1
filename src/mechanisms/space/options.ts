/**
 * What a program may write into the calls of a space: tuples and options, checked where they were written.
 *
 * Boundary: pure checks. What is wrong throws `PERDURE_E_USAGE` with what was given, what was expected and what to do.
 */
import { PerdureError } from '../../errors.ts'
import { ActiveField, checkName } from '../../support/definition.ts'
import { MAX_FIELDS } from '../../support/template.ts'
import { isBulkLimit, MAX_COLLECTED } from './machine/bulk.ts'
import { isLease, isMaxDeliveries } from './machine/holds.ts'
import { DEFAULT_QUOTA, isLimit, isQuotaName, type Quota } from './machine/quota.ts'
import { isDuration } from './machine/wire.ts'

export interface WaitOptions {
  /** Gives up waiting; the promise rejects with the signal's reason, unless the log says that a tuple came first. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds of log time after which the promise rejects with `PERDURE_E_TIMEOUT`. Default: waits for ever. */
  readonly timeoutMs?: number | undefined
}

export interface OutOptions {
  /** The tuple vanishes so many milliseconds of log time after it appeared, unless it was taken. Default: it stays. */
  readonly leaseMs?: number | undefined
  /** It appears only after so many milliseconds of log time, behind all that are there then. Default: at once. */
  readonly notBeforeMs?: number | undefined
}

export interface HoldOptions {
  /** The tuple comes back by itself after so many milliseconds in which the site was up. */
  readonly leaseMs: number
  /** Handed out so often and come back every time, it goes to the dead. Default 5; `Infinity`: for ever. */
  readonly maxDeliveries?: number | undefined
  /** The space for the dead. Default: the name of this one with `.dead` behind it. */
  readonly deadLetter?: string | undefined
}

export interface BulkOptions {
  /** At most so many. Default and most: 10,000. */
  readonly limit?: number | undefined
}

export interface SpaceOptions {
  /** How much the space may hold, for all programs and from now on; what is not named is as by default. Null: all as by default. */
  readonly quota?: Partial<Quota> | null | undefined
}

export function checkTuple(operation: string, tuple: unknown): void {
  if (!Array.isArray(tuple)) throw usage(`${operation} was given something that is no tuple: expected an array of values.`)
  if (tuple.length > MAX_FIELDS) {
    throw usage(
      `A tuple given to ${operation} has ${tuple.length} fields: at most ${MAX_FIELDS} are possible. Put lists into one field.`,
    )
  }
}

export function checkPassive(operation: string, tuple: readonly unknown[]): void {
  checkTuple(operation, tuple)
  for (let index = 0; index < tuple.length; index++) {
    if (tuple[index] instanceof ActiveField)
      throw usage(`Field ${index} of a tuple given to ${operation} is active. Give the tuple to eval.`)
  }
}

/** The options, or none; every one of them must be known. */
export function checkOptions(operation: string, options: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) throw usage(`The options of ${operation} must be an object.`)
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || known.includes(option)) continue
    throw usage(`${operation} has no option ${option}.${known.length > 0 ? ` It has ${known.join(', ')}.` : ''}`)
  }
  return options as Readonly<Record<string, unknown>>
}

/** As they travel: without what was not given. */
export function outTerms(options: unknown): object | undefined {
  const { leaseMs, notBeforeMs } = checkOptions('out', options, ['leaseMs', 'notBeforeMs'])
  if (leaseMs !== undefined && !isLease(leaseMs)) throw noLease('leaseMs of out', leaseMs)
  if (notBeforeMs !== undefined && !isDuration(notBeforeMs)) throw noDuration('notBeforeMs of out', notBeforeMs)
  if (leaseMs === undefined && notBeforeMs === undefined) return undefined
  return { ...(leaseMs !== undefined && { leaseMs }), ...(notBeforeMs !== undefined && { notBeforeMs }) }
}

export function waitTerms(operation: string, { timeoutMs, hold }: Readonly<Record<string, unknown>>): object | undefined {
  if (timeoutMs !== undefined && !isDuration(timeoutMs)) throw noDuration(`timeoutMs of ${operation}`, timeoutMs)
  if (timeoutMs === undefined && hold === undefined) return undefined
  return { ...(timeoutMs !== undefined && { timeoutMs }), ...(hold !== undefined && { hold: holdTerms(operation, hold) }) }
}

function holdTerms(operation: string, hold: unknown): object {
  const known = ['leaseMs', 'maxDeliveries', 'deadLetter']
  const { leaseMs, maxDeliveries, deadLetter } = checkOptions(`hold of ${operation}`, hold, known)
  if (!isLease(leaseMs)) throw noLease(`leaseMs of a hold in ${operation}`, leaseMs)
  if (maxDeliveries !== undefined && !isMaxDeliveries(maxDeliveries)) {
    throw usage(`maxDeliveries of a hold is ${String(maxDeliveries)}: expected a whole number from 1 on, or Infinity.`)
  }
  if (deadLetter !== undefined) checkName(deadLetter, 'a space')
  return { leaseMs, ...(maxDeliveries !== undefined && { maxDeliveries }), ...(deadLetter !== undefined && { deadLetter }) }
}

export function bulkTerms(operation: string, options: unknown, space: string): object | undefined {
  const { limit, into } = checkOptions(operation, options, ['limit', 'into'])
  if (limit !== undefined && !isBulkLimit(limit)) {
    throw usage(
      `limit of ${operation} is ${String(limit)}: expected a whole number from 1 to ${MAX_COLLECTED}. Call it again for more.`,
    )
  }
  if (into !== undefined && checkName(into, 'a space') === space) {
    throw usage(`${operation} was to put tuples of the space ${space} into that space itself. Name another one.`)
  }
  if (limit === undefined && into === undefined) return undefined
  return { ...(limit !== undefined && { limit }), ...(into !== undefined && { into }) }
}

export function quotaTerms(quota: unknown): unknown {
  if (quota === null) return null
  const names = Object.keys(DEFAULT_QUOTA)
  const given = Object.entries(checkOptions('quota', quota, names)).filter(([, limit]) => limit !== undefined)
  for (const [name, limit] of given) {
    if (!isQuotaName(name) || !isLimit(limit)) throw usage(`${name} of a quota is ${String(limit)}: expected a whole number.`)
  }
  return Object.fromEntries(given)
}

export function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}

function noDuration(what: string, given: unknown): PerdureError {
  return usage(`${what} is ${String(given)}: expected a finite number of milliseconds, 0 or more.`)
}

function noLease(what: string, given: unknown): PerdureError {
  return usage(`${what} is ${String(given)}: expected a finite number of milliseconds above 0.`)
}
