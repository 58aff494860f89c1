import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../../src/log/codec/codec.ts'
import { accepts, decodeTemplate, describeTemplate, fits, kindsOf } from '../../../src/mechanisms/space/machine/match.ts'
import {
  any,
  between,
  encodeTemplate,
  gt,
  gte,
  lt,
  lte,
  MAX_ALTERNATIVES,
  MAX_FIELDS,
  Operator,
  oneOf,
  prefix,
} from '../../../src/support/template.ts'

/** As the machine sees it: template and tuple both travel. */
function matches(template: readonly unknown[], tuple: readonly unknown[]): boolean {
  const arrived = decodeTemplate(decode(encode(encodeTemplate(template))))
  if (arrived === undefined) throw new Error('an encoded template was refused')
  const fields = decode(encode(tuple)) as readonly unknown[]
  return fits(arrived, kindsOf(fields)) && accepts(arrived, fields)
}

function codeOf(work: () => unknown): { code?: string; message?: string; data?: { field?: number } } {
  try {
    work()
  } catch (error) {
    return error as { code: string; message: string; data: { field: number } }
  }
  return {}
}

class PerhapsJob {}

const early = new Date(1_000)
const late = new Date(2_000)

const values: readonly (readonly [name: string, value: unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['false', false],
  ['true', true],
  ['0', 0],
  ['1', 1],
  ['2.5', 2.5],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['1n', 1n],
  ['empty text', ''],
  ['text', 'cat'],
  ['longer text', 'category'],
  ['text of a number', '1'],
  ['early date', early],
  ['late date', late],
  ['bytes', new Uint8Array([1, 2])],
  ['no bytes', new Uint8Array()],
  ['typed array', new Float64Array([1, 2])],
  ['map', new Map([['a', 1]])],
  ['set', new Set([1])],
  ['error', new RangeError('no')],
  ['array', [1, 2]],
  ['empty array', []],
  ['object', { a: 1, b: [2] }],
  ['empty object', {}],
]

const fields: readonly (readonly [name: string, field: unknown, matched: readonly string[]])[] = [
  ['String', String, ['empty text', 'text', 'longer text', 'text of a number']],
  ['Number', Number, ['0', '1', '2.5', 'NaN', 'Infinity']],
  ['Boolean', Boolean, ['false', 'true']],
  ['BigInt', BigInt, ['1n']],
  ['Date', Date, ['early date', 'late date']],
  ['Uint8Array', Uint8Array, ['bytes', 'no bytes']],
  ['Object', Object, ['object', 'empty object']],
  ['Array', Array, ['array', 'empty array']],
  ['any', any, values.map(([name]) => name)],
  ['undefined', undefined, ['undefined']],
  ['null', null, ['null']],
  ['true', true, ['true']],
  ['1', 1, ['1']],
  ['-0', -0, ['0']],
  ['NaN', Number.NaN, []],
  ['1n', 1n, ['1n']],
  ["'1'", '1', ['text of a number']],
  ['a date', new Date(1_000), ['early date']],
  ['bytes', new Uint8Array([1, 2]), ['bytes']],
  ['numbers', new Float64Array([1, 2]), ['typed array']],
  ['a map', new Map([['a', 1]]), ['map']],
  ['a set', new Set([1]), ['set']],
  ['an error', Object.assign(new Error('no'), { name: 'RangeError' }), ['error']],
  ['an array', [1, 2], ['array']],
  ['an array in another order', [2, 1], []],
  ['an object with its keys in another order', { b: [2], a: 1 }, ['object']],
  ['an object with an undefined key more', { a: 1, b: [2], c: undefined }, []],
  ['gt number', gt(0), ['1', '2.5', 'Infinity']],
  ['gte number', gte(1), ['1', '2.5', 'Infinity']],
  ['lt number', lt(1), ['0']],
  ['lte number', lte(1), ['0', '1']],
  ['gt NaN', gt(Number.NaN), []],
  ['between numbers', between(1, 2.5), ['1', '2.5']],
  ['between the wrong way round', between(2.5, 1), []],
  ['gt bigint', gt(0n), ['1n']],
  ['gte text', gte('cat'), ['text', 'longer text']],
  ['lt text', lt('cat'), ['empty text', 'text of a number']],
  ['between texts', between('c', 'catb'), ['text']],
  ['gt date', gt(early), ['late date']],
  ['lte date', lte(early), ['early date']],
  ['prefix', prefix('cat'), ['text', 'longer text']],
  ['empty prefix', prefix(''), ['empty text', 'text', 'longer text', 'text of a number']],
  ['oneOf texts', oneOf('cat', 'dog'), ['text']],
  ['oneOf mixed', oneOf(1, '1', 1n, null, undefined), ['undefined', 'null', '1', '1n', 'text of a number']],
  ['oneOf with NaN', oneOf(Number.NaN, 0), ['0']],
  ['oneOf objects', oneOf({ b: [2], a: 1 }, [1, 2]), ['array', 'object']],
]

describe('one field of a template', () => {
  for (const [name, field, matched] of fields) {
    test(`${name} matches ${matched.join(', ') || 'nothing'}`, () => {
      const found = values.filter(([, value]) => matches(['x', field], ['x', value])).map(([valueName]) => valueName)
      expect(found).toEqual(matched)
    })
  }
})

describe('a whole template', () => {
  test('matches only tuples of its own length', () => {
    expect(matches([], [])).toBe(true)
    expect(matches([any], [])).toBe(false)
    expect(matches([any], [1, 2])).toBe(false)
    expect(matches([any, any], [1, 2])).toBe(true)
  })

  test('matches when every field does', () => {
    expect(matches(['resize', Number, prefix('cat')], ['resize', 7, 'cat.png'])).toBe(true)
    expect(matches(['resize', Number, prefix('cat')], ['resize', 7, 'dog.png'])).toBe(false)
    expect(matches(['resize', Number, prefix('cat')], ['rotate', 7, 'cat.png'])).toBe(false)
    expect(matches(['resize', gt(6), oneOf('a', 'b'), any], ['resize', 7, 'b', null])).toBe(true)
  })

  test('is described as it was written', () => {
    const template = decodeTemplate(encodeTemplate(['resize', Number, any, gt(3), between(1, 2), prefix('p'), Object]))
    expect(template && describeTemplate(template)).toBe('["resize", Number, any, gt(3), between(1, 2), prefix("p"), Object]')
  })

  test('travels as its shape and its operands', () => {
    expect(encodeTemplate(['resize', Number, any, oneOf('a', 'b'), between(1, 2)])).toEqual(['=n*|-', 'resize', ['a', 'b'], 1, 2])
  })
})

describe('a template of the wrong kind is refused where it is written', () => {
  const cases: readonly (readonly [name: string, template: unknown, field: number | undefined])[] = [
    ['no array', { 0: 'a' }, undefined],
    ['no array but a string', 'resize', undefined],
    ['a function that is no formal', ['a', () => true], 1],
    ['a class', ['a', PerhapsJob], 1],
    ['a formal that does not exist', [Symbol], 0],
    // biome-ignore lint/suspicious/noSparseArray: the point of the case
    ['a hole', ['a', , 'b'], 1],
    ['an empty oneOf', ['a', 'b', new Operator('oneOf', [])], 2],
    ['a oneOf without end', [new Operator('oneOf', new Array(MAX_ALTERNATIVES + 1).fill(0))], 0],
    ['a prefix that is no text', [new Operator('prefix', [3])], 0],
    ['an order of objects', ['a', new Operator('gt', [{}])], 1],
    ['a range of two types', ['a', new Operator('between', [1, '2'])], 1],
    ['too many fields', new Array(MAX_FIELDS + 1).fill(Number), undefined],
  ]
  for (const [name, template, field] of cases) {
    test(name, () => {
      const error = codeOf(() => encodeTemplate(template))
      expect(error.code).toBe('PERDURE_E_TEMPLATE')
      expect(error.data?.field).toBe(field)
      if (field !== undefined) expect(error.message).toContain(`Field ${field}`)
    })
  }

  test('the error names what is allowed', () => {
    expect(codeOf(() => encodeTemplate([Symbol])).message).toMatch(/String, Number, .*any.*gt, gte.*prefix/)
  })

  test('as many fields as are allowed are not refused', () => {
    expect(matches(new Array(MAX_FIELDS).fill(Number), new Array(MAX_FIELDS).fill(1))).toBe(true)
  })
})

describe('what arrives from the wire', () => {
  const malformed: readonly unknown[] = [
    undefined,
    'nn',
    [],
    [7],
    ['n', 1],
    ['='],
    ['=', 1, 2],
    ['?'],
    ['é'],
    ['\u{1F600}'],
    ['>', {}],
    ['>', null],
    ['-', 1],
    ['-', 1, '2'],
    ['^', 1],
    ['|', 'ab'],
    ['|', []],
    ['|', new Array(MAX_ALTERNATIVES + 1).fill(0)],
    ['n'.repeat(MAX_FIELDS + 1)],
  ]
  for (const encoded of malformed) {
    test(`is no template when it is ${JSON.stringify(encoded)?.slice(0, 40)}`, () =>
      expect(decodeTemplate(encoded)).toBeUndefined())
  }

  test('is taken or refused, whatever it is, and never throws', () => {
    const shape = fc.string({ unit: fc.constantFrom(...'=*snbidyao>G<L-|^?x'), maxLength: 6 })
    const operands = fc.array(fc.oneof(fc.anything({ withBigInt: true, withDate: true }), fc.integer(), fc.string()), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(shape, operands, (marks, rest) => {
        const template = decodeTemplate([marks, ...rest])
        if (template !== undefined) expect(template.kinds).toHaveLength(marks.length)
      }),
    )
  })
})
