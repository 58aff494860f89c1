/**
 * Keeps what is stored as small as it can be: snapshots when the log has grown, then trimming, then blobs that nobody names.
 *
 * Boundary: decides when; a *shadow* takes the snapshot (`shadow.ts`), wherever that runs. Nothing here is needed for the site
 * to go on: what fails is said and tried again later.
 *   K1  One at a time; and nothing is removed while somebody copies the folder.
 *   K2  A snapshot counts only when its records are durable and it says the same about the state as the live replica did then.
 *   K3  The log is trimmed only up to the older of two snapshots that count.
 */
import { PerdureError } from '../../errors.ts'
import type { Gateway } from '../gateway.ts'
import type { SnapshotPlace, Snapshots } from '../log.ts'
import { Pace } from '../pace.ts'
import type { Census } from '../replica.ts'
import type { ShadowReport } from './shadow.ts'

/** Drafts the snapshot of this place. Rejects when the signal aborts. */
export type TakeShadow = (place: SnapshotPlace, signal: AbortSignal) => Promise<ShadowReport>

/** Removes the blobs that are not used, one after the other. */
export interface Sweeper {
  sweep(used: ReadonlySet<string>): Iterable<string>
}

export interface KeeperOptions {
  readonly takeShadow: TakeShadow
  /** Says to people what could not be done. */
  readonly warn: (text: string) => void
  readonly blobs?: Sweeper | undefined
  /** A snapshot is due when the log has grown by this much, and by twice the size of the last one. Default `GROWN_BYTES`. */
  readonly grownBytes?: number | undefined
}

/** 64 MB, a segment: read again at the next open in a second or two, and a snapshot of an ordinary site is smaller. */
const GROWN_BYTES = 64 * 1024 * 1024

/** A snapshot is written at most once for twice its size of log: so at most a third of what is written is snapshots. */
const SIZES = 2

/**
 * When so many times what makes a snapshot due has gathered, closing waits for the one under way: else a log that only short
 * lives use, each closed before it had one, would grow for ever and open ever more slowly.
 */
const OVERDUE = 2

/**
 * A program that lost the owner before this one, and had stored a blob there, comes back within this time and says what it
 * stored it for.
 */
const SWEEP_AFTER_MS = 60_000

export class Keeper {
  readonly #gateway: Gateway
  readonly #snapshots: Snapshots
  readonly #options: KeeperOptions
  readonly #openedMs: number
  readonly #end = new AbortController()
  #underWay: Promise<void> | undefined
  /** The next attempt after a failed one waits for this much. */
  #notBeforeBytes = 0
  /** K1: those who change what is stored, and those who copy it, one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(gateway: Gateway, snapshots: Snapshots, options: KeeperOptions) {
    this.#gateway = gateway
    this.#snapshots = snapshots
    this.#options = options
    this.#openedMs = gateway.clock.monotonicMs()
    snapshots.watch(() => this.#consider())
    this.#consider()
  }

  /** Takes a snapshot now; resolves when it counts or could not be taken, which is said. Never rejects. */
  take(): Promise<void> {
    this.#underWay ??= this.#attempt().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  /** Removes nothing while `work` is done, which must end soon once the signal aborts. */
  holding<T>(work: (closing: AbortSignal) => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => work(this.#end.signal))
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** Breaks off what is under way, unless it is overdue. To be called before the site closes. Idempotent. */
  async close(): Promise<void> {
    if (this.#snapshots.grownBytes >= OVERDUE * this.#dueBytes && this.#goesOn()) await this.#underWay
    this.#end.abort(new PerdureError('PERDURE_E_CLOSED', 'The site is being closed.'))
    await this.#underWay
    await this.#turn
  }

  #consider(): void {
    if (this.#underWay !== undefined || this.#end.signal.aborted) return
    if (this.#snapshots.grownBytes >= Math.max(this.#dueBytes, this.#notBeforeBytes)) void this.take()
  }

  get #dueBytes(): number {
    return Math.max(this.#options.grownBytes ?? GROWN_BYTES, SIZES * (this.#snapshots.kept[0]?.bytes ?? 0))
  }

  /** A site that has failed is to be left at once. */
  #goesOn(): boolean {
    try {
      return this.#gateway.mark().index > 0
    } catch {
      return false
    }
  }

  async #attempt(): Promise<void> {
    const { signal } = this.#end
    // Not inside the commit, or whatever it is, that called.
    await new Promise<void>((resolve) => this.#gateway.clock.hop(resolve))
    let place: SnapshotPlace | undefined
    try {
      if (signal.aborted) return
      const { index, census } = this.#gateway.mark()
      place = { generation: this.#gateway.log.generation, index }
      if (index === (this.#snapshots.kept[0]?.index ?? 0)) return
      await this.#gateway.log.durable(index)
      const report = await this.#options.takeShadow(place, signal)
      signal.throwIfAborted()
      const differences = compare(census, report.census)
      if (differences !== '') {
        this.#gateway.fail(differentState(index, differences))
        return await this.#snapshots.discard(place)
      }
      await this.holding(() => this.#count(place as SnapshotPlace, report))
      this.#notBeforeBytes = 0
    } catch (error) {
      await this.#failed(error, place)
    }
  }

  async #count(place: SnapshotPlace, { damaged, blobs }: ShadowReport): Promise<void> {
    const { log, clock, absent } = this.#gateway
    // K2; and rejects when the log has failed meanwhile: then what is in memory counts for nothing.
    await log.durable(place.index)
    for (const each of damaged) {
      this.#options.warn(`The snapshot of record ${each.index} is damaged; it was not used, and a new one takes its place.`)
      await this.#snapshots.drop(each)
    }
    await this.#snapshots.keep(place)
    const older = this.#snapshots.kept[1]
    if (older !== undefined) await log.trim(older.index + 1)
    if (absent > 0 || clock.monotonicMs() - this.#openedMs < SWEEP_AFTER_MS) return
    const pace = new Pace(clock)
    for (const _ of this.#options.blobs?.sweep(new Set(blobs)) ?? []) await pace.step()
  }

  async #failed(error: unknown, place: SnapshotPlace | undefined): Promise<void> {
    this.#notBeforeBytes = this.#snapshots.grownBytes + (this.#options.grownBytes ?? GROWN_BYTES)
    if (place !== undefined) await this.#snapshots.discard(place).catch(() => undefined)
    if (this.#end.signal.aborted || isOver(error)) return
    const what = error instanceof Error ? error.message : String(error)
    this.#options.warn(`No snapshot could be taken: ${what} The site goes on; it is tried again when the log has grown further.`)
  }
}

/** The site is closed or has failed, which others hear of. */
function isOver(error: unknown): boolean {
  return PerdureError.is(error, 'PERDURE_E_CLOSED') || PerdureError.is(error, 'PERDURE_E_LOG_FAILED')
}

/** What two states say differently about themselves, live first. */
function compare(live: Census, shadow: Census): string {
  const keys = new Set([...Object.keys(live), ...Object.keys(shadow)])
  const different = [...keys].filter((key) => live[key] !== shadow[key])
  return different.map((key) => `${key}: ${live[key] ?? 'nothing'} and ${shadow[key] ?? 'nothing'}`).join(', ')
}

function differentState(index: number, differences: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_INVARIANT',
    `The state after record ${index} is not what the log says (live and rebuilt differ in ${differences}). The site was stopped; opening it again rebuilds the state from the log. This is a bug in perdure: please report it with the log.`,
    { data: { index } },
  )
}
