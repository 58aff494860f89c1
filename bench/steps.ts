/**
 * Runs and their steps: W1, W2 and W3 of the peers' comparison, and what a step costs late in a long run.
 *
 * A step waits until what came before it is durable, so W1 is a sync for each step. W2 and W3 show that runs side by side share
 * their syncs. Not measured: steps that do something.
 */
import { join } from 'node:path'
import { type Definition, host, open, type RunContext, resilient, type Site, start } from 'perdure'
import { logBytes, syncsPerSecond } from './floors.ts'
import { type Bench, type Effort, type Figure, inFolder, inTurns, median } from './measure.ts'
import { steps } from './programs/definitions.mjs'

const W1_STEPS = 200
const W2_RUNS = 64
const W2_STEPS = 20
const W3_RUNS = 2000

/** Runs before the first round, so that what is measured is compiled. */
const WARM_UP = 3

export const w1: Bench = {
  name: 'W1',
  async run(effort) {
    const here = await w1Hosted(effort, 'in its own process', {})
    const worker = await w1Hosted(effort, 'in a worker process', { workers: 1 })
    return [here, worker]
  },
}

function w1Hosted(effort: Effort, where: string, options: { workers?: number }): Promise<Figure> {
  const measured = {
    what: `W1: a run of ${W1_STEPS} steps, ${where}`,
    unit: 'ms/step',
    floor: 'append + fdatasync of a record of that size',
    target: options.workers === undefined ? '<= 0.30' : '',
  }
  return hosted(options, async (site, folder, fresh) => {
    const once = async () => {
      const started = performance.now()
      await runs(site, fresh, 1, W1_STEPS)
      return (performance.now() - started) / W1_STEPS
    }
    for (let n = 0; n < WARM_UP; n += 1) await once()
    const before = logBytes(join(folder, 'data'))
    await once()
    const bytes = Math.round((logBytes(join(folder, 'data')) - before) / W1_STEPS)
    return inTurns(effort, measured, once, () => 1000 / syncsPerSecond(folder, bytes, W1_STEPS))
  })
}

export const w2: Bench = {
  name: 'W2',
  run(effort) {
    return grouped(effort, {
      what: `W2: ${W2_RUNS} runs of ${W2_STEPS} steps`,
      unit: 'steps/s',
      target: '>= 30,000',
      runs: W2_RUNS,
      steps: W2_STEPS,
      count: W2_RUNS * W2_STEPS,
    })
  },
}

export const w3: Bench = {
  name: 'W3',
  run(effort) {
    const runs = Math.round(W3_RUNS * Math.max(effort.share, 0.5))
    const what = `W3: ${runs} runs of one step, submitted at once`
    return grouped(effort, { what, unit: 'runs/s', target: '>= 10,000', runs, steps: 1, count: runs })
  },
}

interface Grouped {
  readonly what: string
  readonly unit: string
  readonly target: string
  readonly runs: number
  readonly steps: number
  /** How many of the unit one round makes. */
  readonly count: number
}

/** Bytes of a record of one step, as W1 measures them; here they only fill the floor's commits. */
const STEP_BYTES = 120

function grouped(effort: Effort, load: Grouped): Promise<readonly Figure[]> {
  const measured = { ...load, floor: 'group commit: 64 records written, one fdatasync' }
  return hosted({}, async (site, folder, fresh) => {
    const once = async () => {
      const started = performance.now()
      await runs(site, fresh, load.runs, load.steps)
      return (load.count * 1000) / (performance.now() - started)
    }
    for (let n = 0; n < WARM_UP; n += 1) await once()
    return [await inTurns(effort, measured, once, () => 64 * syncsPerSecond(folder, 64 * STEP_BYTES, 200))]
  })
}

async function hosted<R>(
  options: { workers?: number },
  use: (site: Site, folder: string, fresh: () => string) => Promise<R>,
): Promise<R> {
  return await inFolder(async (folder) => {
    const site = await open(join(folder, 'data'))
    const node = await host(site, 'bench', [steps], options)
    let last = 0
    const fresh = () => `run-${++last}`
    try {
      return await use(site, folder, fresh)
    } finally {
      await node.close()
      await site.close()
    }
  })
}

async function runs(site: Site, fresh: () => string, count: number, stepsEach: number): Promise<void> {
  const all = Array.from({ length: count }, async () => (await start(site, steps, fresh(), [stepsEach])).result())
  for (const result of await Promise.all(all)) if (result !== stepsEach) throw new Error('a run lost a step')
}

/**
 * At which numbers of its steps a long run is looked at, and over how many steps around them; the last ones are just below the
 * 100,000 operations that a journal may have.
 */
const MARKS = [10, 100, 1_000, 10_000, 99_500]
const AROUND = [10, 50, 200, 400, 900]
const CHECKPOINT_EVERY = 100

export const flatness: Bench = {
  name: 'flatness',
  async run(effort) {
    const plain = await longRuns(effort, undefined)
    const cut = await longRuns(effort, CHECKPOINT_EVERY)
    return [...curve('', plain), ...curve(`, checkpoint every ${CHECKPOINT_EVERY}`, cut)]
  },
}

/** On the memory engine: no disk hides what a long journal would cost. Microseconds a step, for each round and mark. */
async function longRuns({ rounds }: Effort, checkpointEvery: number | undefined): Promise<readonly (readonly number[])[]> {
  const site = await open('memory:')
  const begins: number[] = []
  const long = definitionOf(begins, checkpointEvery)
  const node = await host(site, 'bench', [long])
  const found: number[][] = []
  for (let round = -1; round < rounds; round += 1) {
    begins.length = 0
    await (await start(site, long, `run-${round}`, [])).result()
    // The first round compiles what the others measure.
    if (round >= 0) found.push(MARKS.map((mark, at) => costAround(begins, mark, AROUND[at] ?? 1)))
  }
  await node.close()
  await site.close()
  return found
}

function definitionOf(begins: number[], checkpointEvery: number | undefined): Definition<RunContext, [], void> {
  return resilient('long', async (p) => {
    const last = (MARKS.at(-1) ?? 0) + (AROUND.at(-1) ?? 0) / 2
    for (let n = 1; n <= last; n += 1) {
      await p.step('work', () => void begins.push(performance.now()))
      if (checkpointEvery !== undefined && n % checkpointEvery === 0) await p.checkpoint(n)
    }
  })
}

/** The median of neighbours, so that one pause of the collector is no cost of a step. */
function costAround(begins: readonly number[], mark: number, around: number): number {
  const from = Math.max(1, mark - around / 2)
  const costs: number[] = []
  for (let n = from; n < mark + around / 2; n += 1) costs.push(1000 * ((begins[n] ?? 0) - (begins[n - 1] ?? 0)))
  return median(costs)
}

function curve(how: string, rounds: readonly (readonly number[])[]): readonly Figure[] {
  const first = rounds.map((costs) => costs[0] ?? Number.NaN)
  return MARKS.map((mark, at) => ({
    what: `step number ${mark.toLocaleString('en')} of a run${how}, memory`,
    unit: 'us',
    values: rounds.map((costs) => costs[at] ?? Number.NaN),
    floor: { what: 'step number 10 of the same run', values: first },
    target: 'ratio 0.8 to 1.2',
    curve: `The cost of a step along a run${how}`,
  }))
}
