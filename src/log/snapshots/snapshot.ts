/**
 * The bytes of a snapshot: the whole state after one record, in parts, so that nobody ever holds it in one piece.
 *
 *   snapshot = magic u32 · crc u32 · format u32 · length u32 · JSON of that length · frame* · trailer
 *   frame    = magic u32 · length u32 · crc u32 · payload of that length
 *   trailer  = the same with another magic; its payload is the sha256 of all bytes in front of it
 *
 * The payloads of the frames, one after the other, are the parts: length u32 · length u8 and name of the section · its value. A
 * part that is larger than a frame goes on in the next one. Numbers are little-endian; the first sixteen bytes stay what they are
 * in every later format, as those of a segment do.
 *
 * Boundary: parts to bytes and back; no disk, no machine.
 *   N1  Equal states after the same record have equal bytes, so two snapshots are compared by their hashes.
 *   N2  Whatever the bytes are, the reader ends in good order or with `PERDURE_E_CORRUPT` that names the place; it never takes
 *       more memory than the bytes it was given and one part.
 */
import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { PerdureError } from '../../errors.ts'
import { decode, encode } from '../codec/codec.ts'
import type { SnapshotPart } from '../replica.ts'

/** What a snapshot is of. */
export interface SnapshotHeader {
  readonly logId: string
  /** That wrote it. */
  readonly generation: number
  /** Of the last record in it. */
  readonly index: number
  /** Of the last operation in it. */
  readonly position: number
}

export const SNAPSHOT_FORMAT = 1
const SNAPSHOT_MAGIC = 0x73_70_72_70
const FRAME_MAGIC = 0x70_d1_5e_a7
const TRAILER_MAGIC = 0x65_d1_5e_a7
const PREAMBLE = 16
const FRAME_HEADER = 12
/** A header is a short JSON text; more than this is damage. */
const MAX_HEADER = 4096
/** 1 MB: small enough to be checked, sent or held without anybody noticing. */
const MAX_FRAME = 1024 * 1024
/** 256 MB: 256 tuples of the largest kind are 32 MB, so more than this is damage. */
const MAX_PART = 256 * 1024 * 1024
const SHA256_BYTES = 32

/** The bytes in pieces, and in the end their sha256. Takes the parts one by one, as the pieces are taken. */
export function* writeSnapshot(header: SnapshotHeader, parts: Iterable<SnapshotPart>): Generator<Uint8Array, string> {
  const hash = createHash('sha256')
  const first = encodeHeader(header)
  const seed = first.readUInt32LE(4)
  hash.update(first)
  yield first
  let frame = newFrame()
  let length = FRAME_HEADER
  for (const part of parts) {
    for (let rest = encodePart(part); rest.length > 0; ) {
      const fits = rest.subarray(0, MAX_FRAME - length)
      frame.set(fits, length)
      length += fits.length
      rest = rest.subarray(fits.length)
      if (length < MAX_FRAME) continue
      yield sealFrame(frame, length, FRAME_MAGIC, seed, hash)
      frame = newFrame()
      length = FRAME_HEADER
    }
  }
  if (length > FRAME_HEADER) yield sealFrame(frame, length, FRAME_MAGIC, seed, hash)
  const sha256 = hash.digest()
  const trailer = Buffer.alloc(FRAME_HEADER + SHA256_BYTES)
  trailer.set(sha256, FRAME_HEADER)
  yield sealFrame(trailer, trailer.length, TRAILER_MAGIC, seed)
  return sha256.toString('hex')
}

/** Reads the bytes of a snapshot, given in pieces of any size. */
export class SnapshotReader {
  readonly #name: string
  readonly #hash: Hash = createHash('sha256')
  readonly #parts: PartStream
  #state: 'header' | 'frames' | 'whole' = 'header'
  #header: SnapshotHeader | undefined
  #seed = 0
  #sha256 = ''
  /** Not read yet, and where it begins. */
  #rest: Buffer = Buffer.alloc(0)
  #offset = 0

  /** `name` is for messages. */
  constructor(name: string) {
    this.#name = name
    this.#parts = new PartStream((what) => this.#damaged(what))
  }

  /** The parts that these bytes complete, still encoded. Throws `PERDURE_E_CORRUPT` or `_FORMAT`. */
  *push(piece: Uint8Array): Generator<Uint8Array> {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    if (this.#state === 'header') this.#readHeader()
    if (this.#state === 'header') return
    for (let payload = this.#readFrame(); payload !== undefined; payload = this.#readFrame()) yield* this.#parts.push(payload)
  }

  /** What it was, once all bytes were given. Throws `PERDURE_E_CORRUPT` when some are missing. */
  end(): SnapshotHeader & { readonly sha256: string } {
    if (this.#state !== 'whole' || this.#header === undefined) throw this.#damaged('it ends too early')
    return { ...this.#header, sha256: this.#sha256 }
  }

  get header(): SnapshotHeader | undefined {
    return this.#header
  }

  #readHeader(): void {
    if (this.#rest.length < PREAMBLE) return
    const length = PREAMBLE + this.#rest.readUInt32LE(12)
    if (this.#rest.readUInt32LE(0) !== SNAPSHOT_MAGIC || length > MAX_HEADER)
      throw this.#damaged('it has no header of a snapshot')
    if (this.#rest.length < length) return
    const bytes = this.#rest.subarray(0, length)
    this.#seed = bytes.readUInt32LE(4)
    if (crc32(bytes.subarray(8)) !== this.#seed) throw this.#damaged('the checksum of its header does not hold')
    const format = bytes.readUInt32LE(8)
    if (format > SNAPSHOT_FORMAT) throw unknownFormat(this.#name, format)
    this.#header = parsed(bytes.toString('utf8', PREAMBLE))
    if (this.#header === undefined) throw this.#damaged('its header does not say what it is of')
    this.#hash.update(this.#take(length))
    this.#state = 'frames'
  }

  /** The payload of the next whole frame. */
  #readFrame(): Uint8Array | undefined {
    if (this.#state === 'whole') {
      if (this.#rest.length > 0) throw this.#damaged('something follows its end')
      return undefined
    }
    if (this.#rest.length < FRAME_HEADER) return undefined
    const magic = this.#rest.readUInt32LE(0)
    const length = FRAME_HEADER + this.#rest.readUInt32LE(4)
    const isTrailer = magic === TRAILER_MAGIC && length === FRAME_HEADER + SHA256_BYTES
    if (!isTrailer && (magic !== FRAME_MAGIC || length > MAX_FRAME)) throw this.#damaged('there is no frame')
    if (this.#rest.length < length) return undefined
    if (crc32(this.#rest.subarray(FRAME_HEADER, length), this.#seed) !== this.#rest.readUInt32LE(8))
      throw this.#damaged('the checksum of the frame does not hold')
    const frame = this.#take(length)
    if (isTrailer) return this.#readTrailer(frame)
    this.#hash.update(frame)
    return frame.subarray(FRAME_HEADER)
  }

  #readTrailer(frame: Buffer): undefined {
    this.#sha256 = this.#hash.digest('hex')
    if (this.#sha256 !== frame.toString('hex', FRAME_HEADER)) throw this.#damaged('its hash is not that of its content')
    if (!this.#parts.isWhole) throw this.#damaged('its last part is not whole')
    this.#state = 'whole'
    if (this.#rest.length > 0) throw this.#damaged('something follows its end')
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    this.#offset += length
    return taken
  }

  #damaged(what: string): PerdureError {
    return damagedSnapshot(this.#name, this.#offset, what)
  }
}

export function damagedSnapshot(name: string, offset: number, what: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_CORRUPT',
    `The snapshot ${name} is damaged at offset ${offset}: ${what}. Restore the data folder from a backup; nothing was changed in it.`,
    { data: { file: name, offset } },
  )
}

/** One part of those that `SnapshotReader` gives. */
export function decodePart(bytes: Uint8Array): SnapshotPart {
  const named = 1 + (bytes[0] as number)
  const section = Buffer.from(bytes.buffer, bytes.byteOffset + 1, named - 1).toString()
  return [section, decode(bytes.subarray(named))]
}

/** Cuts the payloads of the frames into parts again. */
class PartStream {
  readonly #damaged: (what: string) => PerdureError
  #chunks: Uint8Array[] = []
  #held = 0
  /** Length of the part that is being read; undefined while that is not known. */
  #wanted: number | undefined

  constructor(damaged: (what: string) => PerdureError) {
    this.#damaged = damaged
  }

  get isWhole(): boolean {
    return this.#held === 0 && this.#wanted === undefined
  }

  *push(chunk: Uint8Array): Generator<Uint8Array> {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#held < 4) return
        this.#wanted = this.#take(4).readUInt32LE(0)
        if (this.#wanted > MAX_PART || this.#wanted < 2) throw this.#damaged('a part cannot have that length')
      }
      if (this.#held < this.#wanted) return
      const part = this.#take(this.#wanted)
      if (part.length <= (part[0] as number)) throw this.#damaged('a part is shorter than its name')
      yield part
      this.#wanted = undefined
    }
  }

  /** Put together only when all of it is here, so each byte is copied once. */
  #take(length: number): Buffer {
    const first = this.#chunks[0] as Uint8Array
    const all = first.length >= length ? first : Buffer.concat(this.#chunks)
    if (all !== first) this.#chunks = [all]
    this.#chunks[0] = all.subarray(length)
    if (all.length === length) this.#chunks.shift()
    this.#held -= length
    return Buffer.from(all.buffer, all.byteOffset, length)
  }
}

function encodeHeader(header: SnapshotHeader): Buffer {
  const { logId, generation, index, position } = header
  const text = Buffer.from(JSON.stringify({ logId, generation, index, position }))
  const bytes = Buffer.alloc(PREAMBLE + text.length)
  bytes.writeUInt32LE(SNAPSHOT_MAGIC, 0)
  bytes.writeUInt32LE(SNAPSHOT_FORMAT, 8)
  bytes.writeUInt32LE(text.length, 12)
  text.copy(bytes, PREAMBLE)
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return bytes
}

function encodePart([section, part]: SnapshotPart): Uint8Array {
  const name = Buffer.from(section)
  const value = encode(part, MAX_PART)
  const bytes = Buffer.allocUnsafeSlow(5 + name.length + value.length)
  bytes.writeUInt32LE(1 + name.length + value.length, 0)
  bytes[4] = name.length
  bytes.set(name, 5)
  bytes.set(value, 5 + name.length)
  return bytes
}

function newFrame(): Buffer {
  return Buffer.allocUnsafeSlow(MAX_FRAME)
}

function sealFrame(frame: Buffer, length: number, magic: number, seed: number, hash?: Hash): Uint8Array {
  frame.writeUInt32LE(magic, 0)
  frame.writeUInt32LE(length - FRAME_HEADER, 4)
  frame.writeUInt32LE(crc32(frame.subarray(FRAME_HEADER, length), seed), 8)
  const sealed = frame.subarray(0, length)
  hash?.update(sealed)
  return sealed
}

function parsed(text: string): SnapshotHeader | undefined {
  try {
    const header = JSON.parse(text) as Partial<SnapshotHeader> | null
    const { logId, generation, index, position } = header ?? {}
    const whole = typeof logId === 'string' && [generation, index, position].every(Number.isSafeInteger)
    return whole ? (header as SnapshotHeader) : undefined
  } catch {
    return undefined
  }
}

function unknownFormat(name: string, format: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_FORMAT',
    `The snapshot ${name} is written in format ${format}; this version of perdure knows formats up to ${SNAPSHOT_FORMAT}. Open the folder with the version that wrote it, or a later one.`,
    { data: { file: name, found: format, known: SNAPSHOT_FORMAT } },
  )
}
