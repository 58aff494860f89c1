/**
 * One run executed several times at once: where its copies are, and which of them executes which step.
 *
 * All copies re-execute the same body from the same journal. Whoever reaches an operation first records it, and every reply goes to
 * all of them, in the order of the log; so the death of one costs the run no time. Only a step belongs to one copy: it is *claimed*
 * in the log before it is executed, or it would be executed once for each copy.
 *
 * Boundary: data and pure look-ups. The rules are in `copies.ts` (who is first, who is lost), `claims.ts` (who executes what) and
 * `spread.ts` (where copies go).
 *   C1  The first copy is the run's own place; the others are in `copies`, oldest first. A run with a place has a first copy.
 *   C2  No two copies of a run have the same node or the same fence.
 */
import type { Stored } from './journal.ts'

/** The paper's example has two; more only help against failures that come together. */
export const DEFAULT_REPLICAS = 2

/** Every copy issues every operation of its run. */
export const MAX_REPLICAS = 16

/** Where a body is executed, and how far it has come. */
export interface Place {
  node: string | undefined
  /** Counts placements; operations under one that no place has are refused. The position of the placement, where that is free. */
  fence: number
  /** Its host has said that it begins: if its process dies now, it may be because of this run. */
  begun: boolean
  /** Its host still fetches the journal. */
  loading: boolean
  live: boolean
  /** Of one of several copies: the last operation that it has come to. */
  reached: number
  /** Steps that this attempt has said it executes again, and at which progress. */
  repeating: { readonly progress: number; readonly steps: readonly string[] } | undefined
  /** While it recovers: how far its host says it is. */
  replayed: number
  /** Its host has been asked to give it up. */
  leaving: { readonly to: string | null } | undefined
}

/** A step that one of the copies is to execute. */
export interface Claim {
  readonly name: string
  /** At which a copy first came to it. */
  readonly position: number
  /** The fence of the copy that has it; 0 while none has. */
  holder: number
  /** Its function may have been called there. */
  begun: boolean
  /** Processes that died while they executed it. */
  deaths: number
  /** The fences of the copies that have come to it. */
  came: readonly number[]
}

export interface Replication {
  readonly wanted: number
  copies: Place[]
  /** By the number of the step. */
  claims: Map<number, Claim>
  /** Position at which a copy that had a step was last lost: tells a resource the writers before from those after. */
  epoch: number
  /** No later placement has this fence or a lower one. */
  lastFence: number
  /** What the last copy did that differed from the journal, and the builds that did so. */
  outcast: { readonly error: Stored; readonly builds: readonly string[] } | undefined
  /** Of the operation that last cut the journal: copies behind come by it too. */
  cutDigest: number
}

export interface Replicated extends Place {
  readonly replication: Replication | undefined
}

export function nowhere(): Place {
  return {
    node: undefined,
    fence: 0,
    begun: false,
    loading: false,
    live: false,
    reached: 0,
    repeating: undefined,
    replayed: 0,
    leaving: undefined,
  }
}

export function replicationOf(replicas: number = DEFAULT_REPLICAS): Replication {
  return {
    wanted: Math.min(replicas, MAX_REPLICAS),
    copies: [],
    claims: new Map(),
    epoch: 0,
    lastFence: 0,
    outcast: undefined,
    cutDigest: 0,
  }
}

const NO_COPIES: readonly Place[] = []

/** The copies beside the first. */
export function copiesOf({ replication }: Replicated): readonly Place[] {
  return replication === undefined ? NO_COPIES : replication.copies
}

/** All places that a run has, the first copy first. */
export function placesOf(run: Replicated): readonly Place[] {
  return run.node === undefined ? NO_COPIES : [run, ...copiesOf(run)]
}

/** The place with this fence: whose operations count (P1). */
export function placeUnder(run: Replicated, fence: unknown): Place | undefined {
  if (run.node === undefined) return undefined
  return run.fence === fence ? run : copiesOf(run).find((copy) => copy.fence === fence)
}

export function placeAt(run: Replicated, node: string): Place | undefined {
  return run.node === node ? run : copiesOf(run).find((copy) => copy.node === node)
}

/** Whether the run goes on when one of its copies is gone. */
export function isOneOfSeveral(run: Replicated): boolean {
  return copiesOf(run).length > 0
}

/** Why a run has fewer copies than it wants; undefined if it has them. */
export function whyShort(run: Replicated & { readonly definition: string }): string | undefined {
  const { replication } = run
  const places = placesOf(run).length
  if (replication === undefined || places === 0 || places >= replication.wanted) return undefined
  const { outcast } = replication
  const why =
    outcast && 'error' in outcast.error ? outcast.error.error.message : `no other node hosts ${run.definition} and has room`
  return `${places} of ${replication.wanted} copies: ${why}`
}

/** A copy of its own for a snapshot. */
export function savedReplication(replication: Replication | undefined): Replication | undefined {
  if (replication === undefined) return undefined
  const { copies, claims } = replication
  const savedClaims = [...claims].map(([number, claim]) => [number, { ...claim }] as const)
  return { ...replication, copies: copies.map((copy) => ({ ...copy })), claims: new Map(savedClaims) }
}
