import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { type DiskLog, openDisk } from '../../src/log/engines/disk.ts'
import { FRAME_HEADER } from '../../src/log/engines/segments.ts'
import type { Log } from '../../src/log/log.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from './seeded.ts'

const SIZE = 12
const FRAME = FRAME_HEADER + SIZE

/** Enough for every record here: room for the largest that there may be would have to be made for each of some thousand opens. */
const COMMIT_BYTES = 16_384

function record(index: number): Uint8Array {
  return new Uint8Array(SIZE).fill(index)
}

function simulated(): FaultyDisk {
  return new FaultyDisk({ clock: systemClock, random: seeded(7), commitBytes: COMMIT_BYTES })
}

/** A log of `count` records whose process dies without closing it; committed one by one or all at once. */
async function written(
  count: number,
  commits: 'one by one' | 'at once',
  from = 1,
): Promise<{ disk: FaultyDisk; segment: string }> {
  const disk = simulated()
  const process = disk.start()
  const log = await openDisk(process)
  for (let index = from; index < from + count; index += 1) {
    log.append(record(index))
    if (commits === 'one by one') await log.durable(index)
  }
  await log.durable(count)
  process.kill()
  return { disk, segment: segmentsOf(disk).at(-1) as string }
}

function segmentsOf(disk: FaultyDisk): string[] {
  return disk.names.filter((name) => name.endsWith('.seg'))
}

async function contentOf(log: Log): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for await (const { bytes } of log.read(1)) records.push(new Uint8Array(bytes))
  return records
}

function records(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => record(at + 1))
}

/** Reads the whole log, as every site does when it opens. */
async function opened(disk: FaultyDisk): Promise<{ log: DiskLog; content: Uint8Array[] }> {
  const log = await openDisk(disk.start())
  return { log, content: await contentOf(log) }
}

function flipped(content: Uint8Array, offset: number, bit: number): Uint8Array {
  const copy = content.slice()
  copy[offset] = (copy[offset] as number) ^ (1 << bit)
  return copy
}

describe('a torn tail', () => {
  test('is cut wherever it is torn, and the log goes on from there', async () => {
    const { disk, segment } = await written(10, 'one by one')
    const whole = disk.contentOf(segment)
    for (let length = whole.length - 3 * FRAME; length <= whole.length; length += 1) {
      const torn = simulated()
      torn.replace(segment, whole.slice(0, length))
      const left = 7 + Math.floor((length - (whole.length - 3 * FRAME)) / FRAME)
      const first = await opened(torn)
      expect(first.content, `${length} bytes`).toEqual(records(left))
      expect(first.log.append(record(left + 1))).toBe(left + 1)
      await first.log.close()
      const second = await opened(torn)
      expect(second.content).toEqual(records(left + 1))
      await second.log.close()
    }
  })

  test('may be zeros or other bytes instead of an end', async () => {
    const { disk, segment } = await written(5, 'one by one')
    for (const rubbish of [
      new Uint8Array(5000),
      new Uint8Array(5000).fill(0xa7),
      disk.contentOf(segment).slice(-FRAME - 9, -9),
    ]) {
      const torn = simulated()
      torn.replace(segment, Buffer.concat([disk.contentOf(segment), rubbish]))
      const { log, content } = await opened(torn)
      expect(content).toEqual(records(5))
      await log.close()
    }
  })

  test('leaves nothing of the segment when not even its header got there', async () => {
    const { disk, segment } = await written(0, 'at once')
    const whole = disk.contentOf(segment)
    for (let length = 0; length < whole.length; length += 1) {
      const torn = simulated()
      torn.replace(segment, whole.slice(0, length))
      const { log, content } = await opened(torn)
      expect(content).toEqual([])
      expect(log.append(record(1))).toBe(1)
      await log.close()
      expect((await opened(torn)).content).toEqual(records(1))
    }
  })

  test('is still a torn tail when the power goes again while it is being cut', async () => {
    const { disk, segment } = await written(10, 'one by one')
    const whole = disk.contentOf(segment)
    let reached = 0
    for (let seed = 1; seed <= 200; seed += 1) {
      const torn = new FaultyDisk({ clock: systemClock, random: seeded(seed), commitBytes: COMMIT_BYTES })
      torn.replace(segment, whole.slice(0, -5))
      openDisk(torn.start()).catch(() => undefined)
      while (torn.names.every((name) => !name.startsWith('log-00000002'))) await new Promise<void>((hop) => systemClock.hop(hop))
      torn.crash()
      reached += torn.names.some((name) => name.startsWith('log-00000002')) ? 1 : 0
      const { log, content } = await opened(torn)
      expect(content, `seed ${seed}`).toEqual(records(9))
      await log.close()
    }
    expect(reached).toBeGreaterThan(20)
  })

  test('that holds copies of frames is still a torn tail', async () => {
    const foreign = await written(9, 'one by one')
    const { disk, segment } = await written(5, 'one by one')
    const frames = foreign.disk.contentOf(foreign.segment).slice(-3 * FRAME)
    const own = disk.contentOf(segment).slice(-2 * FRAME)
    const process = disk.start()
    const log = await openDisk(process)
    log.append(Buffer.concat([frames, own, new Uint8Array(100)]))
    await log.durable(6)
    process.kill()
    const newest = segmentsOf(disk).at(-1) as string
    disk.replace(newest, disk.contentOf(newest).slice(0, -1))
    const again = await opened(disk)
    expect(again.content).toEqual(records(5))
  })
})

describe('damage', () => {
  test('anywhere in a record that was durable stops the open with its place', async () => {
    const { disk, segment } = await written(6, 'one by one')
    const whole = disk.contentOf(segment)
    const start = whole.length - 6 * FRAME
    for (let offset = 0; offset < whole.length - FRAME; offset += 1) {
      const damaged = simulated()
      damaged.replace(segment, flipped(whole, offset, offset % 8))
      const index = offset < start ? 1 : 1 + Math.floor((offset - start) / FRAME)
      await expect(opened(damaged), `offset ${offset}`).rejects.toMatchObject({
        code: 'PERDURE_E_CORRUPT',
        data: { index, file: segment },
        message: expect.stringContaining(segment),
      })
      expect(Buffer.compare(damaged.contentOf(segment), flipped(whole, offset, offset % 8))).toBe(0)
    }
  })

  test('inside the very last commit cannot be told from a tear, and cuts it', async () => {
    const { disk, segment } = await written(6, 'at once')
    const whole = disk.contentOf(segment)
    for (let bit = 0; bit < 8; bit += 1) {
      const damaged = simulated()
      damaged.replace(segment, flipped(whole, whole.length - 3 * FRAME + FRAME_HEADER, bit))
      const { log, content } = await opened(damaged)
      expect(content).toEqual(records(3))
      await log.close()
    }
  })

  test('inside the very last commit is known after a proper close', async () => {
    const disk = simulated()
    const log = await openDisk(disk.start())
    for (let index = 1; index <= 6; index += 1) log.append(record(index))
    await log.close()
    const segment = segmentsOf(disk)[0] as string
    disk.flip(segment, disk.contentOf(segment).length - 1, 0)
    const failure = { code: 'PERDURE_E_CORRUPT', data: { index: 6, file: segment } }
    await expect(opened(disk)).rejects.toMatchObject(failure)
    await expect(opened(disk), 'and still known at the next attempt').rejects.toMatchObject(failure)
  })

  test('in an older segment is found when it is read', async () => {
    const { disk, segment } = await written(6, 'one by one')
    await (await opened(disk)).log.close()
    disk.flip(segment, disk.contentOf(segment).length - 1, 3)
    await expect(opened(disk)).rejects.toMatchObject({ code: 'PERDURE_E_CORRUPT', data: { index: 6, file: segment } })
  })

  test('is what a missing segment, a foreign one and a renamed one are', async () => {
    const disk = simulated()
    for (let round = 0; round < 3; round += 1) {
      const log = await openDisk(disk.start())
      log.append(record(round + 1))
      await log.close()
    }
    const [first, second, third] = segmentsOf(disk) as [string, string, string]
    const without = simulated()
    for (const name of [first, third]) without.replace(name, disk.contentOf(name))
    await expect(opened(without)).rejects.toMatchObject({ code: 'PERDURE_E_CORRUPT', data: { index: 2 } })

    const other = await written(2, 'at once')
    const mixed = simulated()
    for (const name of [first, third]) mixed.replace(name, disk.contentOf(name))
    mixed.replace(second, other.disk.contentOf(other.segment))
    await expect(opened(mixed)).rejects.toMatchObject({ code: 'PERDURE_E_CORRUPT', data: { file: second } })

    const foreign = simulated()
    foreign.replace(other.segment, other.disk.contentOf(other.segment))
    foreign.replace(third, disk.contentOf(third))
    await expect(opened(foreign)).rejects.toMatchObject({
      code: 'PERDURE_E_CORRUPT',
      message: expect.stringContaining('another log'),
    })
  })

  test('is a log that ends before the place where it was closed', async () => {
    const disk = simulated()
    const log = await openDisk(disk.start())
    for (let index = 1; index <= 3; index += 1) log.append(record(index))
    await log.close()
    const segment = segmentsOf(disk)[0] as string
    disk.replace(segment, disk.contentOf(segment).slice(0, -FRAME))
    await expect(opened(disk)).rejects.toMatchObject({ code: 'PERDURE_E_CORRUPT', data: { index: 3 } })
  })
})

test('a newer format is refused with what was found and what is known, and changes nothing', async () => {
  const { disk, segment } = await written(3, 'one by one')
  const bytes = Buffer.from(disk.contentOf(segment))
  bytes.writeUInt32LE(2, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(8, 16 + bytes.readUInt32LE(12))), 4)
  disk.replace(segment, bytes)
  await expect(opened(disk)).rejects.toMatchObject({ code: 'PERDURE_E_FORMAT', data: { file: segment, found: 2, known: 1 } })
  expect(segmentsOf(disk)).toEqual([segment])
  expect(Buffer.from(disk.contentOf(segment))).toEqual(bytes)
})
