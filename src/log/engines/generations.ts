/**
 * Who owns a data folder: the generation files.
 *
 * Every open writes one more file `gen-N`, complete and durable, by giving a finished file that name: of two who try, one
 * succeeds. The file names a socket on which its owner listens, and whoever wants the folder asks there first. A socket answers
 * for as long as its process exists, stopped or not, and never afterwards, so nobody waits for a time-out and nobody removes
 * somebody else's lock.
 *
 * Boundary: files of a `Disk`; sockets and facts about this machine come from `Surroundings` (`lock.ts`).
 *
 * Invariants:
 *   G1  A generation file is made once by its owner and replaced only by its owner, with the same name, to say that it closed.
 *   G2  An owner on another machine is never taken for dead: its socket cannot be asked from here.
 *   G3  The owner is who made the file with the highest number, not who made one.
 */

import type { Duplex } from 'node:stream'
import type { Clock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import { FORMAT } from './segments.ts'
import { type Disk, systemCode } from './storage.ts'

export interface GenerationFile {
  readonly format: number
  readonly generation: number
  readonly pid: number
  readonly host: string
  /** Changes when the machine starts anew, where the system tells. */
  readonly bootId: string
  readonly socket: string
  readonly startedAt: string
  readonly nodeVersion: string
  readonly closed: boolean
  /** Of a closed one: index of its last record, all of which are durable. */
  readonly endIndex?: number
}

export interface Surroundings {
  readonly pid: number
  readonly host: string
  readonly bootId: string
  readonly nodeVersion: string
  /** `id` is fresh and random, for systems where nothing else keeps the name apart from others. */
  listen(id: string): Promise<Door>
  /** Somebody listens on this socket of this machine. */
  answers(socket: string): Promise<boolean>
  /** Removes what a dead owner left behind of its socket, as far as that is safe. */
  forget(socket: string): Promise<void>
}

/** Where others reach the owner. */
export interface Door {
  readonly socket: string
  /** Hands over those who already wait, and all who come later. */
  accept(handler: (connection: Duplex) => void): void
  close(): Promise<void>
}

export interface Claim {
  readonly generation: number
  readonly door: Door
  /** Where the log must end, if its last owner closed it properly. */
  readonly endIndex: number | undefined
  /** Gives the folder up and notes the index of the last record, if everything is durable; without one that is not known. */
  release(endIndex: number | undefined): Promise<void>
}

/** Each round lost means that another process won; eight of them say that something is wrong with this folder. */
const ROUNDS = 8

/** Two: what the newest says, and for people what was before. */
const KEPT = 2

/** Owns the folder, or rejects with `PERDURE_E_LOCKED`. `least`: the highest generation that anything else in the folder names. */
export async function claim(disk: Disk, surroundings: Surroundings, clock: Clock, least: number): Promise<Claim> {
  const door = await surroundings.listen(clock.randomId())
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const last = latestOrMoving(disk)
      if (last === 'moving') continue
      if (last && !last.closed) await refuseLiving(disk, last, surroundings)
      const generation = Math.max(last?.generation ?? 0, least) + 1
      const file = describe(generation, door, surroundings, clock)
      if (!won(disk, file, clock)) continue
      removeOld(disk, generation)
      if (last && !last.closed) await surroundings.forget(last.socket)
      return {
        generation,
        door,
        endIndex: last?.closed && last.generation >= least ? last.endIndex : undefined,
        release: (endIndex) => release(disk, file, door, clock, endIndex),
      }
    }
  } catch (error) {
    await door.close()
    throw error
  }
  await door.close()
  throw new PerdureError(
    'PERDURE_E_LOCKED',
    `Other processes took the data folder ${disk.folder} ${ROUNDS} times while it was being opened. See which programs use it, and let only one.`,
    { data: { folder: disk.folder } },
  )
}

/** The newest generation file, if there is any. */
export function latest(disk: Disk): GenerationFile | undefined {
  const generation = Math.max(0, ...generations(disk))
  return generation === 0 ? undefined : readFile(disk, generation)
}

/** The newest one may be gone when it is read: then somebody made a newer one in between. */
function latestOrMoving(disk: Disk): GenerationFile | undefined | 'moving' {
  try {
    return latest(disk)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'moving'
    throw error
  }
}

/** The living owner of the folder, if there is one that can be reached from this machine. */
export async function livingOwner(disk: Disk, surroundings: Surroundings): Promise<GenerationFile | undefined> {
  const last = latest(disk)
  if (!last || last.closed || last.host !== surroundings.host) return undefined
  return (await surroundings.answers(last.socket)) ? last : undefined
}

async function refuseLiving(disk: Disk, owner: GenerationFile, surroundings: Surroundings): Promise<void> {
  const data = { folder: disk.folder, pid: owner.pid, host: owner.host, socket: owner.socket, generation: owner.generation }
  if (owner.host !== surroundings.host) {
    throw new PerdureError(
      'PERDURE_E_LOCKED',
      `The data folder ${disk.folder} was last opened by process ${owner.pid} on machine ${owner.host} and not closed; this is ${surroundings.host}, ` +
        `from where nobody can tell whether that process is alive. Use the folder on ${owner.host}; if that machine is gone for good, delete ${fileName(owner.generation)}.`,
      { data },
    )
  }
  if (!(await surroundings.answers(owner.socket))) return
  throw new PerdureError(
    'PERDURE_E_LOCKED',
    `The data folder ${disk.folder} is in use by process ${owner.pid} on this machine. Use it through that process with ` +
      'open(dir, { attach: true }), end the process, or name another folder.',
    { data },
  )
}

function describe(generation: number, door: Door, surroundings: Surroundings, clock: Clock): GenerationFile {
  const { pid, host, bootId, nodeVersion } = surroundings
  const startedAt = new Date(clock.wallMs()).toISOString()
  return { format: FORMAT, generation, pid, host, bootId, socket: door.socket, startedAt, nodeVersion, closed: false }
}

/** G3: one that links its file after the others have moved on by several generations finds a higher one, and has lost. */
function won(disk: Disk, file: GenerationFile, clock: Clock): boolean {
  const name = fileName(file.generation)
  const unfinished = `${name}.${clock.randomId()}${UNFINISHED}`
  disk.create(unfinished, bytesOf(file))
  try {
    disk.sync(unfinished)
    disk.link(unfinished, name)
  } catch (error) {
    // Another process has this generation, or has already cleaned up behind itself.
    if (systemCode(error) === 'EEXIST' || systemCode(error) === 'ENOENT') return false
    throw error
  } finally {
    removeIfThere(disk, unfinished)
  }
  disk.syncFolder()
  if (Math.max(...generations(disk)) === file.generation) return true
  removeIfThere(disk, name)
  return false
}

async function release(disk: Disk, file: GenerationFile, door: Door, clock: Clock, endIndex: number | undefined): Promise<void> {
  try {
    if (endIndex === undefined) return
    const name = fileName(file.generation)
    const unfinished = `${name}.${clock.randomId()}${UNFINISHED}`
    disk.create(unfinished, bytesOf({ ...file, closed: true, endIndex }))
    disk.sync(unfinished)
    disk.rename(unfinished, name)
    disk.syncFolder()
  } catch (error) {
    // Without the note the next open checks and copies more than it need; nothing is lost.
    if (systemCode(error) === undefined) throw error
  } finally {
    await door.close()
  }
}

function removeOld(disk: Disk, generation: number): void {
  for (const old of generations(disk)) if (old <= generation - KEPT) removeIfThere(disk, fileName(old))
  for (const name of disk.list('')) if (name.startsWith('gen-') && name.endsWith(UNFINISHED)) removeIfThere(disk, name)
}

function removeIfThere(disk: Disk, name: string): void {
  try {
    disk.unlink(name)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

const UNFINISHED = '.tmp'

/** A generation file is a short JSON text. */
const MAX_FILE = 16 * 1024

function fileName(generation: number): string {
  return `gen-${generation}`
}

function generations(disk: Disk): number[] {
  return disk.list('').flatMap((name) => {
    const match = /^gen-(\d{1,15})$/.exec(name)
    return match ? [Number(match[1])] : []
  })
}

function bytesOf(file: GenerationFile): Uint8Array {
  return Buffer.from(`${JSON.stringify(file, null, 2)}\n`)
}

function readFile(disk: Disk, generation: number): GenerationFile {
  const name = fileName(generation)
  // In one call, not by its size: the owner may replace the file meanwhile.
  const bytes = Buffer.alloc(MAX_FILE)
  const text = bytes.toString('utf8', 0, disk.read(name, 0, bytes))
  const file = parsed(text)
  if (!file || file.generation !== generation) {
    throw new PerdureError(
      'PERDURE_E_CORRUPT',
      `The file ${name} in ${disk.folder} is damaged: it does not say who opened generation ${generation}. Restore it from a backup, or delete it if no process uses the folder.`,
      { data: { file: name, index: 0, offset: 0 } },
    )
  }
  if (file.format > FORMAT) {
    throw new PerdureError(
      'PERDURE_E_FORMAT',
      `The data folder ${disk.folder} was last used in log format ${file.format}; this version of perdure knows formats up to ${FORMAT}. Open it with the version that wrote it, or a later one.`,
      { data: { file: name, found: file.format, known: FORMAT } },
    )
  }
  return file
}

function parsed(text: string): GenerationFile | undefined {
  try {
    const file = JSON.parse(text) as Partial<GenerationFile> | null
    const whole = typeof file?.generation === 'number' && typeof file.format === 'number' && typeof file.closed === 'boolean'
    return whole ? (file as GenerationFile) : undefined
  } catch {
    return undefined
  }
}
