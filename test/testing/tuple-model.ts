/**
 * Tuples of one class as one process alone would see them: a list in which whoever asks gets the oldest that matches.
 *
 * A tuple is a number here, different from all others; its key is what is left of it by KEYS. A template is a key.
 */
import type { HistoryEntry, SequentialModel } from '../../src/testing/linearizability.ts'

export const KEYS = 8

export interface TupleInput {
  readonly op: 'out' | 'in' | 'inp' | 'rd' | 'rdp' | 'count'
  /** The tuple that is put, or the key that is asked for. */
  readonly value: number
}

/** A tuple, null for none, a number of tuples; nothing for `out`. */
export type TupleOutput = number | null

export type TupleEntry = HistoryEntry<TupleInput, TupleOutput>

export const tupleModel: SequentialModel<readonly number[], TupleInput, TupleOutput> = {
  initial: [],
  key: (state) => state.join(),
  part: ({ value }) => String(value % KEYS),
  next(state, { op, value }, returned) {
    const matching = state.filter((tuple) => tuple % KEYS === value)
    if (op === 'out') return [...state, value]
    if (op === 'count') return agrees(returned, matching.length) ? state : undefined
    const [found = null] = matching
    if (found === null && (op === 'in' || op === 'rd')) return undefined
    if (!agrees(returned, found)) return undefined
    if (found === null || op === 'rd' || op === 'rdp') return state
    const place = state.indexOf(found)
    return [...state.slice(0, place), ...state.slice(place + 1)]
  },
}

function agrees(returned: { readonly output: TupleOutput } | undefined, output: TupleOutput): boolean {
  return returned === undefined || returned.output === output
}
