/**
 * Values to bytes.
 *
 * One growing buffer, written from left to right. The path to the value at hand is kept as two small arrays that are only read
 * when something is refused, so that a value that is fine pays next to nothing for good error messages.
 *
 * Boundary: the value may be hostile. Getters are refused unread; a Proxy may run foreign code in the middle of a write.
 *
 * Invariants:
 *   W1  `value` either appends the whole value or throws `PERDURE_E_VALUE` and leaves what was written before as it was.
 *   W2  A count is written only if exactly that many items follow, whatever foreign code does meanwhile.
 */

import { invariant } from '../../errors.ts'
import { MAX_BLOB } from '../log.ts'
import {
  isForbiddenKey,
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
import { pathStep, refusal, refusedKind, type Step, tooLarge } from './refusal.ts'

/** Enough for most records; a writer that has grown far beyond gives the memory back at `reset`. */
const CAPACITY = 4096
const KEPT_CAPACITY = 1024 * 1024

const FEW_KEYS = 16

/** A safe integer takes at most 8 bytes, a number 9 with its tag. */
const LONGEST_NUMBER = 9

const LOW_7_BITS = 0x7f
const MORE = 0x80

// Taken once, so that a value with own properties of these names cannot stand in for them.
const getterOf: (this: object, key: string) => unknown = Reflect.get(Object.prototype, '__lookupGetter__')
const mapSize: (this: object) => number = Object.getOwnPropertyDescriptor(Map.prototype, 'size')!.get!
const setSize: (this: object) => number = Object.getOwnPropertyDescriptor(Set.prototype, 'size')!.get!
const mapEntries = Map.prototype.entries
const setValues = Set.prototype.values
const getTime = Date.prototype.getTime
const typedPrototype: object = Object.getPrototypeOf(Uint8Array.prototype)
const byteLengthOf: (this: object) => number = Object.getOwnPropertyDescriptor(typedPrototype, 'byteLength')!.get!

export class Writer {
  readonly #capacity: number
  #buffer!: Buffer
  #view!: DataView
  #length = 0
  #limit = Number.POSITIVE_INFINITY
  #start = 0
  #depth = 0
  #maxDepth = MAX_DEPTH
  #writing = false
  #sorting = false
  readonly #kinds: Step[] = []
  readonly #steps: (string | number)[] = []
  #refused: unknown

  constructor(capacity: number = CAPACITY) {
    this.#capacity = capacity
    this.#allocate(capacity)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Any value of the domain, in at most `limit` bytes and `depth` levels. Throws `PERDURE_E_VALUE` with the path (`data.path`), see W1. */
  value(value: unknown, limit: number = MAX_BLOB, depth: number = MAX_DEPTH): void {
    invariant(!this.#writing, 'A value used the writer that was writing it')
    const start = this.#length
    this.#writing = true
    this.#start = start
    this.#limit = limit
    this.#depth = 0
    this.#maxDepth = depth
    try {
      this.#any(value)
      if (this.#length - start > limit) throw this.#refuse(tooLarge(limit))
    } catch (error) {
      this.#length = start
      if (error === this.#refused) throw error
      const what = error instanceof Error ? error.message : 'something that is no error was thrown'
      throw refusal(this.#path(), `not readable (${what})`, 'make a plain copy of it first', error)
    } finally {
      this.#writing = false
      this.#depth = 0
      this.#limit = Number.POSITIVE_INFINITY
      this.#refused = undefined
    }
  }

  /** As `value`, but with Maps and Sets sorted by the bytes of their entries: equal values give equal bytes. Not for the wire. */
  sortedValue(value: unknown): void {
    this.#sorting = true
    try {
      this.value(value)
    } finally {
      this.#sorting = false
    }
  }

  u8(n: number): void {
    const at = this.#room(1)
    this.#buffer[at] = n
    this.#length = at + 1
  }

  u32(n: number): void {
    const at = this.#room(4)
    this.#view.setUint32(at, n, true)
    this.#length = at + 4
  }

  f64(n: number): void {
    const at = this.#room(8)
    if (!Number.isNaN(n)) this.#view.setFloat64(at, n, true)
    else this.#buffer.set(NAN_BYTES[8], at)
    this.#length = at + 8
  }

  /** A non-negative safe integer in 1 to 8 bytes. */
  uint(n: number): void {
    let at = this.#room(LONGEST_NUMBER)
    const buffer = this.#buffer
    let rest = n
    if (rest > LOW_7_BITS || !(rest >= 0)) {
      invariant(Number.isSafeInteger(rest) && rest >= 0, `A count or number of ${n} is no non-negative safe integer`)
      for (; rest > 0x7fff_ffff; rest = Math.floor(rest / MORE)) buffer[at++] = (rest % MORE) | MORE
      for (; rest > LOW_7_BITS; rest >>>= 7) buffer[at++] = (rest & LOW_7_BITS) | MORE
    }
    buffer[at] = rest
    this.#length = at + 1
  }

  /** Length and UTF-8. A lone surrogate is refused: it has no UTF-8. */
  string(text: string): void {
    const count = text.length
    if (count < SHORT_LOOP && this.#ascii(text, count)) {
      this.#buffer[this.#length] = count
      this.#length += count + 1
      return
    }
    const bytes = this.#utf8Length(text)
    this.uint(bytes)
    this.#utf8(text, bytes)
  }

  /** Length and bytes. */
  bytes(bytes: Uint8Array): void {
    this.uint(bytes.length)
    this.raw(bytes)
  }

  /** The bytes, without their length. */
  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length)
    this.#buffer.set(bytes, at)
    this.#length = at + bytes.length
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    // From Node's pool: memory of its own costs more than writing a small value does (measured: 660 ns against 43).
    const copy = Buffer.allocUnsafe(this.#length)
    this.#buffer.copy(copy, 0, 0, this.#length)
    return copy
  }

  /** A view of what was written, valid until the next call. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  reset(): void {
    this.#length = 0
    if (this.#buffer.length > KEPT_CAPACITY && this.#buffer.length > this.#capacity) this.#allocate(this.#capacity)
  }

  #any(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return this.#number(value)
      case 'object':
        return value === null ? this.u8(TAG.null) : this.#object(value)
      case 'boolean':
        return this.u8(value ? TAG.true : TAG.false)
      case 'undefined':
        return this.u8(TAG.undefined)
      case 'bigint':
        return this.#bigint(value)
      default:
        throw this.#refuse(refusedKind(this.#path(), value))
    }
  }

  #number(n: number): void {
    if (Number.isSafeInteger(n)) {
      if (n >= 0 && n < SHORT_INTEGER) return this.u8(TAG.shortInteger + n)
      this.u8(n < 0 ? TAG.negative : TAG.positive)
      return this.uint(n < 0 ? -n : n)
    }
    this.u8(TAG.float)
    this.f64(n)
  }

  #text(text: string): void {
    const count = text.length
    if (count < SHORT_LOOP && this.#ascii(text, count)) {
      this.#buffer[this.#length] = TAG.shortText + count
      this.#length += count + 1
      return
    }
    const bytes = this.#utf8Length(text)
    if (bytes < SHORT_TEXT) this.u8(TAG.shortText + bytes)
    else {
      this.u8(TAG.text)
      this.uint(bytes)
    }
    this.#utf8(text, bytes)
  }

  /** Writes the characters one byte after the end, leaving that byte for the length; false if one of them is not ASCII. */
  #ascii(text: string, count: number): boolean {
    const at = this.#room(count + 1) + 1
    const buffer = this.#buffer
    for (let i = 0; i < count; i += 1) {
      const code = text.charCodeAt(i)
      if (code > LOW_7_BITS) return false
      buffer[at + i] = code
    }
    return true
  }

  #utf8Length(text: string): number {
    const bytes = Buffer.byteLength(text)
    if (bytes !== text.length && /\p{Surrogate}/u.test(text)) {
      throw this.#refuse(refusal(this.#path(), 'a string with half of a surrogate pair', 'clean it with toWellFormed() first'))
    }
    return bytes
  }

  #utf8(text: string, bytes: number): void {
    const at = this.#room(bytes)
    this.#buffer.write(text, at, 'utf8')
    this.#length = at + bytes
  }

  #bigint(value: bigint): void {
    const magnitude = value < 0n ? -value : value
    this.u8(value < 0n ? TAG.bigNegative : TAG.bigPositive)
    const digits = magnitude === 0n ? '' : magnitude.toString(16)
    const bytes = Math.ceil(digits.length / 2)
    this.uint(bytes)
    const at = this.#room(bytes)
    this.#buffer.write(digits.length % 2 === 0 ? digits : `0${digits}`, at, 'hex')
    this.#length = at + bytes
  }

  #object(value: object): void {
    if (Array.isArray(value)) return this.#array(value)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#plain(value as Record<string, unknown>)
    if (prototype === Map.prototype) return this.#map(value as Map<unknown, unknown>)
    if (prototype === Set.prototype) return this.#set(value as Set<unknown>)
    if (prototype === Date.prototype) return this.#date(value as Date)
    if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) {
      this.u8(TAG.bytes)
      this.#memory(value as Uint8Array)
      return
    }
    if (ArrayBuffer.isView(value)) return this.#typedArray(value as TypedArray, prototype)
    if (value instanceof Error) return this.#error(value)
    throw this.#refuse(refusedKind(this.#path(), value))
  }

  #array(array: readonly unknown[]): void {
    if (Object.getPrototypeOf(array) !== Array.prototype) throw this.#refuse(refusedKind(this.#path(), array))
    const count = array.length
    if (count < SHORT_ARRAY) this.u8(TAG.shortArray + count)
    else this.#counted(TAG.array, count)
    const depth = this.#enter('index')
    for (let i = 0; i < count; i += 1) {
      const item = array[i]
      this.#steps[depth] = i
      if (item === undefined && !Object.hasOwn(array, i)) {
        throw this.#refuse(refusal(this.#path(), 'a hole in an array', 'put null or undefined there'))
      }
      this.#any(item)
    }
    const keys = Object.keys(array)
    if (keys.length !== count || Object.getOwnPropertySymbols(array).length > 0) this.#refuseArrayKey(keys, count)
    this.#depth -= 1
  }

  #refuseArrayKey(keys: readonly string[], count: number): never {
    this.#steps[this.#depth] = keys[count] ?? 'a symbol'
    this.#kinds[this.#depth] = 'key'
    throw this.#refuse(refusal(this.#path(), 'a property of an array beside its elements', 'make a plain object of the two'))
  }

  #plain(object: Record<string, unknown>): void {
    const keys = ascending(Object.keys(object))
    this.#counted(TAG.object, keys.length)
    const depth = this.#enter('key')
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i]!
      this.#steps[depth] = key
      if (isForbiddenKey(key)) throw this.#refuse(refusal(this.#path(), 'under a key that is not allowed', 'rename the key'))
      if (getterOf.call(object, key) !== undefined) throw this.#refuse(this.#accessor())
      this.string(key)
      const item = object[key]
      // A setter without a getter reads as undefined.
      if (item === undefined && Object.getOwnPropertyDescriptor(object, key)?.set) throw this.#refuse(this.#accessor())
      this.#any(item)
    }
    if (Object.getOwnPropertySymbols(object).length > 0) {
      this.#steps[depth] = String(Object.getOwnPropertySymbols(object)[0])
      throw this.#refuse(refusal(this.#path(), 'a property whose key is a symbol', 'use a string as the key'))
    }
    this.#depth -= 1
  }

  #accessor(): Error {
    return refusal(this.#path(), 'a getter or setter', 'put the value itself there')
  }

  #map(map: Map<unknown, unknown>): void {
    const count = mapSize.call(map)
    this.#counted(TAG.map, count)
    const depth = this.#enter('mapKey')
    const starts: number[] = []
    let written = 0
    for (const [key, item] of mapEntries.call(map)) {
      starts.push(this.#length)
      this.#kinds[depth] = 'mapKey'
      this.#steps[depth] = written
      this.#any(key)
      this.#kinds[depth] = 'mapValue'
      this.#any(item)
      written += 1
      if (written > count) break
    }
    this.#leave(starts, count)
  }

  #set(set: Set<unknown>): void {
    const count = setSize.call(set)
    this.#counted(TAG.set, count)
    const depth = this.#enter('element')
    const starts: number[] = []
    let written = 0
    for (const item of setValues.call(set)) {
      starts.push(this.#length)
      this.#steps[depth] = written
      this.#any(item)
      written += 1
      if (written > count) break
    }
    this.#leave(starts, count)
  }

  /** Ends a Map or Set whose entries begin at `starts`: holds W2, and sorts where order must not count. */
  #leave(starts: readonly number[], count: number): void {
    this.#depth -= 1
    if (starts.length !== count) {
      throw this.#refuse(refusal(this.#path(), 'a collection that changed while it was written', 'pass a copy'))
    }
    if (!this.#sorting || count < 2) return
    const entries = starts.map((start, i) => Buffer.from(this.#buffer.subarray(start, starts[i + 1] ?? this.#length)))
    Buffer.concat(entries.sort(Buffer.compare)).copy(this.#buffer, starts[0])
  }

  #date(date: Date): void {
    const ms = getTime.call(date)
    if (Number.isNaN(ms)) throw this.#refuse(refusal(this.#path(), 'an invalid Date', 'use null for no date'))
    this.u8(ms < 0 ? TAG.dateBefore1970 : TAG.date)
    this.uint(Math.abs(ms))
  }

  #typedArray(array: TypedArray, prototype: unknown): void {
    const kind = TYPED_ARRAYS.findIndex((made) => made.prototype === prototype)
    if (kind < 0) throw this.#refuse(refusedKind(this.#path(), array))
    this.u8(TAG.typedArray)
    this.u8(kind)
    const width = TYPED_ARRAYS[kind]!.BYTES_PER_ELEMENT
    const at = this.#memory(array)
    swapToWire(this.#buffer.subarray(at, this.#length), width)
    if (!(array instanceof Float32Array || array instanceof Float64Array)) return
    array.forEach((n, i) => {
      if (Number.isNaN(n)) this.#buffer.set(NAN_BYTES[width as 4 | 8], at + i * width)
    })
  }

  /** Length and bytes of what the array shows of its memory; returns where the bytes begin. */
  #memory(array: TypedArray | Uint8Array): number {
    const bytes = byteLengthOf.call(array)
    this.uint(bytes)
    const at = this.#room(bytes)
    this.#buffer.set(new Uint8Array(array.buffer, array.byteOffset, bytes), at)
    this.#length = at + bytes
    return at
  }

  #error(error: Error & { code?: unknown; data?: unknown }): void {
    this.u8(TAG.error)
    const depth = this.#enter('field')
    this.#errorText(depth, 'name', error.name)
    this.#errorText(depth, 'message', error.message)
    this.#steps[depth] = 'code'
    this.#any(error.code)
    this.#steps[depth] = 'data'
    this.#any(error.data)
    this.#steps[depth] = 'cause'
    this.#any(error.cause)
    this.#depth -= 1
  }

  #errorText(depth: number, field: string, text: unknown): void {
    this.#steps[depth] = field
    if (typeof text !== 'string') throw this.#refuse(refusal(this.#path(), `a ${typeof text}`, 'an error needs a string there'))
    this.string(text)
  }

  #counted(tag: number, count: number): void {
    this.u8(tag)
    this.uint(count)
  }

  /** Goes down into a container and returns the index of its step in the path. */
  #enter(kind: Step): number {
    if (this.#depth === this.#maxDepth) {
      const found = `nested deeper than ${this.#maxDepth} levels or part of a cycle`
      throw this.#refuse(refusal(this.#path(), found, 'refer to parts by a key instead'))
    }
    this.#depth += 1
    this.#kinds[this.#depth] = kind
    this.#steps[this.#depth] = ''
    return this.#depth
  }

  #path(): string {
    let path = 'value'
    for (let depth = 1; depth <= this.#depth; depth += 1) path += pathStep(this.#kinds[depth]!, this.#steps[depth]!)
    return path
  }

  /** Marks an error as one of ours: any other that surfaces in `value` was thrown by foreign code. */
  #refuse(error: Error): Error {
    this.#refused = error
    return error
  }

  #room(count: number): number {
    const at = this.#length
    if (at + count > this.#buffer.length) this.#grow(at + count)
    return at
  }

  #grow(needed: number): void {
    // Room is asked for in round figures; `value` itself checks the limit to the byte. Here it stops what grows without end,
    // such as an array that holds itself twice at each of many levels.
    if (needed - this.#start > this.#limit + LONGEST_NUMBER) throw this.#refuse(tooLarge(this.#limit))
    const old = this.#buffer
    this.#allocate(Math.max(2 * old.length, needed))
    old.copy(this.#buffer, 0, 0, this.#length)
  }

  #allocate(capacity: number): void {
    this.#buffer = Buffer.allocUnsafeSlow(capacity)
    this.#view = new DataView(this.#buffer.buffer)
  }
}

/**
 * The keys in ascending order of their UTF-16 code units, in place. By insertion while they are few: that is faster than calling
 * `sort` (measured), and costs next to nothing where they are in order already.
 */
function ascending(keys: string[]): string[] {
  if (keys.length > FEW_KEYS) return keys.sort()
  for (let i = 1; i < keys.length; i += 1) {
    const key = keys[i]!
    let at = i
    for (; at > 0 && key < keys[at - 1]!; at -= 1) keys[at] = keys[at - 1]!
    keys[at] = key
  }
  return keys
}
