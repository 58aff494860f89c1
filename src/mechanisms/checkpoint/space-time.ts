/**
 * Where the events of a trace lie in a space-time diagram: rows are objects, columns are time.
 *
 * Every event is as far to the left as its causes allow: one column after the event before it in its row and, if it is a receipt, at
 * least one after the sending. Then sendings and checkpoints move to the right as far as nothing has to give way, so that arrows are
 * short. So every arrow points to the right, and causes stand before effects.
 *
 * Boundary: pure; columns and rows, no picture. `diagram.ts` draws.
 *   L1  Events of one row have different columns, in their order; column 0 is left to the beginning of the row.
 *   L2  What happened after a checkpoint to which its object has gone back, or goes back by the given line, is undone.
 */
import { PerdureError } from '../../errors.ts'
import { type Line, orphanSet, replaySet } from './line.ts'
import { checkForm, type Trace, type TraceEvent } from './trace.ts'

/** A page of this many events is wider than anybody scrolls; a longer trace is looked at in parts. */
export const MAX_DRAWN_EVENTS = 20_000

export interface Point {
  readonly row: number
  readonly column: number
}

/**
 * `orphan`: sent after the line and received before it, or its sending was undone by a rollback and its receipt was not. `missing`: sent
 * before and received after the line, so to be replayed. `undone`: whatever else has an undone end. `replay`: given again out of the log.
 */
export type ArrowKind = 'plain' | 'undone' | 'orphan' | 'missing' | 'replay'

export interface Arrow {
  readonly msg: string
  readonly kind: ArrowKind
  /** Undefined: the sender is no member, or the sending lies before the trace. */
  readonly start: Point | undefined
  /** Undefined: it was never received, at least not by a member. */
  readonly end: Point | undefined
  readonly sender: string
  readonly receiver: string
  /** Row of the receiver; undefined: no member. */
  readonly towards: number | undefined
}

export interface Saved {
  readonly column: number
  readonly index: number
  readonly forced: boolean
  readonly undone: boolean
}

export interface Row {
  readonly name: string
  readonly saved: readonly Saved[]
  /** From the column of the rollback to that of the checkpoint; 0: to the beginning. */
  readonly rollbacks: readonly { readonly column: number; readonly back: number; readonly to: number }[]
  /** Columns between which everything is undone, sorted, not overlapping; the last may reach to the end. */
  readonly undone: readonly (readonly [from: number, to: number])[]
  /** Where the line crosses this row; Infinity: it goes on. */
  readonly line: number
}

export interface SpaceTime {
  readonly rows: readonly Row[]
  readonly arrows: readonly Arrow[]
  /** All events have a smaller column. */
  readonly columns: number
}

interface Placed {
  readonly event: TraceEvent
  readonly row: number
  column: number
  undone: boolean
}

/** `PERDURE_E_USAGE` for a trace that contradicts itself, is too long to draw, or has no such line. */
export function spaceTime(trace: Trace, line?: Line): SpaceTime {
  checkForm(trace)
  if (trace.events.length > MAX_DRAWN_EVENTS) throw tooLong(trace.events.length)
  const shown = line ?? Object.fromEntries(trace.objects.map((name) => [name, 'current' as const]))
  // These check the trace and the line as well.
  const orphans = new Set(orphanSet(trace, shown))
  const missing = new Set(replaySet(trace, shown))
  const lanes = place(trace)
  const rows = lanes.map((lane, k) => rowOf(trace.objects[k]!, lane, shown[trace.objects[k]!]!))
  const columns = Math.max(1, ...lanes.map((lane) => (lane.at(-1)?.column ?? 0) + 1))
  return { rows, arrows: arrowsOf(lanes, trace.objects, orphans, missing), columns }
}

/** The events of each object, with columns. */
function place({ objects, events }: Trace): Placed[][] {
  const rowOfName = new Map(objects.map((name, row) => [name, row]))
  const lanes: Placed[][] = objects.map(() => [])
  const sendings = new Map<string, Placed>()
  for (const event of events) {
    const row = rowOfName.get(event.object)!
    const placed: Placed = { event, row, column: 0, undone: false }
    lanes[row]!.push(placed)
    if (event.kind === 'send') sendings.set(event.msg, placed)
  }
  pushRight(lanes, sendings)
  shorten(lanes)
  return lanes
}

/** Every event after its causes, as early as can be. */
function pushRight(lanes: readonly Placed[][], sendings: ReadonlyMap<string, Placed>): void {
  const next = lanes.map(() => 0)
  let left = lanes.reduce((sum, lane) => sum + lane.length, 0)
  while (left > 0) {
    const before = left
    for (const [row, lane] of lanes.entries()) {
      for (let placed = lane[next[row]!]; placed !== undefined; placed = lane[next[row]!]) {
        const sending = placed.event.kind === 'receive' ? sendings.get(placed.event.msg) : undefined
        if (sending?.column === 0) break
        const previous = lane[next[row]! - 1]?.column ?? 0
        placed.column = Math.max(previous, sending?.column ?? 0) + 1
        next[row]!++
        left--
      }
    }
    if (left === before) throw circular(left)
  }
}

/** Sendings move towards their first receipt, checkpoints towards what follows, as far as the next event of their row lets them. */
function shorten(lanes: readonly Placed[][]): void {
  const firstReceipt = new Map<string, number>()
  for (const { event, column } of lanes.flat()) {
    if (event.kind === 'receive') firstReceipt.set(event.msg, Math.min(column, firstReceipt.get(event.msg) ?? column))
  }
  for (const lane of lanes) {
    let limit = Number.POSITIVE_INFINITY
    for (const placed of lane.toReversed()) {
      const { event } = placed
      if (event.kind === 'send') limit = Math.min(limit, firstReceipt.get(event.msg) ?? limit)
      const moves = (event.kind === 'send' || event.kind === 'checkpoint') && limit < Number.POSITIVE_INFINITY
      if (moves) placed.column = limit - 1
      limit = placed.column
    }
  }
}

/** Marks what is undone (L2) on the way. */
function rowOf(name: string, lane: readonly Placed[], to: number | 'current'): Row {
  const alive: Placed[] = []
  const undone: [number, number][] = []
  const rollbacks: Row['rollbacks'][number][] = []
  const goBack = (index: number, column: number) => {
    while (alive.length > 0 && !isCheckpoint(alive.at(-1)!, index)) alive.pop()!.undone = true
    const back = alive.at(-1)?.column ?? 0
    while (undone.length > 0 && undone.at(-1)![0] >= back) undone.pop()
    undone.push([back, column])
    return back
  }
  for (const placed of lane) {
    if (placed.event.kind !== 'rollback') alive.push(placed)
    else rollbacks.push({ column: placed.column, back: goBack(placed.event.to, placed.column), to: placed.event.to })
  }
  const line = to === 'current' ? Number.POSITIVE_INFINITY : goBack(to, Number.POSITIVE_INFINITY)
  const saved = lane.flatMap(({ event, column, undone: isUndone }) =>
    event.kind === 'checkpoint' ? [{ column, index: event.index, forced: event.forced, undone: isUndone }] : [],
  )
  return { name, saved, rollbacks, undone, line }
}

function isCheckpoint({ event }: Placed, index: number): boolean {
  return event.kind === 'checkpoint' && event.index === index
}

function arrowsOf(
  lanes: readonly Placed[][],
  names: readonly string[],
  orphans: ReadonlySet<string>,
  missing: ReadonlySet<string>,
): Arrow[] {
  const rows = new Map(names.map((name, row) => [name, row]))
  const sendings = new Map<string, Placed>()
  const lastReceipt = new Map<string, Placed>()
  for (const placed of lanes.flat()) {
    if (placed.event.kind === 'send') sendings.set(placed.event.msg, placed)
    if (placed.event.kind === 'receive') lastReceipt.set(placed.event.msg, placed)
  }
  const arrows: Arrow[] = []
  for (const placed of lanes.flat()) {
    const { event } = placed
    if (event.kind === 'send' && !lastReceipt.has(event.msg)) {
      const kind = placed.undone ? 'undone' : 'plain'
      const towards = rows.get(event.to)
      arrows.push({ msg: event.msg, kind, start: placed, end: undefined, sender: event.object, receiver: event.to, towards })
    } else if (event.kind === 'receive') {
      const sending = sendings.get(event.msg)
      const isUndone = placed.undone || sending?.undone === true
      let kind: ArrowKind = isUndone ? 'undone' : event.replay ? 'replay' : 'plain'
      if (orphans.has(event.msg) && !placed.undone) kind = 'orphan'
      if (missing.has(event.msg) && lastReceipt.get(event.msg) === placed) kind = 'missing'
      arrows.push({
        msg: event.msg,
        kind,
        start: sending,
        end: placed,
        sender: event.from,
        receiver: event.object,
        towards: placed.row,
      })
    }
  }
  return arrows
}

function circular(left: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_USAGE',
    `The trace contradicts itself: ${left} events wait for each other in a circle, as when two members have each received what the other sent later; expected: receipts after their sendings. Correct its source.`,
  )
}

function tooLong(events: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_USAGE',
    `A trace of ${events} events was to be drawn: expected at most ${MAX_DRAWN_EVENTS}. Draw a part of it, beginning at a line of checkpoints.`,
  )
}
