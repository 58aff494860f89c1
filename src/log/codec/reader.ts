/**
 * Bytes to values. The bytes are treated as hostile: whoever can write to a socket or a disk may have made them.
 *
 * Boundary: never runs anything that the bytes name; makes no classes but those of the value domain.
 *
 * Invariants:
 *   R1  A count or length is compared with the bytes that are left before anything is allocated for it: memory and time are
 *       proportional to the bytes given.
 *   R2  Every encoding but the writer's own is refused with `PERDURE_E_PROTOCOL` (C1 and C2 in `format.ts`).
 */

import { isUtf8 } from 'node:buffer'
import { ERRORS, type ErrorCode, invariant, PerdureError } from '../../errors.ts'
import {
  isForbiddenKey,
  MAX_DATE_MS,
  MAX_DEPTH,
  NAN_BYTES,
  SHORT_ARRAY,
  SHORT_INTEGER,
  SHORT_LOOP,
  SHORT_TEXT,
  swapToWire,
  TAG,
  TYPED_ARRAYS,
  type TypedArray,
} from './format.ts'

const LOW_7_BITS = 0x7f
const MORE = 0x80

/** 8 groups of 7 bits hold every safe integer. */
const LONGEST_UINT = 8

/** Arrays up to this length are allocated at their exact size; longer ones grow with what is really there. */
const EXACT_ARRAY = 1024

/**
 * Short strings seen lately, each in the one slot its hash gives: reading "task" for the millionth time makes no new string.
 * One string a slot and no search, so hostile bytes can only make it useless, never large or slow.
 */
const SEEN_SLOTS = 4096
const seen: string[] = new Array(SEEN_SLOTS).fill('')

/** No machine of today makes a bigint of more bits than 2^30. */
const LONGEST_BIGINT = 2 ** 27

const float = new DataView(new ArrayBuffer(8))

// Called on any Uint8Array; the documented `toString` wants a Buffer and looks at the name of the encoding each time.
type Slice = (this: Uint8Array, start: number, end: number) => string
const latin1Slice: Slice = Reflect.get(Buffer.prototype, 'latin1Slice')
const utf8Slice: Slice = Reflect.get(Buffer.prototype, 'utf8Slice')
const hexSlice: Slice = Reflect.get(Buffer.prototype, 'hexSlice')

export class Reader {
  readonly #bytes: Uint8Array
  offset: number
  readonly end: number
  #depth = 0

  constructor(bytes: Uint8Array, offset: number = 0, end: number = bytes.length) {
    invariant(offset >= 0 && offset <= end && end <= bytes.length, `A reader of ${offset} to ${end} within ${bytes.length} bytes`)
    this.#bytes = bytes
    this.offset = offset
    this.end = end
  }

  value(): unknown {
    this.#depth = 0
    return this.#any()
  }

  u8(): number {
    if (this.offset >= this.end) throw this.#bad('the bytes end too early')
    return this.#bytes[this.offset++]!
  }

  u32(): number {
    const at = this.#skip(4)
    const bytes = this.#bytes
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  }

  f64(): number {
    const at = this.#skip(8)
    for (let i = 0; i < 8; i += 1) float.setUint8(i, this.#bytes[at + i]!)
    return float.getFloat64(0, true)
  }

  uint(): number {
    const first = this.u8()
    if (first < MORE) return first
    let n = first & LOW_7_BITS
    let scale = MORE
    for (let length = 2; length <= LONGEST_UINT; length += 1) {
      const byte = this.u8()
      n += (byte & LOW_7_BITS) * scale
      scale *= MORE
      if (byte >= MORE) continue
      if (byte === 0) throw this.#bad('an integer is longer than it needs to be')
      if (n > Number.MAX_SAFE_INTEGER) throw this.#bad('an integer is too large')
      return n
    }
    throw this.#bad('an integer is too long')
  }

  string(): string {
    return this.#text(this.uint())
  }

  /** A copy. */
  bytes(): Uint8Array {
    const count = this.uint()
    const at = this.#skip(count)
    const copy = new Uint8Array(count)
    copy.set(this.#bytes.subarray(at, at + count))
    return copy
  }

  #any(): unknown {
    const tag = this.u8()
    if (tag >= TAG.shortInteger) return tag - TAG.shortInteger
    if (tag >= TAG.shortText) return this.#text(tag - TAG.shortText)
    if (tag >= TAG.shortArray) return this.#array(tag - TAG.shortArray)
    switch (tag) {
      case TAG.null:
        return null
      case TAG.undefined:
        return undefined
      case TAG.false:
        return false
      case TAG.true:
        return true
      case TAG.positive:
        return this.#atLeast(SHORT_INTEGER)
      case TAG.negative:
        return -this.#atLeast(1)
      case TAG.float:
        return this.#float()
      case TAG.text:
        return this.#text(this.#atLeast(SHORT_TEXT))
      case TAG.array:
        return this.#array(this.#atLeast(SHORT_ARRAY))
      default:
        return this.#rare(tag)
    }
  }

  #rare(tag: number): unknown {
    switch (tag) {
      case TAG.bigPositive:
        return this.#magnitude()
      case TAG.bigNegative:
        return this.#negativeBigint()
      case TAG.date:
        return this.#date(1, 0)
      case TAG.dateBefore1970:
        return this.#date(-1, 1)
      case TAG.object:
        return this.#plain()
      case TAG.map:
        return this.#map()
      case TAG.set:
        return this.#set()
      case TAG.error:
        return this.#error()
      case TAG.bytes:
        return this.bytes()
      case TAG.typedArray:
        return this.#typedArray()
      default:
        throw this.#bad(`a value cannot begin with tag ${tag}`)
    }
  }

  /** A count whose smaller values have a shorter form, which must then be used. */
  #atLeast(least: number): number {
    const n = this.uint()
    if (n < least) throw this.#bad(`${n} has a shorter form`)
    return n
  }

  #float(): number {
    const at = this.offset
    const n = this.f64()
    if (Number.isSafeInteger(n)) throw this.#bad('an integer is written as a float')
    if (Number.isNaN(n) && !this.#isOurNan(at, 8)) throw this.#bad('NaN is written in another way')
    return n
  }

  #isOurNan(at: number, width: 4 | 8): boolean {
    return NAN_BYTES[width].every((byte, i) => this.#bytes[at + i] === byte)
  }

  #text(count: number): string {
    const at = this.#skip(count)
    return count < SHORT_LOOP ? this.#shortText(at, count) : this.#longText(at, count)
  }

  #shortText(at: number, count: number): string {
    const bytes = this.#bytes
    let hash = count
    for (let i = 0; i < count; i += 1) {
      const byte = bytes[at + i]!
      if (byte > LOW_7_BITS) return this.#longText(at, count)
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    const slot = (hash ^ (hash >>> 15)) & (SEEN_SLOTS - 1)
    const known = seen[slot]!
    if (known.length === count) {
      let i = 0
      while (i < count && known.charCodeAt(i) === bytes[at + i]) i += 1
      if (i === count) return known
    }
    const text = latin1Slice.call(bytes, at, at + count)
    seen[slot] = text
    return text
  }

  #longText(at: number, count: number): string {
    const text = utf8Slice.call(this.#bytes, at, at + count)
    // What is no UTF-8 becomes U+FFFD; so does only a U+FFFD that was written as one.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(at, at + count))) throw this.#bad('a string is not UTF-8')
    return text
  }

  #magnitude(): bigint {
    const count = this.uint()
    const at = this.#skip(count)
    const bytes = this.#bytes
    if (count === 0) return 0n
    if (bytes[at] === 0) throw this.#bad('a bigint begins with zeros')
    if (count > LONGEST_BIGINT) throw this.#bad('a bigint is too large')
    if (count > 6) return BigInt(`0x${hexSlice.call(bytes, at, at + count)}`)
    let n = 0
    for (let i = 0; i < count; i += 1) n = n * 256 + bytes[at + i]!
    return BigInt(n)
  }

  #negativeBigint(): bigint {
    const magnitude = this.#magnitude()
    if (magnitude === 0n) throw this.#bad('a bigint is minus zero')
    return -magnitude
  }

  #date(sign: 1 | -1, least: number): Date {
    const ms = this.#atLeast(least)
    if (ms > MAX_DATE_MS) throw this.#bad('a date is out of range')
    return new Date(sign * ms)
  }

  #array(count: number): unknown[] {
    this.#enter(count, 1)
    const array: unknown[] = count <= EXACT_ARRAY ? new Array(count) : []
    for (let i = 0; i < count; i += 1) array[i] = this.#any()
    this.#depth -= 1
    return array
  }

  #plain(): Record<string, unknown> {
    const count = this.uint()
    this.#enter(count, 2)
    const object: Record<string, unknown> = {}
    let previous = ''
    for (let i = 0; i < count; i += 1) {
      const key = this.string()
      if (i > 0 && !(previous < key)) throw this.#bad('the keys of an object are not ascending')
      if (isForbiddenKey(key)) throw this.#bad(`an object has the key ${key}`)
      object[key] = this.#any()
      previous = key
    }
    this.#depth -= 1
    return object
  }

  #map(): Map<unknown, unknown> {
    const count = this.uint()
    this.#enter(count, 2)
    const map = new Map<unknown, unknown>()
    for (let i = 0; i < count; i += 1) {
      const key = this.#any()
      map.set(key, this.#any())
    }
    if (map.size !== count) throw this.#bad('a Map has a key twice')
    this.#depth -= 1
    return map
  }

  #set(): Set<unknown> {
    const count = this.uint()
    this.#enter(count, 1)
    const set = new Set<unknown>()
    for (let i = 0; i < count; i += 1) set.add(this.#any())
    if (set.size !== count) throw this.#bad('a Set has an element twice')
    this.#depth -= 1
    return set
  }

  #typedArray(): TypedArray {
    const kind = this.u8()
    const made = TYPED_ARRAYS[kind]
    if (made === undefined) throw this.#bad(`there is no typed array of kind ${kind}`)
    const width = made.BYTES_PER_ELEMENT
    const bytes = this.bytes()
    if (bytes.length % width !== 0) throw this.#bad(`the length of a ${made.name} is not a multiple of ${width}`)
    swapToWire(Buffer.from(bytes.buffer), width)
    const array = new made(bytes.buffer as ArrayBuffer)
    if (array instanceof Float32Array || array instanceof Float64Array) {
      const start = this.offset - bytes.length
      array.forEach((n, i) => {
        if (Number.isNaN(n) && !this.#isOurNan(start + i * width, width as 4 | 8))
          throw this.#bad('NaN is written in another way')
      })
    }
    return array
  }

  #error(): Error {
    this.#enter(5, 1)
    const name = this.string()
    const message = this.string()
    const code = this.#any()
    const data = this.#any()
    const cause = this.#any()
    this.#depth -= 1
    return madeError(name, message, code, data, cause)
  }

  /** Goes down into a container of `count` items that take at least `least` bytes each (R1). */
  #enter(count: number, least: number): void {
    if (count * least > this.end - this.offset) throw this.#bad(`${count} items do not fit the bytes that are left`)
    if (this.#depth === MAX_DEPTH) throw this.#bad(`values are nested deeper than ${MAX_DEPTH} levels`)
    this.#depth += 1
  }

  /** Where the next `count` bytes begin; they are there. */
  #skip(count: number): number {
    const at = this.offset
    if (count > this.end - at) throw this.#bad(`${count} bytes were expected and ${this.end - at} are left`)
    this.offset = at + count
    return at
  }

  #bad(what: string): PerdureError {
    const text = `Near byte ${this.offset} ${what}. The bytes should be values as perdure writes them: they are damaged, or come from something else.`
    return new PerdureError('PERDURE_E_PROTOCOL', text, { data: { offset: this.offset } })
  }
}

/** An `Error` with the five fields that travel, and no stack but its first line: where it was decoded tells nobody anything. */
function madeError(name: string, message: string, code: unknown, data: unknown, cause: unknown): Error {
  const frames = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  let error: Error & { code?: unknown; data?: unknown }
  try {
    const details = cause === undefined ? {} : { cause }
    error = isOurCode(code) ? new PerdureError(code, message, details) : new Error(message, details)
  } finally {
    Error.stackTraceLimit = frames
  }
  if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  Object.defineProperty(error, 'stack', {
    value: message === '' ? name : `${name}: ${message}`,
    configurable: true,
    writable: true,
  })
  if (code !== undefined) error.code = code
  if (data !== undefined || error.data !== undefined) error.data = data
  return error
}

function isOurCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}
