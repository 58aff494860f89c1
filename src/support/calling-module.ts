/**
 * Which module of the program defines something: workers import it to have the same definition.
 *
 * Boundary: reads a stack, as V8 writes it; where that does not tell, there is no answer.
 */
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The module that called into this package, as a URL; undefined where the stack does not say. */
export function callingModule(): string | undefined {
  for (const frame of (new Error().stack ?? '').split('\n')) {
    const location = frame.match(LOCATION)?.[1]
    if (location === undefined || OWN.some((folder) => location.startsWith(folder))) continue
    return location.startsWith('file:') ? location : pathToFileURL(location).href
  }
  return undefined
}

/** A stack names ES modules by URL and compiled ones by path. */
const OWN: readonly string[] = [new URL('..', import.meta.url).href, fileURLToPath(new URL('..', import.meta.url))]

const LOCATION = /((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?):\d+:\d+\)?$/
