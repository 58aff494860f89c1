/**
 * Scripts in one line, findings in one line each: what the tests of the translator have in common.
 *
 * Boundary: test code only.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CompileOptions, check, compile } from '../../../src/mechanisms/ariel/ariel.ts'
import { opcodeName, type RCode } from '../../../src/support/backbone/rcode.ts'

const SCRIPTS = fileURLToPath(new URL('scripts/', import.meta.url))

/** Symbols of every script that is written in a test. */
export const HEADER = '#define FIVE 5\n#define NINE 9\n#define LOW -3\n'

export const include = (path: string): string | undefined => (path === 'h' ? HEADER : undefined)

/** `A004 1:7` for each finding, in the order of the text. */
export function found(script: string, options: CompileOptions = {}): string[] {
  return check(script, { include, ...options }).map(({ code, line, column }) => `${code} ${line}:${column}`)
}

/** The codes alone. */
export function codes(script: string, options: CompileOptions = {}): string[] {
  return check(script, { include, ...options }).map(({ code }) => code)
}

/** The r-code of a script that must have no errors. */
export function rcodeOf(script: string, options: CompileOptions = {}): RCode {
  const compiled = compile(script, { include, ...options })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics))
  return compiled.rcode
}

/** `PUSH 0 -1` for each instruction. */
export function instructions(script: string, options: CompileOptions = {}): string[] {
  return rcodeOf(script, options).code.map(([opcode, a, b]) => `${opcodeName(opcode)} ${a} ${b}`)
}

/** The instructions of an action in a section whose guard is `FAULTY T1 AND ERRN(T2) > 0`: address 2 and 3. */
export function action(text: string): string[] {
  return instructions(`INCLUDE "h" IF [ FAULTY T1 AND ERRN(T2) > 0 ] THEN ${text} FI`).slice(7, -3)
}

/** The instructions of a guard. */
export function guard(text: string): string[] {
  return instructions(`INCLUDE "h" IF [ ${text} ] THEN STOP T1 FI`).slice(1, -5)
}

export interface Example {
  readonly name: string
  readonly text: string
}

export function examples(): Example[] {
  return readdirSync(SCRIPTS)
    .filter((name) => name.endsWith('.ariel'))
    .map((name) => ({ name: name.replace('.ariel', ''), text: readFileSync(SCRIPTS + name, 'utf8') }))
}

export const includeExample = (path: string): string | undefined => {
  return path === 'ferry.h' ? readFileSync(`${SCRIPTS}ferry.h`, 'utf8') : undefined
}
