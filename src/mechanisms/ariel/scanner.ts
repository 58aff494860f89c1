/**
 * Text to words (SPEC 2 and 2.1).
 *
 * Words come out under their one canonical name, whatever their case, hyphen or plural; `T5`, `TASK5` and `TASK 5` come out alike.
 * White space is gone, but each word remembers whether a blank or a line's end stood before it, since three rules ask.
 *
 * Boundary: pure, never fails: what is not in the language is reported and left out (A001, A002, A003).
 */
import type { Reports, Source, Span } from './diagnostics.ts'
import { HYPHENATED, type Keyword, keywordOf, PREFIXES } from './keywords.ts'

export type TokenKind =
  | 'keyword'
  | 'variable'
  | 'unknown'
  | 'integer'
  | 'real'
  | 'string'
  | 'symbol'
  | 'reference'
  | 'mark'
  | 'end'

export interface Token extends Span {
  readonly kind: TokenKind
  /** Keyword: its canonical name. String, symbol: what is inside. Reference: `$1`, `@@`, `~`. Everything else: as written, in upper case. */
  readonly text: string
  readonly line: number
  /** No blank and no line's end before it. */
  readonly glued: boolean
  readonly firstOnLine: boolean
  /** A letter in place of a word: `T5`. */
  readonly short: boolean
  /** String, symbol: the closing quote or brace was there. */
  readonly closed: boolean
}

export interface Comment extends Span {
  readonly line: number
  /** The end of the last word before it that is no separator; -1 if there is none. */
  readonly after: number
}

export interface Scan {
  readonly tokens: readonly Token[]
  readonly comments: readonly Comment[]
}

const WORD = /[A-Za-z_][A-Za-z_0-9]*/y
const HYPHEN_WORD = new RegExp(`(?:${HYPHENATED.join('|')})(?![A-Za-z_0-9])`, 'iy')
const NUMBER = /[0-9]+(\.[0-9]+)?/y
const REFERENCE = /\$(?:\$|[0-9]+)?|@(?:@|[0-9]+)?|~(?:~|[0-9]+)?/y
const MARK = /&&|\|\||==|!=|>=|<=|[[\](),=!<>+\-*/;.]/y
const NUMBERED_ENTITY = /^(TASKS?|NODE|GROUP|LOGICAL|[TNGL])([0-9]+)$/
const AFTER_PREFIX = /[{*$@~"']/

/** One object for all words that are neither short nor unclosed: a script has very many of them. */
const PLAIN = {}
const SHORT = { short: true }

/** Which pattern a character can begin: one look instead of six tries. */
const BEGINS_WORD = /[A-Za-z_]/
const BEGINS_NUMBER = /[0-9]/
const BEGINS_REFERENCE = /[$@~]/

export function scan(source: Source, reports: Reports): Scan {
  const scanner = new Scanner(source.text, reports)
  while (scanner.step());
  return { tokens: scanner.tokens, comments: scanner.comments }
}

class Scanner {
  readonly tokens: Token[] = []
  readonly comments: Comment[] = []
  readonly #text: string
  readonly #reports: Reports
  #at = 0
  #line = 1
  #glued = false
  #firstOnLine = true
  /** End of the last word that is no separator. */
  #wordEnd = -1
  /** The line whose end is known, that end, and the closers that do not come before it. */
  #endLine = 0
  #lineEnd = 0
  readonly #absent = new Set<string>()

  constructor(text: string, reports: Reports) {
    this.#text = text
    this.#reports = reports
    if (text.startsWith('\uFEFF')) this.#at = 1
  }

  /** Reads one word or one piece of white space; false when the text is at its end. */
  step(): boolean {
    const text = this.#text
    const char = text[this.#at]
    if (char === undefined) {
      const end = Math.max(this.tokens.at(-1)?.end ?? 0, 0)
      this.#push('end', 'the end of input', end, end)
      return false
    }
    if (char === '\n') {
      this.#at += 1
      this.#line += 1
      this.#glued = false
      this.#firstOnLine = true
    } else if (char === ' ' || char === '\t' || char === '\r') {
      this.#at += 1
      this.#glued = false
    } else if (char === '#') this.#comment()
    else if (BEGINS_WORD.test(char)) this.#word()
    else if (BEGINS_NUMBER.test(char)) this.#number()
    else if (char === '"' || char === "'") this.#string(char)
    else if (char === '{') this.#symbol()
    else if (BEGINS_REFERENCE.test(char)) {
      this.#take('reference', match(REFERENCE, text, this.#at) as string)
    } else {
      const mark = match(MARK, text, this.#at)
      if (mark === undefined) this.#stranger()
      else this.#take('mark', mark)
    }
    return true
  }

  #push(
    kind: TokenKind,
    text: string,
    start: number,
    end: number,
    more: { readonly short?: boolean; readonly closed?: boolean } = PLAIN,
  ): void {
    this.tokens.push({
      kind,
      text,
      start,
      end,
      line: this.#line,
      glued: this.#glued,
      firstOnLine: this.#firstOnLine,
      short: more.short ?? false,
      closed: more.closed ?? true,
    })
    this.#glued = true
    this.#firstOnLine = false
    this.#at = end
    if (text !== ';' && text !== '.') this.#wordEnd = end
  }

  #take(kind: TokenKind, text: string): void {
    this.#push(kind, text, this.#at, this.#at + text.length)
  }

  #comment(): void {
    const end = this.#endOfLine()
    this.comments.push({ start: this.#at, end, line: this.#line, after: this.#wordEnd })
    this.#at = end
  }

  #word(): void {
    const text = this.#text
    const start = this.#at
    const plain = match(WORD, text, start) as string
    let end = start + plain.length
    let word = plain.toUpperCase()
    if (text[end] === '-') {
      word = match(HYPHEN_WORD, text, start)?.toUpperCase() ?? word
      end = start + word.length
    } else if (BEGINS_NUMBER.test(text[end - 1] as string)) {
      const name = NUMBERED_ENTITY.exec(word)?.[1]
      if (name !== undefined) return this.#numbered(name)
    }
    if (word.length > 1) {
      const keyword = keywordOf(word)
      return this.#push(keyword === undefined ? 'unknown' : 'keyword', keyword ?? word, start, end)
    }
    const prefix = PREFIXES[word]
    if (prefix !== undefined && AFTER_PREFIX.test(text[end] ?? '')) this.#push('keyword', prefix, start, end, SHORT)
    else this.#push(word === '_' ? 'unknown' : 'variable', word, start, end)
  }

  /** `TASK5`, `T5`: the word, then its number. */
  #numbered(name: string): void {
    const letter = PREFIXES[name]
    const end = this.#at + name.length
    if (letter === undefined) this.#push('keyword', keywordOf(name) as Keyword, this.#at, end)
    else this.#push('keyword', letter, this.#at, end, SHORT)
    this.#number()
  }

  #number(): void {
    const text = match(NUMBER, this.#text, this.#at) as string
    this.#take(text.includes('.') ? 'real' : 'integer', text)
  }

  #string(quote: string): void {
    const start = this.#at
    const lineEnd = this.#endOfLine()
    const close = this.#onThisLine(quote, start + 1)
    const closed = close >= 0
    const end = closed ? close : lineEnd
    if (!closed) {
      this.#reports.add('A002', { start, end }, `this string is not closed: expected ${quote} before the end of the line`)
    }
    this.#push('string', this.#text.slice(start + 1, end), start, closed ? end + 1 : end, { closed })
  }

  #symbol(): void {
    const start = this.#at
    const lineEnd = this.#endOfLine()
    const close = this.#onThisLine('}', start)
    if (close >= 0) {
      this.#push('symbol', this.#text.slice(start + 1, close).trim(), start, close + 1)
      return
    }
    let end = start + 1
    while (end < lineEnd && this.#text[end] !== ' ' && this.#text[end] !== '\t') end += 1
    this.#reports.add('A003', { start, end }, 'this { is not closed: expected } on the same line')
    this.#push('symbol', this.#text.slice(start + 1, end), start, end, { closed: false })
  }

  #stranger(): void {
    const start = this.#at
    const point = String.fromCodePoint(this.#text.codePointAt(start) as number)
    this.#at += point.length
    this.#glued = false
    const code = (point.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
    const shown = /\p{C}|\p{Z}/u.test(point) ? `U+${code}` : point
    this.#reports.add('A001', { start, end: this.#at }, `${shown} is not a character of the language: delete it`)
  }

  #endOfLine(): number {
    if (this.#endLine !== this.#line) {
      const feed = this.#text.indexOf('\n', this.#at)
      const end = feed < 0 ? this.#text.length : feed
      this.#lineEnd = this.#text[feed - 1] === '\r' && feed > this.#at ? end - 1 : end
      this.#endLine = this.#line
      this.#absent.clear()
    }
    return this.#lineEnd
  }

  /** Remembers what the rest of the line does not hold: else a long line of open braces would cost its square. */
  #onThisLine(closer: string, from: number): number {
    const end = this.#endOfLine()
    if (this.#absent.has(closer)) return -1
    const at = this.#text.slice(from, end).indexOf(closer)
    if (at < 0) this.#absent.add(closer)
    return at < 0 ? -1 : from + at
  }
}

/** What a sticky pattern finds at a place. By `test` and not `exec`, whose result is an array for every word of the text. */
function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? text.slice(at, pattern.lastIndex) : undefined
}
