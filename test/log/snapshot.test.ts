/** The bytes of snapshots: there and back, damage of every kind, and those of the first format. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import type { SnapshotPart } from '../../src/log/replica.ts'
import { decodePart, type SnapshotHeader, SnapshotReader, writeSnapshot } from '../../src/log/snapshots/snapshot.ts'
import { seeded } from './seeded.ts'

const HEADER: SnapshotHeader = { logId: 'e1c07f33b12e4bc9a65bc95eb5124c6a', generation: 3, index: 1_000, position: 17_000 }

/** What the fixture holds, for ever. */
const PARTS: readonly SnapshotPart[] = [
  ['replica', ['time', { position: 17_000, wallMs: 1.5, serviceMs: 2, order: 3 }]],
  ['space', ['tuples', 'jobs', [[1, 2, new Uint8Array([1, 2, 3])]]]],
  ['space', 'ü'.repeat(100)],
  ['process', new Map([['key', [null, undefined, 12n]]])],
]

function bytesOf(parts: readonly SnapshotPart[], header = HEADER): Buffer {
  return Buffer.concat([...writeSnapshot(header, parts)])
}

/** Reads it in pieces whose sizes `sizes` gives. */
function read(bytes: Uint8Array, sizes: () => number = () => bytes.length) {
  const reader = new SnapshotReader('snap-x')
  const parts: SnapshotPart[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, sizes())
    for (const part of reader.push(bytes.subarray(at, at + size))) parts.push(decodePart(part))
    at += size
  }
  return { parts, ...reader.end() }
}

/** The error with which it is refused; fails when it is taken. */
function refusal(bytes: Uint8Array): PerdureError {
  try {
    read(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(PerdureError)
    return error as PerdureError
  }
  throw new Error('damaged bytes were taken for a snapshot')
}

test('a snapshot of the first format opens for ever', () => {
  const fixture = readFileSync(fileURLToPath(new URL('../fixtures/snapshot-v1', import.meta.url)))
  const { parts, sha256, ...header } = read(fixture)
  expect(header).toEqual(HEADER)
  expect(parts).toEqual(PARTS)
  expect(sha256).toBe('a00e9ce02e7ea7a2506b560b8eda44575e5fc950cccb42216280f4359ed28dc3')
  expect(bytesOf(PARTS).equals(fixture), 'and is written in the same bytes').toBe(true)
})

test('what was written is read, in pieces of any size, whatever the parts are', () => {
  const part = fc.tuple(
    fc.constantFrom('replica', 'space', 'process'),
    fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' }), fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 })),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), fc.integer(), (parts, seed) => {
      const random = seeded(seed)
      const found = read(bytesOf(parts), () => Math.floor(random() * 400))
      expect(found.parts).toEqual(parts)
    }),
  )
})

test('a part may be larger than a frame, and many fit into one', () => {
  const parts: SnapshotPart[] = [
    ...Array.from({ length: 1_000 }, (_, n): SnapshotPart => ['space', n]),
    ['space', new Uint8Array(2_500_000).fill(7)],
    ['space', 'the end'],
  ]
  const pieces = [...writeSnapshot(HEADER, parts)]
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(1024 * 1024)
  expect(pieces.length).toBe(5)
  const found = read(Buffer.concat(pieces), () => 70_001)
  expect(bytesOf(found.parts).equals(Buffer.concat(pieces))).toBe(true)
})

test('equal parts after the same record have one hash, others another', () => {
  const hash = (parts: readonly SnapshotPart[], header = HEADER) => read(bytesOf(parts, header)).sha256
  expect(hash(PARTS)).toBe(hash([...PARTS]))
  expect(hash(PARTS.slice(1))).not.toBe(hash(PARTS))
  expect(hash(PARTS, { ...HEADER, index: 1_001 })).not.toBe(hash(PARTS))
})

describe('damage', () => {
  test('every bit of a snapshot, flipped, is noticed and its place is named', () => {
    const whole = bytesOf(PARTS)
    for (let at = 0; at < whole.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const bytes = Buffer.from(whole)
        bytes[at] = (bytes[at] as number) ^ (1 << bit)
        const error = refusal(bytes)
        expect(error.code, `byte ${at}, bit ${bit}`).toBe('PERDURE_E_CORRUPT')
        expect(error.data.file).toBe('snap-x')
        expect(error.data.offset).toBeLessThanOrEqual(at)
      }
    }
  })

  test('a snapshot that ends too early, at any byte, is noticed', () => {
    const whole = bytesOf(PARTS)
    for (let length = 0; length < whole.length; length += 1) {
      expect(refusal(whole.subarray(0, length)).code, `cut at ${length}`).toBe('PERDURE_E_CORRUPT')
    }
    expect(refusal(Buffer.concat([whole, Buffer.from([0])])).message).toContain('something follows its end')
  })

  test('frames that are missing, exchanged or taken twice are noticed, though each is whole', () => {
    const [header, a, b, trailer] = [...writeSnapshot(HEADER, [['space', new Uint8Array(1_500_000)]])] as Buffer[]
    const wrong = [[a, trailer], [b, a, trailer], [a, b, b, trailer], [a, a, b, trailer], [trailer]] as Buffer[][]
    for (const frames of wrong) expect(refusal(Buffer.concat([header as Buffer, ...frames])).code).toBe('PERDURE_E_CORRUPT')
  })

  test('whatever the bytes are, they are refused in good order', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(), fc.nat(), (noise, from, until) => {
        const whole = bytesOf(PARTS)
        refusal(noise)
        const start = from % whole.length
        const end = start + 1 + (until % (whole.length - start))
        const spoilt = Buffer.concat([whole.subarray(0, start), noise, whole.subarray(end)])
        if (!spoilt.equals(whole)) expect(refusal(spoilt).code).toMatch(/^PERDURE_E_(CORRUPT|FORMAT)$/)
      }),
      { numRuns: 300 },
    )
  })

  test('a length that no part can have is refused before anything of it is taken in', () => {
    const hostile = bytesOf([['space', new Uint8Array(40)]])
    // The length of the part stands behind the header and the header of the frame; the frame's checksum is made to hold.
    const forged = forge(hostile, (payload) => payload.writeUInt32LE(0xffff_fff0, 0))
    expect(refusal(forged).message).toContain('a part cannot have that length')
    const named = forge(hostile, (payload) => payload.writeUInt8(255, 4))
    expect(refusal(named).message).toContain('shorter than its name')
  })

  test('a later format is said to be one', () => {
    const bytes = bytesOf(PARTS)
    bytes.writeUInt32LE(2, 8)
    const end = 16 + bytes.readUInt32LE(12)
    bytes.writeUInt32LE(crc32(bytes.subarray(8, end)), 4)
    expect(refusal(bytes)).toMatchObject({ code: 'PERDURE_E_FORMAT', data: { file: 'snap-x', found: 2, known: 1 } })
  })
})

/** Changes the payload of the first frame and gives it the checksum that fits. */
function forge(bytes: Buffer, change: (payload: Buffer) => void): Buffer {
  const forged = Buffer.from(bytes)
  const at = 16 + forged.readUInt32LE(12)
  const payload = forged.subarray(at + 12, at + 12 + forged.readUInt32LE(at + 4))
  change(payload)
  forged.writeUInt32LE(crc32(payload, forged.readUInt32LE(4)), at + 8)
  return forged
}
