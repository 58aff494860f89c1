/**
 * Templates as people write them: an array in which a value stands for itself, a constructor for any value of its type, and an
 * operator for the values it accepts.
 *
 *     ['resize', Number, oneOf('png', 'jpg')]
 *
 * Functions do not travel, so a template is encoded where it is written, as an array of plain values: a *shape* with one
 * character for each field, then the operands of all fields in order.
 *
 *     ['=n|', 'resize', ['png', 'jpg']]
 *
 * Boundary: the side of the program. What a template matches is decided in `match.ts` of the space machine.
 *   T1  The characters of shapes are part of the log format: once released, none changes its meaning.
 */
import { PerdureError } from '../errors.ts'

/** Matches every value, null and undefined too. */
export class AnyField {
  readonly formal: 'any' = 'any'
}

export const any: AnyField = new AnyField()

/** A closed set of tests, as data: no code of the program ever runs in the machine. */
export class Operator<T> {
  readonly name: OperatorName
  readonly operands: readonly T[]

  constructor(name: OperatorName, operands: readonly T[]) {
    this.name = name
    this.operands = operands
  }
}

export type OperatorName = 'gt' | 'gte' | 'lt' | 'lte' | 'between' | 'oneOf' | 'prefix'

/** What has an order: numbers, bigints and dates by size, strings by their UTF-16 units, the same on every machine. */
export type Ordered = number | bigint | string | Date

/** Greater than `low`, and of its type. */
export function gt<T extends Ordered>(low: T): Operator<Widened<T>> {
  return operator('gt', [low])
}

/** Greater than or equal to `low`, and of its type. */
export function gte<T extends Ordered>(low: T): Operator<Widened<T>> {
  return operator('gte', [low])
}

/** Less than `high`, and of its type. */
export function lt<T extends Ordered>(high: T): Operator<Widened<T>> {
  return operator('lt', [high])
}

/** Less than or equal to `high`, and of its type. */
export function lte<T extends Ordered>(high: T): Operator<Widened<T>> {
  return operator('lte', [high])
}

/** From `low` to `high`, both included, and of their type. */
export function between<T extends Ordered>(low: T, high: Widened<T>): Operator<Widened<T>> {
  return operator('between', [low, high])
}

/** Equal to one of these values. */
export function oneOf<const T extends readonly [unknown, ...unknown[]]>(...values: T): Operator<T[number]> {
  return new Operator<T[number]>('oneOf', values)
}

/** A string that begins with `start`. */
export function prefix(start: string): Operator<string> {
  return new Operator('prefix', [start])
}

function operator<T>(name: OperatorName, operands: readonly unknown[]): Operator<T> {
  return new Operator(name, operands as readonly T[])
}

/** `gt(3)` matches numbers, not only the literal 3. */
export type Widened<T> = T extends number
  ? number
  : T extends bigint
    ? bigint
    : T extends string
      ? string
      : T extends Date
        ? Date
        : never

export type Formal =
  | StringConstructor
  | NumberConstructor
  | BooleanConstructor
  | BigIntConstructor
  | DateConstructor
  | Uint8ArrayConstructor
  | ObjectConstructor
  | ArrayConstructor
  | AnyField

/** The type of the tuples that a template matches. */
export type TupleOf<T extends readonly unknown[]> = { -readonly [K in keyof T]: FieldOf<T[K]> }

export type FieldOf<F> = F extends AnyField
  ? unknown
  : F extends Operator<infer V>
    ? V
    : F extends StringConstructor
      ? string
      : F extends NumberConstructor
        ? number
        : F extends BooleanConstructor
          ? boolean
          : F extends BigIntConstructor
            ? bigint
            : F extends DateConstructor
              ? Date
              : F extends Uint8ArrayConstructor
                ? Uint8Array
                : F extends ArrayConstructor
                  ? unknown[]
                  : F extends ObjectConstructor
                    ? Record<string, unknown>
                    : F

/** Makes a function that is no formal, and a symbol, a compile-time error at its place in the template. */
export type Checked<T extends readonly unknown[]> = {
  readonly [K in keyof T]: T[K] extends Formal ? T[K] : T[K] extends NoField ? never : T[K]
}

export type NoField = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown) | symbol

/** A template as it travels: its shape, then the operands. */
export type EncodedTemplate = readonly [shape: string, ...operands: unknown[]]

/**
 * Fields of a tuple or template. A tuple is a record of a few things; what has more parts than this is a list, and belongs
 * into one field.
 */
export const MAX_FIELDS = 64

/** Values of one `oneOf`: each is looked up on its own. */
export const MAX_ALTERNATIVES = 1_000

/** One character for each kind of field, in shapes. */
export const SHAPE = {
  literal: '=',
  any: '*',
  String: 's',
  Number: 'n',
  Boolean: 'b',
  BigInt: 'i',
  Date: 'd',
  Uint8Array: 'y',
  Array: 'a',
  Object: 'o',
  gt: '>',
  gte: 'G',
  lt: '<',
  lte: 'L',
  between: '-',
  oneOf: '|',
  prefix: '^',
} as const

const FORMALS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [String, SHAPE.String],
  [Number, SHAPE.Number],
  [Boolean, SHAPE.Boolean],
  [BigInt, SHAPE.BigInt],
  [Date, SHAPE.Date],
  [Uint8Array, SHAPE.Uint8Array],
  [Object, SHAPE.Object],
  [Array, SHAPE.Array],
  [any, SHAPE.any],
])

const ALLOWED =
  'A field may be a value, a formal (String, Number, Boolean, BigInt, Date, Uint8Array, Object, Array, any) or an operator (gt, gte, lt, lte, between, oneOf, prefix)'

/** Encodes a template, or throws `PERDURE_E_TEMPLATE`. That its values can travel is found out when the operation is encoded. */
export function encodeTemplate(template: unknown): EncodedTemplate {
  if (!Array.isArray(template)) {
    throw new PerdureError('PERDURE_E_TEMPLATE', `A template must be an array, not ${named(template)}. ${ALLOWED}.`)
  }
  if (template.length > MAX_FIELDS) {
    throw new PerdureError(
      'PERDURE_E_TEMPLATE',
      `A template of ${template.length} fields matches nothing: tuples have at most ${MAX_FIELDS}. Put lists into one field.`,
    )
  }
  let shape = ''
  const operands: unknown[] = []
  for (let i = 0; i < template.length; i++) {
    if (!(i in template)) throw wrongField(i, 'is a hole', 'Write undefined for a field that is undefined')
    const field: unknown = template[i]
    const formal = FORMALS.get(field) ?? (isDateConstructor(field) ? SHAPE.Date : undefined)
    if (formal !== undefined) shape += formal
    else if (field instanceof Operator) shape += encodeOperator(field, i, operands)
    else if (typeof field === 'function') throw wrongField(i, `is ${named(field)}, which is no formal`, 'Use a formal or any')
    else {
      shape += SHAPE.literal
      operands.push(field)
    }
  }
  return [shape, ...operands]
}

/** Whoever replaces `Date`, as clocks of tests do and a host that watches its bodies, leaves its prototype as it is. */
function isDateConstructor(field: unknown): boolean {
  return typeof field === 'function' && field.prototype === Date.prototype
}

function encodeOperator(field: Operator<unknown>, index: number, operands: unknown[]): string {
  const { name, operands: values } = field
  switch (name) {
    case 'oneOf':
      if (values.length === 0 || values.length > MAX_ALTERNATIVES) {
        throw wrongField(index, `is oneOf with ${values.length} values`, `Give it 1 to ${MAX_ALTERNATIVES}`)
      }
      operands.push(values)
      break
    case 'prefix':
      if (typeof values[0] !== 'string') throw wrongField(index, `is prefix(${named(values[0])})`, 'Give prefix a string')
      operands.push(values[0])
      break
    default:
      if (!values.every((value) => isOrdered(value) && typeof value === typeof values[0])) {
        const given = values.map(named).join(', ')
        throw wrongField(index, `is ${name}(${given})`, 'Give it numbers, bigints, strings or dates, all of one type')
      }
      operands.push(...values)
  }
  return SHAPE[name]
}

export function isOrdered(value: unknown): value is Ordered {
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' || value instanceof Date
}

function wrongField(index: number, what: string, advice: string): PerdureError {
  return new PerdureError('PERDURE_E_TEMPLATE', `Field ${index} of a template ${what}. ${ALLOWED}. ${advice}.`, {
    data: { field: index },
  })
}

function named(value: unknown): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? `an object` : `the ${typeof value} ${String(value)}`
}
