/**
 * The disk engine on a real folder of this machine: what production opens.
 *
 * Boundary: composition only.
 */

import type { Clock } from '../../clock.ts'
import { BLOB_FOLDER, type DiskLog, openDisk } from './disk.ts'
import { nodeBlobFolder, nodeDisk } from './disk-io.ts'
import { threadCommitter } from './disk-thread.ts'
import { thisMachine } from './lock.ts'

export interface FolderOptions {
  /** A segment of at least this many bytes is followed by a new one. Default 64 MB. */
  readonly segmentBytes?: number
}

/** Opens the log in the folder, which is made if need be. `PERDURE_E_FOLDER`, `_LOCKED`, `_CORRUPT` or `_FORMAT`. */
export async function openFolder(folder: string, clock: Clock, options: FolderOptions = {}): Promise<DiskLog> {
  return await openDisk({
    disk: nodeDisk(folder),
    blobs: nodeBlobFolder(folder, BLOB_FOLDER),
    startCommitter: () => threadCommitter(folder),
    surroundings: await thisMachine(),
    clock,
    ...options,
  })
}
