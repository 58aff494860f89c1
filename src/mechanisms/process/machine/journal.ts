/**
 * The journal of one run: which operations its body issued, and which replies it was given, in order.
 *
 * Re-executed with the same replies in the same order, a body that is deterministic between them issues the same operations;
 * what it does beyond the last reply is new. So a journal needs the replies in full, and of the operations only enough to
 * notice that a body no longer does the same: kind, a hash of the arguments, and a few characters for people.
 *
 * Boundary: data and pure functions; who appends is `machine.ts`, who reads is `attempt.ts`.
 *   J1  Deliveries are kept in the order of the log, numbered 1, 2, 3, … over the whole incarnation (`seq`).
 *   J2  A checkpoint with number n forgets every operation up to n and every delivery so far.
 */
import { PerdureError } from '../../../errors.ts'
import { encode } from '../../../log/codec/codec.ts'
import type { Failure } from '../../../log/machine.ts'

/** Operations between two checkpoints. 100,000 replay in well under a second; a loop without end must checkpoint. */
export const MAX_JOURNAL = 100_000

/** One page of a journal on its way to a host: half a frame. */
const PAGE_BYTES = 256 * 1024

/** A value, in place or beside the log when it is large; or an error. */
export type Stored = { readonly value: unknown } | { readonly blob: string } | { readonly error: Failure }

export interface JournalEntry {
  readonly number: number
  /** Name of the operation, as in `space.in`. */
  readonly kind: string
  readonly digest: number
  readonly preview: string
}

export interface Delivery {
  readonly seq: number
  /** Of the operation it answers; 0 is the cancellation of the run. */
  readonly number: number
  readonly outcome: Stored
  readonly wallMs: number
  readonly position: number
}

/** Where a restored body starts. */
export interface Base {
  /** Number of the checkpoint; 0 for the very start. */
  readonly number: number
  readonly seq: number
  readonly state: Stored | null
  readonly wallMs: number
  /** How often the body has asked for randomness. */
  readonly randoms: number
  readonly aborted: boolean
}

export class Journal {
  readonly entries: Map<number, JournalEntry> = new Map()
  deliveries: Delivery[] = []
  /** How often a step has failed so far, by number. */
  readonly retries: Map<number, number> = new Map()
  base: Base
  lastSeq: number

  constructor(base: Base) {
    this.base = base
    this.lastSeq = base.seq
  }

  /** Grows with everything a run does: two deaths at the same progress are deaths at the same place. */
  get progress(): number {
    return this.base.number + this.entries.size + this.lastSeq
  }

  cut(base: Base): void {
    this.base = base
    for (const number of this.entries.keys()) if (number <= base.number) this.entries.delete(number)
    this.deliveries = []
    this.retries.clear()
  }
}

export interface JournalPage {
  readonly entries: readonly (readonly [number: number, kind: string, digest: number, preview: string])[]
  readonly deliveries: readonly (readonly [seq: number, number: number, outcome: Stored, wallMs: number, position: number])[]
  readonly retries: readonly (readonly [number: number, failed: number])[]
  /** Where the next page starts; null when this is the last. */
  readonly next: readonly [entry: number, delivery: number] | null
}

/** One page of a journal, starting at the given entry and delivery (counted, from 0). */
export function journalPage(journal: Journal, fromEntry: number, fromDelivery: number): JournalPage {
  const entries: JournalPage['entries'][number][] = []
  const deliveries: JournalPage['deliveries'][number][] = []
  const allEntries = [...journal.entries.values()].slice(fromEntry)
  let bytes = 0
  for (const { number, kind, digest, preview } of allEntries) {
    if (bytes > PAGE_BYTES) break
    entries.push([number, kind, digest, preview])
    bytes += 40 + kind.length + 3 * preview.length
  }
  if (entries.length === allEntries.length) {
    for (const { seq, number, outcome, wallMs, position } of journal.deliveries.slice(fromDelivery)) {
      if (bytes > PAGE_BYTES) break
      deliveries.push([seq, number, outcome, wallMs, position])
      bytes += 40 + encode(outcome, Number.POSITIVE_INFINITY).length
    }
  }
  const entry = fromEntry + entries.length
  const delivery = fromDelivery + deliveries.length
  const complete = entry === journal.entries.size && delivery === journal.deliveries.length
  return { entries, deliveries, retries: complete ? [...journal.retries] : [], next: complete ? null : [entry, delivery] }
}

/** What a body issued where its journal has something else, or nothing, or where it ended too early. */
export function diverged(expected: JournalEntry | undefined, found: JournalEntry | undefined): PerdureError {
  const number = (expected ?? found)?.number ?? 0
  const sides = `  expected: ${describe(expected)}\n  found:    ${describe(found)}`
  return new PerdureError(
    'PERDURE_E_DIVERGED',
    `The body no longer does what its journal says, at operation ${number}:\n${sides}\nRun it with the code that wrote the journal, or make the change depend on something the journal knows.`,
    { data: { number, expected: side(expected), found: side(found) } },
  )
}

function side(entry: JournalEntry | undefined): Readonly<Record<string, unknown>> | null {
  return entry === undefined ? null : { kind: entry.kind, preview: entry.preview }
}

function describe(entry: JournalEntry | undefined): string {
  return entry === undefined ? 'nothing (the body ended)' : `${entry.kind} ${entry.preview}`
}
