/**
 * A script in the one layout of `print`, as the file that it is: line ends and the mark at the begin of the file stay what they were.
 *
 * Boundary: pure.
 *   F1  Formatting what was formatted changes nothing.
 *   F2  What a script means, and every comment of it, survives.
 *   F3  A script that could not be read as a whole comes back as it was.
 */
import { parse } from './compile.ts'
import type { Diagnostic } from './diagnostics.ts'
import { print } from './print.ts'

const BYTE_ORDER_MARK = '\uFEFF'

export interface Formatted {
  readonly text: string
  /** False if nothing was done, for the reasons in `diagnostics`. */
  readonly whole: boolean
  /** What the scanner and the parser have to say. */
  readonly diagnostics: readonly Diagnostic[]
}

export function format(script: string): Formatted {
  const { tree, diagnostics } = parse(script)
  if (!tree.whole) return { text: script, whole: false, diagnostics }
  const mark = script.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : ''
  return { text: mark + withLineEnds(print(tree), script), whole: true, diagnostics }
}

/** The line ends of the script: those of its first line. */
function withLineEnds(text: string, script: string): string {
  const feed = script.indexOf('\n')
  return feed > 0 && script[feed - 1] === '\r' ? text.replaceAll('\n', '\r\n') : text
}
