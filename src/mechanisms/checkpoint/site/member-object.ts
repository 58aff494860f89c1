/**
 * What a member of a checkpoint group is made of: an object with a state that can be saved, and what that object may do.
 *
 * Boundary: interfaces, and how a state says that it is stored elsewhere.
 */
import { PerdureError } from '../../../errors.ts'
import type { ArgumentsOf, MethodOf } from '../../../support/reference.ts'
import type { Checked } from '../../../support/template.ts'

/** The object behind a member. It need not be deterministic: what it did since its last checkpoint may be undone, and not done again. */
export interface CheckpointedObject<S = unknown> {
  /**
   * All that it needs to go on from here, as a value, or `external(ref)` if it has stored it itself. Called between two messages.
   * It is the state at the moment of the call: what the object does while an async `save` has not returned counts as done after it,
   * so that such a `save` copies first and awaits then.
   */
  save(): S | Promise<S>
  /** Takes what `save` has returned into a fresh object. It may keep it. */
  restore(state: S): void | Promise<void>
  /**
   * A message of another member, or of `@outside` or a run (`@definition/key`), or an `Answer` to what it has asked (`@space`, `@group`). One
   * at a time, in the order of the log.
   */
  receive(message: unknown, from: string): void | Promise<void>
  /**
   * Gives what `self.output` recorded to the outside world, now that no failure can undo it. At least once: after a crash it is
   * called again with the same key. One at a time, beside `receive`.
   */
  output?(payload: unknown, info: OutputInfo): void | Promise<void>
  /** Nobody goes back to the state it has stored under this reference any more. Called at most once; a crash may leave it out. */
  discard?(ref: unknown): void | Promise<void>
}

export interface OutputInfo {
  /** The same for every call about the same output, and no other. */
  readonly idempotencyKey: string
}

/** Makes the object of a member: at first, and again whenever the one before was lost or thrown away. */
export type ObjectFactory<S = unknown> = (self: Self) => CheckpointedObject<S> | Promise<CheckpointedObject<S>>

/** What an object holds of its own member: it is good for this object only, and refused with `PERDURE_E_REVOKED` once that was thrown away. */
export interface Self {
  readonly name: string
  /** Aborts when this object is thrown away: timers and streams of it should end then. */
  readonly signal: AbortSignal
  /**
   * Resolves with the id of the message, a number, once it is durable; need not be awaited. While a checkpoint is being taken, and
   * until the object is built, messages wait. Errors: `PERDURE_E_UNKNOWN_MEMBER`, `_BUSY`, `_VALUE`, `_REVOKED`.
   */
  send(to: string, message: unknown): Promise<number>
  /**
   * Takes a checkpoint between two messages and resolves when it is stable. Called inside `receive`, it resolves at once: the
   * checkpoint is taken when `receive` has returned.
   */
  checkpoint(): Promise<void>
  /** Records what `output` is to be given once nothing can undo it; resolves with its position when recorded. */
  output(payload: unknown): Promise<number>
  /** A tuple space, to put tuples into it and to ask for some. */
  space(name: string): MemberSpace
  /**
   * Calls a method of an object group, once, when nothing can undo it any more: as an output. Resolves with its position when recorded; what the
   * group says comes as a message `{ reply, value }` or `{ reply, error }` from `@` and the group's name, with that position as
   * `reply`, and is never undone. Errors: as `send`, and `PERDURE_E_USAGE` for what is no group of a site.
   */
  call<T extends object, M extends MethodOf<T>>(group: T, method: M, ...args: ArgumentsOf<T[M]>): Promise<number>
}

/** A message that answers what a member has asked, from `@` and the name of the space or group. `reply`: what the asking call resolved with. */
export type Answer<T = unknown> =
  | { readonly reply: number; readonly value: T }
  | { readonly reply: number; readonly error: Error }

export interface RequestOptions {
  /** Milliseconds of log time after which the answer is `PERDURE_E_TIMEOUT`. Default: waits for ever. */
  readonly timeoutMs?: number | undefined
}

/**
 * A space as a member uses it. An object that cannot be replayed cannot wait inside a call either: it asks, and the answer comes as a message,
 * an `Answer` from `@` and the name of the space. Asking resolves with the number by which the answer names it, when that is recorded.
 * Await it inside `receive` if the object keeps the number: then no checkpoint comes between.
 *
 * What is asked for takes effect at once. If the interval that asked is undone, a request that waits is withdrawn, a tuple that was
 * taken goes back to its old place, and the answer is no message any more. A tuple is gone for good when nothing can undo that
 * interval; until then it is held. Requests outlive the object and its process; `leave` withdraws those that are not answered.
 *
 * Errors: as `send`, `PERDURE_E_TEMPLATE`, `_QUOTA`, and `_BUSY` where 4,096 requests are not over.
 */
export interface MemberSpace {
  /** Takes a tuple that matches, or waits for one. */
  in<const T extends readonly unknown[]>(template: T & Checked<T>, options?: RequestOptions): Promise<number>
  /** Reads a tuple that matches, or waits for one. */
  rd<const T extends readonly unknown[]>(template: T & Checked<T>, options?: RequestOptions): Promise<number>
  /** Takes a tuple that matches; the answer is null if there is none. */
  inp<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<number>
  /** Reads a tuple that matches; the answer is null if there is none. */
  rdp<const T extends readonly unknown[]>(template: T & Checked<T>): Promise<number>
  /** The tuple appears once nothing can undo what led to it. Resolves when recorded. Options as those of a space's `out`. */
  out(tuple: readonly unknown[], options?: object): Promise<number>
}

/** A state that its object has stored itself; `ref` is a value by which the object finds it again. */
export class External<R = unknown> {
  readonly ref: R

  constructor(ref: R) {
    this.ref = ref
  }
}

/**
 * To be returned by `save` in place of a state that is stored elsewhere, durably and under a new name each time; `restore` is given
 * it again, and `discard` its `ref` when it is not needed any more.
 */
export function external<R>(ref: R): External<R> {
  return new External(ref)
}

/** Throws `PERDURE_E_USAGE` for what a factory should not have made. */
export function checkObject(object: unknown, member: string): asserts object is CheckpointedObject {
  const made = object as Partial<Record<string, unknown>> | null
  const needed = ['save', 'restore', 'receive'] as const
  const missing = needed.filter((name) => typeof made !== 'object' || typeof made?.[name] !== 'function')
  const odd = (['output', 'discard'] as const).filter((name) => !['undefined', 'function'].includes(typeof made?.[name]))
  if (missing.length === 0 && odd.length === 0) return
  const without = missing.length > 0 ? `without ${missing.join(', ')}` : `whose ${odd.join(', ')} is no method`
  const text = `The factory of the member ${member} made something ${without}: expected an object with save(), restore(state) and receive(message, from), and output(payload, info) and discard(ref) if it has them.`
  throw new PerdureError('PERDURE_E_USAGE', text)
}
