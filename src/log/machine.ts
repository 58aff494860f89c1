/**
 * Deterministic state machines over the log, and the one that is composed of them.
 *
 * Every mechanism is a function `(state, operation) -> (state, replies, notes)`. It sees no clock, no randomness, no disk, no
 * network and no user code: time is the time written in the record, and everything it wants done outside is a *note*, a hint
 * that can be derived from the state again after a restart.
 *
 * Boundary: a machine may use its own state and its `Context`. Machines do not call each other except through ports that the
 * composition hands out.
 */

/**
 * Who issued an operation. A session is a client's connection, a run a process of `mechanisms/process`. A member, of `mechanisms/checkpoint`,
 * issues none itself: its machine has them performed when they may take effect.
 */
export type Caller =
  | { readonly kind: 'gateway' }
  | { readonly kind: 'session'; readonly id: number }
  | { readonly kind: 'run'; readonly id: number }
  | { readonly kind: 'member'; readonly id: number }

/** A session has `left` when it said goodbye, a run when it is over; it is `lost` when it was given up as dead. */
export type Ended = 'left' | 'lost'

/** What an operation came to: a value, or an error as data. */
export type Outcome = { readonly value: unknown } | { readonly error: Failure }

/** An error as it travels: everything but the class and the stack. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly data?: unknown
  readonly cause?: unknown
}

export interface Operation {
  readonly caller: Caller
  /** The caller's own number of this operation: 1, 2, 3, … */
  readonly number: number
  /** The name of the operation, unique over all machines, as in `space.out`. */
  readonly name: string
  /** Decoded arguments; they belong to the machine from here on. */
  readonly args: readonly unknown[]
}

/** Which of the two times of the log a deadline is meant in. */
export type LogTime = 'wall' | 'service'

export interface Context {
  readonly position: number
  /** Log time as people see it, never going back. Serves sleeps, time-outs and leases of tuples. */
  readonly wallMs: number
  /** Log time that stands still while no gateway is up. Serves holds: nobody loses one because the site was down. */
  readonly serviceMs: number
  /** Answers an operation, now or at any later position. Answering twice is a broken invariant. */
  reply(caller: Caller, number: number, outcome: Outcome): void
  /** Calls `expire(token)` of this machine once log time, of this kind, has reached `deadlineMs`; ties in the order of the calls. */
  schedule(deadlineMs: number, token: number, time?: LogTime): void
  /** Withdraws an outstanding operation wherever it waits; true if one was withdrawn. It is not answered by this. */
  withdraw(caller: Caller, number: number): boolean
  /** Applies a further operation at this position, under a number of the same caller; its machine answers it as any other. */
  perform(operation: Operation): void
  /** The context of another machine, for a port through which one asks the other. */
  of(machine: Machine): Context
  /** Tells every machine that this caller is gone for good, and how. */
  ended(caller: Caller, how: Ended): void
  /** Tells every machine that a new generation has begun: nobody who was connected before can be heard of again. */
  reopened(): void
  /** Tells a session something, at once and without waiting for durability; data of the value domain. */
  note(session: number, body: readonly unknown[]): void
  /**
   * Tells whoever watches this topic that `value` has changed in this way. Machines that tell of changes have topics that no other
   * has. Costs next to nothing while nobody watches.
   */
  changed(topic: string, kind: string, value: unknown): void
}

/** What somebody outside wants to hear of. */
export interface Interest {
  /** As the machine gives it to `Context.changed`. */
  readonly topic: string
  wants(value: unknown): boolean
  /** What there is now, in order, each with the position at which it came. */
  present(): readonly Present[]
}

export interface Present {
  readonly position: number
  readonly value: unknown
}

export interface Machine {
  /** First part of its operations' names. */
  readonly name: string
  /** The number of each operation in the log format: once released, never reused. */
  readonly operations: Readonly<Record<string, number>>
  apply(operation: Operation, context: Context): void
  expire(token: number, context: Context): void
  /** Drops whatever waits on behalf of this caller. */
  ended(caller: Caller, context: Context, how: Ended): void
  /** A new generation has begun. */
  reopened?(context: Context): void
  /** Drops the one waiting operation; false if none waits here. */
  withdraw(caller: Caller, number: number): boolean
  /** Answers a question about the state without changing it; data of the value domain. */
  query(question: string, args: readonly unknown[]): unknown
  /** Reads what somebody wants to hear of; undefined when it cannot be understood. Absent where there is nothing to watch. */
  interest?(args: readonly unknown[]): Interest | undefined
  /** How many there are of what, by name; quickly counted, and the same for equal states. */
  census?(): Readonly<Record<string, number>>
  /**
   * The whole state in parts, each a value of the domain that is quickly encoded. Equal states give equal parts, and nothing in
   * a part is shared with the machine.
   */
  snapshot(): Iterable<unknown>
  /** Takes the parts one after the other into a fresh machine, which then behaves the same. Deadlines are kept by the log. */
  restore(part: unknown): void
}

/** Items in one part of a snapshot: some ten thousandths of a second of work. */
const PART_ITEMS = 256

/** Parts `[kind, …head, items]` of a long list; none if it is empty. */
export function* inParts(kind: string, items: Iterable<unknown>, ...head: readonly unknown[]): Generator<readonly unknown[]> {
  let part: unknown[] = []
  for (const item of items) {
    part.push(item)
    if (part.length < PART_ITEMS) continue
    yield [kind, ...head, part]
    part = []
  }
  if (part.length > 0) yield [kind, ...head, part]
}
