/**
 * Contexts of attached members as parts of a snapshot, and back.
 *
 * Boundary: data. A rollback graph is written as the least interval that each interval of each member leads to, member by member.
 */
import { inParts } from '../../../log/machine.ts'
import { RollbackGraph } from '../rollback-graph.ts'
import type { AttachedGroup, Recovery } from './attached-group.ts'

type Row = readonly (number | null)[]

export function* snapshotOf(group: AttachedGroup): Generator<unknown> {
  const { graph, recovery, ...rest } = group
  const firsts = group.seats.map((_, place) => [graph.oldest(place), graph.latest(place)])
  const saved = recovery && { ...recovery, failed: [...recovery.failed], pending: [...recovery.pending] }
  yield structuredClone(['group', { ...rest, recovery: saved, firsts }])
  for (const place of group.seats.keys()) yield* inParts('rows', rowsOf(group, place), group.name, place)
}

/** Takes one part into the groups. */
export function restoreGroup(groups: Map<string, AttachedGroup>, kind: string, part: readonly unknown[]): void {
  if (kind === 'group') {
    const { firsts, recovery, ...rest } = structuredClone(part[0]) as Saved
    const graph = new RollbackGraph(firsts.length)
    for (const [place, [first, latest]] of firsts.entries()) advance(graph, place, first, latest)
    const restored: Recovery | null = recovery && {
      ...recovery,
      failed: new Set(recovery.failed),
      pending: new Set(recovery.pending),
    }
    groups.set(rest.name, { ...rest, graph, recovery: restored })
    return
  }
  const [name, place, rows] = part as readonly [string, number, readonly (readonly [number, Row])[]]
  const { graph } = groups.get(name) as AttachedGroup
  for (const [interval, row] of rows)
    for (const [to, least] of row.entries()) if (least !== null) graph.add(place, interval, to, least)
}

type Saved = Omit<AttachedGroup, 'graph' | 'recovery'> & {
  readonly firsts: readonly (readonly [first: number, latest: number])[]
  readonly recovery:
    | (Omit<Recovery, 'failed' | 'pending'> & { readonly failed: readonly number[]; readonly pending: readonly number[] })
    | null
}

function* rowsOf({ graph, seats }: AttachedGroup, place: number): Generator<readonly [number, Row]> {
  for (let interval = graph.oldest(place); interval <= graph.latest(place); interval++)
    yield [interval, seats.map((_, to) => graph.given(place, interval, to) ?? null)]
}

/** A step between two trimmings: what is opened on the way is thrown away again. */
const STEP = 1_024

function advance(graph: RollbackGraph, place: number, first: number, latest: number): void {
  const floor = Array.from({ length: graph.members }, (_, k) => graph.oldest(k))
  while (graph.latest(place) < latest) {
    graph.open(place)
    if (graph.latest(place) % STEP !== 0 && graph.latest(place) !== first) continue
    floor[place] = Math.min(first, graph.latest(place))
    graph.trim(floor)
  }
}
