/**
 * Several operations in one entry: all of them, or none (FT-Linda's atomic guarded statement).
 *
 * The elements are carried out in order, each seeing the effects of those before it, and nobody else sees anything in between.
 * Each `in` and `rd` matches the first tuple that fits, as if it stood alone; there is no search for another choice that would let
 * a later element match. If one of them finds nothing, nothing has happened, and the group waits.
 *
 * Boundary: decides what a group would do with a store, and changes nothing. When it is tried is decided in `serving.ts`.
 *   A1  A group that is blocked stays blocked until a tuple appears that matches the template it names, or one of its picks goes,
 *       or, with `ownOuts` or for a tuple that comes back to an old place, one appears that may match any of its templates.
 */
import { PerdureError } from '../../../errors.ts'
import { copyValue, encode } from '../../../log/codec/codec.ts'
import type { Outcome } from '../../../log/machine.ts'
import { failureOf, refusal } from '../../../log/outcome.ts'
import { MAX_FIELDS } from '../../../support/template.ts'
import { MAX_REPLY_BYTES } from './bulk.ts'
import { ANY_KIND, accepts, type Check, decodeTemplate, fits, type Kind, kindOf, kindsOf, type Template } from './match.ts'
import type { TupleStore } from './store.ts'
import type { Stored } from './tuple-class.ts'

/** Enough for any unit of work; each is a search, and others wait while a group is carried out. */
export const MAX_ELEMENTS = 64

/** The value of a field of what an earlier element matched. */
interface Reference {
  readonly field: number
  readonly element: number
  readonly source: number
}

export type Element =
  | {
      readonly mode: 'in' | 'rd'
      readonly template: Template
      /** With everything allowed where a reference stands. */
      readonly loose: Template
      readonly references: readonly Reference[]
    }
  | { readonly mode: 'out'; readonly fields: readonly unknown[]; readonly references: readonly Reference[] }

export interface Group {
  readonly elements: readonly Element[]
  /** It puts a tuple before its last `in` or `rd`, which may match it. */
  readonly ownOuts: boolean
  /** Which tuples the earlier elements match decides whether the later ones match. */
  readonly chained: boolean
}

export interface ReadyPlan {
  readonly kind: 'ready'
  readonly taken: ReadonlySet<Stored>
  /** Tuples that are there afterwards. */
  readonly outs: readonly (readonly unknown[])[]
  /** Of each `in` and `rd`. */
  readonly matched: readonly Matched[]
}

export interface BlockedPlan {
  readonly kind: 'blocked'
  /** What the first element that found nothing looked for. */
  readonly template: Template
  /** What those before it would read or take. */
  readonly picks: readonly Stored[]
}

export type Plan = ReadyPlan | BlockedPlan

export interface Matched {
  readonly fields: readonly unknown[]
  readonly mode: 'in' | 'rd'
}

interface OwnOut {
  readonly fields: readonly unknown[]
  readonly kinds: readonly Kind[]
  taken: boolean
}

export function planGroup({ elements }: Group, store: TupleStore | undefined): Plan {
  const taken = new Set<Stored>()
  const picks: Stored[] = []
  const outs: OwnOut[] = []
  const matches: (Matched | undefined)[] = []
  for (const element of elements) {
    if (element.mode === 'out') {
      const fields = filledFields(element.fields, element.references, matches)
      outs.push({ fields, kinds: kindsOf(fields), taken: false })
      matches.push(undefined)
      continue
    }
    const { mode } = element
    const template = filledTemplate(element.template, element.references, matches)
    const found = store?.find(template, taken)
    // What the group itself has put is newer than everything in the space.
    const own = found ? undefined : outs.find((out) => !out.taken && fits(template, out.kinds) && accepts(template, out.fields))
    if (found !== undefined) {
      picks.push(found)
      if (mode === 'in') taken.add(found)
      matches.push({ fields: found.fields, mode })
    } else if (own !== undefined) {
      if (mode === 'in') own.taken = true
      matches.push({ fields: own.fields, mode })
    } else return { kind: 'blocked', template, picks }
  }
  const matched = matches.filter((match) => match !== undefined)
  return { kind: 'ready', taken, outs: outs.filter((out) => !out.taken).map(({ fields }) => fields), matched }
}

/** What stands against carrying it out, though everything matches. */
export function tooLarge({ outs, matched }: ReadyPlan, { elements }: Group): Outcome | undefined {
  try {
    // What came without references has been measured on its way in.
    if (elements.some(({ mode, references }) => mode === 'out' && references.length > 0))
      for (const fields of outs) encode(fields)
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_VALUE')) return { error: failureOf(error) }
    throw error
  }
  let bytes = 0
  for (const { fields } of matched) bytes += encode(fields).length
  if (bytes <= MAX_REPLY_BYTES) return undefined
  const message = `The tuples that an atomic group matched have ${bytes} bytes together; at most ${MAX_REPLY_BYTES} can be answered, and nothing was done. Take them in several groups.`
  return refusal('PERDURE_E_VALUE', message, { bytes, limit: MAX_REPLY_BYTES })
}

/** What the group is answered; the tuples that were read are copied. */
export function answerOf(matched: readonly Matched[]): unknown[] {
  return matched.map(({ fields, mode }) => (mode === 'rd' ? copyValue(fields) : fields))
}

function filledFields(
  fields: readonly unknown[],
  references: readonly Reference[],
  matches: readonly (Matched | undefined)[],
): readonly unknown[] {
  if (references.length === 0) return fields
  const filled = [...fields]
  for (const reference of references) filled[reference.field] = copyValue(referredBy(reference, matches))
  return filled
}

function filledTemplate(
  template: Template,
  references: readonly Reference[],
  matches: readonly (Matched | undefined)[],
): Template {
  if (references.length === 0) return template
  const kinds = [...template.kinds]
  const checks: Check[] = template.checks.filter(({ field }) => !references.some((reference) => reference.field === field))
  for (const reference of references) {
    const value = referredBy(reference, matches)
    const kind = kindOf(value)
    kinds[reference.field] = kind
    checks.push({ test: 'literal', field: reference.field, kind, value })
  }
  return { kinds, checks: checks.sort((a, b) => a.field - b.field) }
}

function referredBy({ element, source }: Reference, matches: readonly (Matched | undefined)[]): unknown {
  return matches[element]?.fields[source]
}

/** Reads `[['in' | 'rd', template, references], ['out', fields, references], …]`; a text says what is wrong with it. */
export function readGroup(given: unknown): Group | string {
  if (!Array.isArray(given) || given.length > MAX_ELEMENTS) return `a group has at most ${MAX_ELEMENTS} elements`
  const elements: Element[] = []
  for (const row of given) {
    const element = readElement(row, elements)
    if (element === undefined) return 'an element is [in, rd or out, template or fields, references to earlier ones]'
    elements.push(element)
  }
  const last = elements.findLastIndex(({ mode }) => mode !== 'out')
  const early = elements.slice(0, Math.max(0, last + 1))
  return {
    elements,
    ownOuts: early.some(({ mode }) => mode === 'out'),
    chained: early.some(({ mode, references }) => mode !== 'out' && references.length > 0),
  }
}

function readElement(row: unknown, before: readonly Element[]): Element | undefined {
  if (!Array.isArray(row) || row.length !== 3) return undefined
  const [mode, body, rows] = row as [unknown, unknown, unknown]
  if (mode === 'out') {
    if (!Array.isArray(body) || body.length > MAX_FIELDS) return undefined
    const references = readReferences(rows, body.length, before)
    return references && { mode, fields: body, references }
  }
  const template = mode === 'in' || mode === 'rd' ? decodeTemplate(body) : undefined
  const references = template && readReferences(rows, template.kinds.length, before)
  if (template === undefined || references === undefined) return undefined
  const referred = new Set(references.map(({ field }) => field))
  const loose: Template = {
    kinds: template.kinds.map((kind, field) => (referred.has(field) ? ANY_KIND : kind)),
    checks: template.checks.filter(({ field }) => !referred.has(field)),
  }
  return { mode: mode as 'in' | 'rd', template, loose, references }
}

function readReferences(rows: unknown, length: number, before: readonly Element[]): readonly Reference[] | undefined {
  if (!Array.isArray(rows) || rows.length > MAX_FIELDS) return undefined
  const references: Reference[] = []
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== 3 || !row.every((n) => Number.isSafeInteger(n) && n >= 0)) return undefined
    const [field, element, source] = row as [number, number, number]
    const target = before[element]
    if (field >= length || target === undefined || target.mode === 'out' || source >= target.template.kinds.length)
      return undefined
    references.push({ field, element, source })
  }
  return references
}
