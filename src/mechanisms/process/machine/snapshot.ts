/**
 * The state of the process machine in parts, and back.
 *
 * Boundary: data to data; `state.ts` holds it. A run comes in front of its journal, whose entries and deliveries follow in parts
 * of their own, because a journal may be long.
 */
import { inParts } from '../../../log/machine.ts'
import type { Drain } from './drains.ts'
import type { Expiry } from './expiries.ts'
import { type Delivery, Journal, type JournalEntry } from './journal.ts'
import type { FileRow } from './manifest.ts'
import type { SavedNodes } from './nodes.ts'
import { savedReplication } from './replication.ts'
import { newRun, type Race, type Run } from './run.ts'
import type { ProcessState, Statistics } from './state.ts'
import type { SavedWaiter } from './waiters.ts'

export function* snapshotOf(state: ProcessState): Generator<Part> {
  yield ['state', { nextId: state.nextId, nextToken: state.expiries.nextToken, statistics: { ...state.statistics } }]
  for (const run of state.runs.values()) {
    const { base, lastSeq, entries, deliveries, retries } = run.journal
    const { files, ...rest } = run
    const own = {
      open: new Map(run.open),
      versions: new Map(run.versions),
      races: [...new Set(run.races.values())],
      replication: savedReplication(run.replication),
    }
    yield ['run', { ...rest, ...own, journal: { base, lastSeq } }]
    yield* inParts('files', files?.rows ?? [], run.id) as Generator<Part>
    yield* inParts('entries', entries.values(), run.id) as Generator<Part>
    yield* inParts('deliveries', deliveries, run.id) as Generator<Part>
    yield* inParts('retries', retries, run.id) as Generator<Part>
  }
  yield ['nodes', state.nodes.saved()]
  yield* inParts('expiries', state.expiries.saved()) as Generator<Part>
  yield* inParts('waiters', state.waiters.saved()) as Generator<Part>
  yield* inParts('movers', state.movers.saved()) as Generator<Part>
  yield* inParts('pausers', state.pausers.saved()) as Generator<Part>
  for (const [position, drain] of state.drains.saved()) yield ['drain', position, drain]
}

export function restoreInto(state: ProcessState, part: unknown): void {
  const saved = part as Part
  switch (saved[0]) {
    case 'state':
      state.restoreNextId(saved[1].nextId)
      state.expiries.restoreNextToken(saved[1].nextToken)
      Object.assign(state.statistics, saved[1].statistics)
      return
    case 'run':
      return state.restoreRun(runFrom(saved[1]))
    case 'entries':
      for (const entry of saved[2]) journalOf(state, saved[1]).entries.set(entry.number, entry)
      return
    case 'deliveries':
      journalOf(state, saved[1]).deliveries.push(...saved[2])
      return
    case 'retries':
      for (const [number, failed] of saved[2]) journalOf(state, saved[1]).retries.set(number, failed)
      return
    case 'files':
      for (const row of saved[2]) state.runs.get(saved[1])?.files?.add(row)
      return
    case 'nodes':
      return state.nodes.restore(saved[1])
    case 'expiries':
      return state.expiries.restore(saved[1])
    case 'waiters':
      return state.waiters.restore(saved[1])
    case 'movers':
      return state.movers.restore(saved[1])
    case 'pausers':
      return state.pausers.restore(saved[1])
    case 'drain':
      return state.drains.add(saved[1], saved[2])
  }
}

type Part =
  | readonly ['state', { readonly nextId: number; readonly nextToken: number; readonly statistics: Statistics }]
  | readonly ['run', SavedRun]
  | readonly ['entries', run: number, readonly JournalEntry[]]
  | readonly ['deliveries', run: number, readonly Delivery[]]
  | readonly ['retries', run: number, readonly (readonly [number: number, failed: number])[]]
  | readonly ['files', run: number, readonly FileRow[]]
  | readonly ['nodes', SavedNodes]
  | readonly ['expiries', readonly (readonly [token: number, expiry: Expiry])[]]
  | readonly ['waiters' | 'movers' | 'pausers', readonly SavedWaiter[]]
  | readonly ['drain', position: number, Drain]

/** A run in a snapshot: its journal and its files are written behind it. */
export type SavedRun = Omit<Run, 'journal' | 'races' | 'files'> & {
  readonly races: readonly Race[]
  readonly journal: Pick<Journal, 'base' | 'lastSeq'>
}

/** The runs of a snapshot, without their journals. */
export function savedRuns(parts: Iterable<readonly [section: string, part: unknown]>): SavedRun[] {
  return [...parts].flatMap(([section, part]) => {
    const saved = part as Part
    return section === 'process' && saved[0] === 'run' ? [saved[1]] : []
  })
}

function runFrom(saved: SavedRun): Run {
  const journal = new Journal(saved.journal.base)
  journal.lastSeq = saved.journal.lastSeq
  const races = new Map(saved.races.flatMap((race) => race.alternatives.map(([, number]) => [number, race] as const)))
  // What a snapshot of an earlier version does not know is as in a new run.
  return { ...newRun(saved), ...saved, open: new Map(saved.open), races, journal }
}

function journalOf(state: ProcessState, run: number): Journal {
  return (state.runs.get(run) as Run).journal
}
