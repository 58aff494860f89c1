/**
 * Clauses that stand in several places (SPEC 3 and 3.1): numbered variants, voting algorithms, alpha-count parameters.
 *
 * Boundary: pure.
 */
import type { Cursor } from './cursor.ts'
import { parseDuration, parseIndex, parseReal } from './parse-terms.ts'
import type { Algorithm, AlphaParameters, Numeral } from './syntax.ts'

/** The parameters, up to and including END and an ALPHACOUNT on its line. */
export function parseFilter(cursor: Cursor): AlphaParameters {
  const { start } = cursor.token
  cursor.word('THRESHOLD')
  cursor.mark('=')
  const threshold = parseReal(cursor)
  cursor.mark(',')
  cursor.word('FACTOR')
  cursor.mark('=')
  const factor = parseReal(cursor)
  const more = cursor.tryMark(',') && cursor.word('EVERY')
  const every = more && parseDuration(cursor, 'required')
  parseEnd(cursor, 'ALPHACOUNT')
  return { threshold, factor, ...(every !== undefined && { every }), start, end: cursor.lastEnd }
}

/** SPEC 2: an optional word after END belongs to it only when on the same line. */
export function parseEnd(cursor: Cursor, ...names: ('ALPHACOUNT' | 'LOGICAL' | 'GROUP')[]): void {
  cursor.word('END')
  if (cursor.token.line === cursor.lastLine) cursor.tryWord(...names)
}

export interface NumberedVariant {
  readonly kind: 'variant'
  readonly word: 'VERSION' | 'REPLICA' | 'ALTERNATE'
  readonly number: Numeral
  readonly task: Numeral
  readonly timeout?: ReturnType<typeof parseDuration>
}

export function parseNumbered(cursor: Cursor, word: NumberedVariant['word']): NumberedVariant {
  const number = parseIndex(cursor)
  cursor.word('IS')
  cursor.word('TASK')
  const task = parseIndex(cursor)
  const timeout = cursor.tryWord('TIMEOUT') && parseDuration(cursor, 'required')
  return { kind: 'variant', word, number, task, ...(timeout !== undefined && { timeout }) }
}

export function parseAlgorithm(cursor: Cursor): { kind: 'voting'; algorithm: Algorithm; scale?: Numeral } {
  cursor.word('ALGORITHM')
  cursor.word('IS')
  const first = cursor.word('MAJORITY', 'SIMPLE', 'PLURALITY', 'MEDIAN', 'WEIGHTED', 'AVERAGE', 'EXACT')
  switch (first) {
    case 'SIMPLE':
      cursor.word('MAJORITY')
      return { kind: 'voting', algorithm: 'SIMPLE MAJORITY' }
    case 'EXACT':
      cursor.word('CONSENSUS')
      return { kind: 'voting', algorithm: 'EXACT CONSENSUS' }
    case 'WEIGHTED': {
      cursor.word('AVERAGE')
      const scale = cursor.tryWord('SCALE') && parseReal(cursor)
      return { kind: 'voting', algorithm: 'WEIGHTED AVERAGE', ...(scale !== undefined && { scale }) }
    }
    default:
      return { kind: 'voting', algorithm: first }
  }
}
