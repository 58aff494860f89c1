/**
 * One context as the service knows it: its members, the rollback graph of what they were given, and a recovery that is under way.
 *
 * Boundary: data and what follows from it; who is answered when is said by `machine.ts` and `recovering.ts`.
 *   G1  A member's checkpoint counts as stable once the member itself has said so, with every edge that leads before it. What others bring
 *       along opens intervals, no more: lines and floors are made of stable checkpoints.
 *   G2  In an epoch a member is heard in, `target` is null; else it is where it has to go back to, null: nowhere.
 *   G3  Places are not given out again: a late message must not be taken for one of somebody else.
 */
import type { Caller } from '../../../log/machine.ts'
import { RollbackGraph } from '../rollback-graph.ts'
import type { Edge, EpochLine, Line, Names, Need, Order } from './protocol.ts'
import { LINES_KEPT } from './schemas.ts'

/** An operation that is to be answered. */
export interface Waiter {
  readonly caller: Caller
  readonly number: number
}

export interface Seat {
  readonly name: string
  boot: string
  incarnation: number
  callback: string | null
  /** The last it was heard in. */
  epoch: number
  /** Where it has to go back to, in the epoch of the group (G2). */
  target: number | null
  stable: number
  /** Number of its latest own edge. */
  told: number
  /** The last message that was decided for it in this epoch: one at a time is asked for. */
  decided: { readonly message: string; readonly force: boolean } | null
  /** Its proxy is believed to work: a recovery waits for it. */
  live: boolean
  /** It is to be told to save. */
  wanted: boolean
  gone: boolean
  waiting: { readonly waiter: Waiter; readonly epoch: number; readonly token: number } | null
  leaving: Waiter | null
}

export interface Recovery {
  readonly failed: Set<number>
  /** Those that have still to say that they have halted. */
  readonly pending: Set<number>
  readonly callers: Waiter[]
  readonly attaching: { readonly place: number; readonly waiter: Waiter }[]
  readonly token: number
}

export interface AttachedGroup {
  readonly name: string
  readonly graph: RollbackGraph
  epoch: number
  lines: EpochLine[]
  readonly seats: Seat[]
  /** By place: nobody goes back behind it. */
  floor: number[]
  /** Live intervals at which the graph is trimmed, and those who hold the line back are asked to save. */
  trimAt: number
  recovery: Recovery | null
}

/** An interval may be so far ahead of the last that was heard of: more than a member saves while the service is away. */
const MAX_AHEAD = 100_000

/** Of a context, together: some 100 MB. Reached only while a member does not save though it is asked to. */
export const MAX_LIVE = 400_000

/** Live intervals of a member from which on it is worth asking others to save. */
const LAG_INTERVALS = 64

export function newGroup(name: string): AttachedGroup {
  const graph = new RollbackGraph(0)
  return { name, graph, epoch: 0, lines: [], seats: [], floor: [], trimAt: LAG_INTERVALS, recovery: null }
}

export function newSeat(group: AttachedGroup, name: string, boot: string): Seat {
  const seat: Seat = {
    name,
    boot,
    incarnation: 1,
    callback: null,
    epoch: group.epoch,
    target: 0,
    stable: 0,
    told: 0,
    decided: null,
    live: true,
    wanted: false,
    gone: false,
    waiting: null,
    leaving: null,
  }
  group.graph.join()
  group.seats.push(seat)
  group.floor.push(0)
  return seat
}

export function namesOf({ seats }: AttachedGroup): Names {
  return seats.map(({ name, gone }) => (gone ? null : name))
}

/** A text that says what is wrong with the edges, or takes them over. */
export function takeEdges(group: AttachedGroup, place: number, edges: readonly Edge[]): string | undefined {
  const { graph, seats } = group
  const furthest = new Map<number, number>()
  for (const [to, , from, sent, delivered] of edges) {
    const wrong = outOfReach(group, to, delivered) ?? outOfReach(group, from, sent)
    if (wrong !== undefined) return wrong
    furthest.set(to, Math.max(delivered, furthest.get(to) ?? 0))
    furthest.set(from, Math.max(sent, furthest.get(from) ?? 0))
  }
  const opened = Array.from(furthest, ([place, interval]) => Math.max(0, interval - graph.latest(place)))
  if (opened.reduce((sum, count) => sum + count, 0) > MAX_AHEAD) return `its edges open more than ${MAX_AHEAD} intervals at once`
  for (const [to, number, from, sent, delivered] of edges) {
    openUpTo(graph, from, sent)
    openUpTo(graph, to, delivered)
    graph.add(from, sent, to, delivered)
    const seat = seats[place]
    if (to === place && seat !== undefined) seat.told = Math.max(seat.told, number)
  }
  return undefined
}

/** The member has said that this checkpoint of its own is stable (G1). */
export function confirm(group: AttachedGroup, place: number, index: number): void {
  const seat = group.seats[place] as Seat
  openUpTo(group.graph, place, index)
  if (index <= seat.stable) return
  seat.stable = index
  group.floor = group.graph.floor(stableOf(group))
  lag(group)
}

export function outOfReach({ graph, seats }: AttachedGroup, place: number, interval: number): string | undefined {
  if (place >= seats.length) return `there is no place ${place} in this context`
  const latest = graph.latest(place)
  return interval > latest + MAX_AHEAD ? `interval ${interval} of place ${place} is too far ahead of ${latest}` : undefined
}

export function openUpTo(graph: RollbackGraph, place: number, interval: number): void {
  while (graph.latest(place) < interval) graph.open(place)
}

export function stableOf({ seats }: AttachedGroup): number[] {
  return seats.map(({ stable }) => stable)
}

/** Of these needs, those whose edges have not come. */
export function unknownOf({ seats }: AttachedGroup, needs: readonly Need[]): Need[] {
  return needs.filter(([place, number]) => (seats[place]?.told ?? number) < number)
}

/** False: a later line undoes a sending in this interval; what is older than the lines that are kept is not accepted. */
export function accepts({ epoch, lines }: AttachedGroup, from: number, sentEpoch: number, sent: number): boolean {
  if (sentEpoch > epoch || sentEpoch < epoch - LINES_KEPT) return false
  return lines.every(([later, line]) => later <= sentEpoch || sent < (line[from] ?? Number.POSITIVE_INFINITY))
}

/** What a member of this epoch has to do; undefined: it waits. */
export function orderOf(group: AttachedGroup, place: number, epoch: number): Order | undefined {
  const { recovery, floor, seats } = group
  const seat = seats[place] as Seat
  const failed = recovery?.failed.has(place) === true
  if (epoch < group.epoch) return failed ? undefined : moveOf(group, place, epoch)
  const common = { epoch: group.epoch, floor: floor[place] ?? 0, names: namesOf(group) }
  if (recovery !== null) return recovery.pending.has(place) ? { do: 'halt', ...common } : undefined
  if (!seat.wanted) return undefined
  seat.wanted = false
  return { do: 'save', ...common }
}

/** The way from an epoch into that of the group. */
export function moveOf(group: AttachedGroup, place: number, epoch: number): Order {
  const { target } = group.seats[place] as Seat
  const lines = group.lines.filter(([begun]) => begun > epoch)
  const common = { epoch: group.epoch, floor: group.floor[place] ?? 0, names: namesOf(group), lines }
  return target === null ? { do: 'resume', ...common } : { do: 'rollback', ...common, index: target }
}

/** The group goes back; the recovery is over. */
export function goBack(group: AttachedGroup, failed: ReadonlySet<number>): Line {
  const { graph, seats } = group
  const cut = graph.line(failed, stableOf(group))
  const line = cut.map((to) => (to === 'current' ? null : to))
  graph.goBack(cut)
  group.epoch += 1
  group.lines = [...group.lines, [group.epoch, line] as const].slice(-LINES_KEPT)
  for (const [place, seat] of seats.entries()) {
    const to = line[place] ?? null
    seat.told = 0
    seat.decided = null
    if (to === null) continue
    seat.target = to
    seat.stable = Math.min(seat.stable, to)
  }
  return line
}

/** Someone who never saves holds back the line of all, and with it every log: it is asked to. */
function lag(group: AttachedGroup): void {
  const { graph, floor, seats } = group
  if (graph.live < group.trimAt) return
  graph.trim(floor)
  group.trimAt = 2 * graph.live + LAG_INTERVALS
  if (graph.live < LAG_INTERVALS * seats.length) return
  for (const [place, seat] of seats.entries()) if (seat.live && !seat.gone && seat.stable === floor[place]) seat.wanted = true
}
