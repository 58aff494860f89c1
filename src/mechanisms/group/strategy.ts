/**
 * What a strategy of software fault tolerance is to the engine that conducts calls.
 *
 * A strategy is a pure *procedure* for every call: it is told what has happened (ballots, results of acceptance tests, time that
 * has passed) and answers with the next *move*: start members, test a ballot, settle. It starts nothing itself, knows no clock and
 * no promise, so the same procedure decides calls of synchronous objects, of asynchronous ones, of members on other nodes, and of
 * a replayed history.
 *
 * Boundary: interfaces only; `conduct.ts` is the engine.
 *   T1  Every procedure settles exactly once, at the latest at its `deadline`, or when everything it has started has come back.
 *   T2  A procedure never starts a member again whose ballot is outstanding, unless it says with `args` that this is another try.
 */
import type { Adjudicator, Ballot, Decision } from './ballot.ts'

/**
 * What members have to do with each other's state.
 * `own`: every member executes every call on its own state.
 * `common`: one state for all; an attempt works on a copy, which becomes the state of all when it is accepted, else is thrown away.
 * `none`: nothing is copied, restored or queued; calls run side by side.
 */
export type StateMode = 'own' | 'common' | 'none'

export type Move =
  /** Nothing to do until something comes in. */
  | { readonly do: 'wait' }
  /**
   * Executes the call in these members; with `args` instead of the call's own arguments (re-expression). `afterMs`: the engine says
   * `elapsed` after this time, unless another move with `afterMs` comes first.
   */
  | {
      readonly do: 'start'
      readonly members: readonly number[]
      readonly args?: readonly unknown[]
      readonly afterMs?: number | undefined
    }
  /** Applies the acceptance test to the ballot of this member, then says `tested`. */
  | { readonly do: 'test'; readonly member: number }
  /** The end. `chosen`: whose state becomes the common one, and whose buffered operations are performed. */
  | { readonly do: 'settle'; readonly decision: Decision; readonly chosen?: number | undefined }

export const WAIT: Move = { do: 'wait' }

/** One call under way. */
export interface Procedure {
  begin(): Move
  /** A member has answered, or has been given up by its own limit (`attemptMs`). */
  arrived(ballot: Ballot): Move
  tested?(member: number, accepted: boolean): Move
  elapsed?(): Move
  /** The time of the whole call is over: settles with what there is. */
  deadline(): Move
}

export interface CallView {
  /** n: members of the view at dispatch, in the order of their priority. */
  readonly members: number
  readonly method: string
  readonly args: readonly unknown[]
  id(member: number): string
}

/** What an acceptance test may look at. States as `[checkpoint]` gives them, or the fields of a data object; all of it is frozen. */
export interface Acceptance {
  readonly args: readonly unknown[]
  /** The state before the attempt. */
  readonly before: unknown
  /** The state that the attempt has made. */
  readonly after: unknown
}

/** Throwing counts as rejecting. */
export type AcceptanceTest<R = unknown> = (result: R, about: Acceptance) => boolean | Promise<boolean>

/** A class whose objects are members: it takes the arguments of `new`. An abstract one cannot be a variant, only an interface. */
export type VariantClass<T extends object = object> = new (...args: never[]) => T

/** A variant that lives on a named node of the site: `on('node-a', ArrayStack)`. */
export interface Placed<T extends object = object> {
  readonly node: string
  readonly variant: VariantClass<T>
}

export type Variant = VariantClass | Placed

/** Meta-level diversity: a function that makes the variants from the class they stand for. */
export type VariantMaker = (interfaceClass: VariantClass) => readonly Variant[]

/** What every strategy may be told. */
export interface StrategyOptions {
  /** All members, in the order of their priority. Default: the class itself, or the objects given to `objectGroup`. */
  readonly variants?: readonly Variant[] | VariantMaker
  /** Operation diversity: for a method, the methods of the same class that are its variants, in the order of their priority. */
  readonly operations?: Readonly<Record<string, readonly string[]>>
  /** Of the whole call, in milliseconds. Default: the members are waited for. */
  readonly timeoutMs?: number
  /** How long members may go on after the decision, to be compared. Default 30,000. */
  readonly stragglerMs?: number
  /** Names or codes of the exceptions that are legal outcomes; all others are failures. Default: none. */
  readonly declared?: readonly string[]
  /** Members keep nothing from call to call: calls run side by side, nothing is copied and nobody waits. Default false. */
  readonly stateless?: boolean
  /** Each member lives in a worker thread of its own, which is ended when it hangs. Default: this thread. */
  readonly isolate?: 'worker'
}

/** How replicas of one class are kept alike on the log of a site (`replication.ts`). */
export interface Replication {
  readonly style: 'active' | 'passive' | 'leader'
  /** Of `active`: so many equal answers make the reply. */
  readonly agree: number
}

export interface Strategy<O = unknown> {
  /** As it is called in programs, such as `nVersion`. */
  readonly kind: string
  /** As they were given; the types of a group are computed from them. */
  readonly options: O & StrategyOptions
  readonly state: StateMode
  /** Of the whole call; Infinity: it is waited for. */
  readonly timeoutMs: number
  /** Of one member's attempt; Infinity: it is waited for. */
  readonly attemptMs: number
  readonly stragglerMs: number
  readonly declared: ReadonlySet<string>
  readonly accept?: AcceptanceTest | undefined
  /** Of replicas: in a site the log decides their calls, and nobody runs a procedure. */
  readonly replication?: Replication
  /** The fewest members with which it can mask anything. */
  minimum(members: number): number
  /**
   * Asked once when a group of so many members is defined: what its author has to be warned of. Throws `PERDURE_E_USAGE` when the
   * strategy cannot work with so many. Absent: any number will do.
   */
  check?(members: number, id?: (member: number) => string): readonly string[]
  /** Whether a straggler's vote agrees with the decision; undefined: no fault, no support. Absent: nobody is compared. */
  agrees?(decision: Decision, vote: Ballot): boolean | undefined
  /** With one member nothing is decided: its answer, or its error, is the call's. */
  readonly passesThrough?: true
  /** The same with another adjudicator. Absent: it has none. */
  judgedBy?(adjudicator: Adjudicator): Strategy
  begin(call: CallView): Procedure
}
