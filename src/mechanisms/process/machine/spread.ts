/**
 * Where the further copies of replicated runs go.
 *
 * Boundary: reads the state; who is placed there is `placement.ts`.
 *   V1  A copy goes to a node that has none of its run: first to a program or machine that has none either, then to the least loaded.
 *   V2  No copy is added where copies have differed from the journal, nor at a place of the body where processes keep dying: those
 *       that are there show whether it can be passed.
 */
import { accepts, type Node } from './nodes.ts'
import { placesOf } from './replication.ts'
import { MAX_DEATHS, type Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** Replicated runs that are executed by fewer copies than they want, in the order of their starts. */
export function shortOfCopies(state: ProcessState): readonly Run[] {
  const short: Run[] = []
  for (const run of state.replicated) if (isShort(run)) short.push(run)
  return short.sort((a, b) => a.id - b.id)
}

/** Whether one more copy is wanted, and may help (V2). */
export function isShort(run: Run): boolean {
  const { replication, deaths, journal } = run
  if (replication === undefined || run.node === undefined) return false
  if (run.ended || run.paused !== undefined || run.cancelled !== undefined || run.wedged !== undefined) return false
  const hopeless = deaths.progress === journal.progress && deaths.count >= MAX_DEATHS
  return !hopeless && placesOf(run).filter(({ leaving }) => leaving === undefined).length < replication.wanted
}

/** The best node for one more copy, if there is any. */
export function nodeForCopy(state: ProcessState, run: Run): Node | undefined {
  const outcast = run.replication?.outcast?.builds ?? []
  const machines = new Set(placesOf(run).map(({ node }) => machineOf(state.nodes.get(node ?? ''))))
  let best: Node | undefined
  let bestIsApart = false
  for (const node of state.nodes.all) {
    if (!accepts(node, run) || outcast.includes(node.definitions.get(run.definition) as string)) continue
    const isApart = !machines.has(machineOf(node))
    const isBetter = best === undefined || (isApart === bestIsApart ? node.runs.size < best.runs.size : isApart)
    if (isBetter) [best, bestIsApart] = [node, isApart]
  }
  return best
}

/** Workers die together with the program that started them. */
function machineOf(node: Node | undefined): string | undefined {
  return node?.parent ?? node?.name
}
