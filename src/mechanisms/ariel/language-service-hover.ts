/**
 * What an editor shows beside the pointer: the meaning of a condition or of a whole guard, what an entity is, what a symbol stands for.
 *
 * Boundary: pure, Markdown out.
 */
import type { Analysis } from './compile.ts'
import type { Span } from './diagnostics.ts'
import { explainAtom, explainGuard } from './language-service-guard.ts'
import { type Occurrence, occurrencesAt, type ScriptIndex, type Subject } from './language-service-index.ts'
import { Names } from './language-service-names.ts'
import { meaningOf } from './language-service-words.ts'
import { printGuard } from './print-guard.ts'
import { atomsOf } from './references.ts'
import type { Action, Branch, Script } from './syntax.ts'

export interface Hover extends Span {
  readonly markdown: string
}

/** Words of a guard that stand for all of it. */
const FRAME: ReadonlySet<string> = new Set(['IF', 'ELIF', '[', ']', 'AND', 'OR', 'NOT', '&&', '||', '!', '(', ')', 'THEN'])

export function hoverAt(analysis: Analysis, index: ScriptIndex, offset: number): Hover | undefined {
  const names = new Names(analysis)
  const found = occurrencesAt(index, offset)
  const token = index.tokens.find(({ start, end, kind }) => kind !== 'end' && start <= offset && offset <= end)
  const branch = branchAt(analysis.tree, offset)
  const facts = found.flatMap((occurrence) => describeSubject(occurrence, analysis, names))
  if (branch?.guard !== undefined && token !== undefined) {
    const { guard } = branch
    const atom = atomsOf(guard).find(({ start, end }) => start <= offset && offset <= end)
    if (atom !== undefined) {
      const sentence = `True when ${explainAtom(atom, names)}.`
      return { markdown: [sentence, ...facts].join('\n\n'), start: atom.start, end: atom.end }
    }
    if (FRAME.has(token.text)) {
      const code = `\`\`\`ariel\n[ ${printGuard(guard)} ]\n\`\`\``
      return { markdown: [code, explainGuard(guard, names).join('\n')].join('\n\n'), start: guard.start, end: guard.end }
    }
  }
  if (facts.length > 0) return { markdown: facts.join('\n\n'), ...spanOf(found) }
  const meaning = token?.kind === 'keyword' ? meaningOf(token.text) : undefined
  if (token === undefined || meaning === undefined) return undefined
  return { markdown: `**${token.text}**: ${meaning}.`, start: token.start, end: token.end }
}

function spanOf(found: readonly Occurrence[]): Span {
  return { start: Math.min(...found.map(({ start }) => start)), end: Math.max(...found.map(({ end }) => end)) }
}

/** The branch whose head, guard or THEN is at an offset; the innermost one. */
function branchAt({ statements }: Script, offset: number): Branch | undefined {
  const open: Action[] = statements.filter((statement) => statement.kind === 'section')
  for (let section = open.pop(); section !== undefined; section = open.pop()) {
    if (section.kind !== 'section' || offset < section.start || offset > section.end) continue
    for (const branch of section.branches) {
      const end = branch.then?.end ?? branch.guardEnd
      if (branch.head.start <= offset && offset <= end) return branch
      open.push(...branch.actions)
    }
    open.push(...(section.otherwise?.actions ?? []))
  }
  return undefined
}

function describeSubject({ subject }: Occurrence, analysis: Analysis, names: Names): string[] {
  switch (subject.kind) {
    case 'symbol': {
      const definition = analysis.declarations.symbols.definitions.get(subject.name)
      if (definition === undefined) return [`\`{${subject.name}}\` is not defined.`]
      const line = definition.source.lineOf(definition.span.start)
      return [`\`{${subject.name}}\` is **${definition.value}** (${definition.source.file}, line ${line}).`]
    }
    case 'variable':
      return [`Variable **${subject.name}**: an integer, 0 at the start, kept from pass to pass.`]
    case 'include':
      return []
    default:
      return [describeEntity(subject, analysis, names)]
  }
}

function describeEntity(subject: Extract<Subject, { number: number }>, { plant }: Analysis, names: Names): string {
  const { kind, number } = subject
  const { topology } = plant
  const facts = [`**${names.numbered(kind, number)}**`]
  if (kind === 'task') {
    const task = topology.tasks.find((entry) => entry.number === number)
    if (task !== undefined) facts.push(`on node ${task.node}, its task ${task.local} there`)
    for (const group of topology.groups)
      if (group.members.includes(number)) facts.push(`in group ${group.number} "${group.name}"`)
    for (const { number: by, watched } of topology.watchdogs)
      if (watched === number) facts.push(`watched by ${names.numbered('task', by)}`)
  } else if (kind === 'group') {
    const members = topology.groups.find((entry) => entry.number === number)?.members ?? []
    facts.push(`members: ${members.map((member) => names.numbered('task', member)).join(', ') || 'none known'}`)
  } else if (topology.roles[number] !== undefined) facts.push(topology.roles[number])
  const filter = topology.filters.find((entry) => entry.kind === kind && entry.number === number)
  if (filter !== undefined) facts.push(`alpha-count filter: threshold ${filter.threshold}, factor ${filter.factor}`)
  return `${facts.join('; ')}.`
}
