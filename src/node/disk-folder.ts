/**
 * One work folder on a real disk: what is in it, and how it becomes what it is to be.
 *
 * To look at thousands of small files is many calls of the system that take microseconds each. They are made at once, in slices, since
 * to hand each to another thread and back takes longer than the call; large files are read in pieces by those threads.
 *
 * Boundary: part of the shell; which files belong into a folder is decided in `mechanisms/process/host/work-files.ts`.
 *   R1  Only files and folders are read, and nothing is followed: a link is found and refused, never what it leads to.
 *   R2  Nothing is written outside of the folder: names are checked, and what is not to be there, such as a link in the place of a
 *       folder, is removed before anything is written.
 *   R3  A file is taken for unchanged only when it cannot have been changed since it was read.
 */
import { createHash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemClock } from '../clock.ts'
import type { PerdureError } from '../errors.ts'
import { Pace } from '../log/pace.ts'
import type { WorkFile, WorkFolder } from '../log/work-folders.ts'
import { eachFile } from '../mechanisms/process/host/lanes.ts'
import { filesError, flawOf, MAX_FILES, windowsFlaw } from '../mechanisms/process/machine/manifest.ts'

/**
 * File systems count time in ticks: what is read within the tick in which it was changed may change again and keep its time. Those
 * that know parts of a millisecond have ticks of up to 10 ms, the others of up to two seconds.
 */
const FINE_TICK_MS = 100
const COARSE_TICK_MS = 2_500

/** Entries of a folder that are looked at before it is said to hold too many; some may be folders, which need not count. */
const MAX_ENTRIES: number = 2 * MAX_FILES

/** A file below this is read at once, in some microseconds. */
const SMALL_BYTES = 64 * 1024

/** A large file is hashed in pieces of this: it is never in memory. */
const PIECE = 256 * 1024

/** Absent on Windows, where links are told by their kind alone. */
const READ: number = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)

/** Fits the form of a hash, where only the rest is looked at. */
const NO_CONTENT = '0'.repeat(64)

/** Stands in a name for bytes that are no text. */
const NO_TEXT = '\uFFFD'

interface Seen extends WorkFile {
  /** Another one after every change of the file, ticks aside. */
  readonly mark: string
  /** It was not read within the tick of its last change. */
  readonly certain: boolean
}

export class DiskFolder implements WorkFolder {
  readonly path: string
  readonly remove: () => Promise<void>
  #seen = new Map<string, Seen>()

  constructor(path: string, remove: () => Promise<void>) {
    this.path = path
    this.remove = remove
  }

  async list(): Promise<readonly WorkFile[]> {
    const pace = new Pace(systemClock)
    const files: WorkFile[] = []
    const seen = new Map<string, Seen>()
    let entries = 0
    const folders = ['']
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const inside = readdirSync(join(this.path, folder), { withFileTypes: true })
      entries += inside.length
      if (entries > MAX_ENTRIES)
        throw filesError(`The work folder holds more than ${MAX_ENTRIES} files and folders. Pack them, or remove some.`)
      for (const entry of inside) {
        const path = `${folder}${entry.name}`
        if (path.includes(NO_TEXT)) throw notText(path)
        if (entry.isDirectory()) folders.push(`${path}/`)
        else if (entry.isFile()) seen.set(path, await this.#look(path))
        else throw notKept(path)
        await pace.step()
      }
      if (inside.length === 0 && folder !== '') files.push({ path: folder, size: 0, blob: '', executable: false })
    }
    this.#seen = seen
    for (const { path, size, blob, executable } of seen.values()) files.push({ path, size, blob, executable })
    return files
  }

  async read(path: string): Promise<Uint8Array> {
    return await withFile(join(this.path, path), READ, (file) => file.readFile())
  }

  async become(files: readonly WorkFile[], fetch: (blob: string) => Promise<Uint8Array>): Promise<void> {
    for (const { path } of files) checkName(path)
    const missing = new Map(files.map((file) => [file.path, file]))
    await this.#clear('', missing)
    await eachFile([...missing.values()], (file) => this.#write(file, fetch))
  }

  /** Removes what is not wanted from a folder, and takes from `missing` what is there; answers whether anything is left. */
  async #clear(folder: string, missing: Map<string, WorkFile>): Promise<boolean> {
    let isLeft = false
    for (const entry of await readdir(join(this.path, folder), { withFileTypes: true })) {
      const path = `${folder}${entry.name}`
      if (entry.name.includes(NO_TEXT)) await this.#removeUnreadable(folder)
      else if (entry.isDirectory()) isLeft = (await this.#clear(`${path}/`, missing)) || isLeft
      else if (entry.isFile() && (await this.#is(path, missing.get(path)))) isLeft = missing.delete(path)
      else await rm(join(this.path, path), { force: true })
    }
    if (isLeft || folder === '' || missing.delete(folder)) return true
    await rmdir(join(this.path, folder))
    return false
  }

  /** By their bytes, since they have no name. */
  async #removeUnreadable(folder: string): Promise<void> {
    for (const name of await readdir(join(this.path, folder), { encoding: 'buffer' })) {
      if (!name.toString().includes(NO_TEXT)) continue
      await rm(Buffer.concat([Buffer.from(`${join(this.path, folder)}/`), name]), { recursive: true, force: true })
    }
  }

  async #is(path: string, wanted: WorkFile | undefined): Promise<boolean> {
    if (wanted === undefined || lstatSync(join(this.path, path)).size !== wanted.size) return false
    const { blob, executable } = await this.#look(path)
    return blob === wanted.blob && executable === wanted.executable
  }

  async #write({ path, blob, executable }: WorkFile, fetch: (blob: string) => Promise<Uint8Array>): Promise<void> {
    const full = join(this.path, path)
    await mkdir(path.endsWith('/') ? full : dirname(full), { recursive: true })
    if (path.endsWith('/')) return
    const bytes = await fetch(blob)
    // Not over a file that is there: it would be another one whose name this system takes for the same.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    await withFile(full, flags, (file) => file.writeFile(bytes), executable ? 0o777 : 0o666)
  }

  /** One file: what it is, without reading it again when it is known to be unchanged (R3). */
  async #look(path: string): Promise<Seen> {
    const full = join(this.path, path)
    const nowMs = systemClock.wallMs()
    const stats = lstatSync(full, { bigint: true })
    const before = this.#seen.get(path)
    const mark = `${stats.ino} ${stats.size} ${stats.mode} ${stats.mtimeNs} ${stats.ctimeNs}`
    if (before?.certain && before.mark === mark) return before
    // Windows has no such thing; there a file keeps what it was.
    const executable = process.platform === 'win32' ? (before?.executable ?? false) : (stats.mode & 0o100n) !== 0n
    const flaw = flawOf([path, Number(stats.size), NO_CONTENT, executable])
    if (flaw !== undefined) throw filesError(`${JSON.stringify(path)} in the work folder cannot be kept: ${flaw}.`)
    const content = hashedAtOnce(full, Number(stats.size)) ?? (await withFile(full, READ, hashed))
    const seen = { path, ...content, executable, mark, certain: nowMs - Number(stats.ctimeMs) > tickOf(stats) }
    this.#seen.set(path, seen)
    return seen
  }
}

function tickOf({ ctimeNs }: BigIntStats): number {
  return ctimeNs % 1_000_000n === 0n ? COARSE_TICK_MS : FINE_TICK_MS
}

type Content = Pick<WorkFile, 'size' | 'blob'>

const small = Buffer.allocUnsafe(SMALL_BYTES)

/** Undefined when it is not small, or not any more. */
function hashedAtOnce(path: string, expected: number): Content | undefined {
  if (expected >= SMALL_BYTES) return undefined
  const file = openSync(path, READ)
  try {
    let size = 0
    for (;;) {
      const read = readSync(file, small, size, SMALL_BYTES - size, null)
      size += read
      if (size === SMALL_BYTES) return undefined
      if (read === 0) return { size, blob: createHash('sha256').update(small.subarray(0, size)).digest('hex') }
    }
  } finally {
    closeSync(file)
  }
}

async function hashed(file: FileHandle): Promise<Content> {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(PIECE)
  let size = 0
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, PIECE, null)
    if (bytesRead === 0) return { size, blob: hash.digest('hex') }
    hash.update(piece.subarray(0, bytesRead))
    size += bytesRead
  }
}

async function withFile<R>(path: string, flags: number, use: (file: FileHandle) => Promise<R>, mode?: number): Promise<R> {
  const file = await open(path, flags, mode)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** The names come from a log that others may have written. */
function checkName(path: string): void {
  const flaw = flawOf([path, 0, path.endsWith('/') ? '' : NO_CONTENT, false])
  const here = flaw ?? (process.platform === 'win32' ? windowsFlaw(path) : undefined)
  if (here !== undefined) throw filesError(`The file ${JSON.stringify(path)} cannot be restored: ${here}.`)
}

function notKept(path: string): PerdureError {
  return filesError(
    `${JSON.stringify(path)} in the work folder is a link, a socket or a device, and only files and folders are kept. Let the step write a file there, or remove it at its end.`,
  )
}

function notText(path: string): PerdureError {
  return filesError(
    `${JSON.stringify(path)} in the work folder has a name that is no UTF-8, so no record can hold it. Let the step give it another one.`,
  )
}
