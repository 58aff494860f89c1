import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import { decode, digest, encode, equal } from '../../src/log/codec/codec.ts'

/** What the fixture holds, by name. Add to both; never change a line that was released. */
const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  undefined: undefined,
  booleans: [false, true],
  integers: [0, 127, 128, 300, 2 ** 31, Number.MAX_SAFE_INTEGER, -1, -128, Number.MIN_SAFE_INTEGER],
  floats: [0.5, -12.25, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE],
  texts: ['', 'task', 'Grüße', '🚀', 'x'.repeat(63), 'x'.repeat(64), '\u0000'],
  bigints: [0n, 1n, -1n, 255n, 256n, 2n ** 64n, -(2n ** 100n)],
  dates: [new Date(0), new Date(1_767_225_600_000), new Date(-1), new Date(8_640_000_000_000_000)],
  longArray: Array.from({ length: 16 }, (_, i) => i),
  nested: [[], [[null]], {}, { b: { c: [1] }, a: undefined }],
  keys: { é: 1, '10': 2, '9': 3, a: 4, toString: 5, '': 6 },
  map: new Map<unknown, unknown>([
    ['z', 1],
    ['a', [2]],
    [{ k: 1 }, null],
  ]),
  set: new Set<unknown>(['z', 1, 'a']),
  error: Object.assign(new Error('broken', { cause: new Error('why') }), { code: 'E_X', data: { n: 1 } }),
  ours: new PerdureError('PERDURE_E_TIMEOUT', 'late', { data: { ms: 5 } }),
  bytes: new Uint8Array([0, 255]),
  typedArrays: [
    new Int8Array([-1]),
    new Uint8ClampedArray([255]),
    new Int16Array([-2]),
    new Uint16Array([258]),
    new Int32Array([-3]),
    new Uint32Array([16_909_060]),
    new Float32Array([0.5, Number.NaN]),
    new Float64Array([-0, 0.1, Number.NaN]),
    new BigInt64Array([-4n]),
    new BigUint64Array([2n ** 63n]),
  ],
  tuple: ['task', 7, 'cat.png', 12.5],
}

interface Fixture {
  readonly bytes: string
  readonly digest: number
}

const fixtures: Record<string, Fixture> = JSON.parse(readFileSync(new URL('../fixtures/codec-v1.json', import.meta.url), 'utf8'))

test('the fixture and this table name the same values', () => {
  expect(Object.keys(fixtures).sort()).toEqual(Object.keys(VALUES).sort())
})

test.each(Object.keys(fixtures))('bytes of format 1 decode for ever and are written the same: %s', (name) => {
  const fixture = fixtures[name]!
  const bytes = Buffer.from(fixture.bytes, 'hex')
  const value = decode(bytes)
  expect(value).toEqual(VALUES[name])
  expect(equal(value, VALUES[name])).toBe(true)
  expect(Buffer.from(encode(VALUES[name])).toString('hex')).toBe(fixture.bytes)
  expect(digest(bytes, 0, bytes.length)).toBe(fixture.digest)
})
