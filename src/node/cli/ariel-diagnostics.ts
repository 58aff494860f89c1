/**
 * What the translator found, for people: the line of SPEC 8, then the line of the source with the place marked under it.
 *
 *     plant.ariel:4:3: error A004: expected THEN, found RESTART
 *         4 |   RESTART T5
 *           |   ^^^^^^^
 *
 * Boundary: pure, lines of text out.
 */
import { dirname, join } from 'node:path'
import { type Diagnostic, describe, type Place } from '../../mechanisms/ariel/ariel.ts'
import { type Style, styled } from './output.ts'
import type { ScriptFile } from './script-file.ts'

/** Columns of the source that are shown; of a longer line those around the place. */
const MAX_COLUMNS = 160
const GUTTER = 5

export function diagnosticLines(diagnostics: readonly Diagnostic[], script: ScriptFile, stream: NodeJS.WriteStream): string[] {
  const linesOf = new Map<string | undefined, readonly string[]>()
  const lineAt = ({ file, line }: Place): string => {
    if (!linesOf.has(file)) linesOf.set(file, sourceOf(file, script).split(/\r?\n/))
    return linesOf.get(file)?.[line - 1] ?? ''
  }
  return diagnostics.flatMap((diagnostic) => {
    const style: Style = diagnostic.severity === 'error' ? 'red' : 'yellow'
    const text = describe(located(diagnostic, script), script.name)
    const related = (diagnostic.related ?? []).flatMap((other) => {
      const { file = script.name, line, column } = located(other, script)
      return [`  ${file}:${line}:${column}: ${other.message}`]
    })
    return [styled(style, text, stream), ...marked(lineAt(diagnostic), diagnostic), ...related]
  })
}

/** `2 errors, 1 warning`; nothing where there are none. */
export function countLine(diagnostics: readonly Diagnostic[]): string | undefined {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const parts = [counted(errors, 'error'), counted(diagnostics.length - errors, 'warning')].filter((part) => part !== '')
  return parts.length === 0 ? undefined : parts.join(', ')
}

function counted(count: number, what: string): string {
  return count === 0 ? '' : `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Included files are named as seen from here, not from the script. */
function located<P extends Place>(place: P, script: ScriptFile): P {
  return place.file === undefined ? place : { ...place, file: join(dirname(script.name), place.file) }
}

function sourceOf(file: string | undefined, script: ScriptFile): string {
  return file === undefined ? script.text : (script.include(file) ?? '')
}

/** The line, and carets under the place; a place that goes on in the next line is marked to the end of this one. */
function marked(source: string, { line, column, endLine, endColumn }: Place): string[] {
  const from = Math.max(0, Math.min(column - 1 - MAX_COLUMNS / 2, source.length - MAX_COLUMNS))
  const shown = source.slice(from, from + MAX_COLUMNS)
  const end = endLine === line ? endColumn - 1 : source.length
  const width = Math.max(1, Math.min(end, from + MAX_COLUMNS) - (column - 1))
  // Tabs stay tabs, so that the caret stands under its character however wide they are.
  const before = source.slice(from, column - 1).replace(/[^\t]/g, ' ')
  return [`${String(line).padStart(GUTTER)} | ${shown}`.trimEnd(), `${' '.repeat(GUTTER)} | ${before}${'^'.repeat(width)}`]
}
