/**
 * One execution of a method of a member, from the arguments to the ballot.
 *
 * Boundary: calls the user's method; keeps nothing. What the ballot is about, and whether it counts, is known to others.
 *   E1  The object is given copies of the arguments, and the ballot has a copy of the answer.
 *   E2  What cannot travel is no answer, but an error that says why.
 */

import { PerdureError } from '../../../errors.ts'
import { copyValue, encode } from '../../../log/codec/codec.ts'
import type { Outcome } from '../../../log/machine.ts'
import { failureOf } from '../../../log/outcome.ts'
import { invoke } from '../../../support/offer.ts'
import { AttemptCell, enter, leave } from '../attempt.ts'
import type { BallotExtra, BufferedOut, CastKind, Role } from '../machine/protocol.ts'
import { isThenable } from '../thenable.ts'
import type { Choices } from './choices.ts'

/** One call that a member is to execute. */
export interface Order {
  readonly call: number
  readonly attempt: number
  readonly method: string
  readonly args: readonly unknown[]
  readonly role: Role
  readonly wantHash: boolean
  readonly choices: readonly unknown[]
}

export interface Cast {
  readonly kind: CastKind
  readonly answer: Outcome
  readonly ms: number
  readonly extra: BallotExtra
}

/** What an execution has come to, before it is put into a ballot. */
export interface Result {
  readonly kind: CastKind
  readonly value: unknown
}

/** A promise where the method has gone asynchronous. */
export function execute(object: object, order: Pick<Order, 'method' | 'args'>, cell: AttemptCell): Result | Promise<Result> {
  const outer = enter(cell)
  try {
    const value = invoke(object, order.method, copyValue(order.args))
    if (!isThenable(value)) return { kind: 'value', value }
    return Promise.resolve(value).then((answer): Result => ({ kind: 'value', value: answer }), thrown)
  } catch (error) {
    return thrown(error)
  } finally {
    leave(outer)
  }
}

export function castOf({ kind, value }: Result, ms: number, extra: BallotExtra): Cast {
  try {
    const answer: Outcome = kind === 'value' ? { value } : { error: failureOf(value) }
    // E2
    encode([answer, extra])
    return { kind, answer: copyValue(answer), ms, extra: copyValue(extra) }
  } catch (error) {
    return { kind: 'error', answer: { error: failureOf(error) }, ms, extra: {} }
  }
}

export function cellOf(number: number, choices: Choices | undefined): AttemptCell {
  const cell = new AttemptCell(number)
  cell.chooser = choices?.choose
  return cell
}

/** What the attempt itself wants to be in the ballot. */
export function saidBy({ outs, isBorderline }: AttemptCell): BallotExtra {
  const buffered = outs.map(({ space, tuple, options }): BufferedOut => {
    const name = typeof space === 'string' ? space : space.name
    return options === undefined ? [name, tuple] : [name, tuple, options]
  })
  return { ...(buffered.length > 0 && { outs: buffered }), ...(isBorderline && { borderline: true }) }
}

/** A member that cannot repeat a choice has nothing to say; all else that is thrown is an answer. */
function thrown(error: unknown): Result {
  return { kind: PerdureError.is(error, 'PERDURE_E_DIVERGED') ? 'error' : 'exception', value: error }
}
