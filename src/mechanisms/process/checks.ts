/**
 * What may be hosted and started: checks of what a program hands in, with errors that say what to do.
 */
import { PerdureError } from '../../errors.ts'
import { checkName, type Definition } from '../../support/definition.ts'
import type { StartOptions } from './machine/machine.ts'

/** In UTF-8 bytes: a key is an index, not a document. */
const MAX_KEY_BYTES = 256

/** Keys of the runs that fill active fields begin so. */
const EVAL_KEY = 'eval:'

export function checkKey(key: unknown): string {
  if (typeof key === 'string' && key.length > 0 && Buffer.byteLength(key) <= MAX_KEY_BYTES && key.isWellFormed()) return key
  throw usage(
    `The key of a run must be a text of 1 to ${MAX_KEY_BYTES} bytes, not ${typeof key === 'string' ? `one of ${Buffer.byteLength(key)} bytes` : String(key)}.`,
  )
}

export function checkDefinition(definition: unknown): Definition<never, never, unknown> {
  const candidate = definition as Partial<Definition<never, never, unknown>> | null | undefined
  if (
    typeof candidate === 'object' &&
    candidate !== null &&
    typeof candidate.body === 'function' &&
    typeof candidate.layer === 'string'
  ) {
    checkName(candidate.name, 'a process definition')
    return candidate as Definition<never, never, unknown>
  }
  throw usage('Expected a process definition as resilient(name, body) makes it. Pass the definition, not its name or body.')
}

export function checkStart(definition: unknown, key: unknown, input: unknown): void {
  checkDefinition(definition)
  if (checkKey(key).startsWith(EVAL_KEY)) {
    throw usage(`The key "${key}" begins with "${EVAL_KEY}", as those of active fields do. Choose another.`)
  }
  if (!Array.isArray(input))
    throw usage('The input of a run is an array of the arguments of its body, as in start(site, greet, "order-17", ["Ada"]).')
}

/** What of a definition travels with the start of a run. */
export function optionsOf(
  { layer, replicas, maxTurnMs, retainMs }: Pick<Definition, 'layer' | 'replicas' | 'maxTurnMs' | 'retainMs'>,
  options: { readonly retainMs?: number; readonly attached?: boolean },
): StartOptions {
  return {
    layer,
    ...(replicas !== undefined && { replicas }),
    maxTurnMs,
    retainMs: options.retainMs ?? retainMs,
    ...(options.attached && { attached: true }),
  }
}

export function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}
