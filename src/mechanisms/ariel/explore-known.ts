/**
 * Which states an exploration has been in, so that it goes on from each of them once.
 *
 * The fewer notifications are still to come, the less can be told apart: with one error to come a score that needs two to matter is no
 * score. So a state is looked for under the key for what is still to come, and only then under the exact one: at greater depth, where
 * nearly all states are, many are merged that would have to be kept apart if the exploration went on.
 *
 * Boundary: pure.
 *   V1  What is kept was reached with as much to come as what is looked for, or more: an exploration is breadth first.
 *   V2  It has ended only if every state that it did not go on from was there before exactly; `isOpen` otherwise.
 */
import type { Calm, CalmStart, Future } from './explore-future.ts'

/** Where the interpreter is. */
export interface Whereabouts extends Omit<CalmStart, 'key'> {
  /** Notifications so far. */
  readonly depth: number
}

export class KnownStates {
  readonly #future: Future
  readonly #horizon: number
  readonly #depth: number
  /** By key, what becomes of it. */
  readonly #seen = new Map<string, Calm>()
  #reached = 0
  #count = 0
  #isOpen = false
  /** Of the state that was looked for last. */
  #key = ''
  #exactKey: string | undefined

  /** `horizon` as of the keys; `depth`: notifications in a row. */
  constructor(future: Future, { horizon, depth }: { readonly horizon: number; readonly depth: number }) {
    this.#future = future
    this.#horizon = horizon
    this.#depth = depth
  }

  /** States that were added. */
  get count(): number {
    return this.#count
  }

  get reached(): number {
    return this.#reached
  }

  /** There is a state that longer histories could go on from to what no state so far leads to. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** What becomes of the state that the interpreter is in, if it is known. */
  find(at: Whereabouts): Calm | undefined {
    const left = this.#depth - at.depth
    this.#key = this.#future.keyOf(at.nowUs, at.crashed, left)
    this.#exactKey = undefined
    // From the last depth nothing goes on: what counts is what becomes of it.
    const known = left > 0 ? this.#seen.get(this.#key) : this.#future.remembered(this.#key, 'return')
    if (left >= this.#horizon && left > 0) return known
    if (this.#isOpen && (left === 0 || known !== undefined)) return known
    this.#exactKey = this.#future.keyOf(at.nowUs, at.crashed)
    const exact = this.#seen.get(this.#exactKey)
    if (exact === undefined) this.#isOpen ||= left === 0 || known !== undefined
    else if (left > 0) this.#seen.set(this.#key, exact)
    return known ?? exact
  }

  /** The state that was looked for last, which was not known: the key of its calm future, which decides from the last depth on. */
  calmKey(at: Whereabouts): string {
    return at.depth === this.#depth ? this.#key : this.#future.keyOf(at.nowUs, at.crashed, 0)
  }

  /** The state that was looked for last, which was not known. */
  add({ depth }: Whereabouts, calm: Calm): void {
    this.#count += 1
    this.#reached = Math.max(this.#reached, depth)
    if (depth === this.#depth) return
    this.#seen.set(this.#key, calm)
    if (this.#exactKey !== undefined) this.#seen.set(this.#exactKey, calm)
  }
}
