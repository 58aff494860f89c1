/**
 * What is paid for OS processes: W4, the way back after a kill, and the cost of a node that has nothing to do.
 *
 * Programs of their own in plain Node, as a user's would be: the benches themselves run under a TypeScript loader.
 * Not measured: the silence of a stopped machine, which takes the failure detector's time by design.
 */
import { fileURLToPath } from 'node:url'
import { type Bench, type Figure, inFolder, inTurns, runNode } from './measure.ts'

const RECOVERY = fileURLToPath(new URL('./programs/recovery.mjs', import.meta.url))
const IDLE = fileURLToPath(new URL('./programs/idle.mjs', import.meta.url))

export const w4: Bench = {
  name: 'W4',
  async run(effort) {
    const measured = { unit: 'ms', floor: 'node -e 0, from spawn to exit' }
    const what = 'W4: SIGKILL at step 100 of 200 until the next new step'
    const warm = { ...measured, what: `${what}, another worker running`, target: '< 50' }
    const cold = { ...measured, what: `${what}, the only worker started again`, target: '< 350' }
    return [
      await inTurns(effort, warm, () => recoveryMs(2), bareNodeMs),
      await inTurns(effort, cold, () => recoveryMs(1), bareNodeMs),
    ]
  },
}

function recoveryMs(workers: number): Promise<number> {
  return inFolder(async (folder) => {
    const { ms, executed, repeated } = (await runNode([RECOVERY, folder, String(workers)])) as Record<string, number>
    // At-least-once allows the step that was under way, and no other.
    if (executed === undefined || repeated === undefined || repeated > 1 || executed - repeated !== 200)
      throw new Error(`after the kill ${executed} steps were executed, ${repeated} of them twice`)
    return ms ?? Number.NaN
  })
}

async function bareNodeMs(): Promise<number> {
  const started = performance.now()
  await runNode(['-e', '0'])
  return performance.now() - started
}

export const idle: Bench = {
  name: 'idle',
  async run(effort) {
    const idleMs = Math.round(2_000 * Math.max(effort.share, 0.5))
    const nodes: Usage[] = []
    const bare: Usage[] = []
    for (let round = 0; round < Math.min(effort.rounds, 5); round += 1) {
      bare.push((await runNode([IDLE, 'none', String(idleMs)])) as Usage)
      nodes.push(await inFolder(async (folder) => (await runNode([IDLE, folder, String(idleMs)])) as Usage))
    }
    return [
      figure('resident memory', 'MB', '< 80', ({ mb }) => mb),
      figure('share of one core', '%', '< 0.5', ({ percent }) => percent),
    ]

    function figure(of: string, unit: string, target: string, pick: (usage: Usage) => number): Figure {
      const floor = { what: 'a bare Node process', values: bare.map(pick) }
      return { what: `an idle node with its site on disk: ${of}`, unit, values: nodes.map(pick), floor, target }
    }
  },
}

interface Usage {
  readonly mb: number
  readonly percent: number
}
