/**
 * Everything the process machine knows, and how it is looked up.
 *
 * Boundary: data without rules; the rules are in `placement.ts` (who runs what), `delivery.ts` (which reply goes where),
 * `ending.ts` (how runs end) and `fencing.ts` (how nodes come and go).
 */
import type { Context, Outcome } from '../../../log/machine.ts'
import { Drains } from './drains.ts'
import { Expiries, type Expiry } from './expiries.ts'
import { type Node, NodeTable } from './nodes.ts'
import { type NewRun, newRun, type Run } from './run.ts'
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
  /** Who waits for a run to have moved, or to have stopped. */
  readonly movers: Waiters = new Waiters()
  readonly pausers: Waiters = new Waiters()
  readonly drains: Drains = new Drains()
  /** Runs that have left a place on demand, and draining nodes that have none left, in this entry; empty between two. */
  readonly left: Run[] = []
  readonly emptied: Node[] = []
  readonly statistics: Statistics = { nodesLost: 0, runsResumed: 0, stepsExecuted: 0, repliesReplayed: 0 }
  /** Those of layer `replicas` that have a place. */
  readonly replicated: Set<Run> = new Set()
  completeField: FieldPort = () => undefined
  readonly #ids = new Map<string, number>()
  /** By the id of the parent. */
  readonly #attached = new Map<number, Set<Run>>()
  #nextId = 1

  add(spec: Omit<NewRun, 'id'>): Run {
    const run = newRun({ ...spec, id: this.#nextId })
    this.#nextId += 1
    this.restoreRun(run)
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
    this.#attached.delete(run.id)
    if (run.attachedTo !== undefined) this.#attached.get(run.attachedTo)?.delete(run)
  }

  /** Those that are cancelled together with this one, in the order of their starts. */
  attachedTo(run: Run): readonly Run[] {
    return [...(this.#attached.get(run.id) ?? [])]
  }

  expireAt(context: Context, deadlineMs: number, expiry: Expiry): void {
    context.schedule(deadlineMs, this.expiries.add(expiry))
  }

  /** The next id that a run gets; for snapshots. */
  get nextId(): number {
    return this.#nextId
  }

  restoreNextId(nextId: number): void {
    this.#nextId = nextId
  }

  /** A run as it was. */
  restoreRun(run: Run): void {
    this.runs.set(run.id, run)
    this.#ids.set(nameOf(run.definition, run.key), run.id)
    if (run.replication && run.node !== undefined) this.replicated.add(run)
    if (run.attachedTo === undefined) return
    const siblings = this.#attached.get(run.attachedTo) ?? new Set()
    this.#attached.set(run.attachedTo, siblings.add(run))
  }
}

/** Definition names have no slash, so this is unambiguous. */
function nameOf(definition: string, key: string): string {
  return `${definition}/${key}`
}
