/** Watching the past of a folder whose log is trimmed meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { any, open, PerdureError, type Space, space } from 'perdure'
import { expect, test } from 'vitest'

/** A few records fill a segment, and a few segments make a snapshot due. */
const SIZES = { segmentBytes: 4 * 1024, grownBytes: 8 * 1024 }

/** No snapshot: the log begins where it begins. */
const QUIET = { ...SIZES, grownBytes: Number.MAX_SAFE_INTEGER }

interface Seen {
  readonly kind: string
  readonly tuple: readonly unknown[]
  readonly position: number
}

test('a watch of the past begins at a snapshot, and before what is left it is refused with the first position there is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-watch-'))
  try {
    const live = await watchedUntilTrimmed(folder)
    await using owner = await open(folder, { sizes: QUIET })
    await using site = await open(folder, { attach: true })
    const from = await beginningOf(await space(owner, 'jobs'))
    expect(from).toBeGreaterThan(1)
    for (const start of [from, Math.floor((from + owner.position) / 2)]) {
      for (const where of [owner, site]) {
        const expected = live.filter(({ position }) => position >= start)
        const told: Seen[] = []
        for await (const change of (await space(where, 'jobs')).watch([String, Number], { from: start })) {
          told.push(change)
          if (told.length === expected.length) break
        }
        expect(told).toEqual(expected)
        expect(told.length).toBeGreaterThan(10)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

/** What was seen of changes, of which many more were made after the log was trimmed for the first time. */
async function watchedUntilTrimmed(folder: string): Promise<readonly Seen[]> {
  await using owner = await open(folder, { sizes: SIZES })
  const jobs = await space(owner, 'jobs')
  const live: Seen[] = []
  const stop = new AbortController()
  const watching = (async () => {
    for await (const change of jobs.watch([String, Number], { signal: stop.signal })) live.push(change)
  })().catch(() => undefined)
  let count = 0
  const go = async (times: number) => {
    for (let i = 0; i < times; i++) {
      await jobs.out(['some text that fills the log', count])
      count += 1
      if (count % 4 === 0) await jobs.in([any, any], { hold: { leaseMs: 600_000 } })
      if (count % 7 === 0) await jobs.inp([any, any])
    }
  }
  do await go(20)
  while ((await beginningOf(jobs)) === 1)
  await go(30)
  // Snapshots are taken beside the site: one more may come, and trim what has just been put.
  const end = owner.position
  await jobs.out(['the last one', count])
  await expect.poll(() => live.some(({ position }) => position > end)).toBe(true)
  stop.abort()
  await watching
  return live
}

/** The first position that can be watched. */
async function beginningOf(jobs: Space): Promise<number> {
  const changes = jobs.watch([String, Number], { from: 1 })
  const error = await changes.next().catch((thrown: unknown) => thrown)
  await changes.return()
  return PerdureError.is(error, 'PERDURE_E_TRIMMED') ? (error.data.first as number) : 1
}
