/** Tuples and templates from so small a stock of values that they meet often. */
import fc from 'fast-check'
import { any, between, gt, lte, oneOf, prefix } from '../../../src/support/template.ts'

const VALUES: readonly unknown[] = [
  'a',
  'ab',
  'b',
  0,
  1,
  2,
  Number.NaN,
  1n,
  true,
  null,
  undefined,
  [1],
  [2],
  { k: 1 },
  new Date(5),
]

const FIELDS: readonly unknown[] = [
  ...[String, Number, Boolean, BigInt, Date, Object, Array, any, any],
  ...[gt(0), lte(1), between('a', 'az'), prefix('a'), oneOf('a', 'b'), oneOf(1, 'a', null), oneOf([1], { k: 1 }, 2)],
]

export const tuple: fc.Arbitrary<unknown[]> = fc.array(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 3 })

/** Mostly values in the first field, as people write them. */
export const template: fc.Arbitrary<unknown[]> = fc.array(
  fc.oneof({ arbitrary: fc.constantFrom(...VALUES), weight: 1 }, { arbitrary: fc.constantFrom(...FIELDS), weight: 2 }),
  { minLength: 1, maxLength: 3 },
)
