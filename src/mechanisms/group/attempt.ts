/**
 * One attempt: one member executing one call, once.
 *
 * What a member may want to know of its attempt (is it still wanted? which try is this?) it asks for with `attempt()`, in the part of
 * its code that runs before its first await; no parameter of the method changes, and who does not ask pays nothing. What it wants to
 * leave behind in a space it gives to the attempt, which keeps it until its answer has been accepted.
 *
 * Boundary: pure. An asynchronous function cannot be stopped, so an attempt that is given up is *revoked*: its signal is aborted and
 * what it would still do through this interface is refused. Its object and its arguments are its own copies (`state.ts`).
 *   Z1  What a revoked attempt puts out is never performed.
 *   Z2  What an attempt has put out is performed when its answer is chosen, once, in order, and otherwise never.
 */
import { PerdureError } from '../../errors.ts'
import { usage } from './strategy-options.ts'

export interface Attempt {
  /** 1 for the first try of this call by this member; more where a strategy tries again. */
  readonly number: number
  /** Aborted when the attempt is given up: its time is over, another answer has won, or the caller does not wait any more. */
  readonly signal: AbortSignal
  /** Says that a neighbouring answer would be as right: whoever disagrees with this one is not at fault. */
  borderline(): void
  /** A space, or in a group of a site the name of one, to which `out` goes once the answer of this attempt has been accepted. */
  space(space: Outlet | string): AttemptSpace
  /** Of `leaderFollower`: what does not repeat, chosen by the leader and repeated by the others; elsewhere `make()` itself. */
  choose<T>(make: () => T | Promise<T>): Promise<T>
}

/** What is needed of a space. */
export interface Outlet {
  readonly name: string
  out(tuple: readonly unknown[], options?: object): Promise<unknown>
}

export interface AttemptSpace {
  out(tuple: readonly unknown[], options?: object): void
}

/** Something that an attempt wants to be put into a space. */
export interface Outgoing {
  readonly space: Outlet | string
  readonly tuple: readonly unknown[]
  readonly options: object | undefined
}

/** One attempt may leave so many tuples: they are kept in memory until it is accepted. */
const MAX_OUTS = 1_024

/** The attempt that is being executed: to be asked for before the first await. Errors: `PERDURE_E_USAGE` elsewhere. */
export function attempt(): Attempt {
  if (current !== undefined) return current
  throw usage(
    'attempt() was called outside of an attempt: expected in a method of a member of a group, before its first await. Keep its result in a variable and use that afterwards.',
  )
}

/** Twin of `attempt().choose(make)`. */
export function choose<T>(make: () => T | Promise<T>): Promise<T> {
  return attempt().choose(make)
}

let current: AttemptCell | undefined

/** Makes this the current attempt; returns the one before, for `leave`. */
export function enter(cell: AttemptCell | undefined): AttemptCell | undefined {
  const outer = current
  current = cell
  return outer
}

export function leave(outer: AttemptCell | undefined): void {
  current = outer
}

/** Makes the choices of one attempt; absent: whatever `make` returns. */
export type Chooser = (make: () => unknown) => Promise<unknown>

export class AttemptCell implements Attempt {
  readonly number: number
  isBorderline = false
  chooser: Chooser | undefined
  #controller: AbortController | undefined
  #outs: Outgoing[] | undefined
  #revoked: unknown
  #onRevoked: (() => void) | undefined
  #isRevoked = false

  constructor(number: number) {
    this.number = number
  }

  /** The controller costs more than most calls, so there is none until somebody asks. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#isRevoked) this.#controller.abort(this.#revoked)
    }
    return this.#controller.signal
  }

  get isRevoked(): boolean {
    return this.#isRevoked
  }

  get outs(): readonly Outgoing[] {
    return this.#outs ?? []
  }

  borderline(): void {
    this.isBorderline = true
  }

  space(space: Outlet | string): AttemptSpace {
    return {
      out: (tuple, options) => {
        if (this.#isRevoked) throw revoked()
        this.#outs ??= []
        if (this.#outs.length >= MAX_OUTS)
          throw usage(`An attempt has put out more than ${MAX_OUTS} tuples. Leave one tuple that stands for them.`)
        this.#outs.push({ space, tuple, options })
      },
    }
  }

  async choose<T>(make: () => T | Promise<T>): Promise<T> {
    if (this.#isRevoked) throw revoked()
    return (this.chooser === undefined ? make() : this.chooser(make)) as Promise<T>
  }

  /** Calls back when it is given up. For who carries it out elsewhere; cheaper than a signal. */
  onRevoked(act: () => void): void {
    if (this.#isRevoked) act()
    else this.#onRevoked = act
  }

  /** Given up, for this reason; nothing it still does counts. */
  revoke(reason: unknown): void {
    if (this.#isRevoked) return
    this.#isRevoked = true
    this.#revoked = reason
    this.#outs = undefined
    this.#controller?.abort(reason)
    this.#onRevoked?.()
  }
}

function revoked(): PerdureError {
  return new PerdureError(
    'PERDURE_E_REVOKED',
    'This attempt has been given up: its time was over, or another answer was accepted. What it puts out now would belong to nothing; heed attempt().signal to stop early.',
  )
}
