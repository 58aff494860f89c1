/**
 * A run begins anew: from scratch, under the same key and with the same input, as somebody decided who knows why.
 *
 * Boundary: functions over the state.
 *   Q1  Of the incarnation before nothing counts any more: it is fenced, its waits, holds and deadlines are gone, and the steps of
 *       the new one have other idempotency keys.
 *   Q2  Who waits for the result goes on waiting, and gets that of the new incarnation.
 */
import type { Context, Operation, Outcome } from '../../../log/machine.ts'
import { startOver } from './ending.ts'
import { displace, enqueue, place, tell } from './placement.ts'
import { type Run, statusOf } from './run.ts'
import type { ProcessState } from './state.ts'

/** What `restart` answers. */
export interface Restarted {
  /** The state it was in: whether it had ended is for the caller to know. */
  readonly was: string
  /** Counts from 1. */
  readonly incarnation: number
}

/** For a run in any state; a paused one stays paused. Children that it started go on, and are found again by their keys. */
export function restart(state: ProcessState, run: Run, { args }: Operation, context: Context): Outcome {
  const was = statusOf(run, state.nodes.hosts(run.definition)).state
  tell(state, run, 'stop', context)
  displace(state, run)
  state.nodes.stopWaiting(run)
  startOver(run, context)
  run.restarts += 1
  run.restarted = { reason: String(args[2]), atMs: context.wallMs }
  run.cancelled = undefined
  run.wedged = undefined
  run.diverged = undefined
  run.ended = undefined
  run.deaths = { progress: -1, count: 0, beside: 0 }
  run.repeating = undefined
  run.repeating = undefined
  run.stalls = 0
  run.position = context.position
  enqueue(state, run)
  place(state, context)
  return { value: { was, incarnation: run.incarnation } satisfies Restarted }
}
