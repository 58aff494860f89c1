/**
 * Plays a scenario until a seed fails, and says which: `node … catch.ts SCENARIO MOST_SEEDS [FAULTS]`.
 *
 * Started by `mutants.test.ts` inside a copy of the source that has a bug. The last line of its output is what it found, as JSON.
 */
import { FAULT_KINDS, type FaultKind, simulate } from 'perdure/testing'
import { SCENARIOS } from './scenarios.ts'

const [scenario = '', seeds = '', faults = ''] = process.argv.slice(2)
const kinds = faults === '' ? FAULT_KINDS : (JSON.parse(faults) as readonly FaultKind[])
/** A promise that nobody looked at ends a real process, so it fails the seed. */
let unhandled: Error | undefined
process.on('unhandledRejection', (error) => {
  unhandled ??= error as Error
})
const found = await firstFailure()
console.log(JSON.stringify(found))
// Promises of a broken program may wait for ever.
process.exit(0)

async function firstFailure(): Promise<{ readonly seed: number; readonly message: string } | null> {
  for (let seed = 1; seed <= Number(seeds); seed++) {
    try {
      await simulate({ seed, faults: kinds, shrinkEvents: 0 }, SCENARIOS[scenario] as never)
      if (unhandled !== undefined) throw unhandled
    } catch (error) {
      return { seed, message: (error as Error).message.slice(0, 300) }
    }
  }
  return null
}
