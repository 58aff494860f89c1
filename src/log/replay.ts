/**
 * From what is stored to a state: the newest whole snapshot, then the records after it.
 *
 * Boundary: works over any engine; a replica comes in fresh and leaves as far as was asked. Nothing is restored from a snapshot
 * that has not been read to its end before and found whole.
 *   Y1  The state after a record does not depend on the snapshot from which it was reached.
 *   Y2  A record is applied only if it begins right behind the position that the replica has reached.
 */
import type { Clock } from '../clock.ts'
import { invariant, PerdureError } from '../errors.ts'
import type { Log, LogRecord, StoredSnapshot } from './log.ts'
import { Pace } from './pace.ts'
import { readRecord } from './record.ts'
import type { Replica } from './replica.ts'
import { decodePart, type SnapshotHeader, SnapshotReader } from './snapshots/snapshot.ts'

/** What is needed of a log to read it. */
export type StoredLog = Pick<Log, 'id' | 'firstIndex' | 'snapshots' | 'read'>

export interface RebuildOptions {
  /** Hears of positions on the way. */
  readonly progress?: ((position: number) => void) | undefined
  /** Hears of a snapshot that is damaged and was passed over. */
  readonly warn?: ((text: string, snapshot: StoredSnapshot) => void) | undefined
  /** Applies nothing after the record of this index. Default: all there is. */
  readonly through?: number
  readonly signal?: AbortSignal | undefined
  /** Sees the bytes of every part and every record before they are used. */
  readonly see?: (bytes: Uint8Array) => void
}

/** A snapshot whose bytes were found whole. */
export interface ProvenSnapshot {
  readonly stored: StoredSnapshot
  readonly header: SnapshotHeader
}

/** Brings a fresh replica to the state of the whole log. `PERDURE_E_CORRUPT` when what is stored does not reach back far enough. */
export async function rebuild(log: StoredLog, replica: Replica, clock: Clock, options: RebuildOptions = {}): Promise<void> {
  const { through = Number.POSITIVE_INFINITY, warn = () => undefined } = options
  const pace = new Pace(clock, options.signal)
  const damaged: PerdureError[] = []
  const passedOver = (error: PerdureError, snapshot: StoredSnapshot) => {
    damaged.push(error)
    warn(`${error.message} An older state is used instead, and the log from there.`, snapshot)
  }
  const from = await proven(log, pace, ({ index }) => index <= through, passedOver)
  if (from !== undefined) await restore(log, from, replica, pace, options)
  else if (log.firstIndex > 1) throw damaged.at(-1) ?? beginningLost(log.firstIndex)
  await replay(log, replica, (from?.header.index ?? 0) + 1, through, pace, options)
}

/**
 * Brings a fresh replica to a state before `position`, as close as there is a snapshot of one; the index of the record that follows.
 * `PERDURE_E_TRIMMED` when what is stored does not reach back to there.
 */
export async function restoreBefore(log: StoredLog, replica: Replica, clock: Clock, position: number): Promise<number> {
  const pace = new Pace(clock)
  const first: number[] = []
  const isBefore = (header: SnapshotHeader) => {
    first.push(header.position + 1)
    return header.position < position
  }
  const from = await proven(log, pace, isBefore, () => undefined)
  if (from !== undefined) await restore(log, from, replica, pace, {})
  else if (log.firstIndex > 1) throw trimmedBefore(position, first.length > 0 ? Math.min(...first) : undefined)
  return (from?.header.index ?? 0) + 1
}

/** Applies a record that follows what the replica has. */
export function applyRecord(replica: Replica, { index, bytes }: LogRecord): void {
  readRecord(
    bytes,
    (from, to) => replica.apply(bytes, from, to),
    ({ wallMs, serviceMs, firstPosition }) => {
      if (firstPosition !== replica.position + 1) throw misplaced(index, firstPosition, replica.position)
      replica.advance(wallMs, serviceMs)
    },
  )
}

/** The newest whole snapshot that suits and after which the log goes on. */
async function proven(
  log: StoredLog,
  pace: Pace,
  suits: (header: SnapshotHeader) => boolean,
  passedOver: (error: PerdureError, snapshot: StoredSnapshot) => void,
): Promise<ProvenSnapshot | undefined> {
  for (const stored of log.snapshots?.kept ?? []) {
    try {
      const header = await prove(log, stored, pace, suits)
      if (header !== undefined && log.firstIndex <= header.index + 1) return { stored, header }
    } catch (error) {
      if (!PerdureError.is(error, 'PERDURE_E_CORRUPT')) throw error
      passedOver(error, stored)
    }
  }
  return undefined
}

/** Reads a snapshot to its end; undefined when its header says that it does not suit. */
async function prove(
  log: StoredLog,
  stored: StoredSnapshot,
  pace: Pace,
  suits: (header: SnapshotHeader) => boolean,
): Promise<SnapshotHeader | undefined> {
  const reader = new SnapshotReader(stored.name)
  let asked = false
  for await (const piece of log.snapshots?.read(stored) ?? []) {
    for (const _ of reader.push(piece));
    if (!asked && reader.header !== undefined) {
      asked = true
      checkIdentity(log, stored, reader.header)
      if (!suits(reader.header)) return undefined
    }
    await pace.step()
  }
  return reader.end()
}

function checkIdentity(log: StoredLog, stored: StoredSnapshot, { logId, generation, index }: SnapshotHeader): void {
  if (logId === log.id && index === stored.index && generation === stored.generation) return
  throw new PerdureError(
    'PERDURE_E_CORRUPT',
    `The snapshot ${stored.name} does not belong here: it says that it is of record ${index} of the log ${logId}, generation ${generation}, and this is the log ${log.id}. Take it out if it was copied here.`,
    { data: { file: stored.name, offset: 0 } },
  )
}

async function restore(
  log: StoredLog,
  { stored, header }: ProvenSnapshot,
  replica: Replica,
  pace: Pace,
  { progress, see }: RebuildOptions,
): Promise<void> {
  const reader = new SnapshotReader(stored.name)
  for await (const piece of log.snapshots?.read(stored) ?? []) {
    for (const bytes of reader.push(piece)) {
      see?.(bytes)
      replica.restorePart(decodePart(bytes))
      await pace.step()
    }
  }
  invariant(replica.position === header.position, `the snapshot ${stored.name} gave position ${replica.position}`)
  progress?.(replica.position)
}

async function replay(
  log: StoredLog,
  replica: Replica,
  from: number,
  through: number,
  pace: Pace,
  { progress, see }: RebuildOptions,
): Promise<void> {
  if (from > through) return
  for await (const record of log.read(from, { live: false })) {
    see?.(record.bytes)
    applyRecord(replica, record)
    if (record.index >= through) return
    const rest = pace.step()
    if (rest === undefined) continue
    progress?.(replica.position)
    await rest
  }
}

function misplaced(index: number, expected: number, position: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_CORRUPT',
    `Record ${index} begins at position ${expected}, but the state in front of it ends at position ${position}: a snapshot or a record is not what it claims to be. Restore the data folder from a backup; nothing was changed in it.`,
    { data: { index, expected, position } },
  )
}

function beginningLost(first: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_CORRUPT',
    `The log begins at record ${first}, and there is no snapshot of what was before. Restore the data folder from a backup; nothing was changed in it.`,
    { data: { index: first } },
  )
}

function trimmedBefore(position: number, first: number | undefined): PerdureError {
  const from = first === undefined ? 'Nothing' : `Only what follows position ${first - 1}`
  return new PerdureError(
    'PERDURE_E_TRIMMED',
    `Position ${position} was asked for, but what led to it has been trimmed. ${from} can still be read${first === undefined ? '' : `: start from ${first}`}.`,
    { data: { asked: position, first: first ?? null } },
  )
}
