/**
 * What copies of a run cost and what they save: a step that is claimed before it is executed, and the gap when a copy is killed.
 *
 * The floor is the same with the layer journal, in the same round. Not measured: copies on other machines.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { host, open, type Site, start } from 'perdure'
import { type Bench, type Figure, inFolder, inTurns, runNode } from './measure.ts'
import { steps, stepsOfTwo } from './programs/definitions.mjs'

const RECOVERY = fileURLToPath(new URL('./programs/recovery.mjs', import.meta.url))

const STEPS = 200

/** Runs before the first round, so that what is measured is compiled. */
const WARM_UP = 3

export const replicas: Bench = {
  name: 'replicas',
  async run(effort) {
    const gap = {
      what: 'a SIGKILL of the copy that executes step 100 of 200 of 5 ms, until the next new step',
      unit: 'ms',
      floor: 'layer journal, another worker running',
      target: '',
    }
    return [
      await inFolder(async (folder) => {
        const site = await open(join(folder, 'data'))
        const node = await host(site, 'bench', [steps, stepsOfTwo], { workers: 2 })
        const alone = stepMs(site, steps)
        const ofTwo = stepMs(site, stepsOfTwo)
        for (let n = 0; n < WARM_UP; n += 1) await alone(-1 - n).then(() => ofTwo(-1 - n))
        const what = `a run of ${STEPS} steps by two copies, in worker processes`
        const measured = { what, unit: 'ms/step', floor: 'layer journal, in a worker process', target: '' }
        const figure: Figure = await inTurns(effort, measured, ofTwo, alone)
        await node.close()
        await site.close()
        return figure
      }),
      await inTurns(
        effort,
        gap,
        () => gapMs('copies'),
        () => gapMs(),
      ),
    ]
  },
}

function stepMs(site: Site, definition: typeof steps): (round: number) => Promise<number> {
  return async (round) => {
    const started = performance.now()
    const handle = await start(site, definition, `run-${round}`, [STEPS])
    await handle.result()
    return (performance.now() - started) / STEPS
  }
}

function gapMs(...copies: readonly string[]): Promise<number> {
  return inFolder(async (folder) => {
    const { ms, repeated } = (await runNode([RECOVERY, folder, '2', ...copies])) as Record<string, number>
    if (repeated === undefined || repeated > 1) throw new Error(`after the kill ${repeated} steps were executed twice`)
    return ms ?? Number.NaN
  })
}
