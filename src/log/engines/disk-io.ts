/**
 * A real disk: the calls of the system behind `Disk` and `BlobFolder`, and nothing else.
 *
 * Boundary: part of the shell. No decision is taken here but one: Windows cannot sync a folder, and needs none, since its file
 * system writes its names in order.
 */

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { BlobFolder } from './blobs.ts'
import { type Disk, systemCode } from './storage.ts'

export const FOLDERS_ARE_SYNCED: boolean = process.platform !== 'win32'

export function nodeDisk(dataFolder: string): Disk {
  const folder = resolve(dataFolder)
  const path = (name: string) => join(folder, name)
  return {
    folder,
    list: (inside) => listFiles(path(inside)),
    size: (name) => statSync(path(name)).size,
    read: (name, offset, into) => withFile(path(name), 'r', (file) => readFully(file, offset, into)),
    create: (name, content) => withFile(path(name), 'wx', (file) => writeFully(file, 0, content)),
    write: (name, offset, bytes) => withFile(path(name), 'r+', (file) => writeFully(file, offset, bytes)),
    sync: (name) => withFile(path(name), 'r+', fdatasyncSync),
    syncFolder: () => syncFolder(folder),
    rename: (from, to) => renameSync(path(from), path(to)),
    link: (from, to) => linkSync(path(from), path(to)),
    unlink: (name) => unlinkSync(path(name)),
    makeFolder: (inside) => makeFolder(path(inside)),
  }
}

export function nodeBlobFolder(dataFolder: string, blobFolder: string): BlobFolder {
  const folder = join(resolve(dataFolder), blobFolder)
  const path = (name: string) => join(folder, name)
  return {
    read: async (name) => {
      try {
        return await readFile(path(name))
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined
        throw error
      }
    },
    write: async (name, pieces) => {
      const file = await open(path(name), 'w')
      try {
        for (const piece of pieces) await file.writeFile(piece)
        await file.datasync()
      } finally {
        await file.close()
      }
    },
    rename: (from, to) => rename(path(from), path(to)),
    sync: async () => {
      if (!FOLDERS_ARE_SYNCED) return
      const file = await open(folder, 'r')
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    },
  }
}

function listFiles(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

function withFile<T>(path: string, flags: string, use: (file: number) => T): T {
  const file = openSync(path, flags)
  try {
    return use(file)
  } finally {
    closeSync(file)
  }
}

function readFully(file: number, offset: number, into: Uint8Array): number {
  let got = 0
  while (got < into.length) {
    const count = readSync(file, into, got, into.length - got, offset + got)
    if (count === 0) break
    got += count
  }
  return got
}

/** A write may take only a part, above all when the disk is nearly full. */
function writeFully(file: number, offset: number, bytes: Uint8Array): void {
  let done = 0
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, offset + done)
}

function syncFolder(path: string): void {
  if (FOLDERS_ARE_SYNCED) withFile(path, 'r', fsyncSync)
}

/**
 * A new folder is durable once the folder above it is synced, and so on up to the first that was there. One by one, since the
 * system's own recursive call never returns in places like /proc.
 */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  if (!existsSync(dirname(path))) makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process may have been faster.
    if (systemCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error
  }
  syncFolder(dirname(path))
}
