/**
 * Runs get places and lose them.
 *
 * Boundary: functions over the state; nobody is asked, nobody polls. Which run goes where is `nodes.ts` (N1 to N3), and
 * which copy of a replicated one `spread.ts`.
 */
import type { Context } from '../../../log/machine.ts'
import { type CopySpec, grantsOf, release, takeFree } from './claims.ts'
import type { Base, Stored } from './journal.ts'
import { settle } from './moves.ts'
import type { Node } from './nodes.ts'
import { nowhere, type Place, placesOf } from './replication.ts'
import type { Run } from './run.ts'
import { isShort, nodeForCopy, shortOfCopies } from './spread.ts'
import type { ProcessState } from './state.ts'

/** What a host needs to begin an attempt; the journal itself it fetches in pages unless there is none. */
export interface AttemptSpec {
  readonly definition: string
  readonly key: string
  readonly input: Stored
  readonly incarnation: number
  readonly attempt: number
  /** At the place where its journal ends. */
  readonly deaths: number
  readonly base: Base
  readonly journaled: boolean
  /** How many files its work folder holds; absent where it has none. */
  readonly files?: number
  /** Its version gates, where it has any. */
  readonly versions?: readonly (readonly [name: string, version: number])[]
  /** Of layer `replicas`. */
  readonly copy?: CopySpec
}

/** Gives every run that has somewhere to go its place, then its copies, and tells the nodes. */
export function place(state: ProcessState, context: Context): void {
  const runOf = (id: number) => state.runs.get(id) as Run
  for (let next = state.nodes.next(runOf); next; next = state.nodes.next(runOf)) {
    placeOn(state, next.run, next.node, context)
  }
  if (state.replicated.size > 0) placeCopies(state, context)
  settle(state, context)
}

/** Gives a run this place. */
export function placeOn(state: ProcessState, run: Run, node: Node, context: Context): void {
  state.nodes.stopWaiting(run)
  if (run.replication) {
    run.replication.epoch = context.position
    state.replicated.add(run)
  }
  occupy(run, run, node, context)
  if (run.attempt > 1) state.statistics.runsResumed += 1
}

function placeCopies(state: ProcessState, context: Context): void {
  for (const run of shortOfCopies(state)) {
    for (let node = nodeForCopy(state, run); node && isShort(run); node = nodeForCopy(state, run)) {
      placeCopy(run, node, context)
    }
  }
}

/** Gives a run one more copy. */
export function placeCopy(run: Run, node: Node, context: Context): void {
  const copy = nowhere()
  run.replication?.copies.push(copy)
  occupy(run, copy, node, context)
}

/** Begins an attempt there, as this copy of the run. */
export function occupy(run: Run, copy: Place, node: Node, context: Context): void {
  node.runs.add(run.id)
  copy.node = node.name
  copy.fence = fenceFor(run, context)
  run.attempt += 1
  run.position = context.position
  takeFree(run, copy, context.position)
  const spec = attemptSpec(run, copy, context)
  copy.begun = run.attempt === 1
  copy.loading = spec.journaled
  copy.live = run.journal.progress === 0
  copy.reached = run.journal.base.number
  copy.replayed = 0
  context.note(node.session, ['attempt', run.id, copy.fence, spec])
}

/** Several copies may be placed at one position. */
function fenceFor({ replication }: Run, { position }: Context): number {
  if (replication === undefined) return position
  replication.lastFence = Math.max(position, replication.lastFence + 1)
  return replication.lastFence
}

/** Lets a run wait for a place, unless it is held; `place` must be called afterwards. */
export function enqueue(state: ProcessState, run: Run): void {
  if (run.paused === undefined) state.nodes.wait(run)
}

/** Tells the hosts of a run what concerns its present attempts. */
export function tell(state: ProcessState, run: Run, what: 'stop' | 'quiesce', context: Context): void {
  for (const each of placesOf(run)) tellPlace(state, run, each, what, context)
}

/** Tells the host of one copy. */
export function tellPlace(
  state: ProcessState,
  run: Run,
  { node: name, fence }: Place,
  what: 'stop' | 'quiesce' | 'follow',
  context: Context,
): void {
  const node = name === undefined ? undefined : state.nodes.get(name)
  if (node) context.note(node.session, [what, run.id, fence])
}

/** How often its process has died where it is now. */
export function deathsOf({ deaths, journal }: Run): number {
  return deaths.progress === journal.progress ? deaths.count + deaths.beside : 0
}

function attemptSpec(run: Run, copy: Place, { position }: Context): AttemptSpec {
  const { definition, key, input, incarnation, attempt, journal, versions, replication } = run
  return {
    definition,
    key,
    input,
    incarnation,
    attempt,
    deaths: deathsOf(run),
    base: journal.base,
    journaled: journal.entries.size > 0 || journal.deliveries.length > 0 || journal.retries.size > 0,
    ...(versions.size > 0 && { versions: [...versions] }),
    ...(replication && {
      copy: { leads: copy === run, position, granted: grantsOf(run, copy) },
    }),
    ...(run.files && { files: run.files.count }),
  }
}

/** Takes its places away from a run: what it sent under the old fences is refused from here on. `place` must be called afterwards. */
export function displace(state: ProcessState, run: Run): void {
  const places = placesOf(run)
  if (places.some(({ leaving }) => leaving !== undefined)) state.left.push(run)
  for (const each of places) vacate(state, run, each)
  if (run.replication) {
    run.replication.copies = []
    state.replicated.delete(run)
  }
  run.leaving = undefined
  run.node = undefined
  run.fence = 0
  run.live = false
}

/** The node has room for another run, and what the copy was to execute is free. */
export function vacate(state: ProcessState, run: Run, copy: Place): void {
  const node = copy.node === undefined ? undefined : state.nodes.get(copy.node)
  node?.runs.delete(run.id)
  if (node?.draining !== undefined && node.runs.size === 0) state.emptied.push(node)
  release(run, copy)
}
