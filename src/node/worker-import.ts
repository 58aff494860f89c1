/**
 * A worker process imports the modules that define its processes, and nothing else must happen at that moment: a module that
 * opens, hosts or starts something would do so once more in every worker.
 */
import { PerdureError } from '../errors.ts'

/** Shared by all copies of the package in one process. */
const IMPORTING = Symbol.for('perdure.worker.importing')

export function markWorkerImport(importing: boolean): void {
  ;(globalThis as Record<symbol, unknown>)[IMPORTING] = importing
}

export function refuseInWorkerImport(call: string): void {
  if ((globalThis as Record<symbol, unknown>)[IMPORTING] !== true) return
  throw new PerdureError(
    'PERDURE_E_WORKER_IMPORT',
    `A worker process imports the module that defines its processes, and that module called ${call} while it was being imported. Move the definitions into a module of their own, or the call into a function.`,
  )
}
