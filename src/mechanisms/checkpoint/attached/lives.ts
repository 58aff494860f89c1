/**
 * The lives of an object in its proxy, what waits meanwhile, and what is said no to.
 *
 * Boundary: pure; part of the downloaded proxy.
 */
import type { AttachOptions, Recoverable, Saved } from './proxy-parts.ts'

/** One object, from its making to its being thrown away (A7). */
export interface Life {
  object: Recoverable | undefined
  wake: (() => void) | undefined
  woken: boolean
  /** It is being given a message. */
  receiving: boolean
}

/** Undefined: that checkpoint is not here, or cannot be restored. Index 0 is what the factory makes. */
export async function lifeOf(
  make: (life: Life) => Recoverable,
  saved: Saved | undefined,
  index: number,
): Promise<Life | undefined> {
  if (saved === undefined && index > 0) return undefined
  const life: Life = { object: undefined, wake: undefined, woken: false, receiving: false }
  try {
    const object = make(life)
    life.object = object
    if (saved) await object.restore(JSON.parse(saved.state))
    return life
  } catch (error) {
    if (saved === undefined) throw error
    return lifeOf(make, undefined, index)
  }
}

export interface Signal {
  readonly promise: Promise<void>
  resolve(): void
}

export interface Request {
  resolve(index: number): void
  reject(error: unknown): void
}

export function signal(): Signal {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve: () => resolve() }
}

/** Nobody has to listen to what is refused to an object that is over: a timer or a stream of it may go on for a while. */
export function heardWhile<T>(isAlive: () => boolean, promise: Promise<T>): Promise<T> {
  const heard: Promise<T> = promise.catch((error) => {
    if (!isAlive()) heard.catch(() => undefined)
    throw error
  })
  return heard
}

/** One at a time: whoever calls while one is under way gets the next, which all of them share. */
export function shared<T>(act: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined
  let next: Promise<T> | undefined
  const begin = () => {
    const mine = act().finally(() => {
      if (current === mine) current = undefined
    })
    current = mine
    return mine
  }
  return () => {
    if (current === undefined) return begin()
    next ??= current.then(() => {
      next = undefined
      return begin()
    })
    return next
  }
}

/** One after the other; what is said again before it is done is done once. */
export class InTurn {
  #last: { readonly what: string; readonly done: Promise<void> } | undefined

  do(what: string, act: () => Promise<void>): Promise<void> {
    if (this.#last?.what === what) return this.#last.done
    const before = this.#last?.done.catch(() => undefined)
    const mine = { what, done: (before ?? Promise.resolve()).then(act) }
    this.#last = mine
    const over = () => {
      if (this.#last === mine) this.#last = undefined
    }
    mine.done.then(over, over)
    return mine.done
  }
}

export function revoked(name: string): Error {
  const message = `This object of ${name} was thrown away when the group went back; its successor goes on. Let it end.`
  return refused('REVOKED', message)
}

export function refused(code: string, message: string, options?: ErrorOptions): Error {
  return Object.assign(new Error(message, options), { code: `PERDURE_E_${code}` })
}

export function wedged(name: string, times: number, cause: unknown): Error {
  return refused('WEDGED', `${name} broke ${times} times at the same message (${cause}). Mend it, then attach it again.`, {
    cause,
  })
}

/** Of messages for a slow object; whoever sends more is told to send them again later. */
const MAX_WAITING = 100_000

export function checkRoom(waiting: number, name: string): void {
  if (waiting < MAX_WAITING) return
  throw refused('BUSY', `Too many messages wait for ${name}; this one was not kept. Send it again later.`)
}

export function misused(message: string, options?: ErrorOptions): TypeError {
  return Object.assign(new TypeError(message, options), { code: 'PERDURE_E_USAGE' })
}

/** Before anybody is told: a member that cannot work is none. */
export function checkOptions(options: AttachOptions): void {
  const { name, object, service, transport }: Partial<AttachOptions> = options ?? {}
  const wrong = (what: string, expected: string) => misused(`attach was given ${what} for ${String(name)}: expected ${expected}.`)
  if (!hasMethods(transport, 'send', 'listen'))
    throw wrong('no transport', 'an object with send(to, message) and listen(receive), as emitterTransport(emitter, name) makes')
  if (typeof object !== 'function')
    throw wrong('no factory', 'a function that makes the object, as in (self) => new Player(self)')
  if (typeof service !== 'function') throw wrong('no service', 'a function, as httpService(url) makes')
}

export function checkedObject(object: Recoverable, name: string): Recoverable {
  if (hasMethods(object, 'save', 'restore', 'receive')) return object
  throw misused(
    `The factory of ${name} made no member: expected an object with save(), restore(state) and receive(message, from).`,
  )
}

export function hasMethods(object: unknown, ...names: readonly string[]): boolean {
  if (typeof object !== 'object' || object === null) return false
  return names.every((name) => typeof (object as Record<string, unknown>)[name] === 'function')
}
