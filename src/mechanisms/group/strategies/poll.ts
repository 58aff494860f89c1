/**
 * The poll of one call: the ballots so far, and the adjudicator's decision as soon as there is one.
 *
 * Boundary: pure. Who is asked, and when, is the procedure's affair; what the ballots amount to is the adjudicator's.
 *   L1  A closed poll is decided, whatever the adjudicator does: one that throws or stays undecided decides for an error.
 *   L2  Of a group of one the member's own error is thrown, as if there were no group.
 */
import { PerdureError } from '../../../errors.ts'
import type { Adjudicator } from '../adjudicators/adjudicator.ts'
import type { Ballot, Decision, Poll } from '../ballot.ts'
import type { CallView, Move } from '../strategy.ts'

export class OpenPoll implements Poll {
  readonly members: number
  readonly ballots: Ballot[] = []
  closed = false
  readonly #adjudicator: Adjudicator
  readonly #call: CallView

  constructor(adjudicator: Adjudicator, call: CallView) {
    this.#adjudicator = adjudicator
    this.#call = call
    this.members = call.members
  }

  /** A field and no method: adjudicators hand it on by itself. */
  readonly id = (member: number): string => this.#call.id(member)

  /** The decision that this ballot brings about, if it does. */
  add(ballot: Ballot): Decision | undefined {
    this.ballots.push(ballot)
    if (this.ballots.length === this.members) return this.close()
    return judged(this.#adjudicator, this)
  }

  /** Nothing more will come. */
  close(): Decision {
    this.closed = true
    const decision = judged(this.#adjudicator, this) ?? undecided(this.#adjudicator)
    const [only] = this.ballots
    if (this.members !== 1 || decision.kind !== 'error' || only?.kind !== 'error') return decision
    return { kind: 'error', value: only.value, support: [], faulty: [only.member] }
  }
}

/**
 * The end of a call whose ballots were these. State and effects have to fit the answer: they are those of a member that carries it, of
 * the one whose ballot is the answer or, where it is nobody's own as of a mean, comes nearest to it.
 */
export function settled(decision: Decision, ballots: readonly Ballot[]): Move {
  const { kind, value: answer, support, faulty } = decision
  if (kind === 'error') return { do: 'settle', decision }
  let chosen: number | undefined
  let nearest = Number.POSITIVE_INFINITY
  for (const ballot of ballots) {
    const { member } = ballot
    const carries = support.length > 0 ? support.includes(member) : ballot.kind === kind && !faulty.includes(member)
    if (!carries) continue
    const distance = distanceOf(ballot.value, answer)
    if (chosen !== undefined && (distance > nearest || (distance === nearest && member > chosen))) continue
    chosen = member
    nearest = distance
  }
  return { do: 'settle', decision, chosen }
}

/** The end of a call for which there is nobody. */
export function nobody(call: CallView): Move {
  const text = `There is no member to be asked for ${call.method}: expected at least one. Add members, or let suspended ones return.`
  return { do: 'settle', decision: failure(new PerdureError('PERDURE_E_GROUP_EXHAUSTED', text)) }
}

/** As the adjudicator says; an error where it throws. */
export function judged(adjudicator: Adjudicator, poll: Poll): Decision | undefined {
  try {
    return adjudicator.judge(poll)
  } catch (cause) {
    if (cause instanceof PerdureError) return failure(cause)
    const text = `The adjudicator ${adjudicator.name} threw instead of judging ${poll.ballots.length} ballots of ${poll.members} members: its judge has to return. Correct it; the cause says where.`
    return failure(new PerdureError('PERDURE_E_NO_QUORUM', text, { cause }))
  }
}

export function failure(error: unknown, faulty: readonly number[] = []): Decision {
  return { kind: 'error', value: error, support: [], faulty }
}

function undecided(adjudicator: Adjudicator): Decision {
  const text = `The adjudicator ${adjudicator.name} decided nothing although no further ballot will come: a closed poll needs a value or an error. Correct its judge.`
  return failure(new PerdureError('PERDURE_E_NO_QUORUM', text))
}

function distanceOf(vote: unknown, answer: unknown): number {
  if (Object.is(vote, answer)) return 0
  const distance = typeof vote === 'number' && typeof answer === 'number' ? Math.abs(vote - answer) : Number.POSITIVE_INFINITY
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance
}
