/**
 * A policy from the disk: a script, or r-code with its topology, for all commands that run one.
 *
 * Boundary: paths to policies. What the translator finds goes to standard error.
 */
import { type Compiled, compile, type Diagnostic } from '../../mechanisms/ariel/ariel.ts'
import { isRCode, readRCode, readTopology } from '../../mechanisms/ariel/emit-reader.ts'
import type { Policy } from '../../support/backbone/rint.ts'
import { countLine, diagnosticLines } from './ariel-diagnostics.ts'
import { remark, usage } from './output.ts'
import { MAX_HISTORY_BYTES, readBytes, type ScriptFile, scriptOf } from './script-file.ts'

export interface ClassicOptions {
  readonly classic?: true
}

export interface PolicyOptions extends ClassicOptions {
  readonly topology?: string
}

/** Undefined for a script with errors: they have been said. `PERDURE_E_USAGE` for r-code without its topology. */
export function readPolicy(file: string, options: PolicyOptions): Policy | undefined {
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

/** With what was found on standard error. */
export function compileScript(script: ScriptFile, { classic }: ClassicOptions): Compiled {
  const compiled = compile(script.text, { include: script.include, classic: classic === true })
  for (const line of withCount(compiled.diagnostics, script, process.stderr)) remark(line)
  return compiled
}

export function withCount(diagnostics: readonly Diagnostic[], script: ScriptFile, stream: NodeJS.WriteStream): string[] {
  const count = countLine(diagnostics)
  return count === undefined ? [] : [...diagnosticLines(diagnostics, script, stream), count]
}

export function readHistoryText(file: string): string {
  const bytes = readBytes(file, 'a history: one JSON object a line, as SPEC 5.3 has them', MAX_HISTORY_BYTES)
  return new TextDecoder().decode(bytes)
}

/** A whole number as it was typed. `PERDURE_E_USAGE` names the option. */
export function wholeNumber(written: string, option: string, least: number, most: number): number {
  const number = Number(written)
  if (/^-?[0-9]+$/.test(written) && number >= least && number <= most) return number
  throw usage(`${option} ${written} is not what was expected: a whole number from ${least} to ${most}.`)
}
