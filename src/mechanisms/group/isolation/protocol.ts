/**
 * What is said between an isolated member and the thread it lives in.
 *
 * Boundary: types only; everything in them can be copied from thread to thread.
 */
import type { Failure } from '../../../log/machine.ts'

/** Where the class of a member is found: the n-th isolated definition that this module makes when it is imported, and the place in it. */
export interface Source {
  readonly module: string
  readonly definition: number
  readonly place: number
  /** The name that the class must have there: a module that defines other things in a thread is refused. */
  readonly id: string
}

export interface ThreadData {
  readonly source: Source
  readonly args: readonly unknown[]
}

export type Request =
  | {
      readonly do: 'call'
      readonly n: number
      readonly method: string
      readonly args: readonly unknown[]
      readonly number: number
    }
  /** On a copy in this state; without one, in the state at the beginning. */
  | {
      readonly do: 'try'
      readonly n: number
      readonly method: string
      readonly args: readonly unknown[]
      readonly number: number
      readonly state: readonly [state: unknown] | null
    }
  | { readonly do: 'save'; readonly n: number }
  | { readonly do: 'load'; readonly n: number; readonly state: unknown }
  /** The attempt is not wanted any more: its signal is aborted. */
  | { readonly do: 'abort'; readonly n: number }

export interface Reply {
  readonly n: number
  readonly value?: unknown
  /** The error, as data. */
  readonly failure?: Failure
  readonly borderline?: true
  /** Of a try: the states around it. */
  readonly states?: { readonly before: unknown; readonly after: unknown }
}

/** The first message: the member exists, or cannot. */
export type Hello = { readonly ready: true } | { readonly ready: false; readonly failure: Failure }
