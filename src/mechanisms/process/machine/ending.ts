/**
 * How runs end: with a result, an error, a cancellation, or by dying too often.
 *
 * Boundary: functions over the state.
 *   E1  A run ends once. With its end everything it waited for is withdrawn and everybody who waited for it is answered.
 *   E2  Two deaths at the same progress are deaths at the same place; a bounded number of them makes the run wedged. The death of
 *       a process that had not begun with the run says nothing against it: many processes may die at once.
 */
import { preview } from '../../../log/codec/codec.ts'
import type { Caller, Context, Failure, Outcome } from '../../../log/machine.ts'
import { announced, deadlySteps } from './claims.ts'
import { deliver } from './delivery.ts'
import type { Stored } from './journal.ts'
import { displace, enqueue, place, tell } from './placement.ts'
import type { Place } from './replication.ts'
import { freshJournal, MAX_DEATHS, type Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** After a cancellation the body may clean up for this long. */
export const CLEAN_UP_MS = 5_000

/** Of the name of a step, in characters. */
const MAX_STEP_NAME = 80

/** The same for a run that only waits: it is hardly ever the culprit, but nothing is unbounded. */
export const MAX_DEATHS_WAITING = 100

/** Stalls of a run until it is wedged. */
export const MAX_STALLS = 3

export function end(state: ProcessState, run: Run, outcome: Stored, context: Context): void {
  tell(state, run, 'stop', context)
  displace(state, run)
  state.nodes.stopWaiting(run)
  const kind = run.cancelled !== undefined ? 'cancelled' : 'error' in outcome ? 'failed' : 'done'
  const final = run.cancelled === undefined ? outcome : { error: cancelled(run) }
  run.ended = { state: kind, outcome: final, atMs: context.wallMs }
  run.position = context.position
  clear(run, context)
  answerWaiters(state, run, context)
  if (run.placeholder) state.completeField(run.placeholder.id, run.placeholder.field, fieldOutcome(final), context)
  state.expireAt(context, context.wallMs + run.retainMs, { kind: 'forget', run: run.id, number: run.restarts })
  place(state, context)
}

/** Drops the journal, the files and whatever waits on behalf of the run. */
function clear(run: Run, context: Context): void {
  context.ended({ kind: 'run', id: run.id }, 'left')
  run.open.clear()
  run.races.clear()
  run.replication?.claims.clear()
  run.journal = freshJournal(context.wallMs)
  run.files?.clear()
}

/** From scratch: another incarnation, so other idempotency keys. */
export function startOver(run: Run, context: Context): void {
  clear(run, context)
  run.versions.clear()
  if (run.replication) run.replication.outcast = undefined
  run.incarnation += 1
}

/** What those who wait for the result are told: that it ended, or that it will not without help. */
export function verdictOf(run: Run): Stored | undefined {
  if (run.ended) return run.ended.outcome
  if (run.wedged !== undefined) return { error: wedged(run, run.wedged) }
  if (run.diverged && run.node === undefined) return run.diverged.error
  return undefined
}

export function answerWaiters(state: ProcessState, run: Run, context: Context): void {
  const verdict = verdictOf(run)
  if (verdict === undefined) return
  for (const { caller, number } of state.waiters.takeOf(run.id)) context.reply(caller, number, { value: verdict })
}

/** Tells the body through its signal, then through every operation it waits for; it may clean up for a while. */
export function cancel(state: ProcessState, run: Run, reason: string, context: Context): void {
  run.cancelled = reason
  const error = cancelled(run)
  const caller: Caller = { kind: 'run', id: run.id }
  deliver(state, run, 0, { error }, context)
  for (const number of run.races.keys()) context.withdraw(caller, number)
  run.races.clear()
  for (const number of [...run.open.keys()].sort((a, b) => a - b)) {
    context.withdraw(caller, number)
    if (run.open.delete(number)) deliver(state, run, number, { error }, context)
  }
  state.expireAt(context, context.wallMs + CLEAN_UP_MS, { kind: 'cleaned', run: run.id, number: run.restarts })
  for (const child of state.attachedTo(run)) {
    if (!child.ended && child.cancelled === undefined) cancel(state, child, reason, context)
  }
}

/** Steps of which a reason tells: more were hardly begun by accident. */
const MAX_NAMED_STEPS = 5

/** Its present host begins with the body; or with a step that an earlier attempt may have begun, which is told of by its name. */
export function begun(run: Run, copy: Place, step: { readonly number: number; readonly name: string } | undefined): void {
  copy.begun = true
  copy.loading = false
  if (step === undefined) {
    copy.repeating = undefined
    return
  }
  if (run.replication) return announced(run, copy, step.number)
  const { progress } = run.journal
  const before = run.repeating?.progress === progress ? run.repeating.steps : []
  const shown = `${preview(step.name, MAX_STEP_NAME)} (operation ${step.number})`
  if (before.length < MAX_NAMED_STEPS && !before.includes(shown)) run.repeating = { progress, steps: [...before, shown] }
}

/** Its process died, perhaps because of it. `place` must be called afterwards. */
export function died(state: ProcessState, run: Run, context: Context): void {
  if (!run.begun) return goOn(state, run, context)
  countDeath(run)
  const { count, beside } = run.deaths
  const all = count + beside
  if ((all >= MAX_DEATHS && count >= MAX_DEATHS / 2) || all >= MAX_DEATHS_WAITING) {
    const steps = repeatedSteps(run)
    const where = steps.length > 0 ? `in the step ${steps.join(' or ')}` : `after operation ${lastNumber(run)}`
    run.wedged ??= `its process died ${all} times at the same place, ${where}`
  }
  const deadly = deadlySteps(run)
  if (deadly !== undefined) run.wedged ??= deadlyReason(deadly)
  if (run.wedged === undefined || run.layer === 'none') goOn(state, run, context)
  else wedge(state, run, context)
}

function deadlyReason(steps: string): string {
  return `its process died ${MAX_DEATHS} times at the same place, in the step ${steps}`
}

/** One of its processes died where it is now. */
export function countDeath(run: Run): void {
  const { progress } = run.journal
  const suspect = isSuspect(run)
  const before = run.deaths.progress === progress ? run.deaths : { count: 0, beside: 0 }
  run.deaths = { progress, count: before.count + (suspect ? 1 : 0), beside: before.beside + (suspect ? 0 : 1) }
}

/** Whether its code, or a step of it, is likely to be under way. */
export function isSuspect(run: Run): boolean {
  return repeatedSteps(run).length > 0 || run.open.size === 0
}

function repeatedSteps({ repeating, journal }: Run): readonly string[] {
  return repeating?.progress === journal.progress ? repeating.steps : []
}

/** A step has ended too many processes: none is given the run any more. `place` must be called afterwards. */
export function wedgeOver(state: ProcessState, run: Run, steps: string, context: Context): void {
  run.wedged ??= deadlyReason(steps)
  run.position = context.position
  tell(state, run, 'stop', context)
  displace(state, run)
  wedge(state, run, context)
}

/** Something that its journal refers to is not to be had; it waits until somebody has seen to that. */
export function unreadable(state: ProcessState, run: Run, error: Failure, context: Context): void {
  run.wedged = `its journal cannot be read: ${error.message}`
  run.position = context.position
  displace(state, run)
  wedge(state, run, context)
}

/** It has no process any more: it waits for the next, as its layer allows. `place` must be called afterwards. */
export function goOn(state: ProcessState, run: Run, context: Context): void {
  if (run.layer === 'none') return end(state, run, { error: lost(run) }, context)
  if (run.layer === 'restart') startOver(run, context)
  enqueue(state, run)
}

/** Its code held the event loop longer than it may; `heldMs` where that was measured. */
export function stalled(state: ProcessState, run: Run, heldMs: unknown, context: Context): void {
  run.stalls += 1
  run.position = context.position
  if (run.stalls < MAX_STALLS) return
  const last = typeof heldMs === 'number' ? `, the last time for ${heldMs} ms` : ''
  run.wedged ??= `its code held the event loop for longer than maxTurnMs (${run.maxTurnMs} ms), ${run.stalls} times${last}`
  // In a process that lives on it must be stopped; of one that was killed it is known already that it will not go on.
  tell(state, run, 'stop', context)
  displace(state, run)
  wedge(state, run, context)
  place(state, context)
}

function wedge(state: ProcessState, run: Run, context: Context): void {
  state.nodes.stopWaiting(run)
  answerWaiters(state, run, context)
}

function lastNumber(run: Run): number {
  let last = run.journal.base.number
  for (const number of run.journal.entries.keys()) last = Math.max(last, number)
  return last
}

function fieldOutcome(outcome: Stored): Outcome {
  if (!('blob' in outcome)) return outcome
  return {
    error: failure(
      'PERDURE_E_VALUE',
      'The result of an active field is too large for a tuple. Let the run keep it elsewhere and return where it is.',
    ),
  }
}

export function cancelled(run: Run): Failure {
  return failure('PERDURE_E_CANCELLED', `The run ${run.definition} "${run.key}" was cancelled: ${run.cancelled}.`)
}

function wedged(run: Run, reason: string): Failure {
  return failure(
    'PERDURE_E_WEDGED',
    `The run ${run.definition} "${run.key}" is wedged: ${reason}. Mend that, then resume the run where it was, restart it from scratch, or cancel it.`,
  )
}

function lost(run: Run): Failure {
  return failure(
    'PERDURE_E_RUN_LOST',
    `The process of the run ${run.definition} "${run.key}" died, and its layer is none. Choose layer restart or journal to have it go on.`,
  )
}

function failure(code: string, message: string): Failure {
  return { name: 'PerdureError', code, message }
}
