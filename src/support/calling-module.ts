/**
 * Which module of the program defines something: workers import it to have the same definition.
 *
 * Boundary: reads a stack, as V8 writes it; where that does not tell, there is no answer.
 */
import { pathToFileURL } from 'node:url'

/** The module that called into this package, as a URL; undefined where the stack does not say. */
export function callingModule(): string | undefined {
  const locations = (new Error().stack ?? '').split('\n').flatMap((frame) => frame.match(LOCATION)?.[1] ?? [])
  // As the stack has it: with source maps, frames of what was built name its source.
  const own = locations[0]?.replace(/support[\\/]calling-module\.[jt]s$/, '')
  const location = locations.find((each) => own !== undefined && !each.startsWith(own))
  if (location === undefined) return undefined
  return location.startsWith('file:') ? location : pathToFileURL(location).href
}

const LOCATION = /((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?):\d+:\d+\)?$/
