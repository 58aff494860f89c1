/**
 * How runs end: with a result, an error, a cancellation, or by dying too often.
 *
 * Boundary: functions over the state.
 *   E1  A run ends once. With its end everything it waited for is withdrawn and everybody who waited for it is answered.
 *   E2  Two deaths at the same progress are deaths at the same place; a bounded number of them makes the run wedged. The death of
 *       a process that had not begun with the run says nothing against it: many processes may die at once.
 */
import type { Caller, Context, Failure, Outcome } from '../../log/machine.ts'
import { deliver } from './delivery.ts'
import type { Stored } from './journal.ts'
import { displace, place } from './placement.ts'
import { freshJournal, type Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** After a cancellation the body may clean up for this long. */
export const CLEAN_UP_MS = 5_000

/** Deaths at one place until a run is wedged: enough for bad luck, few enough to spare the other runs of its workers. */
export const MAX_DEATHS = 5

/** The same for a run that only waits: it is hardly ever the culprit, but nothing is unbounded. */
export const MAX_DEATHS_WAITING = 100

/** Stalls of a run until it is wedged. */
export const MAX_STALLS = 3

export function end(state: ProcessState, run: Run, outcome: Stored, context: Context): void {
  const node = run.node === undefined ? undefined : state.nodes.get(run.node)
  if (node) context.note(node.session, ['stop', run.id, run.fence])
  displace(state, run)
  state.nodes.stopWaiting(run)
  const kind = run.cancelled !== undefined ? 'cancelled' : 'error' in outcome ? 'failed' : 'done'
  const final = run.cancelled === undefined ? outcome : { error: cancelled(run) }
  run.ended = { state: kind, outcome: final, atMs: context.wallMs }
  run.position = context.position
  clear(run, context)
  answerWaiters(state, run, context)
  if (run.placeholder) state.completeField(run.placeholder.id, run.placeholder.field, fieldOutcome(final), context)
  state.expireAt(context, context.wallMs + run.retainMs, { kind: 'forget', run: run.id, number: 0 })
  place(state, context)
}

/** Drops the journal and whatever waits on behalf of the run. */
function clear(run: Run, context: Context): void {
  context.ended({ kind: 'run', id: run.id })
  run.open.clear()
  run.races.clear()
  run.journal = freshJournal(context.wallMs)
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
  state.expireAt(context, context.wallMs + CLEAN_UP_MS, { kind: 'cleaned', run: run.id, number: 0 })
  for (const child of state.runs.values()) {
    if (child.attachedTo === run.id && !child.ended && child.cancelled === undefined) cancel(state, child, reason, context)
  }
}

/** Its process died, perhaps because of it. `place` must be called afterwards. */
export function died(state: ProcessState, run: Run, context: Context): void {
  if (!run.begun) return goOn(state, run, context)
  const { progress } = run.journal
  const count = run.deaths.progress === progress ? run.deaths.count + 1 : 1
  run.deaths = { progress, count }
  if (count >= (run.open.size > 0 ? MAX_DEATHS_WAITING : MAX_DEATHS)) {
    run.wedged ??= `its process died ${count} times at the same place, after operation ${lastNumber(run)}`
  }
  if (run.wedged === undefined || run.layer === 'none') goOn(state, run, context)
  else wedge(state, run, context)
}

/** It has no process any more: it waits for the next, as its layer allows. `place` must be called afterwards. */
export function goOn(state: ProcessState, run: Run, context: Context): void {
  if (run.layer === 'none') return end(state, run, { error: lost(run) }, context)
  if (run.layer === 'restart') {
    clear(run, context)
    run.incarnation += 1
  }
  state.nodes.wait(run)
}

/** Its body held the event loop longer than it may. */
export function stalled(run: Run): void {
  run.stalls += 1
  if (run.stalls >= MAX_STALLS)
    run.wedged = `its body held the event loop for longer than maxTurnMs (${run.maxTurnMs} ms), ${run.stalls} times`
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
    `The run ${run.definition} "${run.key}" is wedged: ${reason}. Mend its body, then restart or cancel the run.`,
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
