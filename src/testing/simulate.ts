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
 * Boundary: puts the parts together. The same seed gives the same run as long as the code is the same.
 */
import { PerdureError } from '../errors.ts'
import { composeReplica } from '../node/compose.ts'
import { Effects } from './effects.ts'
import { drawFaults, FAULT_KINDS, type FaultKind, type Strike } from './faults.ts'
import { judge } from './judge.ts'
import { Ledger } from './ledger.ts'
import { type Limits, Schedule } from './schedule.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedSite } from './simulated-site.ts'
import { Sometimes, type StateName } from './sometimes.ts'
import { SimulatedWorld, type World } from './world.ts'

export type Scenario = (world: World) => Promise<void>

export interface SimulateOptions {
  /** One seed, to repeat what it did. */
  readonly seed?: number
  /** So many seeds, from 1 on. */
  readonly seeds?: number
  /** Worker processes. Default: each seed draws 1 to 4. */
  readonly nodes?: number
  /** The kinds of faults of which every seed draws some; and strikes that every seed meets. Default: all kinds. */
  readonly faults?: readonly (FaultKind | Strike)[]
  /** The command that repeats a seed, for the message of a failure. */
  readonly repeat?: (seed: number) => string
}

export interface SimulationReport {
  readonly seeds: number
  readonly events: number
  readonly virtualMs: number
  /** How often each rare state was reached. */
  readonly sometimes: Readonly<Record<StateName, number>>
}

/** Far beyond what any scenario needs; so many events take some seconds. */
const LIMITS: Limits = { events: 200_000, virtualMs: 1_800_000 }

/** Rejects with `PERDURE_E_INVARIANT` at the first seed in which anything does not hold. */
export async function simulate(options: SimulateOptions, scenario: Scenario): Promise<SimulationReport> {
  const seeds = options.seed === undefined ? Array.from({ length: options.seeds ?? 1 }, (_, at) => at + 1) : [options.seed]
  const sometimes = new Sometimes()
  let events = 0
  let virtualMs = 0
  for (const seed of seeds) {
    try {
      const schedule = await simulateSeed(seed, options, scenario, sometimes)
      events += schedule.events
      virtualMs += schedule.nowMs
    } catch (cause) {
      throw failedSeed(seed, options, cause)
    }
  }
  return { seeds: seeds.length, events, virtualMs, sometimes: sometimes.counts }
}

async function simulateSeed(seed: number, options: SimulateOptions, scenario: Scenario, sometimes: Sometimes): Promise<Schedule> {
  const random = new SeededRandom(seed)
  const schedule = new Schedule(random.fork())
  const failure: { error?: unknown } = {}
  const fail = (error: unknown) => {
    failure.error ??= error
  }
  const ledger = new Ledger(composeReplica, sometimes, () => schedule.nowMs)
  const plan = drawFaults(random.fork(), options.faults ?? FAULT_KINDS)
  const nodes = options.nodes ?? random.between(1, 4)
  const site = new SimulatedSite({ schedule, random: random.fork(), plan, ledger, sometimes, nodes, fail })
  const effects = new Effects({ schedule, site, ledger, sometimes })
  const world = new SimulatedWorld({ seed, schedule, random, site, ledger, sometimes, effects, fail })
  let over = false
  const playing = play(world, scenario, site, ledger).then(() => judge(ledger, effects, sometimes, composeReplica))
  playing.catch(fail).finally(() => {
    over = true
  })
  await schedule.run(
    () => over || 'error' in failure,
    LIMITS,
    () => site.describe(),
  )
  site.stop()
  if ('error' in failure) throw failure.error
  return schedule
}

/** The scenario, and then once more the power goes: what was said must still be true afterwards. */
async function play(world: SimulatedWorld, scenario: Scenario, site: SimulatedSite, ledger: Ledger): Promise<void> {
  await scenario(world)
  world.calm()
  await world.insist((client) => client.durable())
  site.losePower()
  await world.insist((client) => client.durable())
  const owner = site.owner
  if (owner) await world.insist(() => owner.gateway.durable())
  if (site.owner) ledger.ownerEnded(site.owner.gateway)
}

function failedSeed(seed: number, { repeat }: SimulateOptions, cause: unknown): PerdureError {
  const what = cause instanceof Error ? cause.message : String(cause)
  const again = repeat ? repeat(seed) : `simulate({ seed: ${seed}, … }, scenario)`
  return new PerdureError('PERDURE_E_INVARIANT', `Seed ${seed} failed: ${what} Repeat it with: ${again}`, {
    cause,
    data: { seed },
  })
}
