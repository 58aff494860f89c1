/**
 * One run as the machine keeps it, and what it says about itself.
 *
 * Boundary: data and pure functions over it.
 */

import type { Layer } from '../../../support/definition.ts'
import { Journal, type Stored } from './journal.ts'
import { Manifest } from './manifest.ts'
import { nowhere, type Place, placesOf, type Replication, replicationOf, whyShort } from './replication.ts'

/** Deaths at one place until a run is wedged: enough for bad luck, few enough to spare the other runs of its workers. */
export const MAX_DEATHS = 5

export type RunState = 'waiting' | 'recovering' | 'running' | 'sleeping' | 'done' | 'failed' | 'cancelled' | 'diverged' | 'wedged'

export interface RunStatus {
  readonly definition: string
  readonly key: string
  readonly state: RunState
  /** Why it is in this state, where the state alone does not say. */
  readonly reason?: string
  readonly node?: string
  /** Of layer `replicas`: how many copies it wants, and the nodes that have one, `node` first. */
  readonly replicas?: { readonly of: number; readonly nodes: readonly string[] }
  /** How often its body has been started. */
  readonly attempt: number
  /** Log position of the last thing that happened to it. */
  readonly position: number
  /** While recovering: replies given again so far, of all there are. */
  readonly replayed?: number
  readonly of?: number
}

/** Ends a run: with what its body returned or threw. */
export interface Ended {
  readonly state: 'done' | 'failed' | 'cancelled'
  readonly outcome: Stored
  readonly atMs: number
}

/** An operation that waits, as people want to see it. */
export interface OpenOperation {
  readonly kind: string
  readonly preview: string
}

/** Several operations of which the first answer counts. */
export interface Race {
  readonly number: number
  readonly alternatives: readonly (readonly [key: string, number: number])[]
}

/** What is known of a run when it starts. */
export interface NewRun {
  /** Counted by the machine, never reused. */
  readonly id: number
  readonly definition: string
  readonly key: string
  readonly input: Stored
  readonly layer: Layer
  /** Of layer `replicas`: how many copies; without it as many as by default. */
  readonly replicas?: number | undefined
  readonly maxTurnMs: number
  readonly retainMs: number
  readonly startedMs: number
  /** Of its start. */
  readonly position: number
  /** A run that is cancelled together with this one. */
  readonly attachedTo?: number | undefined
  /** The field of an active tuple that its result fills in. */
  readonly placeholder?: { readonly id: number; readonly field: number } | undefined
}

/** What it has of a place is that of its first copy. */
export interface Run extends NewRun, Place {
  /** Of the last thing that happened to it. */
  position: number
  journal: Journal
  /** Operations without an answer yet. */
  open: Map<number, OpenOperation>
  /** By the number of each alternative. */
  races: Map<number, Race>
  incarnation: number
  attempt: number
  cancelled: string | undefined
  wedged: string | undefined
  /** What its last body did that the journal does not say, and the builds that did. */
  diverged: { readonly error: Stored; readonly builds: string[] } | undefined
  /** Of its processes at one place: those that it may have caused, and those in which it hardly had a part. */
  deaths: { readonly progress: number; readonly count: number; readonly beside: number }
  stalls: number
  ended: Ended | undefined
  /** How often it was begun anew by hand; deadlines carry it, so that those of an earlier life are void. */
  restarts: number
  restarted: { readonly reason: string; readonly atMs: number } | undefined
  /** Why somebody holds it. */
  paused: string | undefined
  /** What its version gates have answered. */
  versions: Map<string, number>
  /** Of layer `replicas`: its further copies, and who executes which step. */
  readonly replication: Replication | undefined
  /** What its recorded steps have left in its work folder; undefined where it has none. */
  files: Manifest | undefined
}

export function newRun(spec: NewRun): Run {
  return {
    ...spec,
    journal: freshJournal(spec.startedMs),
    open: new Map(),
    races: new Map(),
    incarnation: 1,
    attempt: 0,
    ...nowhere(),
    cancelled: undefined,
    wedged: undefined,
    diverged: undefined,
    deaths: { progress: -1, count: 0, beside: 0 },
    stalls: 0,
    ended: undefined,
    restarts: 0,
    restarted: undefined,
    paused: undefined,
    versions: new Map(),
    replication: spec.layer === 'replicas' ? replicationOf(spec.replicas) : undefined,
    files: spec.layer === 'files' ? new Manifest() : undefined,
  }
}

export function freshJournal(wallMs: number): Journal {
  return new Journal({ number: 0, seq: 0, state: null, wallMs, randoms: 0, aborted: false })
}

/** `hosted` tells whether any live node hosts this definition. */
export function statusOf(run: Run, hosted: boolean): RunStatus {
  const { state, reason: why } = stateOf(run, hosted)
  const told = run.ended || run.wedged !== undefined || run.stalls === 0 ? why : stallsOf(run, why)
  const missing = whyShort(run)
  const reason = missing === undefined ? told : [told, missing].filter((part) => part !== undefined).join('; ')
  return {
    definition: run.definition,
    key: run.key,
    state,
    ...(reason !== undefined && { reason }),
    ...(run.node !== undefined && { node: run.node }),
    ...(run.replication && !run.ended && { replicas: replicasOf(run, run.replication) }),
    attempt: run.attempt,
    position: run.position,
    ...(state === 'recovering' && { replayed: run.replayed, of: run.journal.deliveries.length }),
  }
}

function replicasOf(run: Run, { wanted }: Replication): NonNullable<RunStatus['replicas']> {
  return { of: wanted, nodes: placesOf(run).map(({ node }) => node as string) }
}

function stallsOf({ stalls, maxTurnMs }: Run, why: string | undefined): string {
  const times = stalls === 1 ? 'once' : `${stalls} times`
  return `${why === undefined ? '' : `${why}; `}its code has held the event loop for longer than maxTurnMs (${maxTurnMs} ms) ${times}`
}

function stateOf(run: Run, hosted: boolean): { state: RunState; reason?: string } {
  if (run.ended) {
    const { state, outcome } = run.ended
    return 'error' in outcome ? { state, reason: outcome.error.message } : { state }
  }
  if (run.wedged !== undefined) return { state: 'wedged', reason: run.wedged }
  if (run.diverged && run.node === undefined) {
    const { error } = run.diverged
    return { state: 'diverged', reason: 'error' in error ? error.error.message : '' }
  }
  if (run.paused !== undefined) {
    return run.node === undefined
      ? { state: 'waiting', reason: `paused: ${run.paused}` }
      : { state: 'running', reason: `is being paused: ${run.paused}` }
  }
  if (run.node === undefined)
    return { state: 'waiting', reason: hosted ? `no free host for ${run.definition}` : `no host for ${run.definition}` }
  if (!run.live) return { state: 'recovering' }
  const waiting = [...run.open.values()]
  if (waiting.length === 0) return { state: 'running' }
  if (waiting.every(({ kind }) => kind === 'process.sleep')) return { state: 'sleeping' }
  const first = waiting[0] as OpenOperation
  return { state: 'running', reason: `waits in ${first.kind} ${first.preview}` }
}
