/**
 * New names: of a symbol, in the script and in the header that defines it; of a declared task or group; of a variable.
 *
 * A rename never changes what a script means: a name that is taken, or that would not be read as one, is refused in words.
 *
 * Boundary: pure. Other scripts that include the same header are the caller's business: see `renameSymbol`.
 */
import type { Analysis } from './compile.ts'
import type { Source, Span } from './diagnostics.ts'
import { type Occurrence, occurrencesAt, type ScriptIndex, sameSubject } from './language-service-index.ts'

export interface Edit extends Span {
  /** The header to be changed; absent for the script. */
  readonly source?: Source
  readonly text: string
}

export type Renamed = { readonly edits: readonly Edit[] } | { readonly refused: string }

const IDENTIFIER = /^[A-Za-z_][A-Za-z_0-9]*$/
/** Comments and strings of C, in which a name is only text. */
const C_TEXT = /\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g

/** What a rename at this place would rename, without braces and quotes; undefined where nothing can be. */
export function renamableAt(index: ScriptIndex, text: string, offset: number): (Span & { readonly name: string }) | undefined {
  const found = chosen(index, offset)
  if (found === undefined) return undefined
  const inside = insideOf(found, text)
  return { ...inside, name: text.slice(inside.start, inside.end) }
}

export function renameAt(analysis: Analysis, index: ScriptIndex, offset: number, name: string): Renamed {
  const found = chosen(index, offset)
  if (found === undefined) {
    return { refused: 'Only symbols, variables and the names of single tasks and groups can be renamed.' }
  }
  const { subject } = found
  if (subject.kind === 'symbol') return renameSymbol(analysis, index, subject.name, name)
  const refused = subject.kind === 'variable' ? refusedVariable(index, name) : refusedName(analysis, found, name)
  if (refused !== undefined) return { refused }
  const written = subject.kind === 'variable' ? name.toUpperCase() : name
  return { edits: placesOf(index, found).map((place) => ({ ...insideOf(place, analysis.source.text), text: written })) }
}

/** Also for another script that includes the same header: then only its own places matter. */
export function renameSymbol(analysis: Analysis, index: ScriptIndex, from: string, to: string): Renamed {
  const { definitions } = analysis.declarations.symbols
  if (!IDENTIFIER.test(to))
    return { refused: `${to} is no name of a symbol: expected letters, digits and _, not beginning with a digit.` }
  if (to !== from && definitions.has(to)) return { refused: `${to} is defined already: two symbols would become one.` }
  const header = definitions.get(from)?.source
  const places = index.occurrences.filter(({ subject }) => subject.kind === 'symbol' && subject.name === from)
  const own = places.map((place) => ({ ...insideOf(place, analysis.source.text), text: to }))
  if (header === undefined) return { edits: own }
  const inHeader = wordsIn(header.text, from).map((span) => ({ ...span, source: header, text: to }))
  return { edits: [...own, ...inHeader] }
}

/** At a place that names a symbol and an entity, the symbol: that is what is written there. */
function chosen(index: ScriptIndex, offset: number): Occurrence | undefined {
  const found = occurrencesAt(index, offset)
  return (
    found.find(({ subject }) => subject.kind === 'symbol' || subject.kind === 'variable') ?? found.find(({ quoted }) => quoted)
  )
}

function placesOf(index: ScriptIndex, { subject, quoted }: Occurrence): Occurrence[] {
  return index.occurrences.filter((other) => sameSubject(other.subject, subject) && other.quoted === quoted)
}

function refusedVariable({ occurrences }: ScriptIndex, name: string): string | undefined {
  if (!/^[A-Za-z]$/.test(name)) return `${name} is no variable: expected one letter from A to Z.`
  const taken = occurrences.some(({ subject }) => subject.kind === 'variable' && subject.name === name.toUpperCase())
  return taken ? `The variable ${name.toUpperCase()} is in use: two variables would become one.` : undefined
}

function refusedName({ declarations }: Analysis, { subject }: Occurrence, name: string): string | undefined {
  if (/[\r\n"]/.test(name)) return 'A name is on one line and holds no double quote.'
  const table = subject.kind === 'task' ? declarations.tasks : declarations.groups
  const taken = [...table.values()].some((declared) => declared.name === name)
  return taken ? `A ${subject.kind} with the name "${name}" is declared already.` : undefined
}

/** Without the braces or quotes around it. */
function insideOf({ start, end, subject, quoted }: Occurrence, text: string): Span {
  if (quoted) return { start: start + 1, end: end - 1 }
  if (subject.kind !== 'symbol') return { start, end }
  const at = text.indexOf(subject.name, start + 1)
  return { start: at, end: at + subject.name.length }
}

function wordsIn(text: string, name: string): Span[] {
  const code = text.replace(C_TEXT, (found) => found.replace(/[^\n]/g, ' '))
  return [...code.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].map(({ index }) => ({ start: index, end: index + name.length }))
}
