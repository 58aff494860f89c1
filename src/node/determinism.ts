/**
 * Notices when a body asks the machine for what will be different when it is executed again: the time, randomness, a timer, the
 * network. It is told what to ask instead, once for each place; the body of a strict process gets an error.
 *
 * Only the code of a body in its own turn is noticed. Steps, the program around the body, libraries that are busy for somebody
 * else, and perdure itself ask as they always did: what stands in the place of `Date.now` calls the old one for them.
 *
 * Boundary: part of the shell, and the only file that puts something of ours in the place of globals; while somebody hosts, and
 * not longer. A function that was kept before (`const now = Date.now` at the top of a module) is not seen; nor is anything after
 * an await of what is no operation, but that has an error of its own (PERDURE_E_FOREIGN_AWAIT).
 *   D1  Outside the turns of bodies everything behaves as before: same results, same errors, same properties.
 *   D2  What cannot be replaced (frozen, or replaced by somebody else meanwhile) is left as it is.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { fileURLToPath } from 'node:url'
import { PerdureError } from '../errors.ts'
import type { AttemptIdentity } from '../mechanisms/process/host/port.ts'
import { callingBody, outside } from '../mechanisms/process/host/scope.ts'

/** Warnings of one process: who has not mended these reads no more of them. */
const MAX_WARNINGS = 100

/** Looks at the stack, which take microseconds each, until nothing is warned of any more. */
const MAX_LOOKS = 10_000

/** Deep enough to find the way out of a library. */
const STACK_FRAMES = 40

/** Something that does not repeat, where it hangs, and what to use instead. */
interface Source {
  readonly owner: object
  readonly key: string
  /** As people write it. */
  readonly called: string
  readonly instead: string
  /** How it fails where it must not be used. */
  readonly fails: 'throws' | 'rejects'
}

interface Replaced {
  readonly source: Source
  readonly original: PropertyDescriptor
  readonly ours: unknown
}

/** Watches from now on, until the returned function has been called as often as this one. */
export function watchBodies(asked: 'calls' | 'calls and constructors'): () => void {
  calls.add()
  if (asked === 'calls and constructors') constructors.add()
  let over = false
  return () => {
    if (over) return
    over = true
    calls.remove()
    if (asked === 'calls and constructors') constructors.remove()
  }
}

/** Replacements that several may have asked for. */
class Watch {
  readonly #replace: () => readonly Replaced[]
  #replaced: readonly Replaced[] = []
  #count = 0

  constructor(replace: () => readonly Replaced[]) {
    this.#replace = replace
  }

  add(): void {
    this.#count += 1
    if (this.#count > 1) return
    this.#replaced = [...this.#replaced, ...this.#replace()]
    syncBuiltinESMExports()
  }

  remove(): void {
    this.#count -= 1
    if (this.#count === 0) this.#replaced = this.#replaced.filter(takenBack)
    syncBuiltinESMExports()
  }

  /** What could not be taken back, since somebody had put something else over it, is still at work below that. */
  has({ owner, key }: Source): boolean {
    return this.#replaced.some(({ source }) => source.owner === owner && source.key === key)
  }
}

const calls: Watch = new Watch(() => sources().flatMap((source) => (calls.has(source) ? [] : replace(source, watchedCall))))

const constructors: Watch = new Watch(() => (constructors.has(DATE) ? [] : replaceDate()))

function replace(source: Source, ours: (source: Source, original: Callable) => unknown): readonly Replaced[] {
  const original = Object.getOwnPropertyDescriptor(source.owner, source.key)
  if (typeof original?.value !== 'function') return []
  const value = ours(source, original.value as Callable)
  return Reflect.defineProperty(source.owner, source.key, { ...original, value }) ? [{ source, original, ours: value }] : []
}

/** Answers whether it must be kept in mind. */
function takenBack({ source, original, ours }: Replaced): boolean {
  if (Object.getOwnPropertyDescriptor(source.owner, source.key)?.value !== ours) return true
  return !Reflect.defineProperty(source.owner, source.key, original)
}

type Callable = (this: unknown, ...args: unknown[]) => unknown

function watchedCall(source: Source, original: Callable): Callable {
  function watched(this: unknown, ...args: unknown[]): unknown {
    const body = callingBody()
    if (body === undefined) return original.apply(this, args)
    const error = notice(source, body.identity)
    // What it does in turn is no longer the body's: the fetch of Node asks for the time too.
    if (error === undefined) return outside(() => original.apply(this, args))
    if (source.fails === 'rejects') return Promise.reject(error)
    throw error
  }
  return dressedAs(original, watched)
}

const DATE: Source = { owner: globalThis, key: 'Date', called: 'new Date()', instead: 'new Date(p.now())', fails: 'throws' }

/** Its prototype stays what it was, so that dates are dates, whoever makes them. */
function replaceDate(): readonly Replaced[] {
  const prototype: object = Date.prototype
  const replaced = replace(DATE, (source, original) => {
    const Original = original as unknown as DateConstructor
    function watched(...args: readonly unknown[]): unknown {
      const body = args.length === 0 || new.target === undefined ? callingBody() : undefined
      const error = body && notice(source, body.identity)
      if (error !== undefined) throw error
      if (new.target === undefined) return Original()
      return Reflect.construct(Original, args, new.target === watched ? Original : new.target)
    }
    Object.defineProperty(watched, 'prototype', { value: prototype, writable: false })
    return dressedAs(original, watched)
  })
  const ofPrototype: Source = { ...DATE, owner: prototype, key: 'constructor' }
  return [...replaced, ...(replaced.length === 0 ? [] : replace(ofPrototype, () => replaced[0]?.ours))]
}

/** With the name, the length and the other properties of the original, which may mean something: `util.promisify` finds one. */
function dressedAs<F extends object>(original: object, ours: F): F {
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key)
    if (descriptor && key !== 'prototype') Reflect.defineProperty(ours, key, descriptor)
  }
  return ours
}

const warned = new Set<string>()
let looks = 0
/** What makes stacks readable may itself ask for the time. */
let looking = false

/** Warns, or makes the error that the body must get. Nothing of both when it was perdure that asked. */
function notice({ called, instead }: Source, { definition, strict }: AttemptIdentity): PerdureError | undefined {
  if (!strict) {
    if (looks >= MAX_LOOKS || warned.size >= MAX_WARNINGS) return undefined
    looks += 1
  }
  if (looking) return undefined
  looking = true
  const place = callingPlace()
  looking = false
  if (place === undefined) return undefined
  const what = `The body of the process "${definition}" used ${called} at ${place}. It is executed again after a crash, and then the answer is another one. Use ${instead}.`
  if (strict) {
    const advice = `${what} Or define the process without strict.`
    return new PerdureError('PERDURE_E_NONDETERMINISTIC', advice, { data: { definition, called, place } })
  }
  const key = `${called} ${place}`
  if (warned.has(key)) return undefined
  warned.add(key)
  const last = warned.size === MAX_WARNINGS ? ` (${MAX_WARNINGS} warnings of this kind; there will be no more)` : ''
  process.stderr.write(`perdure: warning: ${what}${last}\n`)
  return undefined
}

/** Folder of this package's code, with its last slash. */
const OWN = fileURLToPath(new URL('..', import.meta.url))
const LIBRARY = /[\\/]node_modules[\\/]/

/** File, line and column of the body's code, or of the library that it called; undefined when it is perdure that calls. */
function callingPlace(): string | undefined {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = STACK_FRAMES
  const places = String(new Error().stack)
    .split('\n')
    .flatMap((frame) => frame.match(/\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/)?.[1] ?? [])
    .map((place) => (place.startsWith('file://') ? fileURLToPath(place) : place))
  Error.stackTraceLimit = stackTraceLimit
  const callers = places.slice(places.findLastIndex((place, n) => n < 4 && place.startsWith(THIS_FILE)) + 1)
  const [caller] = callers
  if (caller === undefined) return 'a place that the stack does not name'
  if (caller.startsWith(OWN)) return undefined
  return callers.find((place) => !LIBRARY.test(place) && !place.startsWith(OWN)) ?? caller
}

const THIS_FILE = fileURLToPath(import.meta.url)

/** Everything that is watched, as it is found at this moment. */
function sources(): readonly Source[] {
  const required = createRequire(import.meta.url)
  const builtin = (name: string) => required(`node:${name}`) as object
  const list = (owner: object, prefix: string, keys: readonly string[], instead: string, fails: Source['fails'] = 'throws') =>
    keys.map((key): Source => ({ owner, key, called: `${prefix}${key}()`, instead, fails }))
  const randomness = 'p.random() or p.uuid(), or p.step(name, fn) for secrets'
  const timers = ['setTimeout', 'setInterval', 'setImmediate']
  const inStep = 'p.step(name, fn) and call it there'
  return [
    ...list(Date, 'Date.', ['now'], 'p.now()'),
    ...list(Object.getPrototypeOf(performance) as object, 'performance.', ['now'], 'p.now()'),
    ...list(Math, 'Math.', ['random'], 'p.random()'),
    ...list(globalThis, '', timers, 'p.sleep(ms)'),
    ...list(builtin('timers'), '', timers, 'p.sleep(ms)'),
    ...list(builtin('timers/promises'), '', ['setTimeout', 'setImmediate'], 'p.sleep(ms)', 'rejects'),
    ...list(AbortSignal, 'AbortSignal.', ['timeout'], 'p.race with p.sleep(ms)'),
    ...list(globalThis, '', ['fetch'], inStep, 'rejects'),
    ...list(Object.getPrototypeOf(crypto) as object, 'crypto.', ['randomUUID', 'getRandomValues'], randomness),
    ...list(builtin('crypto'), 'crypto.', ['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues'], randomness),
  ]
}
