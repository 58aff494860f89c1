/**
 * The lives of an object in its proxy, what waits meanwhile, and whose turn it is.
 *
 * Boundary: pure; part of the downloaded proxy.
 */
import type { Recoverable, Saved } from './proxy-parts.ts'

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
