/**
 * A script on the disk, with the headers that it includes.
 *
 * Boundary: paths to texts. Errors: `PERDURE_E_USAGE` where FILE cannot be read. A header that cannot be read is none: the translator
 * then says A011 at the place that names it.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { usage } from './output.ts'

/** Bytes of a script or header: a hundred times the largest one that people wrote; beyond, a file is something else. */
export const MAX_SCRIPT_BYTES: number = 16 * 1024 * 1024

/** Bytes of a recorded history: it is read into memory as a whole. */
export const MAX_HISTORY_BYTES: number = 512 * 1024 * 1024

const BYTE_ORDER_MARK = '\uFEFF'
const BYTE_ORDER_MARK_BYTES: readonly number[] = [0xef, 0xbb, 0xbf]

export interface ScriptFile {
  /** As given, for messages. */
  readonly name: string
  /** What stands before the text: a byte order mark, or nothing. */
  readonly mark: string
  readonly text: string
  readonly include: (path: string) => string | undefined
}

export function readScript(file: string): ScriptFile {
  return scriptOf(file, readBytes(file, 'an ariel script, as in plant.ariel'))
}

/** Errors: `PERDURE_E_USAGE` for what is not UTF-8 (SPEC 2): read as such it would be damaged when it is written again. */
export function scriptOf(file: string, bytes: Uint8Array): ScriptFile {
  return {
    name: file,
    mark: isMarked(bytes) ? BYTE_ORDER_MARK : '',
    text: decoded(file, bytes),
    include: includeFrom(dirname(resolve(file))),
  }
}

/** Without the mark. */
function decoded(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw usage(
      `${file} is not UTF-8 (${(error as Error).message}). Expected a script in that encoding: convert it, as in iconv -f latin1 -t utf-8.`,
    )
  }
}

function isMarked(bytes: Uint8Array): boolean {
  return BYTE_ORDER_MARK_BYTES.every((byte, at) => bytes[at] === byte)
}

/** Headers by their path as written, relative to the script; each is read once. */
export function includeFrom(folder: string): (path: string) => string | undefined {
  const texts = new Map<string, string | undefined>()
  return (path) => {
    if (!texts.has(path)) texts.set(path, readHeader(resolve(folder, path)))
    return texts.get(path)
  }
}

export function readBytes(file: string, expected: string, most: number = MAX_SCRIPT_BYTES): Uint8Array {
  const path = resolve(file)
  const found = attempted(file, expected, () => statSync(path, { throwIfNoEntry: false }))
  if (found === undefined) throw usage(`There is no file ${file} (looked at ${path}). Expected ${expected}.`)
  if (!found.isFile()) throw usage(`${file} is no file (looked at ${path}). Expected ${expected}.`)
  if (found.size > most) {
    throw usage(`${file} has ${found.size} bytes, and at most ${most} are read. Expected ${expected}.`)
  }
  return attempted(file, expected, () => readFileSync(path))
}

/** The file system may refuse at every step: no right to look into the folder, a path through a file, a name that is too long. */
function attempted<T>(file: string, expected: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw usage(`${file} cannot be read: ${(error as Error).message}. Expected ${expected}.`)
  }
}

function readHeader(path: string): string | undefined {
  try {
    const found = statSync(path)
    return found.isFile() && found.size <= MAX_SCRIPT_BYTES ? readFileSync(path, 'utf8') : undefined
  } catch {
    return undefined
  }
}
