/**
 * The one equality of values, for templates, ballots and stabilizers, and the text that stands for a value in a Map.
 *
 * Equal is by content: the keys of objects and Maps and the elements of Sets in any order, arrays in order, NaN equal to NaN,
 * 1 and 1n different, `{ a: undefined }` and `{}` different, errors by the five fields that travel. The elements of typed arrays
 * are compared as their bytes are, so there -0 and 0 differ.
 *
 * Boundary: values of the domain. Anything else equals only itself.
 *
 * Invariant:
 *   E1  `equal(a, b)` exactly when `fingerprint(a) === fingerprint(b)`.
 */

import { MAX_DEPTH } from './format.ts'
import { refusal } from './refusal.ts'
import { Writer } from './writer.ts'

export function equal(a: unknown, b: unknown): boolean {
  return equalAt(a, b, 0)
}

/** A string that is the same exactly for equal values. */
export function fingerprint(value: unknown): string {
  // The frequent scalars go without bytes; their first character is one that no byte becomes.
  if (typeof value === 'string') return `\u0100${value}`
  if (typeof value === 'number') return `\u0101${value}`
  if (typeof value === 'bigint') return `\u0102${value}`
  const writer = spare ?? new Writer()
  spare = undefined
  try {
    writer.sortedValue(value)
    return Buffer.prototype.toString.call(writer.view(), 'latin1')
  } finally {
    writer.reset()
    spare = writer
  }
}

/** Kept between calls; absent while in use, so that a Proxy that comes back in here gets another one. */
let spare: Writer | undefined

function equalAt(a: unknown, b: unknown, depth: number): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Number.isNaN(a) && Number.isNaN(b)
  if (depth === MAX_DEPTH) {
    throw refusal('value', `nested deeper than ${MAX_DEPTH} levels or part of a cycle`, 'compare smaller parts of it')
  }
  if (Array.isArray(a)) return Array.isArray(b) && equalArrays(a, b, depth)
  const prototype: unknown = Object.getPrototypeOf(a)
  if (isPlain(prototype)) return isPlain(Object.getPrototypeOf(b)) && !Array.isArray(b) && equalObjects(a, b, depth)
  if (a instanceof Map) return b instanceof Map && equalMaps(a, b, depth)
  if (a instanceof Set) return b instanceof Set && equalSets(a, b)
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime()
  if (ArrayBuffer.isView(a)) return ArrayBuffer.isView(b) && equalMemory(a, b)
  if (a instanceof Error) return b instanceof Error && equalErrors(a, b, depth)
  return false
}

function isPlain(prototype: unknown): boolean {
  return prototype === Object.prototype || prototype === null
}

function equalArrays(a: readonly unknown[], b: readonly unknown[], depth: number): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i += 1) {
    if (!equalAt(a[i], b[i], depth + 1)) return false
  }
  return true
}

function equalObjects(a: object, b: object, depth: number): boolean {
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  for (const key of keys) {
    if (!Object.hasOwn(right, key) || !equalAt(left[key], right[key], depth + 1)) return false
  }
  return true
}

function equalMaps(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>, depth: number): boolean {
  if (a.size !== b.size) return false
  let structured = false
  for (const [key, item] of a) {
    if (isStructured(key)) structured = true
    else if (!b.has(key) || !equalAt(item, b.get(key), depth + 1)) return false
  }
  return !structured || fingerprint(a) === fingerprint(b)
}

function equalSets(a: ReadonlySet<unknown>, b: ReadonlySet<unknown>): boolean {
  if (a.size !== b.size) return false
  let structured = false
  for (const item of a) {
    if (isStructured(item)) structured = true
    else if (!b.has(item)) return false
  }
  return !structured || fingerprint(a) === fingerprint(b)
}

/** What Maps and Sets find by identity and we by content. */
function isStructured(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function equalMemory(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Float32Array || a instanceof Float64Array) {
    const other = b as typeof a
    return a.every((n: number, i: number) => Object.is(n, other[i]))
  }
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

interface Fields {
  readonly name: string
  readonly message: string
  readonly code?: unknown
  readonly data?: unknown
  readonly cause?: unknown
}

function equalErrors(a: Fields, b: Fields, depth: number): boolean {
  if (a.name !== b.name || a.message !== b.message) return false
  const next = depth + 1
  return equalAt(a.code, b.code, next) && equalAt(a.data, b.data, next) && equalAt(a.cause, b.cause, next)
}
