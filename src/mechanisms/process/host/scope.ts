/**
 * Whose code is running: the body of a run, the function of one of its steps, or anything else of this OS process.
 *
 * Both are followed through their awaits, so that code of the program around them, or of another run, is never taken for theirs.
 *
 * Boundary: knows who, not what they may do: a step that uses `p` is refused by `attempt.ts`, a body that asks the machine for
 * the time is noticed by the shell (`node/determinism.ts`).
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { AttemptIdentity } from './port.ts'

/** An attempt, as far as it matters here. */
export interface Scoped {
  readonly identity: AttemptIdentity
  /** Its body has been given a reply and has not come to a standstill yet. */
  readonly inTurn: boolean
}

interface Scope {
  readonly attempt: Scoped
  readonly place: 'body' | 'step'
}

const scopes = new AsyncLocalStorage<Scope | undefined>()

export function insideBody<R>(attempt: Scoped, body: () => R): R {
  return scopes.run({ attempt, place: 'body' }, body)
}

export function insideStep<R>(attempt: Scoped, fn: () => R): R {
  return scopes.run({ attempt, place: 'step' }, fn)
}

/** Calls `fn` as code of nobody: what perdure calls on the way is no part of the body. */
export function outside<R>(fn: () => R): R {
  return scopes.run(undefined, fn)
}

/** The attempt whose step is calling. */
export function callingStep(): Scoped | undefined {
  const scope = scopes.getStore()
  return scope?.place === 'step' ? scope.attempt : undefined
}

/** The attempt whose body is calling, in one of its turns; what it does there must repeat. */
export function callingBody(): Scoped | undefined {
  const scope = scopes.getStore()
  return scope?.place === 'body' && scope.attempt.inTurn ? scope.attempt : undefined
}
