/**
 * What an attached member remembers: the messages it was brought, in order, its checkpoints, and the lines by which ghosts are known.
 *
 * Boundary: part of the downloaded proxy; the only I/O is that of the store.
 *   M1  What is delivered is stored; what is stored stays until no recovery can ask for it again.
 *   M2  Records are appended in the order in which they count, so that reading them in order gives the same memory.
 */
import type { EpochLine, Line } from './protocol.ts'
import type { Receipt, Saved, Store, StoreRecord, Token, Wire } from './proxy-parts.ts'

/** Epochs a message may be late; older ones are dropped. */
const EPOCHS_KEPT = 64

/** Messages that may overtake one of the same sender; one that is later than that is dropped as a duplicate. */
const MAX_OVERTAKEN = 4_096

/** Log entries forgotten since the store was last rewritten: the rewriting costs less than they did. */
const COMPACT_AFTER = 1_024

export interface Entry {
  readonly wire: Wire
  state: 'storing' | 'stored' | 'lost'
  delivered: boolean
}

interface Seen {
  upTo: number
  readonly beyond: Set<number>
}

export class MemberLog {
  epoch = 0
  readonly #store: Store
  #lines: EpochLine[] = []
  #entries: Entry[] = []
  /** Position of the first entry. */
  #base = 0
  #forgotten = 0
  #checkpoints: Saved[] = []
  readonly #seen = new Map<string, Seen>()
  readonly #storing = new Set<Promise<void>>()

  constructor(store: Store) {
    this.#store = store
  }

  async read(): Promise<void> {
    for (const record of await this.#store.read()) this.#remember(record)
  }

  get base(): number {
    return this.#base
  }

  get last(): Saved | undefined {
    return this.#checkpoints.at(-1)
  }

  close(): Promise<void> | undefined {
    return this.#store.close?.()
  }

  /** Position of the next message that comes. */
  get end(): number {
    return this.#base + this.#entries.length
  }

  at(position: number): Entry | undefined {
    return this.#entries[position - this.#base]
  }

  checkpoint(index: number): Saved | undefined {
    return this.#checkpoints.findLast((saved) => saved.index === index)
  }

  /** Resolves when it is stored. `dropped`: a duplicate, or a ghost. */
  async add(wire: Wire): Promise<Receipt> {
    const { token } = wire
    if (token && !(this.accepts(token) && this.#isNew(token))) {
      // Not before the first of them is stored: whoever sends it again must not take this for its receipt.
      await Promise.allSettled(this.#storing)
      return 'dropped'
    }
    const entry: Entry = { wire, state: 'storing', delivered: false }
    this.#entries.push(entry)
    const storing = this.#store.append({ kind: 'message', wire })
    this.#storing.add(storing)
    try {
      await storing
      entry.state = 'stored'
    } catch (error) {
      entry.state = 'lost'
      if (token) this.#seenOf(token).beyond.delete(token[3])
      throw error
    } finally {
      this.#storing.delete(storing)
    }
    return 'kept'
  }

  /** False for a ghost: a later line undoes the sending. What is of an epoch to come is decided when that has come. */
  accepts([place, epoch, index]: Token): boolean {
    if (epoch < this.epoch - EPOCHS_KEPT) return false
    return this.#lines.every(([later, line]) => later <= epoch || index < limitOf(line, place))
  }

  /** Resolves when it is stored; it counts only if `valid` then. */
  async save(saved: Saved, valid: () => boolean): Promise<void> {
    await this.#store.append({ kind: 'checkpoint', ...saved })
    if (valid()) this.#checkpoints.push(saved)
  }

  /** This checkpoint cannot be read or restored. */
  spoilt(index: number): void {
    this.#checkpoints = this.#checkpoints.filter((saved) => saved.index !== index)
  }

  /** A new epoch, and whether it begins at an earlier checkpoint. */
  begin(epoch: number, lines: readonly EpochLine[], to: number | null): Promise<void> {
    const record = { kind: 'lines', epoch, lines, to } as const
    this.#remember(record)
    for (const key of this.#seen.keys()) if (Number(key.split(' ')[1]) < epoch - EPOCHS_KEPT) this.#seen.delete(key)
    return this.#store.append(record)
  }

  /** Nobody goes back behind this checkpoint any more. */
  forget(floor: number): void {
    const first = this.#checkpoints.findLast(({ index }) => index <= floor)
    if (first === undefined || first === this.#checkpoints[0]) return
    this.#checkpoints = this.#checkpoints.filter(({ index }) => index >= first.index)
    const entries = first.at - this.#base
    this.#forgotten += entries
    this.#entries.splice(0, entries)
    this.#base = first.at
  }

  /** Rewrites the store, if that is worth it. Nobody may be saving. */
  async compact(): Promise<void> {
    if (this.#forgotten < COMPACT_AFTER) return
    this.#forgotten = 0
    const seen = Array.from(this.#seen, ([key, { upTo, beyond }]) => [key, upTo, [...beyond]] as const)
    await this.#store.replace([
      { kind: 'base', at: this.#base, seen },
      { kind: 'lines', epoch: this.epoch, lines: this.#lines, to: null },
      ...this.#checkpoints.map((saved) => ({ kind: 'checkpoint', ...saved }) as const),
      ...this.#entries.filter(({ state }) => state !== 'lost').map(({ wire }) => ({ kind: 'message', wire }) as const),
    ])
  }

  #remember(record: StoreRecord): void {
    if (record.kind === 'message') {
      if (record.wire.token) this.#isNew(record.wire.token)
      this.#entries.push({ wire: record.wire, state: 'stored', delivered: true })
    } else if (record.kind === 'checkpoint') {
      this.#checkpoints.push(record)
    } else if (record.kind === 'lines') {
      const { epoch, lines, to } = record
      this.epoch = epoch
      this.#lines = [...this.#lines, ...lines].slice(-EPOCHS_KEPT)
      if (to !== null) this.#checkpoints = this.#checkpoints.filter(({ index }) => index <= to)
    } else {
      this.#base = record.at
      for (const [key, upTo, beyond] of record.seen) this.#seen.set(key, { upTo, beyond: new Set(beyond) })
    }
  }

  #seenOf([place, epoch]: Token): Seen {
    const key = `${place} ${epoch}`
    const seen = this.#seen.get(key) ?? { upTo: 0, beyond: new Set() }
    this.#seen.set(key, seen)
    return seen
  }

  /** Notes it; false: it was here before, or is too late to tell. */
  #isNew(token: Token): boolean {
    const seen = this.#seenOf(token)
    const number = token[3]
    if (number <= seen.upTo || seen.beyond.has(number)) return false
    seen.beyond.add(number)
    while (seen.beyond.delete(seen.upTo + 1) || seen.beyond.size > MAX_OVERTAKEN) seen.upTo++
    return true
  }
}

function limitOf(line: Line, place: number): number {
  return line[place] ?? Number.POSITIVE_INFINITY
}
