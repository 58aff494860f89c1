/**
 * Shows the board: as a grid that is redrawn in place on a terminal, as a line every tenth of the work elsewhere.
 *
 * A cell is a task. `·` waits, a small letter is being computed by that node, a capital one is done by it, `x` was lost with a
 * killed process and is not done again yet, `=` was done before this command started. Colours repeat what the letters say.
 *
 * Boundary: state to text; `frame` and `progressLine` are pure, only the two displays write.
 */
import { createLogUpdate } from 'log-update'
import type { Board, Cell, Member } from './board.ts'
import { votesText } from './geodesic.ts'
import type { Kill } from './killer.ts'

export interface Scene {
  readonly board: Board
  readonly kills: readonly Kill[]
  /** Executes the coordinator, as far as it is known. */
  readonly coordinator: string | undefined
  readonly elapsedMs: number
}

export interface Display {
  /** Shows the present state if enough has changed. */
  show(scene: Scene): void
  /** Shows the last state for good. */
  close(scene: Scene): void
}

/** At most ten times a second. */
export const REDRAW_MS = 100

export function displayFor(stream: NodeJS.WriteStream): Display {
  const live = stream.isTTY && !process.env.CI && process.env.TERM !== 'dumb'
  return live ? terminalDisplay(stream) : lineDisplay(stream)
}

function terminalDisplay(stream: NodeJS.WriteStream): Display {
  const update = createLogUpdate(stream)
  const paint = stream.hasColors?.() ? colourful : plain
  const draw = (scene: Scene) => update(frame(scene, stream.columns, paint))
  return {
    show: draw,
    close(scene) {
      draw(scene)
      update.done()
    },
  }
}

function lineDisplay(stream: NodeJS.WriteStream): Display {
  let tenths = 0
  let killsShown = 0
  let recoveriesShown = 0
  const line = (text: string) => stream.write(`${text}\n`)
  const show = ({ board, kills, elapsedMs }: Scene) => {
    for (; killsShown < kills.length; killsShown += 1) line(killText(kills[killsShown]!))
    const recovered = kills.filter(({ recovery }) => recovery !== undefined)
    for (; recoveriesShown < recovered.length; recoveriesShown += 1) line(recoveryText(recovered[recoveriesShown]!))
    const now = Math.floor((10 * board.done) / board.cells.length)
    if (now > tenths) line(progressLine(board, elapsedMs))
    tenths = Math.max(tenths, now)
  }
  const close = (scene: Scene) => {
    show(scene)
    for (const text of votesLines(scene.board)) line(text)
  }
  return { show, close }
}

/** As in `50%  108 of 216 tasks  node-1 27, node-2 27, node-3 54  4.2 s`. */
export function progressLine(board: Board, elapsedMs: number): string {
  const part = Math.floor((100 * board.done) / board.cells.length)
  const nodes = board.members.map(({ name, done }) => `${name} ${done}`).join(', ')
  return `${`${part}%`.padStart(4)}  ${board.done} of ${board.cells.length} tasks  ${nodes}  ${seconds(elapsedMs)}`
}

/** How something looks: a background or a foreground of one of the eight colours, bold, dim. */
export interface Paint {
  done(text: string, node: number): string
  taken(text: string, node: number): string
  alarm(text: string): string
  dim(text: string): string
  bold(text: string): string
}

export const plain: Paint = {
  done: (text) => text,
  taken: (text) => text,
  alarm: (text) => text,
  dim: (text) => text,
  bold: (text) => text,
}

/** Of 256 colours: dark enough for black letters to be read on them, far enough apart to be told from each other. */
const COLOURS = [110, 179, 114, 176, 80, 209, 186, 146]

const colourful: Paint = {
  done: (text, node) => `\x1b[48;5;${COLOURS[node % COLOURS.length]};38;5;16m${text}\x1b[0m`,
  taken: (text, node) => `\x1b[1;38;5;${COLOURS[node % COLOURS.length]}m${text}\x1b[0m`,
  alarm: (text) => `\x1b[1;97;41m${text}\x1b[0m`,
  dim: (text) => `\x1b[2m${text}\x1b[0m`,
  bold: (text) => `\x1b[1m${text}\x1b[0m`,
}

/** Everything that is redrawn, for a terminal of that many columns. */
export function frame({ board, kills, coordinator, elapsedMs }: Scene, columns: number, paint: Paint): string {
  const { members } = board
  const order = new Map(members.map(({ name }, place) => [name, place]))
  const rows = grid(board.cells, columns, (cell) => cellText(cell, order, paint))
  const legend = pairs(
    members.map((member, place) => memberText(member, place, member.name === coordinator, paint)),
    columns,
  )
  const bar = barText(board, elapsedMs, Math.min(columns - 2, GRID_WIDTH), paint)
  const news = kills.map((kill) => ` ${paint.alarm(killText(kill))}${kill.recovery ? ` ${recoveryText(kill)}` : ''}`)
  return ['', ...rows, '', ...legend, bar, ...votesLines(board).map((text) => ` ${text}`), ...news].join('\n')
}

/** Cells in a row: two columns each, and a margin. */
const GRID_WIDTH = 72

function grid(cells: readonly Cell[], columns: number, text: (cell: Cell) => string): string[] {
  const width = Math.max(1, Math.floor((Math.min(columns - 2, GRID_WIDTH) || GRID_WIDTH) / 2))
  const rows: string[] = []
  for (let first = 0; first < cells.length; first += width) {
    rows.push(
      ` ${cells
        .slice(first, first + width)
        .map(text)
        .join('')}`,
    )
  }
  return rows
}

function cellText(cell: Cell, order: ReadonlyMap<string, number>, paint: Paint): string {
  switch (cell.state) {
    case 'waiting':
      return paint.dim(' ·')
    case 'before':
      return paint.dim(' =')
    case 'lost':
      return paint.alarm(' x')
    case 'taken':
    case 'done': {
      const place = order.get(cell.node) ?? 0
      return cell.state === 'done'
        ? paint.done(` ${letter(place)}`, place)
        : paint.taken(` ${letter(place).toLowerCase()}`, place)
    }
  }
}

function letter(place: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + (place % 26))
}

const MEMBER_WIDTH = 38

function memberText({ name, pid, done, deaths }: Member, place: number, coordinates: boolean, paint: Paint): string {
  const state = pid === undefined ? 'killed' : coordinates ? 'coordinator' : deaths > 0 ? 'new process' : ''
  const text = `${name.padEnd(7)} ${String(pid ?? '-').padStart(7)} ${String(done).padStart(4)}  ${state}`
  return `${paint.done(` ${letter(place)} `, place)} ${text.padEnd(MEMBER_WIDTH - 4)}`
}

/** Side by side where there is room. */
function pairs(texts: readonly string[], columns: number): string[] {
  if (columns < 2 * MEMBER_WIDTH + 2) return texts.map((text) => ` ${text}`)
  const rows: string[] = []
  for (let first = 0; first < texts.length; first += 2) rows.push(` ${texts[first]}${texts[first + 1] ?? ''}`.trimEnd())
  return rows
}

function barText(board: Board, elapsedMs: number, width: number, paint: Paint): string {
  const total = board.cells.length
  const text = ` ${String(board.done).padStart(`${total}`.length)} of ${total} tasks  ${seconds(elapsedMs).padStart(6)}`
  const room = Math.max(0, width - text.length)
  const filled = Math.round((room * board.done) / total)
  return ` ${paint.bold('━'.repeat(filled))}${paint.dim('─'.repeat(room - filled))}${text}`
}

/** Nothing where nobody votes. */
function votesLines({ votes }: Board): string[] {
  return votes.lengths === 0 ? [] : [votesText(votes)]
}

function killText({ pid, node, task, coordinator }: Kill): string {
  return `kill -9 ${pid}  (${node}, ${coordinator ? 'coordinator' : `in task ${task}`})`
}

function recoveryText({ recovery, node, coordinator }: Kill): string {
  if (recovery === undefined) return ''
  if (coordinator) return `${recovery.node} goes on with it after ${Math.round(recovery.afterMs)} ms`
  if (recovery.node === node) return 'had just done it'
  return `${recovery.node} did it again after ${Math.round(recovery.afterMs)} ms`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
