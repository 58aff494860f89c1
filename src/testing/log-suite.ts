/**
 * The contract of `log/log.ts` as tests, for any engine and any runner that has `describe` and `test`.
 *
 * Whoever writes an engine makes an `EngineUnderTest` and calls `logContract`; every promise of the contract is then a test of
 * its own, with the number of the promise in its title.
 *
 * Boundary: only what the contract says. What an engine promises beyond it is tested beside that engine.
 */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from 'node:assert/strict'
import { type ErrorCode, PerdureError } from '../errors.ts'
import { type Log, type LogRecord, MAX_BLOB, MAX_RECORD, type SnapshotPlace, type Snapshots } from '../log/log.ts'

/** One log in one place, which may be opened again and again. */
export interface EngineUnderTest {
  open(): Promise<Log>
  /** Ends the process that has the log open, as far as the engine can tell, without closing it. */
  crash(log: Log): Promise<void>
  /** The next write of the log that is open, or its sync, fails. */
  failNext(log: Log): void
  /** Removes everything. */
  dispose(): Promise<void>
}

/** Reasons to skip what makes no sense for an engine; they become part of the titles. */
export interface Exceptions {
  /** Why nothing is there after a crash or a close. */
  readonly forgets?: string
  /** Why no write can fail. */
  readonly cannotFail?: string
}

export interface Runner {
  describe(title: string, body: () => void): void
  test: {
    (title: string, body: () => Promise<void>): void
    skip(title: string, body: () => Promise<void>): void
  }
}

/** Registers the suite. `runner` defaults to the global `describe` and `test`. */
export function logContract(
  name: string,
  makeEngine: () => Promise<EngineUnderTest>,
  options: { readonly runner?: Runner; readonly exceptions?: Exceptions } = {},
): void {
  const { runner = globalRunner(), exceptions = {} } = options
  const register = (checks: Readonly<Record<string, Check>>, reason: string | undefined) => {
    for (const [title, check] of Object.entries(checks)) {
      if (reason === undefined) runner.test(title, () => withEngine(makeEngine, check))
      else runner.test.skip(`${title} (skipped: ${reason})`, () => withEngine(makeEngine, check))
    }
  }
  runner.describe(`log contract: ${name}`, () => {
    register(CHECKS, undefined)
    register(RESTARTS, exceptions.forgets)
    register(FAILURES, exceptions.cannotFail)
  })
}

type Check = (engine: EngineUnderTest) => Promise<void>

const CHECKS: Readonly<Record<string, Check>> = {
  'a new log is empty': async (engine) => {
    const log = await engine.open()
    ok(/^[0-9a-f]{32}$/.test(log.id))
    ok(log.generation >= 1)
    deepStrictEqual([log.lastIndex, log.durableIndex], [0, 0])
    deepStrictEqual(await all(log.read(1)), [])
    await log.close()
  },

  'L1: indexes are given in the order of the calls, without gaps': async (engine) => {
    const log = await engine.open()
    deepStrictEqual([log.append(record(1)), log.append(record(2)), log.append(record(3))], [1, 2, 3])
    await log.durable(2)
    strictEqual(log.append(record(4)), 4)
    strictEqual(log.lastIndex, 4)
    await log.close()
  },

  'nothing is durable inside append, and all of it soon after': async (engine) => {
    const log = await engine.open()
    const advanced: number[] = []
    log.watch({ advanced: (index) => advanced.push(index), failed: () => undefined })
    for (let index = 1; index <= 100; index += 1) log.append(record(index))
    deepStrictEqual([log.durableIndex, advanced], [0, []])
    await log.durable(100)
    strictEqual(log.durableIndex, 100)
    strictEqual(advanced.at(-1), 100)
    ok(advanced.every((index, at) => at === 0 || index > (advanced[at - 1] as number)))
    await log.close()
  },

  'the watcher may append': async (engine) => {
    const log = await engine.open()
    log.watch({ advanced: (index) => void (index < 10 && log.append(record(index + 1))), failed: () => undefined })
    log.append(record(1))
    await log.durable(10)
    deepStrictEqual(indexes(await all(log.read(1))), range(1, 10))
    await log.close()
  },

  'L5: durable resolves in the order of the indexes, whatever order it was asked in': async (engine) => {
    const log = await engine.open()
    const resolved: number[] = []
    const waits = [7, 2, 9, 1, 9, 4].map((index) => log.durable(index).then(() => resolved.push(index)))
    for (let index = 1; index <= 9; index += 1) log.append(record(index))
    await Promise.all(waits)
    deepStrictEqual(resolved, [1, 2, 4, 7, 9, 9])
    await log.close()
  },

  'L2: read yields every record once, in order, from anywhere': async (engine) => {
    const log = await engine.open()
    const sizes = [0, 1, 100, 4096, 70_000, MAX_RECORD, 3]
    for (const [at, size] of sizes.entries()) log.append(record(at + 1, size))
    const optimistic = await all(log.read(1))
    await log.durable(sizes.length)
    for (const records of [optimistic, await all(log.read(1))]) {
      deepStrictEqual(indexes(records), range(1, sizes.length))
      for (const { index, bytes } of records) ok(Buffer.from(record(index, sizes[index - 1])).equals(bytes), `record ${index}`)
    }
    deepStrictEqual(indexes(await all(log.read(4))), [4, 5, 6, 7])
    deepStrictEqual(await all(log.read(8)), [])
    await log.close()
  },

  'L2: a live reader goes on with what is appended, until it is told to stop': async (engine) => {
    const log = await engine.open()
    const stop = new AbortController()
    log.append(record(1))
    const seen: number[] = []
    const reading = (async () => {
      for await (const { index } of log.read(1, { live: true, signal: stop.signal })) {
        seen.push(index)
        if (index < 50) log.append(record(index + 1))
        if (index % 7 === 0) await log.durable(index)
        if (index === 50) stop.abort()
      }
    })()
    await reading
    deepStrictEqual(seen, range(1, 50))
    await log.close()
  },

  'a live reader ends when the log closes': async (engine) => {
    const log = await engine.open()
    log.append(record(1))
    const reading = all(log.read(1, { live: true }))
    await log.durable(1)
    await log.close()
    deepStrictEqual(indexes(await reading), [1])
  },

  'a record that is too large is refused and takes no index': async (engine) => {
    const log = await engine.open()
    throws(() => log.append(new Uint8Array(MAX_RECORD + 1)), coded('PERDURE_E_VALUE'))
    strictEqual(log.append(record(1)), 1)
    await log.close()
  },

  'what was not trimmed is still there, and what was is said to be gone': async (engine) => {
    const log = await engine.open()
    for (let index = 1; index <= 20; index += 1) log.append(record(index))
    await log.durable(20)
    await log.trim(11)
    deepStrictEqual(indexes(await all(log.read(11))), range(11, 20))
    const earlier = await all(log.read(1)).catch((error: unknown) => error)
    if (Array.isArray(earlier)) deepStrictEqual(indexes(earlier), range(1, 20))
    else ok(PerdureError.is(earlier, 'PERDURE_E_TRIMMED'))
    await log.close()
  },

  'a blob is found under the hash of its content': async (engine) => {
    const log = await engine.open()
    const large = record(9, 600_000)
    const hash = await log.blobs.put(large)
    ok(/^[0-9a-f]{64}$/.test(hash))
    strictEqual(await log.blobs.put(large), hash)
    ok(Buffer.from(large).equals(await log.blobs.get(hash)))
    const empty = await log.blobs.put(new Uint8Array(0))
    strictEqual((await log.blobs.get(empty)).length, 0)
    await rejects(log.blobs.get('0'.repeat(64)), coded('PERDURE_E_BLOB'))
    await rejects(log.blobs.get('../gen-1'), coded('PERDURE_E_BLOB'))
    await rejects(log.blobs.put(new Uint8Array(MAX_BLOB + 1)), coded('PERDURE_E_VALUE'))
    await log.close()
  },

  'close waits for durability, may be called again, and ends everything': async (engine) => {
    const log = await engine.open()
    log.append(record(1))
    const durable = log.durable(1)
    const closing = log.close()
    throws(() => log.append(record(2)), coded('PERDURE_E_CLOSED'))
    await Promise.all([durable, closing, log.close()])
    strictEqual(log.durableIndex, 1)
    throws(() => log.append(record(2)), coded('PERDURE_E_CLOSED'))
    await rejects(log.durable(1), coded('PERDURE_E_CLOSED'))
    await rejects(all(log.read(1)), coded('PERDURE_E_CLOSED'))
    await rejects(log.trim(1), coded('PERDURE_E_CLOSED'))
    await rejects(log.blobs.put(record(1)), coded('PERDURE_E_CLOSED'))
  },
}

const RESTARTS: Readonly<Record<string, Check>> = {
  'L3: what was durable is there after close and open': async (engine) => {
    const first = await engine.open()
    for (let index = 1; index <= 30; index += 1) first.append(record(index))
    const hash = await first.blobs.put(record(5, 1000))
    await first.close()
    const second = await engine.open()
    strictEqual(second.id, first.id)
    deepStrictEqual([second.lastIndex, second.durableIndex], [30, 30])
    deepStrictEqual(await all(second.read(1)), expected(30))
    ok(Buffer.from(record(5, 1000)).equals(await second.blobs.get(hash)))
    strictEqual(second.append(record(31)), 31)
    await second.close()
    const third = await engine.open()
    deepStrictEqual(await all(third.read(1)), expected(31))
    await third.close()
  },

  'L3: what was durable is there after a crash, and the rest only as a prefix': async (engine) => {
    let durable = 0
    let generation = 0
    for (let round = 0; round < 5; round += 1) {
      const log = await engine.open()
      const kept = await all(log.read(1))
      ok(kept.length >= durable, `${kept.length} records are left of ${durable} durable ones`)
      deepStrictEqual(kept, expected(kept.length))
      ok(log.generation > generation, 'L6')
      generation = log.generation
      for (let more = 1; more <= 10; more += 1) log.append(record(kept.length + more))
      durable = kept.length + 10
      await log.durable(durable)
      for (let more = 1; more <= 10; more += 1) log.append(record(durable + more))
      await engine.crash(log)
    }
  },

  'L7: the two snapshots kept last are there again, with every byte, and what comes after the older one': async (engine) => {
    const log = await engine.open()
    const { generation } = log
    for (const index of [3, 6, 9]) {
      while (log.lastIndex < index) log.append(record(log.lastIndex + 1))
      await log.durable(index)
      await keep(log, { generation, index }, [record(index, 50_000), record(index + 1, 3)])
    }
    const places = [9, 6].map((index) => ({ generation, index }))
    deepStrictEqual(snapshotsOf(log).kept.map(placeOf), places)
    await log.trim(7)
    await engine.crash(log)
    const again = await engine.open()
    deepStrictEqual(snapshotsOf(again).kept.map(placeOf), places)
    for (const place of places) {
      const content = await bytesIn(snapshotsOf(again).read(place))
      ok(Buffer.concat([record(place.index, 50_000), record(place.index + 1, 3)]).equals(content), `snapshot of ${place.index}`)
    }
    deepStrictEqual(indexes(await all(again.read(7))), [7, 8, 9])
    ok(again.firstIndex <= 7)
    await snapshotsOf(again).drop(places[0] as SnapshotPlace)
    deepStrictEqual(snapshotsOf(again).kept.map(placeOf), places.slice(1))
    await again.close()
  },

  'L8: a draft is read back, and never taken for a snapshot': async (engine) => {
    const log = await engine.open()
    const place = { generation: log.generation, index: 1 }
    log.append(record(1))
    await log.durable(1)
    await snapshotsOf(log).draft(place, piecesOf([record(1, 9_000)]))
    await snapshotsOf(log).draft(place, piecesOf([record(2), record(3)]))
    ok(Buffer.concat([record(2), record(3)]).equals(await bytesIn(snapshotsOf(log).readDraft(place))))
    deepStrictEqual(snapshotsOf(log).kept, [])
    await engine.crash(log)
    const again = await engine.open()
    deepStrictEqual(snapshotsOf(again).kept, [])
    await snapshotsOf(again).discard(place)
    await again.close()
  },
}

const FAILURES: Readonly<Record<string, Check>> = {
  'L4: after a failed write everything rejects for good': async (engine) => {
    const log = await engine.open()
    log.append(record(1))
    await log.durable(1)
    const failures: Error[] = []
    log.watch({ advanced: () => undefined, failed: (error) => failures.push(error) })
    engine.failNext(log)
    const reading = all(log.read(1, { live: true }))
    log.append(record(2))
    log.append(record(3))
    const failed = coded('PERDURE_E_LOG_FAILED')
    await Promise.all([rejects(log.durable(3), failed), rejects(log.durable(2), failed), rejects(reading, failed)])
    strictEqual(failures.length, 1)
    throws(() => log.append(record(4)), failed)
    await rejects(log.durable(1), failed)
    await rejects(all(log.read(1)), failed)
    await rejects(log.trim(1), failed)
    await rejects(log.blobs.put(record(1)), failed)
    await log.close()
    const again = await engine.open()
    const kept = await all(again.read(1))
    ok(kept.length >= 1)
    deepStrictEqual(kept, expected(kept.length))
    await again.close()
  },
}

function snapshotsOf(log: Log): Snapshots {
  ok(log.snapshots, 'an engine that outlives its process keeps snapshots')
  return log.snapshots
}

async function keep(log: Log, place: SnapshotPlace, pieces: readonly Uint8Array[]): Promise<void> {
  await snapshotsOf(log).draft(place, piecesOf(pieces))
  await snapshotsOf(log).keep(place)
}

function placeOf({ generation, index }: SnapshotPlace): SnapshotPlace {
  return { generation, index }
}

async function* piecesOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

async function bytesIn(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const read: Uint8Array[] = []
  for await (const piece of pieces) read.push(new Uint8Array(piece))
  return Buffer.concat(read)
}

async function withEngine(makeEngine: () => Promise<EngineUnderTest>, check: Check): Promise<void> {
  const engine = await makeEngine()
  try {
    await check(engine)
  } finally {
    await engine.dispose()
  }
}

function globalRunner(): Runner {
  const { describe, test } = globalThis as Partial<Runner>
  if (describe && test) return { describe, test }
  throw new PerdureError(
    'PERDURE_E_USAGE',
    'logContract found no global describe and test. Pass them as options: { runner: { describe, test } }.',
  )
}

/** Bytes that say which record they are. */
function record(index: number, size = 16): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 1) bytes[at] = (index * 31 + at) % 251
  return bytes
}

/** In plain arrays: engines may hand out any kind of view. */
async function all(records: AsyncIterable<LogRecord>): Promise<LogRecord[]> {
  const read: LogRecord[] = []
  for await (const { index, bytes } of records) read.push({ index, bytes: new Uint8Array(bytes) })
  return read
}

function expected(count: number): LogRecord[] {
  return range(1, count).map((index) => ({ index, bytes: record(index) }))
}

function indexes(records: readonly LogRecord[]): number[] {
  return records.map(({ index }) => index)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at)
}

function coded(code: ErrorCode): (error: unknown) => boolean {
  return (error) => PerdureError.is(error, code)
}
