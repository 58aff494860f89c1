/**
 * Tuples: `out` and `in` through the public API, as one program pipelines them, as many callers wait for them, as a run does.
 *
 * A pair is one `out` and the `in` that takes what it put; it counts as two operations. Not measured: large tuples, many spaces,
 * templates without an index.
 */
import { join } from 'node:path'
import { host, open, type Site, type Space, space, start } from 'perdure'
import { codecPairsPerSecond } from './codec-floor.ts'
import { barePairsPerSecond, logBytes, readMs, roundTripsPerSecond, syncsPerSecond } from './floors.ts'
import { type Bench, type Effort, type Figure, inFolder, inTurns, perSecond } from './measure.ts'
import { pairs } from './programs/definitions.mjs'

/** Pairs under way at once: below the bound on open operations of one client, which is 16,384. */
const PIPELINED = 4_000
const CALLERS = 64

/** Runs before the first round, so that what is measured is compiled. */
const WARM_UP = 4

export const memory: Bench = {
  name: 'memory',
  async run(effort) {
    const site = await open('memory:')
    const jobs = await space(site, 'jobs')
    const count = Math.max(3, Math.round(15 * effort.share)) * PIPELINED
    await pipelined(jobs, count)
    const measured = { what: 'memory: out + in, one program, pipelined', unit: 'pairs/s', target: '>= 200,000' }
    const once = () => pipelined(jobs, count)
    const bare = await inTurns(effort, { ...measured, floor: 'a bare indexed Map' }, once, () =>
      barePairsPerSecond(count, PIPELINED),
    )
    const coded = await inTurns(effort, { ...measured, floor: 'the codec alone: every value written and read' }, once, () =>
      codecPairsPerSecond(count),
    )
    await site.close()
    return [bare, coded]
  },
}

async function pipelined(jobs: Space, count: number): Promise<number> {
  const started = performance.now()
  for (let n = 0; n < count; n += PIPELINED) {
    const waiting: Promise<unknown>[] = []
    for (let i = n; i < n + PIPELINED; i += 1) {
      waiting.push(jobs.out(['job', i, 'cat.png']), jobs.in(['job', Number, String]))
    }
    await Promise.all(waiting)
  }
  return perSecond(count, started)
}

export const disk: Bench = {
  name: 'disk',
  run(effort) {
    return inFolder(async (folder) => {
      const site = await open(join(folder, 'data'))
      const jobs = await space(site, 'jobs')
      const many = await manyCallers(effort, jobs, folder)
      const one = await oneCaller(effort, jobs, folder)
      await site.close()
      return [many, one]
    })
  },
}

/** What one operation takes in a record, with its length. */
const OPERATION_BYTES = 40
/** Around the operations of a record: header, frame, checksum. */
const RECORD_BYTES = 60

async function manyCallers(effort: Effort, jobs: Space, folder: string): Promise<Figure> {
  const each = Math.round(400 * effort.share)
  const once = async () => {
    const started = performance.now()
    await Promise.all(Array.from({ length: CALLERS }, (_, caller) => pairByPair(jobs, caller, each)))
    return perSecond(CALLERS * each, started)
  }
  await once()
  const what = `disk: durable out + in, ${CALLERS} callers`
  const floor = `group commit: ${CALLERS} operations written, one fdatasync`
  const measured = { what, unit: 'pairs/s', floor, target: '>= 0.6 of the floor, > 37,500' }
  const bytes = CALLERS * OPERATION_BYTES + RECORD_BYTES
  return inTurns(effort, measured, once, () => (CALLERS / 2) * syncsPerSecond(folder, bytes, Math.max(100, each)))
}

async function pairByPair(jobs: Space, caller: number, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await jobs.out([caller, n, 'cat.png'])
    await jobs.in([caller, Number, String])
  }
}

async function oneCaller(effort: Effort, jobs: Space, folder: string): Promise<Figure> {
  const count = Math.round(2_000 * effort.share)
  const once = async () => {
    const started = performance.now()
    for (let n = 0; n < count; n += 1) await jobs.out(['one', n, 'cat.png'])
    return perSecond(count, started)
  }
  for (let n = 0; n < WARM_UP; n += 1) await once()
  const measured = {
    what: 'disk: one caller, await out one at a time',
    unit: 'outs/s',
    floor: 'append + fdatasync of one record',
    target: '>= 0.6 of the floor',
  }
  return inTurns(effort, measured, once, () => syncsPerSecond(folder, OPERATION_BYTES + RECORD_BYTES, count))
}

export const inRun: Bench = {
  name: 'run-pairs',
  async run(effort) {
    const count = Math.round(20_000 * effort.share)
    const here = await runPairs(effort, {}, count, {
      what: 'one run: out + in on disk, in the owner process',
      floor: 'the same bytes written in records of 256 kB, each synced',
      target: '>= 100,000',
    })
    const worker = await runPairs(effort, { workers: 1 }, count / 4, {
      what: 'one run: out + in on disk, in a worker process',
      floor: 'messages there and back between two Node processes',
      target: '>= 14,000',
    })
    return [here, worker]
  },
}

interface RunPairs {
  readonly what: string
  readonly floor: string
  readonly target: string
}

/** One record of the log at its largest. */
const RECORD = 256 * 1024

function runPairs(effort: Effort, options: { workers?: number }, count: number, measured: RunPairs): Promise<Figure> {
  return inFolder(async (folder) => {
    const data = join(folder, 'data')
    const site = await open(data)
    const node = await host(site, 'bench', [pairs], options)
    let last = 0
    const once = async () => {
      last += 1
      const started = performance.now()
      await (await start(site, pairs, `run-${last}`, [`jobs-${last}`, count])).result()
      return perSecond(count, started)
    }
    for (let n = 0; n < WARM_UP; n += 1) await once()
    const before = logBytes(data)
    await once()
    const bytesPerPair = (logBytes(data) - before) / count
    const floor =
      options.workers === undefined
        ? () => (RECORD / bytesPerPair) * syncsPerSecond(folder, RECORD, 20)
        : () => roundTripsPerSecond(folder, count)
    const figure = await inTurns(effort, { ...measured, unit: 'pairs/s' }, once, floor)
    await node.close()
    await site.close()
    return figure
  })
}

export const replay: Bench = {
  name: 'replay',
  run(effort) {
    const count = Math.round(50_000 * effort.share)
    return inFolder(async (folder) => {
      const data = join(folder, 'data')
      const first = await open(data)
      await fill(first, count)
      const { position } = first
      const measured = {
        what: `open a log of ${(2 * count).toLocaleString('en')} operations`,
        unit: 'ms',
        floor: 'reading its files',
        target: '< 600 for 100,000 (1M in 6 s)',
      }
      const once = async () => {
        const started = performance.now()
        const site = await open(data)
        const tookMs = performance.now() - started
        if (site.position < position) throw new Error('the opened log is shorter than it was')
        await site.close()
        return tookMs
      }
      return [await inTurns(effort, measured, once, () => readMs(data))]
    })
  },
}

async function fill(site: Site, count: number): Promise<void> {
  const jobs = await space(site, 'jobs')
  for (let left = count; left > 0; left -= PIPELINED) await pipelined(jobs, Math.min(left, PIPELINED))
  await site.close()
}
