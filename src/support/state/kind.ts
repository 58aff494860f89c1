/**
 * What kind of object something is, as far as copying goes, told by what the object is made of and not by what it says it is.
 *
 * Boundary: the built-in kinds of one realm; an object of another realm (`node:vm`) is an instance of an unknown class.
 */

import { hiddenState } from './hidden-state.ts'

/** What decides how an object is filled. `leaf`: a blank copy is complete already; `instance`: only its class knows. */
export type Kind = 'object' | 'array' | 'map' | 'set' | 'error' | 'leaf' | 'instance'

const mapSize: (this: unknown) => number = Object.getOwnPropertyDescriptor(Map.prototype, 'size')!.get!
const setSize: (this: unknown) => number = Object.getOwnPropertyDescriptor(Set.prototype, 'size')!.get!
const byteLength: (this: unknown) => number = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')!.get!
const { getTime } = Date.prototype

/** The kinds whose objects are made empty and then filled. */
export type Filled = Exclude<Kind, 'leaf' | 'instance'>

type View = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView

export const VIEWS: ReadonlyMap<unknown, View> = new Map<unknown, View>(
  [
    Uint8Array,
    Int8Array,
    Uint8ClampedArray,
    Uint16Array,
    Int16Array,
    Uint32Array,
    Int32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ].map((made) => [made.prototype, made as View]),
)

export function kindOf(value: object): Kind {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return 'object'
  if (prototype === Array.prototype && Array.isArray(value)) return 'array'
  return builtInKind(value, prototype)
}

function builtInKind(value: object, prototype: unknown): Kind {
  switch (prototype) {
    case Map.prototype:
      return has(mapSize, value) ? 'map' : 'instance'
    case Set.prototype:
      return has(setSize, value) ? 'set' : 'instance'
    case Date.prototype:
      return has(getTime, value) ? 'leaf' : 'instance'
    case RegExp.prototype:
      return Object.hasOwn(value, 'lastIndex') ? 'leaf' : 'instance'
    case ArrayBuffer.prototype:
      return has(byteLength, value) ? 'leaf' : 'instance'
    case Buffer.prototype:
      return ArrayBuffer.isView(value) ? 'leaf' : 'instance'
    default:
      if (VIEWS.has(prototype) && ArrayBuffer.isView(value)) return 'leaf'
      return isError(value) && hiddenState(prototype as object) === undefined ? 'error' : 'instance'
  }
}

/** What the objects of a class are made of: `object` where no built-in class stands above it; undefined for what cannot be made anew. */
export function baseKindOf(value: object): Filled | undefined {
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return 'object'
  const known = BASES.get(prototype)
  if (known !== undefined) return known
  const kind = baseKindAbove(value)
  if (kind !== undefined) BASES.set(prototype, kind)
  return kind
}

/** Kept for each prototype, since it is asked for at every attempt. */
const BASES = new WeakMap<object, Filled>()

function baseKindAbove(value: object): Filled | undefined {
  if (Array.isArray(value)) return 'array'
  if (has(mapSize, value)) return 'map'
  if (has(setSize, value)) return 'set'
  if (isError(value)) return 'error'
  return hasNativeParts(value) ? undefined : 'object'
}

/** An empty object of this kind. */
export function blankOf(kind: Filled, prototype: object | null): object {
  switch (kind) {
    case 'object':
      return prototype === Object.prototype ? {} : Object.create(prototype)
    case 'array':
      return prototype === Array.prototype ? [] : Object.setPrototypeOf([], prototype)
    case 'map':
      return prototype === Map.prototype ? new Map() : Object.setPrototypeOf(new Map(), prototype)
    case 'set':
      return prototype === Set.prototype ? new Set() : Object.setPrototypeOf(new Set(), prototype)
    case 'error':
      return Object.setPrototypeOf(new Error(), prototype)
  }
}

function isError(value: object): boolean {
  return value instanceof Error && Object.hasOwn(value, 'stack')
}

/** Dates, promises, buffers and the like keep something where no field shows it. */
function hasNativeParts(value: object): boolean {
  for (const Made of NATIVE) if (value instanceof Made) return true
  return false
}

const NATIVE: readonly (new (...args: never[]) => object)[] = [
  Array,
  Map,
  Set,
  Error,
  Date,
  RegExp,
  Promise,
  WeakMap,
  WeakSet,
  WeakRef,
  ArrayBuffer,
  SharedArrayBuffer,
  DataView,
  Object.getPrototypeOf(Uint8Array),
  Number,
  String,
  Boolean,
]

function has(method: (this: unknown) => unknown, value: object): boolean {
  try {
    method.call(value)
    return true
  } catch {
    return false
  }
}
