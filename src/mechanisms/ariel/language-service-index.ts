/**
 * What a script talks about, and where: every place that names a task, group, node, symbol, variable or header, found once and sorted,
 * so that a language server asks "what stands here?" and "where else?".
 *
 * A place can name two things: `TASK {RUDDER}` names the symbol RUDDER and the task that has its number.
 *
 * Boundary: pure. Works on scripts with errors too: what could not be read has no places.
 */
import type { Analysis } from './compile.ts'
import { MAX_DECLARED } from './configure.ts'
import type { Declared } from './declarations.ts'
import { Reports, type Span } from './diagnostics.ts'
import { scan, type Token } from './scanner.ts'
import type { Block, Clause, Configuration, Numeral, PlainEntity, Range, Statement, Text } from './syntax.ts'

export type EntityKind = 'task' | 'group' | 'node'

export type Subject =
  | { readonly kind: EntityKind; readonly number: number }
  | { readonly kind: 'symbol' | 'variable' | 'include'; readonly name: string }

export interface Occurrence extends Span {
  readonly subject: Subject
  readonly role: 'declaration' | 'use'
  /** The quoted name of an entity, rather than its number. */
  readonly quoted?: true
}

export interface ScriptIndex {
  /** By their starts. */
  readonly tokens: readonly Token[]
  readonly occurrences: readonly Occurrence[]
}

/** Members of ranges that are kept, in all: as many as a script may declare. Of what is beyond nothing is known. */
const MAX_IN_RANGES: number = MAX_DECLARED

export function indexOf(analysis: Analysis): ScriptIndex {
  const { tokens } = scan(analysis.source, new Reports(analysis.source))
  const indexer = new Indexer(analysis)
  for (const statement of analysis.tree.statements) indexer.statement(statement)
  indexer.variables(tokens)
  return { tokens, occurrences: indexer.occurrences.sort((a, b) => a.start - b.start) }
}

export function sameSubject(a: Subject, b: Subject): boolean {
  if ('number' in a) return 'number' in b && a.kind === b.kind && a.number === b.number
  return 'name' in b && a.kind === b.kind && a.name === b.name
}

/** Those at an offset; the end of a place belongs to it, since that is where the cursor stands after typing. */
export function occurrencesAt({ occurrences }: ScriptIndex, offset: number): Occurrence[] {
  return occurrences.filter(({ start, end }) => start <= offset && offset <= end)
}

class Indexer {
  readonly occurrences: Occurrence[] = []
  readonly #analysis: Analysis
  readonly #numbers: Readonly<Record<'task' | 'group', ReadonlyMap<string, number>>>
  #inRanges = 0

  constructor(analysis: Analysis) {
    this.#analysis = analysis
    const { tasks, groups } = analysis.declarations
    this.#numbers = { task: numbersByName(tasks), group: numbersByName(groups) }
  }

  statement(statement: Statement): void {
    this.#walk(statement)
    if (statement.kind === 'block') this.#block(statement)
    else if (statement.kind !== 'section') this.#configuration(statement)
  }

  variables(tokens: readonly Token[]): void {
    for (const [at, { kind, text, start, end }] of tokens.entries()) {
      const before = tokens[at - 1]?.kind
      // `5 S`: seconds.
      const unit = text === 'S' && (before === 'integer' || before === 'symbol')
      if (kind === 'variable' && !unit) this.#add({ kind: 'variable', name: text }, 'use', { start, end })
    }
  }

  /** Symbols and named entities mean the same wherever they stand. The parser bounds the depth of a tree. */
  #walk(node: unknown): void {
    if (Array.isArray(node)) {
      for (const item of node) this.#walk(item)
      return
    }
    if (typeof node !== 'object' || node === null) return
    if (isSymbol(node)) this.#add({ kind: 'symbol', name: node.text }, 'use', node)
    else if (isPlainEntity(node)) this.#plain(node)
    for (const value of Object.values(node)) this.#walk(value)
  }

  #plain({ entity, id }: PlainEntity): void {
    if ('kind' in id) this.#entity(entity, id)
    else this.#named(entity, id, 'use')
  }

  #named(kind: EntityKind, name: Text, role: Occurrence['role'], number = this.#numberOf(kind, name.text)): void {
    const { start, end } = name
    if (number !== undefined) this.occurrences.push({ subject: { kind, number }, role, start, end, quoted: true })
  }

  #numberOf(kind: EntityKind, name: string): number | undefined {
    return kind === 'node' ? undefined : this.#numbers[kind].get(name)
  }

  #entity(kind: EntityKind, numeral: Numeral, role: Occurrence['role'] = 'use'): void {
    const number = this.#value(numeral)
    if (number !== undefined) this.#add({ kind, number }, role, numeral)
  }

  #add(subject: Subject, role: Occurrence['role'], { start, end }: Span): void {
    this.occurrences.push({ subject, role, start, end })
  }

  #value({ kind, value, text }: Numeral): number | undefined {
    const found = kind === 'symbol' ? this.#analysis.declarations.symbols.definitions.get(text)?.value : value
    return Number.isInteger(found) ? found : undefined
  }

  #configuration(statement: Configuration): void {
    switch (statement.kind) {
      case 'include':
        return this.#add({ kind: 'include', name: statement.path.text }, 'use', statement.path)
      case 'roles':
        for (const node of statement.nodes) this.#entity('node', node)
        return
      case 'numtasks':
      case 'inject':
        return this.#entity('node', statement.node)
      case 'task':
        this.#entity('node', statement.node)
        this.#range(statement.range, 'declaration')
        if (statement.range.last === undefined)
          this.#named('task', statement.name, 'declaration', this.#value(statement.range.first))
        return
      case 'mailbox':
        return this.#range(statement.range, 'use')
      case 'group': {
        this.#entity('group', statement.number, 'declaration')
        this.#named('group', statement.name, 'declaration', this.#value(statement.number))
        for (const member of statement.members) this.#entity('task', member)
        return
      }
      case 'alpha':
        return this.#entity(statement.entity, statement.number)
      default:
    }
  }

  #range({ first, last, start, end }: Range, role: Occurrence['role']): void {
    if (last === undefined) return this.#entity('task', first, role)
    const [from, to] = [this.#value(first), this.#value(last)]
    if (from === undefined || to === undefined || to - from >= MAX_IN_RANGES - this.#inRanges) return
    this.#inRanges += Math.max(0, to - from + 1)
    for (let number = from; number <= to; number += 1) this.#add({ kind: 'task', number }, role, { start, end })
  }

  #block({ tool, number, watched, clauses }: Block): void {
    // The number of an N-version task, and the like, is declared by the block itself unless a TASK statement does it.
    if (tool !== 'STABILIZER' && tool !== 'BARRIER') {
      const value = this.#value(number)
      const declared = value !== undefined && this.#analysis.declarations.tasks.has(value)
      this.#entity('task', number, declared ? 'use' : 'declaration')
    }
    if (watched !== undefined) this.#entity('task', watched)
    for (const clause of clauses) this.#clause(clause)
  }

  #clause(clause: Clause): void {
    if (clause.kind === 'variant' || clause.kind === 'spare' || clause.kind === 'outcome') this.#entity('task', clause.task)
    else if (clause.kind === 'group') this.#entity('group', clause.group)
    else if (clause.kind === 'alarm' && clause.action === 'WARN')
      this.#entity(clause.word === 'TASK' ? 'task' : 'group', clause.target)
  }
}

/** Of several with one name the first, as in the translator. */
function numbersByName(table: ReadonlyMap<number, Declared>): Map<string, number> {
  return new Map([...table].reverse().map(([number, { name }]) => [name, number]))
}

function isSymbol(node: object): node is Numeral {
  const { kind, closed, text } = node as Partial<Numeral>
  return kind === 'symbol' && closed === true && text !== ''
}

function isPlainEntity(node: object): node is PlainEntity {
  return (node as Partial<PlainEntity>).form === 'plain'
}
