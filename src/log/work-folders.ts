/**
 * Folders in which the steps of runs work, as the mechanisms see them.
 *
 * Boundary: a port. What lies in a folder, and what it is to hold, is told as a list of files by the hash of their content; who
 * decides that is `mechanisms/process/host/work-files.ts`, and a real disk is reached by `node/work-folders.ts`.
 */

/** One file, or one empty folder. */
export interface WorkFile {
  /** Relative, with "/" between the names; that of an empty folder ends with "/". */
  readonly path: string
  readonly size: number
  /** The sha256 of its content, hexadecimal; '' for an empty folder. */
  readonly blob: string
  readonly executable: boolean
}

export interface WorkFolder {
  /** Absolute. */
  readonly path: string
  /**
   * What lies in it now, in no order. What has not changed since it was last looked at is not read again.
   * Rejects with `PERDURE_E_FILES` when there is something that cannot be kept.
   */
  list(): Promise<readonly WorkFile[]>
  /** The whole content of one file. */
  read(path: string): Promise<Uint8Array>
  /** Makes it hold exactly these, whatever is in it; contents that are not there are fetched. */
  become(files: readonly WorkFile[], fetch: (blob: string) => Promise<Uint8Array>): Promise<void>
  /** Removes it with all that is in it. Never rejects. */
  remove(): Promise<void>
}

export interface WorkFolders {
  /** A new empty folder, used by nobody else. The name is for people. */
  create(name: string): Promise<WorkFolder>
}
