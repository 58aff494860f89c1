/**
 * N-version programming: all members do the same work at once, and the adjudicator makes one answer of theirs.
 *
 * Faults are masked without anybody noticing a delay, as long as the right answers outvote the wrong ones; a wrong answer that
 * several members share is as good as a right one (Avizienis; Buzato, Rubira and Lisboa, section 2).
 *
 * Boundary: pure; how members run, and what becomes of those that answer late, is the engine's affair.
 *   N1  Everybody is started once, at the beginning, and nobody later.
 *   N2  The call ends with the first ballot after which no outstanding one could change the decision, for success and failure alike.
 */
import type { Adjudicator } from '../adjudicators/adjudicator.ts'
import type { Ballot, Decision } from '../ballot.ts'
import {
  type CallView,
  type Move,
  type Procedure,
  type StateMode,
  type Strategy,
  type StrategyOptions,
  WAIT,
} from '../strategy.ts'
import { commonOptions, MAX_MEMBERS, usage } from '../strategy-options.ts'
import { nobody, OpenPoll, settled } from './poll.ts'

export interface NVersionOptions extends StrategyOptions {
  /** What is made of the ballots, such as `majority()`. */
  readonly adjudicator: Adjudicator
}

/**
 * A strategy for `dependable` and `objectGroup`: every call is executed by all members, each on its own state and its own copy of
 * the arguments. A thrown exception that is `declared` is a vote, any other error is none; both and silence count in n.
 *
 * One member is passed through: its errors are its own. Two only detect: they cannot mask a wrong answer, which is said when the
 * group is defined. With `operations` the members are methods of one class on one state, that of the answer that is accepted.
 *
 * `PERDURE_E_USAGE` for options that do not fit. What a call fails with is the adjudicator's affair.
 */
export function nVersion<const O extends NVersionOptions>(options: O): Strategy<O> {
  const common = commonOptions('nVersion', options)
  const adjudicator = adjudicatorOf('nVersion', options.adjudicator)
  return {
    kind: 'nVersion',
    options,
    state: stateOf(options),
    attemptMs: Number.POSITIVE_INFINITY,
    ...common,
    minimum: (members) => adjudicator.minimum(members),
    check: (members, id) => checkVote('nVersion', adjudicator, members, id),
    agrees: (decision, vote) => adjudicator.agrees(decision, vote),
    passesThrough: true,
    judgedBy: (other) => nVersion({ ...options, adjudicator: other }),
    begin: (call) => new AllAtOnce(call, adjudicator),
  }
}

/** Also the procedure of other strategies that differ in the adjudicator only. */
export class AllAtOnce implements Procedure {
  readonly #call: CallView
  readonly #poll: OpenPoll
  #over = false

  constructor(call: CallView, adjudicator: Adjudicator) {
    this.#call = call
    this.#poll = new OpenPoll(adjudicator, call)
  }

  begin(): Move {
    if (this.#poll.members > 0) return everybody(this.#poll.members)
    this.#over = true
    return nobody(this.#call)
  }

  arrived(ballot: Ballot): Move {
    return this.#over ? WAIT : this.#then(this.#poll.add(ballot))
  }

  deadline(): Move {
    return this.#over ? WAIT : this.#then(this.#poll.close())
  }

  #then(decision: Decision | undefined): Move {
    if (decision === undefined) return WAIT
    this.#over = true
    return settled(decision, this.#poll.ballots)
  }
}

/** For strategies in which everybody sees every call. */
export function stateOf(options: StrategyOptions): StateMode {
  if (options.stateless === true) return 'none'
  return options.operations === undefined ? 'own' : 'common'
}

export function adjudicatorOf(kind: string, given: unknown): Adjudicator {
  const adjudicator = given as Partial<Adjudicator> | undefined
  if (typeof adjudicator?.judge === 'function' && typeof adjudicator.minimum === 'function') return adjudicator as Adjudicator
  throw usage(
    `The option adjudicator of ${kind} is ${given === undefined ? 'missing' : `a ${typeof given}`}: expected one such as majority().`,
  )
}

/**
 * What to warn of before so many members vote: two that must agree notice that one is wrong, and cannot tell which. Whoever asks for
 * unanimity knows that. Errors: those of the adjudicator that cannot work with so many.
 */
export function checkVote(
  kind: string,
  adjudicator: Adjudicator,
  members: number,
  id?: (member: number) => string,
): readonly string[] {
  adjudicator.check?.(members, id)
  const masksWithThree = adjudicator.minimum(3) < 3
  if (members !== 2 || adjudicator.minimum(2) < 2 || !masksWithThree) return []
  return [
    `${kind} with 2 members and ${adjudicator.name} only detects a wrong answer and cannot mask it: every disagreement fails the call. Add a third variant to mask one fault.`,
  ]
}

/** The same move for every call of a group of this size: calls are frequent. */
const EVERYBODY: Move[] = []

function everybody(members: number): Move {
  const known = EVERYBODY[members]
  if (known !== undefined) return known
  const move: Move = { do: 'start', members: Array.from({ length: members }, (_, member) => member) }
  if (members <= MAX_MEMBERS) EVERYBODY[members] = move
  return move
}
