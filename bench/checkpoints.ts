/**
 * What the checkpoint protocols cost: checkpoints they force and questions they ask on seeded schedules, beside the reference; the time of
 * a decision at the service; the bytes that a message carries more.
 *
 * Fails where a count is worse than the reference allows: counts are the same on every machine, unlike times.
 * Not measured here: what saving costs, which is the object's affair; proxies and the log.
 */
import { SeededRandom } from 'perdure/testing'
import { encode } from '../src/log/codec/codec.ts'
import { RollbackGraph } from '../src/mechanisms/checkpoint/rollback-graph.ts'
import {
  type Asked,
  forcedRows,
  NAMES,
  nameOf,
  questionRows,
  type Row,
  ratios,
  tooManyAsked,
  tooManyForced,
} from './checkpoint-grid.ts'
import type { Coordinated } from './coordinated.ts'
import { type Bench, type Effort, type Figure, QUICK } from './measure.ts'

/** A mean over fewer says little, but tells whether it is of the right order. */
const SEEDS = 30
const QUICK_SEEDS = 6

export const checkpoints: Bench = {
  name: 'checkpoints',
  async run(effort) {
    const isQuick = effort.share === QUICK.share
    const seeds = isQuick ? QUICK_SEEDS : SEEDS
    const rows = forcedRows(isQuick ? 'referenced' : 'all', seeds)
    const asked = questionRows(isQuick ? 2 : SEEDS / 3)
    console.log(`\nForced by basic checkpoints, mean of ${seeds} schedules:\n\n${forcedTable(rows)}`)
    console.log(`\nQuestions for each application message, of exact:\n\n${askedTable(asked)}`)
    const wrong = [...tooManyForced(rows), ...(isQuick ? [] : tooManyAsked(asked))]
    if (wrong.length > 0) throw new Error(`worse than the reference:\n  ${wrong.join('\n  ')}`)
    return [...worst(rows, asked), ...decisions(effort), carried()]
  },
}

function forcedTable(rows: readonly Row[]): string {
  const head = ['topology, n, mean, delay', ...NAMES, 'exact/bcs', 'exact/bare', 'koo-toueg', 'begun by one']
  const lines = rows.map((row) => {
    return [
      nameOf(row.plan),
      ...NAMES.map((name) => beside(row.forced[name], name === 'cut' ? undefined : row.reference?.[name])),
      ...(['bcs', 'bare'] as const).map((by) => {
        const { found, reference } = ratios(row, by)
        return beside(found, Number.isNaN(reference) ? undefined : reference)
      }),
      coordinatedCell(row.byAll),
      coordinatedCell(row.byOne),
    ]
  })
  return markdown(head, lines)
}

/** For each checkpoint that stands those of others and the control messages; and how many do not stand, since another was under way. */
function coordinatedCell({ initiated, committed, taken, control }: Coordinated): string {
  const vain = Math.round(100 * (1 - committed / initiated))
  return `${((taken - committed) / committed).toFixed(2)}, ${(control / committed).toFixed(0)} sent, ${vain}% in vain`
}

function askedTable(asked: readonly Asked[]): string {
  const head = ['messages per basic checkpoint', 'n = 4', 'n = 16', 'forced, n = 4', 'forced, n = 16']
  const sizes = [...new Set(asked.map(({ perBasic }) => perBasic))]
  const lines = sizes.map((size) => {
    const of = asked.filter(({ perBasic }) => perBasic === size)
    const questions = of.map(({ found, reference }) => `${found.toPrecision(2)} (${reference})`)
    return [String(size), ...questions, ...of.map(({ forced }) => forced.toFixed(2))]
  })
  return markdown(head, lines)
}

/** The reference in brackets, where there is one. */
function beside(found: number, reference: number | undefined): string {
  return reference === undefined ? found.toFixed(2) : `${found.toFixed(2)} (${reference.toFixed(2)})`
}

function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** The row, of those with a reference, in which exact is farthest above it. */
function worst(rows: readonly Row[], asked: readonly Asked[]): Figure[] {
  const referenced = rows.filter(({ reference }) => reference !== undefined)
  const figure = (what: string, target: string, pairs: readonly { found: number; reference: number }[]): Figure => {
    const [first] = pairs.toSorted((a, b) => b.found / b.reference - a.found / a.reference)
    const values = [first?.found ?? Number.NaN]
    return { what, unit: '', values, floor: { what: 'the reference', values: [first?.reference ?? Number.NaN] }, target }
  }
  const by = (name: 'bcs' | 'bare') => referenced.map((row) => ratios(row, name))
  return [
    figure('forced by exact over forced by bcs, in the worst row', '<= 1.1 of the reference', by('bcs')),
    figure('forced by exact over forced by bare, in the worst row', '<= 1.1 of the reference', by('bare')),
    figure('questions a message, in the worst row', '<= 1.15 of the reference', asked),
  ]
}

const MEMBERS = 16
const LIVE = 10_000
const DECISIONS = 20_000
/** Messages on their way, so that what arrives was not sent just now. */
const ON_THE_WAY = 256

/** One decision at a time: look for a rewinding path, open an interval if there is one, add the edge. */
function decisions({ rounds }: Effort): Figure[] {
  const [p50, p99, floor50, floor99]: number[][] = [[], [], [], []]
  for (let round = 0; round < rounds; round += 1) {
    const group = new BusyGraph(round + 1)
    while (group.graph.live < LIVE) group.step(() => group.decide())
    const taken = group.timed(() => group.decide())
    const nothing = group.timed(() => group.passRows())
    p50!.push(quantile(taken, 0.5))
    p99!.push(quantile(taken, 0.99))
    floor50!.push(quantile(nothing, 0.5))
    floor99!.push(quantile(nothing, 0.99))
  }
  const what = (name: string) => `a decision, n = ${MEMBERS}, ${LIVE.toLocaleString('en')} live intervals, ${name}`
  const floor = `reading ${MEMBERS} rows of ${MEMBERS} numbers`
  return [
    { what: what('p50'), unit: 'us', values: p50!, floor: { what: floor, values: floor50! }, target: '' },
    { what: what('p99'), unit: 'us', values: p99!, floor: { what: floor, values: floor99! }, target: '< 100' },
  ]
}

/** A group in which member 0 sends, but never saves and is sent nothing: on its first interval all depend, so that nothing can be forgotten. */
class BusyGraph {
  readonly graph = new RollbackGraph(MEMBERS)
  readonly #random: SeededRandom
  readonly #wire: { readonly from: number; readonly x: number }[] = []
  readonly #rows = Array.from({ length: MEMBERS }, () => new Int32Array(MEMBERS))
  #next = { from: 0, x: 0 }
  #receiver = 0
  sum = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  /** A message is sent, one arrives, and now and then somebody saves. */
  step(decide: () => void): void {
    const from = this.#random.below(MEMBERS)
    this.#wire.push({ from, x: this.graph.latest(from) })
    if (this.#random.chance(0.1)) this.graph.open(this.#random.between(1, MEMBERS - 1))
    if (this.#wire.length < ON_THE_WAY) return
    this.#next = this.#wire.splice(this.#random.below(this.#wire.length), 1)[0]!
    this.#receiver = this.#random.between(1, MEMBERS - 1)
    if (this.#receiver !== this.#next.from) decide()
  }

  decide(): void {
    const { from, x } = this.#next
    const j = this.#receiver
    if (this.graph.rewinds(from, x, j, this.graph.latest(j))) this.graph.open(j)
    this.graph.add(from, x, j, this.graph.latest(j))
  }

  passRows(): void {
    for (const row of this.#rows) for (const entry of row) this.sum += entry
  }

  /** Microseconds of each. */
  timed(decide: () => void): number[] {
    const taken: number[] = []
    while (taken.length < DECISIONS) {
      this.step(() => {
        const began = process.hrtime.bigint()
        decide()
        taken.push(Number(process.hrtime.bigint() - began) / 1000)
      })
    }
    return taken
  }
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}

/** What an entry of the log with a message has more than one without checkpoints: the token, far into the life of a group. */
function carried(): Figure {
  const [epoch, index] = [1_000_000, 1_000_000_000]
  const bytes = encode([epoch, index]).length - encode([]).length
  const what = `bytes of a token, after ${epoch.toLocaleString('en')} recoveries and ${index.toLocaleString('en')} checkpoints`
  const floor = { what: 'in the first interval', values: [encode([0, 0]).length - encode([]).length] }
  return { what, unit: 'bytes', values: [bytes], floor, target: '<= 16' }
}
