/**
 * Bytes too large for the log, kept beside it under the sha256 of their content.
 *
 * A blob must be durable before the record that names it. It is written under a temporary name, synced, renamed to its hash,
 * and then the folder is synced: whoever finds the hash finds the whole content, or sees that it does not fit.
 *
 * Boundary: knows how to be safe, not how to reach a disk; that is what a `BlobFolder` is for.
 */

import { createHash } from 'node:crypto'
import { PerdureError } from '../../errors.ts'
import { type Blobs, MAX_BLOB } from '../log.ts'

/** One flat folder. Every call resolves when it is done and rejects with the error of the system. */
export interface BlobFolder {
  /** The whole content; undefined if there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Makes or replaces the file, writes the pieces one after the other, and syncs the data. */
  write(name: string, pieces: readonly Uint8Array[]): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Makes creations and renames durable. */
  sync(): Promise<void>
}

/** Told of a failed write or sync, and asked whether the engine has ended (L4: then nothing works any more). */
export interface BlobOwner {
  over(): Error | undefined
  /** Hears of every blob that is about to be there, before anybody looks whether it is. */
  putting?(hash: string): void
  /** Returns the error with which the call is rejected. */
  failed(cause: unknown): Error
}

/** 256 kB: small enough to let other input and output through between two pieces, large enough not to matter. */
const PIECE = 256 * 1024

/** The suffix of files that were being written; whoever opens the folder removes what is left of them. */
export const UNFINISHED = '.tmp'

export function folderBlobs(folder: BlobFolder, owner: BlobOwner): Blobs {
  let written = 0
  return {
    async put(bytes) {
      const hash = nameOf(bytes, owner.over())
      owner.putting?.(hash)
      try {
        const present = await folder.read(hash)
        if (!present || sha256(present) !== hash) {
          written += 1
          const temporary = `${hash}.${written}${UNFINISHED}`
          await folder.write(temporary, piecesOf(bytes))
          await folder.rename(temporary, hash)
        }
        await folder.sync()
      } catch (error) {
        throw owner.failed(error)
      }
      return hash
    },
    async get(hash) {
      const over = owner.over()
      if (over) throw over
      return verified(hash, isHash(hash) ? await readOr(owner, () => folder.read(hash)) : undefined)
    },
  }
}

/** What cannot be read now may be there all the same: a run that took the error for its reply would never agree with its journal. */
async function readOr(owner: BlobOwner, read: () => Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
  try {
    return await read()
  } catch (error) {
    throw owner.failed(error)
  }
}

export function memoryBlobs(over: () => Error | undefined): Blobs {
  const contents = new Map<string, Uint8Array>()
  return {
    async put(bytes) {
      const hash = nameOf(bytes, over())
      if (!contents.has(hash)) contents.set(hash, bytes.slice())
      return hash
    },
    async get(hash) {
      const ended = over()
      if (ended) throw ended
      return verified(hash, contents.get(hash)).slice()
    },
  }
}

function nameOf(bytes: Uint8Array, over: Error | undefined): string {
  if (over) throw over
  if (bytes.length > MAX_BLOB) {
    throw new PerdureError(
      'PERDURE_E_VALUE',
      `A blob of ${bytes.length} bytes was given; at most ${MAX_BLOB} are kept in one piece. Split it, or keep it in a file of your own.`,
      { data: { length: bytes.length, limit: MAX_BLOB } },
    )
  }
  return sha256(bytes)
}

/** Names come from the log; one that is no hash must not become a path. */
function isHash(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}

function verified(hash: string, content: Uint8Array | undefined): Uint8Array {
  if (content && sha256(content) === hash) return content
  const what = content ? 'is damaged: its content does not fit its name' : 'is not there'
  throw new PerdureError('PERDURE_E_BLOB', `Blob ${hash} ${what}. Restore the file from a backup of the data folder.`, {
    data: { hash },
  })
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function piecesOf(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += PIECE) pieces.push(bytes.subarray(at, at + PIECE))
  return pieces
}
