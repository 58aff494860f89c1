/**
 * `perdure ariel …`: scripts of the recovery language checked, translated, laid out and tried.
 *
 * Boundary: files in, files and lines out. Exit codes: 0 good, 1 errors found, 2 wrong usage (SPEC 8).
 */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { actionLines, type Compiled, check, compile, type Diagnostic, dryRun, listing } from '../../mechanisms/ariel/ariel.ts'
import { disassemble } from '../../mechanisms/ariel/emit-disassembly.ts'
import { emit, FORMS, type OutputForm } from '../../mechanisms/ariel/emit-form.ts'
import { isRCode, readRCode, readTopology } from '../../mechanisms/ariel/emit-reader.ts'
import { format } from '../../mechanisms/ariel/fmt.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import { countLine, diagnosticLines } from './ariel-diagnostics.ts'
import { EXIT_FAILED, remark, say, usage } from './output.ts'
import { MAX_HISTORY_BYTES, readBytes, readScript, type ScriptFile, scriptOf } from './script-file.ts'

export interface ClassicOptions {
  readonly classic?: true
}

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
  if (options.output !== undefined) write(options.output, written)
  else if (options.listing === undefined) process.stdout.write(written)
  if (options.listing) process.stdout.write(listing(compiled.rcode))
  return 0
}

/** With what was found on standard error. */
function compileScript(script: ScriptFile, { classic }: ClassicOptions): Compiled {
  const compiled = compile(script.text, { include: script.include, classic: classic === true })
  for (const line of withCount(compiled.diagnostics, script, process.stderr)) remark(line)
  return compiled
}

function formOf(name: string | undefined): OutputForm {
  if (name === undefined) return 'json'
  if (name in FORMS) return name as OutputForm
  throw usage(`--emit ${name} is no output form. Expected one of: ${Object.keys(FORMS).join(', ')}.`)
}

export interface DryRunOptions extends ClassicOptions {
  readonly topology?: string
}

/** Prints what a policy would have done in a recorded history. The policy is a script, or r-code with its topology. */
export function dryRunPolicy(file: string, history: string, options: DryRunOptions): number {
  const policy = readPolicy(file, options)
  if (policy === undefined) return EXIT_FAILED
  const events = readBytes(history, 'a history: one JSON object a line, as SPEC 5.3 has them', MAX_HISTORY_BYTES)
  const actions = dryRun(policy, new TextDecoder().decode(events), { classic: options.classic === true })
  process.stdout.write(actionLines(actions))
  return 0
}

function readPolicy(file: string, options: DryRunOptions): Policy | undefined {
  const bytes = readBytes(file, 'an ariel script, as in plant.ariel, or r-code')
  if (isRCode(bytes)) {
    if (options.topology === undefined) {
      throw usage(
        `${file} is r-code, which does not say what there is to watch. Expected --topology with its topology.json as well.`,
      )
    }
    const topology = readBytes(options.topology, 'what perdure ariel build --emit topology writes')
    return { rcode: readRCode(bytes), topology: readTopology(new TextDecoder().decode(topology)) }
  }
  if (options.topology !== undefined) throw usage(`${file} is a script and declares its own topology. Expected no --topology.`)
  const compiled = compileScript(scriptOf(file, bytes), options)
  return compiled.ok ? compiled : undefined
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
      else write(file, script.mark + text)
    }
  }
  return code
}

function withCount(diagnostics: readonly Diagnostic[], script: ScriptFile, stream: NodeJS.WriteStream): string[] {
  const count = countLine(diagnostics)
  return count === undefined ? [] : [...diagnosticLines(diagnostics, script, stream), count]
}

function exitOf(diagnostics: readonly Diagnostic[]): number {
  return diagnostics.some(({ severity }) => severity === 'error') ? EXIT_FAILED : 0
}

/** All of it or nothing: a file that is cut off looks like a good one to those who read it. */
function write(file: string, content: string | Uint8Array): void {
  const before = statSync(file, { throwIfNoEntry: false })
  // A link stays one: what it leads to is written.
  const target = before === undefined ? file : realpathSync(file)
  const draft = `${target}.${process.pid}.tmp`
  try {
    if (before !== undefined && !before.isFile()) throw new Error('it is no file')
    writeFileSync(draft, content, before === undefined ? {} : { mode: before.mode })
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { force: true })
    throw usage(`${file} cannot be written: ${(error as Error).message}. Expected a place for a file in an existing folder.`)
  }
}
