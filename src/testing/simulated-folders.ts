/**
 * Work folders in memory: what a step of a run of layer `files` writes when there is no disk.
 *
 *     await p.step('write', () => folders.write(`${p.workDir}/a`, 'text'))
 *
 * Boundary: the port `WorkFolders`, and the few calls with which a step reads and writes; a folder that was removed is gone, and
 * whoever still writes there is told so, as by a real disk.
 */
import { createHash } from 'node:crypto'
import type { WorkFile, WorkFolder, WorkFolders } from '../log/work-folders.ts'

interface Content {
  readonly bytes: Uint8Array
  readonly executable: boolean
}

export class SimulatedFolders implements WorkFolders {
  readonly #folders = new Map<string, Map<string, Content>>()
  #created = 0

  /** Paths of the folders that there are. */
  get paths(): readonly string[] {
    return [...this.#folders.keys()]
  }

  async create(name: string): Promise<WorkFolder> {
    this.#created += 1
    const path = `/simulated/${this.#created}-${name}`
    this.#folders.set(path, new Map())
    return this.#folder(path)
  }

  write(path: string, text: string, mode: 'plain' | 'executable' = 'plain'): void {
    const [folder, name] = this.#find(path)
    folder.set(name, { bytes: Buffer.from(text), executable: mode === 'executable' })
  }

  /** Undefined when there is no such file. */
  read(path: string): string | undefined {
    const [folder, name] = this.#find(path)
    const content = folder.get(name)
    return content && Buffer.from(content.bytes).toString()
  }

  remove(path: string): void {
    const [folder, name] = this.#find(path)
    folder.delete(name)
  }

  /** Names of the files in a folder, sorted. */
  list(path: string): readonly string[] {
    return [...this.#contents(path).keys()].sort()
  }

  #folder(path: string): WorkFolder {
    return {
      path,
      list: async () => [...this.#contents(path)].map(([name, content]) => fileOf(name, content)),
      read: async (name) => (this.#contents(path).get(name) as Content).bytes,
      become: async (files, fetch) => {
        const contents = new Map<string, Content>()
        for (const { path: name, blob, executable } of files) {
          if (blob !== '') contents.set(name, { bytes: await fetch(blob), executable })
        }
        if (this.#folders.has(path)) this.#folders.set(path, contents)
      },
      remove: async () => {
        this.#folders.delete(path)
      },
    }
  }

  #find(path: string): [Map<string, Content>, string] {
    const [, simulated, folder, ...names] = path.split('/')
    return [this.#contents(`/${simulated}/${folder}`), names.join('/')]
  }

  #contents(path: string): Map<string, Content> {
    const contents = this.#folders.get(path)
    if (contents === undefined) throw new Error(`There is no folder ${path}: its attempt is over.`)
    return contents
  }
}

function fileOf(path: string, { bytes, executable }: Content): WorkFile {
  return { path, size: bytes.length, blob: createHash('sha256').update(bytes).digest('hex'), executable }
}
