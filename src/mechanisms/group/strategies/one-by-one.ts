/**
 * Attempts one after the other, each tested, until one is accepted: what recovery block and retry block have in common.
 *
 * Boundary: pure. That a failed attempt leaves no trace in the state is the engine's affair: each works on a copy (`state.ts`).
 *   B1  No answer gets out untested; a declared exception is a legal outcome and no answer, so there is nothing to test.
 *   B2  At any time one attempt is under way or one test, never both.
 *   B3  Whoever was given up is not heard any more.
 */
import type { Ballot } from '../ballot.ts'
import { type CallView, type Move, type Procedure, WAIT } from '../strategy.ts'
import { nobody } from './poll.ts'
import { Rejections } from './rejections.ts'

/** One attempt: who, on which arguments if not on those of the call; or why this attempt could not be prepared. */
export type Planned =
  | { readonly member: number; readonly args?: readonly unknown[] }
  | { readonly member: number; readonly failure: unknown }

/** The attempts of a call in order, from 0; undefined after the last one. */
export type Plan = (attempt: number) => Planned | undefined

export class OneByOne implements Procedure {
  readonly #kind: string
  readonly #call: CallView
  readonly #plan: Plan
  readonly #rejections: Rejections
  #attempts = 0
  /** The one whose attempt is under way or being tested. */
  #member = -1
  #phase: 'running' | 'testing' | 'over' = 'running'
  #answer: unknown

  constructor(kind: string, call: CallView, plan: Plan) {
    this.#kind = kind
    this.#call = call
    this.#plan = plan
    this.#rejections = new Rejections(call)
  }

  begin(): Move {
    if (this.#call.members > 0) return this.#next()
    this.#phase = 'over'
    return nobody(this.#call)
  }

  arrived(ballot: Ballot): Move {
    if (this.#phase !== 'running' || ballot.member !== this.#member) return WAIT
    switch (ballot.kind) {
      case 'value':
        this.#phase = 'testing'
        this.#answer = ballot.value
        return { do: 'test', member: ballot.member }
      case 'exception':
        return this.#accepted('exception', ballot.value)
      case 'error':
      case 'late':
        this.#rejections.failed(ballot)
        return this.#next()
    }
  }

  tested(member: number, accepted: boolean): Move {
    if (this.#phase !== 'testing' || member !== this.#member) return WAIT
    if (accepted) return this.#accepted('value', this.#answer)
    this.#rejections.add(member, 'rejected', this.#answer)
    return this.#next()
  }

  deadline(): Move {
    if (this.#phase === 'over') return WAIT
    const under = this.#phase === 'testing' ? 'was being tested' : 'was at work'
    this.#phase = 'over'
    this.#rejections.add(this.#member, 'late', undefined)
    const what = `The time of the call of ${this.#call.method} was over while attempt ${this.#attempts} of the ${this.#kind} ${under}`
    return this.#rejections.settle(
      'PERDURE_E_TIMEOUT',
      what,
      'The state is as before. Allow more timeoutMs, or give attempts up earlier with attemptMs.',
    )
  }

  #next(): Move {
    for (;;) {
      const planned = this.#plan(this.#attempts)
      if (planned === undefined) return this.#failed()
      this.#attempts += 1
      this.#member = planned.member
      if ('failure' in planned) {
        this.#rejections.add(planned.member, 'threw', planned.failure)
        continue
      }
      this.#phase = 'running'
      this.#answer = undefined
      const members = alone(planned.member)
      return planned.args === undefined ? { do: 'start', members } : { do: 'start', members, args: planned.args }
    }
  }

  #accepted(kind: 'value' | 'exception', value: unknown): Move {
    this.#phase = 'over'
    const support = alone(this.#member)
    return { do: 'settle', decision: { kind, value, support, faulty: this.#rejections.faulty(support) }, chosen: this.#member }
  }

  #failed(): Move {
    this.#phase = 'over'
    const what = `No attempt of the ${this.#kind} at ${this.#call.method} was accepted`
    const instead =
      'The state is as it was before the call. Expected one alternate whose answer passes the acceptance test; add one, or correct the test.'
    return this.#rejections.settle('PERDURE_E_RECOVERY_BLOCK', what, instead)
  }
}

/** The same list for every call: calls are frequent. */
const ALONE: (readonly number[])[] = []

function alone(member: number): readonly number[] {
  ALONE[member] ??= [member]
  return ALONE[member]
}
