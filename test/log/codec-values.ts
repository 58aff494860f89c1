/** Arbitrary values of the domain for property tests. */

import fc from 'fast-check'
import { PerdureError } from '../../src/errors.ts'

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ minLength: 60, maxLength: 70 }),
)
const key = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('a', 'b', '10', '9', 'toString', 'é'))
const allowedKey = key.filter((name) => name !== '__proto__' && name !== 'constructor' && name !== 'prototype')

const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    1,
    127,
    128,
    -1,
    -128,
    0.5,
    2 ** 53,
    -(2 ** 53),
    Number.MAX_SAFE_INTEGER,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ),
)
// -0 becomes 0, so it does not come back as it was; it has tests of its own.
const plainNumber = number.map((n) => (n === 0 ? 0 : n))

const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, true, false, '', 0, 1, 'a'),
  plainNumber,
  text,
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8ClampedArray({ maxLength: 5 }),
  fc.int8Array({ maxLength: 5 }),
  fc.int16Array({ maxLength: 5 }),
  fc.uint16Array({ maxLength: 5 }),
  fc.int32Array({ maxLength: 5 }),
  fc.uint32Array({ maxLength: 5 }),
  fc.float32Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 5 }),
  fc.bigInt64Array({ maxLength: 5 }),
  fc.bigUint64Array({ maxLength: 5 }),
)

function plainError(message: string, code: unknown, data: unknown, cause: unknown): Error {
  const error: Error & { code?: unknown; data?: unknown } =
    cause === undefined ? new Error(message) : new Error(message, { cause })
  if (code !== undefined) error.code = code
  if (data !== undefined) error.data = data
  return error
}

function values(collections: 'with Maps and Sets' | 'without'): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown }>((tie) => {
    const item = tie('value')
    const error = fc.oneof(
      fc
        .tuple(text, fc.option(text, { nil: undefined }), item, item)
        .map(([message, code, data, cause]) => plainError(message, code, data, cause)),
      fc
        .tuple(text, fc.dictionary(allowedKey, item, { noNullPrototype: true }))
        .map(([message, data]) => new PerdureError('PERDURE_E_TIMEOUT', message, { data })),
    )
    const ordered = [
      { arbitrary: scalar, weight: 6 },
      { arbitrary: fc.array(item, { maxLength: 20 }), weight: 3 },
      { arbitrary: fc.dictionary(allowedKey, item, { maxKeys: 6, noNullPrototype: true }), weight: 3 },
      { arbitrary: error, weight: 1 },
    ]
    const free = [
      { arbitrary: fc.array(fc.tuple(item, item), { maxLength: 4 }).map((entries) => new Map(entries)), weight: 1 },
      { arbitrary: fc.array(item, { maxLength: 4 }).map((items) => new Set(items)), weight: 1 },
    ]
    return { value: fc.oneof({ maxDepth: 4 }, ...(collections === 'without' ? ordered : [...ordered, ...free])) }
  }).value
}

export const ordered: fc.Arbitrary<unknown> = values('without')

export const domain: fc.Arbitrary<unknown> = values('with Maps and Sets')
