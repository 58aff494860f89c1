/**
 * Words to a syntax tree (SPEC 3 and 4), with all errors of the text in one run.
 *
 * Boundary: pure, never fails. What could not be read is reported and left out of the tree (`whole` is then false).
 */
import { Cursor } from './cursor.ts'
import type { Reports, Source } from './diagnostics.ts'
import { parseBlock, TOOL_CLAUSES } from './parse-block.ts'
import { CONFIGURATION, parseConfiguration } from './parse-configuration.ts'
import { parseSection } from './parse-section.ts'
import { scan } from './scanner.ts'
import type { LostStatement, Script, Statement, Tool } from './syntax.ts'

const TOOL_NAMES = Object.keys(TOOL_CLAUSES) as Tool[]
const TOOLS: ReadonlySet<string> = new Set(TOOL_NAMES)

/** Begin a statement wherever they stand; TASK, GROUP and LOGICAL also name entities, so only at the begin of a line. */
const STARTERS: ReadonlySet<string> = new Set(
  ['IF', ...TOOLS, ...CONFIGURATION].filter((word) => !['TASK', 'GROUP', 'LOGICAL', 'ALPHACOUNT'].includes(word)),
)

export function parseScript(source: Source, reports: Reports): Script {
  const { tokens, comments } = scan(source, reports)
  const scanned = reports.errors === 0
  const cursor = new Cursor(tokens, reports)
  const statements: Statement[] = []
  const lost: LostStatement[] = []
  for (;;) {
    while (cursor.tryMark(';', '.'));
    if (cursor.ended) break
    const before = cursor.index
    const { text: word, start, end } = cursor.token
    const configures = cursor.isOneOf(CONFIGURATION)
    const statement = cursor.attempt(() => parseStatement(cursor))
    if (statement !== undefined) statements.push(statement)
    else {
      if (configures) lost.push({ word, start, end })
      const stray = cursor.index === before && cursor.is('FI', 'END', 'ELIF', 'ELSE', 'THEN')
      if (cursor.index === before && !stray) cursor.take()
      skipStatement(cursor)
    }
  }
  cursor.reportUnclosed()
  return { statements, comments, text: source.text, whole: scanned && cursor.whole, lost }
}

function parseStatement(cursor: Cursor): Statement {
  if (cursor.is('IF')) return parseSection(cursor)
  if (cursor.isOneOf(TOOLS)) return parseBlock(cursor)
  if (cursor.isOneOf(CONFIGURATION)) return parseConfiguration(cursor)
  return cursor.fail(['a statement'])
}

/** SPEC 8: to the next word that begins a statement, or past the FI or END of what is skipped. */
function skipStatement(cursor: Cursor): void {
  while (!cursor.ended && !cursor.isOneOf(STARTERS)) {
    if (cursor.token.firstOnLine && cursor.is('TASK', 'GROUP', 'LOGICAL', 'ALPHACOUNT')) return
    const closer = cursor.tryWord('FI', 'END')
    if (closer === undefined) cursor.take()
    else {
      const named = closer.text === 'END' && cursor.token.line === closer.line
      if (named) cursor.tryWord(...TOOL_NAMES, 'ALPHACOUNT', 'GROUP', 'LOGICAL')
      return
    }
  }
}
