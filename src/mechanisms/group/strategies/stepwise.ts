/**
 * Self-configuring optimal programming: members are started in phases, never more than could settle the matter.
 *
 * When all is well a quorum agrees and the other members are never paid for; each phase that fails to decide starts the fewest
 * that could complete it. What it saves in work it may cost in time: the phases add up. (Xu, Bondavalli and Di Giandomenico: SCOP.)
 *
 * Boundary: pure. The size of a phase is found by asking the adjudicator "and if the next k said what this one said?", so that
 * any adjudicator will do, also one's own.
 *   S1  A member is started once at most; the cost of a call is the number of members that were started.
 *   S2  A phase begins when all of the last one have come back undecided, or the phase has lasted `phaseMs`; never earlier.
 */
import { type Adjudicator, majority } from '../adjudicators/adjudicator.ts'
import type { Ballot, Decision } from '../ballot.ts'
import { type CallView, type Move, type Procedure, type Strategy, type StrategyOptions, WAIT } from '../strategy.ts'
import { commonOptions, duration } from '../strategy-options.ts'
import { adjudicatorOf, checkVote } from './n-version.ts'
import { judged, nobody, OpenPoll, settled } from './poll.ts'

export interface StepwiseOptions extends StrategyOptions {
  /**
   * What is made of the ballots. Default: `majority()`, of all members and not of those that were started. One that compares within a
   * tolerance should be told `early: 'agreed'`: else all members are asked, for those left out could move the answer within it.
   */
  readonly adjudicator?: Adjudicator
  /**
   * How long a phase is waited for, in milliseconds, before the next one begins without it; votes that come later still count.
   * Default: until all of the phase have answered, so that one hung member costs the whole `timeoutMs`.
   */
  readonly phaseMs?: number
}

/**
 * A strategy for `dependable` and `objectGroup`: phase 1 starts the fewest members that can decide, in the order of their priority;
 * each next phase the fewest that could complete a decision with the votes there are.
 *
 * Members that are not started do not see the call, so they have one state in common: that of the answer that is accepted.
 * `PERDURE_E_USAGE` for options that do not fit. What a call fails with is the adjudicator's affair.
 */
export function stepwise<const O extends StepwiseOptions = Record<never, never>>(options: O = {} as O): Strategy<O> {
  const common = commonOptions('stepwise', options)
  const adjudicator = options.adjudicator === undefined ? majority() : adjudicatorOf('stepwise', options.adjudicator)
  const phaseMs = options.phaseMs === undefined ? undefined : duration('stepwise', 'phaseMs', options.phaseMs, 0)
  return {
    kind: 'stepwise',
    options,
    state: options.stateless === true ? 'none' : 'common',
    attemptMs: Number.POSITIVE_INFINITY,
    ...common,
    minimum: (members) => adjudicator.minimum(members),
    check: (members, id) => checkVote('stepwise', adjudicator, members, id),
    agrees: (decision, vote) => adjudicator.agrees(decision, vote),
    judgedBy: (other) => stepwise({ ...options, adjudicator: other }),
    begin: (call) => new Phases(call, adjudicator, phaseMs),
  }
}

class Phases implements Procedure {
  readonly #call: CallView
  readonly #adjudicator: Adjudicator
  readonly #phaseMs: number | undefined
  readonly #poll: OpenPoll
  #started = 0
  #over = false

  constructor(call: CallView, adjudicator: Adjudicator, phaseMs: number | undefined) {
    this.#call = call
    this.#adjudicator = adjudicator
    this.#phaseMs = phaseMs
    this.#poll = new OpenPoll(adjudicator, call)
  }

  begin(): Move {
    if (this.#call.members > 0) return this.#phase()
    this.#over = true
    return nobody(this.#call)
  }

  arrived(ballot: Ballot): Move {
    if (this.#over) return WAIT
    const decision = this.#poll.add(ballot)
    if (decision !== undefined) return this.#settle(decision)
    return this.#poll.ballots.length < this.#started ? WAIT : this.#phase()
  }

  elapsed(): Move {
    return this.#over || this.#started === this.#call.members ? WAIT : this.#phase()
  }

  deadline(): Move {
    return this.#over ? WAIT : this.#settle(this.#poll.close())
  }

  #phase(): Move {
    const first = this.#started
    this.#started += fewest(this.#adjudicator, this.#poll, first)
    const members = Array.from({ length: this.#started - first }, (_, i) => first + i)
    return { do: 'start', members, afterMs: this.#phaseMs }
  }

  #settle(decision: Decision): Move {
    this.#over = true
    return settled(decision, this.#poll.ballots)
  }
}

/** Of an opinion that nobody has stated yet: an exception, since those are compared whatever the adjudicator compares of values. */
const UNHEARD: Ballot = { member: 0, kind: 'exception', value: undefined, ms: 0 }

/** How many of the members that have not been started could decide, together with the votes that are there; at least 1. */
function fewest(adjudicator: Adjudicator, poll: OpenPoll, started: number): number {
  const left = poll.members - started
  const votes = poll.ballots.filter(({ kind }) => kind === 'value' || kind === 'exception')
  const least = votes.length > 0 ? 1 : Math.max(1, adjudicator.minimum(poll.members))
  const opinions = votes.length > 0 ? votes : [UNHEARD]
  for (let more = least; more < left; more += 1) {
    if (opinions.some((opinion) => wouldDecide(adjudicator, poll, opinion, started, more))) return more
  }
  // Nothing that is known would decide early. An adjudicator that has heard nothing may just not take exceptions for votes.
  return votes.length > 0 ? left : Math.min(least, left)
}

/** Whether so many more members of this opinion would decide the poll for an answer. */
function wouldDecide(adjudicator: Adjudicator, poll: OpenPoll, opinion: Ballot, started: number, more: number): boolean {
  const followers = Array.from({ length: more }, (_, i) => ({ ...opinion, member: started + i }))
  const ballots = [...poll.ballots, ...followers]
  const decision = judged(adjudicator, { members: poll.members, ballots, closed: false, id: (member) => poll.id(member) })
  return decision !== undefined && decision.kind !== 'error'
}
