/**
 * What the disk engine needs from a disk: files in one folder, and somebody who commits.
 *
 * Both are so small that a simulated pair can lose, tear and refuse everything a real one can; the engine cannot tell them
 * apart. Reading and the rare changes of files are synchronous calls on `Disk`; the commits, of which there are thousands a
 * second, go to a `Committer`, which may do them on another thread.
 *
 * Boundary: interfaces only. Errors are those of the system, with its `code` (ENOENT, ENOSPC, …).
 */

export interface Disk {
  /** The data folder, for messages. */
  readonly folder: string
  /** Names of the files in a folder: '' is the data folder itself, others lie inside it. Empty when there is no such folder. */
  list(folder: string): readonly string[]
  size(name: string): number
  /** Fills `into` from the offset on and returns how many bytes there were. */
  read(name: string, offset: number, into: Uint8Array): number
  /** Makes a file that must not exist yet. */
  create(name: string, content: Uint8Array): void
  write(name: string, offset: number, bytes: Uint8Array): void
  /** Makes the content of the file durable, not its name. */
  sync(name: string): void
  /** Makes the names in the data folder durable. */
  syncFolder(): void
  /** Replaces `to` in one step if it exists. */
  rename(from: string, to: string): void
  /** Gives the file a second name, which must not exist yet. */
  link(from: string, to: string): void
  unlink(name: string): void
  /** Makes the folder durably, with those above it; '' is the data folder itself. */
  makeFolder(folder: string): void
}

/** The bytes to commit are the first `length` of the committer's buffer. */
export type Commit =
  /** Make the file, which must not exist yet, and go on with it; durable with its name. */
  | { readonly kind: 'create'; readonly name: string; readonly length: number }
  /** Write at the offset of the file made last. */
  | { readonly kind: 'append'; readonly name: string; readonly offset: number; readonly length: number }

export interface Committer {
  /** `COMMIT_BYTES` for the next commit; not to be touched while one is under way. */
  readonly buffer: Uint8Array
  /** One at a time. Calls `done` in a later turn: without an error once everything is durable, with one if anything failed. */
  commit(commit: Commit, done: (failure: Error | undefined) => void): void
  /** Waits for the commit under way. Idempotent. */
  close(): Promise<void>
}

/** 4 MB: more at once would only make those in it wait longer, the disk is no faster. */
export const COMMIT_BYTES: number = 4 * 1024 * 1024

/** Measured: from about 512 records on, larger commits give no more records a second, only longer waits. */
export const COMMIT_RECORDS = 512

/** The system's word for what went wrong (`ENOSPC`), if the error is one of the system's. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && !code.startsWith('PERDURE_') ? code : undefined
}
