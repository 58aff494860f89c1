/**
 * The live end of a log: how far it is ordered, how far it is durable, and who waits for either to grow.
 *
 * Every engine has the same end. Its storage differs, so the engine tells the tail when a record was appended, when more
 * became durable, and when all is over; the tail keeps the promises to those who wait.
 *
 * Boundary: numbers and waiting only; no bytes, no storage.
 *
 * Invariants:
 *   T1  `durableIndex <= lastIndex`, and both only grow.
 *   T2  Waiters for durability are released in the order of the indexes they wait for (L5 of the contract).
 *   T3  Once over, it stays over: the first end wins, except that a closed log is never failed afterwards.
 */

import { invariant, PerdureError } from '../../errors.ts'
import { type LogWatcher, MAX_RECORD } from '../log.ts'

interface Waiter {
  readonly index: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Tail {
  lastIndex: number
  durableIndex: number
  #over: Error | undefined
  #sealed = false
  #watcher: LogWatcher | undefined
  /** Sorted by index; new waiters nearly always belong at the end. */
  readonly #waiters: Waiter[] = []
  #wakeReaders: (() => void)[] = []

  constructor(lastIndex: number) {
    this.lastIndex = lastIndex
    this.durableIndex = lastIndex
  }

  /** The error with which every further call is refused; undefined while the log is open. */
  get over(): Error | undefined {
    return this.#over
  }

  watch(watcher: LogWatcher): void {
    this.#watcher = watcher
  }

  /** Throws when no record may be appended: too large, closing, or over. */
  admit(record: Uint8Array): void {
    if (this.#over) throw this.#over
    if (this.#sealed) throw closed()
    if (record.length > MAX_RECORD) throw tooLarge(record)
  }

  /** No further record: the log is closing, but what was appended is still to become durable. */
  seal(): void {
    this.#sealed = true
  }

  /** Gives the next index. */
  appended(): number {
    this.lastIndex += 1
    this.#wake()
    return this.lastIndex
  }

  /** The watcher hears of it first: what it sends off may depend on nothing that a waiter does. */
  advance(durableIndex: number): void {
    invariant(durableIndex <= this.lastIndex, `index ${durableIndex} is durable but only ${this.lastIndex} exist`)
    if (durableIndex <= this.durableIndex) return
    this.durableIndex = durableIndex
    this.#watcher?.advanced(durableIndex)
    let released = 0
    for (const waiter of this.#waiters) {
      if (waiter.index > durableIndex) break
      waiter.resolve()
      released += 1
    }
    this.#waiters.splice(0, released)
  }

  durable(index: number): Promise<void> {
    if (this.#over) return Promise.reject(this.#over)
    if (index <= this.durableIndex) return Promise.resolve()
    return new Promise((resolve, reject) => {
      let at = this.#waiters.length
      while (at > 0 && (this.#waiters[at - 1] as Waiter).index > index) at -= 1
      const waiter = { index, resolve, reject }
      if (at === this.#waiters.length) this.#waiters.push(waiter)
      else this.#waiters.splice(at, 0, waiter)
    })
  }

  /** Resolves when a record after `index` exists, the log is over, or the signal aborts. */
  async grownBeyond(index: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.lastIndex > index || this.#over || signal?.aborted) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake)
        this.#wakeReaders = this.#wakeReaders.filter((other) => other !== wake)
        resolve()
      }
      signal?.addEventListener('abort', wake)
      this.#wakeReaders.push(wake)
    })
  }

  fail(error: Error): void {
    if (this.#over) return
    this.#end(error)
    this.#watcher?.failed(error)
  }

  close(): void {
    if (!this.#over) this.#end(closed())
  }

  #end(error: Error): void {
    this.#over = error
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    this.#wake()
  }

  #wake(): void {
    if (this.#wakeReaders.length === 0) return
    for (const wake of this.#wakeReaders.slice()) wake()
  }
}

/** What a reader does that finds the log over: a live one ends quietly with a closed log, any other is told. */
export function endOfReading(over: Error, live: boolean): void {
  if (!live || !PerdureError.is(over, 'PERDURE_E_CLOSED')) throw over
}

function closed(): PerdureError {
  return new PerdureError('PERDURE_E_CLOSED', 'This log is closed. Open it again to use it.')
}

function tooLarge(record: Uint8Array): PerdureError {
  return new PerdureError(
    'PERDURE_E_VALUE',
    `A record of ${record.length} bytes was appended; at most ${MAX_RECORD} fit. Put larger values beside the log as blobs.`,
    { data: { length: record.length, limit: MAX_RECORD } },
  )
}

export function trimmed(asked: number, first: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_TRIMMED',
    `Record ${asked} was asked for, but this log begins at record ${first}; earlier ones were trimmed. Start from a snapshot or from ${first}.`,
    { data: { asked, first } },
  )
}
