/**
 * A share of a simulation: plays seeds of scenarios one after the other and counts.
 *
 * Boundary: one process of several (`run.ts` forks it), or in the process of whoever calls `playShare`.
 */
import { type Fault, type SimulationReport, STATES, type StateName, simulate } from 'perdure/testing'
import { SCENARIOS } from './scenarios.ts'

export interface Job {
  readonly scenario: string
  readonly seeds: readonly number[]
  /** Instead of those the seeds draw. */
  readonly faults?: readonly Fault[]
}

export interface Tally {
  readonly scenario: string
  seeds: number
  failed: number
  events: number
  virtualMs: number
  /** Played twice, with the same trace. */
  twice: number
  elapsedMs: number
  readonly states: Record<StateName, number>
  readonly failures: Failure[]
}

export interface Failure {
  readonly message: string
  readonly stack: string
  readonly history: string
}

/** So many seeds apart, one is played twice. */
const TWICE_EVERY = 100

/** More failures than these of one scenario tell nothing new. */
const FAILURES_KEPT = 3

export async function playShare(jobs: readonly Job[], played: () => void = () => undefined): Promise<readonly Tally[]> {
  const tallies: Tally[] = []
  for (const job of jobs) tallies.push(await playJob(job, played))
  return tallies
}

async function playJob({ scenario, seeds, faults }: Job, played: () => void): Promise<Tally> {
  const counts = { seeds: 0, failed: 0, events: 0, virtualMs: 0, twice: 0, elapsedMs: 0 }
  const tally: Tally = { scenario, ...counts, states: noStates(), failures: [] }
  const beganMs = performance.now()
  for (const seed of seeds) {
    try {
      const report = await play(scenario, seed, faults)
      add(tally, report)
      if (seed % TWICE_EVERY === 1) {
        const again = await play(scenario, seed, faults)
        if (again.trace !== report.trace || again.events !== report.events)
          throw new Error(`Seed ${seed} did something else when it was played again. Repeat it with: ${repeat(scenario, seed)}`)
        tally.twice += 1
      }
    } catch (error) {
      tally.failed += 1
      if (tally.failures.length < FAILURES_KEPT) tally.failures.push(failureOf(error as Error))
    }
    played()
  }
  tally.elapsedMs = performance.now() - beganMs
  return tally
}

async function play(scenario: string, seed: number, faults: readonly Fault[] | undefined): Promise<SimulationReport> {
  const again = (at: number, fewer?: readonly Fault[]) => repeat(scenario, at, fewer)
  const report = await simulate({ seed, repeat: again, ...(faults && { faults }) }, SCENARIOS[scenario] as never)
  const error = unhandled
  unhandled = undefined
  if (error)
    throw new Error(`Seed ${seed} left a rejection to nobody. Repeat it with: ${repeat(scenario, seed)}`, { cause: error })
  return report
}

/** A promise that nobody looked at ends a real process, so it fails the seed. */
let unhandled: Error | undefined
process.on('unhandledRejection', (error) => {
  unhandled = error as Error
})

function failureOf(error: Error & { data?: { history?: string } }): Failure {
  const { cause } = error
  return {
    message: error.message,
    stack: (cause instanceof Error ? cause.stack : error.stack) ?? '',
    history: error.data?.history ?? '',
  }
}

/** The command that does it again, on one line for any shell. */
function repeat(scenario: string, seed: number, faults?: readonly Fault[]): string {
  const only = faults === undefined ? '' : ` --faults '${JSON.stringify(faults)}'`
  return `npm run test:sim -- --scenario ${scenario} --seed ${seed}${only}`
}

export function noStates(): Record<StateName, number> {
  return Object.fromEntries(Object.keys(STATES).map((state) => [state, 0])) as Record<StateName, number>
}

function add(tally: Tally, report: SimulationReport): void {
  tally.seeds += report.seeds
  tally.events += report.events
  tally.virtualMs += report.virtualMs
  for (const state of Object.keys(tally.states) as StateName[]) tally.states[state] += report.sometimes[state]
}

/** What a forked share says to whoever forked it. */
export type Word = { readonly played: number } | { readonly tallies: readonly Tally[] }

/** It says how far it is this often. */
const WORD_MS = 1_000

if (process.send !== undefined && process.argv.includes('--share')) {
  process.once('message', (jobs: readonly Job[]) => {
    const say = (word: Word) => void process.send?.(word)
    let count = 0
    let saidMs = performance.now()
    const played = () => {
      count += 1
      if (performance.now() - saidMs < WORD_MS) return
      saidMs = performance.now()
      say({ played: count })
    }
    playShare(jobs, played).then(
      (tallies) => process.send?.({ tallies } satisfies Word, () => process.disconnect()),
      (error: unknown) => {
        console.error(error)
        process.exitCode = 1
        process.disconnect()
      },
    )
  })
}
