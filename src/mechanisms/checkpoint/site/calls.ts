/**
 * Calls of an object by its proxy: within a scope, within a time, and with words for what went wrong.
 *
 * Boundary: one call; that it is the only one is the caller's business.
 */
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { failureOf } from '../../../log/outcome.ts'
import { timeoutsOf } from '../../../support/timeouts.ts'
import { type Call, insideCall, type ScopedObject } from './scope.ts'

/** Of the words that go to the log; stack traces and dumps stay here. */
const MAX_REASON = 1_000

export interface CallTerms {
  readonly clock: Clock
  readonly maxTurnMs: number
  readonly object: ScopedObject
  /** What is called, for people. */
  readonly what: string
}

/** What the function returns. Rejects with what it throws, in an error that says so, and when it takes too long. */
export function called<R>(terms: CallTerms, fn: () => R | Promise<R>): Promise<R> {
  const call: Call = { object: terms.object, open: true }
  let result: R | Promise<R>
  try {
    result = insideCall(call, fn)
  } catch (error) {
    call.open = false
    return Promise.reject(thrown(terms.what, error))
  }
  if (isThenable(result)) return limited(terms, call, result)
  call.open = false
  return Promise.resolve(result)
}

/** The rest of a call that has not ended yet. */
export function limited<R>({ clock, maxTurnMs, what }: CallTerms, call: Call, result: PromiseLike<R>): Promise<R> {
  return new Promise((resolve, reject) => {
    const timeout = timeoutsOf(clock).after(maxTurnMs, () => {
      call.open = false
      reject(hung(what, maxTurnMs))
    })
    const end = () => {
      timeout.cancel()
      call.open = false
    }
    result.then(
      (value) => {
        end()
        resolve(value)
      },
      (error: unknown) => {
        end()
        reject(thrown(what, error))
      },
    )
  })
}

export function isThenable(value: unknown): value is PromiseLike<never> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

export function thrown(what: string, error: unknown): PerdureError {
  return new PerdureError('PERDURE_E_REVOKED', `${what} has thrown: ${failureOf(error).message}`, { cause: error })
}

/** For the log. */
export function reasonOf(error: unknown): string {
  const { message } = failureOf(error)
  return message.length <= MAX_REASON ? message : `${message.slice(0, MAX_REASON - 1).toWellFormed()}…`
}

function hung(what: string, maxTurnMs: number): PerdureError {
  return new PerdureError('PERDURE_E_REVOKED', `${what} has not returned within ${maxTurnMs} ms`)
}
