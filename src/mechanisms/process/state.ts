/**
 * Everything the process machine knows, and how it is looked up, written down and read back.
 *
 * Boundary: data without rules; the rules are in `placement.ts` (who runs what), `delivery.ts` (which reply goes where),
 * `ending.ts` (how runs end) and `fencing.ts` (how nodes come and go).
 */
import type { Context, Outcome } from '../../log/machine.ts'
import { Expiries, type Expiry } from './expiries.ts'
import { type Delivery, Journal, type JournalEntry } from './journal.ts'
import { NodeTable } from './nodes.ts'
import { type NewRun, newRun, type Race, type Run } from './run.ts'
import { Waiters } from './waiters.ts'

export interface Statistics {
  nodesLost: number
  runsResumed: number
  stepsExecuted: number
  repliesReplayed: number
}

/** Where the result of a run goes that fills a field of an active tuple. */
export type FieldPort = (placeholder: number, field: number, outcome: Outcome, context: Context) => void

export class ProcessState {
  readonly runs: Map<number, Run> = new Map()
  readonly nodes: NodeTable = new NodeTable()
  readonly expiries: Expiries = new Expiries()
  readonly waiters: Waiters = new Waiters()
  readonly statistics: Statistics = { nodesLost: 0, runsResumed: 0, stepsExecuted: 0, repliesReplayed: 0 }
  completeField: FieldPort = () => undefined
  readonly #ids = new Map<string, number>()
  #nextId = 1

  add(spec: Omit<NewRun, 'id'>): Run {
    const run = newRun({ ...spec, id: this.#nextId })
    this.#nextId += 1
    this.runs.set(run.id, run)
    this.#ids.set(nameOf(run.definition, run.key), run.id)
    this.nodes.wait(run)
    return run
  }

  find(definition: unknown, key: unknown): Run | undefined {
    const id = this.#ids.get(nameOf(String(definition), String(key)))
    return id === undefined ? undefined : this.runs.get(id)
  }

  forget(run: Run): void {
    this.runs.delete(run.id)
    this.#ids.delete(nameOf(run.definition, run.key))
  }

  expireAt(context: Context, deadlineMs: number, expiry: Expiry): void {
    context.schedule(deadlineMs, this.expiries.add(deadlineMs, expiry))
  }

  snapshot(): unknown {
    return {
      nextId: this.#nextId,
      runs: [...this.runs.values()].map(runSnapshot),
      nodes: this.nodes.snapshot(),
      expiries: this.expiries.snapshot(),
      waiters: this.waiters.snapshot(),
      statistics: { ...this.statistics },
    }
  }

  restore(snapshot: unknown, schedule: (deadlineMs: number, token: number) => void): void {
    const { nextId, runs, nodes, expiries, waiters, statistics } = snapshot as StateSnapshot
    this.#nextId = nextId
    this.runs.clear()
    this.#ids.clear()
    for (const saved of runs) {
      const run = runFrom(saved)
      this.runs.set(run.id, run)
      this.#ids.set(nameOf(run.definition, run.key), run.id)
    }
    this.nodes.restore(nodes)
    this.expiries.restore(expiries, schedule)
    this.waiters.restore(waiters)
    Object.assign(this.statistics, statistics)
  }
}

/** Definition names have no slash, so this is unambiguous. */
function nameOf(definition: string, key: string): string {
  return `${definition}/${key}`
}

interface StateSnapshot {
  readonly nextId: number
  readonly runs: readonly RunSnapshot[]
  readonly nodes: unknown
  readonly expiries: unknown
  readonly waiters: unknown
  readonly statistics: Statistics
}

type RunSnapshot = Omit<Run, 'journal' | 'races'> & {
  readonly races: readonly Race[]
  readonly journal: {
    readonly base: Journal['base']
    readonly lastSeq: number
    readonly entries: readonly JournalEntry[]
    readonly deliveries: readonly Delivery[]
    readonly retries: readonly (readonly [number, number])[]
  }
}

function runSnapshot(run: Run): unknown {
  const { base, lastSeq, entries, deliveries, retries } = run.journal
  return {
    ...run,
    open: new Map(run.open),
    races: [...new Set(run.races.values())],
    journal: { base, lastSeq, entries: [...entries.values()], deliveries: [...deliveries], retries: [...retries] },
  }
}

function runFrom(saved: RunSnapshot): Run {
  const journal = new Journal(saved.journal.base)
  journal.lastSeq = saved.journal.lastSeq
  journal.deliveries = [...saved.journal.deliveries]
  for (const entry of saved.journal.entries) journal.entries.set(entry.number, entry)
  for (const [number, failed] of saved.journal.retries) journal.retries.set(number, failed)
  const races = new Map(saved.races.flatMap((race) => race.alternatives.map(([, number]) => [number, race] as const)))
  return { ...saved, open: new Map(saved.open), races, journal }
}
