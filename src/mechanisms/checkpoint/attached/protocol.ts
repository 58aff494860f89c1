/**
 * What the service and the proxies of *attached* members say to each other. Their messages go over a transport of their own and their
 * states and logs lie in a folder of their own; the service only answers questions, is told, and says where to go back to.
 *
 *     paper (Zweiacker 1997)                  here
 *     POGSadmin.ContextCreate / Delete        create / delete
 *     POGSadmin.Register / Deregister         attach / detach
 *     POGScheck.Check                         check, which names the message and the interval of its sending
 *     POGScheck.CheckpointNow                 report, which nobody has to await
 *     POGSrecover.Recover (callback)          the answer of wait (long poll), or a webhook with the same body; unavailable says no
 *     any object initiates recovery           recover, halted
 *
 * Every operation takes one object, a *body*. The schemas are in `schemas.ts`.
 *
 * Boundary: types and bounds only; the proxy imports nothing else, and only types.
 *   W1  What a member says carries its incarnation and its epoch. Another incarnation has replaced it (`PERDURE_E_STALE`); of an earlier epoch
 *       it is told by `wait` where to go back to, and nothing it says changes anything before it has.
 *   W2  Everything can be said twice: `check` is known by the message, edges by their numbers, the rest says how things are.
 *   W3  Between `halted` and the next order a member delivers and sends nothing.
 */

/** The receiver, its number of the edge, the sender, interval of the sending, interval of the delivery. Members as places. */
export type Edge = readonly [to: number, number: number, from: number, sent: number, delivered: number]

/** Edges of a member, up to this number of its own, that are not attached: whoever depends on them cannot know them. */
export type Need = readonly [place: number, number: number]

/** By place: the checkpoint a member goes back to; null: it goes on. */
export type Line = readonly (number | null)[]

export interface Of {
  readonly context: string
  readonly member: string
  readonly incarnation: number
  readonly epoch: number
}

export interface Report extends Of {
  /** The latest checkpoint that is on stable storage and before which no edge of this member is left unsaid. */
  readonly index: number
  readonly edges: readonly Edge[]
  readonly needs: readonly Need[]
}

export interface Check extends Report {
  /** Names the message among all of the receiver. */
  readonly message: string
  readonly from: number
  readonly sentEpoch: number
  /** Interval of the sending. */
  readonly sent: number
  /** Interval in which the message would be delivered. */
  readonly interval: number
}

export interface Attach {
  readonly context: string
  readonly member: string
  /** Of this life of the proxy: said twice, it is the same attachment. */
  readonly boot: string
  /** What the store of an earlier life has, as in `Report`; index -1: nothing. */
  readonly epoch: number
  readonly index: number
  readonly edges: readonly Edge[]
  /** Where orders are posted, if the member cannot poll: an http URL of this machine. */
  readonly callback?: string
}

export interface Grant {
  readonly place: number
  readonly incarnation: number
  readonly order: Order & { readonly do: 'rollback' }
}

/** `ok`: heard. `stale`, `halt`: nothing was changed or decided; `wait` says what to do. */
export type Status = 'ok' | 'stale' | 'halt'

export interface Answer {
  readonly status: Status
  /** Of the group. */
  readonly epoch: number
  /** This member never goes back behind this checkpoint: what lies below can be forgotten. */
  readonly floor: number
  /** Of the needs that were named: those which the service does not have yet. */
  readonly unknown: readonly Need[]
}

export interface Decision extends Answer {
  readonly force: boolean
}

export type Order =
  /** Nothing to do; `floor` and `names` may be new. */
  | { readonly do: 'nothing'; readonly epoch: number; readonly floor: number; readonly names: Names }
  /** Somebody cannot go on before this member has saved. */
  | { readonly do: 'save'; readonly epoch: number; readonly floor: number; readonly names: Names }
  | { readonly do: 'halt'; readonly epoch: number; readonly floor: number; readonly names: Names }
  /** `lines`: of the recoveries since the epoch the member has named. */
  | {
      readonly do: 'resume'
      readonly epoch: number
      readonly floor: number
      readonly names: Names
      readonly lines: readonly EpochLine[]
    }
  | {
      readonly do: 'rollback'
      readonly epoch: number
      readonly floor: number
      readonly names: Names
      readonly lines: readonly EpochLine[]
      readonly index: number
    }

/** The line that began this epoch. */
export type EpochLine = readonly [epoch: number, line: Line]

/** By place; null: has left. */
export type Names = readonly (string | null)[]

export interface Recovered {
  readonly epoch: number
  readonly line: Readonly<Record<string, number | 'current'>>
}

/** Edges in one call: some 20 kB of JSON. */
export const MAX_EDGES = 1_024
