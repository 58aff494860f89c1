/** A log of the first format, kept as it was written: it must open for ever. */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openDisk } from '../../src/log/engines/disk.ts'
import { openFolder } from '../../src/log/engines/folder.ts'
import type { Log } from '../../src/log/log.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from './seeded.ts'

const FIXTURE = fileURLToPath(new URL('../fixtures/log-v1', import.meta.url))
const BLOB = 'a blob of the first format'

async function expectFixture(log: Log): Promise<void> {
  const read: string[] = []
  for await (const { bytes } of log.read(1)) read.push(Buffer.from(bytes).toString())
  expect(read).toEqual(Array.from({ length: 16 }, (_, at) => `record ${at + 1} `.repeat(at + 1)))
}

test('a folder of format 1 opens, is whole, and goes on', async () => {
  const place = await mkdtemp(join(tmpdir(), 'perdure-test-'))
  try {
    await cp(FIXTURE, place, { recursive: true })
    const log = await openFolder(place, systemClock)
    expect(log.id).toBe('e1c07f33b12e4bc9a65bc95eb5124c6a')
    expect(log.generation).toBe(3)
    await expectFixture(log)
    const [hash] = await readdir(join(FIXTURE, 'blobs'))
    expect(Buffer.from(await log.blobs.get(hash as string)).toString()).toBe(BLOB)
    expect(log.append(new Uint8Array(1))).toBe(17)
    await log.close()
  } finally {
    await rm(place, { recursive: true })
  }
})

test('a folder of format 1 whose owner died in the middle of a commit opens too', async () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(1) })
  const names = (await readdir(FIXTURE)).filter((name) => name.endsWith('.seg'))
  for (const name of names) {
    const content = await readFile(join(FIXTURE, name))
    disk.replace(name, name === names.at(-1) ? Buffer.concat([content, content.subarray(-100, -3)]) : content)
  }
  const log = await openDisk(disk.start())
  expect(log.lastIndex).toBe(16)
  await expectFixture(log)
})
