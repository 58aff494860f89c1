/**
 * Sequential fallback: the next member is asked when the one before has failed, and the first answer is taken as it is.
 *
 * This is a recovery block without its two safeguards: no acceptance test, so a wrong answer is believed, and no restoration, so a
 * failed member leaves behind what it did. It masks crashes and refusals, of remote services above all. Whoever changes state, or
 * can tell a wrong answer, takes `recoveryBlock`.
 *
 * Boundary: pure.
 *   F1  At most one member is at work, in the order of priority; each is asked once at most.
 *   F2  Only a failure leads to the next member: no answer does, no declared exception; a call that its caller gives up ends in the engine.
 */
import type { Ballot } from '../ballot.ts'
import { type CallView, type Move, type Procedure, type Strategy, type StrategyOptions, WAIT } from '../strategy.ts'
import { commonOptions, duration } from '../strategy-options.ts'
import { allFailed, answered, isAnswer, outOfTime } from './first-answer.ts'
import { nobody } from './poll.ts'

export interface FallbackOptions extends StrategyOptions {
  /** How long one member may take, in milliseconds, before it is given up and the next one is asked. Default: it is waited for. */
  readonly attemptMs?: number
}

/**
 * A strategy for `dependable` and `objectGroup`. `timeoutMs` is the time for all members together.
 *
 * Calls fail with `PERDURE_E_GROUP_EXHAUSTED` when all members have failed, whose `cause` is an AggregateError of what they threw;
 * with `PERDURE_E_TIMEOUT` when the time is over; a group of one fails with its member's own error. `PERDURE_E_USAGE` for options
 * that do not fit.
 */
export function fallback<const O extends FallbackOptions = Record<never, never>>(options: O = {} as O): Strategy<O> {
  return {
    kind: 'fallback',
    options,
    state: 'none',
    ...commonOptions('fallback', options),
    attemptMs: duration('fallback', 'attemptMs', options.attemptMs, Number.POSITIVE_INFINITY),
    minimum: () => 1,
    begin: (call) => new OneAfterAnother(call),
  }
}

class OneAfterAnother implements Procedure {
  readonly #call: CallView
  readonly #failed: Ballot[] = []
  #started = 0
  #over = false

  constructor(call: CallView) {
    this.#call = call
  }

  begin(): Move {
    return this.#call.members === 0 ? this.#end(nobody(this.#call)) : this.#next()
  }

  arrived(ballot: Ballot): Move {
    if (this.#over) return WAIT
    if (isAnswer(ballot)) return this.#end(answered(ballot, this.#failed))
    this.#failed.push(ballot)
    return this.#started < this.#call.members ? this.#next() : this.#end(allFailed('fallback', this.#call, this.#failed))
  }

  deadline(): Move {
    return this.#over ? WAIT : this.#end(outOfTime('fallback', this.#call, this.#failed, this.#started))
  }

  #next(): Move {
    this.#started += 1
    return { do: 'start', members: [this.#started - 1] }
  }

  #end(move: Move): Move {
    this.#over = true
    return move
  }
}
