/**
 * Values as a command line shows them: as JSON for programs, in the notation of the language for people.
 *
 * JSON has fewer kinds of values than a log. What it lacks becomes the nearest thing it has: a bigint its digits as text, a Date
 * its ISO text, bytes base64 text, a Map an array of pairs, a Set an array; undefined and NaN become null.
 *
 * Boundary: values to text; never parsed back.
 */
import { inspect } from 'node:util'

/** The value as `JSON.stringify` can write it. */
export function jsonable(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return value.toString()
    case 'undefined':
      return null
    case 'object':
      return value === null ? null : jsonableObject(value)
    default:
      return value
  }
}

function jsonableObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(jsonable)
  if (value instanceof Map) return [...value].map(([key, item]) => [jsonable(key), jsonable(item)])
  if (value instanceof Set) return [...value].map(jsonable)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonable(item)]))
}

/** For people, over as many lines as it takes. */
export function shown(value: unknown, colors: 'colors' | 'plain' = 'plain'): string {
  return inspect(value, {
    depth: null,
    colors: colors === 'colors',
    maxArrayLength: null,
    maxStringLength: null,
    breakLength: SCREEN_WIDTH,
  })
}

/** For people, on one line. */
export function oneLineOf(value: unknown): string {
  return inspect(value, {
    depth: null,
    breakLength: Number.POSITIVE_INFINITY,
    maxStringLength: ONE_LINE,
    maxArrayLength: ONE_LINE,
  })
}

/** More of one text or list than this nobody reads on one line. */
const ONE_LINE = 100

/** The width that every terminal has. */
export const SCREEN_WIDTH = 80
