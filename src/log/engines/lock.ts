/**
 * This machine, as far as owning a folder is concerned: its names, and sockets that answer as long as their process lives.
 *
 * The socket lies in a private folder of the system's temporary one, under a fresh random name: nobody else may connect, no old
 * socket is ever met again, and its path stays short (over about 100 bytes Node 20 cuts paths silently).
 *
 * Boundary: part of the shell. What an answer means is decided in `generations.ts`.
 */

import { mkdtemp, readFile, rm, rmdir, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { PerdureError } from '../../errors.ts'
import { nodeDisk } from './disk-io.ts'
import { type Door, livingOwner, type Surroundings } from './generations.ts'
import { folderError } from './recovery.ts'
import { systemCode } from './storage.ts'

export interface Owner {
  readonly pid: number
  readonly host: string
  readonly socket: string
  readonly generation: number
}

/** The living process on this machine that owns the folder; undefined if there is none. */
export async function findOwner(folder: string): Promise<Owner | undefined> {
  const disk = nodeDisk(folder)
  try {
    const owner = await livingOwner(disk, await thisMachine())
    return owner && { pid: owner.pid, host: owner.host, socket: owner.socket, generation: owner.generation }
  } catch (error) {
    throw folderError(disk.folder, error)
  }
}

export async function thisMachine(): Promise<Surroundings> {
  return {
    pid: process.pid,
    host: hostname(),
    bootId: await bootId(),
    nodeVersion: process.versions.node,
    listen,
    answers,
    forget,
  }
}

/** Where Linux says which start of the machine this is; elsewhere the sockets alone must do. */
async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  } catch {
    return 'unknown'
  }
}

const PREFIX = 'perdure-'

/** 100 bytes: the shortest limit among the systems, less a few. */
const MAX_SOCKET_PATH = 100

/** Whoever connects before the site is ready to talk waits; more than this at once is no honest use. */
const MAX_WAITING = 256

async function listen(id: string): Promise<Door> {
  const place = await socketPlace(id)
  const waiting = new Set<Socket>()
  let handler: ((connection: Duplex) => void) | undefined
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    if (handler) return hand(socket, handler)
    if (waiting.size >= MAX_WAITING) return void socket.destroy()
    waiting.add(socket)
    socket.on('error', () => waiting.delete(socket))
    socket.on('close', () => waiting.delete(socket))
  })
  await listening(server, place.socket)
  return {
    socket: place.socket,
    accept: (next) => {
      handler = next
      for (const socket of waiting) hand(socket, next)
      waiting.clear()
    },
    close: async () => {
      for (const socket of waiting) socket.destroy()
      // From here on nobody is let in; those who were belong to whoever took them over, and are not waited for.
      server.close()
      await place.remove()
    },
  }
}

function hand(socket: Socket, handler: (connection: Duplex) => void): void {
  handler(socket)
  socket.resume()
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

async function socketPlace(id: string): Promise<{ socket: string; remove(): Promise<void> }> {
  if (process.platform === 'win32') {
    return { socket: `\\\\.\\pipe\\${PREFIX}${id}`, remove: async () => undefined }
  }
  // mkdtemp makes it with mode 0700.
  const folder = await mkdtemp(join(tmpdir(), PREFIX))
  const socket = join(folder, 's')
  const remove = () => rm(folder, { recursive: true, force: true })
  if (Buffer.byteLength(socket) <= MAX_SOCKET_PATH) return { socket, remove }
  await remove()
  throw new PerdureError(
    'PERDURE_E_FOLDER',
    `The system's temporary folder ${tmpdir()} has too long a path for a socket (${Buffer.byteLength(socket)} bytes, at most ${MAX_SOCKET_PATH}). Set TMPDIR to a shorter one.`,
    { data: { folder: tmpdir() } },
  )
}

/** Only a system that says "nobody there" is believed; anything else may be a process that is stopped, busy or not ours. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error) => {
      const code = systemCode(error)
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT')
    })
  })
}

/** The path comes from a file that others may have written: nothing but an empty folder of ours is removed. */
async function forget(socket: string): Promise<void> {
  const folder = dirname(socket)
  if (process.platform === 'win32' || dirname(folder) !== tmpdir() || !basename(folder).startsWith(PREFIX)) return
  try {
    await unlink(join(folder, 's'))
    await rmdir(folder)
  } catch {
    // The system has cleaned up already, or it was never ours.
  }
}
