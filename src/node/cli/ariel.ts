/**
 * `perdure ariel …`: scripts of the recovery language checked, translated, laid out and tried.
 *
 * Boundary: files in, files and lines out. Exit codes: 0 good, 1 errors found, 2 wrong usage (SPEC 8).
 */
import { basename, resolve } from 'node:path'
import {
  actionLines,
  check,
  compareActions,
  type Diagnostic,
  type Difference,
  dryRun,
  listing,
} from '../../mechanisms/ariel/ariel.ts'
import { disassemble } from '../../mechanisms/ariel/emit-disassembly.ts'
import { emit, FORMS, type OutputForm } from '../../mechanisms/ariel/emit-form.ts'
import { readRCode } from '../../mechanisms/ariel/emit-reader.ts'
import { format } from '../../mechanisms/ariel/fmt.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import { type ClassicOptions, compileScript, type PolicyOptions, readHistoryText, readPolicy, withCount } from './ariel-policy.ts'
import { EXIT_FAILED, remark, say, styled, usage } from './output.ts'
import { readBytes, readScript } from './script-file.ts'
import { writeWhole } from './whole-file.ts'

export interface CheckOptions extends ClassicOptions {
  readonly json?: true
}

/** Prints what the translator has to say. */
export function checkScript(file: string, { classic, json }: CheckOptions): number {
  const script = readScript(file)
  const diagnostics = check(script.text, { include: script.include, classic: classic === true })
  if (json) for (const diagnostic of diagnostics) say(JSON.stringify(diagnostic))
  else for (const line of withCount(diagnostics, script, process.stdout)) say(line)
  return exitOf(diagnostics)
}

export interface BuildOptions extends ClassicOptions {
  readonly output?: string
  readonly emit?: string
  readonly listing?: true
}

/** Writes one output form. With errors in the script nothing is written, and what an earlier build wrote stays. */
export function buildScript(file: string, options: BuildOptions): number {
  const form = formOf(options.emit)
  if (form === 'binary' && options.output === undefined && options.listing === undefined && process.stdout.isTTY) {
    throw usage('Binary r-code on a terminal helps nobody. Expected a file for it, as in: -o plant.rcode')
  }
  if (options.output !== undefined && resolve(options.output) === resolve(file)) {
    throw usage(`-o ${options.output} is the script itself. Expected another file, as in: -o plant.rcode.json`)
  }
  const script = readScript(file)
  const compiled = compileScript(script, options)
  if (!compiled.ok) return EXIT_FAILED
  const written = emit(compiled, form, basename(file))
  if (options.output !== undefined) writeWhole(options.output, written)
  else if (options.listing === undefined) process.stdout.write(written)
  if (options.listing) process.stdout.write(listing(compiled.rcode))
  return 0
}

function formOf(name: string | undefined): OutputForm {
  if (name === undefined) return 'json'
  if (name in FORMS) return name as OutputForm
  throw usage(`--emit ${name} is no output form. Expected one of: ${Object.keys(FORMS).join(', ')}.`)
}

export interface DryRunOptions extends PolicyOptions {
  readonly against?: string
  readonly againstTopology?: string
}

/** Prints what a policy would have done in a recorded history; with `against`, in what the two policies differ. */
export function dryRunPolicy(file: string, history: string, options: DryRunOptions): number {
  const policy = readPolicy(file, options)
  if (policy === undefined) return EXIT_FAILED
  const classic = options.classic === true
  const other = otherPolicy(options)
  if (other === 'has errors') return EXIT_FAILED
  const text = readHistoryText(history)
  const actions = dryRun(policy, text, { classic })
  if (other === undefined) process.stdout.write(actionLines(actions))
  else for (const difference of compareActions(actions, dryRun(other, text, { classic }))) sayDifference(difference)
  return 0
}

/** The changed policy of a comparison. */
function otherPolicy({ against, againstTopology, classic }: DryRunOptions): Policy | 'has errors' | undefined {
  if (against === undefined) return undefined
  const topology = againstTopology === undefined ? {} : { topology: againstTopology }
  return readPolicy(against, { ...topology, ...(classic === true && { classic }) }) ?? 'has errors'
}

/** As in a patch: `-` is done no more, `+` is done in addition. */
function sayDifference({ change, action }: Difference): void {
  say(styled(change === 'gone' ? 'red' : 'green', `${change === 'gone' ? '-' : '+'} ${JSON.stringify(action)}`))
}

/** Disassembles r-code, in either form. */
export function listProgram(file: string): number {
  process.stdout.write(disassemble(readRCode(readBytes(file, 'r-code, as perdure ariel build writes it'))))
  return 0
}

export interface FormatOptions {
  readonly check?: true
}

/** Lays out files in place; with `check` names those that would change. A file that cannot be read as a script is left alone. */
export function formatScripts(files: readonly string[], options: FormatOptions): number {
  let code = 0
  for (const file of files) {
    const script = readScript(file)
    const { text, whole, diagnostics } = format(script.text)
    if (!whole) {
      for (const line of withCount(diagnostics, script, process.stderr)) remark(line)
      remark(`${file} is left as it is, because it could not be read as a whole.`)
      code = EXIT_FAILED
    } else if (text !== script.text) {
      say(file)
      if (options.check) code = EXIT_FAILED
      else writeWhole(file, script.mark + text)
    }
  }
  return code
}

function exitOf(diagnostics: readonly Diagnostic[]): number {
  return diagnostics.some(({ severity }) => severity === 'error') ? EXIT_FAILED : 0
}
