/**
 * What is in a data folder, without touching it: a copy is opened, and its records and tuples are read.
 *
 * Boundary: the copy shares the segments' bytes by hard links, which is safe because nobody ever changes a segment in place but
 * the process that made it.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, linkSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { openFolder } from '../../src/log/engines/folder.ts'
import type { Log } from '../../src/log/log.ts'
import { readRecord } from '../../src/log/record.ts'
import { openGateway } from '../../src/node/compose.ts'

export interface Stored {
  /** A digest of every record, by its index; indexes before the first are trimmed. */
  readonly records: ReadonlyMap<number, string>
  /** Log time of the records, in their order. */
  readonly wallMs: readonly number[]
  /** All tuples of the space `jobs`. */
  readonly tuples: readonly (readonly unknown[])[]
  readonly position: number
}

/** `copy` must not exist yet. */
export async function storedIn(folder: string, copy: string): Promise<Stored> {
  copyFolder(folder, copy)
  const log = await openFolder(copy, systemClock)
  try {
    const records = new Map<number, string>()
    const times: number[] = []
    for await (const { index, bytes } of log.read(await firstIndex(log))) {
      records.set(index, createHash('sha1').update(bytes).digest('base64'))
      readRecord(
        bytes,
        () => undefined,
        ({ wallMs }) => void times.push(wallMs),
      )
    }
    const gateway = await openGateway(log, systemClock)
    const position = gateway.replica.position
    const listed = gateway.replica.query('space', 'tuples', ['jobs']) as { total: number; tuples: { tuple: unknown[] }[] }
    if (listed.total !== listed.tuples.length)
      throw new Error(`only ${listed.tuples.length} of ${listed.total} tuples are listed`)
    await gateway.close()
    return { records, wallMs: times, tuples: listed.tuples.map(({ tuple }) => tuple), position }
  } finally {
    await log.close()
  }
}

/** Hard links for what never changes, copies of the rest. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyFolder(source, target)
    else if (entry.name.endsWith('.seg')) linkSync(source, target)
    else copyFileSync(source, target)
  }
}

async function firstIndex(log: Log): Promise<number> {
  try {
    for await (const { index } of log.read(1)) return index
    return 1
  } catch (error) {
    return (error as { data: { first: number } }).data.first
  }
}

/** The first record that both have and that differs, or that only the earlier one has; undefined when the prefix is the same. */
export function firstDifference(before: Stored['records'], after: Stored['records']): number | undefined {
  const first = Math.min(...after.keys())
  for (const [index, digest] of before) if (index >= first && after.get(index) !== digest) return index
  return undefined
}
