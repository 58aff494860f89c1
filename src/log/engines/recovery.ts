/**
 * What a data folder holds after whatever happened to it, and how it becomes a whole log again.
 *
 * A crash may leave anything at the very end of the log: half a frame, a page of zeros, a file without content. That tail was
 * never promised to anybody and is cut off. Everything before it was, so a fault there is damage, which is reported and never
 * repaired in silence. What tells the two apart is `syncedThrough`: an intact later frame that says "this was durable when I was
 * written".
 *
 * Boundary: `survey` only reads and judges; `repair` makes it so on the disk. Neither knows who owns the folder.
 *
 * Invariants:
 *   R1  Only the newest segment may be torn: the one before it was synced before it was made, and so was its own header before
 *       its first frame.
 *   R2  After an unclean end the newest segment is written anew. A failed sync may have left pages in memory that the system
 *       believes to be on the disk; only a new copy is known to get there.
 *   R3  After `repair` everything that `survey` counted is durable, and every segment ends with its last frame.
 */

import { PerdureError } from '../../errors.ts'
import { damaged, FrameReader } from './segment-reader.ts'
import {
  areaOf,
  decodeHeader,
  frameHolds,
  frameLength,
  frameSyncedThrough,
  HEADER_BYTES,
  headerSeeds,
  nextMagic,
  parseSegmentName,
  type Segment,
} from './segments.ts'
import { type Disk, systemCode } from './storage.ts'

export interface Survey {
  /** In order, without the files that were never finished. */
  readonly segments: readonly Segment[]
  readonly lastIndex: number
  /** The largest of all file names, 0 if there is none. */
  readonly lastGeneration: number
  /** Where the newest segment ends once its tail is cut. */
  readonly end: number
  /** Bytes of the tail that are cut. */
  readonly cutBytes: number
  /** Files that hold nothing. */
  readonly leftovers: readonly string[]
}

/** The suffix of a segment that is being copied. */
const COPY = '.tmp'

/** `endIndex`: where the log ended, if its last owner closed it properly; then nothing may be torn. */
export function survey(disk: Disk, endIndex: number | undefined): Survey {
  const names = disk.list('')
  const leftovers = names.filter((name) => name.endsWith(`.seg${COPY}`))
  const files = names.filter((name) => parseSegmentName(name)).sort(bySegment)
  const segments: Segment[] = []
  for (const name of files) {
    const segment = openSegment(disk, name, segments.at(-1))
    if (segment) segments.push(segment)
    else if (name === files.at(-1) && !holdsFrames(disk, name)) leftovers.push(name)
    else throw damaged(name, 0, parseSegmentName(name)?.firstIndex ?? 0)
  }
  const lastGeneration = files.length === 0 ? 0 : (parseSegmentName(files.at(-1) as string)?.generation ?? 0)
  const newest = segments.at(-1)
  const tail = newest ? readTail(disk, newest) : { lastIndex: 0, end: 0, cutBytes: 0 }
  if (endIndex !== undefined && (tail.lastIndex !== endIndex || tail.cutBytes > 0)) {
    throw damaged(newest?.name ?? disk.folder, tail.end, Math.min(tail.lastIndex, endIndex) + 1)
  }
  return { segments, lastGeneration, leftovers, ...tail }
}

/** Makes the disk what the survey says, durably. */
export function repair(disk: Disk, found: Survey, endIndex: number | undefined): void {
  for (const name of found.leftovers) disk.unlink(name)
  const newest = found.segments.at(-1)
  if (newest && endIndex === undefined) writeAnew(disk, newest.name, found.end)
  else if (newest) disk.sync(newest.name)
  disk.syncFolder()
}

function bySegment(a: string, b: string): number {
  const left = parseSegmentName(a)
  const right = parseSegmentName(b)
  if (!left || !right) return 0
  return left.generation - right.generation || left.firstIndex - right.firstIndex
}

/** Undefined if its header is not intact. */
function openSegment(disk: Disk, name: string, before: Segment | undefined): Segment | undefined {
  const segment = decodeHeader(name, firstBytes(disk, name))
  if (!segment) return undefined
  const named = parseSegmentName(name)
  const wrong =
    segment.generation !== named?.generation || segment.firstIndex !== named.firstIndex
      ? 'its header belongs to a file of another name'
      : before && before.logId !== segment.logId
        ? `it belongs to another log (${segment.logId} instead of ${before.logId})`
        : before && before.firstIndex > segment.firstIndex
          ? 'it begins before the segment in front of it'
          : undefined
  if (wrong) {
    throw new PerdureError(
      'PERDURE_E_CORRUPT',
      `The file ${name} does not fit into this log: ${wrong}. Take it out if it was copied here, or restore the data folder from a backup.`,
      { data: { index: segment.firstIndex, file: name, offset: 0 } },
    )
  }
  return segment
}

function firstBytes(disk: Disk, name: string): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  return bytes.subarray(0, disk.read(name, 0, bytes))
}

function readTail(disk: Disk, segment: Segment): { lastIndex: number; end: number; cutBytes: number } {
  const size = disk.size(segment.name)
  const reader = new FrameReader(disk, segment, segment.start, size)
  let next = segment.firstIndex
  for (;;) {
    const begins = reader.offset
    const step = reader.next()
    if (step === 'end') return { lastIndex: next - 1, end: begins, cutBytes: 0 }
    // S3: a segment begins with a cut, which bears the index of the last record before it.
    const first = begins === segment.start
    const expected = first ? next - 1 : next
    if (step === 'bad') {
      if (promisedLater(disk, segment.name, begins, expected, [segment.seed])) throw damaged(segment.name, begins, next)
      return { lastIndex: next - 1, end: begins, cutBytes: size - begins }
    }
    if (step !== (first ? 'cut' : 'record') || reader.index !== expected) throw damaged(segment.name, begins, next)
    if (step === 'record') next += 1
  }
}

/** R1: the header was durable before the first frame was written, so one frame is enough to know that it was damaged. */
function holdsFrames(disk: Disk, name: string): boolean {
  return promisedLater(disk, name, 0, 0, headerSeeds(firstBytes(disk, name)))
}

/**
 * There is an intact frame behind this place that was written when `index` was already durable. Frames that are mere content of a
 * torn record do not count: those of other segments do not hold here (S1), and those of this one say less than `index`.
 */
function promisedLater(disk: Disk, name: string, offset: number, index: number, seeds: readonly number[]): boolean {
  const bytes = Buffer.allocUnsafeSlow(disk.size(name) - offset)
  const area = areaOf(bytes.subarray(0, disk.read(name, offset, bytes)))
  const end = area.bytes.length
  for (let at = nextMagic(bytes, 0); at >= 0 && at < end; at = nextMagic(bytes, at + 1)) {
    const length = frameLength(area, at, end)
    if (length < 0 || at + length > end) continue
    if (frameSyncedThrough(area, at) < index) continue
    if (seeds.some((seed) => frameHolds(area, at, length, seed))) return true
  }
  return false
}

/** R2. The old file stays as it is until the new one is whole; a copy that does not fit must not keep the disk full. */
function writeAnew(disk: Disk, name: string, end: number): void {
  const copy = `${name}${COPY}`
  disk.create(copy, new Uint8Array(0))
  try {
    copyBytes(disk, name, copy, end)
    disk.sync(copy)
  } catch (error) {
    disk.unlink(copy)
    throw error
  }
  disk.rename(copy, name)
}

function copyBytes(disk: Disk, from: string, to: string, end: number): void {
  const piece = Buffer.alloc(COPY_PIECE)
  for (let offset = 0; offset < end; ) {
    const got = disk.read(from, offset, piece.subarray(0, Math.min(COPY_PIECE, end - offset)))
    if (got === 0) throw damaged(from, offset, 0)
    disk.write(to, offset, piece.subarray(0, got))
    offset += got
  }
}

/** 1 MB: a call of the system for each, and nothing larger in memory. */
const COPY_PIECE = 1024 * 1024

/** An error of the system while a folder is opened, said so that somebody can do something about it. */
export function folderError(folder: string, error: unknown): unknown {
  const code = systemCode(error)
  if (code === undefined) return error
  return new PerdureError(
    'PERDURE_E_FOLDER',
    `The data folder ${folder} cannot be used: ${ADVICE[code] ?? `the system says ${code}`}.`,
    {
      cause: error,
      data: { folder, code },
    },
  )
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there. Give the user write permission, or name another folder',
  EDQUOT: 'the quota of this user is used up. Free some space, or name a folder on another disk',
  EEXIST: 'there is a file of that name. Name a folder, or move the file away',
  EIO: 'the disk reports an error in reading or writing. Check the disk before you use it again',
  ENOENT: 'it cannot be made there. Name a folder inside one that exists and may be written',
  ENOSPC:
    'the disk is full. Free some space: after an unclean end the newest segment is copied once, which takes up to 68 MB. What is in the folder stays as it is',
  ENOTDIR: 'a part of that path is a file. Name a folder, or move the file away',
  EPERM: 'the system does not allow it there; a file system without hard links cannot hold a log. Name another folder',
  EROFS: 'the file system is mounted read-only. Mount it for writing, or name another folder',
}
