/**
 * The contract of every log engine: one ordered sequence of records.
 *
 * A record is opaque bytes to the engine. It gets an *index* (1, 2, 3, …, without gaps) when its order is known, and is
 * *durable* when it outlives what the engine promises to outlive (memory: nothing; disk: the loss of power). What the records
 * mean, and the positions of the operations inside them, is the machine's business (`machine.ts`).
 *
 * Boundary: engines know bytes, indexes and generations. They know no operation, no time and no client.
 *
 * Invariants every engine keeps (the contract suite `logContract` tests them):
 *   L1  Indexes are given in the order of the calls of `append`, without gaps.
 *   L2  `read` yields every record from its start once, in order, then goes on live.
 *   L3  What was durable is read again, at the same index, by every later open; what was not may be missing, but only as a
 *       suffix: no record is there without all those before it.
 *   L4  After a failed write or sync the engine has failed for good: every later call rejects with `PERDURE_E_LOG_FAILED`.
 *   L5  `durable(index)` resolves in the order of the indexes.
 *   L6  Every open of a log that may have lost a tail starts a new generation, larger than all before.
 */

export interface LogRecord {
  readonly index: number
  /** May be a view of a larger buffer that the engine has read: do not change it, and copy what is kept for long. */
  readonly bytes: Uint8Array
}

/** Bytes too large for the log, stored beside it under the hexadecimal sha256 of their content. */
export interface Blobs {
  /** Resolves once the bytes are durable. Up to `MAX_BLOB` bytes, else `PERDURE_E_VALUE`. */
  put(bytes: Uint8Array): Promise<string>
  /** `PERDURE_E_BLOB` when it is not there or its content does not fit its name. */
  get(hash: string): Promise<Uint8Array>
}

/** The state after the record of this index, as it was written in this generation. */
export interface SnapshotPlace {
  readonly generation: number
  readonly index: number
}

export interface StoredSnapshot extends SnapshotPlace {
  /** For messages. */
  readonly name: string
  readonly bytes: number
}

/**
 * States beside the log, so that it need not be read from its beginning. To the engine they are bytes; whether they are whole is
 * for their reader to find out (`snapshot.ts`).
 *   L7  A kept snapshot, and the records after the older of two, are there at every later open.
 *   L8  What was only drafted is never taken for a snapshot.
 */
export interface Snapshots {
  /** Newest first, at most two. */
  readonly kept: readonly StoredSnapshot[]
  /** Bytes of the records after the newest one, as far as they lie in finished segments. */
  readonly grownBytes: number
  read(snapshot: SnapshotPlace): AsyncIterable<Uint8Array>
  /** Makes the bytes durable without letting them count. Replaces an earlier draft of the same place. */
  draft(place: SnapshotPlace, pieces: AsyncIterable<Uint8Array>): Promise<void>
  readDraft(place: SnapshotPlace): AsyncIterable<Uint8Array>
  /** Lets a draft count from now on, in the place of the older of two. The records in it must be durable. */
  keep(place: SnapshotPlace): Promise<void>
  /** Removes a draft, if there is one. */
  discard(place: SnapshotPlace): Promise<void>
  /** Removes a kept one, because it is damaged. */
  drop(place: SnapshotPlace): Promise<void>
  /** `grown` is called whenever `grownBytes` has. One watcher. */
  watch(grown: () => void): void
}

export interface Log {
  /** Random, made when the log was, the same for ever. */
  readonly id: string
  /** Counts the opens that may have lost an optimistic tail; a not-yet-durable index belongs to one generation only. */
  readonly generation: number
  /** Index of the first record that can still be read, or will be the first. */
  readonly firstIndex: number
  /** Index of the last record ordered so far; 0 for an empty log. */
  readonly lastIndex: number
  /** Index up to which everything is durable. */
  readonly durableIndex: number
  /** Orders the record after all earlier ones and returns its index. The bytes belong to the engine from here on. Throws `PERDURE_E_LOG_FAILED` or `PERDURE_E_CLOSED`, and `PERDURE_E_VALUE` above `MAX_RECORD`. */
  append(record: Uint8Array): number
  /** Resolves when everything up to `index` is durable. */
  durable(index: number): Promise<void>
  /** `advanced` is called whenever `durableIndex` has grown, `failed` once when the engine fails. One watcher per log. */
  watch(watcher: LogWatcher): void
  /** Records from index `from` on, those that are not durable yet included, then live until the signal aborts or the log closes. `PERDURE_E_TRIMMED` when `from` is gone. */
  read(from: number, options?: { signal?: AbortSignal; live?: boolean }): AsyncIterable<LogRecord>
  /** Allows the engine to forget records below `before`. It may keep some. */
  trim(before: number): Promise<void>
  readonly blobs: Blobs
  /** Undefined where the log ends with its process. */
  readonly snapshots: Snapshots | undefined
  /** Waits for what was appended to be durable, then releases everything. Idempotent. */
  close(): Promise<void>
}

export interface LogWatcher {
  advanced(durableIndex: number): void
  failed(error: Error): void
}

/**
 * 1 MB: what the strictest engine takes as one message. Records are sealed at 256 kB, so only a single huge operation could come
 * near it.
 */
export const MAX_RECORD: number = 1024 * 1024

/** 64 MB: one result or state that a process still wants to hold in memory at once. */
export const MAX_BLOB: number = 64 * 1024 * 1024

/** 128 kB on every engine: eight of them fit a message of the strictest engine (1 MB) with its header. */
export const MAX_VALUE: number = 128 * 1024
