/** Snapshots, trimming and what becomes of them: a whole site over a disk that crashes, lies and rots. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { PerdureError } from '../../src/errors.ts'
import { applyRecord, restoreBefore } from '../../src/log/replay.ts'
import type { Replica } from '../../src/log/replica.ts'
import type { TakeShadow } from '../../src/log/snapshots/keeper.ts'
import { decodePart, SnapshotReader, writeSnapshot } from '../../src/log/snapshots/snapshot.ts'
import { space } from '../../src/mechanisms/space/space.ts'
import { composeReplica } from '../../src/node/compose.ts'
import { type DiskCall, FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from './seeded.ts'
import { openStored, type StoredSite, stateOf } from './stored-site.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Small enough that every script here makes many segments. */
const SEGMENT = 2048
const GROWN = 3 * SEGMENT

/** Enough for what is committed here: the default is room for the largest record, which every start would have to clear. */
const COMMIT_BYTES = 65_536

function diskOf(seed: number, fault?: (call: DiskCall) => string | undefined): FaultyDisk {
  return new FaultyDisk({ clock: systemClock, random: seeded(seed), commitBytes: COMMIT_BYTES, ...(fault && { fault }) })
}

/** Puts tuples numbered `from` to `to`, and takes every other one again. */
async function work({ site }: StoredSite, from: number, to: number): Promise<void> {
  const jobs = await space(site, 'jobs')
  for (let n = from; n <= to; n += 1) {
    await jobs.out(['job', n, 'x'.repeat(n % 40)])
    if (n % 2 === 0) await jobs.in(['job', n, String])
  }
}

async function jobsIn({ site }: StoredSite): Promise<number[]> {
  const jobs = await space(site, 'jobs')
  const numbers = Array.from({ length: 400 }, (_, at) => at + 1)
  const there = await Promise.all(numbers.map((n) => jobs.rdp(['job', n, String])))
  return numbers.filter((_, at) => there[at] !== null)
}

function odd(to: number): number[] {
  return Array.from({ length: Math.ceil(to / 2) }, (_, at) => 2 * at + 1)
}

function snapshotsOn(disk: FaultyDisk): string[] {
  return disk.names.filter((name) => name.startsWith('snap-'))
}

function indexOf(snapshot: string): number {
  return Number(snapshot.slice(-16))
}

test('the log is bounded by what has grown since the older of two snapshots, and the site opens from the newest', async () => {
  const disk = diskOf(1)
  const first = await openStored(disk.start(SEGMENT), { grownBytes: GROWN })
  await work(first, 1, 300)
  const [older, newest] = snapshotsOn(disk).map(indexOf) as [number, number]
  expect(snapshotsOn(disk)).toHaveLength(2)
  expect(first.log.firstIndex).toBeGreaterThan(1)
  expect(first.log.firstIndex).toBeLessThanOrEqual(older + 1)
  expect(newest).toBeGreaterThan(older)
  const state = stateOf(first.gateway.replica)
  first.log.close().catch(() => undefined)
  disk.crash()

  const read: number[] = []
  const process = disk.start(SEGMENT)
  const reading = { ...process.disk, read: (...call: Parameters<typeof process.disk.read>) => process.disk.read(...call) }
  reading.read = (name, offset, into) => {
    if (name.endsWith('.seg')) read.push(Number(name.slice(-20, -4)))
    return process.disk.read(name, offset, into)
  }
  const second = await openStored({ ...process, disk: reading })
  expect(second.warnings).toEqual([])
  expect(await jobsIn(second)).toEqual(odd(300))
  expect(stateOf(second.gateway.replica).length).toBeGreaterThan(state.length / 2)
  await second.site.close()
})

test('whatever happened before and after a snapshot, the state is the one that the whole log gives', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seeded(seed)
    const disk = diskOf(seed)
    const whole = composeReplica()
    let site = await openStored(disk.start(SEGMENT))
    let snapshots = 0
    let seen = 0
    let n = 1
    for (let round = 0; round < 8; round += 1) {
      const until = n + Math.floor(random() * 12)
      await work(site, n, until)
      n = until + 1
      seen = await follow(site, whole, seen)
      if (random() < 0.7) await site.keeper.take()
      snapshots = Math.max(snapshots, site.log.snapshots.kept.length)
      if (random() < 0.4) continue
      if (random() < 0.5) await site.site.close()
      else disk.crash()
      site = await openStored(disk.start(SEGMENT))
      expect(site.warnings).toEqual([])
    }
    await follow(site, whole, seen)
    expect(snapshots).toBeGreaterThan(0)
    expect(stateOf(site.gateway.replica), `seed ${seed}`).toBe(stateOf(whole))
    await site.site.close()
  }
})

/** Applies what the log has beyond `seen` to a replica that has read all of it, and returns the last index. */
async function follow({ gateway, log }: StoredSite, whole: Replica, seen: number): Promise<number> {
  const { index } = gateway.mark()
  await log.durable(index)
  for await (const record of log.read(seen + 1)) applyRecord(whole, record)
  return index
}

test('a damaged newest snapshot is passed over for the older one, which is said, and nothing is lost', async () => {
  for (const damage of ['flipped', 'empty', 'of another log'] as const) {
    const disk = diskOf(2)
    const first = await openStored(disk.start(SEGMENT), { grownBytes: GROWN })
    await work(first, 1, 300)
    await first.site.close()
    const newest = snapshotsOn(disk).at(-1) as string
    const content = disk.contentOf(newest)
    if (damage === 'flipped') disk.flip(newest, content.length - 200, 3)
    else if (damage === 'empty') disk.replace(newest, new Uint8Array(0))
    else disk.replace(newest, await strangeSnapshot())
    const second = await openStored(disk.start(SEGMENT), { grownBytes: GROWN })
    expect(second.warnings).toHaveLength(1)
    expect(second.warnings[0]).toContain(newest)
    expect(await jobsIn(second)).toEqual(odd(300))
    await second.keeper.take()
    expect(second.warnings, 'the shadow does not use it either').toHaveLength(2)
    expect(snapshotsOn(disk), 'and it is gone').not.toContain(newest)
    expect(snapshotsOn(disk)).toHaveLength(2)
    await second.site.close()
    const third = await openStored(disk.start(SEGMENT))
    expect(third.warnings).toEqual([])
    expect(await jobsIn(third)).toEqual(odd(300))
    await third.site.close()
  }
})

async function strangeSnapshot(): Promise<Uint8Array> {
  const other = diskOf(99)
  const site = await openStored(other.start(SEGMENT), { grownBytes: GROWN })
  await work(site, 1, 20)
  await site.keeper.take()
  await site.site.close()
  return other.contentOf(snapshotsOn(other).at(-1) as string)
}

test('two damaged snapshots and a trimmed log stop the site with the place, and nothing is changed', async () => {
  const disk = diskOf(3)
  const first = await openStored(disk.start(SEGMENT), { grownBytes: GROWN })
  await work(first, 1, 300)
  await first.site.close()
  const damaged = snapshotsOn(disk)
  for (const name of damaged) disk.flip(name, 300, 1)
  const contents = () =>
    new Map(disk.names.filter((name) => !name.startsWith('gen-')).map((name) => [name, disk.contentOf(name)]))
  const before = contents()
  const error = (await openStored(disk.start(SEGMENT)).catch((cause: unknown) => cause)) as PerdureError
  expect(error).toMatchObject({ code: 'PERDURE_E_CORRUPT', data: { file: expect.stringMatching(/^snap-/) } })
  expect(error.data.offset).toBeTypeOf('number')
  for (const [name, content] of before) expect(Buffer.from(contents().get(name) ?? []).equals(content), name).toBe(true)
  for (const name of damaged) disk.flip(name, 300, 1)
  const mended = await openStored(disk.start(SEGMENT))
  expect(await jobsIn(mended)).toEqual(odd(300))
  await mended.site.close()
})

test('without its snapshots a trimmed log is not taken for a whole one', async () => {
  const disk = diskOf(3)
  const first = await openStored(disk.start(SEGMENT), { grownBytes: GROWN })
  await work(first, 1, 300)
  await first.site.close()
  for (const name of snapshotsOn(disk)) disk.start().disk.unlink(name)
  await expect(openStored(disk.start(SEGMENT))).rejects.toMatchObject({ code: 'PERDURE_E_CORRUPT' })
})

test('a log that ends before its newest snapshot has lost durable records, which is noticed before anything is changed', async () => {
  const disk = diskOf(4)
  const first = await openStored(disk.start())
  await work(first, 1, 20)
  await first.keeper.take()
  const segment = disk.names.filter((name) => name.endsWith('.seg')).at(-1) as string
  disk.crash()
  const content = disk.contentOf(segment)
  disk.replace(segment, content.subarray(0, content.length - 40))
  await expect(openStored(disk.start())).rejects.toMatchObject({ code: 'PERDURE_E_CORRUPT', data: { file: segment } })
  expect(disk.contentOf(segment)).toEqual(content.subarray(0, content.length - 40))
})

test('a snapshot under the index of another record is refused, and so is a state to which the next record does not fit', async () => {
  const disk = diskOf(5)
  const first = await openStored(disk.start())
  await work(first, 1, 20)
  await first.keeper.take()
  await work(first, 21, 30)
  await first.site.close()
  const [name] = snapshotsOn(disk) as [string]
  const index = indexOf(name)
  const content = disk.contentOf(name)
  const renamed = `${name.slice(0, -16)}${String(index + 1).padStart(16, '0')}`
  disk.start().disk.rename(name, renamed)
  const second = await openStored(disk.start())
  expect(second.warnings[0], 'its header says what it is of').toContain(renamed)
  expect(await jobsIn(second)).toEqual(odd(30))
  await second.site.close()
  disk.replace(renamed, offByOne(content))
  await expect(openStored(disk.start())).rejects.toMatchObject({
    code: 'PERDURE_E_CORRUPT',
    data: { expected: expect.any(Number) },
  })
})

/** The same state, whole in every way, said to be that after the next record. */
function offByOne(content: Uint8Array): Uint8Array {
  const reader = new SnapshotReader('x')
  const parts = [...reader.push(content)].map(decodePart)
  const { sha256: _, ...header } = reader.end()
  return Buffer.concat([...writeSnapshot({ ...header, index: header.index + 1 }, parts)])
}

test('an operation that was answered before the snapshot is not applied again after it', async () => {
  const disk = diskOf(6)
  const first = await openStored(disk.start())
  const { gateway } = first
  const submitted: Uint8Array[] = []
  const submit = gateway.submit.bind(gateway)
  gateway.submit = (operation) => {
    submitted.push(operation.slice())
    return submit(operation)
  }
  const jobs = await space(first.site, 'jobs')
  await jobs.out(['job', 1, 'x'])
  const operation = submitted.at(-1) as Uint8Array
  await first.keeper.take()
  const restored = composeReplica()
  expect(await restoreBefore(first.log, restored, systemClock, gateway.replica.position + 1)).toBe(first.log.lastIndex + 1)
  expect(restored.census()['space.tuples in jobs']).toBe(1)
  const said: unknown[][] = []
  restored.sink = { reply: (...reply) => void said.push(reply), note: () => undefined }
  expect(restored.apply(operation, 0, operation.length)).toBe('settled')
  expect(restored.census()['space.tuples in jobs']).toBe(1)
  expect(said, 'its caller is told again what came of it').toHaveLength(1)
  await first.site.close()
})

test('a shadow that fails is a warning; it is tried again when the log has grown further, and nothing else happens', async () => {
  const disk = diskOf(8)
  const attempts: number[] = []
  const shadow = (take: TakeShadow): TakeShadow => {
    return async (place, signal) => {
      attempts.push(place.index)
      if (attempts.length <= 2) throw new Error('The thread has run out of memory.')
      return await take(place, signal)
    }
  }
  const site = await openStored(disk.start(SEGMENT), { grownBytes: GROWN, shadow })
  await work(site, 1, 300)
  expect(site.warnings).toHaveLength(2)
  expect(site.warnings[0]).toContain('run out of memory')
  expect((attempts[1] as number) - (attempts[0] as number), 'not at the next segment').toBeGreaterThan(
    (attempts[0] as number) / 2,
  )
  expect(attempts.length).toBeGreaterThan(2)
  expect(snapshotsOn(disk).length).toBeGreaterThan(0)
  expect(await jobsIn(site)).toEqual(odd(300))
  await site.site.close()
})

test('a live state that is not what the log says stops the site before the snapshot counts', async () => {
  const disk = diskOf(9)
  const shadow = (take: TakeShadow): TakeShadow => {
    return async (place, signal) => {
      const report = await take(place, signal)
      const tuples = report.census['space.tuples in jobs'] as number
      return { ...report, census: { ...report.census, 'space.tuples in jobs': tuples + 1 } }
    }
  }
  const site = await openStored(disk.start(SEGMENT), { shadow })
  await work(site, 1, 30)
  await site.keeper.take()
  await expect(work(site, 31, 32)).rejects.toMatchObject({
    code: 'PERDURE_E_INVARIANT',
    message: expect.stringContaining('space.tuples in jobs: 15 and 16'),
  })
  expect(snapshotsOn(disk)).toEqual([])
  await site.site.close()
  const again = await openStored(disk.start(SEGMENT))
  expect(await jobsIn(again)).toEqual(odd(30))
  await again.site.close()
})

test('closing waits for a snapshot that is overdue: short lives cannot let the log grow for ever', async () => {
  // Time passes only where nothing else is left to do: no snapshot is ready before its life is closed.
  const clock = new VirtualClock()
  const disk = new FaultyDisk({ clock, random: seeded(12), commitBytes: COMMIT_BYTES })
  let taken = 0
  const slow = (take: TakeShadow): TakeShadow => {
    return async (place, signal) => {
      await new Promise<void>((resolve) => clock.after(1_000, resolve))
      signal.throwIfAborted()
      taken += 1
      return take(place, signal)
    }
  }
  const most: number[] = []
  for (let life = 0; life < 12; life += 1) {
    const site = await clock.settle(openStored(disk.start(SEGMENT), { grownBytes: GROWN, clock, shadow: slow }))
    expect(await clock.settle(jobsIn(site))).toEqual(odd(20 * life))
    await clock.settle(work(site, 20 * life + 1, 20 * (life + 1)))
    await clock.settle(site.site.close())
    most.push(disk.names.filter((name) => name.endsWith('.seg')).length)
  }
  expect(taken).toBeGreaterThan(1)
  const [first = 0] = most
  expect(Math.max(...most), `segments after each life: ${most}`).toBeLessThanOrEqual(3 * first)
})

test('closing breaks off a snapshot that is under way', async () => {
  const disk = diskOf(10)
  let begun: (() => void) | undefined
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const shadow = (): TakeShadow => (_place, signal) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      begun?.()
    })
  const site = await openStored(disk.start(SEGMENT), { shadow })
  await work(site, 1, 3)
  const taking = site.keeper.take()
  await hasBegun
  await site.site.close()
  await taking
  expect(site.warnings).toEqual([])
  expect(snapshotsOn(disk)).toEqual([])
})

test('a state of the past is found where the snapshots reach back to, and is said to be gone where not', async () => {
  const disk = diskOf(11)
  const site = await openStored(disk.start(SEGMENT), { grownBytes: GROWN })
  const whole = composeReplica()
  const states = new Map<number, string>()
  let seen = 0
  for (let n = 1; n <= 200; n += 1) {
    await work(site, n, n)
    seen = await follow(site, whole, seen)
    states.set(whole.position, stateOf(whole))
  }
  const { log, gateway } = site
  let restorations = 0
  for (const position of [...states.keys()].filter((_, at) => at % 9 === 0)) {
    const replica = composeReplica()
    const next = await restoreBefore(log, replica, systemClock, position + 1).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'PERDURE_E_TRIMMED', data: { asked: position + 1, first: expect.any(Number) } })
      expect((error as PerdureError).data.first).toBeGreaterThan(position + 1)
      return undefined
    })
    if (next === undefined) continue
    restorations += 1
    for await (const record of log.read(next)) {
      if (replica.position >= position) break
      applyRecord(replica, record)
    }
    expect(replica.position).toBe(position)
    expect(stateOf(replica)).toBe(states.get(position))
  }
  expect(restorations).toBeGreaterThan(2)
  expect(gateway.log.firstIndex).toBeGreaterThan(1)
  await site.site.close()
})

/** The same calls come in the same order for the same seed, up to the one that fails. */
const SCRIPT_SEED = 7

/** Tuples, and three snapshots; notes the last tuple that was promised. */
async function script(disk: FaultyDisk, done: { promised: number }): Promise<void> {
  const site = await openStored(disk.start(SEGMENT))
  for (const part of [1, 2, 3]) {
    for (let n = 25 * (part - 1) + 1; n <= 25 * part; n += 1) {
      await work(site, n, n)
      done.promised = n
    }
    await site.keeper.take()
  }
  await work(site, 76, 80)
  done.promised = 80
  await site.site.close()
}

async function callsOfScript(): Promise<readonly DiskCall[]> {
  const calls: DiskCall[] = []
  const disk = diskOf(SCRIPT_SEED, (call) => void calls.push(call))
  await script(disk, { promised: 0 })
  expect(snapshotsOn(disk)).toHaveLength(2)
  return calls
}

/** How many of the calls are tried; all of them with PERDURE_SNAPSHOT_CALLS=all. */
const EVERY = process.env.PERDURE_SNAPSHOT_CALLS === 'all' ? 1 : 7

/** Those around snapshots all, of the others one of so many. */
function chosen(calls: readonly DiskCall[]): number[] {
  const aroundSnapshots = (at: number) => calls.slice(Math.max(0, at - 2), at + 6).some(({ name }) => name.startsWith('snap-'))
  return calls.flatMap(({ number }, at) => (aroundSnapshots(at) || number % EVERY === 0 ? [number] : []))
}

async function verify(disk: FaultyDisk, promised: number, what: string): Promise<void> {
  const again = await openStored(disk.start(SEGMENT))
  const found = await jobsIn(again)
  const last = Math.max(promised, ...found)
  // An even one that is there was put by the last operation and not yet taken.
  expect(
    found.filter((n) => n % 2 === 1 || n < last),
    what,
  ).toEqual(odd(last))
  expect(again.warnings, what).toEqual([])
  await again.keeper.take()
  expect(again.warnings, what).toEqual([])
  expect(
    disk.names.filter((name) => name.endsWith('.tmp')),
    what,
  ).toEqual([])
  await again.site.close()
}

test('power lost at any call of the system while snapshots are taken, verified, renamed and the log trimmed: nothing is lost', async () => {
  const calls = await callsOfScript()
  const tried = chosen(calls)
  for (const at of tried) {
    const done = { promised: 0 }
    let cut = false
    const disk: FaultyDisk = diskOf(SCRIPT_SEED, ({ number }) => {
      if (number !== at) return cut ? 'EIO' : undefined
      cut = true
      disk.crash()
      return 'EIO'
    })
    await Promise.race([script(disk, done).catch(() => undefined), until(() => cut)])
    const { promised } = done
    cut = false
    await verify(disk, promised, `power lost at call ${at}`)
  }
  console.log(`power lost at ${tried.length} of ${calls.length} calls`)
})

test('any call of the system that fails once while snapshots are taken: the site goes on or says that it failed, and nothing is lost', async () => {
  const calls = await callsOfScript()
  const tried = chosen(calls)
  const ends = { went_on: 0, failed: 0 }
  for (const at of tried) {
    for (const code of ['EIO', 'ENOSPC']) {
      const done = { promised: 0 }
      const disk = diskOf(SCRIPT_SEED, ({ number }) => (number === at ? code : undefined))
      const end = await script(disk, done).catch((error: unknown) => error)
      if (end === undefined) ends.went_on += 1
      else {
        expect(end, `${code} at call ${at}`).toBeInstanceOf(PerdureError)
        expect((end as PerdureError).code).toMatch(/^PERDURE_E_(LOG_FAILED|FOLDER)$/)
        const { kind, name } = calls[at - 1] as DiskCall
        expect(name, `${kind} ${name}: what is done for a snapshot must not end the site`).not.toMatch(/^snap-/)
        ends.failed += 1
      }
      disk.crash()
      await verify(disk, done.promised, `${code} at call ${at}`)
    }
  }
  console.log(`${2 * tried.length} failing calls: the site went on after ${ends.went_on}, and failed at ${ends.failed}`)
  expect(ends.went_on).toBeGreaterThan(20)
})

function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => (holds() ? resolve() : setImmediate(look))
    look()
  })
}
