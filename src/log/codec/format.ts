/**
 * The bytes of a value, format version 1: one tag, then what the tag asks for.
 *
 * Boundary: numbers and names only, shared by the writer and the reader. A tag that was released keeps its meaning for ever;
 * `test/fixtures/codec-v1.json` holds bytes that must decode for ever.
 *
 *   00 null   01 undefined   02 false   03 true
 *   04 u  a positive integer of 128 and above        05 u  the magnitude of a negative integer
 *   06 f64 any other number, little endian           07 u bytes  text of 64 bytes and above, UTF-8
 *   08 u bytes, 09 u bytes  a bigint, not negative or negative: magnitude, big endian, no leading zero
 *   0a u, 0b u  a date from 1970 on, or before it: milliseconds
 *   0c u values  an array of 16 and above            0d u (key value)…  a plain object, keys ascending
 *   0e u (value value)…  a Map                       0f u values  a Set
 *   10 name message code data cause  an error: two keys, three values
 *   11 u bytes  a Uint8Array                         12 kind u bytes  another typed array, little endian
 *   30 to 3f  an array of 0 to 15   40 to 7f  text of 0 to 63 bytes   80 to ff  an integer of 0 to 127
 *
 * `u` is a safe integer, seven bits a byte, lowest first, the highest bit saying that more follow. A key is `u` and UTF-8.
 *
 * Invariants:
 *   C1  A value has one encoding, except that a Map and a Set are written in the order they have. The reader refuses all others.
 *   C2  Whatever the reader accepts, the writer writes again as the same bytes.
 */

export const TAG = {
  null: 0x00,
  undefined: 0x01,
  false: 0x02,
  true: 0x03,
  positive: 0x04,
  negative: 0x05,
  float: 0x06,
  text: 0x07,
  bigPositive: 0x08,
  bigNegative: 0x09,
  date: 0x0a,
  dateBefore1970: 0x0b,
  array: 0x0c,
  object: 0x0d,
  map: 0x0e,
  set: 0x0f,
  error: 0x10,
  bytes: 0x11,
  typedArray: 0x12,
  shortArray: 0x30,
  shortText: 0x40,
  shortInteger: 0x80,
} as const

export const SHORT_ARRAY = 16
export const SHORT_TEXT = 64
export const SHORT_INTEGER = 128

/** Deep enough for data that people write, shallow enough that no recursion over a value comes near the end of the stack. */
export const MAX_DEPTH = 64

/** `Date` knows no moment farther from 1970 than this. */
export const MAX_DATE_MS = 8_640_000_000_000_000

/** Below this many characters a loop over them is faster than a call out of JavaScript (measured). */
export const SHORT_LOOP = 24

/** The one NaN that is written; machines make others, and equal values must have equal bytes. */
export const NAN_BYTES: Readonly<Record<4 | 8, readonly number[]>> = { 4: [0, 0, 0xc0, 0x7f], 8: [0, 0, 0, 0, 0, 0, 0xf8, 0x7f] }

export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

export type TypedArray =
  | Int8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array

export interface TypedArrayClass {
  readonly prototype: object
  readonly name: string
  readonly BYTES_PER_ELEMENT: number
  new (memory: ArrayBuffer): TypedArray
}

/** The index is the kind on the wire: append only. `Uint8Array` has its own tag. */
export const TYPED_ARRAYS: readonly TypedArrayClass[] = [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]

/** Keys that reach the prototype of an object in careless hands. */
export function isForbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}

/** Puts the elements into the order of the wire, or back: on most machines there is nothing to do. */
export function swapToWire(bytes: Buffer, width: number): void {
  if (LITTLE_ENDIAN || width === 1) return
  if (width === 2) bytes.swap16()
  else if (width === 4) bytes.swap32()
  else bytes.swap64()
}
