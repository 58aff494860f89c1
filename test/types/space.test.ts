/**
 * What templates promise to the compiler. The type check of the tests holds these lines; the one test here only makes sure that
 * the file is looked at.
 */
import { expect, expectTypeOf, test } from 'vitest'
import { any, between, gt, lte, oneOf, prefix, type Space, type TupleOf } from '../../src/mechanisms/space/space.ts'

/** Never called: its types are the test. */
async function programs(jobs: Space): Promise<void> {
  expectTypeOf(await jobs.in(['resize', Number, String])).toEqualTypeOf<['resize', number, string]>()
  expectTypeOf(await jobs.rd([Boolean, BigInt, Date])).toEqualTypeOf<[boolean, bigint, Date]>()
  expectTypeOf(await jobs.in([Uint8Array, Array, Object])).toEqualTypeOf<[Uint8Array, unknown[], Record<string, unknown>]>()
  expectTypeOf(await jobs.inp(['job', any])).toEqualTypeOf<['job', unknown] | null>()
  expectTypeOf(await jobs.rdp([1, true, null, undefined, 2n])).toEqualTypeOf<[1, true, null, undefined, 2n] | null>()
  expectTypeOf(await jobs.in([gt(3), gt('a'), gt(2n), gt(new Date(0))])).toEqualTypeOf<[number, string, bigint, Date]>()
  expectTypeOf(await jobs.in([between(1, 5), lte(3), prefix('a')])).toEqualTypeOf<[number, number, string]>()
  expectTypeOf(await jobs.in([oneOf('a', 'b'), oneOf(1, null)])).toEqualTypeOf<['a' | 'b', 1 | null]>()
  expectTypeOf(await jobs.count(['job', Number])).toEqualTypeOf<number>()
  expectTypeOf(await jobs.in([])).toEqualTypeOf<[]>()

  const name: string = 'job'
  expectTypeOf(await jobs.in([name, Number])).toEqualTypeOf<[string, number]>()
  const template = ['job', Number] as const
  expectTypeOf(await jobs.in(template)).toEqualTypeOf<['job', number]>()
  const open: unknown[] = []
  expectTypeOf(await jobs.in(open)).toEqualTypeOf<unknown[]>()

  const [, id, file] = await jobs.in(['resize', Number, String], { timeoutMs: 5 })
  expectTypeOf(id).toEqualTypeOf<number>()
  expectTypeOf(file).toEqualTypeOf<string>()
  await jobs.out(['done', id, { file }])

  // @ts-expect-error a function that is no formal
  await jobs.in(['job', () => true])
  // @ts-expect-error a constructor that is no formal
  await jobs.in(['job', Map])
  // @ts-expect-error a function that is no formal, where nobody waits
  await jobs.rdp([parseInt])
  // @ts-expect-error a symbol
  await jobs.count([Symbol('job')])
  // @ts-expect-error no array
  await jobs.rd('job')
  // @ts-expect-error a range of two types
  await jobs.in([between(1, 'b')])
  // @ts-expect-error an order of what has none
  await jobs.in([gt({})])
  // @ts-expect-error a choice of nothing
  await jobs.in([oneOf()])
  // @ts-expect-error a prefix of numbers
  await jobs.in([prefix(3)])
  // @ts-expect-error an option that does not exist
  await jobs.in(['job'], { timeout: 5 })
  // @ts-expect-error a p form does not wait
  await jobs.inp(['job'], { timeoutMs: 5 })
  // @ts-expect-error a tuple that is no array
  await jobs.out('job')
}

test('the type of a tuple follows from its template', () => {
  expectTypeOf<TupleOf<readonly ['a', NumberConstructor]>>().toEqualTypeOf<['a', number]>()
  expect(programs).toBeTypeOf('function')
})
