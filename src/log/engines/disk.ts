/**
 * The disk engine: segmented append-only files, one commit under way at a time.
 *
 * `append` puts a record into a queue and returns its index. While the committer writes and syncs, further records gather; when
 * it is done they go together. So one client waits for one sync, a thousand clients share one, and nobody waits for the sake of
 * gathering.
 *
 * Boundary: the engine decides what is written where and when it counts; a `Disk` and a `Committer` do it.
 *
 * Invariants:
 *   D1  Segments are written only by the generation that made them; nothing is ever changed once it is durable.
 *   D2  The queue holds exactly the records after `durableIndex`; the file holds those up to it, and what is under way.
 *   D3  A new segment is made only when everything in the one before is durable (R1 of recovery relies on it).
 *   D4  After a failed commit nothing is written any more: what the system says about those bytes later may be false.
 */

import type { Clock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import type { Blobs, Log, LogRecord, LogWatcher } from '../log.ts'
import { BlobShelf } from './blob-shelf.ts'
import { type BlobFolder, folderBlobs, UNFINISHED } from './blobs.ts'
import { type Claim, claim, type Door, type Surroundings } from './generations.ts'
import { folderError, repair, type Survey, survey } from './recovery.ts'
import { MARK_BYTES, StoredRecords } from './segment-reader.ts'
import {
  type Area,
  areaOf,
  decodeHeader,
  encodeHeader,
  FRAME_HEADER,
  parseSegmentName,
  SEGMENT_BYTES,
  type Segment,
  segmentName,
  writeFrame,
} from './segments.ts'
import { SnapshotFolder } from './snapshot-folder.ts'
import { COMMIT_RECORDS, type Commit, type Committer, type Disk, systemCode } from './storage.ts'
import { endOfReading, Tail, trimmed } from './tail.ts'

export interface DiskOptions {
  readonly disk: Disk
  readonly blobs: BlobFolder
  /** Called once the folder is owned and whole. */
  readonly startCommitter: () => Promise<Committer>
  readonly surroundings: Surroundings
  readonly clock: Clock
  /** A segment of at least this many bytes is followed by a new one. Default `SEGMENT_BYTES`. */
  readonly segmentBytes?: number
}

export interface DiskLog extends Log {
  /** Where other processes reach the owner of the folder. */
  readonly door: Door
  readonly snapshots: SnapshotFolder
  /** The stored blobs as things to be removed. */
  readonly shelf: BlobShelf
}

/** Where blobs lie inside the data folder. */
export const BLOB_FOLDER = 'blobs'

/** What records are written in; a log in anything else is refused. */
const CODEC = { codec: 'perdure', codecVersion: 1 } as const

/** `PERDURE_E_FOLDER`, `_LOCKED`, `_CORRUPT` or `_FORMAT`. */
export async function openDisk(options: DiskOptions): Promise<DiskLog> {
  const { disk, surroundings, clock } = options
  try {
    disk.makeFolder('')
    disk.makeFolder(BLOB_FOLDER)
    const least = Math.max(0, ...disk.list('').map((name) => parseSegmentName(name)?.generation ?? 0))
    const claimed = await claim(disk, surroundings, clock, least)
    return await openOwned(options, claimed)
  } catch (error) {
    throw folderError(disk.folder, error)
  }
}

async function openOwned(options: DiskOptions, claimed: Claim): Promise<DiskLog> {
  const { disk } = options
  let committer: Committer | undefined
  try {
    const found = survey(disk, claimed.endIndex)
    const segments = [...found.segments]
    const snapshots = new SnapshotFolder(disk, segments)
    refuseOtherCodec(found)
    refuseLostTail(found, snapshots)
    repair(disk, found, claimed.endIndex)
    snapshots.cleanUp()
    for (const name of disk.list(BLOB_FOLDER)) if (name.endsWith(UNFINISHED)) disk.unlink(`${BLOB_FOLDER}/${name}`)
    committer = await options.startCommitter()
    const log = new Engine(options, claimed, found, { committer, snapshots, segments })
    await log.begin(found)
    return log
  } catch (error) {
    await committer?.close()
    await claimed.release(claimed.endIndex)
    throw error
  }
}

function refuseOtherCodec(found: Survey): void {
  const newest = found.segments.at(-1)
  if (!newest || (newest.codec === CODEC.codec && newest.codecVersion <= CODEC.codecVersion)) return
  throw new PerdureError(
    'PERDURE_E_FORMAT',
    `The records in ${newest.name} are written in ${newest.codec} version ${newest.codecVersion}; this version of perdure knows ${CODEC.codec} up to version ${CODEC.codecVersion}. Open the folder with the version that wrote it, or a later one.`,
    {
      data: { file: newest.name, found: `${newest.codec} ${newest.codecVersion}`, known: `${CODEC.codec} ${CODEC.codecVersion}` },
    },
  )
}

/** A snapshot is only made of what is durable: when the log ends before it, records that were durable are gone. */
function refuseLostTail(found: Survey, { kept }: SnapshotFolder): void {
  const newest = kept[0]
  if (newest === undefined || newest.index <= found.lastIndex) return
  const file = found.segments.at(-1)?.name ?? newest.name
  throw new PerdureError(
    'PERDURE_E_CORRUPT',
    `The snapshot ${newest.name} is of record ${newest.index}, but the log ends at record ${found.lastIndex} (in the file ${file}, at offset ${found.end}): ` +
      'records that were durable are damaged or missing. Restore the data folder from a backup; nothing was changed in it.',
    { data: { file, offset: found.end, index: found.lastIndex + 1 } },
  )
}

/** A reader of many records lets other work through after this long. */
const READ_SLICE_MS = 8
/** Looking at the clock costs about as much as a few small records. */
const READS_PER_LOOK = 256

interface EngineParts {
  readonly committer: Committer
  readonly snapshots: SnapshotFolder
  /** Shared with `snapshots`. */
  readonly segments: Segment[]
}

class Engine implements DiskLog {
  readonly id: string
  readonly generation: number
  readonly door: Door
  readonly blobs: Blobs
  readonly snapshots: SnapshotFolder
  readonly shelf: BlobShelf
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #claim: Claim
  readonly #committer: Committer
  readonly #area: Area
  readonly #segmentBytes: number
  readonly #segments: Segment[]
  /** The last trimming may not have reached the disk. */
  #trimUnsynced = false
  readonly #tail: Tail
  /** D2. */
  readonly #queue: Uint8Array[] = []
  /** Where the newest segment ends, as far as it is durable. */
  #end = 0
  #state: 'idle' | 'gathering' | 'committing' = 'idle'
  #closing: Promise<void> | undefined

  constructor(options: DiskOptions, claimed: Claim, found: Survey, { committer, snapshots, segments }: EngineParts) {
    this.#disk = options.disk
    this.#clock = options.clock
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES
    this.#claim = claimed
    this.#committer = committer
    this.#area = areaOf(committer.buffer)
    this.#segments = segments
    this.snapshots = snapshots
    this.shelf = new BlobShelf(options.disk, BLOB_FOLDER)
    this.#tail = new Tail(found.lastIndex)
    this.id = found.segments.at(-1)?.logId ?? options.clock.randomId()
    this.generation = claimed.generation
    this.door = claimed.door
    this.blobs = folderBlobs(options.blobs, {
      over: () => this.#tail.over,
      failed: (cause) => this.#fail(cause),
      putting: (hash) => this.shelf.pin(hash),
    })
  }

  get firstIndex(): number {
    return this.#segments[0]?.firstIndex ?? 1
  }

  get lastIndex(): number {
    return this.#tail.lastIndex
  }

  get durableIndex(): number {
    return this.#tail.durableIndex
  }

  /** Makes the first segment of this generation, which says where the earlier ones were cut. */
  async begin(found: Survey): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#newSegment((failure) => (failure ? reject(failure) : resolve()))
    })
    const idle = found.segments.filter((segment, at) => {
      const next = found.segments[at + 1]?.firstIndex ?? found.lastIndex + 1
      return segment.firstIndex === next
    })
    for (const segment of idle) this.#disk.unlink(segment.name)
    for (const segment of idle) this.#segments.splice(this.#segments.indexOf(segment), 1)
  }

  append(record: Uint8Array): number {
    this.#tail.admit(record)
    this.#queue.push(record)
    if (this.#state === 'idle') this.#gather()
    return this.#tail.appended()
  }

  durable(index: number): Promise<void> {
    return this.#tail.durable(index)
  }

  watch(watcher: LogWatcher): void {
    this.#tail.watch(watcher)
  }

  async *read(from: number, options: { signal?: AbortSignal; live?: boolean } = {}): AsyncGenerator<LogRecord> {
    const { signal, live = false } = options
    if (this.#tail.over) throw this.#tail.over
    const end = live ? Number.POSITIVE_INFINITY : this.#tail.lastIndex
    let stored: StoredRecords | undefined
    let sliceEndsMs = this.#clock.monotonicMs() + READ_SLICE_MS
    for (let index = from; index <= end && !signal?.aborted; ) {
      if (this.#tail.over) return endOfReading(this.#tail.over, live)
      if (index % READS_PER_LOOK === 0 && this.#clock.monotonicMs() >= sliceEndsMs) {
        await new Promise<void>((resolve) => this.#clock.after(0, resolve))
        sliceEndsMs = this.#clock.monotonicMs() + READ_SLICE_MS
      }
      let record = this.#reading(index, () => stored?.next())
      if (!record) {
        stored = this.#stored(index, end)
        record = this.#reading(index, () => stored?.next()) ?? this.#queued(index)
      }
      if (!record) {
        await this.#tail.grownBeyond(index - 1, signal)
        continue
      }
      yield record
      index += 1
    }
  }

  async trim(before: number): Promise<void> {
    while (!this.#tail.over && (this.#segments[1]?.firstIndex ?? Number.POSITIVE_INFINITY) <= before) {
      // One by one: the names left after a crash must have no gap.
      if (this.#trimUnsynced) this.#disk.syncFolder()
      this.#trimUnsynced = true
      this.#disk.unlink((this.#segments[0] as Segment).name)
      this.#segments.shift()
      this.#disk.syncFolder()
      this.#trimUnsynced = false
      await new Promise<void>((resolve) => this.#clock.hop(resolve))
    }
    if (this.#tail.over) throw this.#tail.over
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const failedBefore = this.#tail.over !== undefined
    this.#tail.seal()
    let endIndex: number | undefined
    try {
      if (!failedBefore) {
        await this.#tail.durable(this.#tail.lastIndex)
        endIndex = this.#tail.lastIndex
      }
    } finally {
      this.#tail.close()
      await this.#committer.close()
      await this.#claim.release(endIndex)
    }
  }

  /** Waits for a turn in which everything that the last commit set free has been appended. */
  #gather(): void {
    this.#state = 'gathering'
    this.#clock.hop(() => this.#commitNext())
  }

  #commitNext(): void {
    this.#state = 'idle'
    if (this.#tail.over || this.#queue.length === 0) return
    if (this.#end < this.#segmentBytes) return this.#commitRecords()
    this.#newSegment((failure) => {
      if (failure) return
      this.#commitNext()
      this.snapshots.grown()
    })
  }

  #commitRecords(): void {
    const segment = this.#segments.at(-1) as Segment
    const syncedThrough = this.#tail.durableIndex
    let length = 0
    let count = 0
    for (const payload of this.#queue) {
      if (count === COMMIT_RECORDS || length + FRAME_HEADER + payload.length > this.#area.bytes.length) break
      count += 1
      const frame = { kind: 'record', index: syncedThrough + count, syncedThrough, payload } as const
      length = writeFrame(this.#area, length, frame, segment.seed)
    }
    const offset = this.#end
    this.#commit({ kind: 'append', name: segment.name, offset, length }, (failure) => {
      if (failure || this.#tail.over) return
      if (offset - (segment.marks.at(-1)?.offset ?? 0) >= MARK_BYTES) segment.marks.push({ index: syncedThrough + 1, offset })
      this.#end = offset + length
      this.#queue.splice(0, count)
      this.#tail.advance(syncedThrough + count)
      if (this.#queue.length > 0 && this.#state === 'idle') this.#gather()
    })
  }

  /** D3: called only when nothing is under way. S3: begins with a cut. */
  #newSegment(done: (failure: Error | undefined) => void): void {
    const firstIndex = this.#tail.durableIndex + 1
    const name = segmentName(this.generation, firstIndex)
    const header = encodeHeader({ logId: this.id, generation: this.generation, firstIndex, ...CODEC })
    const segment = decodeHeader(name, Buffer.from(header)) as Segment
    this.#area.bytes.set(header)
    const origin = { generation: this.generation, previous: this.#segments.at(-1)?.generation ?? 0 }
    const payload = Buffer.from(JSON.stringify(origin))
    const cut = { kind: 'cut', index: firstIndex - 1, syncedThrough: firstIndex - 1, payload } as const
    const length = writeFrame(this.#area, header.length, cut, segment.seed)
    this.#commit({ kind: 'create', name, length }, (failure) => {
      if (!failure) {
        this.#segments.push(segment)
        this.#end = length
      }
      done(failure)
    })
  }

  #commit(commit: Commit, done: (failure: Error | undefined) => void): void {
    this.#state = 'committing'
    this.#committer.commit(commit, (failure) => {
      this.#state = 'idle'
      if (failure) this.#fail(failure)
      done(failure)
    })
  }

  /** D4, L4. */
  #fail(cause: unknown): Error {
    if (!this.#tail.over) this.#tail.fail(logFailed(this.#disk.folder, cause))
    return this.#tail.over ?? logFailed(this.#disk.folder, cause)
  }

  /** The durable records from `index` on; undefined if that one is not durable yet. */
  #stored(index: number, end: number): StoredRecords | undefined {
    const first = this.firstIndex
    if (index < first) throw trimmed(index, first)
    const through = Math.min(end, this.#tail.durableIndex)
    if (index > through) return undefined
    return this.#reading(index, () => new StoredRecords(this.#disk, this.#segments, this.#end, index, through))
  }

  /** What the system says while stored records are read: trimmed under the reader's feet, or a disk that cannot be read. */
  #reading<T>(index: number, read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      const first = this.firstIndex
      throw index < first ? trimmed(index, first) : logFailed(this.#disk.folder, error)
    }
  }

  #queued(index: number): LogRecord | undefined {
    const bytes = this.#queue[index - this.#tail.durableIndex - 1]
    return bytes ? { index, bytes } : undefined
  }
}

function logFailed(folder: string, cause: unknown): PerdureError {
  const code = systemCode(cause)
  const what =
    code === 'ENOSPC' ? 'the disk full' : code === 'EDQUOT' ? 'the disk quota used up' : `an error (${code ?? String(cause)})`
  return new PerdureError(
    'PERDURE_E_LOG_FAILED',
    `Using the log in ${folder} met ${what}; whether the operations under way took effect is unknown. ` +
      `${code === 'ENOSPC' || code === 'EDQUOT' ? 'Free some space, then close' : 'Check the disk, close'} and open the folder again: that rebuilds everything from what is on the disk.`,
    { cause, data: { folder, code: code ?? null } },
  )
}
