/**
 * What was shown by the last run: one small file of results per producer (tests, benches, simulation, CI checks).
 *
 * A result is a name as docs/acceptance.md writes it (`test/space.test.ts › a title`, `bench: W1`, `sim: seeds`, `ci: package`)
 * and a state. Producers overwrite their own file and know nothing of each other; `check-acceptance.mjs` reads them all.
 *
 * As a program: `node scripts/results.mjs record PRODUCER NAME STATE` adds one result to those of PRODUCER, `clear` forgets all.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @typedef {'passed' | 'failed' | 'skipped'} State */
/** @typedef {Record<string, State>} Results */

/**
 * Where results lie: a cache that `npm ci` empties, so that none outlives the packages it was found with. A run whose results are
 * no evidence names another folder in PERDURE_RESULTS.
 */
export const RESULTS_FOLDER =
  process.env.PERDURE_RESULTS ?? fileURLToPath(new URL('../node_modules/.cache/perdure/results/', import.meta.url))

/**
 * Replaces the results of one producer.
 * @param {string} producer becomes the file's name: letters, digits and hyphens
 * @param {Results} results
 * @param {string} [folder]
 */
export function writeResults(producer, results, folder = RESULTS_FOLDER) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${producer}.json`)
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(results, null, 2)}\n`)
  renameSync(draft, file)
}

/**
 * The results of all producers together.
 * @param {string} [folder]
 * @returns {Results}
 */
export function readResults(folder = RESULTS_FOLDER) {
  if (!existsSync(folder)) return {}
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return Object.assign({}, ...files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))))
}

/**
 * The worse of two states under one name: a test that ran twice and failed once has failed.
 * @param {State | undefined} a
 * @param {State} b
 * @returns {State}
 */
export function worse(a, b) {
  if (a === 'failed' || b === 'failed') return 'failed'
  return a === 'skipped' || b === 'skipped' ? 'skipped' : 'passed'
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2))

/** @param {string[]} words */
function main([command, producer, name, state]) {
  if (command === 'clear') {
    rmSync(RESULTS_FOLDER, { recursive: true, force: true })
  } else if (command === 'record' && producer && name && (state === 'passed' || state === 'failed')) {
    const file = join(RESULTS_FOLDER, `${producer}.json`)
    const earlier = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
    writeResults(producer, { ...earlier, [name]: state })
  } else {
    console.error('usage: node scripts/results.mjs clear | record PRODUCER NAME passed|failed')
    process.exitCode = 2
  }
}
