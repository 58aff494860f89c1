/**
 * Single actions (SPEC 4.2), with the warnings that follow them.
 *
 * Boundary: pure. Nested sections are read in `parse-section.ts`.
 */
import type { Cursor } from './cursor.ts'
import { type WordOf, wordsOf } from './keywords.ts'
import { parseExpression } from './parse-expression.ts'
import { parseDuration, parseEntity, parseInteger, parseText, parseVariable } from './parse-terms.ts'
import type { EntityAction, Numeral, PlainAction, SimpleAction, Warning } from './syntax.ts'

/** Words that begin an action; `parseAction` stands at one. */
export const ACTIONS: ReadonlySet<string> = new Set(wordsOf('action'))

export function parseAction(cursor: Cursor): PlainAction {
  const { start } = cursor.token
  const action = parseSimple(cursor)
  const warnings: Warning[] = []
  while (cursor.is('AND')) warnings.push(parseWarning(cursor))
  return { ...action, warnings, start, end: cursor.lastEnd }
}

function parseSimple(cursor: Cursor): SimpleAction {
  const word = cursor.take().text as WordOf<'action'>
  switch (word) {
    case 'SEND': {
      const value = parseValue(cursor)
      return { kind: 'send', value, entity: parseEntity(cursor) }
    }
    case 'WARN':
      return parseWarn(cursor)
    case 'ERR': {
      const error = parseValue(cursor)
      const about = parseEntity(cursor)
      cursor.word('WARN')
      const entity = parseEntity(cursor)
      return { kind: 'warn-if', order: 'err-first', error, about, entity, args: parseArguments(cursor) }
    }
    case 'REMOVE':
      return parseRemove(cursor)
    case 'CALL':
      return { kind: 'call', function: parseValue(cursor), args: parseArguments(cursor) }
    case 'PAUSE':
      demandNumber(cursor)
      return { kind: 'pause', time: parseDuration(cursor, 'optional') }
    case 'LET': {
      const variable = parseVariable(cursor)
      cursor.mark('=')
      return { kind: 'let', variable, expression: parseExpression(cursor) }
    }
    case 'LOG':
      return parseLog(cursor)
    default:
      return { kind: 'do', action: word satisfies EntityAction, entity: parseEntity(cursor) }
  }
}

function parseWarning(cursor: Cursor): Warning {
  const { start } = cursor.take()
  cursor.word('WARN')
  const entity = parseEntity(cursor)
  const args = parseArguments(cursor)
  return { entity, args, start, end: cursor.lastEnd }
}

function parseWarn(cursor: Cursor): SimpleAction {
  const entity = parseEntity(cursor)
  if (!cursor.tryMark('(')) return { kind: 'warn', entity }
  cursor.word('ERR')
  const error = parseValue(cursor)
  const about = parseEntity(cursor)
  cursor.mark(')')
  return { kind: 'warn-if', order: 'warn-first', error, about, entity, args: [] }
}

function parseRemove(cursor: Cursor): SimpleAction {
  const word = cursor.tryWord('ANY', 'PHASE')
  const what = word === undefined ? parseValue(cursor) : (word.text as 'ANY' | 'PHASE')
  const entity = parseEntity(cursor)
  cursor.word('FROM')
  cursor.word('ERRORLIST')
  return { kind: 'remove', what, entity }
}

function parseLog(cursor: Cursor): SimpleAction {
  if (cursor.tryWord('CLOCK')) return { kind: 'log', what: 'CLOCK' }
  if (cursor.token.kind === 'string') return { kind: 'log', what: parseText(cursor) }
  if (cursor.token.kind === 'variable' || cursor.token.short) return { kind: 'log', what: { variable: parseVariable(cursor) } }
  if (cursor.token.kind === 'integer' || cursor.token.kind === 'symbol' || cursor.isMark('-')) {
    return { kind: 'log', what: parseInteger(cursor) }
  }
  return cursor.fail(['a string', 'a number', 'a variable (A to Z)', 'CLOCK'])
}

function parseArguments(cursor: Cursor): Numeral[] {
  const args: Numeral[] = []
  if (!cursor.tryMark('(')) return args
  if (cursor.tryMark(')')) return args
  do args.push(parseValue(cursor))
  while (cursor.tryMark(','))
  cursor.mark(')')
  return args
}

function parseValue(cursor: Cursor): Numeral {
  demandNumber(cursor)
  return parseInteger(cursor)
}

/** A reference in place of a number is an unexpected word here: A023 says that it stands outside actions. */
function demandNumber(cursor: Cursor): void {
  if (cursor.token.kind === 'reference') cursor.fail(['a number', '{SYMBOL}'])
}
