/**
 * Where a command's words go: what was asked for to standard output, everything else to standard error.
 *
 * So `perdure run FILE > result` keeps the result and shows the progress, and with `--json` standard output has nothing but one
 * JSON object a line, whatever goes wrong.
 *
 * Boundary: the streams of this process and its exit code; nobody else in the command line writes.
 */
import { styleText } from 'node:util'
import { PerdureError } from '../../errors.ts'
import { failureOf } from '../../log/outcome.ts'
import { jsonable, shown } from './values.ts'

/** Of the command line. */
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

/** The codes that say that the command itself was wrong, not what it did. */
const USAGE_CODES: readonly unknown[] = ['PERDURE_E_USAGE', 'PERDURE_E_NOT_YET', 'PERDURE_E_URL']

/** How many causes of causes are shown. */
const MAX_CAUSES = 8

export type Style = Parameters<typeof styleText>[0]

/** One line of standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function sayJson(object: object): void {
  say(JSON.stringify(jsonable(object)))
}

/** One line of standard error: news that are not what was asked for. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Colours where a person looks; `NO_COLOR` and the like are obeyed. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return stream.isTTY && stream.hasColors() ? styleText(style, text) : text
}

export function exitCodeOf(error: unknown): number {
  return USAGE_CODES.includes((error as { code?: unknown } | null)?.code) ? EXIT_USAGE : EXIT_FAILED
}

export function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}

/** An error as an object of JSON. */
export function errorJson(error: unknown): object {
  return failureOf(error)
}

/** An error for people: what it is, its causes, and the data where there is any that the message does not say. */
export function complain(error: unknown): void {
  const red = (text: string) => styled('red', text, process.stderr)
  let current = error
  for (let depth = 0; depth <= MAX_CAUSES && current !== undefined; depth++) {
    const { title, message, data } = partsOf(current)
    remark(`${depth === 0 ? red(title) : `  caused by ${title}`}: ${message}`)
    if (data !== undefined) remark(`  data: ${shown(data).replaceAll('\n', '\n  ')}`)
    current = (current as { cause?: unknown } | null)?.cause
  }
}

function partsOf(error: unknown): { title: string; message: string; data: unknown } {
  if (!(error instanceof Error)) return { title: 'Error', message: String(error), data: undefined }
  const { code, data } = error as { code?: unknown; data?: unknown }
  const own = error instanceof PerdureError
  const title = own ? String(code) : code === undefined ? error.name : `${error.name} (${String(code)})`
  // The messages of our own errors say all that their data does.
  return { title, message: error.message, data: own ? undefined : data }
}
