/**
 * Which exception covers which: the declared tree by which concurrent exceptions become one.
 *
 * Two exceptions that are raised at the same time are often two symptoms of one cause, which neither names. The tree says what: an
 * inner exception stands for the failure behind all those below it, and whoever handles it, handles any of them or several at once.
 * At the root is the universal exception: something is wrong, and nobody declared what. (Campbell and Randell, Error Recovery in
 * Asynchronous Systems; Xu, Randell, Romanovsky and others, Fault Tolerance in Concurrent Object-Oriented Software
 * through Coordinated Error Recovery.)
 *
 * Boundary: names only; what is thrown is recognised by its `code` or its `name`.
 */
import type { PerdureError } from '../../../errors.ts'
import { usage } from '../strategy-options.ts'

/** The root of every tree: whatever is not declared. */
export const UNIVERSAL = 'UniversalException'

/** A participant crashed, never came, or did not come back in time. Below the root, unless it is declared somewhere else. */
export const PARTICIPANT_LOST = 'ParticipantLost'

/** Handlers are written by hand, one for each exception that matters: who has more than this has generated them. */
const MAX_EXCEPTIONS = 1024

/** As it is declared: every name with those below it, as in `{ TransferFailed: { NoFunds: {}, Closed: {} }, Busy: {} }`. */
export interface ExceptionShape {
  readonly [name: string]: ExceptionShape
}

/** Every name in a shape, and the two that are always there. */
export type ExceptionName<E> = Extract<Declared<E, Levels>, string> | typeof UNIVERSAL | typeof PARTICIPANT_LOST

/** The compiler looks no deeper; deeper exceptions are found at run time all the same. */
type Levels = [1, 1, 1, 1, 1, 1, 1, 1]

type Declared<E, Left extends readonly unknown[]> = Left extends [unknown, ...infer Rest]
  ? { [K in keyof E & string]: K | Declared<E[K], Rest> }[keyof E & string]
  : never

export interface ExceptionTree {
  has(name: string): boolean
  /** The name itself first, then what covers it, up to the root. */
  upwards(name: string): readonly string[]
  /** The lowest one that covers all of them; `names` are at least one and all in the tree. */
  covering(names: readonly string[]): string
  /** The name under which the tree knows what was thrown: that of its `code`, else of its `name`, else the root. */
  nameOf(thrown: unknown): string
}

/** `PERDURE_E_USAGE` when a name is declared twice, or is that of the root. */
export function exceptionTree(declared: ExceptionShape): ExceptionTree {
  const parents = new Map<string, string>()
  enlist(parents, UNIVERSAL, declared)
  if (!parents.has(PARTICIPANT_LOST)) parents.set(PARTICIPANT_LOST, UNIVERSAL)
  const has = (name: string): boolean => name === UNIVERSAL || parents.has(name)
  const upwards = (name: string): readonly string[] => {
    const path = [name]
    for (let up = parents.get(name); up !== undefined; up = parents.get(up)) path.push(up)
    return path
  }
  return {
    has,
    upwards,
    covering: (names) => {
      let common = upwards(names[0] as string)
      for (const name of names.slice(1)) {
        const path = new Set(upwards(name))
        common = common.filter((candidate) => path.has(candidate))
      }
      return common[0] as string
    },
    nameOf: (thrown) => {
      if (typeof thrown !== 'object' || thrown === null) return UNIVERSAL
      const { code, name } = thrown as { readonly code?: unknown; readonly name?: unknown }
      return [code, name].find((word): word is string => typeof word === 'string' && has(word)) ?? UNIVERSAL
    },
  }
}

function enlist(parents: Map<string, string>, parent: string, below: ExceptionShape): void {
  for (const [name, further] of Object.entries(below)) {
    if (name === UNIVERSAL || parents.has(name)) throw twice(name)
    parents.set(name, parent)
    // Also stops a shape that contains itself: it would declare its names again.
    if (parents.size > MAX_EXCEPTIONS)
      throw usage(`An action declares more than ${MAX_EXCEPTIONS} exceptions: declare those that are handled.`)
    enlist(parents, name, further)
  }
}

function twice(name: string): PerdureError {
  const why = name === UNIVERSAL ? 'which is the root of every tree' : 'in two places of its tree'
  return usage(`An action declares the exception ${name}, ${why}: every exception has one name and one place below the root.`)
}
