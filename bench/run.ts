/**
 * `npm run bench`: every figure beside its floor, measured in the same run on the built package.
 *
 *     npm run bench -- [--quick] [--only NAME]…
 *
 * Each bench runs in a process of its own, so that none inherits the heap of another. Prints one table, and writes
 * bench/results/DATE.json. A bench passes when it produced its figures and their floors; no time is ever a failure, for the
 * machines this runs on differ tenfold. Counts on seeded schedules, in `checkpoints`, are the same everywhere, and can fail.
 */
import { execFileSync, fork, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeResults } from '../scripts/results.mjs'
import { ariel } from './ariel.ts'
import { explore } from './ariel-explore.ts'
import { blocks } from './blocks.ts'
import { checkpoints } from './checkpoints.ts'
import { drawn } from './curve.ts'
import { flood } from './flood.ts'
import { groups, replicated, stragglers } from './groups.ts'
import { type Bench, type Effort, type Figure, FULL, median, QUICK, ratio } from './measure.ts'
import { members, soak } from './members.ts'
import { bounded, opening } from './opening.ts'
import { idle, w4 } from './processes.ts'
import { replicas } from './replicas.ts'
import { blocked, resident } from './spaces.ts'
import { flatness, w1, w2, w3 } from './steps.ts'
import { disk, inRun, memory, replay } from './tuples.ts'

const BENCHES: readonly Bench[] = [
  w1,
  w2,
  w3,
  w4,
  replicas,
  memory,
  disk,
  inRun,
  flatness,
  groups,
  stragglers,
  replicated,
  members,
  replay,
  opening,
  blocks,
  flood,
  idle,
  bounded,
  soak,
  resident,
  blocked,
  checkpoints,
  ariel,
  explore,
]

/** Benches of single parts, which print tables of their own; only when asked for by name. */
const PARTS: Readonly<Record<string, string>> = { codec: 'codec.bench.ts', log: 'log.bench.ts' }

/** Takes minutes: with --quick only when asked for by name. */
const LONG: readonly Bench[] = [bounded, soak]

/** Take more than a minute. */
const SLOW: readonly Bench[] = [...LONG, checkpoints, explore]

/** A bench that takes longer hangs. */
const BENCH_MS = 120_000
const LONG_BENCH_MS = 600_000

const RESULTS_FOLDER = fileURLToPath(new URL('./results/', import.meta.url))

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string', multiple: true }, child: { type: 'string' } },
})

if (options.child !== undefined) await measureHere(options.child, options.quick ? QUICK : FULL)
else await main(options.only)

async function main(only: readonly string[] | undefined): Promise<void> {
  const unknown = only?.find((name) => !BENCHES.some((bench) => bench.name === name) && !(name in PARTS))
  if (unknown !== undefined) {
    console.error(
      `There is no bench ${unknown}. There are: ${[...BENCHES.map(({ name }) => name), ...Object.keys(PARTS)].join(', ')}`,
    )
    process.exitCode = 2
    return
  }
  const figures: Figure[] = []
  const states: Record<string, 'passed' | 'failed'> = {}
  for (const { name } of BENCHES.filter((bench) => only?.includes(bench.name) ?? !(options.quick && LONG.includes(bench)))) {
    console.error(`… ${name}`)
    const found = await measureApart(name)
    figures.push(...found)
    states[`bench: ${name}`] = found.length > 0 && found.every(isWhole) ? 'passed' : 'failed'
  }
  if (figures.length > 0) {
    print(figures)
    keep(figures)
  }
  if (only === undefined) writeResults('bench', states)
  for (const [name, file] of Object.entries(PARTS)) if (only?.includes(name)) runPart(file)
  if (Object.values(states).includes('failed')) process.exitCode = 1
}

/** A bench in a process of its own; nothing when it failed, which it has said itself. */
function measureApart(name: string): Promise<readonly Figure[]> {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), ['--child', name, ...(options.quick ? ['--quick'] : [])])
    let figures: readonly Figure[] = []
    const isSlow = SLOW.some((bench) => bench.name === name)
    const hung = setTimeout(() => child.kill('SIGKILL'), isSlow ? LONG_BENCH_MS : BENCH_MS)
    child.on('message', (message) => {
      figures = message as readonly Figure[]
    })
    child.on('exit', (code, signal) => {
      clearTimeout(hung)
      if (code !== 0) console.error(`the bench ${name} ended with ${signal ?? `exit code ${code}`}`)
      resolve(code === 0 ? figures : [])
    })
  })
}

async function measureHere(name: string, effort: Effort): Promise<void> {
  const figures = await BENCHES.find((bench) => bench.name === name)?.run(effort)
  await new Promise((sent) => process.send?.(figures, sent))
  process.exit(0)
}

function isWhole({ values, floor }: Figure): boolean {
  return values.length > 0 && [...values, ...floor.values].every(Number.isFinite)
}

function print(figures: readonly Figure[]): void {
  const rows = figures.map((figure) => [
    figure.what,
    `${short(median(figure.values))} ${figure.unit}`,
    `${short(Math.min(...figure.values))} to ${short(Math.max(...figure.values))}`,
    `${short(median(figure.floor.values))}: ${figure.floor.what}`,
    short(ratio(figure)),
    figure.target,
  ])
  const head = ['what', 'median', 'min to max', 'floor', 'ratio', 'target']
  console.log(`\n${machine()}\n`)
  for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`)
  for (const line of drawn(figures)) console.log(line)
}

function machine(): string {
  const { node, cpu, cores, memoryGb, commit } = surroundings()
  return `Node ${node}, ${cpu}, ${cores} cores, ${memoryGb} GB, ${type()}, commit ${commit}${options.quick ? ', quick' : ''}`
}

function surroundings() {
  return {
    date: new Date().toISOString(),
    node: process.versions.node,
    cpu: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    commit: commit(),
    quick: options.quick,
  }
}

/** Of the working tree; with a plus when it differs from it. */
function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}

function keep(figures: readonly Figure[]): void {
  mkdirSync(RESULTS_FOLDER, { recursive: true })
  const found = surroundings()
  const file = join(RESULTS_FOLDER, `${found.date.replaceAll(/[:.]/g, '-')}.json`)
  const medians = figures.map((figure) => ({ ...figure, median: median(figure.values), ratio: ratio(figure) }))
  writeFileSync(file, `${JSON.stringify({ ...found, figures: medians }, null, 2)}\n`)
}

function runPart(file: string): void {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', fileURLToPath(new URL(file, import.meta.url))], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}

function short(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}
