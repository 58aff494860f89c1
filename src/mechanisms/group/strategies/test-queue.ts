/**
 * Results that wait for their acceptance test, which is applied to one at a time.
 *
 * Boundary: pure. The engine applies the test and says what came of it.
 *   Q1  Of those that wait, the member of the highest priority is tested first; nobody waits for one who has not answered.
 */
import type { Ballot } from '../ballot.ts'
import { type Move, WAIT } from '../strategy.ts'

export class TestQueue {
  readonly #waiting: Ballot[] = []
  #underTest: Ballot | undefined

  add(ballot: Ballot): void {
    this.#waiting.push(ballot)
  }

  get isEmpty(): boolean {
    return this.#underTest === undefined && this.#waiting.length === 0
  }

  /** The next test, unless one is under way or nobody waits. */
  next(): Move {
    if (this.#underTest !== undefined || this.#waiting.length === 0) return WAIT
    let first = 0
    for (let i = 1; i < this.#waiting.length; i += 1) if (this.#waiting[i]!.member < this.#waiting[first]!.member) first = i
    const [ballot] = this.#waiting.splice(first, 1) as [Ballot]
    this.#underTest = ballot
    return { do: 'test', member: ballot.member }
  }

  /** The test of this member is over: its ballot, if it was under test. */
  ended(member: number): Ballot | undefined {
    const ballot = this.#underTest
    if (ballot?.member !== member) return undefined
    this.#underTest = undefined
    return ballot
  }
}
