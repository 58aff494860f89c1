/**
 * The picture of docs/alpha-count.md: the score of one entity under two filters, drawn from the code that reckons it.
 *
 *     node --import tsx scripts/alpha-count-plot.ts     writes docs/images/alpha-count.svg
 *
 * A test compares the file with what this makes, so that the picture never shows anything but the filter.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AlphaCount, type AlphaFilter } from '../src/support/alpha-count.ts'

const FILE = fileURLToPath(new URL('../docs/images/alpha-count.svg', import.meta.url))

/** One judgement each: `e` an error, a dot a success. First faults that pass, far apart; then one that stays. */
export const JUDGEMENTS = 'e...e....e.....e....e.ee.eeee.ee'

const FILTERS: readonly { readonly filter: AlphaFilter; readonly style: string }[] = [
  { filter: { threshold: 3, factor: 0.8 }, style: 'patient' },
  { filter: { threshold: 3, factor: 0.4 }, style: 'hasty' },
]

const LEFT = 44
const TOP = 34
const STEP = 20
const UNIT = 34
const HIGHEST = 8

/** The score after each judgement. */
export function scores(filter: AlphaFilter): readonly number[] {
  const alpha = new AlphaCount(filter)
  return [...JUDGEMENTS].map((judgement, at) => {
    if (judgement === 'e') alpha.fail(at)
    else alpha.succeed()
    return alpha.value
  })
}

export function plot(): string {
  const width = LEFT + (JUDGEMENTS.length + 1) * STEP + 16
  const bottom = TOP + HIGHEST * UNIT
  const x = (at: number): number => LEFT + (at + 1) * STEP
  const y = (score: number): number => Math.round((bottom - score * UNIT) * 10) / 10
  const threshold = FILTERS[0]?.filter.threshold ?? 0
  const lines = FILTERS.map(({ filter, style }) => {
    const points = scores(filter).map((score, at) => `${x(at)},${y(score)}`)
    const over = scores(filter).findIndex((score) => score >= threshold)
    const mark = over < 0 ? '' : `<circle class="${style}" cx="${x(over)}" cy="${y(scores(filter)[over] as number)}" r="5"/>\n`
    return `<polyline class="${style}" points="${LEFT},${bottom} ${points.join(' ')}"/>\n${mark}`
  })
  const grid = Array.from({ length: HIGHEST + 1 }, (_, score) => {
    return `<text x="${LEFT - 8}" y="${y(score) + 4}" text-anchor="end">${score}</text><path class="grid" d="M${LEFT} ${y(score)}H${width - 16}"/>\n`
  })
  const judged = [...JUDGEMENTS].map((judgement, at) => {
    return judgement === 'e'
      ? `<path class="error" d="M${x(at) - 4} ${bottom + 10}l8 8m0 -8l-8 8"/>\n`
      : `<circle class="good" cx="${x(at)}" cy="${bottom + 14}" r="2"/>\n`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${bottom + 34}" width="${width}" height="${bottom + 34}">\n`,
    '<title>Alpha-count of one entity under two filters</title>\n',
    `<desc>Judgements from left to right, a cross for an error and a dot for a success. ${FILTERS.map(({ filter }) => describe(filter)).join(' ')}</desc>\n`,
    STYLE,
    `<rect class="paper" width="${width}" height="${bottom + 34}"/>\n`,
    ...grid,
    `<path class="threshold" d="M${LEFT} ${y(threshold)}H${width - 16}"/>\n`,
    `<text x="${LEFT + 4}" y="${y(threshold) - 6}">THRESHOLD = ${threshold}: from here on the fault is not transient</text>\n`,
    ...FILTERS.map(({ filter, style }, at) => {
      return `<text class="${style}" x="${LEFT + 4 + at * 130}" y="${TOP - 14}">FACTOR = ${filter.factor}</text>\n`
    }),
    ...lines,
    ...judged,
    '</svg>\n',
  ].join('')
}

function describe(filter: AlphaFilter): string {
  const over = scores(filter).findIndex((score) => score >= filter.threshold)
  const crossing = over < 0 ? 'never reaches the threshold' : `reaches the threshold with judgement ${over + 1}`
  return `With FACTOR ${filter.factor} the score ${crossing}.`
}

const STYLE = `<style>
svg { --paper: #ffffff; --ink: #1f2328; --grid: #d1d9e0; --patient: #0969da; --hasty: #1a7f37; --error: #cf222e; font: 13px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --grid: #3d444d; --patient: #4493f8; --hasty: #3fb950; --error: #f85149; } }
.paper { fill: var(--paper); }
text { fill: var(--ink); }
text.patient { fill: var(--patient); }
text.hasty { fill: var(--hasty); }
.grid { stroke: var(--grid); }
.threshold { stroke: var(--error); stroke-dasharray: 6 4; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
polyline.patient { stroke: var(--patient); }
polyline.hasty { stroke: var(--hasty); stroke-dasharray: 2 3; }
circle.patient { fill: var(--patient); }
circle.hasty { fill: var(--hasty); }
.error { stroke: var(--error); stroke-width: 2; }
.good { fill: var(--ink); }
</style>
`

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, plot())
