/**
 * The simulator from the command line:
 *
 *     npm run test:sim -- --seeds 1000 [--seed N] [--scenario NAME]
 *
 * `--seeds N` runs the seeds 1 to N of every scenario, `--seed N` that one alone. A failing seed is printed with the command that
 * repeats it. Over many seeds every rare state of `STATES` must have been reached, else the run has failed too.
 */
import { parseArgs } from 'node:util'
import { type SimulationReport, STATES, type StateName, simulate, unreached } from 'perdure/testing'
import { writeResults } from '../../scripts/results.mjs'
import { SCENARIOS } from './scenarios.ts'
import { HISTORICAL } from './seeds.ts'

/** So many seeds must reach every rare state. */
const SEEDS_FOR_STATES = 500

/** A line of progress this often. */
const PROGRESS_MS = 10_000

/** More than these of one scenario tell nothing new. */
const FAILURES_SHOWN = 5

interface Sum {
  seeds: number
  failed: number
  events: number
  virtualMs: number
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '100' }, seed: { type: 'string' }, scenario: { type: 'string' } },
  })
  const names = values.scenario === undefined ? Object.keys(SCENARIOS) : [values.scenario]
  const unknown = names.find((name) => !(name in SCENARIOS))
  if (unknown !== undefined) {
    console.error(`There is no scenario ${unknown}. There are: ${Object.keys(SCENARIOS).join(', ')}.`)
    return false
  }
  const count = Number(values.seeds)
  const seeds = values.seed === undefined ? Array.from({ length: count }, (_, at) => at + 1) : [Number(values.seed)]
  const seen = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0])) as Record<StateName, number>
  const results: Record<string, 'passed' | 'failed'> = {}
  for (const name of names) {
    const more = values.seed === undefined ? HISTORICAL.filter(({ scenario }) => scenario === name).map(({ seed }) => seed) : []
    const sum = await runScenario(name, [...new Set([...more, ...seeds])], seen)
    results[`sim: ${name}`] = sum.failed === 0 ? 'passed' : 'failed'
  }
  const good = Object.values(results).every((state) => state === 'passed')
  if (values.seed !== undefined || values.scenario !== undefined) return good
  const missing = printStates(seen, count)
  results['sim: states'] = missing.length === 0 ? 'passed' : 'failed'
  writeResults('sim', results)
  return good && missing.length === 0
}

/** A promise that nobody looked at ends a real process, so it fails the seed. */
let unhandled: Error | undefined
process.on('unhandledRejection', (error) => {
  unhandled = error as Error
})

function checkUnhandled(seed: number, name: string): void {
  const error = unhandled
  unhandled = undefined
  if (error) throw new Error(`Seed ${seed} left a rejection to nobody: ${error.stack} Repeat it with: ${repeat(seed, name)}`)
}

async function runScenario(name: string, seeds: readonly number[], seen: Record<StateName, number>): Promise<Sum> {
  const sum: Sum = { seeds: 0, failed: 0, events: 0, virtualMs: 0 }
  const startedMs = performance.now()
  let saidMs = startedMs
  for (const seed of seeds) {
    try {
      add(sum, seen, await simulate({ seed, repeat: (again) => repeat(again, name) }, SCENARIOS[name] as never))
      checkUnhandled(seed, name)
    } catch (error) {
      sum.failed += 1
      if (sum.failed <= FAILURES_SHOWN) console.log((error as Error).message)
      if (seeds.length === 1) console.log(((error as Error).cause as Error | undefined)?.stack)
    }
    if (performance.now() - saidMs < PROGRESS_MS) continue
    saidMs = performance.now()
    console.log(`  ${name}: seed ${seed} of ${seeds.length}`)
  }
  const seconds = (performance.now() - startedMs) / 1000
  const hours = (sum.virtualMs / 3_600_000).toFixed(1)
  console.log(
    `sim ${name}: ${sum.seeds} seeds passed, ${sum.failed} failed, ${sum.events} events, ${hours} virtual hours, ${(seeds.length / seconds).toFixed(0)} seeds/s`,
  )
  return sum
}

function add(sum: Sum, seen: Record<StateName, number>, report: SimulationReport): void {
  sum.seeds += report.seeds
  sum.events += report.events
  sum.virtualMs += report.virtualMs
  for (const state of Object.keys(seen) as StateName[]) seen[state] += report.sometimes[state]
}

function printStates(seen: Readonly<Record<StateName, number>>, count: number): readonly StateName[] {
  for (const [state, times] of Object.entries(seen)) console.log(`sometimes ${state}: ${times}`)
  const missing = count >= SEEDS_FOR_STATES ? unreached(seen) : []
  for (const state of missing) console.log(`NEVER reached: ${state} (${STATES[state]})`)
  return missing
}

function repeat(seed: number, scenario: string): string {
  return `npm run test:sim -- --scenario ${scenario} --seed ${seed}`
}

process.exitCode = (await main()) ? 0 : 1
