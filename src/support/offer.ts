/**
 * What an object offers to its callers, which of it may become calls to a metaobject, and how such a call is made in the end.
 *
 * Boundary: looks at prototypes and property descriptors, never at values behind accessors; only `invoke` calls anything.
 */
import { PerdureError } from '../errors.ts'

/** Methods and accessors by name: own functions, and the prototypes up to that of all objects, the nearest first. */
export type Offer = ReadonlyMap<string | symbol, PropertyDescriptor>

/** Before the name of an accessor or field, as in the names that JavaScript gives to the functions of accessors. */
export const GETTING = 'get '
export const SETTING = 'set '

/** Asked for by `await`, by printing and by copying: were they calls, looking at an object would be using it. */
export const NEVER_CALLS: ReadonlySet<string> = new Set([
  'then',
  'catch',
  'finally',
  'toJSON',
  'constructor',
  'inspect',
  '__proto__',
])

/** Called by the language itself, which needs a primitive at once: calls only where somebody has chosen them. */
const CALLED_BY_LANGUAGE: ReadonlySet<string> = new Set(['toString', 'toLocaleString', 'valueOf'])

/** Of a class: give its `prototype`. Of an object that is there: the object. */
export function offerOf(object: object): Offer {
  const offer = new Map<string | symbol, PropertyDescriptor>()
  for (let at: object | null = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null) {
    for (const key of Reflect.ownKeys(at)) {
      if (key === 'constructor' || offer.has(key)) continue
      const descriptor = Object.getOwnPropertyDescriptor(at, key) as PropertyDescriptor
      if (!('value' in descriptor) || typeof descriptor.value === 'function') offer.set(key, descriptor)
    }
  }
  return offer
}

/** What all of them offer, as the first describes it. */
export function commonOffer(offers: readonly Offer[]): Offer {
  const [first = new Map<string | symbol, PropertyDescriptor>(), ...others] = offers
  return new Map([...first].filter(([key]) => others.every((other) => other.has(key))))
}

/** The methods that are calls when nobody chooses: all of them, but for what the language and its tools call by themselves. */
export function methodsOf(offer: Offer): string[] {
  const methods: string[] = []
  for (const [key, { value }] of offer) {
    if (typeof key !== 'string' || NEVER_CALLS.has(key) || CALLED_BY_LANGUAGE.has(key)) continue
    if (typeof value === 'function') methods.push(key)
  }
  return methods
}

/** Throws `PERDURE_E_USAGE` for a name that can never be a call. */
export function checkChoice(name: unknown): string {
  if (typeof name === 'string' && !NEVER_CALLS.has(name)) return name
  throw new PerdureError(
    'PERDURE_E_USAGE',
    `${String(name)} cannot be intercepted: await, printing and copying ask every object for it, so looking at the object would be a call. Choose methods that only programs call.`,
  )
}

/** Makes a call that has become data, on this object: of a method, or of an accessor or field by `get size` and `set size`. */
export function invoke(object: object, method: string, args: readonly unknown[]): unknown {
  const members = object as Record<string, unknown>
  const member = members[method]
  // Not spread: that costs more than the call.
  if (typeof member === 'function') return Reflect.apply(member, object, args)
  const name = method.slice(GETTING.length)
  if (method.startsWith(GETTING)) return members[name]
  if (!method.startsWith(SETTING)) {
    const text = `${method} is no method of this object: expected one that its class, or the object itself, has. Add it there.`
    throw new PerdureError('PERDURE_E_USAGE', text)
  }
  members[name] = args[0]
  return undefined
}
