/**
 * A copy of a data folder while its owner goes on writing: everything up to one record, and nothing of the owner.
 *
 * Segments and snapshots never change once they are durable, so they are copied as they are; only the segment with the last
 * record is cut behind it. The copy has no generation file: it belongs to nobody, and whoever opens it takes its tail for one
 * that a crash may have left.
 *
 * Boundary: bytes from one `Disk` to another; the caller sees to it that nothing is removed meanwhile, and names the folder.
 */
import { PerdureError } from '../../errors.ts'
import type { Pace } from '../pace.ts'
import type { BlobFolder } from './blobs.ts'
import { damaged, FrameReader } from './segment-reader.ts'
import type { Segment } from './segments.ts'
import { SnapshotFolder } from './snapshot-folder.ts'
import { type Disk, systemCode } from './storage.ts'
import { segmentsOf } from './stored-folder.ts'

/** An empty place for the copy. */
export interface BackupTarget {
  readonly disk: Disk
  readonly blobs: BlobFolder
}

/** Hears how many bytes of how many are copied. */
export type BackupProgress = (copied: number, total: number) => void

interface File {
  readonly name: string
  readonly bytes: number
}

/** 1 MB: a call of the system for each, and nothing larger in memory. */
const PIECE = 1024 * 1024

/** Copies everything that is durable through the record of this index. `blobFolder` has the same name on both sides. */
export async function copyLog(
  from: Disk,
  to: BackupTarget,
  {
    through,
    blobFolder,
    pace,
    progress,
  }: { through: number; blobFolder: string; pace: Pace; progress?: BackupProgress | undefined },
): Promise<void> {
  const files = await filesOf(from, through, blobFolder, pace)
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  to.disk.makeFolder('')
  to.disk.makeFolder(blobFolder)
  let copied = 0
  for (const { name, bytes } of files) {
    to.disk.create(name, new Uint8Array(0))
    for (let offset = 0; offset < bytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, bytes - offset))
      if (from.read(name, offset, piece) < piece.length) throw shorter(name, bytes)
      to.disk.write(name, offset, piece)
      offset += piece.length
      copied += piece.length
      progress?.(copied, total)
      await pace.step()
    }
    to.disk.sync(name)
    await pace.step()
  }
  await to.blobs.sync()
  to.disk.syncFolder()
}

async function filesOf(disk: Disk, through: number, blobFolder: string, pace: Pace): Promise<File[]> {
  // Blobs first: whatever an entry up to `through` refers to was there before it.
  const blobs = disk.list(blobFolder).filter((name) => /^[0-9a-f]{64}$/.test(name))
  const segments = segmentsOf(disk).filter(({ firstIndex }) => firstIndex <= through)
  const snapshots = new SnapshotFolder(disk, segments).kept.filter(({ index }) => index <= through)
  const last = segments.pop()
  const whole = [...blobs.map((name) => `${blobFolder}/${name}`), ...segments.map(({ name }) => name)]
  return [
    ...whole.map((name) => ({ name, bytes: disk.size(name) })),
    ...(last === undefined ? [] : [{ name: last.name, bytes: await endOf(disk, last, through, pace) }]),
    ...snapshots.map(({ name, bytes }) => ({ name, bytes })),
  ]
}

/** Where the record of this index ends in its segment. */
async function endOf(disk: Disk, segment: Segment, index: number, pace: Pace): Promise<number> {
  const reader = new FrameReader(disk, segment, segment.start, disk.size(segment.name))
  for (let step = reader.next(); step === 'record' || step === 'cut'; step = reader.next()) {
    if (reader.index >= index) return reader.offset
    await pace.step()
  }
  throw damaged(segment.name, reader.offset, index)
}

/** What the system says when the copy cannot be written. */
export function backupError(folder: string, error: unknown): unknown {
  const code = systemCode(error)
  if (code === undefined) return error
  return new PerdureError(
    'PERDURE_E_FOLDER',
    `No backup could be made in ${folder}: ${code === 'ENOSPC' ? 'the disk is full' : `the system says ${code}`}. What had been copied was removed; the site itself goes on. Name a folder that can be made and written.`,
    { cause: error, data: { folder, code } },
  )
}

function shorter(name: string, bytes: number): PerdureError {
  const text = `The file ${name} ends before byte ${bytes}, though it was durable up to there. Restore the data folder from an earlier backup.`
  return new PerdureError('PERDURE_E_CORRUPT', text, { data: { file: name, offset: bytes } })
}
