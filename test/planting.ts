/**
 * Copies of the source with one change, in which tests or the simulator are to notice it.
 *
 * Boundary: files. What is run in the copy, and what it has to say, is the business of whoever plants.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Planted {
  readonly name: string
  /** Below src/. */
  readonly file: string
  /** Exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export const ROOT: string = join(import.meta.dirname, '..')

/** Plants bugs in copies of these paths, and removes the copies. */
export class Planting {
  readonly #copied: readonly string[]
  readonly #folders: string[] = []

  constructor(...copied: readonly string[]) {
    this.#copied = ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.base.json', ...copied]
  }

  /** The folder of the copy. */
  plant({ file, find, replace, name }: Planted): string {
    const folder = mkdtempSync(join(tmpdir(), 'perdure-mutant-'))
    this.#folders.push(folder)
    for (const path of this.#copied) cpSync(join(ROOT, path), join(folder, path), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const path = join(folder, 'src', file)
    const parts = readFileSync(path, 'utf8').split(find)
    if (parts.length !== 2)
      throw new Error(`The mutant "${name}" changes a text that is ${parts.length - 1} times in src/${file}: write it anew.`)
    writeFileSync(path, parts.join(replace))
    return folder
  }

  remove(): void {
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  }
}
