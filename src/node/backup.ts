/**
 * A backup of a site that goes on working: `site.backup(folder)`.
 *
 * Boundary: part of the shell; `log/engines/backup.ts` copies.
 *   U1  A folder has the name that was asked for only when everything in it is durable: until then it has another one beside it.
 *   U2  A folder that holds anything is never touched.
 */
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import { backupError, copyLog } from '../log/engines/backup.ts'
import { BLOB_FOLDER } from '../log/engines/disk.ts'
import { FOLDERS_ARE_SYNCED, nodeBlobFolder, nodeDisk } from '../log/engines/disk-io.ts'
import { systemCode } from '../log/engines/storage.ts'
import type { Gateway } from '../log/gateway.ts'
import { Pace } from '../log/pace.ts'
import type { BackupOptions } from '../log/site.ts'
import type { Keeper } from '../log/snapshots/keeper.ts'
import { HAS_THREAD, inThread } from './shadow.ts'

/** Copies what is durable at the call. Errors: `PERDURE_E_FOLDER`, `_ABORTED`, `_CLOSED`, `_LOG_FAILED`. */
export async function backup(
  source: { readonly folder: string; readonly gateway: Gateway; readonly keeper: Keeper },
  to: string,
  options: BackupOptions = {},
): Promise<void> {
  const { gateway, keeper } = source
  const folder = resolve(to)
  const { index } = gateway.mark()
  await gateway.log.durable(index)
  try {
    await refuseUsed(folder)
    await keeper.holding(async (closing) => {
      const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal])
      signal.throwIfAborted()
      await copyTo(source.folder, folder, index, gateway.clock, signal, options.progress)
    })
  } catch (error) {
    if (options.signal?.aborted && error === options.signal.reason) throw abandoned(folder, error)
    throw backupError(folder, error)
  }
}

async function copyTo(
  source: string,
  folder: string,
  through: number,
  clock: Clock,
  signal: AbortSignal,
  progress: BackupOptions['progress'],
): Promise<void> {
  const unfinished = `${folder}.unfinished-${clock.randomId()}`
  await mkdir(dirname(folder), { recursive: true })
  try {
    if (HAS_THREAD) await inThread({ kind: 'backup', folder: source, target: unfinished, through }, signal, progress)
    else {
      const target = { disk: nodeDisk(unfinished), blobs: nodeBlobFolder(unfinished, BLOB_FOLDER) }
      await copyLog(nodeDisk(source), target, { through, blobFolder: BLOB_FOLDER, pace: new Pace(clock, signal), progress })
    }
    await rmdir(folder).catch(ignore('ENOENT'))
    await rename(unfinished, folder)
    await syncFolder(dirname(folder))
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
}

/** U2. An empty folder is as good as none. */
async function refuseUsed(folder: string): Promise<void> {
  const found = await readdir(folder).catch(ignore('ENOENT'))
  if (found === undefined || found.length === 0) return
  throw new PerdureError(
    'PERDURE_E_FOLDER',
    `A backup was to be made in ${folder}, but that folder is not empty (it holds ${found[0]}). Name a folder that is not there yet.`,
    { data: { folder } },
  )
}

function ignore(code: string): (error: unknown) => undefined {
  return (error) => {
    if (systemCode(error) !== code) throw error
  }
}

async function syncFolder(path: string): Promise<void> {
  if (!FOLDERS_ARE_SYNCED) return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function abandoned(folder: string, cause: unknown): PerdureError {
  return new PerdureError('PERDURE_E_ABORTED', `The backup in ${folder} was given up; what had been copied was removed.`, {
    cause,
  })
}
