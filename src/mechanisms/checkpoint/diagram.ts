/**
 * The trace of a group as a picture: a space-time diagram in static SVG.
 *
 *     writeFileSync('bank.svg', diagram(trace, { line: recoveryLine(trace, ['b']), title: 'bank, if b fails' }))
 *
 * One horizontal line for each object, time to the right. A filled X is a basic checkpoint, an outlined one was forced, each with its
 * index. Arrows are messages; replayed ones are dashed, undone ones pale. Against the given line, drawn thick through the objects,
 * orphans are red and missing messages dashed and blue. Without a line, orphans and missing messages are those of the rollbacks in
 * the trace. What the signs mean stands below, as far as they occur.
 *
 * Source of the picture: Zweiacker 1997, Figures 1 and 2.
 * Boundary: pure, data to text. The text has no script, loads nothing, and follows the reader's light or dark colours.
 *   P1  The same trace gives the same text, on every machine.
 *   P2  Names and titles are data: whatever is in them, they end up as text.
 */
import { CHARACTER, CROSS, coordinate, cross, LEGEND_LINE, legend, MARKERS, openEnd, type Sign, STYLE } from './diagram-signs.ts'
import type { Line } from './line.ts'
import { type Arrow, type Point, type Row, type SpaceTime, spaceTime } from './space-time.ts'
import type { Trace } from './trace.ts'

export interface DiagramOptions {
  /** A recovery line, or any other, also an inconsistent one: its orphans are then seen. */
  readonly line?: Line
  readonly title?: string
}

/** Of a column, at least; few columns share the width, but arrows over more than this are hard to follow. */
const COLUMN = 28
const WIDEST_COLUMN = 64
const ROW = 60
const MARGIN = 16
const HEADING = 34
/** Above the first row and below the last one: labels and rollbacks. */
const ROOM = 34
/** How far the line sticks out: beyond the index of a checkpoint. */
const BEYOND = 28
/** The legend and most titles fit. */
const LEAST_WIDTH = 480
/** A longer name is cut; it is whole in what the pointer shows. */
const MAX_NAME = 24
/** With more messages than this, their names would hide the arrows; the pointer shows them. */
const NAMED_MESSAGES = 20
/** A stub of a message that has one end only. */
const STUB_X = 16
const STUB_Y = 20
/** Where on the arrow its name stands: nearer to its beginning, since several may end in the same place. */
const NAME_AT = 0.4
/** Depths under the row in which rollbacks take turns. */
const ROLLBACK_DEPTHS = [13, 18, 23] as const

/**
 * The picture of a trace, as the text of an SVG file. `PERDURE_E_USAGE` for a trace that contradicts itself or has more than 20,000
 * events, or a line that is not of it.
 */
export function diagram(trace: Trace, options: DiagramOptions = {}): string {
  const drawn = spaceTime(trace, options.line)
  const frame = frameOf(drawn, options.title)
  const title = options.title ?? `Checkpoints and messages of ${trace.objects.join(', ')}`
  const below = legend(signsOf(drawn, options), MARGIN, frame.bottom + LEGEND_LINE / 2, frame.width - 2 * MARGIN)
  const height = frame.bottom + below.height + MARGIN / 2
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="perdure-diagram" role="img" viewBox="0 0 ${frame.width} ${height}" width="${frame.width}" height="${height}">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(summary(drawn, options.line))}</desc>`,
    `<style>${STYLE}</style>`,
    `<defs>\n${MARKERS}\n</defs>`,
    `<rect class="paper" width="100%" height="100%"/>`,
    ...(options.title === undefined ? [] : [`<text class="heading" x="${MARGIN}" y="22">${escaped(options.title)}</text>`]),
    ...drawn.rows.map((row, k) => lane(frame, row, k)),
    ...(options.line === undefined ? [] : [cut(frame, drawn.rows)]),
    ...drawn.rows.flatMap((row, k) => row.rollbacks.map((rollback, count) => rolledBack(frame, rollback, k, count))),
    ...inFront(drawn.arrows).map((arrow) => message(frame, arrow)),
    ...drawn.rows.map((row, k) => checkpoints(frame, row, k)),
    ...(drawn.arrows.length > NAMED_MESSAGES ? [] : drawn.arrows.map((arrow) => messageName(frame, arrow))),
    '<!-- legend -->',
    below.svg,
    '</svg>',
    '',
  ].join('\n')
}

/** Where things are, in pixels. */
interface Frame {
  readonly column: number
  readonly left: number
  readonly right: number
  readonly width: number
  readonly top: number
  readonly bottom: number
  readonly rows: number
}

function frameOf({ rows, columns }: SpaceTime, title: string | undefined): Frame {
  const longest = Math.max(1, ...rows.map(({ name }) => shortened(name).length))
  const left = MARGIN + longest * (CHARACTER + 1) + 10
  const titleWidth = (title?.length ?? 0) * (CHARACTER + 2)
  const width = Math.max(LEAST_WIDTH, titleWidth + 2 * MARGIN, left + columns * COLUMN + MARGIN)
  const column = Math.min(WIDEST_COLUMN, (width - MARGIN - left) / columns)
  const top = (title === undefined ? 0 : HEADING) + ROOM
  return { column, left, right: width - MARGIN, width, top, bottom: top + (rows.length - 1) * ROW + ROOM, rows: rows.length }
}

/** The beginning is column 0, the end of the rows Infinity. */
function xOf(frame: Frame, column: number): number {
  return Math.min(frame.left + column * frame.column, frame.right)
}

function yOf({ top }: Frame, row: number): number {
  return top + row * ROW
}

function lane(frame: Frame, { name, undone }: Row, k: number): string {
  const y = yOf(frame, k)
  const label = `<text class="name" x="${frame.left - 10}" y="${y + 4}">${hint(name)}${escaped(shortened(name))}</text>`
  let from = 0
  const paths: string[] = []
  for (const [begin, end] of [...undone, [Number.POSITIVE_INFINITY, 0] as const]) {
    if (begin > from) paths.push(stretch(frame, y, from, begin, 'row'))
    if (begin < end) paths.push(stretch(frame, y, begin, end, 'undone'))
    from = end
  }
  return label + paths.join('')
}

function stretch(frame: Frame, y: number, from: number, to: number, style: string): string {
  return `<path class="${style}" d="M${coordinate(xOf(frame, from))},${y}H${coordinate(xOf(frame, to))}"/>`
}

/** Through the checkpoints of the line, from above the first row to below the last. */
function cut(frame: Frame, rows: readonly Row[]): string {
  const points = rows.map(({ line }, k) => [xOf(frame, line), yOf(frame, k)] as const)
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return ''
  const path = [[first[0], first[1] - BEYOND], ...points, [last[0], last[1] + BEYOND]]
  return `<path class="cut" d="M${path.map(([x, y]) => `${coordinate(x!)},${coordinate(y!)}`).join('L')}">${hint('the line')}</path>`
}

function rolledBack(frame: Frame, { column, back, to }: Row['rollbacks'][number], k: number, count: number): string {
  const y = yOf(frame, k)
  const [from, until] = [xOf(frame, column), xOf(frame, back)]
  const depth = ROLLBACK_DEPTHS[count % ROLLBACK_DEPTHS.length]!
  const path = `M${coordinate(from)},${y}v${depth}H${coordinate(until)}V${y + CROSS + 1}`
  return `<path class="rollback" d="${path}" marker-end="url(#perdure-rollback)">${hint(`back to checkpoint ${to}`)}</path>`
}

/** What matters lies above what does not. */
const LAYERS: readonly Arrow['kind'][] = ['undone', 'plain', 'replay', 'missing', 'orphan']

function inFront(arrows: readonly Arrow[]): readonly Arrow[] {
  return LAYERS.flatMap((kind) => arrows.filter((arrow) => arrow.kind === kind))
}

function message(frame: Frame, arrow: Arrow): string {
  const { kind, start, end, msg, sender, receiver } = arrow
  const [from, to] = ends(frame, arrow)
  const what = hint(`${msg}: ${sender} to ${receiver}${kind === 'plain' ? '' : `, ${kind}`}`)
  if (end === undefined) return `<g>${what}${openEnd(from.x, from.y, to.x, to.y, kind === 'plain' ? 'open' : kind)}</g>`
  const isPale = kind === 'undone' ? ' undone' : ''
  const origin = start === undefined ? `<circle class="${kind === 'undone' ? kind : ''}"` : `<circle class="dot${isPale}"`
  const foot = `${origin} cx="${coordinate(from.x)}" cy="${coordinate(from.y)}" r="2.5"/>`
  const path = start !== undefined && start.row === end.row ? arc(from, to) : `M${spot(from)}L${spot(to)}`
  return `<g>${what}${foot}<path class="${kind}" d="${path}" marker-end="url(#perdure-${kind})"/></g>`
}

interface Spot {
  readonly x: number
  readonly y: number
}

/** What has one end only is a stub: it points to the row of its receiver, if there is one; what comes from outside comes from above. */
function ends(frame: Frame, { start, end, towards }: Arrow): [Spot, Spot] {
  const at = ({ row, column }: Point): Spot => ({ x: xOf(frame, column), y: yOf(frame, row) })
  if (start !== undefined && end !== undefined) return [at(start), at(end)]
  if (end !== undefined) return [moved(at(end), -STUB_X, -STUB_Y), at(end)]
  const from = at(start!)
  return [from, moved(from, STUB_X, towards !== undefined && towards < start!.row ? -STUB_Y : STUB_Y)]
}

function moved({ x, y }: Spot, dx: number, dy: number): Spot {
  return { x: x + dx, y: y + dy }
}

function spot({ x, y }: Spot): string {
  return `${coordinate(x)},${coordinate(y)}`
}

/** A message of an object to itself leaves its row. */
function arc(from: Spot, to: Spot): string {
  const top = from.y - ROW / 3
  return `M${spot(from)}C${coordinate(from.x)},${top} ${coordinate(to.x - 4)},${top} ${spot(to)}`
}

function messageName(frame: Frame, arrow: Arrow): string {
  const [from, to] = ends(frame, arrow)
  const isArc = arrow.start !== undefined && arrow.start.row === arrow.end?.row
  const x = from.x + (to.x - from.x) * NAME_AT + 4
  const y = from.y + (to.y - from.y) * NAME_AT + (isArc ? -ROW / 4 : 4)
  return `<text class="msg" x="${coordinate(x)}" y="${coordinate(y)}">${escaped(shortened(arrow.msg))}</text>`
}

function checkpoints(frame: Frame, { saved }: Row, k: number): string {
  const y = yOf(frame, k)
  return saved
    .map(({ column, index, forced, undone }) => {
      const x = xOf(frame, column)
      const style = `${forced ? 'forced' : 'basic'}${undone ? ' undone' : ''}`
      const what = hint(`${forced ? 'forced' : 'basic'} checkpoint ${index}${undone ? ', undone' : ''}`)
      return `<path class="${style}" d="${cross(x, y)}">${what}</path><text class="index" x="${coordinate(x)}" y="${y - CROSS - 4}">${index}</text>`
    })
    .join('\n')
}

/** The signs that occur. */
function signsOf({ rows, arrows }: SpaceTime, { line }: DiagramOptions): ReadonlySet<Sign> {
  const signs = new Set<Sign>(line === undefined ? [] : ['cut'])
  for (const { saved, rollbacks, undone } of rows) {
    for (const { forced } of saved) signs.add(forced ? 'forced' : 'basic')
    if (rollbacks.length > 0) signs.add('rollback')
    if (undone.length > 0) signs.add('undone')
  }
  for (const { kind, end } of arrows) signs.add(end === undefined && kind === 'plain' ? 'open' : kind)
  return signs
}

/** For those who hear the picture. */
function summary({ rows, arrows }: SpaceTime, line: Line | undefined): string {
  const saved = rows.flatMap((row) => row.saved)
  const named = (kind: Arrow['kind']) => arrows.filter((arrow) => arrow.kind === kind).map(({ msg }) => msg)
  const list = (what: string, msgs: readonly string[]) => (msgs.length === 0 ? `no ${what}` : `${what}: ${listed(msgs)}`)
  const where = Object.entries(line ?? {}).map(([name, to]) => `${name} ${to}`)
  return [
    `Space-time diagram of ${rows.length} objects: ${listed(rows.map(({ name }) => name))}.`,
    `${saved.filter(({ forced }) => !forced).length} basic and ${saved.filter(({ forced }) => forced).length} forced checkpoints, ${arrows.length} arrows of messages;`,
    `${list('orphans', named('orphan'))}; ${list('missing', named('missing'))}.`,
    ...(line === undefined ? [] : [`The line: ${listed(where)}.`]),
  ].join(' ')
}

/** More than this nobody listens to. */
const MAX_LISTED = 32

function listed(names: readonly string[]): string {
  const rest = names.length - MAX_LISTED
  return [...names.slice(0, MAX_LISTED), ...(rest > 0 ? [`${rest} more`] : [])].join(', ')
}

function shortened(name: string): string {
  const characters = [...name]
  return characters.length <= MAX_NAME ? name : `${characters.slice(0, MAX_NAME - 1).join('')}…`
}

/** Shown at the pointer. */
function hint(text: string): string {
  return `<title>${escaped(text)}</title>`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** What XML forbids altogether, control characters and halves of pairs, becomes a sign that something was there (P2). */
function escaped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are to go
  const legal = text.replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/gu, '\uFFFD')
  return legal.replace(/[&<>"]/g, (character) => ENTITIES[character]!)
}
