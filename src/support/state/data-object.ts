/**
 * Objects whose fields are all their state: taken apart into data, made again from it, and refilled.
 *
 * Boundary: the outermost object. What its fields hold is copied as any value (`copy.ts`). Functions and accessors in an object
 * literal are its code, as methods are a class's: a twin has them too, its data has not. In an instance of a class they are
 * refused, because an arrow function in a field belongs to the object it was made in.
 */
import { Copier, type CopyOptions } from './copy.ts'
import { baseKindOf, blankOf, type Filled } from './kind.ts'

/** The state of the object as data: of a subclass of Map a Map, of any other class a plain object. */
export function asData(object: object, options: CopyOptions): object {
  const kind = kindOfData(object)
  const data = blankOf(kind, PLAIN[kind])
  new Copier(options).fill(object, data, kind, isLiteral(object) ? 'skip' : 'refuse')
  return data
}

/** Another object of the same class as `object` with the fields of `state`, which may be the object itself. */
export function twinOf(object: object, state: object, options: CopyOptions): object {
  const kind = kindOfData(object)
  const twin = blankOf(kind, Object.getPrototypeOf(object))
  const literal = isLiteral(object)
  if (state === object) new Copier(options).fill(object, twin, kind, literal ? 'take' : 'refuse')
  else {
    if (literal) takeCode(object, twin)
    new Copier(options).fill(state, twin, kind, literal ? 'skip' : 'refuse')
  }
  return twin
}

/** Gives the very object the state `data`, if it lets its fields be removed and written; else does nothing and says false. */
export function refill(object: object, data: object, options: CopyOptions): boolean {
  const kind = kindOfData(object)
  const present = dataFields(object)
  if (!Object.isExtensible(object) || present.some((key) => !isFree(object, key))) return false
  if (kind === 'array') (object as unknown[]).length = 0
  else if (kind === 'map') Map.prototype.clear.call(object)
  else if (kind === 'set') Set.prototype.clear.call(object)
  const wanted = dataFields(data)
  // Fields that stay where they are keep the object fast, and their order.
  if (kind === 'array' || !sameKeys(present, wanted)) for (const key of present) Reflect.deleteProperty(object, key)
  new Copier(options).fill(data, object, kind, isLiteral(object) ? 'skip' : 'refuse')
  return true
}

/** In words to follow "is": what the state consists of. */
export function shapeOf(object: object): string {
  const kind = kindOfData(object)
  const names = kind === 'array' ? [] : dataFields(object).map(String).sort()
  const fields = names.length === 0 ? 'no fields' : `the fields ${names.join(', ')}`
  return kind === 'object' ? fields : `${kind === 'array' ? 'an array' : `a ${kind}`} with ${fields}`
}

/** Undefined for objects with built-in parts that cannot be made anew, as of promises. */
function kindOfData(object: object): Filled {
  return baseKindOf(object) ?? 'object'
}

const PLAIN: Readonly<Record<Filled, object>> = {
  object: Object.prototype,
  array: Array.prototype,
  map: Map.prototype,
  set: Set.prototype,
  error: Error.prototype,
}

function isLiteral(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  return prototype === Object.prototype || prototype === null
}

function dataFields(object: object): (string | symbol)[] {
  const keys = Reflect.ownKeys(object)
  return isLiteral(object) ? keys.filter((key) => !isCode(Object.getOwnPropertyDescriptor(object, key)!)) : keys
}

function isCode(field: PropertyDescriptor): boolean {
  return typeof field.value === 'function' || field.get !== undefined || field.set !== undefined
}

function isFree(object: object, key: string | symbol): boolean {
  return (key === 'length' && Array.isArray(object)) || Object.getOwnPropertyDescriptor(object, key)?.configurable === true
}

function takeCode(from: object, to: object): void {
  for (const key of Reflect.ownKeys(from)) {
    const field = Object.getOwnPropertyDescriptor(from, key)!
    if (isCode(field)) Object.defineProperty(to, key, field)
  }
}

function sameKeys(a: readonly (string | symbol)[], b: readonly (string | symbol)[]): boolean {
  return a.length === b.length && a.every((key, i) => key === b[i])
}
