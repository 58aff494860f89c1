/**
 * Columns for people: as wide as their widest cell, the last one cut at the edge of a terminal.
 *
 * Boundary: text to lines; nothing is written.
 */
import { stripVTControlCharacters } from 'node:util'
import { styled } from './output.ts'

/** Cells are wider than this only in the last column. */
const MAX_CELL = 48

const GAP = '  '

export function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const plain = rows.map((row) => row.map(oneLine))
  const widths = head.map((title, column) =>
    Math.min(MAX_CELL, Math.max(title.length, ...plain.map((row) => row[column]?.length ?? 0))),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === head.length - 1 ? cell : cut(cell, MAX_CELL).padEnd(widths[column] ?? 0)))
      .join(GAP)
      .trimEnd()
  return [styled('dim', line(head)), ...plain.map((row) => fitted(line(row)))]
}

/** Cut at the edge of the terminal that standard output is, if it is one. */
export function fitted(line: string, width: number | undefined = process.stdout.columns): string {
  return width === undefined ? line : cut(line, width)
}

export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** Control characters in a text of the log must not reach a terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are to go
  return stripVTControlCharacters(text).replace(/[\u0000-\u001F\u007F-\u009F]+/g, ' ')
}

/** A time as people read it in a list: of the day, with the date only in full ISO form for programs. */
export function clockTime(atMs: number): string {
  const at = new Date(atMs)
  return `${at.toLocaleDateString('sv')} ${at.toLocaleTimeString('sv')}`
}

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}

/** `7 s`, `12 min`, `3 h`, `5 d`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 120 * 60) return `${Math.round(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}
