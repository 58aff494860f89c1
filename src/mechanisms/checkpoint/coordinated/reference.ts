/**
 * References to members: client objects whose calls are messages. Each is bound to who holds it, so a call says who sends it, however long
 * after an `await` it is made; one that travels in arguments is bound anew to who is given it.
 *
 * Boundary: what a reference is; who carries the message is the set's affair.
 */
import { PerdureError } from '../../../errors.ts'
import { interceptObject, type Metaobject, metaobjectOf } from '../../../support/interception.ts'
import { methodsOf, offerOf } from '../../../support/offer.ts'
import { Copier } from '../../../support/state/copy.ts'
import { INSTANCES } from '../../../support/state/state.ts'

/**
 * A member as others see it: its methods that return nothing, now or later. A call sends a message and returns undefined. Fields are there
 * for reading, and only outside of the set: a member that looks into another one learns what no message has told it.
 */
export type Reference<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? Sendable<K, T[K]> : K]: T[K] extends (
    ...args: infer A
  ) => unknown
    ? (...args: A) => void
    : T[K]
}

type Sendable<K, M> = M extends (...args: never[]) => void | Promise<void> ? K : never

type Send = (holder: string | undefined, to: string, method: string, args: readonly unknown[]) => void

export class References {
  readonly #objects: Readonly<Record<string, object>>
  readonly #send: Send
  readonly #known = new Map<string | undefined, Map<string, object>>()

  constructor(objects: Readonly<Record<string, object>>, send: Send) {
    this.#objects = objects
    this.#send = send
  }

  /** The same each time. `holder` undefined: no member. */
  to(name: string, holder: string | undefined): object {
    const held = this.#known.get(holder) ?? new Map<string, object>()
    this.#known.set(holder, held)
    const reference = held.get(name) ?? this.#make(name, holder)
    held.set(name, reference)
    return reference
  }

  /** Whether it is a reference, which states have as it is. `PERDURE_E_USAGE` for a member itself. */
  isShared(instance: object): boolean {
    this.#checkBare(instance)
    return this.#behind(instance) !== undefined
  }

  /** A copy of arguments for who holds them from now on. `PERDURE_E_STATE` for what cannot be copied. */
  argumentsFor(holder: string | undefined, args: readonly unknown[]): unknown[] {
    return new Copier({
      uncopyable: 'refuse',
      name: 'arguments',
      instances: {
        blank: (instance) => {
          const behind = this.#behind(instance)
          if (behind !== undefined) return this.to(behind.name, holder)
          this.#checkBare(instance)
          return INSTANCES.blank(instance)
        },
        fill: (from, to, copyOf) => {
          if (this.#behind(to) === undefined) INSTANCES.fill(from, to, copyOf)
        },
      },
    }).copy(args) as unknown[]
  }

  #make(name: string, holder: string | undefined): object {
    const object = this.#objects[name]!
    const offer = offerOf(object)
    const calls = new Set(methodsOf(offer))
    const metaobject = new ReferenceMetaobject(this, name, object, (method, args) => this.#send(holder, name, method, args))
    const reference = interceptObject(Object.getPrototypeOf(object), metaobject, { offer, calls, functionFields: 'call' })
    if (holder !== undefined) metaobject.close()
    return reference
  }

  #behind(instance: object): ReferenceMetaobject | undefined {
    const behind = metaobjectOf(instance)
    return behind instanceof ReferenceMetaobject && behind.of === this ? behind : undefined
  }

  #checkBare(instance: object): void {
    const bare = Object.entries(this.#objects).find(([, object]) => object === instance)
    if (bare === undefined) return
    const text = `A member holds the member ${bare[0]} itself, or was passed it, and could call it without anybody noticing: expected its reference. Pass it members.${bare[0]} of the set, in a call.`
    throw new PerdureError('PERDURE_E_USAGE', text)
  }
}

class ReferenceMetaobject implements Metaobject {
  readonly of: References
  readonly name: string
  readonly #send: (method: string, args: readonly unknown[]) => void
  #primary: object | undefined

  constructor(of: References, name: string, object: object, send: (method: string, args: readonly unknown[]) => void) {
    this.of = of
    this.name = name
    this.#primary = object
    this.#send = send
  }

  get primary(): object | undefined {
    return this.#primary
  }

  /** From now on its fields are there, but reading them is an error. */
  close(): void {
    this.#primary = undefined
  }

  call(method: string, args: readonly unknown[]): void {
    this.#send(method, args)
  }
}
