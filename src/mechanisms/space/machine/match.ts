/**
 * Which tuples a template matches.
 *
 * Every value has a *kind*; the kinds of its fields are a tuple's *class*. A template fixes the kind of most of its fields, so
 * the index goes straight to one class, or to the few that fit, and only what kinds cannot tell is checked tuple by tuple.
 *
 * Boundary: pure functions of values and encoded templates. Templates arrive from the wire and are not trusted.
 *   M1  A template matches a tuple exactly if `fits` says yes to the tuple's kinds and `accepts` says yes to its fields.
 *   M2  The numbers of kinds are in no log and no snapshot.
 */
import { equal, fingerprint, preview } from '../../../log/codec/codec.ts'
import { isOrdered, MAX_ALTERNATIVES, MAX_FIELDS, type Ordered, SHAPE } from '../../../support/template.ts'

const KIND = {
  undefined: 0,
  null: 1,
  boolean: 2,
  number: 3,
  bigint: 4,
  string: 5,
  date: 6,
  bytes: 7,
  numbers: 8,
  map: 9,
  set: 10,
  array: 11,
  error: 12,
  object: 13,
} as const

export type Kind = (typeof KIND)[keyof typeof KIND]

/** How many kinds there are: a table by kind has this length. */
export const KINDS = 14

/** In the place of a kind: every kind. */
export const ANY_KIND = -1

/** Values up to this kind are equal exactly if `===` says so (NaN apart, which no template has as a value that matches). */
const LAST_PRIMITIVE: Kind = KIND.string

/** What stands for a value in an index: equal values of one kind have the same key. */
export type Key = string | number | bigint | boolean | null | undefined

export interface Template {
  readonly kinds: readonly (Kind | typeof ANY_KIND)[]
  /** What is left to check once the kinds fit; empty when nothing is. */
  readonly checks: readonly Check[]
}

/** What one field must be, beyond its kind. */
export type Check = LiteralCheck | AlternativesCheck | RangeCheck | PrefixCheck

export interface LiteralCheck {
  readonly test: 'literal'
  readonly field: number
  readonly kind: Kind
  readonly value: unknown
}

export interface AlternativesCheck {
  readonly test: 'alternatives'
  readonly field: number
  readonly keys: ReadonlyMap<Kind, ReadonlySet<Key>>
}

interface RangeCheck {
  readonly test: 'gt' | 'gte' | 'lt' | 'lte' | 'between'
  readonly field: number
  readonly operand: Ordered
  /** Of `between` only. */
  readonly high: Ordered
}

interface PrefixCheck {
  readonly test: 'prefix'
  readonly field: number
  readonly start: string
}

/** Reads a template from the wire; undefined when it is none. */
export function decodeTemplate(encoded: unknown): Template | undefined {
  if (!Array.isArray(encoded)) return undefined
  const shape: unknown = encoded[0]
  if (typeof shape !== 'string' || shape.length > MAX_FIELDS) return undefined
  const kinds: (Kind | typeof ANY_KIND)[] = []
  const checks: Check[] = []
  let next = 1
  for (let field = 0; field < shape.length; field++) {
    const mark = shape.charCodeAt(field)
    const formal = FORMAL_KINDS[mark]
    if (formal !== undefined) {
      kinds.push(formal)
      continue
    }
    const taken = OPERANDS[mark]
    if (taken === undefined || next + taken > encoded.length) return undefined
    const check = readCheck(mark, field, encoded[next], encoded[next + taken - 1])
    if (check === undefined) return undefined
    next += taken
    checks.push(check)
    kinds.push(kindOfCheck(check))
  }
  return next === encoded.length ? { kinds, checks } : undefined
}

export function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case 'string':
      return KIND.string
    case 'number':
      return KIND.number
    case 'boolean':
      return KIND.boolean
    case 'bigint':
      return KIND.bigint
    case 'undefined':
      return KIND.undefined
    default:
      return value === null ? KIND.null : kindOfObject(value)
  }
}

function kindOfObject(value: unknown): Kind {
  if (Array.isArray(value)) return KIND.array
  if (value instanceof Date) return KIND.date
  if (value instanceof Uint8Array) return KIND.bytes
  if (value instanceof Map) return KIND.map
  if (value instanceof Set) return KIND.set
  if (value instanceof Error) return KIND.error
  return ArrayBuffer.isView(value) ? KIND.numbers : KIND.object
}

export function kindsOf(fields: readonly unknown[]): Kind[] {
  const kinds: Kind[] = new Array(fields.length)
  for (let i = 0; i < fields.length; i++) kinds[i] = kindOf(fields[i])
  return kinds
}

export function isPrimitive(kind: Kind): boolean {
  return kind <= LAST_PRIMITIVE
}

export function keyOf(value: unknown, kind: Kind): Key {
  return kind <= LAST_PRIMITIVE ? (value as Key) : fingerprint(value)
}

export function fits(template: Template, kinds: readonly Kind[]): boolean {
  const wanted = template.kinds
  if (wanted.length !== kinds.length) return false
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] !== kinds[i] && wanted[i] !== ANY_KIND) return false
  }
  return true
}

/** Of a tuple whose kinds fit: whether its values do. */
export function accepts(template: Template, fields: readonly unknown[]): boolean {
  const { checks } = template
  for (let i = 0; i < checks.length; i++) {
    const check = checks[i] as Check
    if (!passes(check, fields[check.field])) return false
  }
  return true
}

function passes(check: Check, value: unknown): boolean {
  switch (check.test) {
    case 'literal':
      return check.kind <= LAST_PRIMITIVE ? check.value === value : equal(check.value, value)
    case 'alternatives': {
      const kind = kindOf(value)
      return check.keys.get(kind)?.has(keyOf(value, kind)) ?? false
    }
    case 'gt':
      return (value as Ordered) > check.operand
    case 'gte':
      return (value as Ordered) >= check.operand
    case 'lt':
      return (value as Ordered) < check.operand
    case 'lte':
      return (value as Ordered) <= check.operand
    case 'between':
      return (value as Ordered) >= check.operand && (value as Ordered) <= check.high
    case 'prefix':
      return (value as string).startsWith(check.start)
  }
}

/** The template as a program would have written it, for people. */
export function describeTemplate(template: Template): string {
  const fields = template.kinds.map((kind) => (kind === ANY_KIND ? 'any' : (KIND_NAMES[kind] as string)))
  for (const check of template.checks) fields[check.field] = describeCheck(check)
  return `[${fields.join(', ')}]`
}

function describeCheck(check: Check): string {
  switch (check.test) {
    case 'literal':
      return preview(check.value)
    case 'alternatives':
      return 'oneOf(…)'
    case 'prefix':
      return `prefix(${preview(check.start)})`
    case 'between':
      return `between(${preview(check.operand)}, ${preview(check.high)})`
    default:
      return `${check.test}(${preview(check.operand)})`
  }
}

/** Names by number of kind; formals have the name of their constructor. */
const KIND_NAMES = [
  'undefined',
  'null',
  'Boolean',
  'Number',
  'BigInt',
  'String',
  'Date',
  'Uint8Array',
  'typed array',
  'Map',
  'Set',
  'Array',
  'Error',
  'Object',
]

/** By the code of their character in shapes. */
const FORMAL_KINDS: (Kind | typeof ANY_KIND | undefined)[] = byMark([
  [SHAPE.any, ANY_KIND],
  [SHAPE.String, KIND.string],
  [SHAPE.Number, KIND.number],
  [SHAPE.Boolean, KIND.boolean],
  [SHAPE.BigInt, KIND.bigint],
  [SHAPE.Date, KIND.date],
  [SHAPE.Uint8Array, KIND.bytes],
  [SHAPE.Array, KIND.array],
  [SHAPE.Object, KIND.object],
])

/** How many operands a field of this mark has. */
const OPERANDS: (number | undefined)[] = byMark([
  [SHAPE.literal, 1],
  [SHAPE.gt, 1],
  [SHAPE.gte, 1],
  [SHAPE.lt, 1],
  [SHAPE.lte, 1],
  [SHAPE.between, 2],
  [SHAPE.oneOf, 1],
  [SHAPE.prefix, 1],
])

const RANGES: (RangeCheck['test'] | undefined)[] = byMark([
  [SHAPE.gt, 'gt'],
  [SHAPE.gte, 'gte'],
  [SHAPE.lt, 'lt'],
  [SHAPE.lte, 'lte'],
  [SHAPE.between, 'between'],
])

const LITERAL_MARK = SHAPE.literal.charCodeAt(0)
const ONE_OF_MARK = SHAPE.oneOf.charCodeAt(0)

function byMark<V>(rows: readonly (readonly [mark: string, value: V])[]): (V | undefined)[] {
  const table: (V | undefined)[] = new Array(128).fill(undefined)
  for (const [mark, value] of rows) table[mark.charCodeAt(0)] = value
  return table
}

function readCheck(mark: number, field: number, first: unknown, last: unknown): Check | undefined {
  if (mark === LITERAL_MARK) return { test: 'literal', field, kind: kindOf(first), value: first }
  if (mark === ONE_OF_MARK) return readAlternatives(field, first)
  const test = RANGES[mark]
  if (test === undefined) return typeof first === 'string' ? { test: 'prefix', field, start: first } : undefined
  const ordered = isOrdered(first) && isOrdered(last) && typeof first === typeof last
  return ordered ? { test, field, operand: first, high: last } : undefined
}

function readAlternatives(field: number, values: unknown): Check | undefined {
  if (!Array.isArray(values) || values.length === 0 || values.length > MAX_ALTERNATIVES) return undefined
  const keys = new Map<Kind, Set<Key>>()
  for (const value of values) {
    const kind = kindOf(value)
    let ofKind = keys.get(kind)
    if (ofKind === undefined) {
      ofKind = new Set()
      keys.set(kind, ofKind)
    }
    // As a value of a template NaN matches nothing, though a Set would find it.
    if (!Number.isNaN(value)) ofKind.add(keyOf(value, kind))
  }
  return { test: 'alternatives', field, keys }
}

function kindOfCheck(check: Check): Kind | typeof ANY_KIND {
  switch (check.test) {
    case 'literal':
      return check.kind
    case 'alternatives': {
      const [kind, ...others] = check.keys.keys()
      return kind === undefined || others.length > 0 ? ANY_KIND : kind
    }
    case 'prefix':
      return KIND.string
    default:
      return kindOf(check.operand)
  }
}
