/**
 * Which of the stored blobs nobody can refer to any more.
 *
 * A blob is stored before the entry that names it, so for a while it is nobody's. Whoever stores one therefore *pins* it; a pin is
 * taken away only when the reference has been found in the log, and not the first time, because that one may be an older one to the same
 * content. What is left without a reference and without a pin, nobody can name again without storing it again first.
 *
 * Boundary: names of files; who refers to what, the caller has found out.
 *   B1  Nothing that is pinned is removed. Pins are lost with the process, and with them all who set them.
 *   B2  To look at a pin and to remove the file is one step: nobody can set a pin in between.
 */
import { type Disk, systemCode } from './storage.ts'

export class BlobShelf {
  readonly #disk: Disk
  readonly #folder: string
  /** Each with the number of the sweep after which it was set. */
  readonly #pins = new Map<string, number>()
  #sweeps = 0

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  pin(hash: string): void {
    this.#pins.set(hash, this.#sweeps)
  }

  /** Removes one after the other what is not `used`, with a step in between; yields their names. */
  *sweep(used: ReadonlySet<string>): Generator<string> {
    this.#sweeps += 1
    for (const hash of this.#disk.list(this.#folder)) {
      if (used.has(hash)) this.#release(hash)
      else if (/^[0-9a-f]{64}$/.test(hash) && !this.#pins.has(hash)) {
        this.#remove(hash)
        yield hash
      }
    }
  }

  #release(hash: string): void {
    const pinned = this.#pins.get(hash)
    if (pinned !== undefined && pinned < this.#sweeps - 1) this.#pins.delete(hash)
  }

  #remove(hash: string): void {
    try {
      this.#disk.unlink(`${this.#folder}/${hash}`)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}
