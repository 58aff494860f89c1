/**
 * The work folder of one attempt: what is in it before a step, and what of it goes into the step's record.
 *
 * A folder belongs to one attempt, is filled from the manifest of its run before the first step that is really executed, and goes
 * with its attempt. What a step leaves there is stored as blobs first, and then named in the record of the step; so what was not
 * recorded was never there (LiPS section 5, layer 3: recoverable files).
 *
 * Boundary: decides when; what a manifest is, is `manifest.ts`, and folders are reached through a port.
 *   G1  The steps of one run are executed one at a time: nobody could tell else which of them has changed a file. The next one
 *       begins when the record of the one before is in the log and durable, for it may read what that one wrote.
 *   G2  Before a function is called the folder holds exactly what the recorded steps have left.
 *   G3  Whoever still writes when its try is over, after a time-out for example, writes into a folder that nobody uses any more.
 */
import type { Blobs } from '../../../log/log.ts'
import type { WorkFile, WorkFolder, WorkFolders } from '../../../log/work-folders.ts'
import {
  changesBetween,
  checkChanges,
  collisionIn,
  type FileChanges,
  type FileRow,
  filesError,
  flawOf,
  isUnchanged,
  Manifest,
} from '../machine/manifest.ts'
import { eachFile } from './lanes.ts'

/** What one step, or one checkpoint, does with the folder. */
export interface Visit {
  /** The function that works in the folder. */
  follow(called: Promise<unknown>): void
  /** Stores what has changed. Rejects with `PERDURE_E_FILES` when it cannot be kept. To be called when the function has ended. */
  save(): Promise<FileChanges | undefined>
  /** The record is on its way, with what `save` answered. */
  keep(): void
  /** Without `keep`, everything is as it was before. May be called while the function is under way, and again. */
  leave(): void
}

export class WorkFiles {
  /** Of the last record of which the folder holds something. */
  position = 0
  readonly #folders: WorkFolders
  readonly #blobs: Blobs
  readonly #name: string
  readonly #recorded: Manifest
  #folder: WorkFolder
  /** What must be done before the folder may be used. */
  #before: 'nothing' | 'restore' | 'replace'
  #last: Promise<void> = Promise.resolve()
  /** A record that is on its way; the next visit waits for it. */
  #awaited: { readonly number: number; readonly free: () => void } | undefined
  /** What is under way in the folder. */
  #use: Promise<void> = Promise.resolve()
  #closed = false

  private constructor(folders: WorkFolders, blobs: Blobs, name: string, recorded: Manifest, folder: WorkFolder) {
    this.#folders = folders
    this.#blobs = blobs
    this.#name = name
    this.#recorded = recorded
    this.#folder = folder
    this.#before = recorded.count > 0 ? 'restore' : 'nothing'
  }

  /** A folder for an attempt of a run that has these files. Rejects with `PERDURE_E_FILES` when they cannot lie in one. */
  static async open(folders: WorkFolders, blobs: Blobs, name: string, rows: readonly FileRow[]): Promise<WorkFiles> {
    const recorded = new Manifest()
    for (const row of rows) {
      const flaw = flawOf(row)
      if (flaw !== undefined)
        throw filesError(`The log has a file ${JSON.stringify(row[0])} that cannot be restored: ${flaw}. Restart the run.`)
      recorded.add(row)
    }
    const collision = collisionIn(recorded.files)
    if (collision !== undefined)
      throw filesError(`The log has ${JSON.stringify(collision)} as a file and as a folder of the same run. Restart the run.`)
    return new WorkFiles(folders, blobs, name, recorded, await folders.create(name))
  }

  /** Where the present step works. */
  get path(): string {
    return this.#folder.path
  }

  /** Resolves when it is the turn of this operation, and the folder holds what was recorded. */
  async enter(number: number): Promise<Visit> {
    const before = this.#last
    let free: () => void = () => undefined
    this.#last = new Promise((resolve) => {
      free = resolve
    })
    await before
    try {
      await this.#using(() => this.#prepare())
    } catch (error) {
      free()
      throw error
    }
    return this.#visit(number, free)
  }

  #visit(number: number, free: () => void): Visit {
    let calling: 'not yet' | 'under way' | 'ended' = 'not yet'
    let changes: FileChanges | undefined
    let kept = false
    let left = false
    return {
      follow: (called) => {
        calling = 'under way'
        const ended = () => {
          calling = 'ended'
        }
        called.then(ended, ended)
      },
      save: async () => {
        changes = await this.#using(() => this.#save())
        return changes
      },
      keep: () => {
        kept = true
        if (changes) this.#recorded.apply(changes)
        this.#awaited = { number, free }
      },
      leave: () => {
        if (kept || left) return
        left = true
        if (calling !== 'not yet') this.#before = calling === 'ended' ? 'restore' : 'replace'
        free()
      },
    }
  }

  /** The log has answered an operation of the run. */
  delivered(number: number, position: number): void {
    if (this.#awaited?.number !== number) return
    this.position = position
    this.#awaited.free()
    this.#awaited = undefined
  }

  /** What else has come into the folder since the last step, for the record of a checkpoint. */
  async checkpoint(number: number): Promise<FileChanges | undefined> {
    await this.#last
    // It has not been used since it was made, or what is in it does not count.
    if (this.#before !== 'nothing') return undefined
    const visit = await this.enter(number)
    try {
      const changes = await visit.save()
      visit.keep()
      return changes
    } finally {
      visit.leave()
    }
  }

  /** The attempt is over. */
  close(): void {
    this.#closed = true
    // Whoever is busy in it would make it again.
    void this.#use.then(() => this.#folder.remove())
  }

  /** Does something with the folder; `close` waits for it. */
  #using<R>(use: () => Promise<R>): Promise<R> {
    const used = use()
    this.#use = used.then(
      () => undefined,
      () => undefined,
    )
    return used
  }

  async #prepare(): Promise<void> {
    if (this.#before === 'nothing' || this.#closed) return
    if (this.#before === 'replace') {
      const old = this.#folder
      this.#folder = await this.#folders.create(this.#name)
      this.#before = 'restore'
      void old.remove()
    }
    await this.#folder.become(this.#recorded.files, (blob) => this.#blobs.get(blob))
    this.#before = 'nothing'
  }

  async #save(): Promise<FileChanges | undefined> {
    const now = await this.#folder.list()
    const changes = changesBetween(this.#recorded, now)
    if (isUnchanged(changes)) return undefined
    checkChanges(this.#recorded, changes)
    const stored = new Set(this.#recorded.files.map(({ blob }) => blob))
    const wanted = new Map<string, WorkFile>()
    for (const [path, size, blob, executable] of [...changes.added, ...changes.changed]) {
      if (blob !== '' && !stored.has(blob)) wanted.set(blob, { path, size, blob, executable })
    }
    await eachFile([...wanted.values()], (file) => this.#put(file))
    return changes
  }

  async #put({ path, blob }: WorkFile): Promise<void> {
    const stored = await this.#blobs.put(await this.#folder.read(path))
    if (stored === blob) return
    throw filesError(
      `The file ${JSON.stringify(path)} changed while it was being saved. A step must have written everything when it ends: await its streams and child processes.`,
    )
  }
}
