/**
 * Runs get places and lose them.
 *
 * Boundary: functions over the state; nobody is asked, nobody polls. Which run goes where is `nodes.ts` (N1 to N3).
 */
import type { Context } from '../../log/machine.ts'
import type { Base, Stored } from './journal.ts'
import type { Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** What a host needs to begin an attempt; the journal itself it fetches in pages unless there is none. */
export interface AttemptSpec {
  readonly definition: string
  readonly key: string
  readonly input: Stored
  readonly incarnation: number
  readonly attempt: number
  readonly base: Base
  readonly journaled: boolean
}

/** Gives every run that has somewhere to go its place, and tells the nodes. */
export function place(state: ProcessState, context: Context): void {
  const runOf = (id: number) => state.runs.get(id) as Run
  for (let next = state.nodes.next(runOf); next; next = state.nodes.next(runOf)) {
    const { run, node } = next
    state.nodes.stopWaiting(run)
    node.runs.add(run.id)
    run.node = node.name
    run.fence = context.position
    run.attempt += 1
    run.position = context.position
    run.begun = run.attempt === 1
    run.live = run.journal.progress === 0
    if (run.attempt > 1) state.statistics.runsResumed += 1
    context.note(node.session, ['attempt', run.id, run.fence, attemptSpec(run)])
  }
}

function attemptSpec(run: Run): AttemptSpec {
  const { definition, key, input, incarnation, attempt, journal } = run
  return {
    definition,
    key,
    input,
    incarnation,
    attempt,
    base: journal.base,
    journaled: journal.entries.size > 0 || journal.deliveries.length > 0 || journal.retries.size > 0,
  }
}

/** Takes its place away from a run: what it sent under the old fence is refused from here on. */
export function displace(state: ProcessState, run: Run): void {
  const node = run.node === undefined ? undefined : state.nodes.get(run.node)
  node?.runs.delete(run.id)
  run.node = undefined
  run.fence = 0
  run.live = false
}
