/**
 * Sections (SPEC 4): IF [ guard ] THEN actions, branches, FI; a section may be an action.
 *
 * What is wrong in one action costs that action only; what is wrong in a guard costs that guard only.
 *
 * Boundary: pure.
 */
import type { Cursor } from './cursor.ts'
import type { Span } from './diagnostics.ts'
import { wordsOf } from './keywords.ts'
import { ACTIONS, parseAction } from './parse-action.ts'
import { beginsDeclaration } from './parse-configuration.ts'
import { parseGuard } from './parse-guard.ts'
import type { Action, Branch, Guard, Section } from './syntax.ts'

/** Words that end the actions of a branch. */
const BRANCH_ENDS = ['ELIF', 'ELSE', 'FI'] as const

/** Words that begin a statement of the configuration and stand nowhere inside a section: the FI was forgotten. */
const FOREIGN: ReadonlySet<string> = new Set([...wordsOf('statement'), ...wordsOf('tool'), ...wordsOf('timeout')])

/** Where reading goes on after a guard, and after an action, that could not be read. */
const ACTION_ENDS: ReadonlySet<string> = new Set([...ACTIONS, 'IF', 'THEN', ...BRANCH_ENDS])
const GUARD_ENDS: ReadonlySet<string> = new Set([...ACTION_ENDS, 'END'])

export function parseSection(cursor: Cursor): Section {
  const { start } = cursor.token
  const opener: Span = cursor.token
  cursor.open({ start: opener.start, end: opener.end })
  const branches = [parseBranch(cursor)]
  while (cursor.is('ELIF')) branches.push(parseBranch(cursor))
  const otherwise = cursor.is('ELSE') ? parseElse(cursor) : undefined
  const fi = { start: cursor.token.start, end: cursor.token.end }
  if (cursor.tryWord('FI')) cursor.close()
  else if (cursor.ended) cursor.leaveOpen('IF', 'FI')
  else {
    // A second ELSE, or an ELIF after it: said once, and its actions still read as part of this section. Anything else: no FI.
    const stray = cursor.is('ELSE', 'ELIF')
    cursor.unexpected(otherwise === undefined ? BRANCH_ENDS : ['FI'], stray ? undefined : { opener, name: 'IF' })
    while (cursor.is('ELSE', 'ELIF')) parseStray(cursor)
    if (cursor.tryWord('FI') || !cursor.ended) cursor.close()
    else cursor.leaveOpen('IF', 'FI')
  }
  return { kind: 'section', branches, ...(otherwise !== undefined && { otherwise }), fi, start, end: cursor.lastEnd }
}

function parseBranch(cursor: Cursor): Branch {
  const head = cursor.take()
  const guard = cursor.attempt(() => {
    cursor.mark('[')
    const found = parseGuard(cursor)
    if (!cursor.isMark(']')) cursor.fail([']', 'AND', 'OR'])
    cursor.take()
    return found
  })
  if (guard === undefined) skipGuard(cursor)
  const guardEnd = cursor.lastEnd
  const then = parseThen(cursor)
  const actions = parseActions(cursor)
  return branch(head, guard, guardEnd, then, actions)
}

function branch(head: Span, guard: Guard | undefined, guardEnd: number, then: Span | undefined, actions: Action[]): Branch {
  return { head, guardEnd, actions, ...(guard !== undefined && { guard }), ...(then !== undefined && { then }) }
}

function parseThen(cursor: Cursor): Span | undefined {
  const then = cursor.tryWord('THEN')
  if (then !== undefined) return then
  cursor.unexpected(['THEN'])
  if (!cursor.is('IF') && !cursor.isOneOf(ACTIONS)) skipActionRest(cursor)
  return cursor.tryWord('THEN')
}

function parseElse(cursor: Cursor): Branch {
  const head = cursor.take()
  return branch(head, undefined, head.end, undefined, parseActions(cursor))
}

function parseStray(cursor: Cursor): void {
  if (cursor.is('ELIF')) parseBranch(cursor)
  else parseElse(cursor)
}

function parseActions(cursor: Cursor): Action[] {
  const actions: Action[] = []
  for (;;) {
    while (cursor.tryMark(';', '.'));
    if (cursor.ended || cursor.is(...BRANCH_ENDS)) return actions
    const before = cursor.index
    if (isForeign(cursor)) return actions
    const inner = cursor.is('IF')
    const action = cursor.attempt<Action>(() => {
      if (inner) return cursor.nested(() => parseSection(cursor))
      if (cursor.isOneOf(ACTIONS)) return parseAction(cursor)
      return cursor.fail(['an action', ...BRANCH_ENDS])
    })
    if (action !== undefined) actions.push(action)
    else if (inner) skipSection(cursor)
    else {
      if (cursor.index === before) cursor.take()
      skipActionRest(cursor)
    }
  }
}

function skipGuard(cursor: Cursor): void {
  while (!cursor.ended && !cursor.isOneOf(GUARD_ENDS)) {
    if (cursor.take().text === ']') return
  }
}

/** Past the FI of a section that is nested too deep: one report is enough for all that it holds. */
function skipSection(cursor: Cursor): void {
  let open = 0
  do {
    const { kind, text } = cursor.take()
    if (kind === 'keyword' && text === 'IF') open += 1
    else if (kind === 'keyword' && text === 'FI') open -= 1
  } while (open > 0 && !cursor.ended)
}

/** SPEC 8: to the next word that begins an action, or ends the branch. */
function skipActionRest(cursor: Cursor): void {
  while (!cursor.ended && !cursor.isOneOf(ACTION_ENDS)) {
    if (isForeign(cursor)) return
    cursor.take()
  }
}

function isForeign(cursor: Cursor): boolean {
  return cursor.token.firstOnLine && (cursor.isOneOf(FOREIGN) || beginsDeclaration(cursor))
}
