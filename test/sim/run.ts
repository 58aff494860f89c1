/**
 * The simulator from the command line:
 *
 *     npm run test:sim -- --seeds 5000 [--scenario NAME] [--workers N]
 *     npm run test:sim -- --scenario NAME --seed N [--faults LIST]
 *
 * `--seeds` is shared out among the scenarios, and the work among as many processes as there are cores. One seed in a hundred is played
 * twice and must do exactly the same. Over many seeds every rare state of `STATES` must have been reached often, else the run has
 * failed too. A failing seed is printed with the few faults that it needs and the command that repeats it; that command prints its
 * history.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Fault, STATES, type StateName } from 'perdure/testing'
import { writeResults } from '../../scripts/results.mjs'
import { SCENARIOS } from './scenarios.ts'
import { HISTORICAL } from './seeds.ts'
import { type Job, noStates, playShare, type Tally, type Word } from './share.ts'

/** Each rare state is to be reached once in so many seeds, over all scenarios: a hundred times in the 5,000 of a full run. */
const SEEDS_FOR_A_STATE = 50

/** With fewer seeds chance decides whether a state is reached. */
const SEEDS_FOR_STATES = 2_000

/** Shares of the seeds; 1 for all others. Most of the rare states are those of slow steps and stopped processes, and of checkpoints and moves. */
const SHARES: Readonly<Record<string, number>> = { slow: 6, beads: 2, holds: 2, moves: 2 }

/** A line of progress this often. */
const PROGRESS_MS = 10_000

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '500' },
      seed: { type: 'string' },
      scenario: { type: 'string' },
      faults: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
    },
  })
  const names = values.scenario === undefined ? Object.keys(SCENARIOS) : [values.scenario]
  const unknown = names.find((name) => !(name in SCENARIOS))
  if (unknown !== undefined) {
    console.error(`There is no scenario ${unknown}. There are: ${Object.keys(SCENARIOS).join(', ')}.`)
    return false
  }
  if (values.seed !== undefined) return repeatSeed(names, Number(values.seed), values.faults)
  const shareOf = (scenario: string) => SHARES[scenario] ?? 1
  const each = Number(values.seeds) / names.reduce((sum, name) => sum + shareOf(name), 0)
  const jobs = names.map((scenario) => ({ scenario, seeds: seedsOf(scenario, Math.ceil(each * shareOf(scenario))) }))
  const beganMs = performance.now()
  const tallies = merged(await playAll(jobs, Math.max(1, Number(values.workers))))
  const elapsedSeconds = (performance.now() - beganMs) / 1000
  return report(tallies, elapsedSeconds, values.scenario === undefined)
}

/** Those that once failed come first, whatever their number. */
function seedsOf(scenario: string, count: number): readonly number[] {
  const historical = HISTORICAL.filter((each) => each.scenario === scenario).map(({ seed }) => seed)
  return [...new Set([...historical, ...Array.from({ length: count }, (_, at) => at + 1)])]
}

async function repeatSeed(names: readonly string[], seed: number, text: string | undefined): Promise<boolean> {
  const faults = text === undefined ? {} : { faults: JSON.parse(text) as readonly Fault[] }
  const tallies = await playShare(names.map((scenario) => ({ scenario, seeds: [seed], ...faults })))
  for (const { scenario, failures, events } of tallies) {
    if (failures.length === 0) console.log(`sim ${scenario}: seed ${seed} passed, ${events} events`)
    for (const { message, stack, history } of failures) console.log(`${history}\n\n${message}\n\n${stack}`)
  }
  return tallies.every(({ failed }) => failed === 0)
}

/** Every process plays some seeds of every scenario, so that all end at about the same time. */
async function playAll(jobs: readonly Job[], workers: number): Promise<readonly Tally[]> {
  const total = jobs.reduce((sum, { seeds }) => sum + seeds.length, 0)
  if (workers === 1) return playShare(jobs)
  const played = new Array<number>(workers).fill(0)
  const progress = setInterval(() => {
    console.log(`  ${played.reduce((a, b) => a + b, 0)} of ${total} seeds`)
  }, PROGRESS_MS)
  const shares = played.map((_, worker) => {
    const share = jobs.map((job) => ({ ...job, seeds: job.seeds.filter((_seed, at) => at % workers === worker) }))
    return playElsewhere(share, (count) => {
      played[worker] = count
    })
  })
  try {
    return (await Promise.all(shares)).flat()
  } finally {
    clearInterval(progress)
  }
}

function playElsewhere(jobs: readonly Job[], heard: (played: number) => void): Promise<readonly Tally[]> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(fileURLToPath(new URL('./share.ts', import.meta.url)), ['--share'])
    child.on('message', (word: Word) => {
      if ('tallies' in word) resolve(word.tallies)
      else heard(word.played)
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`a process of the simulation ended early, with the exit code ${code}`)))
    child.send(jobs)
  })
}

/** One tally for each scenario. */
function merged(tallies: readonly Tally[]): readonly Tally[] {
  const byScenario = new Map<string, Tally>()
  for (const tally of tallies) {
    const sum = byScenario.get(tally.scenario)
    if (sum === undefined) byScenario.set(tally.scenario, tally)
    else join(sum, tally)
  }
  return [...byScenario.values()]
}

function join(sum: Tally, tally: Tally): void {
  for (const count of ['seeds', 'failed', 'events', 'virtualMs', 'twice', 'elapsedMs'] as const) sum[count] += tally[count]
  for (const state of Object.keys(sum.states) as StateName[]) sum.states[state] += tally.states[state]
  sum.failures.push(...tally.failures)
}

function report(tallies: readonly Tally[], elapsedSeconds: number, isComplete: boolean): boolean {
  const results: Record<string, 'passed' | 'failed'> = {}
  const all = { seeds: 0, failed: 0, events: 0, virtualMs: 0, twice: 0, states: noStates() }
  for (const tally of tallies) {
    const { scenario, seeds, failed, events, virtualMs, elapsedMs, failures } = tally
    for (const { message } of failures) console.log(message)
    const pace = ((1000 * (seeds + failed)) / elapsedMs).toFixed(0)
    console.log(
      `sim ${scenario}: ${seeds} seeds passed, ${failed} failed, ${events} events, ${hours(virtualMs)} virtual hours, ${pace} seeds/s of a core`,
    )
    results[`sim: ${scenario}`] = failed === 0 && seeds > 0 ? 'passed' : 'failed'
    for (const count of ['seeds', 'failed', 'events', 'virtualMs', 'twice'] as const) all[count] += tally[count]
    for (const state of Object.keys(all.states) as StateName[]) all.states[state] += tally.states[state]
  }
  const { seeds, failed, events, virtualMs, twice, states } = all
  console.log(
    `sim: ${seeds} seeds passed, ${failed} failed, ${events} events, ${hours(virtualMs)} virtual hours, ${twice} played twice with the same trace, ${elapsedSeconds.toFixed(0)} s`,
  )
  const isGood = Object.values(results).every((state) => state === 'passed')
  if (!isComplete) return isGood
  const rare = rarely(states, seeds)
  results['sim: states'] = rare.length === 0 ? 'passed' : 'failed'
  writeResults('sim', results)
  return isGood && rare.length === 0
}

/** Prints how often each state was reached, and returns those that were not reached often enough. */
function rarely(states: Readonly<Record<StateName, number>>, seeds: number): readonly StateName[] {
  const least = seeds < SEEDS_FOR_STATES ? 0 : Math.floor(seeds / SEEDS_FOR_A_STATE)
  const rare: StateName[] = []
  for (const [state, times] of Object.entries(states) as [StateName, number][]) {
    const verdict = times < least ? `, TOO RARE, at least ${least} were expected: ${STATES[state]}` : ''
    if (times < least) rare.push(state)
    console.log(`sometimes ${state}: ${times}${verdict}`)
  }
  return rare
}

function hours(ms: number): string {
  return (ms / 3_600_000).toFixed(1)
}

process.exitCode = (await main()) ? 0 : 1
