/**
 * A data folder as somebody reads it who does not own it: a shadow, on a thread of its own, while the owner goes on writing.
 *
 * Boundary: reads only what the owner has said to be durable, and writes only the draft of a snapshot.
 */
import type { LogRecord } from '../log.ts'
import type { ShadowSource } from '../snapshots/shadow.ts'
import { StoredRecords } from './segment-reader.ts'
import { decodeHeader, HEADER_BYTES, parseSegmentName, type Segment } from './segments.ts'
import { SnapshotFolder } from './snapshot-folder.ts'
import type { Disk } from './storage.ts'
import { trimmed } from './tail.ts'

/** The log in the folder as far as record `durable`. The owner must trim nothing meanwhile. */
export function storedFolder(disk: Disk, durable: number): ShadowSource {
  const segments = segmentsOf(disk)
  const newest = segments.at(-1)
  const firstIndex = segments[0]?.firstIndex ?? 1
  return {
    id: newest?.logId ?? '',
    firstIndex,
    snapshots: new SnapshotFolder(disk, segments),
    async *read(from): AsyncGenerator<LogRecord> {
      if (newest === undefined || from > durable) return
      if (from < firstIndex) throw trimmed(from, firstIndex)
      const records = new StoredRecords(disk, segments, disk.size(newest.name), from, durable)
      for (let record = records.next(); record !== undefined; record = records.next()) yield record
    },
  }
}

/** Those whose header can be read: one that is just being made has nothing durable in it. */
export function segmentsOf(disk: Disk): Segment[] {
  const named = disk.list('').flatMap((name) => {
    const place = parseSegmentName(name)
    return place ? [{ name, ...place }] : []
  })
  named.sort((a, b) => a.generation - b.generation || a.firstIndex - b.firstIndex)
  return named.flatMap(({ name }) => {
    const bytes = Buffer.alloc(HEADER_BYTES)
    return decodeHeader(name, bytes.subarray(0, disk.read(name, 0, bytes))) ?? []
  })
}
