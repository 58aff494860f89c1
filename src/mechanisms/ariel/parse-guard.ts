/**
 * Guards (SPEC 4): atoms about the database, joined by AND, OR and NOT.
 *
 * AND and OR had the same strength in the classic translator and have different ones for most readers. So a level may hold only one of
 * them: at the second kind of operator A024 is reported, and reading goes on as if it were the first kind.
 *
 * Boundary: pure. Which entity fits which condition is checked later.
 */
import type { Cursor } from './cursor.ts'
import { FLAGS, type WordOf, wordsOf } from './keywords.ts'
import { parseDuration, parseEntity, parseInteger, parseReal, parseVariable } from './parse-terms.ts'
import type { Atom, Comparison, Guard, Query } from './syntax.ts'

const COMPARISONS = ['==', '!=', '>', '>=', '<', '<='] as const
const STATUSES: ReadonlySet<string> = new Set(wordsOf('status'))

export function parseGuard(cursor: Cursor): Guard {
  const first = parseTerm(cursor)
  const terms = [first]
  let kind: 'and' | 'or' | undefined
  let mixed = false
  for (;;) {
    const { token } = cursor
    const found = cursor.is('AND') || cursor.isMark('&&') ? 'and' : cursor.is('OR') || cursor.isMark('||') ? 'or' : undefined
    if (found === undefined) break
    kind ??= found
    if (found !== kind && !mixed) {
      mixed = true
      const message = `${token.text} after ${kind.toUpperCase()} without parentheses: write ( ) around the part that belongs together`
      cursor.reports.add('A024', token, message)
      cursor.lose()
    }
    cursor.take()
    terms.push(parseTerm(cursor))
  }
  return kind === undefined ? first : { kind, terms, start: first.start, end: cursor.lastEnd }
}

function parseTerm(cursor: Cursor): Guard {
  const { start } = cursor.token
  if (cursor.tryWord('NOT') ?? cursor.tryMark('!')) {
    const term = cursor.nested(() => parseTerm(cursor))
    return { kind: 'not', term, start, end: term.end }
  }
  if (cursor.tryMark('(')) {
    const guard = cursor.nested(() => parseGuard(cursor))
    cursor.mark(')')
    return guard
  }
  return parseAtom(cursor)
}

function parseAtom(cursor: Cursor): Atom {
  const { start } = cursor.token
  if (cursor.tryWord('DEADLOCKED')) {
    const first = parseEntity(cursor)
    const second = parseEntity(cursor)
    return { kind: 'deadlocked', first, second, start, end: second.end }
  }
  if (cursor.tryWord('VAL')) return parseVariableAtom(cursor, start)
  if (cursor.is('RESTARTED') && isParenthesis(cursor)) return parseQuery(cursor)
  const status = tryStatus(cursor)
  if (status !== undefined) {
    const entity = parseEntity(cursor)
    return { kind: 'status', status, entity, start, end: entity.end }
  }
  if (cursor.is('ERRN', 'ERRT', 'PHASE', 'ALPHA', 'ELAPSED')) return parseQuery(cursor)
  return cursor.fail(['a condition', 'NOT', '('])
}

function isParenthesis(cursor: Cursor): boolean {
  return cursor.following.kind === 'mark' && cursor.following.text === '('
}

function tryStatus(cursor: Cursor): WordOf<'status'> | undefined {
  if (cursor.isOneOf(STATUSES)) return cursor.take().text as WordOf<'status'>
  if (!cursor.isMark('-') || !cursor.following.glued) return undefined
  const flag = FLAGS[cursor.following.short ? cursor.following.text.slice(0, 1) : cursor.following.text]
  if (flag === undefined) return undefined
  cursor.take()
  cursor.take()
  return flag
}

function parseQuery(cursor: Cursor): Atom {
  const { start, text } = cursor.take()
  const query = text as Query
  cursor.mark('(')
  const entity = parseEntity(cursor)
  cursor.mark(')')
  const comparison = parseComparison(cursor)
  const value =
    query === 'ALPHA' ? parseReal(cursor) : query === 'ELAPSED' ? parseDuration(cursor, 'required') : parseInteger(cursor)
  return { kind: 'query', query, entity, comparison, value, start, end: value.end }
}

function parseVariableAtom(cursor: Cursor, start: number): Atom {
  cursor.mark('(')
  const variable = parseVariable(cursor)
  cursor.mark(')')
  const comparison = parseComparison(cursor)
  const value = parseInteger(cursor)
  return { kind: 'variable', variable, comparison, value, start, end: value.end }
}

function parseComparison(cursor: Cursor): Comparison {
  return cursor.mark(...COMPARISONS).text as Comparison
}
