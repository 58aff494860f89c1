/**
 * What an editor asks about a script (SPEC 10, point 5): findings while typing, completion, where something is declared and used, other
 * names, the meaning of a guard, layout.
 *
 *     const script = new OpenScript(text, { include })
 *     script.diagnostics
 *     script.hover(offset)
 *
 * Boundary: pure; a text and offsets in UTF-16 code units in, the same out. The protocol is spoken by `node/ariel-lsp.ts`.
 *   L1  Everything works on a script with errors, as far as it could be read.
 *   L2  What was not asked for costs nothing: each part is worked out when first needed, and kept.
 */
import { type Analysis, analyse, type CompileOptions } from './compile.ts'
import type { Diagnostic, Source, Span } from './diagnostics.ts'
import { format } from './fmt.ts'
import { type Completions, completeAt } from './language-service-completion.ts'
import { type Hover, hoverAt } from './language-service-hover.ts'
import { indexOf, type Occurrence, occurrencesAt, type ScriptIndex, type Subject, sameSubject } from './language-service-index.ts'
import { type Renamed, renamableAt, renameAt, renameSymbol } from './language-service-rename.ts'

/** A place in the script, or in a header of it. */
export interface Location extends Span {
  /** Of the header; absent for the script. */
  readonly source?: Source
}

export class OpenScript {
  readonly text: string
  readonly #options: CompileOptions
  #analysis: Analysis | undefined
  #diagnostics: readonly Diagnostic[] | undefined
  #index: ScriptIndex | undefined

  constructor(text: string, options: CompileOptions = {}) {
    this.text = text
    this.#options = options
  }

  get #analysed(): Analysis {
    this.#analysis ??= analyse(this.text, this.#options)
    return this.#analysis
  }

  get #indexed(): ScriptIndex {
    this.#index ??= indexOf(this.#analysed)
    return this.#index
  }

  get source(): Source {
    return this.#analysed.source
  }

  get diagnostics(): readonly Diagnostic[] {
    this.#diagnostics ??= this.#analysed.reports.inOrder()
    return this.#diagnostics
  }

  /** Headers that it includes, as written. */
  get headers(): readonly string[] {
    return this.#analysed.tree.statements.flatMap((statement) => (statement.kind === 'include' ? [statement.path.text] : []))
  }

  complete(offset: number): Completions {
    return completeAt(this.#analysed, this.#indexed, offset)
  }

  hover(offset: number): Hover | undefined {
    return hoverAt(this.#analysed, this.#indexed, offset)
  }

  /**
   * Where what stands here is declared: the TASK, LOGICAL or block; the `#define` of a symbol; the header of an INCLUDE; of a variable
   * all the places, since none declares it.
   */
  declarations(offset: number): Location[] {
    return occurrencesAt(this.#indexed, offset).flatMap((occurrence) => this.#declarationsOf(occurrence))
  }

  #declarationsOf({ subject }: Occurrence): Location[] {
    if (subject.kind === 'symbol') {
      const definition = this.#analysed.declarations.symbols.definitions.get(subject.name)
      return definition === undefined ? [] : [{ ...definition.name, source: definition.source }]
    }
    if (subject.kind === 'include') return []
    const places = this.#placesOf(subject)
    const declared = places.filter(({ role, quoted }) => role === 'declaration' && !quoted)
    return subject.kind === 'variable' ? places : declared
  }

  /** The header that the INCLUDE here names, as written. */
  headerAt(offset: number): string | undefined {
    const found = occurrencesAt(this.#indexed, offset).find(({ subject }) => subject.kind === 'include')
    return found !== undefined && 'name' in found.subject ? found.subject.name : undefined
  }

  /** Every place of what stands here. */
  references(offset: number): Location[] {
    const here = occurrencesAt(this.#indexed, offset)
    const places = here.flatMap(({ subject }) => this.#placesOf(subject))
    const unique = new Map(places.map((place) => [`${place.start} ${place.end}`, { start: place.start, end: place.end }]))
    return [...unique.values()].sort((a, b) => a.start - b.start)
  }

  #placesOf(subject: Subject): Occurrence[] {
    return this.#indexed.occurrences.filter((other) => sameSubject(other.subject, subject))
  }

  /** The name that a rename here would change; undefined where nothing can be renamed. */
  renamable(offset: number): (Span & { readonly name: string }) | undefined {
    return renamableAt(this.#indexed, this.text, offset)
  }

  rename(offset: number, name: string): Renamed {
    return renameAt(this.#analysed, this.#indexed, offset, name)
  }

  /** For a symbol that was renamed at another script with the same header. */
  renameSymbol(from: string, to: string): Renamed {
    return renameSymbol(this.#analysed, this.#indexed, from, to)
  }

  /** Undefined if it could not be read as a whole: then it stays as it is. */
  format(): string | undefined {
    const { text, whole } = format(this.text)
    return whole ? text : undefined
  }
}
