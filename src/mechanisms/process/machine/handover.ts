/**
 * Runs leave a living node: one because it is wanted elsewhere or held, all because the node is.
 *
 * The host is asked to be *quiet*: it starts no new step, lets those in flight finish, and says `handover`. Only then does the
 * place move, so no step is executed twice. Who takes too long is cut off, as by a crash: the step is executed again elsewhere,
 * under the same idempotency key.
 *
 * Boundary: functions over the state; how a host becomes quiet is `host.ts` and `steps.ts`.
 *   M1  A run that leaves is handed over or has ended by the deadline it was given, whatever its host does.
 *   M2  A node that drains is given no runs; who drained it is answered when it has none left.
 */
import type { Context, Operation, Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import { regrant } from './claims.ts'
import { drop, lead } from './copies.ts'
import { keepsJournal } from './delivery.ts'
import { goOn } from './ending.ts'
import type { Node } from './nodes.ts'
import { displace, place, placeCopy, placeOn, tellPlace } from './placement.ts'
import { copiesOf, isOneOfSeveral, type Place, placeAt, placesOf } from './replication.ts'
import type { Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** A step that is in the way of a move may take this long, unless somebody says otherwise: longer than a request that is not lost. */
export const DRAIN_MS = 30_000

/**
 * Asks the hosts of a placed run to give it up, or those of some of its copies. `to` is the node it is to go on, if any is
 * preferred.
 */
export function leave(
  state: ProcessState,
  run: Run,
  to: string | null,
  drainMs: number,
  context: Context,
  places: readonly Place[] = placesOf(run),
): void {
  for (const each of places) {
    const asked = each.leaving !== undefined
    each.leaving = { to: to ?? each.leaving?.to ?? null }
    // Without a journal it begins anew in any case; what it is at now is in vain.
    if (run.layer === 'restart') return cutOff(state, run, each, context)
    state.expireAt(context, context.wallMs + drainMs, { kind: 'handover', run: run.id, number: each.fence })
    if (!asked) tellPlace(state, run, each, 'quiesce', context)
  }
}

/** The host of this copy has become quiet. */
export function handedOver(state: ProcessState, run: Run, copy: Place, context: Context): void {
  if (copy.leaving) move(state, run, copy, 'handedOver', context)
}

/** The host of this copy has had its time. */
export function cutOff(state: ProcessState, run: Run, copy: Place, context: Context): void {
  if (copy.leaving) move(state, run, copy, 'cutOff', context)
}

function move(state: ProcessState, run: Run, copy: Place, how: 'handedOver' | 'cutOff', context: Context): void {
  const from = state.nodes.get(copy.node ?? '')
  const to = copy.leaving?.to ?? null
  if (from) state.drains.count(from.epoch, how)
  tellPlace(state, run, copy, 'stop', context)
  if (isOneOfSeveral(run)) {
    drop(state, run, copy, to, context)
    regrant(state, run, context)
    // A run is paused when the last of its copies has stopped.
    if (run.paused === undefined && run.leaving === undefined) state.left.push(run)
    return place(state, context)
  }
  displace(state, run)
  goOn(state, run, context)
  if (!run.ended && run.paused === undefined) {
    const node = state.nodes.placeFor(run, { among: to, not: from?.name })
    if (node) placeOn(state, run, node, context)
  }
  place(state, context)
}

/** Layer none lives in its process only. */
export function bound(run: Run): boolean {
  return run.layer === 'none'
}

export function refuseBound({ definition, key }: Run, what: string): Outcome {
  return refusal(
    'PERDURE_E_USAGE',
    `The run ${definition} "${key}" cannot be ${what}: its layer is none, so it lives in its process only. Give it the layer journal.`,
    { definition, key },
  )
}

/** Answers the name of the node it goes on: null if it has ended, or ended meanwhile. */
export function migrate(state: ProcessState, run: Run, { caller, number, args }: Operation, context: Context): void {
  const [, , to, drainMs] = args as [string, string, string | null, number]
  const reply = (outcome: Outcome) => context.reply(caller, number, outcome)
  if (run.ended) return reply({ value: null })
  if (bound(run)) return reply(refuseBound(run, 'moved'))
  const obstacle = obstacleOf(run)
  if (obstacle !== undefined) return reply(noHost(run, obstacle))
  const there = to === null ? [] : state.nodes.named(to)
  if (to !== null && there.length === 0) return reply(unknownNode(to))
  if (there.some(({ name }) => name === run.node)) return reply({ value: run.node })
  const copy = copiesOf(run).find(
    ({ node, leaving }) => leaving === undefined && (to === null || there.some(({ name }) => name === node)),
  )
  const node = state.nodes.placeFor(run, { among: to, not: run.node })
  if (copy && (to !== null || node === undefined)) {
    lead(state, run, copy, context)
    return reply({ value: run.node })
  }
  if (node === undefined || (to !== null && !there.includes(node))) return reply(noHost(run, whyNot(run, to, there)))
  if (run.node !== undefined) {
    state.movers.add(run.id, caller, number)
    const several = isOneOfSeveral(run)
    if (several) placeCopy(run, node, context)
    return leave(state, run, several ? node.name : to, drainMs, context, [run])
  }
  placeOn(state, run, node, context)
  reply({ value: node.name })
}

function obstacleOf(run: Run): string | undefined {
  if (run.paused !== undefined) return 'it is paused. Resume it first'
  if (run.wedged !== undefined) return 'it is wedged. Restart it'
  return undefined
}

function whyNot(run: Run, to: string | null, there: readonly Node[]): string {
  if (to === null) return `no other node hosts ${run.definition} and has room. Start one, or give the nodes more capacity`
  if (!there.some(({ definitions }) => definitions.has(run.definition))) return `${to} does not host ${run.definition}`
  return `${to} is full, suspected, draining, or of a build with which the run diverged. Look with perdure nodes`
}

/** Of all nodes of this name, or of the workers of this program. Answers `{ runs, handedOver, cutOff }`. */
export function drain(state: ProcessState, { caller, number, args }: Operation, context: Context): void {
  const [name, drainMs, then] = args as [string, number, 'stay' | 'stop']
  const nodes = state.nodes.named(name)
  if (nodes.length === 0) return context.reply(caller, number, unknownNode(name))
  const epochs = new Set(nodes.map(({ epoch }) => epoch))
  const runs = nodes.reduce((sum, node) => sum + node.runs.size, 0)
  state.drains.add(context.position, { caller, number, then, nodes: epochs, runs, handedOver: 0, cutOff: 0 })
  for (const node of nodes) {
    node.draining = node.draining === 'stop' ? 'stop' : then
    if (node.runs.size === 0) state.emptied.push(node)
  }
  for (const { id, on } of nodes.flatMap(({ name: on, runs: ofNode }) => [...ofNode].map((id) => ({ id, on })))) {
    const run = state.runs.get(id)
    const copy = run && placeAt(run, on)
    if (run === undefined || copy === undefined) continue
    if (keepsJournal(run)) leave(state, run, null, drainMs, context, [copy])
    else {
      // It may end by itself; if not, it begins anew elsewhere or is lost.
      run.leaving ??= { to: null }
      state.expireAt(context, context.wallMs + drainMs, { kind: 'handover', run: run.id, number: run.fence })
    }
  }
  // Copies that are to go are replaced before they are gone.
  place(state, context)
}

function unknownNode(name: string): Outcome {
  return refusal('PERDURE_E_UNKNOWN_NODE', `There is no node named ${name}. Look with perdure nodes.`, { node: name })
}

function noHost({ definition, key }: Run, why: string): Outcome {
  return refusal('PERDURE_E_NO_HOST', `The run ${definition} "${key}" cannot be moved: ${why}.`, { definition, key })
}
