/** When blobs that nobody refers to any more are removed, and when not. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { encode } from '../../src/log/codec/codec.ts'
import { BlobShelf } from '../../src/log/engines/blob-shelf.ts'
import { findBlobs } from '../../src/log/snapshots/shadow.ts'
import { space } from '../../src/mechanisms/space/space.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { clockAhead } from './clock-ahead.ts'
import { seeded } from './seeded.ts'
import { openStored, type StoredSite } from './stored-site.ts'

/** Longer than anybody takes to come back. */
const LONG_MS = 3_600_000

function blob(n: number): Uint8Array {
  return new Uint8Array(1_000).fill(n)
}

function nameOf(n: number): string {
  return createHash('sha256').update(blob(n)).digest('hex')
}

function blobsOn(disk: FaultyDisk): number[] {
  const names = disk.names.filter((name) => name.startsWith('blobs/'))
  return [1, 2, 3, 4].filter((n) => names.includes(`blobs/${nameOf(n)}`))
}

/** A snapshot, of something new. */
async function snapshot(site: StoredSite): Promise<void> {
  const ticks = await space(site.site, 'ticks')
  await ticks.out(['tick'])
  await site.keeper.take()
  expect(site.warnings).toEqual([])
}

test('a blob goes when neither of the two snapshots nor any entry after them refers to it, and not before', async () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(1) })
  const clock = clockAhead()
  const site = await openStored(disk.start(2048), { clock })
  clock.aheadMs = LONG_MS
  const jobs = await space(site.site, 'jobs')
  for (const n of [1, 2]) {
    await site.log.blobs.put(blob(n))
    await jobs.out(['result', n, nameOf(n)])
  }
  await site.log.blobs.put(blob(3))
  for (let round = 0; round < 4; round += 1) await snapshot(site)
  expect(blobsOn(disk), 'referred to by the state, or stored and not yet referred to').toEqual([1, 2, 3])
  await jobs.in(['result', 2, String])
  await snapshot(site)
  expect(blobsOn(disk), 'the older snapshot still has the reference').toEqual([1, 2, 3])
  await snapshot(site)
  expect(blobsOn(disk), 'nothing that is kept refers to the second').toEqual([1, 3])
  await jobs.out(['result', 3, nameOf(3)])
  await snapshot(site)
  await site.site.close()

  const again = await openStored(disk.start(2048), { clock })
  await snapshot(again)
  await snapshot(again)
  expect(blobsOn(disk), 'clients of before may come back and refer to what they had stored').toEqual([1, 3])
  clock.aheadMs += LONG_MS
  await again.log.blobs.put(blob(4))
  await snapshot(again)
  expect(blobsOn(disk)).toEqual([1, 3, 4])
  await again.site.close()

  const last = await openStored(disk.start(2048), { clock })
  clock.aheadMs += LONG_MS
  await snapshot(last)
  expect(blobsOn(disk), 'whoever stored the fourth has ended without referring to it').toEqual([1, 3])
  expect(Buffer.from(await last.log.blobs.get(nameOf(1))).equals(blob(1))).toBe(true)
  await last.site.close()
})

test('a blob that is stored again while nothing refers to it stays', async () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(2) })
  const clock = clockAhead()
  const first = await openStored(disk.start(2048), { clock })
  await first.log.blobs.put(blob(1))
  await first.site.close()
  const site = await openStored(disk.start(2048), { clock })
  clock.aheadMs = LONG_MS
  await site.log.blobs.put(blob(1))
  for (let round = 0; round < 4; round += 1) await snapshot(site)
  expect(blobsOn(disk)).toEqual([1])
  expect(Buffer.from(await site.log.blobs.get(nameOf(1))).equals(blob(1))).toBe(true)
  await site.site.close()
})

test('a pin goes only when its reference was seen twice: the first may be an older one', () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(3) })
  const process = disk.start()
  const name = nameOf(1)
  process.disk.create(`blobs/${name}`, blob(1))
  const shelf = new BlobShelf(process.disk, 'blobs')
  const sweep = (...used: string[]) => [...shelf.sweep(new Set(used))]
  shelf.pin(name)
  expect(sweep(name)).toEqual([])
  expect(sweep()).toEqual([])
  expect(sweep(name)).toEqual([])
  expect(sweep(), 'seen again, a sweep later: now it is known to the log').toEqual([name])
})

test('references are found wherever they are in what was encoded', () => {
  const names = [1, 2, 3].map(nameOf)
  const inner = encode([names[2], 'x'.repeat(64), `${'0'.repeat(63)}g`])
  const bytes = encode({ journal: [{ reply: { blob: names[0] } }], deep: new Map([['a', [[names[1]]]]]), inner })
  const found = new Set<string>()
  findBlobs(bytes, found)
  expect([...found].sort()).toEqual([...names].sort())
})
