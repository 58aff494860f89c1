/**
 * What becomes of a call that the first answer decides: the answer, or the failures of all that were asked.
 *
 * Boundary: pure. For strategies that compare nothing (`fallback.ts`, `hedge.ts`): a value and a declared exception are answers.
 */
import { PerdureError } from '../../../errors.ts'
import type { Ballot } from '../ballot.ts'
import type { CallView, Move } from '../strategy.ts'
import { failure } from './poll.ts'

/** Both are answers: who declares an exception says that it is a legal outcome. */
export function isAnswer(ballot: Ballot): boolean {
  return ballot.kind === 'value' || ballot.kind === 'exception'
}

export function answered(answer: Ballot, failed: readonly Ballot[]): Move {
  const { kind, value, member } = answer
  const decision = { kind: kind === 'value' ? kind : 'exception', value, support: [member], faulty: blamed(failed) } as const
  return { do: 'settle', decision, chosen: member }
}

/** Everybody has been asked in vain. Of a group of one the member's own error is thrown, as if there were no group. */
export function allFailed(kind: string, call: CallView, failed: readonly Ballot[]): Move {
  const [only] = failed
  if (call.members === 1 && only?.kind === 'error') return { do: 'settle', decision: failure(only.value, [only.member]) }
  const text = `All ${call.members} members of the ${kind} failed at ${call.method}: ${said(call, failed)}. Expected one answer; the cause has the errors in this order.`
  return { do: 'settle', decision: failure(error('PERDURE_E_GROUP_EXHAUSTED', text, call, failed), blamed(failed)) }
}

export function outOfTime(kind: string, call: CallView, failed: readonly Ballot[], started: number): Move {
  const before = failed.length === 0 ? '' : ` Before: ${said(call, failed)}.`
  const text = `No member of the ${kind} answered ${call.method} in the time of the call; ${started} of ${call.members} were asked.${before} Allow more time, or give members up earlier.`
  return { do: 'settle', decision: failure(error('PERDURE_E_TIMEOUT', text, call, failed), blamed(failed)) }
}

/** Silence is no reason for blame here: the verdict has it under `late`. */
function blamed(failed: readonly Ballot[]): readonly number[] {
  return failed.filter(({ kind }) => kind === 'error').map(({ member }) => member)
}

function said(call: CallView, failed: readonly Ballot[]): string {
  return failed.map((ballot) => `${call.id(ballot.member)} ${what(ballot)}`).join(', ')
}

function what({ kind, value }: Ballot): string {
  if (kind === 'late') return 'did not answer in time'
  return `threw ${value instanceof Error ? `${value.name}: ${value.message}` : typeof value}`
}

function error(code: 'PERDURE_E_GROUP_EXHAUSTED' | 'PERDURE_E_TIMEOUT', text: string, call: CallView, failed: readonly Ballot[]) {
  const errors = failed.filter(({ kind }) => kind === 'error').map(({ value }) => value)
  const cause =
    errors.length === 0 ? undefined : new AggregateError(errors, `what the members threw, in the order in which they failed`)
  return new PerdureError(code, text, { cause, data: { failed: failed.map(({ member }) => call.id(member)) } })
}
