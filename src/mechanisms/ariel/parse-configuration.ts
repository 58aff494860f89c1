/**
 * Statements of the configuration that are no blocks (SPEC 3).
 *
 * Boundary: pure.
 */
import type { Cursor } from './cursor.ts'
import { type WordOf, wordsOf } from './keywords.ts'
import { parseEnd, parseFilter } from './parse-clause.ts'
import { parseDuration, parseIndex, parseRange, parseText } from './parse-terms.ts'
import type { Configuration, Numeral, Range, Statement } from './syntax.ts'

/** Words that begin such a statement. */
export const CONFIGURATION: ReadonlySet<string> = new Set([
  ...wordsOf('statement'),
  ...wordsOf('timeout'),
  'TASK',
  'LOGICAL',
  'GROUP',
  'ALPHACOUNT',
])

/** Whether a declaration begins here, with a word that also stands for an entity or a clause: it is told by what follows. */
export function beginsDeclaration(cursor: Cursor): boolean {
  if (cursor.is('ALPHACOUNT')) return cursor.following.text !== 'IS'
  if (!cursor.is('TASK', 'GROUP', 'LOGICAL')) return false
  const second = cursor.ahead(2).text
  return cursor.following.text === '[' || second === '=' || (second === 'IS' && cursor.ahead(3).text === 'MBOX')
}

const TIMEOUTS: ReadonlySet<string> = new Set(wordsOf('timeout'))

export function parseConfiguration(cursor: Cursor): Statement {
  const head = { start: cursor.token.start, end: cursor.token.end }
  const { text } = cursor.token
  const ends = cursor.is('LOGICAL', 'GROUP', 'ALPHACOUNT')
  const statement = ends ? cursor.enclosed(head, text, 'END', () => parseBare(cursor)) : parseBare(cursor)
  return { ...statement, head, start: head.start, end: cursor.lastEnd }
}

function parseBare(cursor: Cursor): Configuration {
  if (cursor.isOneOf(TIMEOUTS)) {
    const name = cursor.take().text as WordOf<'timeout'>
    cursor.mark('=')
    return { kind: 'timeout', name, time: parseDuration(cursor, 'optional') }
  }
  const word = cursor.word(...wordsOf('statement'), 'TASK', 'LOGICAL', 'GROUP', 'ALPHACOUNT')
  switch (word) {
    case 'INCLUDE':
      return { kind: 'include', path: parseText(cursor) }
    case 'DEFINE':
      return parseRoles(cursor)
    case 'NPROCS':
      cursor.mark('=')
      return { kind: 'nodes', count: parseIndex(cursor) }
    case 'NUMTASKS': {
      const node = parseIndex(cursor)
      cursor.mark('=')
      return { kind: 'numtasks', node, count: parseIndex(cursor) }
    }
    case 'DA':
      cursor.mark('=')
      return { kind: 'default', action: cursor.word('STOP', 'KILL', 'RESTART') }
    case 'INJECT':
      return parseInjection(cursor)
    case 'TASK':
      return parseTask(cursor)
    case 'ALPHACOUNT':
      return parseAlpha(cursor)
    default:
      return parseGroup(cursor, word)
  }
}

function parseRoles(cursor: Cursor): Configuration {
  const nodes: Numeral[] = [parseIndex(cursor)]
  let upTo: Numeral | undefined
  if (cursor.tryMark('-')) upTo = parseIndex(cursor)
  else while (cursor.tryMark(',')) nodes.push(parseIndex(cursor))
  if (!cursor.isMark('=')) cursor.fail(upTo === undefined && nodes.length === 1 ? ['=', ',', '-'] : ['='])
  cursor.take()
  const role = cursor.word(...wordsOf('role'))
  return { kind: 'roles', nodes, ...(upTo !== undefined && { upTo }), role }
}

function parseTask(cursor: Cursor): Configuration {
  const range = parseRange(cursor)
  if (cursor.tryWord('IS')) {
    cursor.word('MBOX')
    const mailbox = parseRange(cursor)
    cursor.mark(',')
    cursor.word('ALIAS')
    return { kind: 'mailbox', range, mailbox, alias: parseRange(cursor) }
  }
  if (!cursor.isMark('=')) cursor.fail(['=', 'IS'])
  cursor.take()
  const name = parseText(cursor)
  cursor.word('IS')
  cursor.word('NODE')
  const node = parseIndex(cursor)
  cursor.mark(',')
  cursor.word('TASKID')
  const local: Range = parseRange(cursor)
  return { kind: 'task', range, name, node, local }
}

function parseGroup(cursor: Cursor, word: 'GROUP' | 'LOGICAL'): Configuration {
  const number = parseIndex(cursor)
  cursor.mark('=')
  const name = parseText(cursor)
  cursor.word('IS')
  cursor.word('TASK')
  const members = [parseIndex(cursor)]
  while (cursor.tryMark(',')) {
    cursor.tryWord('TASK')
    members.push(parseIndex(cursor))
  }
  if (!cursor.is('END')) cursor.fail([',', 'END'])
  parseEnd(cursor, 'LOGICAL', 'GROUP')
  return { kind: 'group', word, number, name, members }
}

function parseAlpha(cursor: Cursor): Configuration {
  const entity = cursor.tryWord('TASK', 'NODE')?.text === 'NODE' ? 'node' : 'task'
  const number = parseIndex(cursor)
  cursor.word('IS')
  return { kind: 'alpha', entity, number, filter: parseFilter(cursor) }
}

function parseInjection(cursor: Cursor): Configuration {
  const fault = cursor.word('MANAGERFAULT', 'BACKUPFAULT')
  cursor.word('ON')
  const on = cursor.word('NODE', 'COMPONENT')
  const node = parseIndex(cursor)
  cursor.word('AFTER')
  return { kind: 'inject', fault, on, node, after: parseDuration(cursor, 'ticks') }
}
