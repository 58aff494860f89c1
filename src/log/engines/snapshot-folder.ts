/**
 * Snapshots as files beside the segments.
 *
 * One is written under a temporary name, synced, and renamed when it counts; the folder is synced before anybody relies on it.
 * Two are kept, so that one that rots costs nothing: the log is kept from the older one on.
 *
 * Boundary: names and bytes of a `Disk`. What is in the files, and whether they are whole, is the business of `snapshot.ts`.
 *   F1  A file with the name of a snapshot was durable under another name before it got this one.
 *   F2  The older of two is removed only when the newer has its name durably.
 */
import { PerdureError } from '../../errors.ts'
import type { SnapshotPlace, Snapshots, StoredSnapshot } from '../log.ts'
import type { Segment } from './segments.ts'
import { type Disk, systemCode } from './storage.ts'

/** The newest, and one more in case that it is damaged. */
const KEPT = 2

/** 1 MB: a call of the system for each. */
const PIECE = 1024 * 1024

const UNFINISHED = '.tmp'

export function snapshotName({ generation, index }: SnapshotPlace): string {
  return `snap-${String(generation).padStart(8, '0')}-${String(index).padStart(16, '0')}`
}

export function parseSnapshotName(name: string): SnapshotPlace | undefined {
  const match = /^snap-(\d{8,})-(\d{16})$/.exec(name)
  return match ? { generation: Number(match[1]), index: Number(match[2]) } : undefined
}

export class SnapshotFolder implements Snapshots {
  readonly #disk: Disk
  readonly #segments: readonly Segment[]
  #kept: readonly StoredSnapshot[]
  #watcher: () => void = () => undefined

  /** `segments` are those of the log, kept up to date by their owner. Changes nothing on the disk. */
  constructor(disk: Disk, segments: readonly Segment[]) {
    this.#disk = disk
    this.#segments = segments
    const found = disk.list('').flatMap((name) => {
      const place = parseSnapshotName(name)
      return place ? [{ ...place, name, bytes: disk.size(name) }] : []
    })
    this.#kept = found.sort((a, b) => b.index - a.index || b.generation - a.generation)
  }

  get kept(): readonly StoredSnapshot[] {
    return this.#kept
  }

  get grownBytes(): number {
    const after = this.#kept[0]?.index ?? 0
    const finished = this.#segments.filter((_, at) => (this.#segments[at + 1]?.firstIndex ?? 0) > after + 1)
    return finished.reduce((sum, { name }) => sum + this.#sizeOf(name), 0)
  }

  /** Removes what an earlier owner of the folder left unfinished. */
  cleanUp(): void {
    for (const name of this.#disk.list('')) if (name.startsWith('snap-') && name.endsWith(UNFINISHED)) this.#disk.unlink(name)
    this.#removeOld()
  }

  read(snapshot: SnapshotPlace): AsyncGenerator<Uint8Array> {
    return readFile(this.#disk, snapshotName(snapshot))
  }

  readDraft(place: SnapshotPlace): AsyncGenerator<Uint8Array> {
    return readFile(this.#disk, draftName(place))
  }

  async draft(place: SnapshotPlace, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const name = draftName(place)
    removeIfThere(this.#disk, name)
    this.#disk.create(name, new Uint8Array(0))
    let offset = 0
    for await (const piece of pieces) {
      this.#disk.write(name, offset, piece)
      offset += piece.length
    }
    this.#disk.sync(name)
  }

  async keep(place: SnapshotPlace): Promise<void> {
    const name = snapshotName(place)
    this.#disk.rename(draftName(place), name)
    this.#disk.syncFolder()
    const others = this.#kept.filter((other) => other.name !== name)
    this.#kept = [{ generation: place.generation, index: place.index, name, bytes: this.#disk.size(name) }, ...others]
    this.#removeOld()
  }

  async discard(place: SnapshotPlace): Promise<void> {
    removeIfThere(this.#disk, draftName(place))
  }

  async drop(place: SnapshotPlace): Promise<void> {
    const name = snapshotName(place)
    removeIfThere(this.#disk, name)
    this.#kept = this.#kept.filter((kept) => kept.name !== name)
  }

  watch(grown: () => void): void {
    this.#watcher = grown
  }

  /** A segment was finished. */
  grown(): void {
    this.#watcher()
  }

  /** Asked in the middle of a commit, and only to know when a snapshot is due: a size that cannot be had counts for nothing. */
  #sizeOf(name: string): number {
    try {
      return this.#disk.size(name)
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      return 0
    }
  }

  #removeOld(): void {
    for (const { name } of this.#kept.slice(KEPT)) removeIfThere(this.#disk, name)
    this.#kept = this.#kept.slice(0, KEPT)
  }
}

async function* readFile(disk: Disk, name: string): AsyncGenerator<Uint8Array> {
  for (let offset = 0; ; ) {
    const piece = Buffer.allocUnsafeSlow(PIECE)
    const got = readPiece(disk, name, offset, piece)
    if (got > 0) yield piece.subarray(0, got)
    if (got < PIECE) return
    offset += got
  }
}

function readPiece(disk: Disk, name: string, offset: number, into: Uint8Array): number {
  try {
    return disk.read(name, offset, into)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    throw replaced(name, error)
  }
}

function replaced(name: string, cause: unknown): PerdureError {
  return new PerdureError(
    'PERDURE_E_TRIMMED',
    `The snapshot ${name} was replaced by a newer one while it was read. Start again, from a later position if need be.`,
    { cause, data: { file: name } },
  )
}

function draftName(place: SnapshotPlace): string {
  return `${snapshotName(place)}${UNFINISHED}`
}

function removeIfThere(disk: Disk, name: string): void {
  try {
    disk.unlink(name)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}
