import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyArguments, frozen } from '../../../../src/support/state/state.ts'

/** The copy that an attempt gets of this argument. */
function copied<T>(value: T): T {
  return copyArguments([value])[0] as T
}

const shapes = fc.object({
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withBigInt: true,
  withNullPrototype: true,
  maxDepth: 3,
})

describe('copies of data', () => {
  test('any data is copied equal, and shares no object with the original', () => {
    fc.assert(
      fc.property(shapes, (value) => {
        const copy = copied(value)
        expect(copy).toStrictEqual(value)
        for (const object of reachable(copy)) expect(reachable(value).has(object)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('a copy is the one that structuredClone makes of what both can copy', () => {
    const holes = [1, 2, 3]
    delete holes[1]
    const value = { a: holes, m: new Map([[{ k: 1 }, new Set([1n])]]), d: new Date(5), r: /x/gi, n: Number.NaN, u: undefined }
    expect(copied(value)).toEqual(structuredClone(value))
    expect(Object.keys(copied(value).a)).toEqual(['0', '2'])
  })

  test('shared references stay shared, and cycles stay inside the copy', () => {
    const shared = { n: 1 }
    const value: { a: object; b: object; self?: object; list: unknown[] } = { a: shared, b: shared, list: [] }
    value.self = value
    value.list.push(value.list, shared)
    const copy = copied(value)
    expect(copy.a).toBe(copy.b)
    expect(copy.a).not.toBe(shared)
    expect(copy.self).toBe(copy)
    expect(copy.list[0]).toBe(copy.list)
    expect(copy.list[1]).toBe(copy.a)
  })

  test('what two arguments share their copies share', () => {
    const shared = [1]
    const [a, b] = copyArguments([shared, { shared }]) as [number[], { shared: number[] }]
    expect(b.shared).toBe(a)
    expect(a).not.toBe(shared)
  })

  test('more objects than are searched one by one are known again', () => {
    const many = Array.from({ length: 100 }, (_, n) => ({ n }))
    const copy = copied({ many, again: [...many].reverse() })
    for (let i = 0; i < 100; i += 1) expect(copy.again[99 - i]).toBe(copy.many[i])
  })

  test('a chain of a hundred thousand links is copied', () => {
    let chain: { next: unknown } = { next: null }
    for (let i = 0; i < 100_000; i += 1) chain = { next: chain }
    let links = 0
    for (let link: unknown = copied(chain); link !== null; link = (link as { next: unknown }).next) links += 1
    expect(links).toBe(100_001)
  })

  test('symbol keys, hidden and read-only fields, sealed and frozen objects are what they were', () => {
    const key = Symbol('key')
    const value = Object.defineProperties({ [key]: { a: 1 } } as Record<symbol, { a: number }>, {
      hidden: { value: [1], enumerable: false, writable: true, configurable: true },
      fixed: { value: 7, enumerable: true },
    })
    const copy = copied({
      value,
      ice: Object.freeze([Object.freeze({ a: 1 })]),
      seal: Object.seal({ a: 1 }),
      stop: Object.preventExtensions({ a: 1 }),
    })
    expect(copy.value[key]).toEqual({ a: 1 })
    expect(copy.value[key]).not.toBe(value[key])
    expect(Object.getOwnPropertyDescriptor(copy.value, 'hidden')).toEqual({
      value: [1],
      enumerable: false,
      writable: true,
      configurable: true,
    })
    expect(Object.getOwnPropertyDescriptor(copy.value, 'fixed')?.writable).toBe(false)
    expect(Object.isFrozen(copy.ice) && Object.isFrozen(copy.ice[0])).toBe(true)
    expect(Object.isSealed(copy.seal) && !Object.isFrozen(copy.seal)).toBe(true)
    expect(Object.isExtensible(copy.stop) || Object.isSealed(copy.stop)).toBe(false)
  })

  test('a key named __proto__ is a key', () => {
    const value = JSON.parse('{"__proto__":{"a":1}}') as object
    expect(Object.getPrototypeOf(copied(value))).toBe(Object.prototype)
    expect(Object.keys(copied(value))).toEqual(['__proto__'])
  })

  test('views of one buffer are views of one buffer, and buffers stay buffers', () => {
    const bytes = new Uint8Array([1, 2, 3, 4])
    const copy = copied({ bytes, half: bytes.subarray(2), view: new DataView(bytes.buffer, 1, 2), text: Buffer.from('ab') })
    copy.bytes[2] = 9
    expect(copy.half[0]).toBe(9)
    expect(copy.view.getUint8(1)).toBe(9)
    expect(bytes[2]).toBe(3)
    expect(Buffer.isBuffer(copy.text) && copy.text.toString()).toBe('ab')
  })

  test('errors keep class, message, cause and own fields', () => {
    class Refusal extends RangeError {
      readonly code = 7
    }
    const error = new Refusal('no', { cause: { deep: [1] } })
    const copy = copied(error)
    expect(copy).toBeInstanceOf(Refusal)
    expect(copy).toMatchObject({ message: 'no', code: 7, cause: { deep: [1] } })
    expect(copy.stack).toBe(error.stack)
    expect((copy.cause as { deep: unknown }).deep).not.toBe((error.cause as { deep: unknown }).deep)
  })

  test('what cannot be copied is passed as it is: functions, signals, streams, promises, instances of classes', () => {
    class Account {
      #owner = 'x'
      owner(): string {
        return this.#owner
      }
    }
    const things = [() => 1, new AbortController().signal, new ReadableStream(), Promise.resolve(), new Account(), new WeakMap()]
    expect(copyArguments(things)).not.toBe(things)
    for (const [i, thing] of things.entries()) {
      expect(copyArguments(things)[i]).toBe(thing)
      expect(copied({ thing }).thing).toBe(thing)
    }
  })

  test('accessors among the arguments are taken along, not called', () => {
    let calls = 0
    const copy = copied({
      get n() {
        calls += 1
        return calls
      },
    })
    expect(calls).toBe(0)
    expect(copy.n).toBe(1)
  })

  test('impostors of built-in classes are passed as they are', () => {
    for (const kind of [Map, Set, Date, RegExp, ArrayBuffer, Uint8Array]) {
      const impostor: unknown = Object.create(kind.prototype)
      expect(copied(impostor)).toBe(impostor)
    }
  })

  test('primitives cost nothing', () => {
    const args = [1, 'a', null, undefined, 1n, Symbol.iterator, true]
    expect(copyArguments(args)).toBe(args)
  })
})

describe('what an acceptance test sees', () => {
  test('is frozen to the ground and changes nothing of the original', () => {
    const value = { list: [{ n: 1 }], map: new Map([['a', { n: 1 }]]), when: new Date(0), bytes: new Uint8Array(1) }
    const seen = frozen(value)
    expect(seen).toEqual(value)
    expect(() => seen.list.push({ n: 2 })).toThrow(TypeError)
    expect(() => {
      seen.list[0]!.n = 2
    }).toThrow(TypeError)
    expect(() => {
      seen.map.get('a')!.n = 2
    }).toThrow(TypeError)
    seen.map.clear()
    seen.when.setTime(1)
    seen.bytes[0] = 1
    expect(value).toEqual({ list: [{ n: 1 }], map: new Map([['a', { n: 1 }]]), when: new Date(0), bytes: new Uint8Array(1) })
    expect(Object.isFrozen(value)).toBe(false)
  })
})

/** Every object that can be reached from this one. */
function reachable(value: unknown, found: Set<unknown> = new Set()): Set<unknown> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  for (const key of Reflect.ownKeys(value)) reachable(Reflect.get(value, key), found)
  if (value instanceof Map) for (const [key, item] of value) reachable(item, reachable(key, found))
  if (value instanceof Set) for (const item of value) reachable(item, found)
  return found
}
