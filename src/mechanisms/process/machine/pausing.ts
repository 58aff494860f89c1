/**
 * A run is held: it has no place until somebody resumes it, and then goes on as after a crash.
 *
 * What it waits for it goes on waiting for: replies that come meanwhile go into its journal, and time passes.
 *
 * Boundary: functions over the state; how it leaves its place is `handover.ts`.
 *   Z1  A paused run is in no queue for a place.
 */
import type { Context, Operation } from '../../../log/machine.ts'
import { forgive } from './claims.ts'
import { bound, leave, refuseBound } from './handover.ts'
import { enqueue, place } from './placement.ts'
import type { Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** Answered once nothing of the run is executed any more: true, or false if it had ended, or was paused before. */
export function pause(state: ProcessState, run: Run, { caller, number, args }: Operation, context: Context): void {
  const [, , reason, drainMs] = args as [string, string, string, number]
  if (run.ended || run.paused !== undefined) return context.reply(caller, number, { value: false })
  if (bound(run)) return context.reply(caller, number, refuseBound(run, 'paused'))
  run.paused = reason
  run.position = context.position
  if (run.node === undefined) {
    state.nodes.stopWaiting(run)
    return context.reply(caller, number, { value: true })
  }
  state.pausers.add(run.id, caller, number)
  leave(state, run, null, drainMs, context)
}

/** A paused run goes on; one that is wedged or diverged tries again, because somebody has mended what was in its way. True if this call did it. */
export function resume(state: ProcessState, run: Run, context: Context): boolean {
  if (run.ended) return false
  if (run.paused !== undefined) run.paused = undefined
  else if (run.node === undefined && (run.wedged !== undefined || run.diverged !== undefined)) tryAgain(state, run)
  else return false
  run.position = context.position
  if (run.node === undefined && run.wedged === undefined) enqueue(state, run)
  place(state, context)
  return true
}

function tryAgain(state: ProcessState, run: Run): void {
  // Where it waits depends on the builds that could not go on with it.
  state.nodes.stopWaiting(run)
  run.wedged = undefined
  run.diverged = undefined
  run.deaths = { progress: -1, count: 0, beside: 0 }
  run.stalls = 0
  forgive(run)
}
