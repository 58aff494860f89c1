/**
 * What the translator has to say about a script: one table of codes, one shape, positions a reader can go to.
 *
 * Boundary: pure. Positions are kept as offsets while the translator works, and become lines and columns here.
 *   D1  Every diagnostic lies inside the text it is about; at the end of input, just after the last word.
 *   D2  No code is reported twice at one place.
 */
import { nearest } from './nearest.ts'

/** SPEC 8, the table of codes. */
export const CODES = {
  A001: 'character not in the language',
  A002: 'string not closed',
  A003: '{ not closed',
  A004: 'unexpected word',
  A005: 'unknown word',
  A006: 'block not closed before the end of input',
  A010: 'symbol not defined',
  A011: 'include file not found',
  A012: 'declared twice',
  A013: 'task or group not declared',
  A014: 'ranges of unequal length',
  A015: 'number out of its range',
  A020: 'entity kind not allowed here',
  A021: 'star not allowed here',
  A022: 'back reference out of range or to an unfit atom',
  A023: 'back reference outside actions',
  A024: 'AND and OR mixed without parentheses',
  A030: 'configuration after the first section',
  A031: 'required clause missing',
  A032: 'clause repeated',
  W101: 'branch or section can never run',
  W102: 'declared task never used',
  W103: 'section acts but settles nothing, so it repeats each pass',
  W104: 'TRANSIENT or ALPHA of an entity without filter',
  W106: 'time-outs inconsistent',
  W108: 'even number of voters',
} as const

export type Code = keyof typeof CODES

/** A piece of a text: offsets in UTF-16 code units, `end` exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Lines and columns from 1; a column counts UTF-16 code units, a tab counts 1; the end is exclusive. */
export interface Place {
  readonly line: number
  readonly column: number
  readonly endLine: number
  readonly endColumn: number
  /** The included file that it is about; absent for the script itself. */
  readonly file?: string
}

export interface Related extends Place {
  readonly message: string
}

export interface Diagnostic extends Place {
  readonly code: Code
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly expected?: readonly string[]
  readonly related?: readonly Related[]
}

/** A text that diagnostics are about: the script, or a file that it includes. */
export class Source {
  readonly text: string
  readonly file: string | undefined
  readonly #starts: number[] = [0]

  constructor(text: string, file?: string) {
    this.text = text
    this.file = file
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1)
  }

  lineOf(offset: number): number {
    let low = 0
    let high = this.#starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] as number) <= offset) low = middle
      else high = middle
    }
    return low + 1
  }

  columnOf(offset: number): number {
    return offset - (this.#starts[this.lineOf(offset) - 1] as number) + 1
  }

  /** The offset of a line and column, from 1; beyond the end of a line its end, beyond the last line the end of the text. */
  offsetOf(line: number, column: number): number {
    const start = this.#starts[line - 1]
    if (start === undefined) return line < 1 ? 0 : this.text.length
    const next = this.#starts[line]
    const feed = next === undefined ? this.text.length : next - 1
    const end = feed > start && next !== undefined && this.text[feed - 1] === '\r' ? feed - 1 : feed
    return Math.min(start + Math.max(column, 1) - 1, end)
  }

  place(span: Span): Place {
    return {
      line: this.lineOf(span.start),
      column: this.columnOf(span.start),
      endLine: this.lineOf(span.end),
      endColumn: this.columnOf(span.end),
      ...(this.file !== undefined && { file: this.file }),
    }
  }
}

export interface ReportDetails {
  readonly expected?: readonly string[]
  readonly related?: readonly { readonly source?: Source; readonly span: Span; readonly message: string }[]
  /** Where it is not the script that the report is about. */
  readonly source?: Source
  readonly severity?: 'error' | 'warning'
}

/**
 * Names that are compared in one run to suggest one: half a second at most. A script with so many unknown names and so many known ones
 * is no slip of the finger, and looking on would cost the square of its length.
 */
const MAX_COMPARISONS = 500_000

/** Collects diagnostics; each code once at each place (D2). */
export class Reports {
  readonly #source: Source
  readonly #found: { readonly start: number; readonly diagnostic: Diagnostic }[] = []
  readonly #seen = new Set<string>()
  #errors = 0
  #comparisons = 0

  constructor(source: Source) {
    this.#source = source
  }

  get errors(): number {
    return this.#errors
  }

  add(code: Code, span: Span, message: string, details: ReportDetails = {}): void {
    const source = details.source ?? this.#source
    const key = `${code} ${span.start} ${source.file ?? ''}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const severity = details.severity ?? (code.startsWith('W') ? 'warning' : 'error')
    if (severity === 'error') this.#errors += 1
    const related = details.related?.map((other) => ({
      ...(other.source ?? this.#source).place(other.span),
      message: other.message,
    }))
    const diagnostic: Diagnostic = {
      code,
      severity,
      ...source.place(span),
      message,
      ...(details.expected !== undefined && { expected: details.expected }),
      ...(related !== undefined && { related }),
    }
    this.#found.push({ start: span.start, diagnostic })
  }

  /** ` (did you mean X?)`, or nothing. */
  suggestion(word: string, candidates: Iterable<string>): string {
    const best = nearest(word, this.#counted(candidates))
    return best === undefined ? '' : ` (did you mean ${best}?)`
  }

  *#counted(candidates: Iterable<string>): Iterable<string> {
    for (const candidate of candidates) {
      if (this.#comparisons >= MAX_COMPARISONS) return
      this.#comparisons += 1
      yield candidate
    }
  }

  /** Those of included files first, then in the order of the text. */
  inOrder(): Diagnostic[] {
    const rank = (diagnostic: Diagnostic): number => (diagnostic.file === undefined ? 1 : 0)
    return this.#found
      .sort((a, b) => rank(a.diagnostic) - rank(b.diagnostic) || a.start - b.start)
      .map(({ diagnostic }) => diagnostic)
  }
}

/** The line of a terminal: `file:line:column: error A004: expected THEN, found RESTART`. */
export function describe(diagnostic: Diagnostic, file: string): string {
  const { line, column, severity, code, message } = diagnostic
  return `${diagnostic.file ?? file}:${line}:${column}: ${severity} ${code}: ${message}`
}
