import { describe, expect, test } from 'vitest'
import {
  areaOf,
  decodeHeader,
  encodeHeader,
  FRAME_HEADER,
  type Frame,
  frameHolds,
  frameIndex,
  frameKind,
  frameLength,
  frameSyncedThrough,
  parseSegmentName,
  segmentName,
  writeFrame,
} from '../../src/log/engines/segments.ts'

const HEADER = {
  logId: '0123456789abcdef0123456789abcdef',
  generation: 3,
  firstIndex: 2 ** 40,
  codec: 'perdure',
  codecVersion: 1,
}

describe('names of segments', () => {
  test('sort as the segments do, and say generation and first record', () => {
    const places = [
      [1, 1],
      [1, 999],
      [2, 1000],
      [10, 1000],
      [10, Number.MAX_SAFE_INTEGER],
    ] as const
    const names = places.map(([generation, index]) => segmentName(generation, index))
    expect([...names].sort()).toEqual(names)
    expect(names.map((name) => parseSegmentName(name))).toEqual(
      places.map(([generation, firstIndex]) => ({ generation, firstIndex })),
    )
  })

  test('are no other names', () => {
    for (const name of ['log-1-1.seg', `${segmentName(1, 1)}.tmp`, `x${segmentName(1, 1)}`, 'gen-1']) {
      expect(parseSegmentName(name)).toBeUndefined()
    }
  })
})

describe('a header', () => {
  test('comes back as it was, however much follows it', () => {
    const bytes = encodeHeader(HEADER)
    const segment = decodeHeader('name', Buffer.concat([bytes, new Uint8Array(1000).fill(7)]))
    expect(segment).toMatchObject({ ...HEADER, name: 'name', start: bytes.length, marks: [] })
  })

  test('with any bit flipped, or cut anywhere, is none', () => {
    const bytes = encodeHeader(HEADER)
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(decodeHeader('name', damaged), `bit ${bit}`).toBeUndefined()
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(decodeHeader('name', Buffer.from(bytes.subarray(0, length)))).toBeUndefined()
    }
  })
})

describe('a frame', () => {
  const FRAME: Frame = { kind: 'record', index: 2 ** 50 + 1, syncedThrough: 2 ** 50, payload: Buffer.from('something') }
  const LENGTH = FRAME_HEADER + FRAME.payload.length

  function framed(seed: number) {
    const area = areaOf(new Uint8Array(100))
    expect(writeFrame(area, 5, FRAME, seed)).toBe(5 + LENGTH)
    return area
  }

  test('comes back as it was', () => {
    const area = framed(77)
    expect(frameLength(area, 5, 100)).toBe(LENGTH)
    expect(frameHolds(area, 5, LENGTH, 77)).toBe(true)
    expect([frameKind(area, 5), frameIndex(area, 5), frameSyncedThrough(area, 5)]).toEqual([
      'record',
      FRAME.index,
      FRAME.syncedThrough,
    ])
    expect(Buffer.from(area.bytes.subarray(5 + FRAME_HEADER, 5 + LENGTH)).toString()).toBe('something')
  })

  test('holds in its own segment only', () => {
    expect(frameHolds(framed(77), 5, LENGTH, 78)).toBe(false)
  })

  test('with any bit flipped does not hold as what it was', () => {
    for (let bit = 0; bit < LENGTH * 8; bit += 1) {
      const area = framed(77)
      const at = 5 + (bit >> 3)
      area.bytes[at] = (area.bytes[at] as number) ^ (1 << (bit & 7))
      const length = frameLength(area, 5, 100)
      const holds = length > 0 && 5 + length <= 100 && frameHolds(area, 5, length, 77)
      expect(holds, `bit ${bit}`).toBe(false)
    }
  })

  test('that is not all there asks for as much as it needs', () => {
    const area = framed(77)
    expect(frameLength(area, 5, 5 + FRAME_HEADER - 1)).toBe(FRAME_HEADER)
    expect(frameLength(area, 5, 5 + FRAME_HEADER)).toBe(LENGTH)
    expect(frameLength(area, 6, 100)).toBe(-1)
  })
})
