/**
 * The words with which a copy is refused: what was found, and where.
 *
 * Boundary: text only. It runs when something has been refused, so it may be slow; it calls nothing of what it looks at.
 */
import { pathStep } from '../../log/codec/refusal.ts'

/** What something is of which no copy can be made: `a function (onDone)`, `an instance of Socket`. */
export function obstacle(value: object): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : `a function (${value.name})`
  return `an instance of ${classOf(value)}`
}

/** The name of the class of an object, as far as data properties tell. */
export function classOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null) return 'Object'
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  return typeof made === 'function' && made.name !== '' ? made.name : 'a class without a name'
}

type Key = string | symbol | number

/** From the root to a field of `owner`, which the root leads to: `this.items[3].done`. */
export function pathTo(name: string, root: object | undefined, owner: object | undefined, at: Key): string {
  if (root === undefined || owner === undefined) return name
  const paths = new Map<object, string>([[root, name]])
  for (const [object, path] of paths) {
    if (object === owner) return path + step(object, at)
    for (const [key, item] of contents(object)) {
      if (typeof item === 'object' && item !== null && !paths.has(item)) paths.set(item, path + step(object, key))
    }
  }
  return `${name} … ${step(owner, at)}`
}

function contents(object: object): [Key, unknown][] {
  const found: [Key, unknown][] = []
  for (const key of Reflect.ownKeys(object)) {
    const field = Object.getOwnPropertyDescriptor(object, key)
    if (field !== undefined && 'value' in field) found.push([key, field.value])
  }
  if (object instanceof Map)
    for (const [key, item] of Map.prototype.entries.call(object)) found.push(['<key>', key], ['<value>', item])
  else if (object instanceof Set) for (const item of Set.prototype.values.call(object)) found.push(['<element>', item])
  return found
}

function step(object: object, at: Key): string {
  if (typeof at === 'symbol') return `[${String(at)}]`
  if (String(at).startsWith('<')) return String(at)
  return pathStep(Array.isArray(object) && /^\d+$/.test(String(at)) ? 'index' : 'field', at)
}
