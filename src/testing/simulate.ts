/**
 * Runs a scenario against a simulated site, once for every seed, and checks what must hold whatever happens.
 *
 *     await simulate({ seeds: 100, nodes: 3 }, async (world) => {
 *       const greet = resilient('greet', (p, name: string) => p.step('say', (info) => world.effect(info, name)))
 *       world.host([greet])
 *       await world.start(greet, 'a', ['Ada'])
 *       await world.result(greet, 'a')
 *     })
 *
 * Boundary: seeds and what is said of one that failed: with how few faults it fails, how to see it again, and what happened.
 */
import { PerdureError } from '../errors.ts'
import { describeFault, FAULT_KINDS, type Fault, type FaultKind } from './faults.ts'
import { runSeed, type Scenario, type SeedRun, type SeedSetting } from './seed-run.ts'
import { mannerOf, shrink } from './shrink.ts'
import { Sometimes, type StateName } from './sometimes.ts'

export interface SimulateOptions {
  /** One seed, to repeat what it did. */
  readonly seed?: number
  /** So many seeds, from 1 on. */
  readonly seeds?: number
  /** Worker processes. Default: each seed draws 1 to 4. */
  readonly nodes?: number
  /** Whether others than the workers execute runs too, as a seed draws: the owner itself, a program that attaches. Default `drawn`. */
  readonly company?: 'drawn' | 'none'
  /** The kinds of faults of which every seed draws some; and faults that every seed meets. Default: all kinds. */
  readonly faults?: readonly (FaultKind | Fault)[]
  /** The command that repeats a seed, for the message of a failure. `faults` are given when they are fewer than the seed draws. */
  readonly repeat?: (seed: number, faults?: readonly Fault[]) => string
  /** Events that may be spent on finding the few faults that make a seed fail; 0 for none. Default a million, some 20 seconds. */
  readonly shrinkEvents?: number
}

export interface SimulationReport {
  readonly seeds: number
  readonly events: number
  readonly virtualMs: number
  /** How often each rare state was reached. */
  readonly sometimes: Readonly<Record<StateName, number>>
  /** Hash of everything that happened, in all seeds. */
  readonly trace: number
}

const SHRINK_EVENTS = 1_000_000

/** Rejects with `PERDURE_E_INVARIANT` at the first seed in which anything does not hold. */
export async function simulate(options: SimulateOptions, scenario: Scenario): Promise<SimulationReport> {
  const seeds = options.seed === undefined ? Array.from({ length: options.seeds ?? 1 }, (_, at) => at + 1) : [options.seed]
  const sometimes = new Sometimes()
  let events = 0
  let virtualMs = 0
  let trace = 0
  const { nodes, company = 'drawn', faults = FAULT_KINDS } = options
  for (const seed of seeds) {
    const setting: SeedSetting = { seed, nodes, company, faults }
    const played = await runSeed(setting, scenario)
    if ('error' in played.outcome) throw await failureOf(setting, played, played.outcome.error, options, scenario)
    sometimes.add(played.sometimes)
    events += played.events
    virtualMs += played.virtualMs
    trace = Math.imul(trace, 31) + played.trace
  }
  return { seeds: seeds.length, events, virtualMs, sometimes: sometimes.counts, trace: trace >>> 0 }
}

async function failureOf(
  setting: SeedSetting,
  failed: SeedRun,
  cause: unknown,
  { repeat, shrinkEvents = SHRINK_EVENTS }: SimulateOptions,
  scenario: Scenario,
): Promise<PerdureError> {
  const { seed } = setting
  const faults = await shrunk(setting, failed, cause, shrinkEvents, scenario)
  const setOut = faults === undefined ? setting : { ...setting, faults }
  const { history } = await runSeed({ ...setOut, told: 'in full' }, scenario)
  const said = cause instanceof Error ? cause.message : String(cause)
  const what = /[.!?]$/.test(said) ? said : `${said}.`
  const again = repeat ? repeat(seed, faults) : call(setting, faults)
  return new PerdureError(
    'PERDURE_E_INVARIANT',
    `Seed ${seed} failed: ${what}${enough(failed, faults)} Repeat it with: ${again}`,
    {
      cause,
      data: { seed, injected: failed.injected, faults: faults ?? failed.injected, history },
    },
  )
}

/** The fewest faults found with which the seed fails in the same manner; undefined if those it drew are needed as they were. */
async function shrunk(
  setting: SeedSetting,
  { injected, events }: SeedRun,
  cause: unknown,
  budget: number,
  scenario: Scenario,
): Promise<readonly Fault[] | undefined> {
  const manner = mannerOf(cause)
  let left = budget
  const stillFails = async (faults: readonly Fault[]) => {
    if (left < events) return false
    const { outcome, events: spent } = await runSeed({ ...setting, faults }, scenario)
    left -= spent
    return 'error' in outcome && mannerOf(outcome.error) === manner
  }
  if (budget === 0 || !(await stillFails(injected))) return undefined
  return shrink(injected, stillFails)
}

function enough({ injected }: SeedRun, faults: readonly Fault[] | undefined): string {
  if (faults === undefined || injected.length === 0) return ''
  if (faults.length === 0) return ` None of the ${injected.length} faults injected is needed.`
  const list = faults.map(describeFault).join('; ')
  return ` Of the ${injected.length} faults injected ${faults.length} are enough: ${list}.`
}

function call({ seed, nodes, company }: SeedSetting, faults: readonly Fault[] | undefined): string {
  const options = {
    seed,
    ...(nodes !== undefined && { nodes }),
    ...(company === 'none' && { company }),
    ...(faults && { faults }),
  }
  return `simulate(${JSON.stringify(options)}, scenario)`
}
