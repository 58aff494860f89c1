/**
 * Acceptance voting: every member's result is tested, and those that pass vote.
 *
 * The test keeps wrong results from outvoting right ones, and the vote keeps a weak test from being fooled by one member
 * (Athavale 1989; Belli and Jedrzejowicz 1990). The electorate is dynamic: a majority of the accepted, however few they are.
 *
 * Boundary: pure.
 *   V1  Nobody votes who was rejected; a declared exception cannot be tested and votes.
 *   V2  One accepted ballot is the answer; none is a failure.
 *   V3  An early decision is one that the ballots still to come cannot change, whether they are accepted or not.
 */
import { PerdureError } from '../../../errors.ts'
import { type Adjudicator, majority } from '../adjudicators/adjudicator.ts'
import type { Ballot, Decision, Poll } from '../ballot.ts'
import { type CallView, type Move, type Procedure, type Strategy, WAIT } from '../strategy.ts'
import { adjudicatorOf, stateOf } from './n-version.ts'
import { judged, nobody, settled } from './poll.ts'
import { loneAlternate, type TestedOptions, testedOptions } from './recovery-block.ts'
import { Rejections } from './rejections.ts'
import { TestQueue } from './test-queue.ts'

export interface AcceptanceVotingOptions extends TestedOptions {
  /** Of the accepted ballots; it is told that there are no other members. Default: `majority()`. */
  readonly adjudicator?: Adjudicator
}

/**
 * A strategy for `dependable` and `objectGroup`: all members execute every call, each on its own state, and what passes `accept` is
 * voted on. Calls fail with what the adjudicator says, with `PERDURE_E_NO_QUORUM` when nothing was accepted, and with
 * `PERDURE_E_TIMEOUT` when that is for lack of time. `PERDURE_E_USAGE` for options that do not fit.
 */
export function acceptanceVoting<const O extends AcceptanceVotingOptions>(options: O): Strategy<O> {
  const kind = 'acceptanceVoting'
  const tested = testedOptions(kind, options)
  const adjudicator = adjudicatorOf(kind, options.adjudicator ?? majority())
  return {
    kind,
    options,
    state: stateOf(options),
    ...tested,
    attemptMs: Number.POSITIVE_INFINITY,
    minimum: (members) => Math.min(2, members),
    check: (members, id) => {
      checkElectorate(kind, adjudicator, members, id)
      return loneAlternate(kind, members)
    },
    agrees: (decision, vote) => adjudicator.agrees(decision, vote),
    judgedBy: (other) => acceptanceVoting({ ...options, adjudicator: other }),
    begin: (call) => new TestThenVote(call, adjudicator),
  }
}

/** Whoever needs all members, such as fixed weights, would fail the call at the first rejection. */
function checkElectorate(kind: string, adjudicator: Adjudicator, members: number, id?: (member: number) => string): void {
  adjudicator.check?.(members, id)
  if (members === 1) return
  const cause = refusalOf(adjudicator, members - 1, id)
  if (cause === undefined) return
  const text = `${kind} asks ${adjudicator.name} about the accepted ballots only, and it cannot judge fewer than ${members}: expected one such as majority() or plurality().`
  throw new PerdureError('PERDURE_E_USAGE', text, { cause })
}

function refusalOf(adjudicator: Adjudicator, members: number, id?: (member: number) => string): unknown {
  try {
    adjudicator.check?.(members, id)
    return undefined
  } catch (error) {
    return error
  }
}

class TestThenVote implements Procedure {
  readonly #call: CallView
  readonly #adjudicator: Adjudicator
  readonly #rejections: Rejections
  readonly #accepted: Ballot[] = []
  readonly #tests = new TestQueue()
  /** Not in yet, or not tested yet. */
  #outstanding: number
  readonly #id = (member: number): string => this.#call.id(member)
  #over = false

  constructor(call: CallView, adjudicator: Adjudicator) {
    this.#call = call
    this.#adjudicator = adjudicator
    this.#rejections = new Rejections(call)
    this.#outstanding = call.members
  }

  begin(): Move {
    const { members } = this.#call
    if (members > 0) return { do: 'start', members: Array.from({ length: members }, (_, member) => member) }
    this.#over = true
    return nobody(this.#call)
  }

  arrived(ballot: Ballot): Move {
    if (this.#over) return WAIT
    if (ballot.kind === 'value') {
      this.#tests.add(ballot)
      return this.#tests.next()
    }
    this.#outstanding -= 1
    if (ballot.kind === 'exception') this.#accepted.push(ballot)
    else this.#rejections.failed(ballot)
    return this.#decide() ?? WAIT
  }

  tested(member: number, accepted: boolean): Move {
    const ballot = this.#over ? undefined : this.#tests.ended(member)
    if (ballot === undefined) return WAIT
    this.#outstanding -= 1
    if (accepted) this.#accepted.push(ballot)
    else this.#rejections.add(member, 'rejected', ballot.value)
    return this.#decide() ?? this.#tests.next()
  }

  deadline(): Move {
    if (this.#over) return WAIT
    if (this.#accepted.length > 0) {
      this.#outstanding = 0
      return this.#decide() ?? WAIT
    }
    return this.#nothing(
      'PERDURE_E_TIMEOUT',
      `The time of the call of ${this.#call.method} was over before a result was accepted`,
    )
  }

  /** Whoever is outstanding may yet be accepted, and may as well be rejected: until all are in, only a value is beyond change. */
  #decide(): Move | undefined {
    const closed = this.#outstanding === 0
    if (this.#accepted.length === 0) {
      return closed
        ? this.#nothing(
            'PERDURE_E_NO_QUORUM',
            `Of ${this.#call.members} members none returned an acceptable result of ${this.#call.method}`,
          )
        : undefined
    }
    const poll: Poll = { members: this.#accepted.length + this.#outstanding, ballots: this.#accepted, closed, id: this.#id }
    const decision = judged(this.#adjudicator, poll)
    if (decision === undefined || (decision.kind === 'error' && !closed)) return undefined
    this.#over = true
    return settled(this.#withBlame(decision), this.#accepted)
  }

  #withBlame(decision: Decision): Decision {
    const rejected = this.#rejections.faulty()
    return rejected.length === 0 ? decision : { ...decision, faulty: [...decision.faulty, ...rejected].sort((a, b) => a - b) }
  }

  #nothing(code: 'PERDURE_E_NO_QUORUM' | 'PERDURE_E_TIMEOUT', what: string): Move {
    this.#over = true
    return this.#rejections.settle(
      code,
      what,
      'Expected at least one result that passes the acceptance test. Add a variant, or correct the test.',
    )
  }
}
