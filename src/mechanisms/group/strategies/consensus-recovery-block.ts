/**
 * The consensus recovery block: a vote first, and where there is no agreement an acceptance test of what has been computed anyway.
 *
 * The vote catches what a weak test would let pass, and the test helps where several answers are right and therefore differ. It does
 * better than either alone as long as voter and test rarely fail (Scott, Gault and McAllister 1987).
 *
 * Boundary: pure.
 *   K1  Nothing is executed twice: the test judges ballots that are there.
 *   K2  An agreement is not tested. The first answer in the order of priority that is accepted is the answer, of those there are.
 *   K3  The state that follows is the one that the chosen member has made, never a mixture.
 */
import { type Adjudicator, majority } from '../adjudicators/adjudicator.ts'
import type { Ballot, Decision } from '../ballot.ts'
import { type CallView, type Move, type Procedure, type Strategy, WAIT } from '../strategy.ts'
import { duration } from '../strategy-options.ts'
import { adjudicatorOf } from './n-version.ts'
import { nobody, OpenPoll, settled } from './poll.ts'
import { loneAlternate, type RecoveryBlockOptions, testedOptions } from './recovery-block.ts'
import { Rejections } from './rejections.ts'
import { TestQueue } from './test-queue.ts'

export interface ConsensusRecoveryBlockOptions extends RecoveryBlockOptions {
  /** What an agreement is. Default: `majority()`. */
  readonly adjudicator?: Adjudicator
}

/** Of the time of a call, what members may take unless `attemptMs` says otherwise: the rest is for the tests. */
const MEMBERS_SHARE = 0.9

/**
 * A strategy for `dependable` and `objectGroup`: all members execute the call at once, each on its own copy of the common state. What
 * the adjudicator decides for is the answer; as soon as it can decide for nothing any more, the results are tested, in the order of
 * `variants`. Of several right answers that differ, nobody is blamed for another one.
 *
 * With `timeoutMs`, a member that does not answer is given up after nine tenths of it (`attemptMs` for something else), so that the
 * answers of the others can be tested in time. It fails as `recoveryBlock` does.
 */
export function consensusRecoveryBlock<const O extends ConsensusRecoveryBlockOptions>(options: O): Strategy<O> {
  const kind = 'consensusRecoveryBlock'
  const tested = testedOptions(kind, options)
  const adjudicator = adjudicatorOf(kind, options.adjudicator ?? majority())
  /** Decisions for one of several right answers: whoever differs from it is not at fault. */
  const untallied = new WeakSet<Decision>()
  return {
    kind,
    options,
    state: options.stateless === true ? 'none' : 'common',
    ...tested,
    attemptMs: duration(kind, 'attemptMs', options.attemptMs, tested.timeoutMs * MEMBERS_SHARE),
    minimum: (members) => Math.min(2, members),
    check: (members, id) => {
      adjudicator.check?.(members, id)
      return loneAlternate(kind, members)
    },
    agrees: (decision, vote) => (untallied.has(decision) ? undefined : adjudicator.agrees(decision, vote)),
    judgedBy: (other) => consensusRecoveryBlock({ ...options, adjudicator: other }),
    begin: (call) => new VoteThenTest(call, adjudicator, untallied),
  }
}

class VoteThenTest implements Procedure {
  readonly #call: CallView
  readonly #poll: OpenPoll
  readonly #untallied: WeakSet<Decision>
  readonly #rejections: Rejections
  #phase: 'voting' | 'testing' | 'over' = 'voting'
  readonly #tests = new TestQueue()

  constructor(call: CallView, adjudicator: Adjudicator, untallied: WeakSet<Decision>) {
    this.#call = call
    this.#poll = new OpenPoll(adjudicator, call)
    this.#untallied = untallied
    this.#rejections = new Rejections(call)
  }

  begin(): Move {
    const { members } = this.#call
    if (members === 0) {
      this.#phase = 'over'
      return nobody(this.#call)
    }
    // With oneself there is always agreement, and it says nothing.
    if (members === 1) this.#phase = 'testing'
    return { do: 'start', members: Array.from({ length: members }, (_, member) => member) }
  }

  arrived(ballot: Ballot): Move {
    if (this.#phase === 'over') return WAIT
    if (this.#phase === 'testing') {
      this.#poll.ballots.push(ballot)
      this.#sort(ballot)
      return this.#testNext()
    }
    const decision = this.#poll.add(ballot)
    if (decision === undefined) return WAIT
    if (decision.kind !== 'error') return this.#agreed(decision)
    this.#phase = 'testing'
    for (const cast of this.#poll.ballots) this.#sort(cast)
    return this.#testNext()
  }

  tested(member: number, accepted: boolean): Move {
    const ballot = this.#phase === 'testing' ? this.#tests.ended(member) : undefined
    if (ballot === undefined) return WAIT
    if (!accepted) {
      this.#rejections.add(member, 'rejected', ballot.value)
      return this.#testNext()
    }
    this.#phase = 'over'
    const support = [member]
    const decision: Decision = { kind: 'value', value: ballot.value, support, faulty: this.#rejections.faulty(support) }
    this.#untallied.add(decision)
    return { do: 'settle', decision, chosen: member }
  }

  deadline(): Move {
    if (this.#phase === 'over') return WAIT
    if (this.#phase === 'voting') {
      const decision = this.#poll.close()
      if (decision.kind !== 'error') return this.#agreed(decision)
      for (const ballot of this.#poll.ballots) this.#sort(ballot)
    }
    this.#phase = 'over'
    const what = `The time of the call of ${this.#call.method} was over before ${this.#call.members} members agreed or a result was accepted`
    return this.#rejections.settle(
      'PERDURE_E_TIMEOUT',
      what,
      'The state is as before. Allow more timeoutMs, or give members up earlier with attemptMs.',
    )
  }

  #agreed(decision: Decision): Move {
    this.#phase = 'over'
    return settled(decision, this.#poll.ballots)
  }

  /** Results are for the test; what no test can judge is a cause of the failure, if it comes to that. */
  #sort(ballot: Ballot): void {
    if (ballot.kind === 'value') this.#tests.add(ballot)
    else if (ballot.kind === 'exception') this.#rejections.add(ballot.member, 'untested', ballot.value)
    else this.#rejections.failed(ballot)
  }

  #testNext(): Move {
    if (!this.#tests.isEmpty) return this.#tests.next()
    if (this.#poll.ballots.length < this.#call.members) return WAIT
    this.#phase = 'over'
    const what = `The members did not agree on ${this.#call.method}, and no result was accepted`
    return this.#rejections.settle(
      'PERDURE_E_RECOVERY_BLOCK',
      what,
      'The state is as it was before the call. Add a variant, or correct the acceptance test.',
    )
  }
}
