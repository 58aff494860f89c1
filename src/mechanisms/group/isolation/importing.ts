/**
 * A thread imports the module that defines its member, and nothing else must happen at that moment: a module that makes a group when
 * it is imported would make one more in every thread.
 *
 * Boundary: one mark of this thread.
 */
import { PerdureError } from '../../../errors.ts'

/** Shared by all copies of the package in one thread. */
const IMPORTING = Symbol.for('perdure.group.importing')

export function markThreadImport(importing: boolean): void {
  ;(globalThis as Record<symbol, unknown>)[IMPORTING] = importing
}

export function refuseInThreadImport(name: string): void {
  if ((globalThis as Record<symbol, unknown>)[IMPORTING] !== true) return
  throw new PerdureError(
    'PERDURE_E_WORKER_IMPORT',
    `A thread imports the module that defines ${name}, and that module made a ${name} while it was being imported. Move the definition into a module of its own, or the call into a function.`,
  )
}
