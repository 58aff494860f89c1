// biome-ignore-all lint/performance/noBarrelFile: this file is what `perdure/group` exports.
/**
 * Object groups as a program sees them: an ordinary class or a few ready objects, a strategy, and one client in their place.
 *
 *     const root = objectGroup({ newton, bisection, table }, nVersion({ adjudicator: median() }))
 *     root.solve(2)
 *
 * Boundary: what `perdure/group` exports.
 */

export { groupNamed } from '../../support/reference.ts'
export { type Checkpointed, checkpoint, restore } from '../../support/state/state.ts'
export { type ActionOptions, action } from './action/action.ts'
export type { Action, ActionContext, HandlerContext } from './action/action-context.ts'
export {
  first,
  kAgree,
  majority,
  mean,
  median,
  plurality,
  unanimity,
  weighted,
} from './adjudicators/adjudicator.ts'
export { adjudicator, undecided } from './adjudicators/own-adjudicator.ts'
export { type Attempt, attempt, choose } from './attempt.ts'
export type { Adjudicator, Ballot, Decision, Verdict, VerdictBallot } from './ballot.ts'
export { metaclass, reflect } from './decorators.ts'
export { dependable, groupOf } from './dependable.ts'
export type { GroupCounts, GroupHandle, GroupOptions } from './object-group.ts'
export { objectGroup } from './ready-objects.ts'
export { on } from './site/site-group.ts'
export { acceptanceVoting } from './strategies/acceptance-voting.ts'
export { consensusRecoveryBlock } from './strategies/consensus-recovery-block.ts'
export { fallback } from './strategies/fallback.ts'
export { hedge } from './strategies/hedge.ts'
export { nSelfChecking } from './strategies/n-self-checking.ts'
export { nVersion } from './strategies/n-version.ts'
export { recoveryBlock } from './strategies/recovery-block.ts'
export { activeReplication, leaderFollower, passiveReplication } from './strategies/replication.ts'
export { retryBlock } from './strategies/retry-block.ts'
export { stepwise } from './strategies/stepwise.ts'
export { tOverN1 } from './strategies/t-over-n1.ts'
export type { Strategy, StrategyOptions } from './strategy.ts'
