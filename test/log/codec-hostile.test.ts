import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import { decode, encode, Reader, Writer } from '../../src/log/codec/codec.ts'
import { domain } from './codec-values.ts'

const FRAMES = Error.stackTraceLimit

/** A small generator of our own: fast-check is too slow for hundreds of thousands of buffers. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** True if the bytes are a value. Whatever they are, they must not be a value that is written otherwise, nor another error. */
function isValue(bytes: Buffer): boolean {
  let value: unknown
  try {
    value = decode(bytes)
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_PROTOCOL')) return false
    throw error
  }
  if (Buffer.compare(encode(value), bytes) !== 0) throw new Error(`not canonical: ${bytes.toString('hex')}`)
  return true
}

function mutate(source: Uint8Array, other: Uint8Array, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(source)
  const at = random(bytes.length)
  switch (random(6)) {
    case 0:
      bytes[at]! ^= 1 << random(8)
      return bytes
    case 1:
      bytes[at] = random(256)
      return bytes
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random(other.length))])
    case 4:
      bytes[at] = random(0x13)
      return bytes
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([random(256)]), bytes.subarray(at)])
  }
}

describe('hostile bytes', () => {
  test('200,000 changed and random buffers are values that are written the same, or PERDURE_E_PROTOCOL', () => {
    const random = generator(20_260_101)
    const sources = fc.sample(domain, { numRuns: 400, seed: 7 }).map((value) => encode(value))
    let values = 0
    Error.stackTraceLimit = 0
    try {
      for (let i = 0; i < 150_000; i += 1) {
        const source = sources[random(sources.length)]!
        if (isValue(mutate(source, sources[random(sources.length)]!, random))) values += 1
      }
      for (let i = 0; i < 50_000; i += 1) {
        const bytes = Buffer.from(Array.from({ length: 1 + random(24) }, () => random(random(2) === 0 ? 0x44 : 256)))
        if (isValue(bytes)) values += 1
      }
    } finally {
      Error.stackTraceLimit = FRAMES
    }
    // Both outcomes must have been met, or the test would show nothing.
    expect(values).toBeGreaterThan(10_000)
    expect(values).toBeLessThan(190_000)
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['an unknown tag', '13'],
    ['bytes after the value', '0000'],
    ['an array of 2^53 - 1', '0cffffffffffffff0f'],
    ['text of 2^53 - 1', '07ffffffffffffff0f'],
    ['bytes of 2^53 - 1', '11ffffffffffffff0f'],
    ['an object of 2^53 - 1', '0dffffffffffffff0f'],
    ['a Map of 2^31', '0e8080808008'],
    ['a Set of 2^31', '0f8080808008'],
    ['a bigint of 2^31 bytes', '088080808008'],
    ['an integer above 2^53 - 1', '04ffffffffffffff1f'],
    ['an integer of nine bytes', '04ffffffffffffffff01'],
    ['an overlong integer', '04808100'],
    ['a small integer in the long form', '047f'],
    ['minus zero', '0500'],
    ['minus zero as a float', '060000000000000080'],
    ['an integer as a float', '06000000000000f03f'],
    ['another NaN', '06010000000000f87f'],
    ['short text in the long form', '070161'],
    ['a short array in the long form', '0c0180'],
    ['a bigint with a leading zero', '080200ff'],
    ['a negative bigint of zero', '0900'],
    ['a date out of range', '0affffffffffffff0f'],
    ['a date of minus zero', '0b00'],
    ['unsorted keys', '0d02016280016180'],
    ['a key twice', '0d02016180016180'],
    ['the key __proto__', `0d0109${Buffer.from('__proto__').toString('hex')}0d00`],
    ['the key constructor', `0d010b${Buffer.from('constructor').toString('hex')}80`],
    ['the key prototype', `0d0109${Buffer.from('prototype').toString('hex')}80`],
    ['a Map key twice', '0e0280808081'],
    ['a Set element twice', '0f028080'],
    ['text that is not UTF-8', '42c328'],
    ['an overlong UTF-8 form', '42c080'],
    ['a surrogate in UTF-8', '43eda080'],
    ['a typed array of an unknown kind', '120a00'],
    ['half an element of a typed array', '12020101'],
    ['another NaN in a float array', '1206040100c07f'],
    ['65 levels', `${'31'.repeat(65)}00`],
  ])('%s is refused', (_what, hex) => {
    expect(() => decode(Buffer.from(hex, 'hex'))).toThrowError(expect.objectContaining({ code: 'PERDURE_E_PROTOCOL' }))
  })

  test('a genuine U+FFFD and a byte order mark are text like any other', () => {
    for (const text of ['\ufffd', '\ufeffx', `${'x'.repeat(80)}\ufffd\ufeff`]) expect(decode(encode(text))).toBe(text)
  })

  test('strings that share a slot of the cache never stand in for each other', () => {
    for (let i = 0; i < 20_000; i += 1) expect(decode(encode(`k${i}`)) === `k${i}`).toBe(true)
    for (let i = 0; i < 20_000; i += 1) expect(decode(encode(`k${i}`)) === `k${i}`).toBe(true)
  })

  test('a reader stays within its part of the bytes', () => {
    const writer = new Writer()
    writer.value(['a', 'b'])
    const bytes = writer.take()
    expect(() => new Reader(bytes, 0, bytes.length - 1).value()).toThrowError(
      expect.objectContaining({ code: 'PERDURE_E_PROTOCOL' }),
    )
    expect(() => new Reader(bytes, 0, bytes.length + 1)).toThrow(PerdureError)
    expect(new Reader(bytes, 1).value()).toBe('a')
  })
})
