/**
 * A call whose members say what the test has them say, one after the other: drives a procedure by hand, as the engine would, and
 * holds it to its contract at every move.
 */
import { expect } from 'vitest'
import type { Ballot, BallotKind } from '../../../../src/mechanisms/group/ballot.ts'
import type { CallView, Move, Procedure, Strategy } from '../../../../src/mechanisms/group/strategy.ts'

type Settle = Extract<Move, { do: 'settle' }>

export class ScriptedCall {
  /** Every phase of starts. */
  readonly phases: (readonly number[])[] = []
  readonly moves: Move[] = []
  readonly outstanding: Set<number> = new Set()
  settled: Settle | undefined
  readonly #procedure: Procedure

  constructor(strategy: Strategy, members: number, args: readonly unknown[] = []) {
    const view: CallView = { members, method: 'price', args, id: (member) => `member ${member}` }
    this.#procedure = strategy.begin(view)
    this.#take(this.#procedure.begin())
  }

  /** In the order in which they were started. */
  get started(): readonly number[] {
    return this.phases.flat()
  }

  /** What the caller gets. */
  get answer(): unknown {
    return this.settled?.decision.value
  }

  get last(): Move | undefined {
    return this.moves.at(-1)
  }

  says(member: number, value: unknown, ms = 0): this {
    return this.#arrives(member, 'value', value, ms)
  }

  /** A declared exception. */
  declares(member: number, exception: unknown): this {
    return this.#arrives(member, 'exception', exception, 0)
  }

  throws(member: number, error: unknown = new TypeError(`member ${member} is broken`)): this {
    return this.#arrives(member, 'error', error, 0)
  }

  isGivenUp(member: number): this {
    return this.#arrives(member, 'late', undefined, 0)
  }

  casts(ballot: Ballot): this {
    this.outstanding.delete(ballot.member)
    return this.#take(this.#procedure.arrived(ballot))
  }

  elapses(): this {
    return this.#take(this.#procedure.elapsed?.() ?? { do: 'wait' })
  }

  runsOut(): this {
    return this.#take(this.#procedure.deadline())
  }

  #arrives(member: number, kind: BallotKind, value: unknown, ms: number): this {
    return this.casts({ member, kind, value, ms })
  }

  #take(move: Move): this {
    this.moves.push(move)
    if (this.settled !== undefined) expect(move.do, 'after the end there is nothing to do').toBe('wait')
    if (move.do === 'settle') this.settled = move
    if (move.do === 'start') {
      for (const member of move.members) {
        expect(this.started, 'nobody is started twice').not.toContain(member)
        this.outstanding.add(member)
      }
      this.phases.push(move.members)
    }
    return this
  }
}
