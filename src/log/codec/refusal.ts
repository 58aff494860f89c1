/**
 * The words with which a value is refused: where it is, what was found, what may be used instead.
 *
 * Boundary: text only, and never in the way of a value that is fine. Everything here may be slow; nothing here may throw, since
 * what it looks at may be hostile.
 */

import { PerdureError } from '../../errors.ts'

/** How the step from a container to its content is written in a path. */
export type Step = 'index' | 'key' | 'mapKey' | 'mapValue' | 'element' | 'field'

const DOMAIN =
  'null, undefined, booleans, numbers, strings, bigints, dates, typed arrays, Maps, Sets, arrays, plain objects and errors can travel'

/** A path longer than this says more about its keys than about the place. `data.path` has all of it. */
const LONGEST_PATH_IN_MESSAGE = 200

const INSTEAD: Readonly<Record<string, string>> = {
  ArrayBuffer: 'wrap it in a Uint8Array',
  DataView: 'wrap its buffer in a Uint8Array',
  Promise: 'await it first',
  RegExp: 'send its source and its flags as strings',
  SharedArrayBuffer: 'copy it into a Uint8Array',
  URL: 'send its href as a string',
}

export function refusal(path: string, found: string, instead: string, cause?: unknown): PerdureError {
  const where = path.length > LONGEST_PATH_IN_MESSAGE ? `${path.slice(0, LONGEST_PATH_IN_MESSAGE)}…` : path
  return new PerdureError('PERDURE_E_VALUE', `${where} is ${found}; ${instead}.`, { cause, data: { path } })
}

export function refusedKind(path: string, value: unknown): PerdureError {
  if (typeof value === 'function') return refusal(path, `a function${named(value)}`, `${DOMAIN}, code cannot`)
  if (typeof value === 'symbol') return refusal(path, 'a symbol', 'send its description as a string')
  const kind = kindOf(value)
  const instead = INSTEAD[kind] ?? 'make a plain object of what matters in it'
  return refusal(path, `an instance of ${kind}`, `${DOMAIN}, instances of other classes cannot: ${instead}`)
}

export function tooLarge(limit: number): PerdureError {
  const instead = 'split it, or keep the large part in a file or a step result and send what leads to it'
  return refusal('value', `larger than the ${limit} bytes allowed when encoded`, instead)
}

/** Names a class without trusting what carries it: only data properties are looked at. */
function kindOf(value: unknown): string {
  try {
    const prototype: unknown = Object.getPrototypeOf(value)
    const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
    return typeof made === 'function' && made.name !== '' ? made.name : 'a class without a name'
  } catch {
    return 'a class that cannot be named'
  }
}

function named(value: object): string {
  const name: unknown = Object.getOwnPropertyDescriptor(value, 'name')?.value
  return typeof name === 'string' && name !== '' ? ` (${name})` : ''
}

export function pathStep(kind: Step, at: string | number): string {
  switch (kind) {
    case 'index':
      return `[${at}]`
    case 'key':
    case 'field':
      return /^[A-Za-z_$][\w$]*$/.test(String(at)) ? `.${at}` : `[${JSON.stringify(at)}]`
    case 'mapKey':
      return `<key ${at}>`
    case 'mapValue':
      return `<value ${at}>`
    case 'element':
      return `<element ${at}>`
  }
}
