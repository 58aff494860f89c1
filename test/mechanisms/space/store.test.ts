import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeTemplate, type Template } from '../../../src/mechanisms/space/machine/match.ts'
import { TupleStore } from '../../../src/mechanisms/space/machine/store.ts'
import { DEFAULT_INDEXING, type Indexing, type Stored } from '../../../src/mechanisms/space/machine/tuple-class.ts'
import { any, encodeTemplate, oneOf } from '../../../src/support/template.ts'
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

type Step =
  | { readonly out: unknown[] }
  | { readonly take: unknown[] }
  | { readonly count: unknown[] }
  | { readonly gather: unknown[] }
  /** One of those that were taken comes back. */
  | { readonly back: number }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { arbitrary: arbitrary.tuple.map((out) => ({ out })), weight: 3 },
    { arbitrary: arbitrary.template.map((take) => ({ take })), weight: 2 },
    { arbitrary: arbitrary.template.map((count) => ({ count })), weight: 1 },
    { arbitrary: arbitrary.template.map((gather) => ({ gather })), weight: 1 },
    { arbitrary: fc.nat(20).map((back) => ({ back })), weight: 2 },
  ),
  { maxLength: 120, size: 'max' },
)

const LIMIT = 3

/** What each step answers: orders, or a count. */
function play(store: TupleStore, all: readonly Step[]): unknown[] {
  let order = 0
  const taken: Stored[] = []
  return all.map((step) => {
    if ('out' in step) {
      order += 1
      return store.put(order, order, step.out).order
    }
    if ('count' in step) return store.count(read(step.count))
    if ('gather' in step) return store.gather(read(step.gather), LIMIT).map((found) => found.order)
    if ('back' in step) {
      const [back] = taken.splice(step.back % Math.max(1, taken.length), 1)
      return back && store.place(back).order
    }
    const found = store.find(read(step.take))
    if (found === undefined) return undefined
    store.remove(found)
    taken.push(found)
    return found.order
  })
}

interface NaiveTuple {
  readonly order: number
  readonly fields: unknown[]
}

function playNaively(all: readonly Step[]): unknown[] {
  let tuples: NaiveTuple[] = []
  const taken: NaiveTuple[] = []
  let order = 0
  return all.map((step) => {
    if ('out' in step) {
      order += 1
      tuples.push({ order, fields: step.out })
      return order
    }
    if ('count' in step) return tuples.filter(({ fields }) => naiveMatch(step.count, fields)).length
    if ('gather' in step) {
      const found = tuples.filter(({ fields }) => naiveMatch(step.gather, fields))
      return found.slice(0, LIMIT).map((tuple) => tuple.order)
    }
    if ('back' in step) {
      const [back] = taken.splice(step.back % Math.max(1, taken.length), 1)
      if (back) tuples = [...tuples, back].sort((a, b) => a.order - b.order)
      return back?.order
    }
    const found = tuples.find(({ fields }) => naiveMatch(step.take, fields))
    tuples = tuples.filter((tuple) => tuple !== found)
    if (found) taken.push(found)
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

  test('finds the first tuple that is not to be taken twice', () => {
    const store = new TupleStore()
    const first = store.put(1, 1, ['a'])
    const second = store.put(2, 2, ['a'])
    expect(store.find(read(['a']), new Set([first]))).toBe(second)
    expect(store.find(read([any]), new Set([first, second]))).toBeUndefined()
  })

  test('gives all of them, of every class in order, in the same way however they came', () => {
    const all: unknown[][] = [['x', 1], ['x', 'a'], ['x', 2], [1], ['y', 3], ['z', 'b']]
    const inOrder = new TupleStore()
    for (const [i, fields] of all.entries()) inOrder.put(i + 1, i + 1, fields)
    const mixed = new TupleStore()
    for (const i of [3, 0, 5, 2, 4, 1]) mixed.put(i + 1, i + 1, all[i] as unknown[])
    const orders = (store: TupleStore) => [...store.all()].map(({ order }) => order)
    expect(orders(mixed)).toEqual(orders(inOrder))
    expect(orders(mixed).toSorted()).toEqual([1, 2, 3, 4, 5, 6])
    expect(orders(mixed).filter((order) => [1, 3, 5].includes(order))).toEqual([1, 3, 5])
  })

  test('knows what its tuples weigh together', () => {
    const store = new TupleStore()
    const light = store.put(1, 1, ['a'])
    const heavy = store.put(2, 2, ['a', new Uint8Array(1_000)])
    expect(store.weight).toBe(light.weight + heavy.weight)
    expect(heavy.weight).toBeGreaterThan(1_000)
    store.remove(light)
    store.remove(heavy)
    expect(store.weight).toBe(0)
  })
})
