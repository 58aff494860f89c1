/**
 * One run as the machine keeps it, and what it says about itself.
 *
 * Boundary: data and pure functions over it.
 */

import type { Layer } from '../../support/definition.ts'
import { Journal, type Stored } from './journal.ts'

export type RunState = 'waiting' | 'recovering' | 'running' | 'sleeping' | 'done' | 'failed' | 'cancelled' | 'diverged' | 'wedged'

export interface RunStatus {
  readonly definition: string
  readonly key: string
  readonly state: RunState
  /** Why it is in this state, where the state alone does not say. */
  readonly reason?: string
  readonly node?: string
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

export interface Run extends NewRun {
  /** Of the last thing that happened to it. */
  position: number
  journal: Journal
  /** Operations without an answer yet. */
  open: Map<number, OpenOperation>
  /** By the number of each alternative. */
  races: Map<number, Race>
  incarnation: number
  attempt: number
  node: string | undefined
  /** Position of its placement; operations under any other are refused. */
  fence: number
  /** Its present host has said that it begins: if its process dies now, it may be because of this run. */
  begun: boolean
  live: boolean
  cancelled: string | undefined
  wedged: string | undefined
  /** What its last body did that the journal does not say, and the builds that did. */
  diverged: { readonly error: Stored; readonly builds: string[] } | undefined
  deaths: { readonly progress: number; readonly count: number }
  stalls: number
  ended: Ended | undefined
}

export function newRun(spec: NewRun): Run {
  return {
    ...spec,
    journal: freshJournal(spec.startedMs),
    open: new Map(),
    races: new Map(),
    incarnation: 1,
    attempt: 0,
    node: undefined,
    fence: 0,
    begun: false,
    live: false,
    cancelled: undefined,
    wedged: undefined,
    diverged: undefined,
    deaths: { progress: -1, count: 0 },
    stalls: 0,
    ended: undefined,
  }
}

export function freshJournal(wallMs: number): Journal {
  return new Journal({ number: 0, seq: 0, state: null, wallMs, randoms: 0, aborted: false })
}

/** `hosted` tells whether any live node hosts this definition. */
export function statusOf(run: Run, hosted: boolean): RunStatus {
  const { state, reason } = stateOf(run, hosted)
  return {
    definition: run.definition,
    key: run.key,
    state,
    ...(reason !== undefined && { reason }),
    ...(run.node !== undefined && { node: run.node }),
    attempt: run.attempt,
    position: run.position,
    ...(state === 'recovering' && { replayed: 0, of: run.journal.deliveries.length }),
  }
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
  if (run.node === undefined)
    return { state: 'waiting', reason: hosted ? `no free host for ${run.definition}` : `no host for ${run.definition}` }
  if (!run.live) return { state: 'recovering' }
  const waiting = [...run.open.values()]
  if (waiting.length === 0) return { state: 'running' }
  if (waiting.every(({ kind }) => kind === 'process.sleep')) return { state: 'sleeping' }
  const first = waiting[0] as OpenOperation
  return { state: 'running', reason: `waits in ${first.kind} ${first.preview}` }
}
