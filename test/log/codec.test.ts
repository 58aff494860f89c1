import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import { copyValue, decode, digest, encode, equal, fingerprint, preview, Reader, Writer } from '../../src/log/codec/codec.ts'
import { MAX_VALUE } from '../../src/log/log.ts'
import { domain, ordered } from './codec-values.ts'

function refusalOf(value: unknown, limit?: number): PerdureError {
  try {
    encode(value, limit)
  } catch (error) {
    if (error instanceof PerdureError) return error
    throw error
  }
  throw new Error('the value was not refused')
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i += 1) value = [value]
  return value
}

describe('round trip', () => {
  test('a value comes back equal, and its bytes come back from the copy', () => {
    fc.assert(
      fc.property(domain, (value) => {
        const bytes = encode(value)
        const back = decode(bytes)
        expect(back).toEqual(value)
        expect(equal(back, value)).toBe(true)
        expect(Buffer.compare(encode(back), bytes)).toBe(0)
        expect(copyValue(value)).toStrictEqual(back)
      }),
      { numRuns: 700 },
    )
  })

  test('equal values without Maps and Sets have equal bytes, different values different ones', () => {
    fc.assert(
      fc.property(ordered, ordered, (a, b) => {
        expect(Buffer.compare(encode(a), encode(b)) === 0).toBe(equal(a, b))
      }),
      { numRuns: 700 },
    )
  })

  test('minus zero becomes zero, NaN stays NaN', () => {
    expect(Object.is(decode(encode(-0)), 0)).toBe(true)
    expect(Object.is((copyValue([-0]) as number[])[0], 0)).toBe(true)
    expect(decode(encode(Number.NaN))).toBeNaN()
  })

  test('a Buffer and a part of a typed array come back as typed arrays with memory of their own', () => {
    const back = decode(encode([Buffer.from('abc'), new Uint16Array([1, 2, 3, 4]).subarray(1, 3)])) as [Uint8Array, Uint16Array]
    expect(back[0].constructor).toBe(Uint8Array)
    expect([...back[0]]).toEqual([97, 98, 99])
    expect([...back[1]]).toEqual([2, 3])
    expect(back[1].buffer.byteLength).toBe(4)
  })

  test('every NaN a machine can make in a float array has the same bytes', () => {
    const strange = new Uint8Array([1, 0, 0, 0, 0, 0, 0xf8, 0xff])
    const made = new Float64Array(strange.buffer)
    expect(encode(made)).toEqual(encode(new Float64Array([Number.NaN])))
    expect(equal(made, new Float64Array([Number.NaN]))).toBe(true)
  })

  test('a parsed object with a null prototype comes back as a plain object', () => {
    expect(decode(encode(Object.assign(Object.create(null), { a: 1 })))).toStrictEqual({ a: 1 })
  })

  test('keys come back ascending by UTF-16 code units, however many there are', () => {
    const units = fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }).map((key) => `k${key}`)
    fc.assert(
      fc.property(fc.uniqueArray(units, { maxLength: 40 }), (keys) => {
        const object = Object.fromEntries(keys.map((key, i) => [key, i]))
        expect(Object.keys(decode(encode(object)) as object)).toEqual([...keys].sort())
      }),
      { numRuns: 100 },
    )
  })

  test('a shared part is written twice', () => {
    const shared = { a: 1 }
    const back = decode(encode([shared, shared])) as object[]
    expect(back).toEqual([shared, shared])
    expect(back[0]).not.toBe(back[1])
  })

  test('errors come back as errors with their five fields, ours as PerdureError', () => {
    const inner = new TypeError('inner')
    const outer = Object.assign(new Error('outer', { cause: inner }), { code: 'E_OUT', data: { n: 1 } })
    const back = decode(encode(outer)) as Error & { code: string; data: unknown }
    expect(back).toBeInstanceOf(Error)
    expect([back.name, back.message, back.code, back.data]).toEqual(['Error', 'outer', 'E_OUT', { n: 1 }])
    expect([(back.cause as Error).name, (back.cause as Error).message]).toEqual(['TypeError', 'inner'])
    expect(back.stack).toBe('Error: outer')

    const ours = decode(encode(new PerdureError('PERDURE_E_TIMEOUT', 'late', { data: { ms: 5 } })))
    expect(ours).toBeInstanceOf(PerdureError)
    expect(ours).toMatchObject({ name: 'PerdureError', code: 'PERDURE_E_TIMEOUT', message: 'late', data: { ms: 5 } })
  })

  test('an error of ours without data or with another name keeps exactly its fields', () => {
    const odd = Object.assign(new RangeError('odd'), { code: 'PERDURE_E_TIMEOUT' })
    const back = decode(encode(odd))
    expect(back).toBeInstanceOf(PerdureError)
    expect((back as Error).name).toBe('RangeError')
    expect(equal(back, odd)).toBe(true)
    expect(encode(back)).toEqual(encode(odd))
  })

  test('an abort error of the platform travels', () => {
    const back = decode(encode(AbortSignal.abort().reason)) as Error
    expect(back.name).toBe('AbortError')
  })
})

describe('refusals name the place', () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  const twice: unknown[] = []
  twice.push(twice, twice)
  const extra = Object.assign([1, 2], { more: 3 })
  const setter = Object.defineProperty({}, 's', { enumerable: true, set: () => undefined })
  const throwing = new Proxy(
    {},
    {
      ownKeys() {
        throw new Error('trap')
      },
    },
  )
  const growing = new Map<unknown, unknown>()
  growing.set(
    'a',
    new Proxy(
      {},
      {
        ownKeys() {
          growing.set(growing.size, 1)
          return []
        },
      },
    ),
  )
  class Point {
    x = 1
  }
  class List extends Array {}

  test.each<[string, unknown, string]>([
    ['a function', { items: [1, { name: () => 1 }] }, 'value.items[1].name'],
    ['a symbol', [Symbol('s')], 'value[0]'],
    ['a promise', { p: Promise.resolve() }, 'value.p'],
    ['a WeakMap', [new WeakMap()], 'value[0]'],
    ['a regular expression', /x/, 'value'],
    ['a class instance', { 'at home': new Point() }, 'value["at home"]'],
    ['an array of a class', { l: new List() }, 'value.l'],
    ['a boxed string', [Object('x')], 'value[0]'],
    ['an ArrayBuffer', [new ArrayBuffer(1)], 'value[0]'],
    ['a DataView', [new DataView(new ArrayBuffer(1))], 'value[0]'],
    ['a false Map', [Object.create(Map.prototype)], 'value[0]'],
    ['a false Date', [Object.create(Date.prototype)], 'value[0]'],
    ['an invalid Date', { when: new Date(Number.NaN) }, 'value.when'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    ['a hole', { a: [1, , 3] }, 'value.a[1]'],
    ['a property of an array', [extra], 'value[0].more'],
    ['a symbol property of an array', [Object.assign([1], { [Symbol.iterator]: 1 })], 'value[0]["a symbol"]'],
    ['a symbol key', { a: { [Symbol('k')]: 1 } }, 'value.a["Symbol(k)"]'],
    ['a getter', { a: Object.defineProperty({}, 'g', { enumerable: true, get: () => 1 }) }, 'value.a.g'],
    ['a setter', { a: setter }, 'value.a.s'],
    ['__proto__', { a: JSON.parse('{"__proto__":1}') }, 'value.a.__proto__'],
    ['constructor', { constructor: 1 }, 'value.constructor'],
    ['prototype', { prototype: 1 }, 'value.prototype'],
    ['half a surrogate pair', { s: 'a\ud800b' }, 'value.s'],
    ['half a surrogate pair as key', { 'a\ud800': 1 }, 'value["a\\ud800"]'],
    [
      'a bad Map key',
      {
        m: new Map<unknown, unknown>([
          [1, 2],
          [() => 1, 2],
        ]),
      },
      'value.m<key 1>',
    ],
    ['a bad Map value', { m: new Map<unknown, unknown>([['k', () => 1]]) }, 'value.m<value 0>'],
    ['a bad Set element', new Set<unknown>([1, () => 1]), 'value<element 1>'],
    ['a bad field of an error', [Object.assign(new Error('x'), { data: { f: () => 1 } })], 'value[0].data.f'],
    ['a bad cause', new Error('x', { cause: new Point() }), 'value.cause'],
    ['a name that is no string', Object.assign(new Error('x'), { name: 7 }), 'value.name'],
    ['a Proxy that throws', { a: [throwing] }, 'value.a[0]'],
    ['a Map that grows while it is read', [growing], 'value[0]'],
    ['a cycle', cycle, `value${'.self'.repeat(64)}`],
    ['a wide cycle', twice, `value${'[0]'.repeat(64)}`],
    ['too deep', nested(65), `value${'[0]'.repeat(64)}`],
  ])('%s', (_what, value, path) => {
    const error = refusalOf(value)
    expect(error.code).toBe('PERDURE_E_VALUE')
    expect(error.data.path).toBe(path)
    expect(error.message.startsWith(path.slice(0, 200))).toBe(true)
    expect(() => copyValue(value)).toThrow(error.message)
    if (Array.isArray(value)) expect(() => copyValue([...value])).toThrow(PerdureError)
  })

  test('a flat array that is to be refused is refused by copyValue too', () => {
    for (const bad of [new Array(2), ['\udc00'], extra, [Symbol('s')], new List()]) {
      expect(() => copyValue(bad)).toThrowError(expect.objectContaining({ code: 'PERDURE_E_VALUE' }))
    }
  })

  test('a getter is refused without being called', () => {
    let called = 0
    const getter = Object.defineProperty({}, 'g', { enumerable: true, get: () => (called += 1) })
    expect(() => encode({ a: getter })).toThrow(PerdureError)
    expect(called).toBe(0)
  })

  test('64 levels are enough', () => {
    expect(decode(encode(nested(64)))).toEqual(nested(64))
  })

  test('exactly MAX_VALUE bytes pass, one more does not', () => {
    const header = 4
    const fits = new Uint8Array(MAX_VALUE - header)
    expect(encode(fits).length).toBe(MAX_VALUE)
    expect(refusalOf(new Uint8Array(MAX_VALUE - header + 1)).data.path).toBe('value')
    expect(encode('x'.repeat(MAX_VALUE - header)).length).toBe(MAX_VALUE)
    expect(refusalOf('x'.repeat(MAX_VALUE - header + 1)).code).toBe('PERDURE_E_VALUE')
    expect(encode([1, 2, 3], 4).length).toBe(4)
    expect(refusalOf([1, 2, 3], 3).code).toBe('PERDURE_E_VALUE')
  })

  test('parts shared at every level end at the limit, not at 2^40 copies', () => {
    let value: unknown = 'x'
    for (let i = 0; i < 40; i += 1) value = [value, value]
    expect(refusalOf(value).message).toContain('larger than the 131072 bytes')
  })
})

describe('the writer', () => {
  test('stays as it was when a value is refused, also by foreign code in its middle', () => {
    const writer = new Writer(8)
    writer.string('before')
    const before = Buffer.from(writer.view())
    let inner: unknown
    const reentrant = new Proxy(
      {},
      {
        ownKeys() {
          inner = encode(['another', { value: 1 }])
          writer.value('itself')
          return []
        },
      },
    )
    for (const bad of [['x'.repeat(1000), () => 1], [1, reentrant], ['\ud800']]) {
      expect(() => writer.value(bad)).toThrowError(expect.objectContaining({ code: 'PERDURE_E_VALUE' }))
      expect(Buffer.compare(writer.view(), before)).toBe(0)
    }
    expect(decode(inner as Uint8Array)).toEqual(['another', { value: 1 }])
    writer.value(['after'])
    const reader = new Reader(writer.take())
    expect([reader.string(), reader.value(), reader.offset]).toEqual(['before', ['after'], reader.end])
  })

  test('numbers, strings and bytes come back in order, from any capacity', () => {
    const uints = fc.oneof(
      fc.maxSafeNat(),
      fc.nat(300),
      fc.constantFrom(127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
    )
    fc.assert(
      fc.property(
        uints,
        fc.double(),
        fc.nat(),
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array(),
        fc.nat(40),
        (n, f, u, s, b, capacity) => {
          const writer = new Writer(capacity)
          writer.uint(n)
          writer.f64(f)
          writer.u32(u)
          writer.u8(u & 255)
          writer.string(s)
          writer.bytes(b)
          const reader = new Reader(writer.take())
          expect([reader.uint(), reader.f64(), reader.u32(), reader.u8(), reader.string()]).toEqual([n, f, u, u & 255, s])
          expect([...reader.bytes()]).toEqual([...b])
          expect(reader.offset).toBe(writer.length)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a safe integer takes at most 8 bytes, others are no integers', () => {
    const writer = new Writer()
    writer.uint(Number.MAX_SAFE_INTEGER)
    expect(writer.length).toBe(8)
    for (const bad of [-1, 2 ** 53, Number.NaN, 1000.5]) expect(() => writer.uint(bad)).toThrow(PerdureError)
  })

  test('a taken copy outlives the writer', () => {
    const writer = new Writer()
    writer.value('first')
    const taken = writer.take()
    writer.reset()
    writer.value('other')
    expect(decode(taken)).toBe('first')
  })
})

describe('equality', () => {
  test('equal exactly when the fingerprints are', () => {
    fc.assert(
      fc.property(domain, domain, (a, b) => {
        expect(fingerprint(a) === fingerprint(b)).toBe(equal(a, b))
        expect(equal(a, a)).toBe(true)
        expect(fingerprint(decode(encode(a)))).toBe(fingerprint(a))
      }),
      { numRuns: 700 },
    )
  })

  test('the order of object keys, Map keys and Set elements is free, at every depth', () => {
    const key = (n: number) => ({ n, list: [n] })
    const a = new Map<unknown, unknown>([
      ['x', new Set([1, 'a', key(1), key(2)])],
      [key(3), { p: 1, q: 2 }],
    ])
    const b = new Map<unknown, unknown>([
      [key(3), { q: 2, p: 1 }],
      ['x', new Set([key(2), 'a', key(1), 1])],
    ])
    expect(equal(a, b)).toBe(true)
    expect(fingerprint(a)).toBe(fingerprint(b))
    b.set('x', new Set([key(2), 'a', key(7), 1]))
    expect(equal(a, b)).toBe(false)
    expect(fingerprint(a)).not.toBe(fingerprint(b))
  })

  test.each<[string, unknown, unknown]>([
    ['1 and 1n', 1, 1n],
    ['1 and "1"', 1, '1'],
    ['null and undefined', null, undefined],
    ['an undefined property and none', { a: undefined }, {}],
    ['a property that Object.prototype has', { toString: 1 }, {}],
    ['an array and an object', ['a'], { 0: 'a' }],
    ['arrays in another order', [1, 2], [2, 1]],
    ['typed arrays of another type', new Uint8Array([1]), new Int8Array([1])],
    ['a Map and a Set', new Map(), new Set()],
    ['Maps where undefined stands for nothing', new Map([[1, undefined]]), new Map([[2, undefined]])],
    ['errors of another code', Object.assign(new Error('x'), { code: 1 }), Object.assign(new Error('x'), { code: 2 })],
    ['dates', new Date(1), new Date(2)],
    ['a date and its number', new Date(1), 1],
  ])('%s differ', (_what, a, b) => {
    expect(equal(a, b)).toBe(false)
    expect(equal(b, a)).toBe(false)
    expect(fingerprint(a)).not.toBe(fingerprint(b))
  })

  test('a Buffer equals the Uint8Array of its bytes; NaN equals NaN', () => {
    expect(equal(Buffer.from([1]), new Uint8Array([1]))).toBe(true)
    expect(equal([Number.NaN, { a: Number.NaN }], [Number.NaN, { a: Number.NaN }])).toBe(true)
  })

  test('a cycle ends in an error', () => {
    const a: unknown[] = []
    const b: unknown[] = []
    a.push(a)
    b.push(b)
    expect(() => equal(a, b)).toThrowError(expect.objectContaining({ code: 'PERDURE_E_VALUE' }))
  })
})

describe('digest', () => {
  test('looks only at its part, and is 53 bits', () => {
    const bytes = Buffer.from('xx hello world yy')
    const same = Buffer.from('hello world')
    expect(digest(bytes, 3, 14)).toBe(digest(same, 0, 11))
    expect(Number.isSafeInteger(digest(bytes, 0, bytes.length))).toBe(true)
    expect(digest(same, 0, 11)).not.toBe(digest(same, 0, 10))
  })

  test('200,000 close neighbours all differ', () => {
    const bytes = new Uint8Array(12)
    const view = new DataView(bytes.buffer)
    const found = new Set<number>()
    for (let i = 0; i < 100_000; i += 1) {
      view.setUint32(0, i)
      found.add(digest(bytes, 0, 12))
      view.setUint32(0, 0)
      view.setUint32(8, i + 1)
      found.add(digest(bytes, 0, 12))
      view.setUint32(8, 0)
    }
    expect(found.size).toBe(200_000)
  })
})

describe('preview', () => {
  test('shows small values whole and shortens strings first', () => {
    expect(preview(['task', 7, 'cat.png', 12.5])).toBe('["task", 7, "cat.png", 12.5]')
    expect(preview(['task', 7, 'cat.png'], 21)).toBe('["task", 7, "cat.p…"]')
    expect(preview({ a: 1n, 'b c': null, d: undefined })).toBe('{ a: 1n, "b c": null, d: undefined }')
    expect(preview({})).toBe('{}')
    expect(preview(new Map([['k', new Set([1])]]))).toBe('Map {"k" => Set {1}}')
    expect(preview(new TypeError('no'))).toBe('TypeError: no')
  })

  test('is never longer than its limit, always travels, never throws', () => {
    const strange = fc.constantFrom<unknown>(
      () => 1,
      Symbol('s'),
      new Proxy(
        {},
        {
          ownKeys: () => ['a'],
          getOwnPropertyDescriptor: () => {
            throw new Error('trap')
          },
        },
      ),
      '\ud800',
      10n ** 1000n,
      nested(100),
    )
    fc.assert(
      fc.property(fc.oneof(domain, strange, fc.array(strange)), fc.integer({ min: 1, max: 100 }), (value, limit) => {
        const text = preview(value, limit)
        expect(text.length).toBeLessThanOrEqual(limit)
        expect(decode(encode(text))).toBe(text)
      }),
      { numRuns: 1000 },
    )
  })
})
