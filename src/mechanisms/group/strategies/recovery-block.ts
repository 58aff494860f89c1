/**
 * The recovery block: the primary's answer if it passes the acceptance test, else the state as it was and the next alternate.
 *
 * One answer is computed where N-version programming computes n, and the test decides instead of a vote: it has to be simpler than
 * the work it tests, and it must not share the work's mistakes (Horning, Lauer, Melliar-Smith and Randell 1974; Randell 1975).
 *
 * Boundary: pure. What each alternate does is undone by the engine, which lets it work on a copy.
 */

import type { Acceptance, Strategy, StrategyOptions } from '../strategy.ts'
import { commonOptions, duration, usage } from '../strategy-options.ts'
import { OneByOne, type Planned } from './one-by-one.ts'

/** What strategies with an acceptance test are told. */
export interface TestedOptions extends StrategyOptions {
  /**
   * Whether a result is acceptable. It sees copies that cannot be changed: the result, the arguments as the caller gave them, the state
   * before the attempt and after it. Only `true` accepts; throwing rejects. A method, so that it may expect a narrower result.
   */
  accept(result: unknown, about: Acceptance): boolean | Promise<boolean>
}

export interface RecoveryBlockOptions extends TestedOptions {
  /** After so many milliseconds an attempt that has not answered is given up for the next one. Default: it is waited for. */
  readonly attemptMs?: number
}

/**
 * A strategy for `dependable` and `objectGroup`: alternates in the order of `variants`, each on its own copy of the state and of the
 * arguments. One that throws, takes longer than `attemptMs` or is rejected has done nothing. A `declared` exception is a legal
 * outcome, which ends the call untested.
 *
 * Calls fail with `PERDURE_E_RECOVERY_BLOCK` when no alternate was accepted: `data.causes` and the errors of `cause` are in the order
 * of the attempts, and the state is as before. To an outer block that is an exception of its alternate. `PERDURE_E_TIMEOUT` when
 * `timeoutMs`, which covers all attempts and tests, is over. `PERDURE_E_USAGE` for options that do not fit.
 */
export function recoveryBlock<const O extends RecoveryBlockOptions>(options: O): Strategy<O> {
  const tested = testedOptions('recoveryBlock', options)
  return {
    kind: 'recoveryBlock',
    options,
    state: options.stateless === true ? 'none' : 'common',
    ...tested,
    attemptMs: duration('recoveryBlock', 'attemptMs', options.attemptMs, Number.POSITIVE_INFINITY),
    minimum: (members) => Math.min(2, members),
    check: (members) => loneAlternate('recoveryBlock', members),
    begin: (call) =>
      new OneByOne('recovery block', call, (attempt) => (attempt < call.members ? primaryFirst(attempt) : undefined)),
  }
}

type Tested = Pick<Strategy, 'timeoutMs' | 'stragglerMs' | 'declared'> & { readonly accept: NonNullable<Strategy['accept']> }

/** The options that every strategy has, and the acceptance test. */
export function testedOptions(kind: string, options: TestedOptions): Tested {
  const common = commonOptions(kind, options)
  const { accept } = options
  if (typeof accept !== 'function')
    throw usage(
      `The option accept of ${kind} is ${accept === undefined ? 'missing' : `a ${typeof accept}`}: expected a function (result, { args, before, after }) => boolean.`,
    )
  return { ...common, accept: (result, about) => options.accept(result, about) }
}

export function loneAlternate(kind: string, members: number): readonly string[] {
  if (members !== 1) return []
  return [
    `${kind} with one alternate only detects what its acceptance test rejects and cannot mask it. Add an alternate of other design.`,
  ]
}

/** The same plan for every call: calls are frequent. */
const PLANNED: Planned[] = []

function primaryFirst(member: number): Planned {
  PLANNED[member] ??= { member }
  return PLANNED[member]
}
