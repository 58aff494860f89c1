/**
 * Values to bytes and back: what every mechanism uses for whatever enters the log, crosses a socket or is kept as a copy.
 *
 * A value has one encoding, so equal bytes mean equal values; `format.ts` describes the bytes, `writer.ts` and
 * `reader.ts` are the two directions, `equality.ts` compares without bytes.
 *
 * Boundary: the value domain of the public contract, nothing else. No class is revived but those of the domain; nothing that
 * bytes name is ever executed.
 */

import { PerdureError } from '../../errors.ts'
import { MAX_BLOB, MAX_VALUE } from '../log.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

// biome-ignore lint/performance/noBarrelFile: one door for all that has to do with values; the parts are files of their own to be readable
export { digest } from './digest.ts'
export { equal, fingerprint } from './equality.ts'
export { preview } from './preview.ts'
export { Reader, Writer }

/** Longer arrays gain nothing from the shortcut in `copyValue`: their cost is the strings in them. */
const FLAT_ARRAY = 1024

/** `PERDURE_E_VALUE` when the value is outside the domain or over `limit` bytes. */
export function encode(value: unknown, limit: number = MAX_VALUE): Uint8Array {
  return throughWriter(value, limit, taken)
}

/** `PERDURE_E_PROTOCOL` on bytes that are no value, or with bytes left over. */
export function decode(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes)
  const value = reader.value()
  if (reader.offset === reader.end) return value
  const text = `A value ends at byte ${reader.offset} of ${reader.end}. Nothing should follow: the bytes are damaged, or come from something else.`
  throw new PerdureError('PERDURE_E_PROTOCOL', text, { data: { offset: reader.offset } })
}

/** A copy as `decode(encode(value))` gives it, fast for primitives and flat arrays of them. */
export function copyValue<T>(value: T): T {
  if (isPrimitive(value)) return value === 0 ? (0 as T) : value
  const copy = Array.isArray(value) ? copyFlat(value) : undefined
  return (copy ?? throughWriter(value, MAX_BLOB, decodedView)) as T
}

/** The copy of an array that holds nothing but primitives of the domain; undefined if it is another one, or is to be refused. */
function copyFlat(array: readonly unknown[]): unknown[] | undefined {
  const count = array.length
  if (count > FLAT_ARRAY || Object.getPrototypeOf(array) !== Array.prototype) return undefined
  const copy: unknown[] = new Array(count)
  for (let i = 0; i < count; i += 1) {
    const item = array[i]
    if (item === 0) copy[i] = 0
    else if (isPrimitive(item) && (item !== undefined || Object.hasOwn(array, i))) copy[i] = item
    else return undefined
  }
  return Object.keys(array).length === count && Object.getOwnPropertySymbols(array).length === 0 ? copy : undefined
}

function isPrimitive(item: unknown): boolean {
  switch (typeof item) {
    case 'string':
      return (item as string & { isWellFormed(): boolean }).isWellFormed()
    case 'symbol':
    case 'function':
      return false
    default:
      return typeof item !== 'object' || item === null
  }
}

/** Kept between calls; absent while in use, so that a Proxy that comes back in here gets another one. */
let spare: Writer | undefined

function throughWriter<R>(value: unknown, limit: number, result: (writer: Writer) => R): R {
  const writer = spare ?? new Writer()
  spare = undefined
  try {
    writer.value(value, limit)
    return result(writer)
  } finally {
    writer.reset()
    spare = writer
  }
}

function taken(writer: Writer): Uint8Array {
  return writer.take()
}

function decodedView(writer: Writer): unknown {
  return decode(writer.view())
}
