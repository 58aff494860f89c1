/**
 * Deep copies of data, exact where `structuredClone` is not and several times as fast on the small values that calls are made of.
 *
 * Objects are met, given a blank copy, and put on a list; the list is worked off from its front. So shared references stay shared,
 * cycles stay cycles, and a chain of a million links needs no stack. The list is also the memory of what has been copied.
 *
 * Boundary: plain objects, arrays, Maps, Sets, dates, regular expressions, bytes and errors. What instances of classes are is the
 * caller's knowledge (`Instances`); what no copy can be made of is refused or shared, as the caller says.
 *   C1  Nothing that can be changed is reachable from both sides, unless it is shared on purpose.
 *   C2  No code of the original runs: own accessors are refused or taken along, never called. (Elements of arrays are read.)
 *   C3  What cannot be changed in the original cannot be changed in the copy: read-only fields, sealed and frozen objects.
 */
import { PerdureError } from '../../errors.ts'
import { blankOf, type Filled, type Kind, kindOf, VIEWS } from './kind.ts'
import { obstacle, pathTo } from './obstacle.ts'

/** How instances of classes are copied. */
export interface Instances {
  /** The copy, still empty; undefined: there is no way to make one. */
  blank(instance: object): object | undefined
  /** Called when everything else has been copied. */
  fill(from: object, to: object, copyOf: (value: unknown) => unknown): void
}

export interface CopyOptions {
  /** `share`: the copy has the very thing that the original has; `refuse`: `PERDURE_E_STATE` with its path. */
  readonly uncopyable: 'refuse' | 'share'
  readonly frozen?: true
  readonly instances?: Instances
  /** What is copied, for messages: `this`. */
  readonly name: string
}

/** What becomes of functions and accessors in the fields of the outermost object. */
export type OwnCode = 'refuse' | 'take' | 'skip'

/** Up to so many objects are searched one by one, which is faster than a Map for as long. */
const SEARCHED = 12

export class Copier {
  readonly #options: CopyOptions
  readonly #from: object[] = []
  readonly #to: object[] = []
  readonly #kinds: Kind[] = []
  #index: Map<object, object> | undefined
  #next = 0
  #code: OwnCode = 'refuse'
  #instances: [from: object, to: object][] = []

  constructor(options: CopyOptions) {
    this.#options = options
  }

  /** The copy of a value together with all that can be reached from it. */
  copy(value: unknown): unknown {
    const copy = this.#copyOf(value, undefined, '')
    this.#finish()
    return copy
  }

  /** Copies what `from` holds into `to`, an empty object of the same kind; references to `from` become references to `to`. */
  fill(from: object, to: object, kind: Kind, code: OwnCode): void {
    this.#code = code
    this.#remember(from, to, kind)
    this.#finish()
  }

  #finish(): void {
    for (;;) {
      while (this.#next < this.#from.length) this.#fillNext()
      const instance = this.#instances.shift()
      if (instance === undefined) return
      this.#options.instances?.fill(instance[0], instance[1], (value) => this.copy(value))
    }
  }

  #fillNext(): void {
    const from = this.#from[this.#next]!
    const to = this.#to[this.#next]!
    const kind = this.#kinds[this.#next]!
    this.#next += 1
    if (kind === 'leaf') return
    if (kind === 'array') this.#fillArray(from as unknown[], to as unknown[])
    else {
      if (kind === 'map') this.#fillMap(from as Map<unknown, unknown>, to as Map<unknown, unknown>)
      else if (kind === 'set') this.#fillSet(from as Set<unknown>, to as Set<unknown>)
      this.#fillFields(from, to, Object.getOwnPropertyNames(from))
    }
    if (this.#options.frozen) Object.freeze(to)
    else if (!Object.isExtensible(from)) harden(from, to)
  }

  #fillFields(from: object, to: object, names: readonly (string | symbol)[]): void {
    for (const name of names) this.#fillField(from, to, name)
    const symbols = Object.getOwnPropertySymbols(from)
    if (symbols.length > 0) for (const symbol of symbols) this.#fillField(from, to, symbol)
  }

  #fillField(from: object, to: object, name: string | symbol): void {
    const field = Object.getOwnPropertyDescriptor(from, name)!
    const item: unknown = field.value
    if (typeof item === 'function' || field.get !== undefined || field.set !== undefined)
      return this.#fillCode(from, to, name, field)
    const copy = typeof item === 'object' ? this.#copyOf(item, from, name) : item
    if (field.writable && field.enumerable && field.configurable && !(name in to))
      (to as Record<PropertyKey, unknown>)[name] = copy
    else {
      field.value = copy
      define(to, name, field)
    }
  }

  #fillCode(from: object, to: object, name: string | symbol, field: PropertyDescriptor): void {
    // Node 22 and later show the stack of an error as an accessor, which belongs to the language and not to a program.
    if (name === 'stack' && from instanceof Error) {
      define(to, name, { value: from.stack, writable: true, enumerable: false, configurable: true })
      return
    }
    const code = from === this.#from[0] ? this.#code : 'refuse'
    if (code === 'take' || this.#options.uncopyable === 'share') define(to, name, field)
    else if (code === 'refuse') throw this.#refusal(from, name, field.value === undefined ? 'an accessor' : obstacle(field.value))
  }

  #fillArray(from: readonly unknown[], to: unknown[]): void {
    const { length } = from
    const keys = Object.keys(from)
    if (keys.length === length && (length === 0 || keys[length - 1] === String(length - 1))) {
      for (let i = 0; i < length; i += 1) {
        const item = from[i]
        to[i] = typeof item === 'object' || typeof item === 'function' ? this.#copyOf(item, from, i) : item
      }
      if (Object.getOwnPropertySymbols(from).length > 0) this.#fillFields(from, to, [])
      return
    }
    to.length = length
    this.#fillFields(from, to, keys)
  }

  #fillMap(from: Map<unknown, unknown>, to: Map<unknown, unknown>): void {
    for (const [key, item] of mapEntries.call(from))
      mapSet.call(to, this.#copyOf(key, from, '<key>'), this.#copyOf(item, from, '<value>'))
  }

  #fillSet(from: Set<unknown>, to: Set<unknown>): void {
    for (const item of setValues.call(from)) setAdd.call(to, this.#copyOf(item, from, '<element>'))
  }

  #copyOf(value: unknown, owner: object | undefined, at: string | symbol | number): unknown {
    if (typeof value !== 'object') {
      if (typeof value !== 'function' || this.#options.uncopyable === 'share') return value
      throw this.#refusal(owner, at, obstacle(value))
    }
    if (value === null) return null
    const known = this.#known(value)
    if (known !== undefined) return known
    const kind = kindOf(value)
    const to = kind === 'instance' ? this.#options.instances?.blank(value) : this.#blank(value, kind)
    if (to !== undefined) {
      this.#remember(value, to, kind === 'instance' ? 'leaf' : kind)
      if (kind === 'instance') this.#instances.push([value, to])
      return to
    }
    if (this.#options.uncopyable === 'share') return value
    throw this.#refusal(owner, at, obstacle(value))
  }

  #known(value: object): object | undefined {
    if (this.#index !== undefined) return this.#index.get(value)
    const at = this.#from.indexOf(value)
    return at < 0 ? undefined : this.#to[at]
  }

  #remember(from: object, to: object, kind: Kind): void {
    this.#from.push(from)
    this.#to.push(to)
    this.#kinds.push(kind)
    if (this.#index !== undefined) this.#index.set(from, to)
    else if (this.#from.length > SEARCHED) this.#index = new Map(this.#from.map((object, i) => [object, this.#to[i]!]))
  }

  #blank(value: object, kind: Filled | 'leaf'): object | undefined {
    if (kind === 'array') return []
    if (kind !== 'leaf') return blankOf(kind, Object.getPrototypeOf(value))
    if (ArrayBuffer.isView(value)) return this.#viewOf(value)
    if (value instanceof Date) return new Date(value.getTime())
    if (value instanceof RegExp) {
      const copy = new RegExp(value.source, value.flags)
      copy.lastIndex = value.lastIndex
      return copy
    }
    return structuredClone(value)
  }

  /** Views of one buffer are views of one buffer in the copy. */
  #viewOf(view: ArrayBufferView): object | undefined {
    const { buffer, byteOffset } = view
    if (!(buffer instanceof ArrayBuffer)) return undefined
    const copied = this.#copyOf(buffer, view, 'buffer') as ArrayBuffer
    if (view instanceof Uint8Array && Object.getPrototypeOf(view) === Buffer.prototype)
      return Buffer.from(copied, byteOffset, view.length)
    const Made = VIEWS.get(Object.getPrototypeOf(view))!
    return new Made(copied, byteOffset, view instanceof DataView ? view.byteLength : (view as Uint8Array).length)
  }

  #refusal(owner: object | undefined, at: string | symbol | number, found: string): PerdureError {
    const path = pathTo(this.#options.name, this.#from[0], owner, at)
    const text = `${path} is ${found}, of which no copy can be made. Give the class the methods [checkpoint]() and [restore](state) of perdure/group, which say in plain data what its state is.`
    return new PerdureError('PERDURE_E_STATE', text, { data: { path } })
  }
}

const { entries: mapEntries, set: mapSet } = Map.prototype
const { values: setValues, add: setAdd } = Set.prototype
const define = Object.defineProperty

function harden(from: object, to: object): void {
  if (Object.isFrozen(from)) Object.freeze(to)
  else if (Object.isSealed(from)) Object.seal(to)
  else Object.preventExtensions(to)
}
