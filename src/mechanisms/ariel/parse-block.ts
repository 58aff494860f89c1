/**
 * Tool blocks (SPEC 3.1): a head, clauses in any order, END and the name again.
 *
 * Which tool has which clauses is a table here; whether one is missing or repeated is checked later, from the same table.
 *
 * Boundary: pure.
 */
import type { Cursor } from './cursor.ts'
import type { Span } from './diagnostics.ts'
import { type Keyword, wordsOf } from './keywords.ts'
import { parseAlgorithm, parseEnd, parseFilter, parseNumbered } from './parse-clause.ts'
import { beginsDeclaration } from './parse-configuration.ts'
import { parseDuration, parseIndex, parseReal, parseText } from './parse-terms.ts'
import type { Block, Clause, Numeral, Tool } from './syntax.ts'

type ClauseWord = Extract<
  Keyword,
  | 'ACCEPTANCE'
  | 'ALPHACOUNT'
  | 'ALTERNATE'
  | 'ATTEMPTS'
  | 'COPIES'
  | 'CYCLES'
  | 'EPSILON'
  | 'GROUP'
  | 'HEARTBEATS'
  | 'METHOD'
  | 'METRIC'
  | 'ON'
  | 'PAUSE'
  | 'REPLICA'
  | 'SPARE'
  | 'TIMEOUT'
  | 'VERSION'
  | 'VOTING'
>

export const TOOL_CLAUSES: Readonly<Record<Tool, readonly ClauseWord[]>> = {
  WATCHDOG: ['HEARTBEATS', 'ON', 'ALPHACOUNT'],
  'N-VERSION': ['VERSION', 'VOTING', 'METRIC', 'EPSILON', 'ON'],
  REPLICATED: ['REPLICA', 'METHOD', 'SPARE', 'VOTING', 'METRIC', 'EPSILON', 'ON'],
  'RETRY-BLOCK': ['ATTEMPTS', 'PAUSE', 'TIMEOUT', 'ACCEPTANCE', 'ON'],
  'RECOVERY-BLOCK': ['ALTERNATE', 'ACCEPTANCE', 'ON'],
  'CONSENSUS-RECOVERY-BLOCK': ['VERSION', 'VOTING', 'METRIC', 'EPSILON', 'ACCEPTANCE', 'ON'],
  STABILIZER: ['COPIES', 'CYCLES', 'METRIC', 'EPSILON', 'ON'],
  BARRIER: ['GROUP', 'TIMEOUT', 'ON'],
}

const ALL_CLAUSES = [...new Set(Object.values(TOOL_CLAUSES).flat()), 'LOGICAL' as const]

/** Words that no block holds as a clause, so that the END was forgotten. */
const NEXT_STATEMENT: ReadonlySet<string> = new Set([
  'IF',
  ...wordsOf('statement'),
  ...wordsOf('timeout'),
  ...Object.keys(TOOL_CLAUSES),
])

export function parseBlock(cursor: Cursor): Block {
  const head = { start: cursor.token.start, end: cursor.token.end }
  const tool = cursor.take().text as Tool
  cursor.open(head)
  const ids = cursor.attempt(() => parseHead(cursor, tool))
  if (ids === undefined) skipClause(cursor)
  const { clauses, lost, broken } = parseClauses(cursor, tool)
  const foot = { start: cursor.token.start, end: cursor.token.end }
  const closed = cursor.tryWord('END') !== undefined
  if (cursor.ended) cursor.leaveOpen(tool, `END ${tool}`)
  else {
    if (closed) parseFoot(cursor, tool)
    else cursor.unexpected([...TOOL_CLAUSES[tool], 'END'], { opener: head, name: tool })
    cursor.close()
  }
  const { number, watched } = ids ?? { number: unread(head) }
  return {
    kind: 'block',
    tool,
    head,
    number,
    ...(watched !== undefined && { watched }),
    clauses,
    foot,
    lost,
    broken: broken || ids === undefined || !closed,
    start: head.start,
    end: cursor.lastEnd,
  }
}

function parseHead(cursor: Cursor, tool: Tool): { number: Numeral; watched?: Numeral } {
  if (tool === 'STABILIZER' || tool === 'BARRIER') return { number: parseIndex(cursor) }
  if (tool !== 'WATCHDOG') {
    cursor.word('TASK')
    return { number: parseIndex(cursor) }
  }
  cursor.tryWord('TASK')
  const number = parseIndex(cursor)
  cursor.word('WATCHES')
  cursor.word('TASK')
  return { number, watched: parseIndex(cursor) }
}

/** A wrong name after END is reported, and taken for the right one. */
function parseFoot(cursor: Cursor, tool: Tool): void {
  if (cursor.tryWord(tool)) return
  cursor.unexpected([tool])
  if (cursor.token.line === cursor.lastLine) cursor.take()
}

/** Stands for a number that could not be read. */
function unread(place: Span): Numeral {
  return { kind: 'symbol', value: Number.NaN, text: '', closed: false, start: place.end, end: place.end }
}

function skipClause(cursor: Cursor): void {
  while (!cursor.ended && !cursor.is('END', ...ALL_CLAUSES) && !beginsStatement(cursor)) cursor.take()
}

function beginsStatement(cursor: Cursor): boolean {
  return cursor.isOneOf(NEXT_STATEMENT) || beginsDeclaration(cursor)
}

function parseClauses(cursor: Cursor, tool: Tool): { clauses: Clause[]; lost: string[]; broken: boolean } {
  const allowed = TOOL_CLAUSES[tool]
  const clauses: Clause[] = []
  const lost: string[] = []
  let broken = false
  for (;;) {
    while (cursor.tryMark(';', '.'));
    if (cursor.ended || cursor.is('END') || beginsStatement(cursor)) return { clauses, lost, broken }
    const { text } = cursor.token
    const fits = cursor.is(...allowed) || (tool === 'BARRIER' && cursor.is('LOGICAL'))
    const clause = cursor.attempt(() => (fits ? parseClause(cursor, tool) : cursor.fail([...allowed, 'END'])))
    if (clause !== undefined) {
      clauses.push(clause)
      continue
    }
    if (fits) lost.push(text === 'LOGICAL' ? 'GROUP' : text)
    else {
      broken = true
      cursor.take()
    }
    skipClause(cursor)
    // The END of a filter that could not be read is not that of the block, which names it.
    if (text === 'ALPHACOUNT' && cursor.is('END') && cursor.following.text !== tool) parseEnd(cursor, 'ALPHACOUNT')
  }
}

function parseClause(cursor: Cursor, tool: Tool): Clause {
  const { start } = cursor.token
  const clause = parseBareClause(cursor, tool)
  return { ...clause, start, end: cursor.lastEnd }
}

type Bare<T> = T extends unknown ? Omit<T, 'start' | 'end'> : never

function parseBareClause(cursor: Cursor, tool: Tool): Bare<Clause> {
  const head = cursor.take()
  const word = head.text as ClauseWord | 'LOGICAL'
  switch (word) {
    case 'HEARTBEATS':
      cursor.word('EVERY')
      return { kind: 'time', word, time: parseDuration(cursor, 'required') }
    case 'PAUSE':
    case 'TIMEOUT':
      return { kind: 'time', word, time: parseDuration(cursor, 'required') }
    case 'ATTEMPTS':
    case 'COPIES':
    case 'CYCLES':
      return { kind: 'count', word, count: parseIndex(cursor) }
    case 'METRIC':
      return { kind: 'name', word, name: parseText(cursor) }
    case 'ACCEPTANCE':
      cursor.word('TEST')
      return { kind: 'name', word, name: parseText(cursor) }
    case 'EPSILON':
      return { kind: 'epsilon', epsilon: parseReal(cursor) }
    case 'VERSION':
    case 'REPLICA':
    case 'ALTERNATE':
      return parseNumbered(cursor, word)
    case 'VOTING':
      return parseAlgorithm(cursor)
    case 'METHOD':
      return parseMethod(cursor)
    case 'SPARE':
      cursor.word('TASK')
      return { kind: 'spare', task: parseIndex(cursor) }
    case 'GROUP':
    case 'LOGICAL':
      return { kind: 'group', word, group: parseIndex(cursor) }
    case 'ALPHACOUNT':
      cursor.word('IS')
      return {
        kind: 'filter',
        filter: cursor.enclosed({ start: head.start, end: head.end }, word, 'END', () => parseFilter(cursor)),
      }
    case 'ON':
      return tool === 'WATCHDOG' ? parseAlarm(cursor) : parseOutcome(cursor)
  }
}

function parseMethod(cursor: Cursor): Bare<Clause> {
  cursor.word('IS')
  if (cursor.word('MODULAR', 'STANDBY') === 'MODULAR') {
    cursor.word('REDUNDANCY')
    return { kind: 'method', method: 'MODULAR REDUNDANCY' }
  }
  cursor.word('SPARING')
  return { kind: 'method', method: 'STANDBY SPARING' }
}

function parseOutcome(cursor: Cursor): Bare<Clause> {
  const event = cursor.word('SUCCESS', 'ERROR')
  cursor.word('TASK')
  return { kind: 'outcome', event, task: parseIndex(cursor) }
}

function parseAlarm(cursor: Cursor): Bare<Clause> {
  cursor.word('ERROR')
  const action = cursor.word('WARN', 'REBOOT', 'RESTART')
  if (action !== 'WARN') return { kind: 'alarm', action }
  const word = cursor.word('TASK', 'GROUP', 'LOGICAL')
  return { kind: 'alarm', action, word, target: parseIndex(cursor) }
}
