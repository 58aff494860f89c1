/**
 * What is stored beside the log is fetched before the body is given it.
 *
 * Boundary: from the answer of an operation as the log has it to the answer as a value; when, is `attempt.ts`.
 */
import { decode } from '../../../log/codec/codec.ts'
import type { Blobs } from '../../../log/log.ts'
import type { Outcome } from '../../../log/machine.ts'
import type { Stored } from '../machine/journal.ts'
import type { Issued } from './issued.ts'

/** A promise only where something has to be fetched; it rejects when that is not to be had. */
export function openedFor(issued: Issued, outcome: Stored, blobs: Blobs): Outcome | Promise<Outcome> {
  if ('blob' in outcome) return blobs.get(outcome.blob).then((bytes) => ({ value: decode(bytes) }))
  if ('error' in outcome) return outcome
  if (issued.kind === 'process.result') return openedFor({ ...issued, kind: '' }, outcome.value as Stored, blobs)
  if (issued.alternatives === undefined) return outcome
  const { key, value } = outcome.value as { key: string; value: unknown }
  const winner = issued.alternatives.get(key)
  if (winner?.kind !== 'process.result') return outcome
  const inner = openedFor({ ...winner, kind: '' }, value as Stored, blobs)
  const wrap = (opened: Outcome): Outcome => ('value' in opened ? { value: { key, value: opened.value } } : opened)
  return inner instanceof Promise ? inner.then(wrap) : wrap(inner)
}
