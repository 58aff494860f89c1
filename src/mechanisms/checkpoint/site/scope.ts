/**
 * Which object of which member is calling: followed through awaits and timers, so that what an object does after it was thrown away is
 * known to come from it, whatever handle it uses.
 *
 * Boundary: knows who, not what they may do.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** One object of a member, from its building to its throwing away. */
export interface ScopedObject {
  readonly over: boolean
}

/** One call of the object by its proxy: a `receive`, a `save`. What it has set off and left behind is not in the call any more. */
export interface Call {
  readonly object: ScopedObject
  /** It has not returned yet. */
  open: boolean
}

const calls = new AsyncLocalStorage<Call | undefined>()

export function insideCall<A extends readonly unknown[], R>(call: Call, fn: (...args: A) => R, ...args: A): R {
  return calls.run(call, fn, ...args)
}

/** Calls `fn` as code of nobody: what perdure does on behalf of an object, and whatever that sets off, is no part of it. */
export function outside<A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: A): R {
  return calls.run(undefined, fn, ...args)
}

export function currentCall(): Call | undefined {
  return calls.getStore()
}
