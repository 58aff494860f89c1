/**
 * Reflection: the calls of ordinary objects become calls to a metaobject (Buzato, Rubira and Lisboa, sections 3 and 4).
 *
 * A program says `new Stack()` and `stack.push(1)` as ever. What it gets is a *client object*: an ordinary object in the class's own
 * prototype chain that has no state, only a hidden link to its metaobject. A stub for each chosen method hands the call over as data
 * (reification); all else, such as fields, symbols and methods that were not chosen, is answered by the *primary*, the real object
 * that stands for what is behind. Methods run with a real object as `this`, so private fields work.
 *
 * The link is a private field, put into an object that is no instance of the class that declares it; nothing lists, copies or clones
 * it. This and stubs on a prototype were chosen by measurement (nanoseconds over a direct call that takes 1):
 *
 *     stub, private field 21 · stub, symbol 20 · closure per object 18 · stub, WeakMap 23 · Proxy with cached closures 34
 *
 * A Proxy would also need a target that has the prototype of the class and the fields of the primary, which no object has.
 *
 * Boundary: knows nothing of groups. Calls of an object to itself are not intercepted: they are part of the call. Static private
 * members are reached through the original class only, as in any subclass.
 *   R1  A client object is never thenable, whatever is behind it: `await` gives it back.
 *   R2  What the language or a tool calls by itself (symbols, toJSON, inspect, constructor) never becomes a call to the metaobject.
 *   R3  Nothing writes to the primary behind the metaobject's back: an assignment is a call, or an error.
 */
import { PerdureError } from '../errors.ts'
import { atAwaitingLine, atCallLine, type Own } from './call-line.ts'
import { GETTING, NEVER_CALLS, type Offer, SETTING } from './offer.ts'

export interface Metaobject {
  /** A call, as data; accessors and fields that were chosen are the methods `get size` and `set size`. */
  call(method: string, args: readonly unknown[]): unknown
  /** The object that answers what is not intercepted; undefined while none is in this process. */
  readonly primary: object | undefined
}

export interface Interception {
  /** What clients have besides the fields of the primary. */
  readonly offer: Offer
  /** The names, also of fields, whose use is a call. */
  readonly calls: ReadonlySet<string>
  /** Functions in fields of the primary, such as arrow functions, exist for each object anew: they are calls, or left to the primary. */
  readonly functionFields: 'call' | 'primary'
  /** Which fields of the primary its client has. Default: all. */
  readonly fields?: ReadonlySet<string | symbol>
  /** Which errors the metaobject makes itself: their stack starts at the caller's line. Default: none. */
  readonly own?: Own
  /** Methods that always give a promise, even when the metaobject answers or throws at once. Default: none. */
  readonly promised?: ReadonlySet<string>
}

// biome-ignore lint/suspicious/noExplicitAny: the constructor of any class; `never` would refuse abstract ones with parameters
export type AnyClass<T extends object = object> = abstract new (...args: any) => T

export type Constructor = new (...args: unknown[]) => object

/**
 * Gives the metaobject of an object that is about to be born by `new`; `born` is the class that was asked, maybe a subclass.
 * Undefined: an ordinary object of `born` is to be born, with no metaobject, as when it is what stands behind one.
 */
export type Birth = (args: readonly unknown[], born: AnyClass) => Metaobject | undefined

/**
 * A class in the place of `base`: a subclass with its name, length and static members, whose `new` does not construct a `base` but
 * asks for a metaobject. What is intercepted may be known only then: a function is asked once, before the first birth.
 */
export function interceptClass(base: AnyClass, birth: Birth, intercept: Interception | (() => Interception)): Constructor {
  const layer = Object.create(base.prototype as object) as object
  let known: Interception | undefined
  const interception = (): Interception => {
    if (known !== undefined) return known
    const found = typeof intercept === 'function' ? intercept() : intercept
    cover(layer, found)
    known = found
    return found
  }
  if (typeof intercept !== 'function') interception()
  const reflective = function (...args: unknown[]): object {
    const born = new.target as unknown as AnyClass | undefined
    if (born === undefined) throw new TypeError(`Class constructor ${base.name} cannot be invoked without 'new'`)
    const found = interception()
    const metaobject = birth(args, born)
    return metaobject === undefined ? (Reflect.construct(base, args, born) as object) : clientOf(metaobject, born, found)
  } as unknown as Constructor
  Object.setPrototypeOf(reflective, base)
  Object.defineProperty(layer, 'constructor', { value: reflective, writable: true, configurable: true })
  return Object.defineProperties(reflective, {
    name: { value: base.name, configurable: true },
    length: { value: base.length, configurable: true },
    prototype: { value: layer, writable: false },
  })
}

/** The client object of a metaobject, as an instance of an intercepted class: what its `new` gives, for asynchronous births. */
export function clientOf(metaobject: Metaobject, intercepted: AnyClass, interception: Interception): object {
  const client: object = Reflect.construct(Client, [metaobject], intercepted)
  addFields(client, metaobject, interception)
  return client
}

/** A client object for a metaobject of objects that exist already; its methods may be used without it: `const { solve } = client`. */
export function interceptObject(prototype: object | null, metaobject: Metaobject, interception: Interception): object {
  const layer = Object.create(prototype) as object
  cover(layer, interception, metaobject)
  const client = Object.setPrototypeOf(new Client(metaobject), layer) as object
  addFields(client, metaobject, interception)
  return client
}

/** The metaobject behind a client object; undefined for all other values. */
export function metaobjectOf(client: unknown): Metaobject | undefined {
  return typeof client === 'object' && client !== null ? Client.metaobjectOf(client) : undefined
}

/** Its constructor writes the link into an object of another class; that is all it is for. */
class Client {
  readonly #metaobject: Metaobject

  constructor(metaobject: Metaobject) {
    this.#metaobject = metaobject
  }

  static metaobjectOf(object: object): Metaobject | undefined {
    return #metaobject in object ? object.#metaobject : undefined
  }
}

/** Puts the stubs for all that is offered into a prototype that lies over that of the class. */
function cover(layer: object, interception: Interception, metaobject?: Metaobject): void {
  for (const [key, descriptor] of interception.offer) {
    const stub = stubFor(key, descriptor, interception, metaobject)
    Object.defineProperty(layer, key, { ...stub, enumerable: descriptor.enumerable === true, configurable: true })
  }
  for (const name of interception.calls) {
    if (!interception.offer.has(name)) Object.defineProperty(layer, name, callingAccessor(name, {}, interception, metaobject))
  }
  // R1: whatever is behind it
  if ('then' in layer) Object.defineProperty(layer, 'then', { value: undefined, configurable: true, writable: true })
}

function stubFor(key: string | symbol, model: PropertyDescriptor, by: Interception, metaobject?: Metaobject): PropertyDescriptor {
  const isCall = typeof key === 'string' && by.calls.has(key)
  if (!('value' in model)) return isCall ? callingAccessor(key, model, by, metaobject) : passingAccessor(key, model)
  const original = model.value as Method
  const stub = isCall ? callStub(key, original, by, metaobject) : passStub(key, original, metaobject)
  Object.defineProperties(stub, { name: { value: original.name }, length: { value: original.length } })
  return { value: stub, writable: true }
}

type Method = (this: unknown, ...args: unknown[]) => unknown

function callStub(
  method: string,
  original: Method | undefined,
  { own = none, promised }: Interception,
  bound?: Metaobject,
): Method {
  const passOn = atAwaitingLine(own)
  const always = promised?.has(method) === true
  return function stub(...args) {
    const metaobject = bound ?? metaobjectOf(this)
    if (metaobject === undefined) return behind(this, method, original).apply(this, args)
    try {
      const result = metaobject.call(method, args)
      if (result instanceof Promise) return result.then(undefined, passOn)
      return always ? Promise.resolve(result) : result
    } catch (error) {
      atCallLine(error, own, stub)
      if (always) return Promise.reject(error)
      throw error
    }
  }
}

/** A method that was not chosen: the primary's, with the primary as `this`. */
function passStub(key: string | symbol, original: Method, bound?: Metaobject): Method {
  return function (...args) {
    const metaobject = bound ?? metaobjectOf(this)
    if (metaobject === undefined) return behind(this, key, original).apply(this, args)
    const primary = primaryOf(metaobject, key) as Record<string | symbol, Method>
    return (primary[key] as Method).apply(primary, args)
  }
}

function callingAccessor(name: string, model: PropertyDescriptor, by: Interception, bound?: Metaobject): PropertyDescriptor {
  const set = callStub(SETTING + name, model.set, by, bound)
  return {
    get: callStub(GETTING + name, model.get, by, bound),
    set(value: unknown) {
      const result = set.call(this, value)
      if (!(result instanceof Promise)) return
      result.catch(ignored)
      throw usage(
        `The assignment to ${name} has gone asynchronous, and nobody can await an assignment: its outcome is unknown. Give the class a method, as in set${name[0]?.toUpperCase()}${name.slice(1)}(value), and await that.`,
      )
    },
    configurable: true,
  }
}

function passingAccessor(key: string | symbol, model: PropertyDescriptor): PropertyDescriptor {
  return {
    get() {
      const metaobject = metaobjectOf(this)
      if (metaobject === undefined) return behind(this, key, model.get).call(this)
      return (primaryOf(metaobject, key) as Record<string | symbol, unknown>)[key]
    },
    set(value) {
      if (metaobjectOf(this) === undefined) return void behind(this, key, model.set).call(this, value)
      // R3
      throw usage(
        `${String(key)} was assigned to, but one object behind the metaobject would get the value and the others would not. Change it by a method, or choose it as one of the methods that are intercepted: then an assignment is a call.`,
      )
    },
    configurable: true,
  }
}

/**
 * What a stub stands for when its object has no metaobject: an object behind one may inherit from the class in front of it, as a
 * variant that extends the class it is a variant of.
 */
function behind(object: unknown, key: string | symbol, original: Method | undefined): Method {
  if (typeof object === 'object' && object !== null && original !== undefined) return original
  throw usage(
    `${String(key)} was used without its object, so nobody knows whose it is. Call it as object.${String(key)}(…), or keep it as object.${String(key)}.bind(object).`,
  )
}

/** Fields are there as they were at birth, with the values that the primary has now. */
function addFields(client: object, metaobject: Metaobject, interception: Interception): void {
  const { primary } = metaobject
  if (primary === undefined) return
  for (const key of Reflect.ownKeys(primary)) {
    if (key === 'then' || interception.fields?.has(key) === false) continue
    const { value, enumerable = false } = Reflect.getOwnPropertyDescriptor(primary, key) as PropertyDescriptor
    Object.defineProperty(client, key, { ...fieldFor(key, value, metaobject, interception), enumerable })
  }
}

/** Fields that only lead to the primary are the same for all: objects with equal descriptors share their hidden class. */
const passing = new Map<string | symbol, PropertyDescriptor>()

/** Names of fields; programs that make names up at run time have more, and get a descriptor of their own for each. */
const MAX_PASSING = 1024

function fieldFor(key: string | symbol, value: unknown, metaobject: Metaobject, by: Interception): PropertyDescriptor {
  const isCall = typeof key === 'string' && !NEVER_CALLS.has(key) && by.calls.has(key)
  if (typeof value === 'function' && typeof key === 'string' && !NEVER_CALLS.has(key)) {
    if (isCall || by.functionFields === 'call')
      return { value: callStub(key, undefined, by, metaobject), configurable: true, writable: true }
  }
  if (isCall) return callingAccessor(key, {}, by)
  const known = passing.get(key) ?? passingAccessor(key, {})
  if (passing.size < MAX_PASSING) passing.set(key, known)
  return known
}

function primaryOf(metaobject: Metaobject, key: string | symbol): object {
  if (metaobject.primary !== undefined) return metaobject.primary
  throw usage(
    `${String(key)} was asked of an object whose members all live elsewhere. Only calls travel: choose it as one of the methods that are intercepted.`,
  )
}

function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}

function none(): boolean {
  return false
}

function ignored(): void {}
