/**
 * The tree as text again, in one layout: the base of `fmt`.
 *
 * Every statement, clause, action and word that frames them is a line. Comments keep their place: at the end of the line whose last word
 * they followed, else on a line of their own before what came next. One empty line is kept where there were any.
 *
 * Boundary: pure.
 *   P1  Printing what was printed changes nothing.
 *   P2  The r-code of what is printed is that of what was read, lines apart.
 *   P3  A script of which something could not be read is printed as it was: a formatter must not lose what it did not understand.
 */
import type { Span } from './diagnostics.ts'
import { printAction } from './print-action.ts'
import { printBlockHead, printClause } from './print-block.ts'
import { printConfiguration } from './print-configuration.ts'
import { printGuard } from './print-guard.ts'
import type { Comment } from './scanner.ts'
import type { Block, Branch, Script, Section } from './syntax.ts'

const INDENT = '    '

export function print(script: Script): string {
  if (!script.whole) return script.text
  const printer = new Printer(script)
  for (const statement of script.statements) {
    if (statement.kind === 'section') printer.section(statement, 0)
    else if (statement.kind === 'block') printer.block(statement)
    else printer.line(statement, printConfiguration(statement), 0)
  }
  return printer.finish()
}

class Printer {
  readonly #lines: string[] = []
  readonly #comments: readonly Comment[]
  readonly #text: string
  readonly #lineOf: (offset: number) => number
  #next = 0
  /** Line of the script on which the line before ended; 0 before the first. */
  #lastLine = 0

  constructor({ comments, text }: Script) {
    this.#comments = comments
    this.#text = text
    this.#lineOf = lineCounter(text)
  }

  block(block: Block): void {
    const { clauses, foot, head, tool } = block
    const headEnd = Math.max((block.watched ?? block.number).end, head.end)
    this.line({ start: block.start, end: headEnd }, printBlockHead(block), 0)
    for (const clause of clauses) this.line(clause, printClause(clause), 1)
    this.line({ start: foot.start, end: block.end }, `END ${tool}`, 0)
  }

  section({ branches, otherwise, fi }: Section, depth: number): void {
    for (const [at, branch] of branches.entries()) {
      const guard = branch.guard === undefined ? '' : printGuard(branch.guard)
      const head = { start: branch.head.start, end: branch.guardEnd }
      this.line(head, `${at === 0 ? 'IF' : 'ELIF'} [ ${guard} ]`, depth)
      if (branch.then !== undefined) this.line(branch.then, 'THEN', depth)
      this.#actions(branch, depth + 1)
    }
    if (otherwise !== undefined) {
      this.line(otherwise.head, 'ELSE', depth)
      this.#actions(otherwise, depth + 1)
    }
    this.line(fi, 'FI', depth)
  }

  line(span: Span, text: string, depth: number): void {
    const indent = INDENT.repeat(depth)
    for (let comment = this.#comments[this.#next]; comment !== undefined && comment.start < span.end; ) {
      this.#space(comment.line)
      this.#lines.push(indent + commentText(comment, this.#text))
      this.#lastLine = comment.line
      this.#next += 1
      comment = this.#comments[this.#next]
    }
    this.#space(this.#lineOf(span.start))
    const endLine = this.#lineOf(span.end)
    const comment = this.#comments[this.#next]
    const trails = comment !== undefined && comment.line === endLine && comment.after === span.end
    this.#lines.push(trails ? `${indent}${text}  ${commentText(comment, this.#text)}` : indent + text)
    if (trails) this.#next += 1
    this.#lastLine = endLine
  }

  finish(): string {
    for (const comment of this.#comments.slice(this.#next)) {
      this.#space(comment.line)
      this.#lines.push(commentText(comment, this.#text))
      this.#lastLine = comment.line
    }
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`
  }

  #actions({ actions }: Branch, depth: number): void {
    for (const action of actions) {
      if (action.kind === 'section') this.section(action, depth)
      else this.line(action, printAction(action), depth)
    }
  }

  #space(line: number): void {
    if (this.#lastLine > 0 && line - this.#lastLine > 1) this.#lines.push('')
  }
}

function commentText({ start, end }: Comment, text: string): string {
  return text.slice(start, end).trimEnd()
}

/** Lines of ascending offsets, in one pass over the text. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1
  let feed = text.indexOf('\n')
  return (offset) => {
    while (feed >= 0 && feed < offset) {
      line += 1
      feed = text.indexOf('\n', feed + 1)
    }
    return line
  }
}
