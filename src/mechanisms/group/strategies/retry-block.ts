/**
 * The retry block: one algorithm, given its input in other words when its answer is rejected; then the backups.
 *
 * Many faults of programs lie at single points of their input. An equivalent or a close input next to such a point gives a right
 * answer without a second program (data diversity: Ammann and Knight 1988, section IV). *Exact* re-expressions must give the same
 * answer, such as the elements to be sorted in another order; *inexact* ones give a close answer, such as a reading a little
 * changed, and then the acceptance test has to judge with a tolerance against the original arguments, which it always sees.
 *
 * Boundary: pure. `reexpress` is the user's and must be deterministic; how attempts are undone is the engine's affair.
 */

import { copyArguments } from '../../../support/state/state.ts'
import type { CallView, Strategy } from '../strategy.ts'
import { count, duration, usage } from '../strategy-options.ts'
import { OneByOne, type Planned } from './one-by-one.ts'
import { loneAlternate, type RecoveryBlockOptions, testedOptions } from './recovery-block.ts'

export interface RetryBlockOptions extends RecoveryBlockOptions {
  /** Other arguments for try number 2, 3 and so on, made of a copy of the original ones. The first try has the originals. */
  reexpress(args: readonly unknown[], tryNumber: number): readonly unknown[]
  /** Of the first variant, the first one included: from 1 to 100. */
  readonly maxTries: number
}

/** Each try is a whole execution: an input that fails in 100 expressions is not failing by bad luck. */
const MAX_TRIES = 100

/**
 * A strategy for `dependable` and `objectGroup`: up to `maxTries` tries of the first variant, the second and later ones on re-expressed
 * arguments, then each other variant once as a backup, on the original arguments. A re-expression that throws counts as a failed try.
 *
 * `timeoutMs` covers all tries and backups, `attemptMs` each one of them. It fails as `recoveryBlock` does.
 */
export function retryBlock<const O extends RetryBlockOptions>(options: O): Strategy<O> {
  const tested = testedOptions('retryBlock', options)
  const maxTries = count('retryBlock', 'maxTries', options.maxTries, 1)
  if (maxTries > MAX_TRIES) throw usage(`The option maxTries of retryBlock is ${maxTries}: expected at most ${MAX_TRIES}.`)
  if (typeof options.reexpress !== 'function')
    throw usage(
      'The option reexpress of retryBlock is missing: expected a function (args, tryNumber) that returns other arguments.',
    )
  return {
    kind: 'retryBlock',
    options,
    state: options.stateless === true ? 'none' : 'common',
    ...tested,
    attemptMs: duration('retryBlock', 'attemptMs', options.attemptMs, Number.POSITIVE_INFINITY),
    minimum: () => 1,
    check: (members) => (maxTries > 1 ? [] : loneAlternate('retryBlock', members)),
    begin: (call) => new OneByOne('retry block', call, (attempt) => planned(options, call, attempt)),
  }
}

function planned(options: RetryBlockOptions, call: CallView, attempt: number): Planned | undefined {
  if (attempt === 0) return { member: 0 }
  if (attempt < options.maxTries) return reexpressed(options, call, attempt + 1)
  const backup = attempt - options.maxTries + 1
  return backup < call.members ? { member: backup } : undefined
}

function reexpressed(options: RetryBlockOptions, call: CallView, tryNumber: number): Planned {
  try {
    const args: unknown = options.reexpress([...copyArguments(call.args)], tryNumber)
    if (Array.isArray(args)) return { member: 0, args }
    throw usage(
      `reexpress returned ${args === null ? 'null' : `a ${typeof args}`} for try ${tryNumber} of ${call.method}: expected an array of arguments.`,
    )
  } catch (failure) {
    return { member: 0, failure }
  }
}
