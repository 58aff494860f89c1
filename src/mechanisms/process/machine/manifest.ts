/**
 * What the work folder of a run holds, as data: which files, by the hash of their content, and what a step has changed.
 *
 * A manifest is a fold over the journal: the record of each step, and of each checkpoint, says what is different since the record
 * before. So the manifest of a run is what its recorded steps have left, in the order of the log.
 *
 * Boundary: pure. Who looks into folders is a `WorkFolder`, who decides when is `work-files.ts`, who keeps a manifest is the machine.
 *   F1  No path leads out of its folder or means anything else than the file of that name, whoever wrote it into the log.
 *   F2  A manifest never exceeds its bounds; what would is refused as a whole.
 */
import { PerdureError } from '../../../errors.ts'
import { encode } from '../../../log/codec/codec.ts'
import { MAX_BLOB, MAX_VALUE } from '../../../log/log.ts'
import type { WorkFile } from '../../../log/work-folders.ts'

/** Files and empty folders of a run: each takes some 200 bytes of memory on the owner, and a moment at each recovery. */
export const MAX_FILES = 10_000

/** 1 GB: all of it is fetched again when the run goes on elsewhere. */
export const MAX_FILES_BYTES: number = 1024 * 1024 * 1024

/** Of the changes of one step, encoded: with the result and the name of the step they fit an operation. Some 1,500 files. */
export const MAX_CHANGES_BYTES: number = (MAX_VALUE * 3) / 2

/** Of a path, in UTF-8: the folder it lies in has a path too, and systems allow 4,096. */
const MAX_PATH_BYTES = 1_024

/** Of one name in a path: what the usual file systems allow. */
const MAX_NAME_BYTES = 255

/** A page of a manifest on its way to a host: half a frame. */
const PAGE_BYTES = 256 * 1024

/** As they travel: short, because there may be many. */
export type FileRow = readonly [path: string, size: number, blob: string, executable: boolean]

/** The difference between two manifests. What is not named is as it was. */
export interface FileChanges {
  readonly added: readonly FileRow[]
  readonly changed: readonly FileRow[]
  readonly removed: readonly string[]
}

export class Manifest {
  readonly #files = new Map<string, WorkFile>()
  #bytes = 0

  get count(): number {
    return this.#files.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get files(): readonly WorkFile[] {
    return [...this.#files.values()]
  }

  get rows(): readonly FileRow[] {
    return this.files.map(rowOf)
  }

  get(path: string): WorkFile | undefined {
    return this.#files.get(path)
  }

  /** Must be within the bounds (`excessOf`). */
  apply({ added, changed, removed }: FileChanges): void {
    for (const path of removed) this.#remove(path)
    for (const row of [...added, ...changed]) this.add(row)
  }

  add(row: FileRow): void {
    const file = fileOf(row)
    this.#bytes += file.size - (this.#files.get(file.path)?.size ?? 0)
    this.#files.set(file.path, file)
  }

  #remove(path: string): void {
    this.#bytes -= this.#files.get(path)?.size ?? 0
    this.#files.delete(path)
  }

  clear(): void {
    this.#files.clear()
    this.#bytes = 0
  }
}

/** What has to be recorded so that `before` becomes what there is now; sorted, so that the same files make the same record. */
export function changesBetween(before: Manifest, now: readonly WorkFile[]): FileChanges {
  const added: FileRow[] = []
  const changed: FileRow[] = []
  const present = new Set<string>()
  for (const file of now) {
    present.add(file.path)
    const old = before.get(file.path)
    if (old === undefined) added.push(rowOf(file))
    else if (old.blob !== file.blob || old.executable !== file.executable) changed.push(rowOf(file))
  }
  const removed = before.files.flatMap(({ path }) => (present.has(path) ? [] : [path]))
  return { added: added.sort(byPath), changed: changed.sort(byPath), removed: removed.sort() }
}

export function isUnchanged({ added, changed, removed }: FileChanges): boolean {
  return added.length === 0 && changed.length === 0 && removed.length === 0
}

/** Why the changes cannot be made, for people; undefined if they can. */
export function excessOf(manifest: Manifest, changes: FileChanges): string | undefined {
  let count = manifest.count
  let bytes = manifest.bytes
  for (const path of new Set(changes.removed)) {
    const file = manifest.get(path)
    count -= file ? 1 : 0
    bytes -= file?.size ?? 0
  }
  const removed = new Set(changes.removed)
  for (const [path, size] of [...changes.added, ...changes.changed]) {
    const old = removed.has(path) ? undefined : manifest.get(path)
    count += old ? 0 : 1
    bytes += size - (old?.size ?? 0)
  }
  if (count > MAX_FILES) return `the work folder holds ${count} files, and may hold ${MAX_FILES}: pack them, or remove some`
  if (bytes > MAX_FILES_BYTES)
    return `the work folder holds ${bytes} bytes, and may hold ${MAX_FILES_BYTES}: keep large data in a store of your own`
  return undefined
}

/** Throws `PERDURE_E_FILES` for what no record may hold. */
export function checkChanges(manifest: Manifest, changes: FileChanges): void {
  for (const row of [...changes.added, ...changes.changed]) {
    const wrong = flawOf(row)
    if (wrong !== undefined) throw filesError(`The file ${JSON.stringify(row[0])} cannot be kept: ${wrong}.`)
  }
  const excess = excessOf(manifest, changes)
  if (excess !== undefined) throw filesError(`The files of this run cannot be kept: ${excess}.`)
  const bytes = encode(changes, Number.POSITIVE_INFINITY).length
  if (bytes > MAX_CHANGES_BYTES)
    throw filesError(
      `One step changed ${changes.added.length + changes.changed.length + changes.removed.length} files, whose list takes ${bytes} bytes; a record takes ${MAX_CHANGES_BYTES}. Change them in several steps, or pack them into one file.`,
    )
}

/** Why a file like this is in no manifest; undefined if it may be. */
export function flawOf([path, size, blob]: FileRow): string | undefined {
  const isFolder = path.endsWith('/')
  const flaw = pathFlaw(isFolder ? path.slice(0, -1) : path)
  if (flaw !== undefined) return flaw
  if (size > MAX_BLOB) return `it has ${size} bytes, and a file may have ${MAX_BLOB}: split it`
  const fits = isFolder ? size === 0 && blob === '' : /^[0-9a-f]{64}$/.test(blob)
  return fits ? undefined : 'its hash is none'
}

/** Names that Windows takes for a device, with any ending. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i

/** Why a path that is fine elsewhere would mean something else on Windows. */
export function windowsFlaw(path: string): string | undefined {
  for (const name of path.split('/')) {
    if (/[<>:"|?*]/.test(name)) return 'it has a character that names on Windows may not have'
    if (/[. ]$/.test(name)) return 'it ends with a dot or a space, which Windows leaves out'
    if (DEVICE.test(name)) return 'it is the name of a device on Windows'
  }
  return undefined
}

function pathFlaw(path: string): string | undefined {
  if (!path.isWellFormed()) return 'its path is no text'
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `its path has more than ${MAX_PATH_BYTES} bytes`
  // A backslash separates names on some systems, control characters hide what a name says.
  if (/[\\\p{Cc}]/u.test(path)) return 'its path has a backslash or a control character'
  for (const name of path.split('/')) {
    if (name === '') return 'its path is empty, absolute or has an empty name in it'
    if (name === '.' || name === '..') return 'its path has "." or ".." in it'
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `it has a name of more than ${MAX_NAME_BYTES} bytes`
  }
  return undefined
}

/** Whether a value that came from elsewhere is what steps record. */
export function isFileChanges(value: unknown): value is FileChanges {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { added, changed, removed } = value as Partial<Record<string, unknown>>
  const isRows = (rows: unknown) => Array.isArray(rows) && rows.length <= MAX_FILES && rows.every(isRow)
  const isPath = (path: unknown) =>
    typeof path === 'string' && flawOf([path, 0, path.endsWith('/') ? '' : NO_BLOB, false]) === undefined
  return isRows(added) && isRows(changed) && Array.isArray(removed) && removed.length <= MAX_FILES && removed.every(isPath)
}

const NO_BLOB = '0'.repeat(64)

function isRow(row: unknown): boolean {
  if (!Array.isArray(row) || row.length !== 4) return false
  const [path, size, blob, executable] = row as unknown[]
  if (typeof path !== 'string' || typeof blob !== 'string' || typeof executable !== 'boolean') return false
  return (
    typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 && flawOf([path, size, blob, executable]) === undefined
  )
}

/** Two of these cannot lie in one folder: a file stands where another needs a folder. */
export function collisionIn(files: readonly WorkFile[]): string | undefined {
  const names = new Set(files.map(({ path }) => path))
  for (const { path } of files) {
    for (let at = path.indexOf('/'); at >= 0 && at < path.length - 1; at = path.indexOf('/', at + 1)) {
      if (names.has(path.slice(0, at))) return path.slice(0, at)
    }
    if (path.endsWith('/') && names.has(path.slice(0, -1))) return path.slice(0, -1)
  }
  return undefined
}

export interface ManifestPage {
  readonly files: readonly FileRow[]
  /** Where the next page starts; null when this is the last. */
  readonly next: number | null
}

/** One page of a manifest, starting at the given file (counted, from 0). */
export function manifestPage(manifest: Manifest, from: number): ManifestPage {
  const files: FileRow[] = []
  const left = manifest.rows.slice(from)
  let bytes = 0
  for (const row of left) {
    if (bytes > PAGE_BYTES) return { files, next: from + files.length }
    files.push(row)
    bytes += 100 + 3 * row[0].length
  }
  return { files, next: null }
}

export function filesError(message: string, cause?: unknown): PerdureError {
  return new PerdureError('PERDURE_E_FILES', message, cause === undefined ? {} : { cause })
}

function rowOf({ path, size, blob, executable }: WorkFile): FileRow {
  return [path, size, blob, executable]
}

function fileOf([path, size, blob, executable]: FileRow): WorkFile {
  return { path, size, blob, executable }
}

function byPath([a]: FileRow, [b]: FileRow): number {
  return a < b ? -1 : 1
}
