/**
 * What is written behind `perdure run`, checked: each error says what is wrong and shows a good one.
 *
 * Boundary: words to data. Errors: `PERDURE_E_USAGE`.
 */
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { usage } from './output.ts'

/** More node processes than any machine has use for. */
const MAX_NODES = 256

/** FILE as the URL of a module. */
export function moduleOf(file: string): string {
  const path = resolve(file)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isFile()) return pathToFileURL(path).href
  throw usage(
    `${found ? `${file} is no file` : `There is no file ${file}`} (looked at ${path}). Expected a program whose default export is a process, as in: perdure run program.mjs`,
  )
}

/** The arguments of the body. */
export function inputOf(text: string | undefined): readonly unknown[] {
  if (text === undefined) return []
  const good = `Expected a JSON array of the arguments of the body, as in --input '["Ada", 3]'.`
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch (cause) {
    throw usage(`--input ${text} is no JSON: ${(cause as Error).message}. ${good}`)
  }
  if (Array.isArray(input)) return input
  throw usage(
    `--input ${text} is JSON but no array. ${good} For a single argument put it into brackets: --input '[${JSON.stringify(input)}]'.`,
  )
}

export function nodesOf(text: string | undefined): number {
  if (text === undefined) return availableParallelism()
  const nodes = Number(text)
  if (Number.isInteger(nodes) && nodes >= 1 && nodes <= MAX_NODES) return nodes
  throw usage(`--nodes ${text} is no number of node processes. Expected a whole number from 1 to ${MAX_NODES}.`)
}
