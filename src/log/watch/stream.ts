/**
 * What a program holds of a watcher: an asynchronous iteration over its changes.
 *
 * It asks for the next changes while the program uses the last ones, so a program that stops reading stops asking, and what it
 * then misses is the site's to bound. When its session comes back to an owner that has never heard of the watcher, it starts
 * another one exactly behind what it has received.
 *
 * Boundary: over the questions of a connection, in the same process or another.
 *   Q1  The iteration yields every change once, in log order; it ends with an error, unless the program itself ends it.
 */
import { PerdureError } from '../../errors.ts'
import { decode } from '../codec/codec.ts'
import { type Change, Progress, type Start } from './past.ts'

/** The machine that questions about watchers are addressed to; no machine of the log has this name. */
export const WATCH = 'watch'

/** An iteration over changes. It watches from the call that made it; `return`, or leaving a `for await`, ends it. */
export interface Changes<T> extends AsyncIterableIterator<T>, AsyncDisposable {
  return(): Promise<IteratorResult<T>>
}

export interface WatchRequest<T> {
  readonly machine: string
  readonly args: readonly unknown[]
  /** The first position of interest; absent: from now on. */
  readonly from?: number | undefined
  /** Tells first what is there already. */
  readonly initial?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** What the program gets of a change. */
  shape(kind: string, position: number, value: unknown): T
  /** Called before anything else, and once when the iteration is over for whatever reason. */
  begun?(stream: ChangeStream<T>): void
  ended?(stream: ChangeStream<T>): void
}

type Ask = (machine: string, question: string, args: readonly unknown[]) => Promise<unknown>

/** The watchers of one session. */
export class Watchers {
  readonly #ask: Ask
  #ids = 0

  constructor(ask: Ask) {
    this.#ask = ask
  }

  watch<T>(request: WatchRequest<T>): ChangeStream<T> {
    const stream = new ChangeStream(request, this.#ask, () => {
      this.#ids += 1
      return this.#ids
    })
    stream.begin()
    return stream
  }
}

export class ChangeStream<T> implements Changes<T> {
  readonly #request: WatchRequest<T>
  readonly #ask: Ask
  readonly #newId: () => number
  readonly #changes: AsyncGenerator<T, undefined>
  #id = 0
  #received = 0
  #progress: Progress | undefined
  #opening: Promise<void> = Promise.resolve()
  /** The changes asked for and not used yet. */
  #coming: Promise<readonly Change[]> | undefined
  #over: { readonly reason: unknown } | undefined
  #returned = false
  #stop: () => void = () => undefined
  readonly #onAbort: () => void

  constructor(request: WatchRequest<T>, ask: Ask, newId: () => number) {
    this.#request = request
    this.#ask = ask
    this.#newId = newId
    this.#changes = this.#iterate()
    this.#onAbort = () => this.end(request.signal?.reason)
  }

  begin(): void {
    const { signal, from, initial = false } = this.#request
    this.#request.begun?.(this)
    if (signal?.aborted) return this.end(signal.reason)
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#open({ ...(from !== undefined && { after: Math.max(0, from - 1) }), initial, skip: 0 })
  }

  next(): Promise<IteratorResult<T>> {
    return this.#changes.next()
  }

  /** Ends the iteration: what waits for a change gets none. */
  async return(): Promise<IteratorResult<T>> {
    this.#returned = true
    this.end(undefined)
    return this.#changes.return(undefined)
  }

  /** Ends the iteration with this error, in whoever reads or is the next to. */
  end(reason: unknown): void {
    if (this.#over !== undefined) return
    this.#over = { reason }
    this.#request.signal?.removeEventListener('abort', this.#onAbort)
    this.#stop()
    if (this.#id > 0) this.#ask(WATCH, 'close', [this.#id]).catch(() => undefined)
    this.#request.ended?.(this)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async *#iterate(): AsyncGenerator<T, undefined> {
    const { shape } = this.#request
    for (;;) {
      const changes = await this.#orOver()
      for (const [kind, position, value] of changes) {
        if (this.#over !== undefined) break
        yield shape(kind, position, decode(value))
      }
      if (this.#over === undefined) continue
      if (this.#returned) return undefined
      throw this.#over.reason
    }
  }

  /** The next changes, and those after them are asked for; none when the iteration is over first. */
  async #orOver(): Promise<readonly Change[]> {
    if (this.#over !== undefined) return []
    const stopped = new Promise<readonly Change[]>((resolve) => {
      this.#stop = () => resolve([])
    })
    try {
      const coming = this.#coming ?? quiet(this.#nextChanges())
      const changes = await Promise.race([coming, stopped])
      if (this.#over === undefined) this.#coming = quiet(this.#nextChanges())
      return changes
    } catch (error) {
      this.end(error)
      return []
    }
  }

  async #nextChanges(): Promise<readonly Change[]> {
    for (;;) {
      await this.#opening
      const id = this.#id
      try {
        const changes = (await this.#ask(WATCH, 'next', [id, this.#received])) as readonly Change[]
        this.#received += changes.length
        this.#progress?.add(changes)
        return changes
      } catch (error) {
        if (!isUnknown(error, id) || this.#progress === undefined || this.#over !== undefined) throw error
        this.#open(this.#progress.start)
      }
    }
  }

  #open(start: Start): void {
    const { machine, args } = this.#request
    this.#id = this.#newId()
    this.#received = 0
    this.#opening = quiet(
      this.#ask(WATCH, 'open', [this.#id, machine, args, start]).then((after) => {
        this.#progress = new Progress({ ...start, after: after as number })
      }),
    )
  }
}

/** Whoever waits for it hears of its failure; until then nobody does. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

function isUnknown(error: unknown, id: number): boolean {
  return PerdureError.is(error, 'PERDURE_E_SESSION_LOST') && error.data.watcher === id
}
