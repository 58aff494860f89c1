/**
 * What a checkpoint protocol is: it looks at every message that members of a group send each other, and says when the receiver has to
 * save its state *before* the message is delivered, so that no checkpoint is ever useless.
 *
 * A `Protocol` is a whole group without a site: members are numbers, messages are the stamps they carry. It is built from a `Rule`,
 * which is what *one* member does and which a proxy can run beside its object, over anyone's transport.
 *
 * Words. C(i,x) is checkpoint x of member i, C(i,0) its initial state. Interval I(i,x) is what i does after C(i,x) and before
 * C(i,x+1). A *basic* checkpoint is taken because the member likes to, a *forced* one because the protocol says so. An *orphan* is a
 * message whose sending is undone and whose delivery is kept. A *rewinding path* leads from an interval of a member back to an
 * earlier one of the same member, along messages (from the interval of the sending to that of the delivery) and forward in time; it
 * exists exactly if a checkpoint is useless, that is in no consistent global checkpoint (Netzer and Xu 1995).
 *
 * Boundary: interfaces only; `protocols.ts` has the protocols, `group-run.ts` drives rules.
 *   R1  Stamps and states are plain data: they survive JSON.
 *   R2  A rule knows its own member's state and the stamps that came in, nothing else; only `exact` also asks the service.
 *   R3  The state that is saved with a checkpoint is the one right after `take`; a member that goes back goes on with it.
 */

/** What a message carries: plain data. */
export interface Stamp {
  readonly from: number
}

/**
 * The token that makes recovery exact: without it two runs that need different replays look alike (see `bare`). Two small whole
 * numbers beside the sender's name, at most 16 bytes.
 */
export interface Token extends Stamp {
  /** How often the group has gone back, as the sender knew when it sent. */
  readonly epoch: number
  /** x: the message was sent in interval I(from, x). */
  readonly index: number
}

export interface Delivery {
  /** The receiver has saved its state before this delivery, and the protocol has counted that checkpoint. */
  readonly force: boolean
}

/** One entry for each member: the index of the checkpoint it goes back to, or `current`, if it goes on as it is. */
export type Cut = readonly (number | 'current')[]

export interface Protocol<S extends Stamp = Stamp> {
  readonly members: number
  /**
   * Member `i` sends a message, which carries the stamp. Naming the receiver `to` saves forced checkpoints in protocols that
   * remember whom they have sent to (`hmnr`, `bhmr`); without it the message may go to anybody, and to several.
   */
  send(i: number, to?: number): S
  /**
   * The message with this stamp is about to be delivered to member `j`. If the answer is `force`, j saves its state *first*; that
   * checkpoint is counted already and not to be reported with `checkpoint` (Zweiacker 1997, "report every checkpoint taken apart
   * from those decided by the POGS").
   *
   * `PERDURE_E_STALE` for a ghost, a message whose sending a recovery has undone; `accepts` tells before.
   */
  deliver(j: number, stamp: S): Delivery
  /** Member `i` has taken a basic checkpoint. */
  checkpoint(i: number): void
  /** False for a ghost: sent in an interval that a recovery has undone since. It has to be thrown away. */
  accepts(stamp: S): boolean
  /**
   * The members `failed` have lost their state: the group goes back to the greatest consistent line, and a new epoch begins. What has
   * to be replayed and dropped is said by `replaySet` and `dropSet` of a trace.
   *
   * `PERDURE_E_UNSAFE` from `bare`, which cannot know.
   */
  recover(failed: readonly number[]): Cut
}

/** What one member does. `State` belongs to the member; it is changed in place, copied to be saved. */
export interface Rule<State, S extends Token> {
  begin(i: number): State
  /** Whether it has the form of this rule's stamps; what came over a wire may be anything. */
  fits(stamp: S): boolean
  /** A checkpoint: basic, or forced by the message with this stamp. */
  take(state: State, by?: S): void
  /** The stamp of a message that is sent now. */
  send(state: State, token: Token, to: number | undefined): S
  /** Whether the member has to save before it is given this message. */
  forces(state: State, stamp: S): boolean
  /** What is learnt from a message that is given to the member now. */
  merge(state: State, stamp: S): void
  copy(state: State): State
}

/** The vectors of `hmnr` grow with the members, those of `bhmr` with their square: more than this do not fit a message. */
export const MAX_MEMBERS = 256
