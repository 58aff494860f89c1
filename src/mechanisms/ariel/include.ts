/**
 * Headers (SPEC 3, INCLUDE): what names the `#define`s of a C header give to integers.
 *
 * Only lines of the form `#define NAME integer` matter; conditions are not evaluated, since guards against double inclusion are the only
 * ones that headers of this kind have. Comments are blanked first, so that what they hold is never read.
 *
 * Boundary: pure: the text is handed in. Octal integers (`010`), suffixes (`10L`) and macros with parameters are lines like any other:
 * ignored, so that a name never stands for another number than in C.
 */
import type { Reports, Source, Span } from './diagnostics.ts'

export interface Definition {
  readonly value: number
  readonly source: Source
  /** Of the value. */
  readonly span: Span
  readonly name: Span
}

/** Range of an integer (SPEC 2). */
export const MIN_INTEGER: number = -(2 ** 31)
export const MAX_INTEGER: number = 2 ** 31 - 1

/** A byte order mark may stand before the first line. */
const DEFINE = /^\uFEFF?[ \t]*#[ \t]*define[ \t]+([A-Za-z_][A-Za-z_0-9]*)[ \t]+(\S(?:.*\S)?)[ \t\r]*$/gm
const BEHIND_DEFINE = /(?<=define[ \t]+)[A-Za-z_]/
const INTEGER = /^-?(?:0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)$/
const NAME = /^[A-Za-z_][A-Za-z_0-9]*$/

/** Adds the definitions of a header to those there are: A012 where a name gets another value, A015 where a value has no place in 32 bits. */
export function readHeader(header: Source, definitions: Map<string, Definition>, reports: Reports): void {
  const text = header.text.replace(/\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))|\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ' '))
  for (const found of text.matchAll(DEFINE)) {
    const [line, name, written] = found as unknown as [string, string, string]
    const start = found.index + line.lastIndexOf(written)
    const span = { start, end: start + written.length }
    const named = found.index + line.search(BEHIND_DEFINE)
    const read = integerOf(written, definitions)
    if (read === undefined) continue
    // A zero with a sign is no integer.
    const value = read + 0
    if (value < MIN_INTEGER || value > MAX_INTEGER) {
      const message = `${name} is ${written}: expected an integer from ${MIN_INTEGER} to ${MAX_INTEGER}`
      reports.add('A015', span, message, { source: header })
    }
    const before = definitions.get(name)
    if (before === undefined)
      definitions.set(name, { value, source: header, span, name: { start: named, end: named + name.length } })
    else if (before.value !== value) {
      reports.add('A012', span, `${name} is defined as ${value} here and as ${before.value} before: keep one of them`, {
        source: header,
        related: [{ source: before.source, span: before.span, message: `${name} was defined here` }],
      })
    }
  }
}

function integerOf(written: string, definitions: ReadonlyMap<string, Definition>): number | undefined {
  let text = written
  let sign = 1
  for (;;) {
    if (text.startsWith('(') && text.endsWith(')')) text = text.slice(1, -1).trim()
    else if (text.startsWith('-') && !INTEGER.test(text)) {
      sign = -sign
      text = text.slice(1).trim()
    } else break
  }
  if (NAME.test(text)) {
    const named = definitions.get(text)
    return named === undefined ? undefined : sign * named.value
  }
  if (!INTEGER.test(text)) return undefined
  return sign * (text.startsWith('-') ? -Number(text.slice(1)) : Number(text))
}
