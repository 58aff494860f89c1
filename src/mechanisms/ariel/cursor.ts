/**
 * Where the parser stands among the words, and what it says when a word does not fit.
 *
 * A production that meets a word it cannot use reports it and gives up by throwing ABANDON; whoever reads a list of productions
 * catches it, skips to the next word that can begin one, and goes on: so one run reports all errors of a text (SPEC 8).
 *
 * Boundary: pure.
 *   C1  Every loop around a production moves on by at least one word, or ends.
 *   C2  At the end of input inside a block only A006 is reported: what else is missing there follows from it.
 */
import type { Reports, Span } from './diagnostics.ts'
import { ALL_SPELLINGS, type Keyword } from './keywords.ts'
import type { Token } from './scanner.ts'

/** Thrown by a production that gave up after a report. Without a stack: it says nothing about the translator. */
export const ABANDON: Error = new Error('a production was given up')

/** Levels of parentheses, NOT, signs and sections. Deeper ones come from generators that went wrong, and would exhaust the stack. */
export const MAX_NESTING = 200

export class Cursor {
  readonly reports: Reports
  readonly #tokens: readonly Token[]
  readonly #open: Span[] = []
  readonly #unclosed: { opener: Span; name: string; closer: string; end: Span }[] = []
  #at = 0
  #depth = 0
  #whole = true

  constructor(tokens: readonly Token[], reports: Reports) {
    this.#tokens = tokens
    this.reports = reports
  }

  /** False once something was left out. */
  get whole(): boolean {
    return this.#whole
  }

  get index(): number {
    return this.#at
  }

  get token(): Token {
    return this.#tokens[this.#at] as Token
  }

  get following(): Token {
    return this.ahead(1)
  }

  /** The word so many words further on; at the end of input the end. */
  ahead(words: number): Token {
    return this.#tokens[Math.min(this.#at + words, this.#tokens.length - 1)] as Token
  }

  /** End of the word before. */
  get lastEnd(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0
  }

  get lastLine(): number {
    return this.#tokens[this.#at - 1]?.line ?? 1
  }

  get ended(): boolean {
    return this.token.kind === 'end'
  }

  take(): Token {
    const token = this.token
    if (token.kind !== 'end') this.#at += 1
    return token
  }

  is(...words: Keyword[]): boolean {
    const { kind, text } = this.token
    return kind === 'keyword' && (words as string[]).includes(text)
  }

  /** As `is`, for sets of words that are asked for at every word of a text. */
  isOneOf(words: ReadonlySet<string>): boolean {
    const { kind, text } = this.token
    return kind === 'keyword' && words.has(text)
  }

  isMark(...marks: string[]): boolean {
    const { kind, text } = this.token
    return kind === 'mark' && marks.includes(text)
  }

  tryWord(...words: Keyword[]): Token | undefined {
    return this.is(...words) ? this.take() : undefined
  }

  tryMark(...marks: string[]): Token | undefined {
    return this.isMark(...marks) ? this.take() : undefined
  }

  word<K extends Keyword>(...words: K[]): K {
    return this.is(...words) ? (this.take().text as K) : this.fail(words)
  }

  mark(...marks: string[]): Token {
    return this.tryMark(...marks) ?? this.fail(marks)
  }

  /** Reports the word that stands here as unexpected; `unclosed` where it shows that a block was not closed (SPEC 8: `related`). */
  unexpected(expected: readonly string[], unclosed?: { readonly opener: Span; readonly name: string }): void {
    const token = this.token
    this.#whole = false
    // A string or symbol that is not closed holds what is missing here, and was reported. An unknown word is a mistake of its own.
    const swallowed = !token.closed || this.#tokens[this.#at - 1]?.closed === false
    if (swallowed && token.kind !== 'unknown') return
    if (token.kind === 'end') {
      if (this.#open.length === 0)
        this.reports.add('A004', token, `expected ${listed(expected)}, found the end of input`, { expected })
      return
    }
    const written = `expected ${listed(expected)}`
    const details = {
      expected,
      ...(unclosed !== undefined && { related: [{ span: unclosed.opener, message: `${unclosed.name} was opened here` }] }),
    }
    if (token.kind === 'unknown') {
      const hint = this.reports.suggestion(token.text, ALL_SPELLINGS)
      this.reports.add('A005', token, `unknown word ${token.text}${hint}: ${written}`, details)
    } else this.reports.add('A004', token, `${written}, found ${shown(token)}`, details)
  }

  fail(expected: readonly string[]): never {
    this.unexpected(expected)
    throw ABANDON
  }

  /** Notes that the tree will not say what the text says: it must not be printed in its place. */
  lose(): void {
    this.#whole = false
  }

  /** Runs a production; undefined if it was abandoned. */
  attempt<T>(production: () => T): T | undefined {
    const depth = this.#depth
    const open = this.#open.length
    try {
      return production()
    } catch (error) {
      if (error !== ABANDON) throw error
      this.#depth = depth
      this.#open.length = open
      return undefined
    }
  }

  /** One level deeper, up to MAX_NESTING. */
  nested<T>(production: () => T): T {
    if (this.#depth >= MAX_NESTING) {
      this.#whole = false
      this.reports.add('A004', this.token, `expected no more than ${MAX_NESTING} levels of nesting: split this into parts`, {
        expected: [`at most ${MAX_NESTING} levels`],
      })
      throw ABANDON
    }
    this.#depth += 1
    const result = production()
    this.#depth -= 1
    return result
  }

  open(opener: Span): void {
    this.#open.push(opener)
  }

  /**
   * Runs a production that reads up to a closer. Where the input ends inside it, the absence of the closer is what is reported (C2), and
   * the production is abandoned.
   */
  enclosed<T>(opener: Span, name: string, closer: string, production: () => T): T {
    this.open(opener)
    try {
      const result = production()
      this.close()
      return result
    } catch (error) {
      if (this.ended) this.leaveOpen(name, closer)
      else this.close()
      throw error
    }
  }

  /** The closer of the innermost block has been read, or its absence reported. */
  close(): void {
    this.#open.pop()
  }

  /** The input ends inside the innermost block. */
  leaveOpen(name: string, closer: string): void {
    this.#whole = false
    const end = { start: this.token.start, end: this.token.end }
    this.#unclosed.push({ opener: this.#open.pop() as Span, name, closer, end })
  }

  /** A006: one report at the end of input for all the blocks that are open there, the innermost first. */
  reportUnclosed(): void {
    const [first] = this.#unclosed
    if (first === undefined) return
    const related = this.#unclosed.map(({ opener, name }) => ({ span: opener, message: `${name} was opened here` }))
    const message = `${first.name} is not closed: expected ${first.closer} before the end of input`
    this.reports.add('A006', first.end, message, { expected: [first.closer], related })
  }
}

function shown(token: Token): string {
  switch (token.kind) {
    case 'string':
      return `the string "${token.text}"`
    case 'symbol':
      return `{${token.text}}`
    default:
      return token.short ? token.text.slice(0, 1) : token.text
  }
}

function listed(expected: readonly string[]): string {
  if (expected.length < 2) return expected.join('')
  return `${expected.slice(0, -1).join(', ')} or ${expected.at(-1)}`
}
