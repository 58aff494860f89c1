/**
 * What a script declares, and what it then names: tasks, groups, filters and watchdogs, each with its place (SPEC 3 and 8).
 *
 * Names are looked up only when the whole configuration has been read, since a statement may name what a later one declares.
 *
 * Boundary: pure. Reports A012 and A013.
 */
import type { Reports, Span } from './diagnostics.ts'
import type { Symbols } from './symbols.ts'
import type { Numeral, PlainEntity, Text } from './syntax.ts'

export interface Declared {
  readonly span: Span
  readonly name: string
  used: boolean
}

type Scope = 'task' | 'group'

export class Declarations {
  readonly tasks: Map<number, Declared> = new Map()
  readonly groups: Map<number, Declared> = new Map()
  /** Entities with an alpha-count filter, as `task 5`. */
  readonly filters: Set<string> = new Set()
  readonly symbols: Symbols
  readonly #reports: Reports
  readonly #severity: 'error' | 'warning'
  readonly #names = { task: new Map<string, number>(), group: new Map<string, number>() }
  /** Numbers of blocks, which count as declared tasks or groups, those of watchdogs as tasks (SPEC 8). */
  readonly #blocks = { task: new Set<number>(), group: new Set<number>() }
  readonly #named: { readonly scope: Scope; readonly number: number; readonly span: Span }[] = []
  /** SPEC 8: A013 holds for tasks if there is any TASK declaration, for groups if there is any LOGICAL. */
  readonly #strict: { task: boolean; group: boolean } = { task: false, group: false }
  #everyTask = false
  #complete = true

  constructor(symbols: Symbols, reports: Reports, severity: 'error' | 'warning') {
    this.symbols = symbols
    this.#reports = reports
    this.#severity = severity
  }

  /** From now on undeclared entities of this kind are errors. */
  demand(scope: Scope): void {
    this.#strict[scope] = true
  }

  /** False if the number is taken: then A012 has been reported at `place`. */
  declare(scope: Scope, number: number, name: string, place: Span): boolean {
    const table = scope === 'task' ? this.tasks : this.groups
    const before = table.get(number)
    if (before !== undefined) {
      const severity = scope === 'group' ? this.#severity : 'error'
      this.twice(`${scope} ${number}`, place, before.span, severity)
      return false
    }
    table.set(number, { span: place, name, used: false })
    if (!this.#names[scope].has(name)) this.#names[scope].set(name, number)
    return true
  }

  twice(what: string, second: Span, first: Span, severity: 'error' | 'warning' = 'error'): void {
    const related = [{ span: first, message: `${what} was declared here` }]
    this.#reports.add('A012', second, `${what} is declared twice: keep one of the two`, { related, severity })
  }

  block(number: number, ...scopes: Scope[]): void {
    for (const scope of scopes) this.#blocks[scope].add(number)
  }

  /** A declaration has no good number: what looks undeclared may be what it declares, so that A013 would only say the same again. */
  lose(): void {
    this.#complete = false
  }

  /** Notes that a number names an entity; whether there is one is checked by `settle`. */
  use(scope: Scope, numeral: Numeral): number | undefined {
    const number = this.symbols.index(numeral)
    if (number !== undefined) this.useNumber(scope, number, numeral)
    return number
  }

  /** As `use`, for the numbers inside a range. */
  useNumber(scope: Scope, number: number, span: Span): void {
    this.#named.push({ scope, number, span })
  }

  useEveryTask(): void {
    this.#everyTask = true
  }

  /** Notes and resolves an entity; undefined if it has no good number or no known name. */
  resolve(entity: PlainEntity): number | undefined {
    const { id } = entity
    if (entity.entity === 'node') return 'kind' in id ? this.symbols.index(id) : this.#unnamed('node', id, [])
    if ('kind' in id) return this.use(entity.entity, id)
    const names = this.#names[entity.entity]
    const number = names.get(id.text)
    if (number === undefined) return this.#unnamed(entity.entity, id, names.keys())
    this.useNumber(entity.entity, number, id)
    return number
  }

  /** The number of an entity that `resolve` has seen and accepted. */
  numberOf({ entity, id }: PlainEntity): number | undefined {
    if ('kind' in id) return this.symbols.index(id)
    return entity === 'node' ? undefined : this.#names[entity].get(id.text)
  }

  /** Checks all that was named, in the end. */
  settle(): void {
    for (const { scope, number, span } of this.#named) {
      const table = scope === 'task' ? this.tasks : this.groups
      const declared = table.get(number)
      if (declared !== undefined) declared.used = true
      else if (this.#complete && this.#strict[scope] && !this.#blocks[scope].has(number)) {
        const message = `${scope} ${number} is not declared: declare it, or name one that is`
        this.#reports.add('A013', span, message, { severity: this.#severity })
      }
    }
  }

  /** Declared tasks that no statement names. */
  *unused(): Iterable<[number, Declared]> {
    if (this.#everyTask) return
    for (const entry of this.tasks) if (!entry[1].used) yield entry
  }

  #unnamed(kind: string, { text, start, end }: Text, names: Iterable<string>): undefined {
    const message = `no ${kind} has the name "${text}"${this.#reports.suggestion(text, names)}: use a declared name, or a number`
    this.#reports.add('A013', { start, end }, message)
    return undefined
  }
}
