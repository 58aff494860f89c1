/**
 * Where an attached member keeps its states and what it has received: in memory, or in a file of a folder.
 *
 * Boundary: part of the downloaded proxy, so it stands alone; the file system is loaded only by whoever asks for a folder.
 */

import type { Store, StoreRecord } from './proxy-parts.ts'
import { refused } from './proxy-refusals.ts'

/** Survives the object, not the process. */
export function memoryStore(): Store {
  let records: string[] = []
  return {
    read: async () => records.map((record) => JSON.parse(record)),
    append: async (record) => {
      records.push(JSON.stringify(record))
    },
    replace: async (all) => {
      records = all.map((record) => JSON.stringify(record))
    },
  }
}

/**
 * One file in a folder of this machine: a record a line, synced before it counts; what comes together is synced together. Node only.
 * `PERDURE_E_CORRUPT` for one with a line that is none.
 * A last line that was cut off by a crash never counted. Every line names the life of the store: what a process that was replaced and does not
 * know it yet still says of checkpoints and lines does not count, its messages do.
 */
export async function folderStore(folder: string): Promise<Store> {
  // biome-ignore lint/plugin: loaded only where there are folders; this file stands alone, so the shell cannot hand it in
  const { mkdir, open, readFile, rename, truncate } = await import('node:fs/promises')
  await mkdir(folder, { recursive: true })
  const path = `${folder}/member.log`
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole !== text) await truncate(path, Buffer.byteLength(whole))
  const { records, life } = recordsOf(whole, path)
  const lineOf = (record: StoreRecord) => `${JSON.stringify({ life: life + 1, ...record })}\n`
  let file = await open(path, 'a')
  let waiting: { text: string; done: Promise<void> } | undefined
  let last: Promise<unknown> = Promise.resolve()
  const write = async (batch: { text: string }) => {
    waiting = undefined
    await file.appendFile(batch.text)
    await file.datasync()
  }
  return {
    read: async () => records,
    append(record) {
      const line = lineOf(record)
      if (waiting) waiting.text += line
      else {
        const batch = { text: line, done: Promise.resolve() }
        batch.done = last.then(() => write(batch))
        last = batch.done.catch(() => undefined)
        waiting = batch
      }
      return waiting.done
    },
    replace(all) {
      waiting = undefined
      const lines = all.map(lineOf).join('')
      const replaced = last.then(async () => {
        const fresh = await open(`${path}.new`, 'w')
        await fresh.writeFile(lines)
        await fresh.datasync()
        await rename(`${path}.new`, path)
        await file.close()
        file = fresh
      })
      last = replaced.catch(() => undefined)
      return replaced
    },
    async close() {
      await last
      await file.close()
    },
  }
}

/** And the latest life among them. */
function recordsOf(text: string, path: string): { readonly records: readonly StoreRecord[]; readonly life: number } {
  let latest = 0
  const records = text.split('\n').flatMap((line, index) => {
    if (line === '') return []
    const { life, ...record } = parsed(line, `${path}, line ${index + 1},`)
    latest = Math.max(latest, life)
    return life === latest || record.kind === 'message' ? [record as StoreRecord] : []
  })
  return { records, life: latest }
}

function parsed(line: string, where: string): StoreRecord & { readonly life: number } {
  try {
    return JSON.parse(line)
  } catch (cause) {
    const text = `${where} is damaged (${(cause as Error).message}): expected a record that was stored. Restore the folder from a copy.`
    throw refused('CORRUPT', text, { cause })
  }
}
