/**
 * The bytes of a segment: a header that says whose it is, then frames, each with its own checksum.
 *
 *   segment = magic u32 · crc u32 · format u32 · length u32 · JSON of that length · frame*
 *   frame   = magic u32 · length u32 · crc u32 · index f64 · syncedThrough f64 · payload of that length
 *
 * Numbers are little-endian on every machine. The first sixteen bytes of the header stay what they are in every later format,
 * so that an older version can tell "newer than me" from "damaged".
 *
 * Boundary: names and bytes; no disk.
 *
 * Invariants:
 *   S1  A checksum covers everything after it, and a frame's starts from that of its segment's header: a frame that was copied
 *       into another segment, or stored as the content of a record of another log, is not valid there.
 *   S2  `syncedThrough` was durable when the frame was handed to the disk: a record up to it that cannot be read has been
 *       damaged; one beyond it may simply never have been written.
 *   S3  The first frame of a segment, durable with its header, is a cut: its index is that of the last record before the segment,
 *       and its payload names the generation that wrote it. In the first segment of a generation this is where those before end.
 */

import { crc32 } from 'node:zlib'
import { PerdureError } from '../../errors.ts'
import { MAX_RECORD } from '../log.ts'

export const FORMAT = 1
const SEGMENT_MAGIC = 0x6c_70_72_70
const RECORD_MAGIC = 0x72_d1_5e_a7
const CUT_MAGIC = 0x63_d1_5e_a7
const PREAMBLE = 16
export const FRAME_HEADER = 28
/** A header is a short JSON text; more than this is damage. */
const MAX_HEADER = 4096
/** 64 MB: trimming frees space in steps of it, and a segment is read through in a tenth of a second. */
export const SEGMENT_BYTES: number = 64 * 1024 * 1024

export interface SegmentHeader {
  /** Of the log that the segment belongs to. */
  readonly logId: string
  readonly generation: number
  /** Index of its first record; its file may end before that. */
  readonly firstIndex: number
  /** What the records are written in, so that nobody takes them for something else. */
  readonly codec: string
  readonly codecVersion: number
}

export interface Segment extends SegmentHeader {
  readonly name: string
  /** The checksum of the header, from which those of its frames go on. */
  readonly seed: number
  /** Where the first frame begins. */
  readonly start: number
  /** Some records and where they begin, in order, so that a reader need not search from the start. */
  readonly marks: { readonly index: number; readonly offset: number }[]
}

export function segmentName(generation: number, firstIndex: number): string {
  return `log-${String(generation).padStart(8, '0')}-${String(firstIndex).padStart(16, '0')}.seg`
}

export function parseSegmentName(name: string): { generation: number; firstIndex: number } | undefined {
  const match = /^log-(\d{8,})-(\d{16})\.seg$/.exec(name)
  return match ? { generation: Number(match[1]), firstIndex: Number(match[2]) } : undefined
}

export function encodeHeader(header: SegmentHeader): Uint8Array {
  const text = Buffer.from(JSON.stringify(header))
  const bytes = Buffer.alloc(PREAMBLE + text.length)
  bytes.writeUInt32LE(SEGMENT_MAGIC, 0)
  bytes.writeUInt32LE(FORMAT, 8)
  bytes.writeUInt32LE(text.length, 12)
  text.copy(bytes, PREAMBLE)
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return bytes
}

/** The segment that these first bytes of a file begin; undefined if they are no intact header. `PERDURE_E_FORMAT` if newer. */
export function decodeHeader(name: string, bytes: Buffer): Segment | undefined {
  if (bytes.length < PREAMBLE || bytes.readUInt32LE(0) !== SEGMENT_MAGIC) return undefined
  const start = PREAMBLE + bytes.readUInt32LE(12)
  const seed = bytes.readUInt32LE(4)
  if (start > MAX_HEADER || start > bytes.length || crc32(bytes.subarray(8, start)) !== seed) return undefined
  const format = bytes.readUInt32LE(8)
  if (format > FORMAT) {
    throw new PerdureError(
      'PERDURE_E_FORMAT',
      `The file ${name} is written in log format ${format}; this version of perdure knows formats up to ${FORMAT}. Open it with the version that wrote it, or a later one.`,
      { data: { file: name, found: format, known: FORMAT } },
    )
  }
  const header = JSON.parse(bytes.toString('utf8', PREAMBLE, start)) as SegmentHeader
  return { ...header, name, seed, start, marks: [] }
}

/** How many bytes of a file suffice for `decodeHeader` and `headerSeeds`. */
export const HEADER_BYTES: number = PREAMBLE + MAX_HEADER

/** What the frames after a damaged header may go on from: its checksum as written, and as computed. */
export function headerSeeds(bytes: Buffer): number[] {
  if (bytes.length < PREAMBLE) return []
  const end = Math.min(bytes.length, PREAMBLE + bytes.readUInt32LE(12))
  return [bytes.readUInt32LE(4), crc32(bytes.subarray(8, end))]
}

/** A buffer with its view, so that one need not be made for every frame. */
export interface Area {
  readonly bytes: Uint8Array
  readonly view: DataView
}

export function areaOf(bytes: Uint8Array): Area {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
}

export type FrameKind = 'record' | 'cut'

export interface Frame {
  readonly kind: FrameKind
  readonly index: number
  readonly syncedThrough: number
  readonly payload: Uint8Array
}

/** Writes the frame and returns where it ends. */
export function writeFrame(area: Area, at: number, frame: Frame, seed: number): number {
  const { bytes, view } = area
  const end = at + FRAME_HEADER + frame.payload.length
  view.setUint32(at, frame.kind === 'record' ? RECORD_MAGIC : CUT_MAGIC, true)
  view.setUint32(at + 4, frame.payload.length, true)
  view.setFloat64(at + 12, frame.index, true)
  view.setFloat64(at + 20, frame.syncedThrough, true)
  bytes.set(frame.payload, at + FRAME_HEADER)
  view.setUint32(at + 8, crc32(bytes.subarray(at + 12, end), seed), true)
  return end
}

/**
 * The length of the whole frame at this place, -1 if there is none, or how many bytes would be needed to say: a number beyond
 * what the area holds from there on.
 */
export function frameLength(area: Area, at: number, end: number): number {
  if (end - at < FRAME_HEADER) return FRAME_HEADER
  const magic = area.view.getUint32(at, true)
  const length = area.view.getUint32(at + 4, true)
  if ((magic !== RECORD_MAGIC && magic !== CUT_MAGIC) || length > MAX_RECORD) return -1
  return FRAME_HEADER + length
}

/** The checksum holds. The whole frame must lie in the area. */
export function frameHolds(area: Area, at: number, length: number, seed: number): boolean {
  return crc32(area.bytes.subarray(at + 12, at + length), seed) === area.view.getUint32(at + 8, true)
}

export function frameKind(area: Area, at: number): FrameKind {
  return area.view.getUint32(at, true) === RECORD_MAGIC ? 'record' : 'cut'
}

export function frameIndex(area: Area, at: number): number {
  return area.view.getFloat64(at + 12, true)
}

export function frameSyncedThrough(area: Area, at: number): number {
  return area.view.getFloat64(at + 20, true)
}

/** Where the next frame might begin, from `at` on; -1 if nowhere. */
export function nextMagic(bytes: Buffer, at: number): number {
  return bytes.indexOf(RECORD_MAGIC_BYTES, at)
}

const RECORD_MAGIC_BYTES = Buffer.alloc(4)
RECORD_MAGIC_BYTES.writeUInt32LE(RECORD_MAGIC)
