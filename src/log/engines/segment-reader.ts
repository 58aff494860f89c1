/**
 * Reading segments: frame after frame in pieces of a megabyte, without copying the records out of them.
 *
 * `FrameReader` goes through one segment and stops at its end or at the first thing that is no frame; what that means is for
 * others to judge. `StoredRecords` goes through several and takes nothing but whole ones, in order: here everything that is not
 * as it must be is damage.
 *
 * Boundary: only reads, and only what is durable.
 */

import { PerdureError } from '../../errors.ts'
import type { LogRecord } from '../log.ts'
import {
  type Area,
  areaOf,
  FRAME_HEADER,
  frameHolds,
  frameIndex,
  frameKind,
  frameLength,
  frameSyncedThrough,
  type Segment,
} from './segments.ts'
import type { Disk } from './storage.ts'

/** 1 MB: one call of the system for thousands of small records, and still in the processor's cache. */
const PIECE = 1024 * 1024

/** A record to start from is remembered about this often. */
export const MARK_BYTES: number = 1024 * 1024

export type Step = 'record' | 'cut' | 'end' | 'bad'

export class FrameReader {
  /** Of the frame read last. */
  index = 0
  syncedThrough = 0
  payload: Uint8Array = NOTHING
  /** Where the next frame begins: after 'bad', where the bad one does. */
  offset: number
  readonly #disk: Disk
  readonly #segment: Segment
  readonly #end: number
  #piece: Area = areaOf(NOTHING)
  #pieceOffset: number

  constructor(disk: Disk, segment: Segment, offset: number, end: number) {
    this.#disk = disk
    this.#segment = segment
    this.offset = offset
    this.#pieceOffset = offset
    this.#end = end
  }

  next(): Step {
    if (this.offset >= this.#end) return 'end'
    let length = this.#frameLength()
    if (length > this.#held()) {
      this.#fill(length)
      length = this.#frameLength()
      if (length > this.#held()) this.#fill(length)
    }
    if (length < 0 || length > this.#held()) return 'bad'
    const at = this.offset - this.#pieceOffset
    if (!frameHolds(this.#piece, at, length, this.#segment.seed)) return 'bad'
    this.index = frameIndex(this.#piece, at)
    this.syncedThrough = frameSyncedThrough(this.#piece, at)
    this.payload = this.#piece.bytes.subarray(at + FRAME_HEADER, at + length)
    this.offset += length
    return frameKind(this.#piece, at)
  }

  #frameLength(): number {
    return frameLength(this.#piece, this.offset - this.#pieceOffset, this.#piece.bytes.length)
  }

  #held(): number {
    return this.#pieceOffset + this.#piece.bytes.length - this.offset
  }

  /** A fresh piece each time: records that were handed out are views of the old one. */
  #fill(atLeast: number): void {
    const wanted = Math.min(Math.max(atLeast, PIECE), this.#end - this.offset)
    const bytes = Buffer.allocUnsafeSlow(wanted)
    const got = this.#disk.read(this.#segment.name, this.offset, bytes)
    this.#piece = areaOf(bytes.subarray(0, got))
    this.#pieceOffset = this.offset
  }
}

const NOTHING = new Uint8Array(0)

export class StoredRecords {
  readonly #disk: Disk
  /** Those still to be read; the first is being read. */
  readonly #segments: Segment[]
  /** Where the last of them ends as far as it is durable. */
  readonly #lastEnd: number
  readonly #through: number
  #next: number
  #reader: FrameReader

  /** Records `from` to `through`, which must all be there. */
  constructor(disk: Disk, segments: readonly Segment[], lastEnd: number, from: number, through: number) {
    this.#disk = disk
    this.#lastEnd = lastEnd
    this.#through = through
    let first = segments.length - 1
    while (first > 0 && (segments[first] as Segment).firstIndex > from) first -= 1
    this.#segments = segments.slice(first)
    const segment = this.#segments[0] as Segment
    const mark = segment.marks.findLast((each) => each.index <= from)
    this.#next = mark?.index ?? segment.firstIndex
    this.#reader = this.#readerOf(segment, mark?.offset ?? segment.start)
    while (this.#next < from) this.next()
  }

  /** Undefined once all were read. */
  next(): LogRecord | undefined {
    while (this.#next <= this.#through) {
      const segment = this.#segments[0] as Segment
      const begins = this.#reader.offset
      const first = begins === segment.start
      const step = this.#reader.next()
      const fits = this.#reader.index === (first ? this.#next - 1 : this.#next)
      if (step === 'end' && this.#segments.length > 1) this.#nextSegment()
      else if (!fits || step !== (first ? 'cut' : 'record')) throw damaged(segment.name, begins, this.#next)
      else if (step === 'record') return this.#take(segment, begins)
    }
    return undefined
  }

  #take(segment: Segment, begins: number): LogRecord {
    const index = this.#next
    if (begins - (segment.marks.at(-1)?.offset ?? 0) >= MARK_BYTES) segment.marks.push({ index, offset: begins })
    this.#next += 1
    return { index, bytes: this.#reader.payload }
  }

  /** If one is missing in between, the cut of the next one does not fit. */
  #nextSegment(): void {
    this.#segments.shift()
    const segment = this.#segments[0] as Segment
    this.#reader = this.#readerOf(segment, segment.start)
  }

  #readerOf(segment: Segment, offset: number): FrameReader {
    const end = this.#segments.length === 1 ? this.#lastEnd : this.#disk.size(segment.name)
    return new FrameReader(this.#disk, segment, offset, end)
  }
}

export function damaged(file: string, offset: number, index: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_CORRUPT',
    `Record ${index} is damaged or missing: the file ${file} has no intact frame of it at offset ${offset}, though it was durable. ` +
      'Restore the data folder from a backup; nothing was changed in it.',
    { data: { index, file, offset } },
  )
}
