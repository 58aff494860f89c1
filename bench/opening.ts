/**
 * How long a site with a past takes to open, how much of that past lies on the disk, and what snapshots cost the site meanwhile.
 *
 * Each opening happens in plain Node and in a process of its own, as it does after a crash.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Bench, type Effort, type Figure, FULL, inFolder, inTurns, runNode } from './measure.ts'

const PROGRAM = fileURLToPath(new URL('./programs/opening.mjs', import.meta.url))

/** An opening is a whole process and does the same each time. */
const MOST_ROUNDS = 3

/** Growth after which a snapshot is due, so that it comes early and nearly the whole state is in it. */
const EARLY_BYTES = 1024 * 1024

/** Ten million operations come in processes of this many pairs; each opens what the one before has left. */
const PAIRS_A_PROCESS = 1_000_000

interface Opened {
  readonly ms: number
  readonly blockMs: number
  readonly position: number
}

export const opening: Bench = {
  name: 'opening',
  async run(effort) {
    const rounds = { ...effort, rounds: Math.min(effort.rounds, MOST_ROUNDS) }
    return [
      await inFolder((folder) => withoutSnapshot(join(folder, 'data'), rounds)),
      await inFolder((folder) => withSnapshot(join(folder, 'data'), rounds)),
      ...(await inFolder((folder) => blocks(join(folder, 'data'), rounds))),
    ]
  },
}

/** Takes minutes; only in a full run. */
export const bounded: Bench = {
  name: 'bounded',
  run: (effort) => inFolder((folder) => tenMillion(join(folder, 'data'), effort)),
}

async function withoutSnapshot(folder: string, effort: Effort): Promise<Figure> {
  const pairs = Math.round(500_000 * effort.share)
  await program('fill', folder, pairs, 0)
  const what = `open a log of ${(2 * pairs).toLocaleString('en')} operations, no snapshot`
  const measured = { what, unit: 'ms', floor: 'reading its files', target: '< 6,000 for 1M' }
  return await inTurns(
    effort,
    measured,
    async () => (await opened(folder)).ms,
    () => readMs(folder),
  )
}

async function withSnapshot(folder: string, effort: Effort): Promise<Figure> {
  const pairs = Math.round(500_000 * effort.share)
  const resident = Math.round(100_000 * effort.share)
  await program('fill', folder, pairs, resident, NEVER_DUE)
  await program('snapshot', folder)
  const what = `open a log of ${(2 * pairs - resident).toLocaleString('en')} operations with a snapshot of ${resident.toLocaleString('en')} tuples`
  const measured = { what, unit: 'ms', floor: 'reading its files', target: '< 1,000 for 1M and 100,000' }
  return await inTurns(
    effort,
    measured,
    async () => (await opened(folder)).ms,
    () => readMs(folder),
  )
}

const NEVER_DUE = Number.MAX_SAFE_INTEGER

async function blocks(folder: string, effort: Effort): Promise<readonly Figure[]> {
  const tuples = Math.round(1_000_000 * effort.share)
  await program('fill', folder, tuples, tuples, NEVER_DUE)
  const count = tuples.toLocaleString('en')
  const floor = 'as many objects without perdure'
  const objects = async () => ((await program('objects', tuples)) as { blockMs: number }).blockMs
  const whileTaken = await inTurns(
    { ...effort, rounds: 1 },
    { what: `longest block while a snapshot of ${count} tuples is taken`, unit: 'ms', floor, target: '< 50' },
    async () => ((await program('snapshot', folder)) as { blockMs: number }).blockMs,
    objects,
  )
  const openings: Opened[] = []
  const whileOpened = await inTurns(
    effort,
    { what: `longest block while a snapshot of ${count} tuples is opened`, unit: 'ms', floor, target: '< 50' },
    async () => {
      openings.push(await opened(folder))
      return openings.at(-1)?.blockMs ?? Number.NaN
    },
    objects,
  )
  return [whileTaken, whileOpened]
}

async function tenMillion(folder: string, effort: Effort): Promise<readonly Figure[]> {
  const pairs = 5_000_000 * (effort.share === FULL.share ? 1 : effort.share / 10)
  for (let done = 0; done < pairs; done += PAIRS_A_PROCESS) {
    await program('fill', folder, Math.min(PAIRS_A_PROCESS, pairs - done), 0, 64 * EARLY_BYTES)
  }
  const operations = (2 * pairs).toLocaleString('en')
  const size = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  const bytes = await inTurns(
    { ...effort, rounds: 1 },
    {
      what: `on the disk after ${operations} operations that left nothing`,
      unit: 'MB',
      floor: 'two segments',
      target: 'bounded by the growth from one snapshot to the next, twice',
    },
    () => size / 1e6,
    () => 128,
  )
  const once = { ...effort, rounds: Math.min(effort.rounds, MOST_ROUNDS) }
  const measured = {
    what: `open after ${operations} operations`,
    unit: 'ms',
    floor: 'reading its files',
    target: 'as fast as the snapshot and the log behind it allow',
  }
  return [
    bytes,
    await inTurns(
      once,
      measured,
      async () => (await opened(folder)).ms,
      () => readMs(folder),
    ),
  ]
}

function program(mode: string, ...args: readonly (string | number)[]): Promise<unknown> {
  return runNode([PROGRAM, mode, ...args.map(String)])
}

async function opened(folder: string): Promise<Opened> {
  return (await program('open', folder)) as Opened
}

function readMs(folder: string): number {
  const started = performance.now()
  for (const name of readdirSync(folder)) if (/^(log|snap)-/.test(name)) readFileSync(join(folder, name))
  return performance.now() - started
}
