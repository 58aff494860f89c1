/**
 * The program of the thread beside a site: one order, one result.
 *
 * Boundary: part of the shell; `node/shadow.ts` starts it and may end it at any moment.
 */
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../clock.ts'
import { PerdureError } from '../errors.ts'
import { copyLog } from '../log/engines/backup.ts'
import { BLOB_FOLDER } from '../log/engines/disk.ts'
import { nodeBlobFolder, nodeDisk } from '../log/engines/disk-io.ts'
import { systemCode } from '../log/engines/storage.ts'
import { storedFolder } from '../log/engines/stored-folder.ts'
import { Pace } from '../log/pace.ts'
import { takeSnapshot } from '../log/snapshots/shadow.ts'
import { composeReplica } from './compose.ts'
import type { ThreadMessage, ThreadOrder } from './shadow.ts'

/** So often somebody who looks at a backup hears how far it is. */
const PROGRESS_BYTES = 8 * 1024 * 1024

async function carryOut(order: ThreadOrder): Promise<unknown> {
  const disk = nodeDisk(order.folder)
  if (order.kind === 'snapshot') {
    return takeSnapshot(storedFolder(disk, order.place.index), order.place, composeReplica, systemClock)
  }
  const target = { disk: nodeDisk(order.target), blobs: nodeBlobFolder(order.target, BLOB_FOLDER) }
  const pace = new Pace(systemClock)
  let said = 0
  const progress = (copied: number, total: number) => {
    if (copied - said < PROGRESS_BYTES && copied < total) return
    said = copied
    say({ kind: 'progress', copied, total })
  }
  return copyLog(disk, target, { through: order.through, blobFolder: BLOB_FOLDER, pace, progress })
}

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message)
}

// The site comes first. Only Linux gives a thread a priority of its own; elsewhere this would be that of the whole process.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL)

try {
  say({ kind: 'done', result: await carryOut(workerData as ThreadOrder) })
} catch (error) {
  const code = error instanceof PerdureError ? error.code : undefined
  const message = error instanceof Error ? error.message : String(error)
  say({ kind: 'failed', failure: { code, systemCode: systemCode(error), message } })
}
