/**
 * Version gates of a run, on the log's side: which version of which change its body goes by.
 *
 * Code changes while runs are under way. A body asks `p.version(name, n)` and does what the answer says; the answer is fixed for the
 * run the first time it is given. Such a *marker* stands beside the journal: it has no number, so a body may gain or lose a gate
 * without disturbing the numbers of its operations, and a checkpoint does not cut it off.
 *
 * Boundary: functions over the state; which version is first answered is decided where the body runs (`gates.ts`).
 *   B1  A marker is never changed while the run goes on; a run that begins anew has none.
 */
import type { Context } from '../../../log/machine.ts'
import { beginAgain } from './copies.ts'
import { isOneOfSeveral, type Place } from './replication.ts'
import type { Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** Gates of one run: a table that is sent with every attempt. One gate for each round of a loop is more than is meant. */
export const MAX_VERSIONS = 1_000

/** Records a version, and tells the host at which position: its steps wait until that is durable. */
export function recordVersion(
  state: ProcessState,
  run: Run,
  copy: Place,
  [name, version]: readonly [name: string, version: number],
  context: Context,
): void {
  const recorded = run.versions.get(name)
  // Another copy was there before, and its build knows another version: this one goes by that, too, or cannot go on.
  if (recorded !== undefined && recorded !== version && isOneOfSeveral(run)) return beginAgain(state, run, copy, context)
  if (recorded === undefined && run.versions.size < MAX_VERSIONS) run.versions.set(name, version)
  const node = copy.node === undefined ? undefined : state.nodes.get(copy.node)
  if (node) context.note(node.session, ['marked', run.id, copy.fence, name])
}
