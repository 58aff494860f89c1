/**
 * The translator (SPEC 8; REL, section 3.3, "art"): script in, diagnostics out, and without errors r-code and topology too.
 *
 * Stages: scan, parse, read headers, configure, check, warn, generate. Each stage runs whatever the ones before it found, so that one
 * run reports everything; only warnings and r-code wait for a script without errors.
 *
 * Boundary: pure. Where include files lie is known to the caller.
 */
import type { RCode } from '../../support/backbone/rcode.ts'
import type { Topology } from '../../support/backbone/topology.ts'
import { checkSection } from './check-section.ts'
import { checkTimeouts, configure, type Plant } from './configure.ts'
import { checkVoters } from './configure-block.ts'
import { Declarations } from './declarations.ts'
import { type Diagnostic, Reports, Source } from './diagnostics.ts'
import { generate } from './generate.ts'
import { type Definition, readHeader } from './include.ts'
import { parseScript } from './parser.ts'
import { Symbols } from './symbols.ts'
import type { Script } from './syntax.ts'
import { warnOfSection, warnOfUnused } from './warnings.ts'

export interface CompileOptions {
  /**
   * The text of an included file, by its path as written; undefined, or an error of the file system that says so, if there is none (A011).
   * Default: there are none.
   */
  readonly include?: (path: string) => string | undefined
  /** SPEC 8, `--classic`: A012 for groups, A013 and A030 are warnings. Default false. */
  readonly classic?: boolean
}

export type Compiled =
  | { readonly ok: true; readonly rcode: RCode; readonly topology: Topology; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

export function compile(script: string, options: CompileOptions = {}): Compiled {
  const { tree, source, reports, declarations, plant } = analyse(script, options)
  const diagnostics = reports.inOrder()
  if (reports.errors > 0) return { ok: false, diagnostics }
  return { ok: true, rcode: generate(tree, source, plant, declarations), topology: plant.topology, diagnostics }
}

/** What `compile` has to say, without the r-code. */
export function check(script: string, options: CompileOptions = {}): readonly Diagnostic[] {
  return analyse(script, options).reports.inOrder()
}

/** The syntax tree alone, with what the scanner and the parser have to say. */
export function parse(script: string): { readonly tree: Script; readonly diagnostics: readonly Diagnostic[] } {
  const source = new Source(script)
  const reports = new Reports(source)
  const tree = parseScript(source, reports)
  return { tree, diagnostics: reports.inOrder() }
}

/** What is known of a script, with errors or without; what stands in a language server is made from it. */
export interface Analysis {
  readonly tree: Script
  readonly source: Source
  readonly reports: Reports
  readonly declarations: Declarations
  readonly plant: Plant
}

export function analyse(script: string, options: CompileOptions): Analysis {
  const source = new Source(script)
  const reports = new Reports(source)
  const tree = parseScript(source, reports)
  const severity = options.classic === true ? 'warning' : 'error'
  const declarations = new Declarations(readIncludes(tree, options, reports), reports, severity)
  const plant = configure(tree, source, declarations, reports)
  checkOrder(tree, reports, severity)
  for (const statement of tree.statements) if (statement.kind === 'section') checkSection(statement, declarations, reports)
  if (tree.lost.some(({ word }) => DECLARING.has(word))) declarations.lose()
  declarations.settle()
  if (reports.errors === 0) {
    warn(tree, declarations, reports)
    checkTimeouts(plant, reports)
  }
  return { tree, source, reports, declarations, plant }
}

/** First words of the statements that declare tasks and groups. */
const DECLARING: ReadonlySet<string> = new Set(['TASK', 'GROUP', 'LOGICAL'])

function readIncludes(tree: Script, { include }: CompileOptions, reports: Reports): Symbols {
  const definitions = new Map<string, Definition>()
  const read = new Set<string>()
  let missing = tree.lost.some(({ word }) => word === 'INCLUDE')
  for (const statement of tree.statements) {
    if (statement.kind !== 'include' || read.has(statement.path.text)) continue
    const path = statement.path.text
    const text = include && textOf(path, include)
    if (text === undefined) {
      missing = true
      reports.add('A011', statement.path, `the file "${path}" is not found: give its path relative to this script`)
      continue
    }
    read.add(path)
    readHeader(new Source(text, path), definitions, reports)
  }
  return new Symbols(definitions, reports, missing ? 'incomplete' : 'complete')
}

/** Codes of the errors with which a function of the file system says that there is no such file. */
const ABSENT: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'EISDIR']

function textOf(path: string, include: (path: string) => string | undefined): string | undefined {
  try {
    return include(path)
  } catch (error) {
    if (ABSENT.includes((error as { code?: unknown } | null)?.code)) return undefined
    throw error
  }
}

/** A030: configuration comes before the first section (SPEC 3). */
function checkOrder(tree: Script, reports: Reports, severity: 'error' | 'warning'): void {
  const first = tree.statements.find(({ kind }) => kind === 'section')
  if (first === undefined) return
  const related = [{ span: { start: first.start, end: first.start + 'IF'.length }, message: 'the first section is here' }]
  const heads = tree.statements.flatMap((statement) => (statement.kind === 'section' ? [] : [statement.head]))
  for (const head of [...heads, ...tree.lost]) {
    if (head.start < first.start) continue
    reports.add('A030', head, 'configuration after the first section: move it before that', { related, severity })
  }
}

function warn(tree: Script, declarations: Declarations, reports: Reports): void {
  for (const statement of tree.statements) {
    if (statement.kind === 'section') warnOfSection(statement, declarations, reports)
    else if (statement.kind === 'block') checkVoters(statement, reports)
  }
  warnOfUnused(declarations, reports)
}
