/**
 * A recorded call, judged once more: what would this adjudicator have made of these ballots?
 *
 * Boundary: pure; feeds the ballots of a verdict to a fresh procedure, in the order in which they came.
 */
import type { Decision, Verdict } from './ballot.ts'
import type { Move, Strategy } from './strategy.ts'
import { usage } from './strategy-options.ts'

export function redecide(strategy: Strategy, { method, args, members: ids, ballots }: Verdict): Decision {
  const procedure = strategy.begin({ members: ids.length, method, args, id: (member) => ids[member] ?? String(member) })
  let move = procedure.begin()
  for (const { id, kind, value, error, ms, accepted } of ballots) {
    const member = ids.indexOf(id)
    move = procedure.arrived({ member, kind, value: kind === 'value' ? value : error, ms })
    while (move.do === 'test') move = procedure.tested?.(move.member, accepted === true) ?? { do: 'wait' }
    const decision = decisionOf(move)
    if (decision !== undefined) return decision
  }
  const decision = decisionOf(procedure.deadline())
  if (decision !== undefined) return decision
  throw usage(
    `The ballots of this verdict do not decide a call of ${strategy.kind}: expected the verdict of a group with this strategy.`,
  )
}

function decisionOf(move: Move): Decision | undefined {
  return move.do === 'settle' ? move.decision : undefined
}
