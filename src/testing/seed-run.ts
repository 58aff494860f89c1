/**
 * One seed of a scenario, played from beginning to end.
 *
 * Boundary: puts the parts together, and says what came of it; it throws nothing. The same setting gives the same run as long as the
 * code is the same.
 */
import { digest } from '../log/codec/codec.ts'
import type { Gateway } from '../log/gateway.ts'
import { composeReplica } from '../node/compose.ts'
import { type Effect, Effects } from './effects.ts'
import { describeFault, drawFaults, type Fault, type FaultKind } from './faults.ts'
import { History } from './history.ts'
import { Injector } from './injector.ts'
import { judge } from './judge.ts'
import { Ledger } from './ledger.ts'
import { type Limits, Schedule } from './schedule.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedFolders } from './simulated-folders.ts'
import { SimulatedSite, type SiteSetting } from './simulated-site.ts'
import { Sometimes } from './sometimes.ts'
import { SimulatedWorld, type World } from './world.ts'

/** A program with its surroundings; what it returns is compared where runs are compared. */
export type Scenario<R = unknown> = (world: World) => Promise<R>

export interface SeedSetting {
  readonly seed: number
  /** Worker processes; undefined: as many as the seed draws. */
  readonly nodes: number | undefined
  readonly faults: readonly (FaultKind | Fault)[]
  readonly company?: SiteSetting['company']
  readonly applied?: (gateway: Gateway, operation: Uint8Array, event: number) => void
  /** Whether a history is written. */
  readonly told?: 'briefly' | 'in full'
}

export interface SeedRun<R = unknown> {
  readonly outcome: { readonly value: R } | { readonly error: unknown }
  readonly events: number
  readonly virtualMs: number
  /** Hash of everything that happened. */
  readonly trace: number
  /** The faults as they were in the end: given as `faults`, they make the same run again. */
  readonly injected: readonly Fault[]
  readonly sometimes: Sometimes
  readonly effects: readonly Effect[]
  readonly ledger: Ledger
  readonly history: string | undefined
}

/** Far beyond what any scenario needs; so many events take some seconds. */
const LIMITS: Limits = { events: 200_000, virtualMs: 1_800_000 }

export async function runSeed<R>(setting: SeedSetting, scenario: Scenario<R>): Promise<SeedRun<R>> {
  const { seed, applied, company = 'drawn', told = 'briefly' } = setting
  const random = new SeededRandom(seed)
  const schedule = new Schedule(random.fork())
  const sometimes = new Sometimes()
  const ledger = new Ledger(composeReplica, sometimes, () => schedule.nowMs)
  const now = () => ({ event: schedule.events, ms: schedule.nowMs })
  const history = told === 'in full' ? new History(now) : undefined
  const drawing = random.fork()
  const plan = drawFaults(drawing, setting.faults)
  const injector = new Injector(plan, drawing, (fault) => history?.note('FAULT', describeFault(fault)))
  const drawnNodes = random.between(1, 4)
  const nodes = setting.nodes ?? drawnNodes
  let result: SeedRun<R>['outcome'] | undefined
  const fail = (error: unknown) => {
    if (result === undefined || 'value' in result) result = { error }
  }
  const hook = applied && ((gateway: Gateway, operation: Uint8Array) => applied(gateway, operation, schedule.events))
  const parts = { schedule, injector, ledger, sometimes, history, fail }
  const folders = new SimulatedFolders()
  const site = new SimulatedSite({ ...parts, workFolders: folders, random: random.fork(), nodes, company, applied: hook })
  const effects = new Effects({ schedule, site, ledger, sometimes, history })
  const world = new SimulatedWorld({ seed, schedule, random, site, injector, ledger, sometimes, effects, folders, fail })
  ledger.onRecord = (record) => schedule.mark(digest(record, 0, record.length))
  play(world, scenario, site, ledger)
    .then((value) => {
      judge(ledger, effects, sometimes, composeReplica)
      result ??= { value }
    }, fail)
    .catch(fail)
  await schedule
    .run(
      () => result !== undefined,
      LIMITS,
      () => site.describe(),
    )
    .catch(fail)
  site.stop()
  if (result && 'error' in result) history?.note('FAILED', String(result.error))
  return {
    outcome: result ?? { error: new Error('the simulation ended without a result') },
    events: schedule.events,
    virtualMs: schedule.nowMs,
    trace: schedule.trace >>> 0,
    injected: injector.injected,
    sometimes,
    effects: effects.list,
    ledger,
    history: history?.text,
  }
}

/** The scenario, and then once more the power goes: what was said must still be true afterwards. */
async function play<R>(world: SimulatedWorld, scenario: Scenario<R>, site: SimulatedSite, ledger: Ledger): Promise<R> {
  const value = await scenario(world)
  world.calm()
  await world.insist((client) => client.durable())
  site.losePower()
  await world.insist((client) => client.durable())
  const owner = site.owner
  if (owner) await world.insist(() => owner.gateway.durable())
  if (site.owner) ledger.ownerEnded(site.owner.gateway)
  return value
}
