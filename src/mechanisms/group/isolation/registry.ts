/**
 * The definitions of groups whose members live in threads, by module and in the order in which the module makes them: a thread
 * that imports the module finds its class by the same place.
 *
 * Boundary: a table of this thread.
 */
import { PerdureError } from '../../../errors.ts'
import type { VariantClass } from '../strategy.ts'
import type { Source } from './protocol.ts'

export interface IsolatedDefinition {
  /** The classes by place, with the ids of their members. */
  readonly variants: () => readonly { readonly id: string; readonly variant: VariantClass }[]
}

/** Definitions that one module may make: they are kept for as long as the process lives. */
const MAX_DEFINITIONS = 1_024

/** Shared by all copies of the package in one thread. */
const REGISTRY = Symbol.for('perdure.group.isolated')

function registry(): Map<string, IsolatedDefinition[]> {
  const shared = globalThis as { [REGISTRY]?: Map<string, IsolatedDefinition[]> }
  shared[REGISTRY] ??= new Map()
  return shared[REGISTRY]
}

/** Returns the place of the definition in its module. */
export function register(module: string | undefined, definition: IsolatedDefinition): Pick<Source, 'module' | 'definition'> {
  if (module === undefined)
    throw new PerdureError(
      'PERDURE_E_USAGE',
      'It cannot be told which module defines this group, so threads cannot import it. Call dependable at the top of a module file.',
    )
  const known = registry().get(module) ?? []
  if (known.length >= MAX_DEFINITIONS)
    throw new PerdureError(
      'PERDURE_E_USAGE',
      `${module} has defined ${MAX_DEFINITIONS} classes with members in threads. Define a class once, at the top of a module, and make objects of it.`,
    )
  known.push(definition)
  registry().set(module, known)
  return { module, definition: known.length - 1 }
}

/** The class of a member, in the thread that has imported the module. Errors: `PERDURE_E_IMPORT`. */
export function classAt({ module, definition, place, id }: Source): VariantClass {
  const found = registry().get(module)?.[definition]?.variants()[place]
  if (found !== undefined && found.id === id) return found.variant
  throw new PerdureError(
    'PERDURE_E_IMPORT',
    `${module} does not define ${id} when a thread imports it: expected dependable to be called at its top, in the same order every time. Move the definition there.`,
  )
}
