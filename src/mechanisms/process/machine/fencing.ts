/**
 * Nodes come, are suspected, and are fenced.
 *
 * Detection takes two steps: a node is suspected at a position, and fenced later unless anything was heard of it in between.
 * The proof that an OS process has exited fences it at once; a broken connection is only a suspicion.
 *
 * Boundary: functions over the state; who watches the heartbeats is `node/`.
 *   F1  From its fence on nothing a node does counts: its runs have no place until they get a new one.
 */
import type { Context, Operation, Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import { blame } from './claims.ts'
import { lose } from './copies.ts'
import { died, goOn } from './ending.ts'
import { gone } from './moves.ts'
import type { Node } from './nodes.ts'
import { displace, place } from './placement.ts'
import { isOneOfSeveral, placeAt } from './replication.ts'
import type { Run } from './run.ts'
import type { ProcessState } from './state.ts'

/** A node whose connection broke is fenced after this long: its last effect has had time to end. */
export const SUSPICION_MS = 5_000

type Registration = [
  name: string,
  parent: string | null,
  parentSession: number,
  boot: string,
  pid: number,
  definitions: [name: string, hash: string][],
  capacity: number,
]

export function register(state: ProcessState, { caller, number, args }: Operation, context: Context): void {
  if (caller.kind !== 'session') return
  const [name, parent, parentSession, boot, pid, definitions, capacity] = args as Registration
  const holder = state.nodes.get(name)
  if (holder) return context.reply(caller, number, taken(holder))
  state.nodes.add({
    name,
    session: caller.id,
    parent,
    parentSession,
    boot,
    pid,
    definitions: new Map(definitions),
    capacity,
    epoch: context.position,
    runs: new Set(),
    suspectedAt: undefined,
    connected: true,
    draining: undefined,
  })
  context.reply(caller, number, { value: context.position })
  place(state, context)
}

/** `left` says goodbye itself; `lost` was killed or fell silent; `reopened` was of a site that ended as a whole. */
export type Departure = 'left' | 'lost' | 'reopened'

export function fence(state: ProcessState, node: Node, why: Departure, context: Context): void {
  fenceTogether(state, [node], why, context)
}

/** No run of theirs goes from one of them to the next: that would count as so many deaths at one place. */
export function fenceTogether(state: ProcessState, nodes: readonly Node[], why: Departure, context: Context): void {
  for (const node of nodes) {
    state.nodes.remove(node)
    if (why !== 'left') state.statistics.nodesLost += 1
    context.note(node.session, ['fenced', node.name, node.boot])
    if (node.parentSession !== 0) context.note(node.parentSession, ['fenced', node.name, node.boot])
  }
  for (const { node, id } of nodes.flatMap((each) => [...each.runs].map((run) => ({ node: each, id: run })))) {
    const run = state.runs.get(id) as Run
    const lost = placeAt(run, node.name)
    if (lost && isOneOfSeveral(run)) {
      lose(state, run, lost, why === 'lost' ? 'died' : 'left', context)
      continue
    }
    if (why === 'lost') blame(run, run)
    displace(state, run)
    // The end of everything says nothing against any one run.
    if (why === 'lost') died(state, run, context)
    else goOn(state, run, context)
  }
  place(state, context)
  for (const node of nodes) gone(state, node, context)
}

/** Fences the node of this name and boot, if it is still the one. */
export function fenceNamed(state: ProcessState, name: string, boot: unknown, why: Departure, context: Context): void {
  const node = state.nodes.get(name)
  if (node && node.boot === boot) fence(state, node, why, context)
}

/** First step: answers the position of the suspicion, or null when there is no such node. */
export function suspect(state: ProcessState, name: string, boot: unknown, context: Context): number | null {
  const node = state.nodes.get(name)
  if (node === undefined || node.boot !== boot) return null
  node.suspectedAt ??= context.position
  return node.suspectedAt
}

/** Second step: fences unless the suspicion was refuted since. */
export function fenceSuspected(state: ProcessState, name: string, suspectedAt: unknown, context: Context): boolean {
  const node = state.nodes.get(name)
  if (node?.suspectedAt === undefined || node.suspectedAt !== suspectedAt) return false
  fence(state, node, 'lost', context)
  return true
}

/** Anything heard of a node refutes a suspicion of it. */
export function heard(state: ProcessState, name: string, context: Context): void {
  const node = state.nodes.get(name)
  if (node?.suspectedAt === undefined || !node.connected) return
  node.suspectedAt = undefined
  place(state, context)
}

/** The connection of these nodes broke. */
export function disconnected(state: ProcessState, session: number, context: Context): void {
  for (const node of state.nodes.ofSession(session)) {
    node.connected = false
    node.suspectedAt = context.position
    const deadlineMs = context.wallMs + SUSPICION_MS
    state.expireAt(context, deadlineMs, { kind: 'silent', run: 0, number: context.position, node: node.name })
  }
}

function taken({ name, pid, parent }: Node): Outcome {
  const owner = parent === null ? `process ${pid}` : `process ${pid} of ${parent}`
  return refusal(
    'PERDURE_E_NODE_TAKEN',
    `A living node is named ${name} (${owner}). Choose another name, or stop that node first.`,
    { name, pid },
  )
}
