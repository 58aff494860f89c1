/**
 * Atomic groups as people write them.
 *
 *     await space.atomic([{ in: ['n', Number] }, { out: ['sum', ref(0, 1)] }])
 *
 * Boundary: the side of the program. What a group does is decided in `atomic.ts`, by the machine.
 */

import { encodeTemplate, type FieldOf, type Formal, type NoField } from '../../support/template.ts'
import { MAX_ELEMENTS } from './machine/atomic.ts'
import { checkPassive, usage } from './options.ts'

/** Stands for a field of the tuple that an earlier element of the group matched. */
export class Ref<E extends number = number, F extends number = number> {
  readonly element: E
  readonly field: F

  constructor(element: E, field: F) {
    this.element = element
    this.field = field
  }
}

/** Field `field` of what element `element` matched; both count from 0, and the element is an `in` or `rd` further up. */
export function ref<const E extends number, const F extends number>(element: E, field: F): Ref<E, F> {
  return new Ref(element, field)
}

/** One operation of a group. */
export type GroupElement =
  | { readonly in: readonly unknown[] }
  | { readonly rd: readonly unknown[] }
  | { readonly out: readonly unknown[] }

/** The tuples that the `in` and `rd` of a group match, in order. */
export type MatchedBy<
  E extends readonly unknown[],
  Before extends readonly unknown[] = [],
  Matched extends readonly unknown[] = [],
> = E extends readonly [infer First, ...infer Rest]
  ? TemplateIn<First> extends infer T extends readonly unknown[]
    ? MatchedBy<Rest, [...Before, Filled<T, Before>], [...Matched, Filled<T, Before>]>
    : MatchedBy<Rest, [...Before, undefined], Matched>
  : E extends readonly []
    ? Matched
    : unknown[][]

/** Makes what is no element, a reference to nothing, and a function that is no formal a compile-time error at its place. */
export type CheckedGroup<E extends readonly unknown[], Before extends readonly unknown[] = []> = E extends readonly [
  infer First,
  ...infer Rest,
]
  ? readonly [
      CheckedElement<First, Before>,
      ...CheckedGroup<
        Rest,
        [...Before, TemplateIn<First> extends infer T extends readonly unknown[] ? Filled<T, Before> : undefined]
      >,
    ]
  : E

type TemplateIn<Element> = Element extends { readonly in: infer T extends readonly unknown[] }
  ? T
  : Element extends { readonly rd: infer T extends readonly unknown[] }
    ? T
    : undefined

/** The tuple that a template with references matches. */
type Filled<T extends readonly unknown[], Before extends readonly unknown[]> = {
  -readonly [K in keyof T]: T[K] extends Ref<infer E, infer F> ? Referred<Before, E, F> : FieldOf<T[K]>
}

type Referred<Before extends readonly unknown[], E extends number, F extends number> = Before[E] extends infer Tuple extends
  readonly unknown[]
  ? number extends Tuple['length']
    ? Tuple[number]
    : `${F}` extends keyof Tuple
      ? Tuple[F]
      : never
  : never

type CheckedElement<Element, Before extends readonly unknown[]> = Element extends { readonly in: infer T }
  ? { readonly in: { readonly [K in keyof T]: CheckedField<T[K], Before> } }
  : Element extends { readonly rd: infer T }
    ? { readonly rd: { readonly [K in keyof T]: CheckedField<T[K], Before> } }
    : Element extends { readonly out: infer T }
      ? { readonly out: { readonly [K in keyof T]: CheckedReference<T[K], Before> } }
      : never

type CheckedField<Field, Before extends readonly unknown[]> = Field extends Formal
  ? Field
  : Field extends NoField
    ? never
    : CheckedReference<Field, Before>

type CheckedReference<Field, Before extends readonly unknown[]> =
  Field extends Ref<infer E, infer F>
    ? number extends E | F
      ? Field
      : [Referred<Before, E, F>] extends [never]
        ? never
        : Field
    : Field

type EncodedElement = readonly [mode: 'in' | 'rd' | 'out', body: readonly unknown[], references: readonly (readonly number[])[]]

/** Throws what is wrong with the group. */
export function encodeGroup(elements: unknown): EncodedElement[] {
  if (!Array.isArray(elements) || elements.length === 0 || elements.length > MAX_ELEMENTS) {
    throw usage(`atomic takes an array of 1 to ${MAX_ELEMENTS} elements, as in atomic([{ in: […] }, { out: […] }]).`)
  }
  const lengths: (number | undefined)[] = []
  return elements.map((element: unknown, index) => {
    const [mode, fields] = readElement(element, index)
    const plain = [...fields]
    const references: number[][] = []
    for (const [field, value] of fields.entries()) {
      if (!(value instanceof Ref)) continue
      checkReference(value, index, lengths)
      plain[field] = null
      references.push([field, value.element, value.field])
    }
    if (mode === 'out') checkPassive('atomic', plain)
    lengths.push(mode === 'out' ? undefined : fields.length)
    return [mode, mode === 'out' ? plain : encodeTemplate(plain), references]
  })
}

function readElement(element: unknown, index: number): readonly [mode: 'in' | 'rd' | 'out', fields: readonly unknown[]] {
  const entries = typeof element === 'object' && element !== null ? Object.entries(element) : []
  const [mode, fields] = entries[0] ?? []
  if (entries.length !== 1 || (mode !== 'in' && mode !== 'rd' && mode !== 'out') || !Array.isArray(fields)) {
    throw usage(`Element ${index} of a group is none: expected { in: template }, { rd: template } or { out: tuple }.`)
  }
  return [mode, fields]
}

function checkReference({ element, field }: Ref, index: number, lengths: readonly (number | undefined)[]): void {
  const length = lengths[element]
  if (length !== undefined && Number.isInteger(field) && field >= 0 && field < length) return
  throw usage(
    `Element ${index} of a group refers to field ${field} of element ${element}, which is none: expected a field of an in or rd further up. Elements and fields count from 0.`,
  )
}
