/**
 * Work folders on a real disk, for the steps of runs of layer `files`.
 *
 * They lie under the system's temporary folder (TMPDIR), not beside the log: a worker may be on another disk than the owner, and all
 * that counts of them is stored with the log anyway. Every process that hosts has one *root*, in which each attempt has a folder; the
 * root goes with its last folder. Of a process that was killed it stays, and is removed by its parent or by the next who hosts.
 *
 *     <tmp>/perdure-work-<id>/s                    a socket that answers as long as the process lives
 *     <tmp>/perdure-work-<id>/<n>-<run>-<fence>/
 *
 * Boundary: part of the shell; where folders are and when they go. What is in one is `disk-folder.ts`.
 *   R1  A root is removed by others only when its process is known to be dead.
 */
import { rmSync } from 'node:fs'
import { lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { systemClock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import { thisMachine } from '../log/engines/lock.ts'
import { systemCode } from '../log/engines/storage.ts'
import type { WorkFolder, WorkFolders } from '../log/work-folders.ts'
import { DiskFolder } from './disk-folder.ts'

const PREFIX = 'perdure-work-'

/** Of an id in the name of a root: 64 bits of chance, and paths stay short. */
const ID_LENGTH = 16

/** 100 bytes: the shortest limit among the systems, less a few; longer ones are cut silently. */
const MAX_SOCKET_PATH = 100

/** A process makes its root and then its socket; so long a root without one may be of a process that has just begun. */
const BEGINNING_MS = 60_000

/** The folders of this process. `id` is random and known to whoever started the process. */
export function workFolders(id: string): WorkFolders {
  return new Root(rootOf(id))
}

/** Removes what a process has left that is known to be dead. Never rejects. */
export function removeWorkFolders(id: string): Promise<void> {
  return removeAll(rootOf(id))
}

/** Removes what dead processes have left, of whatever site. Never rejects. */
export async function sweepWorkFolders(): Promise<void> {
  const { answers } = await thisMachine()
  const names = await readdir(tmpdir()).catch(() => [])
  for (const name of names) if (name.startsWith(PREFIX)) await sweep(join(tmpdir(), name), answers).catch(() => undefined)
}

async function sweep(root: string, answers: (socket: string) => Promise<boolean>): Promise<void> {
  const socket = socketOf(root)
  if (await answers(socket)) return
  const ageMs = systemClock.wallMs() - (await lstat(root)).ctimeMs
  const had = await lstat(socket).catch(() => undefined)
  if (had || ageMs > BEGINNING_MS) await removeAll(root)
}

function rootOf(id: string): string {
  return join(tmpdir(), `${PREFIX}${id.slice(0, ID_LENGTH)}`)
}

function socketOf(root: string): string {
  return process.platform === 'win32' ? `\\\\.\\pipe\\${basename(root)}` : join(root, 's')
}

class Root implements WorkFolders {
  readonly #path: string
  #server: Promise<Server> | undefined
  #closing: Promise<void> = Promise.resolve()
  /** Folders that are there, or are about to be. */
  #folders = 0
  #created = 0
  #swept = false
  readonly #atExit = () => rmSync(this.#path, { recursive: true, force: true })

  constructor(path: string) {
    this.#path = path
  }

  async create(name: string): Promise<WorkFolder> {
    this.#folders += 1
    this.#created += 1
    const path = join(this.#path, `${this.#created}-${name}`)
    try {
      await this.#closing
      this.#server ??= this.#open()
      await this.#server
      await mkdir(path)
    } catch (cause) {
      await this.#release()
      throw notMade(path, cause)
    }
    let removed: Promise<void> | undefined
    return new DiskFolder(path, () => {
      removed ??= removeAll(path).then(() => this.#release())
      return removed
    })
  }

  async #open(): Promise<Server> {
    const socket = socketOf(this.#path)
    if (Buffer.byteLength(socket) > MAX_SOCKET_PATH)
      throw new Error(`the path of a socket in it has more than ${MAX_SOCKET_PATH} bytes`)
    if (!this.#swept) await sweepWorkFolders()
    this.#swept = true
    await mkdir(this.#path, { mode: 0o700 })
    process.on('exit', this.#atExit)
    const server = createServer((connection) => connection.destroy())
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject)
      server.listen(socket, resolve)
    })
    // Nobody goes on living for this.
    server.unref()
    return server
  }

  /** With its last folder the root goes. */
  async #release(): Promise<void> {
    this.#folders -= 1
    const server = this.#server
    if (this.#folders > 0 || server === undefined) return
    this.#server = undefined
    this.#closing = server
      .then(
        (opened) => void opened.close(),
        () => undefined,
      )
      .then(() => removeAll(this.#path))
      .then(() => void process.off('exit', this.#atExit))
    await this.#closing
  }
}

function notMade(path: string, cause: unknown): PerdureError {
  return new PerdureError(
    'PERDURE_E_FOLDER',
    `No work folder can be made at ${path} (${systemCode(cause) ?? String(cause)}). Give this process a temporary folder that it may write (TMPDIR), with a path that is not long.`,
    { cause, data: { folder: path } },
  )
}

async function removeAll(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined)
}
