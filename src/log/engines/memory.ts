/**
 * The memory engine: an array. It is the reference that the others are compared with.
 *
 * Only the latest records are kept: there is nobody who could rebuild a state from them. Nothing survives the process, so a record is as durable as it will ever be at once; still, nobody hears of it before a later
 * turn, so that callers meet the same order of events here as on a disk.
 *
 * Boundary: no storage, and no time but the turns of the clock.
 */

import type { Clock } from '../../clock.ts'
import type { Blobs, Log, LogRecord, LogWatcher } from '../log.ts'
import { memoryBlobs } from './blobs.ts'
import { endOfReading, Tail, trimmed } from './tail.ts'

/** `most` bytes of records are kept, the latest ones. */
export function memoryLog(clock: Clock, most: number = MEMORY_BYTES): Log {
  return new MemoryLog(clock, most)
}

/** 64 MB, as much as a segment of a disk: enough to look back, and not what a program runs out of memory for. */
export const MEMORY_BYTES: number = 64 * 1024 * 1024

/** An eighth is forgotten at once: one record at a time would move the whole array for each. */
const KEPT_SHARE = 7 / 8

class MemoryLog implements Log {
  readonly id: string
  readonly generation = 1
  readonly blobs: Blobs
  readonly snapshots = undefined
  readonly #most: number
  #held = 0
  readonly #clock: Clock
  readonly #tail = new Tail(0)
  #records: Uint8Array[] = []
  /** Index of the first record that is still held. */
  #first = 1
  #hopPending = false

  constructor(clock: Clock, most: number) {
    this.#clock = clock
    this.#most = most
    this.id = clock.randomId()
    this.blobs = memoryBlobs(() => this.#tail.over)
  }

  get firstIndex(): number {
    return this.#first
  }

  get lastIndex(): number {
    return this.#tail.lastIndex
  }

  get durableIndex(): number {
    return this.#tail.durableIndex
  }

  append(record: Uint8Array): number {
    this.#tail.admit(record)
    this.#records.push(record)
    this.#held += record.length
    if (!this.#hopPending) {
      this.#hopPending = true
      this.#clock.hop(() => this.#settle())
    }
    return this.#tail.appended()
  }

  durable(index: number): Promise<void> {
    return this.#tail.durable(index)
  }

  watch(watcher: LogWatcher): void {
    this.#tail.watch(watcher)
  }

  async *read(from: number, options: { signal?: AbortSignal; live?: boolean } = {}): AsyncGenerator<LogRecord> {
    const { signal, live = false } = options
    if (this.#tail.over) throw this.#tail.over
    const end = live ? Number.POSITIVE_INFINITY : this.#tail.lastIndex
    for (let index = from; index <= end && !signal?.aborted; ) {
      if (this.#tail.over) return endOfReading(this.#tail.over, live)
      if (index < this.#first) throw trimmed(index, this.#first)
      const bytes = this.#records[index - this.#first]
      if (bytes) yield { index: index++, bytes }
      else await this.#tail.grownBeyond(index - 1, signal)
    }
  }

  async trim(before: number): Promise<void> {
    if (this.#tail.over) throw this.#tail.over
    const keepFrom = Math.min(before, this.#tail.durableIndex + 1)
    if (keepFrom > this.#first) this.#forget(keepFrom - this.#first)
  }

  async close(): Promise<void> {
    this.#tail.seal()
    if (!this.#tail.over) await this.#tail.durable(this.#tail.lastIndex)
    this.#tail.close()
  }

  #settle(): void {
    this.#hopPending = false
    if (this.#tail.over) return
    this.#tail.advance(this.#tail.lastIndex)
    if (this.#held > this.#most) this.#forgetOldest()
  }

  /** Nobody will read the log again to rebuild its state; it is there to look back. */
  #forgetOldest(): void {
    let count = 0
    let left = this.#held
    while (left > this.#most * KEPT_SHARE && count < this.#tail.durableIndex + 1 - this.#first) {
      left -= (this.#records[count] as Uint8Array).length
      count += 1
    }
    this.#forget(count)
  }

  #forget(count: number): void {
    for (let at = 0; at < count; at += 1) this.#held -= (this.#records[at] as Uint8Array).length
    this.#records = this.#records.slice(count)
    this.#first += count
  }
}
