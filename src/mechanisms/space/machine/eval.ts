/**
 * Tuples that are still being computed.
 *
 * `eval` puts a *placeholder*: the tuple with some of its fields missing, each to be filled in by the outcome of a run. With
 * the last one the tuple appears. A run that fails fills its field too, with `{ code, message }`: a tuple is never lost.
 *
 * Boundary: book-keeping and the reading of arguments. Runs are the business of whoever stands behind the port.
 *   E1  Every placeholder becomes exactly one tuple, when each of its runs has ended.
 */
import { PerdureError } from '../../../errors.ts'
import { copyValue, encode } from '../../../log/codec/codec.ts'
import type { Context, Failure, Outcome } from '../../../log/machine.ts'
import { MAX_FIELDS } from '../../../support/template.ts'
import { isDuration } from './wire.ts'

/** What an active field asks to have executed. */
export interface EvalRun {
  readonly definition: string
  readonly key: string
  readonly input: unknown
  readonly layer: string
  readonly replicas?: number
  readonly retainMs: number
  readonly maxTurnMs: number
  /** The placeholder and field to complete. */
  readonly placeholder: number
  readonly field: number
}

/** Through this the space starts runs; the composition connects it with the machine that executes them. */
export interface EvalPort {
  /**
   * The context is the space machine's own: good for replies and the position, not for deadlines of another machine. The field
   * may be completed before this returns.
   */
  start(run: EvalRun, context: Context): void
}

export interface Placeholder {
  /** The position of its `eval`; of a further one at the same position a negative number, which no position is. */
  readonly id: number
  readonly space: string
  readonly fields: unknown[]
  readonly pending: Set<number>
  /** What it counts for until the tuple appears. */
  readonly weight: number
}

export interface Active {
  readonly field: number
  readonly run: Pick<EvalRun, 'definition' | 'input' | 'layer' | 'replicas' | 'retainMs' | 'maxTurnMs'>
}

/** Of the text of an error in a tuple: enough to understand it, too little to make 64 of them a burden. */
const MAX_MESSAGE = 1_000

export class Placeholders {
  readonly #placeholders = new Map<number, Placeholder>()

  add(placeholder: Placeholder): void {
    this.#placeholders.set(placeholder.id, placeholder)
  }

  /** Fills in one field. Returns the placeholder when it was the last. */
  complete(id: number, field: number, outcome: Outcome): Placeholder | undefined {
    const placeholder = this.#placeholders.get(id)
    if (placeholder === undefined || !placeholder.pending.delete(field)) return undefined
    placeholder.fields[field] = 'value' in outcome ? copyValue(outcome.value) : described(outcome.error)
    if (!isSmallEnough(placeholder.fields)) placeholder.fields[field] = { ...TOO_LARGE }
    if (placeholder.pending.size > 0) return undefined
    this.#placeholders.delete(id)
    return placeholder
  }

  /** In order of their ids. */
  all(): Placeholder[] {
    return [...this.#placeholders.values()].sort((a, b) => a.id - b.id)
  }
}

/** Reads `[space, fields, actives]`; a text says what is wrong with them. */
export function readEval(args: readonly unknown[]): { fields: unknown[]; actives: readonly Active[] } | string {
  const [, fields, rows] = args
  if (args.length !== 3 || !Array.isArray(rows)) return 'it takes a space, fields and active fields'
  if (!Array.isArray(fields) || fields.length > MAX_FIELDS) return `a tuple is an array of at most ${MAX_FIELDS} fields`
  const actives: Active[] = []
  const seen = new Set<number>()
  for (const row of rows) {
    const active = readActive(row, fields.length)
    if (active === undefined || seen.has(active.field))
      return 'an active field is [index, { definition, layer, retainMs, maxTurnMs }, input]'
    seen.add(active.field)
    actives.push(active)
  }
  return { fields, actives }
}

function readActive(row: unknown, length: number): Active | undefined {
  if (!Array.isArray(row) || row.length !== 3) return undefined
  const [field, definition, input] = row as [unknown, unknown, unknown]
  if (!Number.isInteger(field) || (field as number) < 0 || (field as number) >= length) return undefined
  if (typeof definition !== 'object' || definition === null) return undefined
  const { definition: name, layer, replicas, retainMs, maxTurnMs } = definition as Record<string, unknown>
  if (typeof name !== 'string' || typeof layer !== 'string' || !isDuration(retainMs) || !isDuration(maxTurnMs)) return undefined
  if (replicas !== undefined && !(Number.isInteger(replicas) && (replicas as number) >= 1)) return undefined
  const run = {
    definition: name,
    input,
    layer,
    ...(replicas !== undefined && { replicas: replicas as number }),
    retainMs,
    maxTurnMs,
  }
  return { field: field as number, run }
}

function described({ code, name, message }: Failure): { code: string; message: string } {
  return { code: code ?? name, message: message.slice(0, MAX_MESSAGE).replace(/[\uD800-\uDBFF]$/, '') }
}

const TOO_LARGE: { readonly code: string; readonly message: string } = {
  code: 'PERDURE_E_VALUE',
  message: 'The result of the run made its tuple too large. Return a smaller one, or the name of where it is kept.',
}

/** Results come from runs, not from an encoded operation, so only here is it seen whether they fit into a tuple. */
function isSmallEnough(fields: readonly unknown[]): boolean {
  try {
    encode(fields)
    return true
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_VALUE')) return false
    throw error
  }
}
