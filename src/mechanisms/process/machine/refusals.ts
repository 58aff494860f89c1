/**
 * What the process machine answers when it cannot do what it was asked for.
 *
 * Boundary: texts, and the data to decide on.
 */
import { preview } from '../../../log/codec/codec.ts'
import type { Outcome } from '../../../log/machine.ts'
import { refusal } from '../../../log/outcome.ts'
import { MAX_JOURNAL, type Stored } from './journal.ts'
import type { Run } from './run.ts'

/** Inputs in texts are cut to this many characters. */
const PREVIEW = 80

export function malformed(name: string): Outcome {
  return refusal(
    'PERDURE_E_PROTOCOL',
    `Malformed operation ${name}: its arguments are not what it takes. Both sides must run the same version of perdure.`,
  )
}

export function unknownRun([definition, key]: readonly unknown[]): Outcome {
  return refusal(
    'PERDURE_E_UNKNOWN_RUN',
    `There is no run of ${definition} with the key "${key}". Start it first, or look with "perdure ps".`,
    {
      definition,
      key,
    },
  )
}

export function keyTaken(run: Run, input: Stored): Outcome {
  const found = 'value' in run.input ? preview(run.input.value, PREVIEW) : 'a large input'
  const wanted = 'value' in input ? preview(input.value, PREVIEW) : 'a large input'
  return refusal(
    'PERDURE_E_KEY_TAKEN',
    `The run ${run.definition} "${run.key}" exists with the input ${found}, not ${wanted}. Choose another key, or start it with the same input.`,
    { definition: run.definition, key: run.key },
  )
}

export function journalFull(run: Run): Stored {
  const message = `The run ${run.definition} "${run.key}" has issued ${MAX_JOURNAL} operations since its last checkpoint, more than a journal may hold. Call checkpoint in its loop.`
  return { error: { name: 'PerdureError', code: 'PERDURE_E_JOURNAL_FULL', message } }
}
