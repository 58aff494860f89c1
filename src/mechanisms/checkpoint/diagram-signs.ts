/**
 * The signs of a space-time diagram: their colours, their shapes, and the legend that explains those which occur.
 *
 * Boundary: pure, names of signs to SVG; where they stand is the business of `diagram.ts`.
 *   S1  No sign is told by its colour alone: width, dashes or shape differ as well.
 */

export type Sign = 'basic' | 'forced' | 'plain' | 'open' | 'undone' | 'replay' | 'orphan' | 'missing' | 'rollback' | 'cut'

/** In the order of the legend. */
const MEANINGS: Readonly<Record<Sign, string>> = {
  basic: 'basic checkpoint',
  forced: 'forced checkpoint',
  plain: 'message',
  open: 'never received',
  replay: 'replayed',
  missing: 'missing',
  orphan: 'orphan',
  undone: 'undone',
  rollback: 'rollback',
  cut: 'line',
}

/** Half of a checkpoint's X. */
export const CROSS = 7

const SAMPLE_WIDTH = 30
const ENTRY_GAP = 22
export const LEGEND_LINE = 22

/** Of a character at the font size of labels; wide enough for all but capitals in a row. */
export const CHARACTER = 7

const HEADS: readonly Sign[] = ['plain', 'undone', 'replay', 'orphan', 'missing', 'rollback']

/** Arrow heads; a marker cannot take the colour of its line in every browser, so each sign has its own. */
export const MARKERS: string = HEADS.map(
  (sign) =>
    `<marker id="perdure-${sign}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="head ${sign}" d="M0,0.8L8,4L0,7.2z"/></marker>`,
).join('\n')

/** All rules hang on the class of the root, so that they change nothing on a page that has the picture within. */
export const STYLE = `
.perdure-diagram { --paper: #ffffff; --ink: #1f2328; --row: #8c959f; --plain: #424a53; --undone: #c8d1da; --orphan: #cf222e; --missing: #0969da; --rollback: #8250df; --cut: #1a7f37; font: 13px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .perdure-diagram { --paper: #0d1117; --ink: #e6edf3; --row: #7d8590; --plain: #b7bdc8; --undone: #3d444d; --orphan: #ff7b72; --missing: #58a6ff; --rollback: #bc8cff; --cut: #3fb950; } }
.perdure-diagram .paper { fill: var(--paper); }
.perdure-diagram text { fill: var(--ink); stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
.perdure-diagram .heading { font-weight: 600; font-size: 15px; }
.perdure-diagram .index, .perdure-diagram .msg { font-size: 11px; text-anchor: middle; }
.perdure-diagram .name { text-anchor: end; }
.perdure-diagram path, .perdure-diagram circle { fill: none; stroke-width: 1.4px; }
.perdure-diagram .row { stroke: var(--row); }
.perdure-diagram .plain, .perdure-diagram .replay, .perdure-diagram .open { stroke: var(--plain); }
.perdure-diagram .replay { stroke-dasharray: 6 4; }
.perdure-diagram .open { stroke-dasharray: 2 3; }
.perdure-diagram circle { stroke: var(--plain); }
.perdure-diagram .dot { fill: var(--plain); stroke: none; }
.perdure-diagram .undone { stroke: var(--undone); }
.perdure-diagram .dot.undone { fill: var(--undone); }
.perdure-diagram .orphan { stroke: var(--orphan); stroke-width: 2.4px; }
.perdure-diagram .missing { stroke: var(--missing); stroke-width: 2px; stroke-dasharray: 8 4; }
.perdure-diagram .rollback { stroke: var(--rollback); stroke-dasharray: 1.5 2.5; }
.perdure-diagram .head { stroke: none; }
.perdure-diagram .head.plain, .perdure-diagram .head.replay { fill: var(--plain); }
.perdure-diagram .head.undone { fill: var(--undone); }
.perdure-diagram .head.orphan { fill: var(--orphan); }
.perdure-diagram .head.missing { fill: var(--missing); }
.perdure-diagram .head.rollback { fill: var(--rollback); }
.perdure-diagram .basic { fill: var(--ink); stroke: var(--ink); }
.perdure-diagram .forced { fill: var(--paper); stroke: var(--ink); }
.perdure-diagram .basic.undone { fill: var(--undone); stroke: var(--undone); }
.perdure-diagram .forced.undone { fill: var(--paper); stroke: var(--undone); }
.perdure-diagram .cut { stroke: var(--cut); stroke-width: 6px; stroke-opacity: 0.55; stroke-linejoin: round; stroke-linecap: round; }
`

/** The outline of an X around a point. */
export function cross(x: number, y: number): string {
  const arm = 2.4
  const [near, far] = [arm, CROSS]
  const corners = [
    [0, -near],
    [far - arm, -far],
    [far, -far + arm],
    [near, 0],
    [far, far - arm],
    [far - arm, far],
    [0, near],
    [-far + arm, far],
    [-far, far - arm],
    [-near, 0],
    [-far, -far + arm],
    [-far + arm, -far],
  ] as const
  return `M${corners.map(([dx, dy]) => `${coordinate(x + dx)},${coordinate(y + dy)}`).join('L')}z`
}

export interface Legend {
  readonly svg: string
  readonly height: number
}

/** In lines of this width. */
export function legend(signs: ReadonlySet<Sign>, left: number, top: number, width: number): Legend {
  let x = left
  let y = top
  const entries: string[] = []
  for (const sign of Object.keys(MEANINGS) as Sign[]) {
    if (!signs.has(sign)) continue
    const needed = SAMPLE_WIDTH + 8 + MEANINGS[sign].length * CHARACTER
    if (x > left && x + needed > left + width) {
      x = left
      y += LEGEND_LINE
    }
    entries.push(`${sample(sign, x, y)}<text x="${x + SAMPLE_WIDTH + 8}" y="${y + 4}">${MEANINGS[sign]}</text>`)
    x += needed + ENTRY_GAP
  }
  return { svg: entries.join('\n'), height: y - top + LEGEND_LINE }
}

function sample(sign: Sign, x: number, y: number): string {
  if (sign === 'basic' || sign === 'forced') return `<path class="${sign}" d="${cross(x + SAMPLE_WIDTH / 2, y)}"/>`
  if (sign === 'open') return openEnd(x, y, x + SAMPLE_WIDTH, y, 'open')
  const head = HEADS.includes(sign) ? ` marker-end="url(#perdure-${sign})"` : ''
  return `<path class="${sign}" d="M${x},${y}H${x + SAMPLE_WIDTH}"${head}/>`
}

/** A stub that ends in nothing. */
export function openEnd(x: number, y: number, endX: number, endY: number, style: string): string {
  const end = `<circle class="${style === 'open' ? '' : style}" cx="${coordinate(endX)}" cy="${coordinate(endY)}" r="2.5"/>`
  return `<path class="${style}" d="M${coordinate(x)},${coordinate(y)}L${coordinate(endX)},${coordinate(endY)}"/>${end}`
}

/** A tenth of a pixel is enough, and the same on every machine. */
export function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10)
}
