/**
 * Takes a snapshot without the live state: a shadow of the site is rebuilt from what is stored, and written down.
 *
 * It begins with the newest snapshot there is, applies the records after it, writes the new one, reads that back into a third
 * replica and compares what this would write. So the state that is written was computed twice from the log, the bytes on the
 * disk were read once, and the live site did nothing for it (docs/decisions/0006-snapshots-by-a-shadow.md).
 *
 * Boundary: works over any engine, in any thread; whoever asked compares the census and lets the draft count.
 */
import type { Clock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import type { SnapshotPlace, Snapshots } from '../log.ts'
import { Pace } from '../pace.ts'
import { rebuild, type StoredLog } from '../replay.ts'
import type { Census, Replica } from '../replica.ts'
import { decodePart, type SnapshotHeader, SnapshotReader, writeSnapshot } from './snapshot.ts'

export interface ShadowReport {
  /** Of the state that was written, to be compared with that of the live one. */
  readonly census: Census
  /** Kept snapshots that turned out to be damaged. */
  readonly damaged: readonly SnapshotPlace[]
  /** Names of blobs that occur in the state from which it set out, or in a record after it. */
  readonly blobs: readonly string[]
}

export interface ShadowSource extends StoredLog {
  readonly snapshots: Snapshots
}

/** Drafts the snapshot of the state after record `place.index`, which must be durable. */
export async function takeSnapshot(
  source: ShadowSource,
  place: SnapshotPlace,
  compose: () => Replica,
  clock: Clock,
  signal?: AbortSignal,
): Promise<ShadowReport> {
  const { written, ...report } = await draft(source, place, compose(), clock, signal)
  const pace = new Pace(clock, signal)
  const read = await readBack(source.snapshots, place, compose(), pace)
  const restored = await hashOf(writeSnapshot(read.header, read.replica.snapshot()), pace)
  if (read.sha256 !== written || restored !== written) throw different(place, written, restored)
  return report
}

/** Its replica is gone when the verification begins: two states at a time are enough. */
async function draft(
  source: ShadowSource,
  place: SnapshotPlace,
  replica: Replica,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<ShadowReport & { readonly written: string }> {
  const damaged: SnapshotPlace[] = []
  const blobs = new Set<string>()
  await rebuild(source, replica, clock, {
    through: place.index,
    signal,
    see: (bytes) => findBlobs(bytes, blobs),
    warn: (_text, { generation, index }) => damaged.push({ generation, index }),
  })
  const header: SnapshotHeader = { logId: source.id, ...place, position: replica.position }
  const pace = new Pace(clock, signal)
  let written = ''
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    written = yield* paced(writeSnapshot(header, replica.snapshot()), pace)
  }
  await source.snapshots.draft(place, pieces())
  return { census: replica.census(), damaged, blobs: [...blobs], written }
}

async function readBack(
  snapshots: Snapshots,
  place: SnapshotPlace,
  replica: Replica,
  pace: Pace,
): Promise<{ replica: Replica; header: SnapshotHeader; sha256: string }> {
  const reader = new SnapshotReader(`of record ${place.index}, as just written,`)
  for await (const piece of snapshots.readDraft(place)) {
    for (const bytes of reader.push(piece)) {
      replica.restorePart(decodePart(bytes))
      await pace.step()
    }
  }
  const { sha256, ...header } = reader.end()
  return { replica, header, sha256 }
}

async function* paced<R>(pieces: Generator<Uint8Array, R>, pace: Pace): AsyncGenerator<Uint8Array, R> {
  for (;;) {
    const { done, value } = pieces.next()
    if (done) return value
    yield value
    await pace.step()
  }
}

async function hashOf(pieces: Generator<Uint8Array, string>, pace: Pace): Promise<string> {
  for (;;) {
    const { done, value } = pieces.next()
    if (done) return value
    await pace.step()
  }
}

/** A reference to a blob is a text of 64 hexadecimal digits: the tag and the length of such a text, as the codec writes them. */
const REFERENCE = Buffer.from([0x07, 0x40])

/** Takes for a reference whatever looks like one: a blob too many is only kept too long. */
export function findBlobs(bytes: Uint8Array, found: Set<string>): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = buffer.indexOf(REFERENCE); at >= 0; at = buffer.indexOf(REFERENCE, at + 1)) {
    const name = buffer.toString('latin1', at + 2, at + 66)
    if (/^[0-9a-f]{64}$/.test(name)) found.add(name)
  }
}

function different(place: SnapshotPlace, written: string, restored: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_INVARIANT',
    `The snapshot of record ${place.index} restores to another state than it was taken of (${written.slice(0, 12)} and ${restored.slice(0, 12)}); it was not used. This is a bug in perdure: please report it with the log.`,
  )
}
