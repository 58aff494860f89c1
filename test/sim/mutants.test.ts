/**
 * The proof that the simulator would notice: it finds every planted bug.
 *
 * Each mutant is a copy of the source with one change, played in a process of its own until a seed fails. Bugs that are planted in the
 * running program are in `sim.test.ts`.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { Planting } from '../planting.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { CHECKPOINT_MUTANTS } from './mutants-checkpoints.ts'
import { LASTING_MUTANTS } from './mutants-lasting.ts'

/** A planted bug must be found within so many. */
const SEEDS_FOR_A_BUG = 2_000

/** Nearly all are found within seconds; what takes much longer is not found. */
const TIMEOUT_MS = 120_000

const planting = new Planting(
  'test/sim',
  'test/planting.ts',
  'test/mechanisms/checkpoint/judge.ts',
  'test/mechanisms/checkpoint/schedules.ts',
)
afterAll(() => planting.remove())

interface Found {
  readonly seed: number
  readonly message: string
}

async function caught(mutant: Mutant): Promise<Found | null> {
  const words = ['--import', 'tsx', '--conditions=perdure-src', 'test/sim/catch.ts', mutant.scenario, String(SEEDS_FOR_A_BUG)]
  if (mutant.faults) words.push(JSON.stringify(mutant.faults))
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: planting.plant(mutant), timeout: TIMEOUT_MS })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as Found | null
}

/** Every so many of them, or `all`: a sample shows that the way of planting works. */
const { PERDURE_MUTANTS: share = '200' } = process.env
const EVERY = share === 'all' ? 1 : Number(share)
const CHOSEN = [...MUTANTS, ...LASTING_MUTANTS, ...CHECKPOINT_MUTANTS]
  .filter((_, n) => n % EVERY === 0)
  .map((mutant) => [mutant.name, mutant] as const)

describe('the simulator catches', () => {
  // Each is a process of its own.
  test.concurrent.each(CHOSEN)('%s', { timeout: TIMEOUT_MS }, async (_, mutant) => {
    const found = await caught(mutant)
    if (found) console.log(`caught at seed ${found.seed} of ${mutant.scenario}: ${mutant.name}: ${found.message}`)
    expect(found, 'no seed failed').not.toBeNull()
  })

  test('nothing in the source as it is', async () => {
    const harmless = {
      name: 'none',
      file: 'log/log.ts',
      find: 'MAX_RECORD: number',
      replace: 'MAX_RECORD: number',
      scenario: 'farm',
    }
    const words = ['--import', 'tsx', '--conditions=perdure-src', 'test/sim/catch.ts', harmless.scenario, '20']
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: planting.plant(harmless), timeout: TIMEOUT_MS })
    expect(stdout.trim()).toBe('null')
  })
})
