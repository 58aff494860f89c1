/**
 * What a participant of an action holds in its hand, first in its body and then in a handler.
 *
 * An asynchronous function cannot be stopped. It can be asked to: its signal is aborted and its waits on the context reject. And it
 * can be disregarded: a *fenced* context gives nothing any more, and what the function holds of the objects are copies that nobody
 * will install.
 *
 * Boundary: pure; `action-performance.ts` says when to interrupt and when to fence.
 */
import { PerdureError } from '../../../errors.ts'
import type { Objects } from './action-objects.ts'
import type { Raised } from './action-protocol.ts'

export interface ActionContext<R extends string, O extends Objects, N extends string> {
  readonly role: R
  /** Copies that the participants share; they become the objects when the action commits. Errors: `PERDURE_E_REVOKED` once fenced. */
  readonly objects: O
  /** Aborted when an exception has been raised, or this participant has been given up. */
  readonly signal: AbortSignal
  /** Raises an exception in the action. To throw an error whose code or name is that of the exception does the same. */
  raise(exception: N, cause?: unknown): never
  /** Waits for something that knows nothing of the action. Errors: `PERDURE_E_INTERRUPTED` when an exception is raised meanwhile. */
  until<T>(promise: PromiseLike<T>): Promise<T>
  /**
   * Enters another action inside of this one. Its objects are among those of this one; what it commits, it commits to their copies.
   * It is aborted when an exception is raised out here.
   */
  enter<R2 extends string, O2 extends Objects, N2 extends string, T>(
    inner: Action<R2, O2, N2>,
    role: R2,
    body: Body<R2, O2, N2, T>,
    options?: EnterOptions<R2, O2, N2, T>,
  ): Promise<T>
}

export interface HandlerContext<R extends string, O extends Objects, N extends string> extends ActionContext<R, O, N> {
  /** What is raised in all participants: the least exception that covers all that were raised. */
  readonly exception: N
  /** By whom what was raised, in this order, with what was thrown; of a lost participant, undefined. */
  readonly raised: readonly { readonly role: R; readonly exception: N; readonly error: unknown }[]
  /** Ends the action with an exception of its interface (`signals`). */
  leaveWith(exception: N, cause?: unknown): never
  /** Ends the action with all that it did undone. */
  abort(cause?: unknown): never
  /** Ends the action with the report that something, outside of its objects, cannot be undone. */
  fail(cause?: unknown): never
}

export type Body<R extends string, O extends Objects, N extends string, T> = (
  context: ActionContext<R, O, N>,
) => T | PromiseLike<T>

/** The action ends normally if all handlers return. An error that is none of `signals`, thrown by one, aborts the action. */
export type Handler<R extends string, O extends Objects, N extends string, T> = (
  context: HandlerContext<R, O, N>,
) => T | PromiseLike<T>

export interface EnterOptions<R extends string, O extends Objects, N extends string, T> {
  /** By exception; one for an exception above serves those below. Without any, the exception aborts the action. */
  readonly handlers?: { readonly [K in N]?: Handler<R, O, N, T> }
  /** Before the start, it takes the entry back (`PERDURE_E_ABORTED`); afterwards, the participant counts as lost. */
  readonly signal?: AbortSignal
}

export interface Action<R extends string, O extends Objects, N extends string> {
  readonly name: string
  readonly roles: readonly R[]
  /**
   * Takes part in the next performance of the action that has this role free, and resolves when all leave: with what the body has
   * returned, or the handler. Errors, the same for all: `PERDURE_E_ACTION_SIGNALLED`, `PERDURE_E_ACTION_ABORTED`,
   * `PERDURE_E_ACTION_FAILED`; and `PERDURE_E_REVOKED` for one that was lost while the others ended normally.
   */
  enter<T>(role: R, body: Body<R, O, N, T>, options?: EnterOptions<R, O, N, T>): Promise<T>
}

/** How a handler leaves other than by returning. */
export class Leaving extends Error {
  readonly how: 'abort' | 'failure'

  constructor(how: 'abort' | 'failure', cause: unknown) {
    super(`the handler left with ${how}`, { cause })
    this.how = how
  }
}

/** Any action's context: names are checked where they come in. */
export type AnyContext = ActionContext<string, Objects, string>
export type AnyHandlerContext = HandlerContext<string, Objects, string>
export type AnyBody = (context: never) => unknown

export interface Surroundings {
  readonly role: string
  readonly objects: () => Objects
  readonly known: (exception: string) => boolean
  readonly nested: (inner: object, role: string, body: AnyBody, options: object | undefined) => Promise<unknown>
}

export class Participation implements AnyContext {
  readonly role: string
  readonly #around: Surroundings
  readonly #waits = new Set<(reason: unknown) => void>()
  #controller: AbortController | undefined
  #reason: PerdureError | undefined
  #fenced: PerdureError | undefined

  constructor(around: Surroundings) {
    this.role = around.role
    this.#around = around
  }

  get objects(): Objects {
    this.#mustBeWanted()
    return this.#around.objects()
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  raise(exception: string, cause?: unknown): never {
    throw this.named(exception, cause)
  }

  async until<T>(promise: PromiseLike<T>): Promise<T> {
    let rejectWait: ((reason: unknown) => void) | undefined
    const interruption = new Promise<never>((_, reject) => {
      rejectWait = reject
      if (this.#reason === undefined) this.#waits.add(reject)
      else reject(this.#reason)
    })
    try {
      return await Promise.race([promise, interruption])
    } finally {
      this.#waits.delete(rejectWait as (reason: unknown) => void)
    }
  }

  async enter<T>(inner: object, role: string, body: AnyBody, options?: object): Promise<T> {
    this.#mustBeWanted()
    if (this.#reason !== undefined) throw this.#reason
    return (await this.#around.nested(inner, role, body, options)) as T
  }

  /** Asks for it to come back. */
  interrupt(reason: PerdureError): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
    for (const reject of this.#waits) reject(reason)
    this.#waits.clear()
  }

  /** Disregards it from now on. */
  fence(reason: PerdureError): void {
    this.#fenced = reason
    this.interrupt(reason)
  }

  /** Whether this is what interrupted code is expected to throw. */
  isInterruption(thrown: unknown): boolean {
    if (this.#reason === undefined) return false
    if (thrown === this.#reason || PerdureError.is(thrown, 'PERDURE_E_INTERRUPTED')) return true
    return thrown instanceof Error && (thrown.name === 'AbortError' || thrown.cause === this.#reason)
  }

  protected named(exception: string, cause: unknown): Error {
    if (!this.#around.known(exception)) {
      const text = `The exception ${exception} is not in the tree of the action: expected one that is declared in exceptions.`
      return new PerdureError('PERDURE_E_USAGE', text)
    }
    const error = new Error(`exception ${exception}`, { cause })
    error.name = exception
    return error
  }

  #mustBeWanted(): void {
    if (this.#fenced !== undefined) throw this.#fenced
  }
}

export class HandlerParticipation extends Participation implements AnyHandlerContext {
  readonly exception: string
  readonly raised: readonly { readonly role: string; readonly exception: string; readonly error: unknown }[]

  constructor(
    around: Surroundings,
    exception: string,
    raised: readonly (Omit<Raised, 'role'> & { readonly role: string; readonly error: unknown })[],
  ) {
    super(around)
    this.exception = exception
    this.raised = raised
  }

  leaveWith(exception: string, cause?: unknown): never {
    throw this.named(exception, cause)
  }

  abort(cause?: unknown): never {
    throw new Leaving('abort', cause)
  }

  fail(cause?: unknown): never {
    throw new Leaving('failure', cause)
  }
}
