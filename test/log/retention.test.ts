/** What is over leaves nothing behind: neither in the state, nor in the next snapshots, nor beside the log. */
import { resilient } from 'perdure'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { host, start } from '../../src/mechanisms/process/process.ts'
import { space } from '../../src/mechanisms/space/space.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { clockAhead } from './clock-ahead.ts'
import { seeded } from './seeded.ts'
import { openStored, type StoredSite, stateOf } from './stored-site.ts'

/** Longer than anybody takes to come back for what he had stored. */
const LONG_MS = 3_600_000

const RUNS = 40

/** Larger than a value may be: a blob. */
const LARGE = 200_000

const large = resilient('large', async (p, n: number) => {
  const text = await p.step('make', () => String(n).repeat(LARGE / String(n).length))
  await p.space('jobs').out(['made', n])
  return `${text} and more`
})

function blobsOn(disk: FaultyDisk): number {
  return disk.names.filter((name) => name.startsWith('blobs/')).length
}

/** So many runs with a large step and a large result, until they are over and forgotten. */
async function runAndForget(stored: StoredSite, round: number): Promise<void> {
  const { site, gateway } = stored
  const handles = await Promise.all(
    Array.from({ length: RUNS }, (_, n) => start(site, large, `run-${round}-${n}`, [n], { retainMs: 1 })),
  )
  const results = await Promise.all(handles.map((handle) => handle.result()))
  expect(results[7]).toBe(`${'7'.repeat(LARGE)} and more`)
  const jobs = await space(site, 'jobs')
  for (let n = 0; n < RUNS; n += 1) await jobs.in(['made', n])
  await expect.poll(() => gateway.replica.census()['process.runs']).toBe(0)
}

test('runs that were forgotten leave nothing in the state, and their blobs go with the snapshots', async () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(1) })
  const clock = clockAhead()
  const stored = await openStored(disk.start(), { clock })
  const node = await host(stored.site, 'here', [large])
  const sizes: number[] = []
  for (let round = 0; round < 4; round += 1) {
    await runAndForget(stored, round)
    sizes.push(stateOf(stored.gateway.replica).length)
  }
  expect(blobsOn(disk)).toBeGreaterThan(RUNS)
  expect(Math.max(...sizes) - Math.min(...sizes), `the state has ${sizes} bytes after each round`).toBeLessThan(200)
  await node.close()
  await stored.site.close()

  const again = await openStored(disk.start(), { clock })
  clock.aheadMs = LONG_MS
  const ticks = await space(again.site, 'ticks')
  for (let round = 0; round < 3; round += 1) {
    await ticks.out(['tick', round])
    await again.keeper.take()
  }
  expect(again.warnings).toEqual([])
  expect(blobsOn(disk)).toBe(0)
  expect(again.log.snapshots.kept[0]?.bytes).toBeLessThan(5_000)
  await again.site.close()
})
