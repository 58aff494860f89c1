/**
 * A member as the program that has joined it holds it in its hand: the same handle, whichever object is behind it at the moment.
 *
 * Boundary: who is calling, and which object is meant; what an object does is `incarnation.ts`.
 *   M1  What an object calls is its own, through whatever handle: once it was thrown away it is refused. What anybody else calls means the
 *       object that is there, or the next one.
 *   M2  Nothing is sent twice: a message goes to the next object only if the one before has not sent it.
 */
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { encode } from '../../../log/codec/codec.ts'
import { MAX_VALUE } from '../../../log/log.ts'
import type { ArgumentsOf, MethodOf } from '../../../support/reference.ts'
import type { SpaceRequest } from '../machine/protocol.ts'
import type { Incarnation } from './incarnation.ts'
import type { MemberSpace, Self } from './member-object.ts'
import type { Over, ProxyOwner } from './proxy.ts'
import type { Recipe } from './recipe.ts'
import { callOf, rejecting, spaceOf } from './requests.ts'
import { currentCall } from './scope.ts'
import { type WaitOptions, within } from './waiting.ts'

/** Room for the rest of an operation, and a stamp, around a message. */
const ENVELOPE = 16 * 1024

/** Of an encoded message or output: it stands in one entry. */
export const MAX_MESSAGE: number = MAX_VALUE - ENVELOPE

export interface Member extends AsyncDisposable {
  readonly name: string
  /**
   * Sends a message in the name of this member. Resolves with its id when it is durable; while the group goes back it waits.
   * Errors: `PERDURE_E_UNKNOWN_MEMBER`, `_BUSY`, `_VALUE`, `_CLOSED`, `_WEDGED`; `_REVOKED` for an object that was thrown away.
   */
  send(to: string, message: unknown, options?: WaitOptions): Promise<number>
  /** Takes a checkpoint; resolves when it is stable. Called by its own object inside `receive`, it resolves at once. */
  checkpoint(options?: WaitOptions): Promise<void>
  /** Records what the object's `output` is to be given once nothing can undo it; resolves with its position when recorded. */
  output(payload: unknown, options?: WaitOptions): Promise<number>
  /** A tuple space, to put tuples into it and to ask for some; what it answers the object is given as messages. */
  space(name: string): MemberSpace
  /** Calls a method of an object group when nothing can undo it any more; what it answers the object is given as a message. As `Self.call`. */
  call<T extends object, M extends MethodOf<T>>(group: T, method: M, ...args: ArgumentsOf<T[M]>): Promise<number>
  /**
   * Leaves the group for good, once it was given what had been sent to it before, and nothing that it has done can be undone any more.
   * What comes while it is leaving is given to nobody.
   */
  leave(options?: WaitOptions): Promise<void>
  /** Throws the object away: the member is dead until somebody joins it. Idempotent. */
  close(): Promise<void>
}

/** What a member needs of the program it lives in. */
export interface MemberHome {
  readonly clock: Clock
  /** Resolves when its proxy is gone. */
  close(member: JoinedMember): Promise<void>
  /** Joins it again. */
  again(member: JoinedMember): void
  warn(member: JoinedMember, text: string): void
}

export class JoinedMember implements Member, ProxyOwner {
  readonly recipe: Recipe
  readonly #home: MemberHome
  #incarnation: Incarnation | undefined
  #ended: Error | undefined
  #hasArrived = false
  #whenArrived: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  #whenNext: { readonly resolve: (next: Incarnation) => void; readonly reject: (error: Error) => void }[] = []

  constructor(recipe: Recipe, home: MemberHome) {
    this.recipe = recipe
    this.#home = home
  }

  get name(): string {
    return this.recipe.member
  }

  /** Why it is no member of this program any more. */
  get ended(): Error | undefined {
    return this.#ended
  }

  /** It was one once: a proxy that it had may still be known. */
  get hasArrived(): boolean {
    return this.#hasArrived
  }

  send(to: string, message: unknown, options?: WaitOptions): Promise<number> {
    try {
      const payload = messageOf(message)
      return this.#act('send', options, (incarnation, signal) => incarnation.send(receiverOf(to), payload, signal))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  checkpoint(options?: WaitOptions): Promise<void> {
    return this.#act('checkpoint', options, (incarnation) => this.#checkpoint(incarnation))
  }

  output(payload: unknown, options?: WaitOptions): Promise<number> {
    try {
      const encoded = messageOf(payload)
      return this.#act('output', options, (incarnation, signal) => output(incarnation, ['output', encoded], signal))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  space(name: string): MemberSpace {
    return spaceOf(name, {
      record: (out) => this.#act('out', undefined, (incarnation) => output(incarnation, out)),
      ask: (request) => this.#act(request[0], undefined, (incarnation) => ask(incarnation, request)),
    })
  }

  call<T extends object, M extends MethodOf<T>>(group: T, method: M, ...args: ArgumentsOf<T[M]>): Promise<number> {
    return rejecting(() => {
      const call = callOf(group, method, args)
      return this.#act('call', undefined, (incarnation) => output(incarnation, call))
    })
  }

  async leave(options?: WaitOptions): Promise<void> {
    if (this.#incarnation?.isReceiving(currentCall()))
      throw new PerdureError(
        'PERDURE_E_USAGE',
        `The member ${this.name} was to leave inside its own receive: it saves before, and so would wait for itself. Leave from outside, or from a timer.`,
      )
    await this.#act('leave', options, async (incarnation, signal) => {
      await incarnation.settle()
      await incarnation.leave(signal)
    })
    this.end(new PerdureError('PERDURE_E_CLOSED', `The member ${this.name} has left the group ${this.recipe.group}.`))
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return
    this.end(new PerdureError('PERDURE_E_CLOSED', `The member ${this.name} is closed here. Join it again to go on.`))
    await this.#home.close(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Resolves once its object has been given all that was there for it. */
  whenArrived(): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => this.#whenArrived.push({ resolve, reject }))
  }

  /** Says how far it is, if it is anywhere. */
  async tell(): Promise<void> {
    await this.#incarnation?.tell()
  }

  // From the proxy

  selfOf(incarnation: Incarnation): Self {
    return {
      name: this.name,
      signal: incarnation.signal,
      send: (to, message) => {
        try {
          return incarnation.send(receiverOf(to), messageOf(message))
        } catch (error) {
          return Promise.reject(error)
        }
      },
      checkpoint: () => unheard(this.#checkpoint(incarnation)),
      output: (payload) => rejecting(() => output(incarnation, ['output', messageOf(payload)])),
      space: (name) => spaceOf(name, { record: (out) => output(incarnation, out), ask: (request) => ask(incarnation, request) }),
      call: (group, method, ...args) => rejecting(() => output(incarnation, callOf(group, method, args))),
    }
  }

  began(incarnation: Incarnation): void {
    this.#incarnation = incarnation
    for (const { resolve } of this.#whenNext.splice(0)) resolve(incarnation)
  }

  arrived(): void {
    this.#hasArrived = true
    for (const { resolve } of this.#whenArrived.splice(0)) resolve()
  }

  over(why: Over, reason: string): void {
    if (why === 'late') {
      this.warn(`the service has given up on it (${reason}); it joins again`)
      return this.#home.again(this)
    }
    this.end(overBecause(why, reason, this.recipe))
    void this.#home.close(this)
  }

  warn(text: string): void {
    this.#home.warn(this, text)
  }

  /** It is no member of this program any more. */
  end(error: Error): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#incarnation = undefined
    for (const { reject } of this.#whenArrived.splice(0)) reject(error)
    for (const { reject } of this.#whenNext.splice(0)) reject(error)
  }

  /** Inside its own `receive` nobody can wait for what comes after it. */
  #checkpoint(incarnation: Incarnation): Promise<void> {
    const saved = incarnation.checkpoint()
    if (incarnation.over || !incarnation.isReceiving(currentCall())) return saved
    saved.catch(() => undefined)
    return Promise.resolve()
  }

  #act<T>(
    what: string,
    options: WaitOptions | undefined,
    act: (incarnation: Incarnation, signal?: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const call = currentCall()
    if (call?.object.over) return unheard(Promise.reject(revoked(this.name)))
    const incarnation = this.#incarnation
    if (options === undefined) {
      if (call !== undefined && call.object === incarnation) return act(incarnation)
      return unheard(this.#patiently(act))
    }
    return within(this.#home.clock, `${what} of the member ${this.name}`, options, (signal) => this.#patiently(act, signal))
  }

  async #patiently<T>(act: (incarnation: Incarnation, signal?: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (;;) {
      if (this.#ended !== undefined) throw this.#ended
      signal?.throwIfAborted()
      const incarnation = this.#incarnation === undefined || this.#incarnation.over ? await this.#next() : this.#incarnation
      try {
        return await act(incarnation, signal)
      } catch (error) {
        if (this.#ended !== undefined) throw this.#ended
        if (!isUnsent(error)) throw error
      }
    }
  }

  #next(): Promise<Incarnation> {
    return new Promise((resolve, reject) => this.#whenNext.push({ resolve, reject }))
  }
}

/** Refused before it was looked at: the object had gone, or been replaced. */
function isUnsent(error: unknown): boolean {
  return PerdureError.is(error, 'PERDURE_E_REVOKED') || PerdureError.is(error, 'PERDURE_E_STALE')
}

function output(incarnation: Incarnation, what: readonly unknown[], signal?: AbortSignal): Promise<number> {
  return incarnation.issue('checkpoint.output', [what], signal) as Promise<number>
}

function ask(incarnation: Incarnation, request: SpaceRequest): Promise<number> {
  return incarnation.issue('checkpoint.request', [request]) as Promise<number>
}

/** Who does not await is no error by it: what was refused is a warning, and what belongs to a future that was undone is nothing. */
function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

export function messageOf(message: unknown): Uint8Array {
  return encode(message, MAX_MESSAGE)
}

export function receiverOf(to: unknown): string {
  if (typeof to === 'string') return to
  throw new PerdureError(
    'PERDURE_E_USAGE',
    `A message was to be sent to ${String(to)}: expected the name of a member, as in send('b', message).`,
  )
}

function revoked(member: string): PerdureError {
  const text = `An object that was thrown away still tried to do something with the member ${member}. End its timers and streams when self.signal aborts.`
  return new PerdureError('PERDURE_E_REVOKED', text)
}

function overBecause(why: Exclude<Over, 'late'>, reason: string, { group, member }: Recipe): PerdureError {
  switch (why) {
    case 'left':
      return new PerdureError('PERDURE_E_CLOSED', `The member ${member} has left the group ${group}.`)
    case 'deleted':
      return new PerdureError('PERDURE_E_UNKNOWN_GROUP', `The group ${group} of the member ${member} was deleted.`)
    case 'wedged':
      return new PerdureError('PERDURE_E_WEDGED', reason)
  }
}
