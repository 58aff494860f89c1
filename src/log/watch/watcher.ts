/**
 * One who watches: first the past or what is there, as far as it asked for them, then what happens, as it becomes durable.
 *
 * Boundary: under `watch.ts`, which brings what happens, and says how far it is durable. Changes are bytes here.
 *   X1  Changes are given out in log order, each once; whoever asks again with the same count gets the same ones again.
 *   X2  More than the bound is never kept for a reader that is behind. It still gets what was kept, whole positions only, and then
 *       `PERDURE_E_SLOW_READER` with the first position it did not get.
 */
import type { Timer } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import type { Interest, Present } from '../machine.ts'
import {
  BATCH_BYTES,
  BATCH_CHANGES,
  type Change,
  type Places,
  Progress,
  presentBatches,
  replayed,
  type Start,
  type Subject,
  type Watched,
} from './past.ts'

/**
 * Twice what may be undurable (`RUN_AHEAD_OPERATIONS`, `RUN_AHEAD_BYTES`): a single sync may release that much at once to a reader
 * that is as quick as can be, and it gets as much again to catch up.
 */
export const MAX_KEPT_CHANGES: number = 128 * 1024
export const MAX_KEPT_WATCH_BYTES: number = 16 * 1024 * 1024

/**
 * In the past a reader holds a second state in memory, for which others wait. One that does not ask for more for so long loses
 * that state, and gets another one when it does.
 */
const PATIENCE_MS = 10_000

/** How those who hear of changes as they happen are told apart from those who do not yet, or no more. */
interface Stream {
  attach(): void
  detach(): void
}

export class Watcher {
  /** Only changes after this position count. */
  readonly after: number
  readonly #site: Watched
  readonly #start: Start
  readonly #subject: Subject
  readonly #interest: Interest
  readonly #places: Places
  readonly #stream: Stream
  #past: AsyncGenerator<readonly Change[]> | undefined
  #replaying = false
  readonly #progress: Progress
  /** Something was given out since the present replay began. */
  #hasProgress = false
  #skip: number
  /** X1. */
  #last: { readonly received: number; readonly batch: Promise<readonly Change[]> } | undefined
  #given = 0
  /** Happened and not given out, in order. */
  #kept: Change[] = []
  #keptBytes = 0
  /** Of `#kept`, so many have been given out; they are cut off together. */
  #taken = 0
  #durable: number
  /** Set when nothing more is kept; what is kept comes first. */
  #over: PerdureError | undefined
  #ended = false
  #wake: () => void = () => undefined
  #patience: Timer | undefined

  constructor(site: Watched, { machine, args, start }: Subject & { readonly start: Start }, places: Places, stream: Stream) {
    this.after = start.after ?? site.replica.position
    this.#site = site
    this.#start = start
    this.#subject = { machine, args }
    this.#interest = site.replica.interest(machine, args)
    this.#places = places
    this.#stream = stream
    this.#skip = start.skip
    this.#progress = new Progress({ after: this.after, initial: start.initial, skip: 0 })
    this.#durable = site.durablePosition
  }

  get topic(): string {
    return this.#interest.topic
  }

  /** What happens from now on is kept, unless there is a past to be told first. */
  begin(): void {
    if (this.after < this.#site.replica.position) {
      this.#past = this.#replay({ after: this.after, initial: this.#start.initial })
      return
    }
    this.#stream.attach()
    if (this.#start.initial) this.#past = this.#present(this.#interest.present())
  }

  wants(value: unknown): boolean {
    return this.#interest.wants(value)
  }

  /** Something has happened that this one wants. */
  push(change: Change): void {
    if (this.#over !== undefined || change[1] <= this.after) return
    this.#kept.push(change)
    this.#keptBytes += change[2].length
    const count = this.#kept.length - this.#taken
    if (count <= MAX_KEPT_CHANGES && this.#keptBytes <= MAX_KEPT_WATCH_BYTES) return
    // One position may bring more than the bound; a reader that is not behind gets it all.
    const oldest = this.#kept[this.#taken] as Change
    if (oldest[1] < change[1]) this.#cut(change[1])
  }

  /** True when everything kept may leave. */
  durableTo(position: number): boolean {
    this.#durable = position
    this.#wake()
    const newest = this.#kept.at(-1)
    return newest === undefined || newest[1] <= position
  }

  /** The next changes, at least one, for whoever has received so many. */
  next(received: number): Promise<readonly Change[]> {
    if (this.#last?.received === received) return this.#last.batch
    if (received !== this.#given) {
      const text = `A watcher was asked for what follows ${received} changes; it has given out ${this.#given}.`
      return Promise.reject(new PerdureError('PERDURE_E_PROTOCOL', text))
    }
    const batch = this.#nextBatch()
    this.#last = { received, batch }
    return batch
  }

  /** Nothing more is given out but the error. */
  end(error: PerdureError): void {
    if (this.#ended) return
    this.#ended = true
    this.#over = error
    this.#patience?.cancel()
    this.#places.giveUp(this)
    this.#drop()
    this.#wake()
  }

  async #nextBatch(): Promise<readonly Change[]> {
    this.#patience?.cancel()
    for (;;) {
      const some = await this.#some()
      this.#progress.add(some)
      this.#hasProgress = true
      const batch = this.#skipped(some)
      if (batch.length === 0) continue
      this.#given += batch.length
      if (this.#replaying) this.#patience = this.#site.clock.after(PATIENCE_MS, () => this.#beginAgain())
      return batch
    }
  }

  /** The reader does not ask for more of the past: it is told later, from where it was. */
  #beginAgain(): void {
    if (this.#ended) return
    this.#over = undefined
    this.#drop()
    const { after, initial, skip } = this.#progress.start
    this.#skip = skip
    this.#past = this.#replay({ after, initial })
  }

  /** The log has been trimmed under a reader that was on its way: a snapshot may lie where it is now. */
  #lostPast(error: unknown): IteratorResult<readonly Change[]> {
    if (!PerdureError.is(error, 'PERDURE_E_TRIMMED') || !this.#hasProgress) throw error
    this.#hasProgress = false
    this.#beginAgain()
    return { done: true, value: undefined }
  }

  /** Leaves the past and the present. */
  #drop(): void {
    this.#stream.detach()
    this.#kept = []
    this.#keptBytes = 0
    this.#taken = 0
    this.#past?.return(undefined).catch(() => undefined)
    this.#past = undefined
  }

  /** Some of the past, or, once it is told, of what was kept. */
  async #some(): Promise<readonly Change[]> {
    while (this.#past !== undefined) {
      const past = this.#past
      const { done, value } = await past.next().catch((error: unknown) => this.#lostPast(error))
      if (this.#ended) throw this.#over
      if (!done) return value
      if (this.#past === past) this.#past = undefined
    }
    for (;;) {
      const ready = this.#takeReady()
      if (ready.length > 0) return ready
      if (this.#over !== undefined && this.#kept.length === this.#taken) throw this.#over
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #skipped(changes: readonly Change[]): readonly Change[] {
    const skipped = Math.min(this.#skip, changes.length)
    this.#skip -= skipped
    return skipped === 0 ? changes : changes.slice(skipped)
  }

  #takeReady(): readonly Change[] {
    const kept = this.#kept
    const from = this.#taken
    let bytes = 0
    let to = from
    while (to < kept.length && to - from < BATCH_CHANGES) {
      const [, position, value] = kept[to] as Change
      if (position > this.#durable || (to > from && bytes + value.length > BATCH_BYTES)) break
      bytes += value.length
      to += 1
    }
    const ready = kept.slice(from, to)
    this.#taken = to
    this.#keptBytes -= bytes
    // Cut off when half of it is gone, so that no change is moved more than once on the average.
    if (this.#taken * 2 >= kept.length) {
      this.#kept = kept.slice(this.#taken)
      this.#taken = 0
    }
    return ready
  }

  /** X2. */
  #cut(position: number): void {
    while ((this.#kept.at(-1)?.[1] ?? 0) >= position) this.#keptBytes -= (this.#kept.pop() as Change)[2].length
    this.#over = slowReader(position)
    this.#stream.detach()
    this.#wake()
  }

  /** What was there when this began, which is told once that much is durable. */
  async *#present(present: readonly Present[]): AsyncGenerator<readonly Change[]> {
    await this.#site.durable(this.after)
    yield* presentBatches(present)
  }

  async *#replay(from: { readonly after: number; readonly initial: boolean }): AsyncGenerator<readonly Change[]> {
    if (!(await this.#places.take(this))) return
    this.#replaying = true
    try {
      const join = () => {
        this.#stream.attach()
        return this.#site.replica.position
      }
      yield* replayed(this.#site, this.#subject, from, join, () => this.#ended)
    } finally {
      this.#replaying = false
      this.#places.giveBack()
    }
  }
}

function slowReader(position: number): PerdureError {
  return new PerdureError(
    'PERDURE_E_SLOW_READER',
    `The changes came faster than they were read, and no more of them were kept. Watch again with { from: ${position} }, and read faster or watch less.`,
    { data: { from: position } },
  )
}
