/**
 * A log in an array that outlives its opener: a test may cut it, open it again, hold back its durability, and make it fail.
 */
import { createHash } from 'node:crypto'
import { PerdureError } from '../../src/errors.ts'
import type { Blobs, Log, LogRecord, LogWatcher } from '../../src/log/log.ts'

/** What outlives the opener. */
export interface Shelf {
  readonly id: string
  generation: number
  records: Uint8Array[]
  readonly blobs: Map<string, Uint8Array>
}

export function shelf(): Shelf {
  return { id: 'a'.repeat(32), generation: 0, records: [], blobs: new Map() }
}

/** The same shelf as it is after a crash that left `count` records. */
export function cut(from: Shelf, count: number): Shelf {
  return { ...from, records: from.records.slice(0, count), blobs: new Map(from.blobs) }
}

/** `at once`: in a later macrotask; `by hand`: when the test calls `sync`. */
export type Durability = 'at once' | 'by hand'

export class ArrayLog implements Log {
  readonly id: string
  readonly generation: number
  readonly blobs: Blobs
  readonly firstIndex = 1
  readonly snapshots = undefined
  durability: Durability
  durableIndex: number
  /** The next append throws. */
  failsNext = false
  readonly #shelf: Shelf
  #watcher: LogWatcher | undefined
  #waiters: { index: number; resolve: () => void; reject: (error: Error) => void }[] = []
  #over: Error | undefined
  #scheduled = false

  constructor(from: Shelf, durability: Durability = 'at once') {
    from.generation += 1
    this.#shelf = from
    this.id = from.id
    this.generation = from.generation
    this.durability = durability
    this.durableIndex = from.records.length
    this.blobs = blobsOn(from)
  }

  get lastIndex(): number {
    return this.#shelf.records.length
  }

  append(record: Uint8Array): number {
    if (this.#over) throw this.#over
    if (this.failsNext) {
      this.fail(new Error('the disk is gone'))
      throw this.#over
    }
    this.#shelf.records.push(record)
    if (this.durability === 'at once' && !this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        if (this.durability === 'at once') this.sync()
      })
    }
    return this.lastIndex
  }

  /** Makes everything up to `index` durable. */
  sync(index: number = this.lastIndex): void {
    if (this.#over || index <= this.durableIndex) return
    this.durableIndex = index
    this.#watcher?.advanced(index)
    const due = this.#waiters.filter((waiter) => waiter.index <= index)
    this.#waiters = this.#waiters.filter((waiter) => waiter.index > index)
    for (const { resolve } of due) resolve()
  }

  fail(cause: Error): void {
    this.#end(new PerdureError('PERDURE_E_LOG_FAILED', `The log failed: ${cause.message}.`, { cause }))
  }

  /** The process that had it open is gone. */
  abandon(): void {
    this.#watcher = undefined
    this.#over = new PerdureError('PERDURE_E_CLOSED', 'abandoned')
    this.#waiters = []
  }

  #end(error: Error): void {
    if (this.#over) return
    this.#over = error
    this.#watcher?.failed(error)
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters = []
  }

  durable(index: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over) reject(this.#over)
      else if (index <= this.durableIndex) resolve()
      else this.#waiters.push({ index, resolve, reject })
    })
  }

  watch(watcher: LogWatcher): void {
    this.#watcher = watcher
  }

  async *read(from: number): AsyncGenerator<LogRecord> {
    for (let index = from; index <= this.lastIndex; index++) yield { index, bytes: this.#shelf.records[index - 1] as Uint8Array }
  }

  async trim(): Promise<void> {}

  async close(): Promise<void> {
    if (this.durability === 'at once') this.sync()
    this.#over ??= new PerdureError('PERDURE_E_CLOSED', 'The log is closed.')
    this.#watcher = undefined
  }
}

function blobsOn({ blobs }: Shelf): Blobs {
  return {
    async put(bytes) {
      const hash = createHash('sha256').update(bytes).digest('hex')
      blobs.set(hash, bytes.slice())
      return hash
    },
    async get(hash) {
      const bytes = blobs.get(hash)
      if (bytes === undefined) throw new PerdureError('PERDURE_E_BLOB', `no blob ${hash}`)
      return bytes.slice()
    },
  }
}
