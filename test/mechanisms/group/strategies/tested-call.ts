/**
 * A call under a strategy with an acceptance test, driven by hand: the test says what members answer, and applies the acceptance
 * test at once or, with `judges`, when it likes. It holds the procedure to its contract at every move.
 */
import { expect } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import type { BallotKind } from '../../../../src/mechanisms/group/ballot.ts'
import type { CallView, Move, Procedure, Strategy } from '../../../../src/mechanisms/group/strategy.ts'

export class TestedCall {
  /** Who was started, with which arguments if not those of the call. */
  readonly starts: (number | [number, readonly unknown[]])[] = []
  /** Whom the acceptance test was applied to, in order. */
  readonly tests: number[] = []
  readonly outstanding: Set<number> = new Set()
  settled: Extract<Move, { do: 'settle' }> | undefined
  /** Waits for a word of `judges`. */
  underTest: number | undefined
  readonly #procedure: Procedure
  readonly #accepts: ((value: unknown) => boolean) | undefined
  readonly #values = new Map<number, unknown>()

  /** Without `accepts` every test waits for `judges`. */
  constructor(strategy: Strategy, members: number, accepts?: (value: unknown) => boolean, args: readonly unknown[] = []) {
    const view: CallView = { members, method: 'price', args, id: (member) => 'abcdefgh'.charAt(member) }
    this.#accepts = accepts
    this.#procedure = strategy.begin(view)
    this.#take(this.#procedure.begin())
  }

  says(member: number, value: unknown): this {
    return this.#arrives(member, 'value', value)
  }

  declares(member: number, exception: unknown): this {
    return this.#arrives(member, 'exception', exception)
  }

  throws(member: number, error: unknown = new TypeError(`${'abcdefgh'.charAt(member)} is broken`)): this {
    return this.#arrives(member, 'error', error)
  }

  isGivenUp(member: number): this {
    return this.#arrives(member, 'late', undefined)
  }

  judges(accepted: boolean): this {
    const member = this.underTest
    expect(member, 'something is under test').toBeDefined()
    this.underTest = undefined
    return this.#take(this.#tested(member!, accepted))
  }

  runsOut(): this {
    return this.#take(this.#procedure.deadline())
  }

  /** What the caller gets. */
  get answer(): unknown {
    return this.settled?.decision.value
  }

  get error(): PerdureError {
    expect(this.settled?.decision.kind).toBe('error')
    expect(this.answer).toBeInstanceOf(PerdureError)
    return this.answer as PerdureError
  }

  get causes(): readonly unknown[] {
    return (this.error.cause as AggregateError).errors
  }

  #arrives(member: number, kind: BallotKind, value: unknown): this {
    this.outstanding.delete(member)
    this.#values.set(member, value)
    return this.#take(this.#procedure.arrived({ member, kind, value, ms: 1 }))
  }

  #tested(member: number, accepted: boolean): Move {
    return this.#procedure.tested?.(member, accepted) ?? { do: 'wait' }
  }

  #take(move: Move): this {
    if (this.settled !== undefined) expect(move.do, 'after the end there is nothing to do').toBe('wait')
    if (move.do === 'settle') this.settled = move
    else if (move.do === 'start') this.#start(move)
    else if (move.do === 'test') return this.#test(move.member)
    return this
  }

  #start({ members, args }: Extract<Move, { do: 'start' }>): void {
    for (const member of members) {
      expect(this.outstanding, 'nobody is started who is at work').not.toContain(member)
      this.outstanding.add(member)
      this.starts.push(args === undefined ? member : [member, args])
    }
  }

  #test(member: number): this {
    expect(this.underTest, 'one test at a time').toBeUndefined()
    expect(this.#values.has(member), 'what is tested has been answered').toBe(true)
    this.tests.push(member)
    if (this.#accepts === undefined) this.underTest = member
    else this.#take(this.#tested(member, this.#accepts(this.#values.get(member))))
    return this
  }
}
