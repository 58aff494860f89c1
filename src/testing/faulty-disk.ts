/**
 * A disk in memory that does everything to a program that real ones do, from a seed.
 *
 * It remembers for every file what has reached the platter and what only the system's memory holds. When the power goes, each
 * write that was not synced keeps a random part of its beginning; of the names that were not synced, either all from some random
 * one on are forgotten, or any. A failed sync leaves the data readable but lost: the system takes the pages for clean, and the next sync succeeds
 * without writing them.
 *
 * Boundary: the disk engine runs on it unchanged; time and randomness are given. Several processes may use one disk.
 */

import type { Clock } from '../clock.ts'
import type { BlobFolder } from '../log/engines/blobs.ts'
import { BLOB_FOLDER, type DiskOptions } from '../log/engines/disk.ts'
import type { Surroundings } from '../log/engines/generations.ts'
import { COMMIT_BYTES, type Commit, type Committer, type Disk } from '../log/engines/storage.ts'

export type DiskCallKind = 'create' | 'write' | 'sync' | 'syncFolder' | 'rename' | 'link' | 'unlink'

export interface DiskCall {
  /** Counts the changing calls of all processes, from 1. */
  readonly number: number
  readonly kind: DiskCallKind
  readonly name: string
}

export interface FaultyDiskOptions {
  readonly clock: Clock
  /** 0 <= random() < 1, seeded. */
  readonly random: () => number
  /** Asked before every changing call: the code of the error it shall meet, such as EIO or ENOSPC. */
  readonly fault?: (call: DiskCall) => string | undefined
  /** How long a commit takes; by default it is done in a later turn. */
  readonly commitMs?: () => number
  /** Room for one commit, at least for the largest record. Default `COMMIT_BYTES`; less is faster where many processes come and go. */
  readonly commitBytes?: number
}

/** One process that uses the disk: what `openDisk` needs, and its end. */
export interface SimulatedProcess extends DiskOptions {
  /** The process dies; what it has written stays in the system's memory. */
  kill(): void
}

export class FaultyDisk {
  readonly #options: FaultyDiskOptions
  readonly #platter = new Platter()
  readonly #processes = new Set<Lifetime>()
  #calls = 0
  #starts = 0
  #boots = 1

  constructor(options: FaultyDiskOptions) {
    this.#options = options
  }

  /** Changing calls so far. */
  get calls(): number {
    return this.#calls
  }

  /** Names as a program sees them now. */
  get names(): string[] {
    return [...this.#platter.names.keys()].sort()
  }

  start(segmentBytes?: number): SimulatedProcess {
    const life = new Lifetime()
    this.#processes.add(life)
    this.#starts += 1
    const disk = this.#diskOf(life)
    const { clock, random, commitMs, commitBytes } = this.#options
    return {
      disk,
      blobs: blobFolderOn(disk, this.#platter, clock),
      startCommitter: async () => new SimulatedCommitter(disk, life, clock, random, commitMs, commitBytes),
      surroundings: this.#surroundingsOf(life, this.#starts),
      clock,
      kill: () => life.end(),
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
    }
  }

  /** The power goes: all processes die, and what was not synced is lost in part. */
  crash(): void {
    for (const life of this.#processes) life.end()
    this.#processes.clear()
    this.#boots += 1
    this.#platter.losePower(this.#options.random)
  }

  /** A bit rots, in memory and on the platter. */
  flip(name: string, offset: number, bit: number): void {
    const file = this.#platter.file(name)
    for (const content of [file.seen, file.kept]) content.flip(offset, bit)
  }

  /** The file as a program would read it. */
  contentOf(name: string): Uint8Array {
    return this.#platter.file(name).seen.all().slice()
  }

  /** Replaces a file as if it had always been so. */
  replace(name: string, content: Uint8Array): void {
    const file = new SimulatedFile()
    for (const each of [file.seen, file.kept]) each.write(0, content)
    this.#platter.change('', { name, file })
    this.#platter.syncNames('')
  }

  #diskOf(life: Lifetime): Disk {
    const platter = this.#platter
    const change = (kind: DiskCallKind, name: string, act: () => void, fail: (code: string) => void = () => undefined) => {
      life.check()
      this.#calls += 1
      const code = this.#options.fault?.({ number: this.#calls, kind, name })
      if (code === undefined) return act()
      fail(code)
      throw systemError(code, `${kind} ${name}`)
    }
    const write = (name: string, offset: number, bytes: Uint8Array) => () => platter.file(name).write(offset, bytes)
    const create = (name: string, content: Uint8Array) => () => {
      platter.refuseExisting(name)
      platter.change(folderOf(name), { name, file: new SimulatedFile() })
      write(name, 0, content)()
    }
    const torn = (bytes: Uint8Array) => bytes.subarray(0, Math.floor(this.#options.random() * bytes.length))
    return {
      folder: '/simulated',
      list: (folder) => life.check() ?? platter.list(folder),
      size: (name) => life.check() ?? platter.file(name).seen.length,
      read: (name, offset, into) => life.check() ?? platter.file(name).seen.read(offset, into),
      create: (name, content) => change('create', name, create(name, content), () => create(name, torn(content))()),
      write: (name, offset, bytes) => change('write', name, write(name, offset, bytes), () => write(name, offset, torn(bytes))()),
      sync: (name) =>
        change(
          'sync',
          name,
          () => platter.file(name).sync(),
          () => platter.file(name).failSync(),
        ),
      syncFolder: () => change('syncFolder', '', () => platter.syncNames('')),
      rename: (from, to) =>
        change('rename', to, () => platter.change(folderOf(to), { name: to, file: platter.file(from) }, { name: from })),
      link: (from, to) =>
        change('link', to, () => {
          const file = platter.file(from)
          platter.refuseExisting(to)
          platter.change(folderOf(to), { name: to, file })
        }),
      unlink: (name) =>
        change('unlink', name, () => {
          platter.refuseMissing(name)
          platter.change(folderOf(name), { name })
        }),
      makeFolder: () => life.check(),
    }
  }

  #surroundingsOf(life: Lifetime, pid: number): Surroundings {
    return {
      pid,
      host: 'simulated',
      bootId: `boot-${this.#boots}`,
      nodeVersion: 'simulated',
      listen: async () => {
        const socket = `socket-${pid}-${life.doors.size + 1}`
        life.doors.add(socket)
        return { socket, accept: () => undefined, close: async () => void life.doors.delete(socket) }
      },
      answers: async (socket) => [...this.#processes].some((other) => other.doors.has(socket)),
      forget: async () => undefined,
    }
  }
}

/** A process may be dead while its promises still run on: they reach nothing any more. */
class Lifetime {
  readonly doors = new Set<string>()
  alive = true

  end(): void {
    this.alive = false
    this.doors.clear()
  }

  check(): undefined {
    if (!this.alive) throw systemError('ESRCH', 'the simulated process is dead')
  }
}

/** Writes in one turn and syncs in a later one, so that a crash can come between the two. */
class SimulatedCommitter implements Committer {
  readonly buffer: Uint8Array
  readonly #disk: Disk
  readonly #life: Lifetime
  readonly #clock: Clock
  readonly #random: () => number
  readonly #commitMs: (() => number) | undefined
  #underWay: Promise<void> = Promise.resolve()

  constructor(
    disk: Disk,
    life: Lifetime,
    clock: Clock,
    random: () => number,
    commitMs: (() => number) | undefined,
    commitBytes: number = COMMIT_BYTES,
  ) {
    this.buffer = new Uint8Array(commitBytes)
    this.#disk = disk
    this.#life = life
    this.#clock = clock
    this.#random = random
    this.#commitMs = commitMs
  }

  commit(commit: Commit, done: (failure: Error | undefined) => void): void {
    this.#underWay = this.#carryOut(commit).then(
      () => this.#report(done, undefined),
      (failure: Error) => this.#report(done, failure),
    )
  }

  close(): Promise<void> {
    return this.#underWay
  }

  #write(commit: Commit): void {
    const bytes = this.buffer.subarray(0, commit.length)
    // Now and then the system takes a write in two parts; a crash may keep the second better than the first.
    const half = this.#random() < 0.5 ? bytes.length : Math.floor(this.#random() * bytes.length)
    const offset = commit.kind === 'append' ? commit.offset : 0
    if (commit.kind === 'create') this.#disk.create(commit.name, bytes.subarray(0, half))
    else this.#disk.write(commit.name, offset, bytes.subarray(0, half))
    if (half < bytes.length) this.#disk.write(commit.name, offset + half, bytes.subarray(half))
  }

  /** Every call of the system in a turn of its own: a crash may come between any two. */
  async #carryOut(commit: Commit): Promise<void> {
    await this.#turn()
    this.#write(commit)
    if (this.#commitMs) await this.#wait(this.#commitMs())
    else await this.#turn()
    this.#disk.sync(commit.name)
    if (commit.kind === 'append') return
    await this.#turn()
    this.#disk.syncFolder()
  }

  #report(done: (failure: Error | undefined) => void, failure: Error | undefined): void {
    if (this.#life.alive) this.#clock.hop(() => this.#life.alive && done(failure))
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#clock.hop(resolve))
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(delayMs, resolve))
  }
}

interface NameChange {
  readonly name: string
  /** Without one the name is removed. */
  readonly file?: SimulatedFile
}

class Platter {
  names = new Map<string, SimulatedFile>()
  #kept = new Map<string, SimulatedFile>()
  #unsynced: { readonly folder: string; readonly changes: readonly NameChange[] }[] = []

  file(name: string): SimulatedFile {
    this.refuseMissing(name)
    return this.names.get(name) as SimulatedFile
  }

  list(folder: string): string[] {
    const prefix = folder === '' ? '' : `${folder}/`
    return [...this.names.keys()].flatMap((name) => (folderOf(name) === folder ? [name.slice(prefix.length)] : [])).sort()
  }

  refuseExisting(name: string): void {
    if (this.names.has(name)) throw systemError('EEXIST', name)
  }

  refuseMissing(name: string): void {
    if (!this.names.has(name)) throw systemError('ENOENT', name)
  }

  change(folder: string, ...changes: NameChange[]): void {
    this.#unsynced.push({ folder, changes })
    apply(this.names, changes)
  }

  syncNames(folder: string): void {
    for (const each of this.#unsynced) if (each.folder === folder) apply(this.#kept, each.changes)
    this.#unsynced = this.#unsynced.filter((each) => each.folder !== folder)
  }

  losePower(random: () => number): void {
    const inOrder = random() < 0.5
    const first = Math.floor(random() * (this.#unsynced.length + 1))
    for (const [at, each] of this.#unsynced.entries()) {
      if (inOrder ? at < first : random() < 0.5) apply(this.#kept, each.changes)
    }
    this.#unsynced = []
    for (const file of new Set(this.#kept.values())) file.losePower(random)
    this.names = new Map(this.#kept)
  }
}

function apply(names: Map<string, SimulatedFile>, changes: readonly NameChange[]): void {
  for (const { name, file } of changes) {
    if (file) names.set(name, file)
    else names.delete(name)
  }
}

class SimulatedFile {
  /** What a program reads. */
  seen: Content = new Content()
  /** What is there when the power comes back. */
  kept: Content = new Content()
  #unsynced: { readonly offset: number; readonly bytes: Uint8Array }[] = []

  write(offset: number, bytes: Uint8Array): void {
    this.seen.write(offset, bytes)
    this.#unsynced.push({ offset, bytes: bytes.slice() })
  }

  sync(): void {
    for (const { offset, bytes } of this.#unsynced) this.kept.write(offset, bytes)
    this.#unsynced = []
  }

  failSync(): void {
    this.#unsynced = []
  }

  losePower(random: () => number): void {
    for (const { offset, bytes } of this.#unsynced) {
      const length = Math.floor(random() * (bytes.length + 1))
      if (length > 0) this.kept.write(offset, bytes.subarray(0, length))
    }
    this.#unsynced = []
    this.seen = this.kept.copy()
  }
}

class Content {
  length = 0
  #bytes = new Uint8Array(256)

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes.set(bytes, offset)
    this.length = Math.max(this.length, end)
  }

  read(offset: number, into: Uint8Array): number {
    const part = this.all().subarray(offset, offset + into.length)
    into.set(part)
    return part.length
  }

  all(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  flip(offset: number, bit: number): void {
    if (offset < this.length) this.#bytes[offset] = (this.#bytes[offset] as number) ^ (1 << bit)
  }

  copy(): Content {
    const copy = new Content()
    copy.write(0, this.all())
    return copy
  }
}

function blobFolderOn(disk: Disk, platter: Platter, clock: Clock): BlobFolder {
  const path = (name: string) => `${BLOB_FOLDER}/${name}`
  const turn = () => new Promise<void>((resolve) => clock.hop(resolve))
  return {
    read: async (name) => {
      await turn()
      if (!disk.list(BLOB_FOLDER).includes(name)) return undefined
      const bytes = new Uint8Array(disk.size(path(name)))
      disk.read(path(name), 0, bytes)
      return bytes
    },
    write: async (name, pieces) => {
      let offset = 0
      disk.create(path(name), new Uint8Array(0))
      for (const piece of pieces) {
        disk.write(path(name), offset, piece)
        offset += piece.length
        await turn()
      }
      disk.sync(path(name))
    },
    rename: async (from, to) => disk.rename(path(from), path(to)),
    sync: async () => {
      await turn()
      platter.syncNames(BLOB_FOLDER)
    },
  }
}

function folderOf(name: string): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : ''
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
