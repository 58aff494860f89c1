import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { PerdureError } from '../../src/errors.ts'
import { type DiskLog, openDisk } from '../../src/log/engines/disk.ts'
import type { Log } from '../../src/log/log.ts'
import { type DiskCall, FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from './seeded.ts'

/** Small enough that every script below makes several segments. */
const SEGMENT = 2048

/** Enough for 512 of these records: the default is room for the largest there may be, which every start would have to clear. */
const COMMIT_BYTES = 65_536

/** Its length and content say which record it is. */
function record(index: number): Uint8Array {
  return new Uint8Array(10 + (index % 50)).fill(index % 256)
}

async function contentOf(log: Log, from = 1): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for await (const { index, bytes } of log.read(from)) {
    if (index !== from + records.length) throw new Error(`record ${index} came in the place of ${from + records.length}`)
    records.push(new Uint8Array(bytes))
  }
  return records
}

/** For long logs, where the runner's own comparison takes most of the time. */
function expectRecords(content: readonly Uint8Array[], what: string): void {
  const wrong = content.findIndex((bytes, at) => !Buffer.from(record(at + 1)).equals(bytes))
  expect(wrong, `${what}: place of the first wrong record`).toBe(-1)
}

function records(from: number, to: number): Uint8Array[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => record(from + at))
}

function segmentsOf(disk: FaultyDisk): string[] {
  return disk.names.filter((name) => name.endsWith('.seg'))
}

/** Appends so that commits hold one to five records; returns when all are durable. */
async function appendUntil(log: Log, last: number, promised: (index: number) => void): Promise<void> {
  while (log.lastIndex < last) {
    const together = 1 + (log.lastIndex % 5)
    for (let count = 0; count < together && log.lastIndex < last; count += 1) log.append(record(log.lastIndex + 1))
    await log.durable(log.lastIndex)
    promised(log.lastIndex)
  }
}

/** 100 records in two processes, the first of which dies; returns the last index that was promised to be durable. */
async function script(disk: FaultyDisk): Promise<number> {
  let promised = 0
  const note = (index: number) => {
    promised = index
  }
  const processes = [disk.start(SEGMENT), disk.start(SEGMENT)] as const
  try {
    await appendUntil(await openDisk(processes[0]), 50, note)
    processes[0].kill()
    const log = await openDisk(processes[1])
    await appendUntil(log, 100, note)
    await log.close()
  } catch (error) {
    if (!PerdureError.is(error, 'PERDURE_E_LOG_FAILED') && !PerdureError.is(error, 'PERDURE_E_FOLDER')) throw error
  } finally {
    for (const process of processes) process.kill()
  }
  return promised
}

async function verify(disk: FaultyDisk, promised: number, what: string): Promise<void> {
  const log = await openDisk(disk.start(SEGMENT))
  const content = await contentOf(log)
  expect(content.length, what).toBeGreaterThanOrEqual(promised)
  expectRecords(content, what)
  await appendUntil(log, content.length + 7, () => undefined)
  await log.close()
  disk.crash()
  const again = await openDisk(disk.start(SEGMENT))
  const grown = await contentOf(again)
  expect(grown.length, what).toBe(content.length + 7)
  expectRecords(grown, what)
  await again.close()
}

describe('one failing call of the system', () => {
  const callsOf = async () => {
    const disk = new FaultyDisk({ clock: systemClock, random: seeded(1) })
    expect(await script(disk)).toBe(100)
    return disk.calls
  }

  for (const code of ['EIO', 'ENOSPC']) {
    for (const then of ['the process ends', 'the power goes'] as const) {
      test(`wherever it fails with ${code}, nothing promised is lost when ${then}`, async () => {
        const calls = await callsOf()
        expect(calls).toBeGreaterThan(90)
        let failures = 0
        for (let n = 1; n <= calls; n += 1) {
          const met: DiskCall[] = []
          const fault = (call: DiskCall) => {
            if (call.number !== n) return undefined
            met.push(call)
            return code
          }
          const disk = new FaultyDisk({ clock: systemClock, random: seeded(n), commitBytes: COMMIT_BYTES, fault })
          const promised = await script(disk)
          failures += promised < 100 ? 1 : 0
          if (then === 'the power goes') disk.crash()
          await verify(disk, promised, `call ${n}: ${met[0]?.kind} ${met[0]?.name}`)
        }
        expect(failures).toBeGreaterThan(80)
      })
    }
  }
})

/** The same turns for the same seed: the system's clock lets other input through at every so manieth hop. */
const evenClock: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  hop: (turn) => void setImmediate(turn),
  after: (delayMs, fire) => systemClock.after(delayMs, fire),
  background: (delayMs, fire) => systemClock.background(delayMs, fire),
  randomId: () => systemClock.randomId(),
}

/** A whole life of a log from a seed: appends, kills, power cuts, slow and failing commits, at any turn. */
async function life(seed: number): Promise<{ cuts: number; failures: number; records: number }> {
  const random = seeded(seed)
  const pick = (below: number) => Math.floor(random() * below)
  let faulty = false
  const fault = () => (faulty && random() < 0.02 ? (random() < 0.5 ? 'EIO' : 'ENOSPC') : undefined)
  const disk = new FaultyDisk({ clock: evenClock, random, commitBytes: COMMIT_BYTES, fault })
  const counts = { cuts: 0, failures: 0, records: 0 }
  let promised = 0
  for (let round = 0; round < 8; round += 1) {
    const process = disk.start(SEGMENT)
    faulty = false
    if (random() < 0.3) {
      await crashWhileOpening(disk, pick(4))
      continue
    }
    let log: DiskLog
    try {
      log = await openDisk(process)
      const content = await contentOf(log)
      expect(content.length).toBeGreaterThanOrEqual(promised)
      expectRecords(content, 'after opening')
      counts.records = content.length
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}: ${String(error)}`, { cause: error })
    }
    promised = log.durableIndex
    log.watch({
      advanced: (index) => {
        promised = index
      },
      failed: () => {
        counts.failures += 1
      },
    })
    faulty = random() < 0.3
    try {
      for (let turn = pick(60); turn > 0; turn -= 1) {
        for (let count = pick(8); count > 0; count -= 1) log.append(record(log.lastIndex + 1))
        for (let hops = pick(6); hops > 0; hops -= 1) await new Promise<void>((hop) => evenClock.hop(hop))
      }
      if (random() < 0.2) await log.close()
    } catch (error) {
      if (!PerdureError.is(error, 'PERDURE_E_LOG_FAILED')) throw error
    }
    process.kill()
    if (random() < 0.6) {
      disk.crash()
      counts.cuts += 1
    }
  }
  return counts
}

async function crashWhileOpening(disk: FaultyDisk, hops: number): Promise<void> {
  openDisk(disk.start(SEGMENT)).catch((error: unknown) => expect(error).toMatchObject({ code: 'PERDURE_E_FOLDER' }))
  for (let hop = 0; hop < hops; hop += 1) await new Promise<void>((done) => evenClock.hop(done))
  disk.crash()
}

test('150 lives of crashes and failures: what was promised is there, the rest only as a prefix', async () => {
  const sum = { cuts: 0, failures: 0, records: 0 }
  for (let seed = 1; seed <= 150; seed += 1) {
    const counts = await life(seed)
    sum.cuts += counts.cuts
    sum.failures += counts.failures
    sum.records += counts.records
  }
  expect(sum.cuts).toBeGreaterThan(500)
  expect(sum.failures).toBeGreaterThan(100)
  expect(sum.records).toBeGreaterThan(20_000)
})

test('a sync that failed and then pretends to succeed loses nothing that a later open promised', async () => {
  let fails = false
  const disk = new FaultyDisk({
    clock: systemClock,
    random: seeded(3),
    fault: ({ kind }) => (fails && kind === 'sync' ? 'EIO' : undefined),
  })
  const first = await openDisk(disk.start())
  await appendUntil(first, 5, () => undefined)
  fails = true
  first.append(record(6))
  await expect(first.durable(6)).rejects.toMatchObject({ code: 'PERDURE_E_LOG_FAILED', data: { code: 'EIO' } })
  fails = false
  await first.close()
  const second = await openDisk(disk.start())
  expect(await contentOf(second), 'the page is still in memory').toEqual(records(1, 6))
  await second.durable(6)
  disk.crash()
  const third = await openDisk(disk.start())
  expect(await contentOf(third)).toEqual(records(1, 6))
})

test('a full disk says so, and what to do', async () => {
  let full = false
  const fault = ({ kind }: DiskCall) => (full && kind === 'write' ? 'ENOSPC' : undefined)
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(3), fault })
  const log = await openDisk(disk.start())
  full = true
  log.append(record(1))
  const failure = { code: 'PERDURE_E_LOG_FAILED', message: expect.stringMatching(/disk full.*open the folder again/s) }
  await expect(log.durable(1)).rejects.toMatchObject(failure)
  await expect(log.blobs.put(record(1))).rejects.toMatchObject(failure)
})

test('segments are followed by others when full, and unlinked when all of them is trimmed', async () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(3) })
  const log = await openDisk(disk.start(SEGMENT))
  await appendUntil(log, 200, () => undefined)
  const before = segmentsOf(disk)
  expect(before.length).toBeGreaterThan(4)
  const firstKept = Number((before[2] as string).slice(-20, -4))
  await log.trim(firstKept + 1)
  expect(segmentsOf(disk)).toEqual(before.slice(2))
  await expect(contentOf(log)).rejects.toMatchObject({ code: 'PERDURE_E_TRIMMED', data: { asked: 1, first: firstKept } })
  expect(await contentOf(log, firstKept)).toEqual(records(firstKept, 200))
  await log.trim(Number.MAX_SAFE_INTEGER)
  expect(segmentsOf(disk), 'the newest is never trimmed').toEqual(before.slice(-1))
  await log.close()
  disk.crash()
  const again = await openDisk(disk.start(SEGMENT))
  expect(again.lastIndex).toBe(200)
  await again.close()
})

test('a crash in the middle of trimming leaves a log without gaps', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = seeded(seed)
    let left = Number.POSITIVE_INFINITY
    const fault = () => (left-- <= 0 ? 'EIO' : undefined)
    const disk = new FaultyDisk({ clock: systemClock, random, commitBytes: COMMIT_BYTES, fault })
    const log = await openDisk(disk.start(SEGMENT))
    await appendUntil(log, 150, () => undefined)
    left = Math.floor(random() * 8)
    await log.trim(120).catch((error: unknown) => expect(error).toMatchObject({ code: 'EIO' }))
    left = Number.POSITIVE_INFINITY
    log.append(record(151))
    await log.durable(151)
    disk.crash()
    const again = await openDisk(disk.start(SEGMENT))
    const first = Number((segmentsOf(disk)[0] as string).slice(-20, -4))
    expect(first).toBeLessThanOrEqual(120)
    expect(await contentOf(again, first)).toEqual(records(first, 151))
    await again.close()
  }
})

test('opening again and again leaves no pile of empty files', async () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(3) })
  for (let round = 1; round <= 10; round += 1) {
    const log = await openDisk(disk.start())
    if (round === 3) await appendUntil(log, 2, () => undefined)
    expect(log.generation).toBe(round)
    await log.close()
  }
  expect(segmentsOf(disk)).toHaveLength(2)
  expect(disk.names.filter((name) => name.startsWith('gen-'))).toEqual(['gen-10', 'gen-9'])
})

test('a lagging live reader goes back to the disk and misses nothing', async () => {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(3) })
  const log = await openDisk(disk.start(SEGMENT))
  const seen: number[] = []
  const stop = new AbortController()
  const reading = (async () => {
    for await (const { index, bytes } of log.read(1, { live: true, signal: stop.signal })) {
      expect(new Uint8Array(bytes)).toEqual(record(index))
      seen.push(index)
      if (index % 13 === 0) await log.durable(Math.min(200, log.lastIndex))
      if (index === 200) stop.abort()
    }
  })()
  await appendUntil(log, 200, () => undefined)
  await reading
  expect(seen).toEqual(Array.from({ length: 200 }, (_, at) => at + 1))
  await log.close()
})

test('a large segment is read from anywhere, by the process that wrote it and by the next', async () => {
  const large = (index: number) => new Uint8Array(20_000 + (index % 7)).fill(index % 256)
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(3) })
  const expectFromAnywhere = async (log: Log) => {
    for (let from = 1; from <= 300; from += 7) {
      let next = from
      for await (const { index, bytes } of log.read(from)) {
        if (index !== next || !Buffer.from(large(index)).equals(bytes)) expect.fail(`record ${next}, read from ${from}`)
        next += 1
        if (next > from + 60) break
      }
      expect(next).toBe(Math.min(from + 61, 301))
    }
  }
  const first = await openDisk(disk.start())
  while (first.lastIndex < 300) await first.durable(first.append(large(first.lastIndex + 1)))
  await expectFromAnywhere(first)
  await first.close()
  const second = await openDisk(disk.start())
  for await (const { index } of second.read(1)) expect(index).toBeGreaterThan(0)
  await expectFromAnywhere(second)
  await second.close()
})

test('any mixture of appends, waits and reads agrees with an array', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), bytes: fc.uint8Array({ maxLength: 400 }) }),
    fc.record({ kind: fc.constant('durable' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant('read' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant('reopen' as const) }),
  )
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const disk = new FaultyDisk({ clock: systemClock, random: seeded(5), commitBytes: COMMIT_BYTES })
    const model: Uint8Array[] = []
    let log = await openDisk(disk.start(600))
    for (const each of steps) {
      if (each.kind === 'append') expect(log.append(each.bytes)).toBe(model.push(each.bytes))
      if (each.kind === 'durable') await log.durable(Math.floor(each.part * model.length))
      if (each.kind === 'read') {
        const from = 1 + Math.floor(each.part * model.length)
        expect(await contentOf(log, from)).toEqual(model.slice(from - 1))
      }
      if (each.kind === 'reopen') {
        await log.close()
        log = await openDisk(disk.start(600))
      }
      expect(log.lastIndex).toBe(model.length)
    }
    await log.close()
  })
  await fc.assert(property, { numRuns: 60 })
})
