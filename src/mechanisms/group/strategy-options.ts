/**
 * What all strategies have in common: their options, checked, with the defaults.
 *
 * Boundary: pure. Options that only one strategy has are checked beside it.
 */
import { PerdureError } from '../../errors.ts'
import type { Strategy, StrategyOptions } from './strategy.ts'

/** Long enough to learn that a member is slow and not dead; every straggler holds its arguments and its copy. */
const STRAGGLER_MS = 30_000

/** A day: longer waits are no deadlines. */
const MAX_MS = 24 * 60 * 60 * 1000

/** Members that vote on one call; more would cost without masking more. */
export const MAX_MEMBERS = 64

type Common = Pick<Strategy, 'timeoutMs' | 'stragglerMs' | 'declared'>

export function commonOptions(kind: string, options: StrategyOptions): Common {
  if (typeof options !== 'object' || options === null) throw usage(`${kind} takes an object of options, as in ${kind}({ … }).`)
  const { variants, operations, declared = [] } = options
  if (Array.isArray(variants) && (variants.length === 0 || variants.length > MAX_MEMBERS))
    throw usage(`${kind} has ${variants.length} variants: expected 1 to ${MAX_MEMBERS}.`)
  if (variants !== undefined && operations !== undefined)
    throw usage(`${kind} has both variants and operations: choose classes or methods to be diverse.`)
  return {
    timeoutMs: duration(kind, 'timeoutMs', options.timeoutMs, Number.POSITIVE_INFINITY),
    stragglerMs: duration(kind, 'stragglerMs', options.stragglerMs, STRAGGLER_MS),
    declared: new Set(declared),
  }
}

/** Milliseconds from more than 0 to a day. */
export function duration(kind: string, option: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && value > 0 && value <= MAX_MS) return value
  throw usage(`The option ${option} of ${kind} is ${String(value)}: expected milliseconds, more than 0 and at most ${MAX_MS}.`)
}

export function count(kind: string, option: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value
  throw usage(`The option ${option} of ${kind} is ${String(value)}: expected a whole number from ${least} on.`)
}

export function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}
