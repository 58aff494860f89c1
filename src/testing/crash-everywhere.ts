/**
 * Kills a program at every event of its run, one run for each, and compares what comes out.
 *
 *     await crashEverywhere({ nodes: 2 }, async (world) => {
 *       world.host([order])
 *       await world.start(order, 'order-17', [cart])
 *       return world.result(order, 'order-17')
 *     })
 *
 * An event is the smallest step there is: a message that arrives, a timer, a turn of a body, a write or a sync. Between two of them
 * lies every entry of the log, every `await` of a body, the start and end of every step and the record of its result, every note.
 *
 * Boundary: runs and comparisons; what else must hold is checked as in every simulation.
 *   C1  With a crash the scenario returns the same as without, and the same effects have happened.
 */

import { PerdureError } from '../errors.ts'
import { equal } from '../log/codec/codec.ts'
import type { Effect } from './effects.ts'
import { crashAt, type StrikeKind } from './faults.ts'
import { runSeed, type Scenario, type SeedRun, type SeedSetting } from './seed-run.ts'

export interface CrashOptions {
  /** Of all runs. Default 1. */
  readonly seed?: number
  /** Worker processes. Default 1, so that every crash of a worker meets the run. */
  readonly nodes?: number
  /** What crashes. Default: worker, owner and power, one run for each at each event. */
  readonly kinds?: readonly StrikeKind[]
  /** Only every so many events, where all of them take too long. Default 1. */
  readonly every?: number
}

export interface CrashReport {
  /** Of the run without a crash. */
  readonly events: number
  /** Runs with one. */
  readonly crashes: number
}

const CRASHES: readonly StrikeKind[] = ['worker crash', 'owner crash', 'power loss']

/** Rejects with `PERDURE_E_INVARIANT` at the first crash that makes a difference. */
export async function crashEverywhere<R>(options: CrashOptions, scenario: Scenario<R>): Promise<CrashReport> {
  const { seed = 1, nodes = 1, kinds = CRASHES, every = 1 } = options
  const setting: SeedSetting = { seed, nodes, company: 'none', faults: [] }
  const undisturbed = await runSeed(setting, scenario)
  const expected = resultOf(undisturbed, setting)
  let crashes = 0
  for (let event = 1; event <= undisturbed.events; event += every) {
    for (const kind of kinds) {
      const disturbed: SeedSetting = { ...setting, faults: [crashAt(event, kind)] }
      const run = await runSeed(disturbed, scenario)
      crashes += 1
      const value = resultOf(run, disturbed)
      if (!equal(value, expected)) throw differs(disturbed, 'The result', expected, value)
      const [before, after] = [effectsOf(undisturbed.effects), effectsOf(run.effects)]
      if (!equal(before, after)) throw differs(disturbed, 'What happened outside', before, after)
    }
  }
  return { events: undisturbed.events, crashes }
}

function resultOf<R>({ outcome }: SeedRun<R>, setting: SeedSetting): R {
  if ('value' in outcome) return outcome.value
  const { error: cause } = outcome
  const what = cause instanceof Error ? cause.message : String(cause)
  throw new PerdureError('PERDURE_E_INVARIANT', `${whenOf(setting)}: ${what} Repeat it with: ${call(setting)}`, { cause })
}

/** An effect that is executed again under its key is one effect. */
function effectsOf(effects: readonly Effect[]): readonly unknown[] {
  const byKey = new Map(effects.map(({ idempotencyKey, content }) => [idempotencyKey, content]))
  return [...byKey.values()].map((content) => JSON.stringify(content)).sort()
}

function differs(setting: SeedSetting, what: string, expected: unknown, found: unknown): PerdureError {
  return new PerdureError(
    'PERDURE_E_INVARIANT',
    `${whenOf(setting)}: ${what} is ${JSON.stringify(found)}, without the crash it is ${JSON.stringify(expected)}. Repeat it with: ${call(setting)}`,
    { data: { faults: setting.faults } },
  )
}

function whenOf({ faults }: SeedSetting): string {
  const [fault] = faults
  return fault && typeof fault !== 'string' ? `With a ${fault.kind} before event ${fault.at}` : 'Without any crash'
}

function call({ seed, nodes, company, faults }: SeedSetting): string {
  return `simulate(${JSON.stringify({ seed, nodes, company, faults })}, scenario)`
}
