/**
 * The files that a record names become files of its run.
 *
 * Boundary: functions over the state. That the names and hashes are what they must be is checked before (`wire.ts`); whether the
 * blobs are there is the business of whoever sent the record: it stored them first.
 */
import type { Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import { excessOf, type FileChanges } from './manifest.ts'
import type { Run } from './run.ts'

/** Answers why the record cannot be taken, if it cannot; then nothing of it counts. */
export function recordFiles(run: Run, changes: FileChanges | undefined): Outcome | undefined {
  if (changes === undefined) return undefined
  if (run.files === undefined)
    return refusal(
      'PERDURE_E_PROTOCOL',
      `The run ${run.definition} "${run.key}" has no work folder, so no record of it may name files.`,
    )
  const excess = excessOf(run.files, changes)
  if (excess !== undefined) return refusal('PERDURE_E_FILES', `The files of this run cannot be kept: ${excess}.`)
  run.files.apply(changes)
  return undefined
}
