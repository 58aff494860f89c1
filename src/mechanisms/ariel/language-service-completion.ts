/**
 * What can be written at a place: the parser is asked. The text before it is read with an impossible word at its end, and what the
 * parser expected in place of that word is what an editor offers.
 *
 * So completion never knows less or more than the grammar, and there is no second table of what may follow what.
 *
 * Boundary: pure.
 */
import { type Analysis, parse } from './compile.ts'
import { Reports, Source } from './diagnostics.ts'
import { wordsOf } from './keywords.ts'
import type { EntityKind, ScriptIndex } from './language-service-index.ts'
import { Names } from './language-service-names.ts'
import { meaningOf } from './language-service-words.ts'
import { scan } from './scanner.ts'

export interface Completion {
  /** What is inserted. */
  readonly label: string
  readonly kind: 'word' | 'entity' | 'symbol' | 'variable'
  readonly detail?: string
  /** What a typed word is compared with, where that is more than the label. */
  readonly filter?: string
}

export interface Completions {
  /** What is typed, and replaced; with the brace that an editor may have put behind the place. */
  readonly from: number
  readonly to: number
  readonly items: readonly Completion[]
}

/** No word of the language, and none that is near one. */
const PROBE = 'ZZPROBEZZ'

/** Offers at a place: more are no help. */
const MAX_ITEMS = 2000

const TYPED = /[A-Za-z_0-9-]*$/
const OPEN_BRACE = /\{[A-Za-z_0-9 \t]*$/
const REST_OF_SYMBOL = /[A-Za-z_0-9 \t]*\}/y
const AFTER_KIND = /(?:\b(TASKS?|NODE|GROUP|LOGICAL)[ \t]*|\b([TNGL]))$/i
const CONDITIONS: readonly string[] = [...wordsOf('status'), ...wordsOf('query'), 'NOT']

const KINDS: Readonly<Record<string, EntityKind>> = { T: 'task', N: 'node', G: 'group', L: 'group' }

export function completeAt(analysis: Analysis, index: ScriptIndex, offset: number): Completions {
  const before = analysis.source.text.slice(0, offset)
  const brace = OPEN_BRACE.exec(before)
  if (brace !== null) {
    const head = before.slice(0, brace.index)
    const items = isRead(head) ? symbols(analysis, kindBefore(head)) : []
    return { from: brace.index, to: offset + closingAfter(analysis.source.text, offset), items }
  }
  const typed = (TYPED.exec(before)?.[0] ?? '').replace(/^[-0-9]+/, '')
  const from = offset - typed.length
  const head = before.slice(0, from)
  const items = expectedAfter(head).flatMap((expected) => offersOf(expected, head, analysis, index))
  const unique = new Map(items.map((item) => [item.label, item]))
  return { from, to: offset, items: [...unique.values()].slice(0, MAX_ITEMS) }
}

/** Length of the rest of a symbol's name and its brace; 0 if none follows. */
function closingAfter(text: string, offset: number): number {
  REST_OF_SYMBOL.lastIndex = offset
  return REST_OF_SYMBOL.exec(text)?.[0].length ?? 0
}

/** What the parser expects after a text; nothing inside a comment or string. */
function expectedAfter(head: string): readonly string[] {
  const { diagnostics } = parse(`${head} ${PROBE}`)
  const found = diagnostics.find(({ message, expected }) => expected !== undefined && message.includes(PROBE))
  const expected = found?.expected ?? []
  // What may follow an action is optional, so the parser does not miss it.
  const followsAction = expected.includes('an action') && !/(?:THEN|ELSE)\s*$/i.test(head)
  return followsAction ? [...expected, 'AND WARN'] : expected
}

/** Not inside a comment or string. */
function isRead(head: string): boolean {
  const source = new Source(`${head} ${PROBE}`)
  return scan(source, new Reports(source)).tokens.some(({ kind, text }) => kind === 'unknown' && text === PROBE)
}

function offersOf(expected: string, head: string, analysis: Analysis, index: ScriptIndex): Completion[] {
  switch (expected) {
    case 'a statement':
      return words([...wordsOf('statement'), ...wordsOf('timeout'), 'TASK', 'LOGICAL', ...wordsOf('tool'), 'IF'])
    case 'an action':
      return words([...wordsOf('action'), 'IF'])
    case 'a condition':
      return words(CONDITIONS)
    case 'an entity':
      return [
        ...words(['TASK', 'NODE', 'GROUP']),
        ...(['task', 'group', 'node'] as const).flatMap((kind) => entities(analysis, index, kind)),
      ]
    case '{SYMBOL}': {
      const kind = kindBefore(head)
      return [...(kind === undefined ? [] : numbers(analysis, kind)), ...symbols(analysis, kind)]
    }
    case 'a variable (A to Z)':
      return variables(index)
    default:
      return /^[A-Z]/.test(expected) ? words([expected]) : []
  }
}

function words(labels: readonly string[]): Completion[] {
  return labels.map((label) => {
    const detail = meaningOf(label)
    return { label, kind: 'word', ...(detail !== undefined && { detail }) }
  })
}

function variables({ occurrences }: ScriptIndex): Completion[] {
  const used = new Set(occurrences.flatMap(({ subject }) => (subject.kind === 'variable' ? [subject.name] : [])))
  return [...used].sort().map((label) => ({ label, kind: 'variable' }))
}

/** Symbols that name a declared entity of the kind come first. */
function symbols(analysis: Analysis, kind: EntityKind | undefined): Completion[] {
  const names = new Names(analysis)
  const items = [...analysis.declarations.symbols.definitions].map(([name, { value }]) => {
    const entity = kind === undefined ? undefined : names.nameOf(kind, value)
    const detail = entity === undefined ? String(value) : `${value} "${entity}"`
    return { label: `{${name}}`, kind: 'symbol', detail, filter: `{${name} ${name} ${entity ?? ''}` } as const
  })
  return items.sort((a, b) => Number(b.detail.includes('"')) - Number(a.detail.includes('"')))
}

/** `TASK {RUDDER}` where it was declared by a symbol, else `TASK 21`. */
function entities(analysis: Analysis, { occurrences }: ScriptIndex, kind: EntityKind): Completion[] {
  const names = new Names(analysis)
  const symbolOf = new Map<number, string>()
  for (const { subject, role, start, end } of occurrences) {
    const written = analysis.source.text.slice(start, end)
    if (role === 'declaration' && subject.kind === kind && written.startsWith('{')) symbolOf.set(subject.number, written)
  }
  return known(analysis, kind).map((number) => {
    const symbol = symbolOf.get(number)
    const label = `${kind.toUpperCase()} ${symbol ?? number}`
    return { label, kind: 'entity', detail: names.numbered(kind, number), filter: `${label} ${names.nameOf(kind, number) ?? ''}` }
  })
}

function numbers(analysis: Analysis, kind: EntityKind): Completion[] {
  const names = new Names(analysis)
  return known(analysis, kind).map((number) => {
    const name = names.nameOf(kind, number)
    return { label: String(number), kind: 'entity', detail: names.numbered(kind, number), filter: `${number} ${name ?? ''}` }
  })
}

function known({ declarations, plant }: Analysis, kind: EntityKind): number[] {
  if (kind === 'task') return [...declarations.tasks.keys()]
  if (kind === 'group') return [...declarations.groups.keys()]
  const nodes = new Set([...plant.roles.keys(), ...plant.topology.tasks.map(({ node }) => node)])
  return [...nodes].sort((a, b) => a - b)
}

/** The kind of entity whose number is about to be written. */
function kindBefore(head: string): EntityKind | undefined {
  const found = AFTER_KIND.exec(head)
  return KINDS[(found?.[1] ?? found?.[2])?.[0]?.toUpperCase() ?? '']
}
