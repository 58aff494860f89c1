/**
 * The errors of calls on which the members came to no answer: what each of them said, what was needed, and what to do.
 *
 * Boundary: texts and data for people and programs; the decision that there is no answer has been made.
 */
import { type ErrorCode, PerdureError } from '../../../errors.ts'
import { preview } from '../../../log/codec/codec.ts'
import type { Ballot, Decision, Poll } from '../ballot.ts'
import { countedVotes, failedMembers } from './blame.ts'
import type { Comparison } from './comparison.ts'

/** Answers beside each other in one message. */
const ANSWER_LENGTH = 40

/** More members than this are counted instead of quoted. */
const QUOTED_MEMBERS = 9

export interface Shortfall {
  /** As in programs, such as `majority()`. */
  readonly adjudicator: string
  /** What was needed, such as "2 of 3 equal votes". */
  readonly needed: string
  readonly advice: string
  readonly code: ErrorCode
  /** Weight of the largest class. */
  readonly most: number
  /** All votes there are agree, as far as they go: then silence, if there is any, is the only reason. */
  readonly isHarmonious: boolean
}

/** Decides for an error: `PERDURE_E_TIMEOUT` when silence is the only reason, else what the shortfall says. */
export function noAnswer(poll: Poll, comparison: Comparison, shortfall: Shortfall): Decision {
  const { adjudicator, needed, advice, most } = shortfall
  const ballots = [...poll.ballots].sort((a, b) => a.member - b.member)
  const faulty = failedMembers(ballots, comparison)
  const late = poll.closed ? silent(poll) : ballots.filter(({ kind }) => kind === 'late').map(({ member }) => member)
  const isTime = shortfall.isHarmonious && faulty.length === 0 && late.length > 0
  const code = isTime ? 'PERDURE_E_TIMEOUT' : shortfall.code
  const name = nameOf(poll)
  const causes = ballots.filter(({ kind }) => kind === 'error').map(({ value }) => value)
  const refusal = ballots.map((ballot) => comparison.refusal(comparison.keyOf(ballot))).find((reason) => reason !== undefined)
  const why =
    refusal === undefined
      ? ''
      : ` One answer equals nothing but itself (${preview(refusal, 160)}): compareOn can take out what is data.`
  const what = isTime ? `Time is over, and ${adjudicator} cannot decide yet` : `${adjudicator} came to no answer`
  const message = `${what}: ${said(poll, ballots, late)}. Expected ${needed}.${why} ${isTime ? 'Allow more time, or find out why they are silent.' : advice}`
  const data = {
    adjudicator,
    members: poll.members,
    needed,
    most,
    votes: countedVotes(ballots, comparison).length,
    support: [],
    faulty: faulty.map(name),
    late: late.map(name),
    answers: ballots.map((ballot) => ({ member: name(ballot.member), kind: ballot.kind, answer: preview(ballot.value) })),
  }
  const cause = causes.length > 1 ? new AggregateError(causes, `${causes.length} members failed`) : (causes[0] ?? refusal)
  return { kind: 'error', value: new PerdureError(code, message, { data, cause }), support: [], faulty }
}

export function nameOf(poll: Poll): (member: number) => string {
  return (member) => poll.id?.(member) ?? `member ${member}`
}

function silent({ members, ballots }: Poll): number[] {
  const spoken = new Set(ballots.filter(({ kind }) => kind !== 'late').map(({ member }) => member))
  return Array.from({ length: members }, (_, member) => member).filter((member) => !spoken.has(member))
}

function said(poll: Poll, ballots: readonly Ballot[], late: readonly number[]): string {
  const name = nameOf(poll)
  const quoted = ballots.filter(({ kind }) => kind !== 'late').map((ballot) => `${name(ballot.member)} ${quote(ballot)}`)
  const parts = quoted.slice(0, QUOTED_MEMBERS)
  if (quoted.length > parts.length) parts.push(`${quoted.length - parts.length} more answered`)
  if (late.length > 0)
    parts.push(
      `${late.slice(0, QUOTED_MEMBERS).map(name).join(', ')}${late.length > QUOTED_MEMBERS ? ', …' : ''} said nothing in time`,
    )
  const awaited = poll.members - quoted.length - late.length
  if (awaited > 0) parts.push(`${awaited} still to come cannot change that`)
  return parts.length === 0 ? 'nobody was asked' : parts.join('; ')
}

function quote({ kind, value }: Ballot): string {
  const text = preview(value, ANSWER_LENGTH)
  if (kind === 'value') return `said ${text}`
  return kind === 'exception' ? `raised ${text}` : `failed with ${text}`
}
