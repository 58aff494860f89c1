/**
 * Files that are written as a whole.
 *
 * Boundary: the disk. `PERDURE_E_USAGE` where a file cannot be written.
 */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { usage } from './output.ts'

/** All of it or nothing: a file that is cut off looks like a good one to those who read it. */
export function writeWhole(file: string, content: string | Uint8Array): void {
  const before = statSync(file, { throwIfNoEntry: false })
  // A link stays one: what it leads to is written.
  const target = before === undefined ? file : realpathSync(file)
  const draft = `${target}.${process.pid}.tmp`
  try {
    if (before !== undefined && !before.isFile()) throw new Error('it is no file')
    writeFileSync(draft, content, before === undefined ? {} : { mode: before.mode })
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { force: true })
    throw usage(`${file} cannot be written: ${(error as Error).message}. Expected a place for a file in an existing folder.`)
  }
}
