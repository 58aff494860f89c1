/**
 * A data folder in memory that is damaged byte by byte and opened each time: the files of a process that was killed, on the
 * simulated disk, where an open costs a millisecond.
 *
 * Boundary: the engine, the machines and the bytes are the real ones; only the disk under them is in memory.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import type { PerdureError } from '../../src/errors.ts'
import { openDisk } from '../../src/log/engines/disk.ts'
import { areaOf, decodeHeader, frameIndex, frameLength, frameSyncedThrough } from '../../src/log/engines/segments.ts'
import { openGateway } from '../../src/node/compose.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { seeded } from '../log/seeded.ts'

/** Room for one commit of the simulated process, which writes hardly anything; less is faster. */
const COMMIT_BYTES = 64 * 1024

export interface Frame {
  readonly index: number
  readonly syncedThrough: number
  readonly begin: number
  readonly end: number
}

export interface Files {
  /** The newest segment, which is the one that is damaged. */
  readonly newest: string
  readonly content: ReadonlyMap<string, Uint8Array>
  /** The records of the newest segment. */
  readonly frames: readonly Frame[]
}

/** The name of a snapshot that counts. */
export const SNAPSHOT: RegExp = /^snap-[0-9-]+$/

/** The lock's files stay behind: they belong to another machine. Without them the end counts as unclean, as after a kill. */
export function filesOf(folder: string): Files {
  const names = readdirSync(folder).filter((name) => name.endsWith('.seg') || SNAPSHOT.test(name))
  const content = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]))
  const newest = names
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .at(-1) as string
  return { newest, content, frames: framesOf(newest, content.get(newest) as Uint8Array) }
}

function framesOf(name: string, bytes: Uint8Array): Frame[] {
  const area = areaOf(bytes)
  const frames: Frame[] = []
  let at = decodeHeader(name, Buffer.from(bytes))?.start ?? 0
  while (at < bytes.length) {
    const end = at + frameLength(area, at, bytes.length)
    frames.push({ index: frameIndex(area, at), syncedThrough: frameSyncedThrough(area, at), begin: at, end })
    at = end
  }
  // The first is the cut, which is no record.
  return frames.slice(1)
}

export interface Opened {
  /** The second fields of all tuples in `jobs`. */
  readonly ids: readonly unknown[]
  /** Records that the open found. */
  readonly records: number
}

/** Opens the files with one of them replaced, by default the newest segment; the error if it is refused. */
export async function openWith(files: Files, bytes: Uint8Array, damaged: string = files.newest): Promise<Opened | PerdureError> {
  const disk = new FaultyDisk({ clock: systemClock, random: seeded(1), commitBytes: COMMIT_BYTES })
  for (const [name, whole] of files.content) disk.replace(name, name === damaged ? bytes : whole)
  try {
    const log = await openDisk(disk.start())
    const records = log.lastIndex
    const gateway = await openGateway(log, systemClock)
    const { tuples } = gateway.replica.query('space', 'tuples', ['jobs']) as { tuples: { tuple: unknown[] }[] }
    await gateway.close()
    return { ids: tuples.map(({ tuple }) => tuple[1]), records }
  } catch (error) {
    const { code } = error as PerdureError
    if (!String(code).startsWith('PERDURE_E_')) throw error
    return error as PerdureError
  }
}

export function flipped(bytes: Uint8Array, offset: number, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[offset] = (copy[offset] as number) ^ (1 << bit)
  return copy
}
