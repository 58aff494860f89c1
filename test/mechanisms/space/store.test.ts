import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeTemplate, type Template } from '../../../src/mechanisms/space/match.ts'
import { DEFAULT_INDEXING, type Indexing, TupleStore } from '../../../src/mechanisms/space/store.ts'
import { any, encodeTemplate, oneOf } from '../../../src/mechanisms/space/template.ts'
import * as arbitrary from './arbitraries.ts'
import { naiveMatch } from './naive-space.ts'

const NEVER: Indexing = { fromStart: 0, afterLooking: Number.POSITIVE_INFINITY }
const AT_ONCE: Indexing = { fromStart: 3, afterLooking: 0 }
const SOON: Indexing = { fromStart: 0, afterLooking: 2 }

function read(fields: readonly unknown[]): Template {
  const template = decodeTemplate(encodeTemplate(fields))
  if (template === undefined) throw new Error('an encoded template was refused')
  return template
}

type Step = { readonly out: unknown[] } | { readonly take: unknown[] } | { readonly count: unknown[] }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { arbitrary: arbitrary.tuple.map((out) => ({ out })), weight: 3 },
    { arbitrary: arbitrary.template.map((take) => ({ take })), weight: 2 },
    { arbitrary: arbitrary.template.map((count) => ({ count })), weight: 1 },
  ),
  { maxLength: 120, size: 'max' },
)

/** What each step answers: the order of the tuple taken, or the count. */
function play(store: TupleStore, all: readonly Step[]): unknown[] {
  let order = 0
  return all.map((step) => {
    if ('out' in step) {
      order += 1
      return store.put(order, order, step.out)
    }
    if ('count' in step) return store.count(read(step.count))
    const found = store.find(read(step.take))
    if (found !== undefined) store.remove(found)
    return found?.order
  })
}

function playNaively(all: readonly Step[]): unknown[] {
  let tuples: { order: number; fields: unknown[] }[] = []
  let order = 0
  return all.map((step) => {
    if ('out' in step) {
      order += 1
      tuples.push({ order, fields: step.out })
      return undefined
    }
    if ('count' in step) return tuples.filter(({ fields }) => naiveMatch(step.count, fields)).length
    const found = tuples.find(({ fields }) => naiveMatch(step.take, fields))
    tuples = tuples.filter((tuple) => tuple !== found)
    return found?.order
  })
}

describe('a store of tuples', () => {
  for (const [name, indexing] of Object.entries({
    'no index': NEVER,
    'every index': AT_ONCE,
    'indexes built on the way': SOON,
  })) {
    test(`answers with the lowest order that matches, with ${name}`, () => {
      fc.assert(
        fc.property(steps, (all) => {
          expect(play(new TupleStore(indexing), all)).toEqual(playNaively(all))
        }),
      )
    })
  }

  test('finds among very many of one name by another field', () => {
    const store = new TupleStore()
    for (let i = 1; i <= 1_000; i++) store.put(i, i, ['job', i % 500, { of: i % 250 }])
    for (const round of [1, 2]) {
      expect(store.find(read(['job', 499, any]))?.order, `round ${round}`).toBe(499)
      expect(store.find(read([any, Number, { of: 249 }]))?.order).toBe(249)
      expect(store.count(read([String, oneOf(3, 4, 700), any]))).toBe(4)
    }
  })

  test('keeps the order over tuples of several kinds', () => {
    const store = new TupleStore()
    for (const [i, value] of ['text', 1, null, [1], 'more', true].entries()) store.put(i + 1, i + 1, ['x', value])
    const taken: unknown[] = []
    for (let found = store.find(read(['x', any])); found !== undefined; found = store.find(read(['x', any]))) {
      taken.push(found.fields[1])
      store.remove(found)
    }
    expect(taken).toEqual(['text', 1, null, [1], 'more', true])
    expect(store.size).toBe(0)
  })

  test('forgets classes that do not come back, and finds what comes after', () => {
    const store = new TupleStore(DEFAULT_INDEXING)
    const tuples = Array.from({ length: 64 * 4 }, (_, i) => {
      return Array.from(i.toString(2).padStart(8, '0'), (digit) => (digit === '0' ? 0 : 'one'))
    })
    for (const round of [0, 1]) {
      for (const [i, fields] of tuples.entries()) store.put(round * 1_000 + i + 1, 1, fields)
      for (const fields of tuples.toReversed()) {
        const found = store.find(read(fields))
        expect(found?.fields).toEqual(fields)
        if (found) store.remove(found)
      }
      expect(store.size).toBe(0)
      expect(store.count(read(new Array(8).fill(any)))).toBe(0)
    }
  })

  test('lists its first tuples in order', () => {
    const store = new TupleStore()
    for (let i = 1; i <= 20; i++) store.put(i, i, i % 2 === 0 ? ['even', i] : [i])
    expect(store.first(5).map(({ order }) => order)).toEqual([1, 2, 3, 4, 5])
    expect(store.first(100)).toHaveLength(20)
  })

  test('refuses a tuple out of order', () => {
    const store = new TupleStore()
    store.put(2, 2, ['a'])
    expect(() => store.put(2, 2, ['b'])).toThrow(/out of order/)
  })
})
