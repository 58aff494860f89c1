/**
 * What templates promise to the compiler. The type check of the tests holds these lines; the one test here only makes sure that
 * the file is looked at.
 */
import { expect, expectTypeOf, test } from 'vitest'
import {
  any,
  between,
  gt,
  type Held,
  lte,
  oneOf,
  prefix,
  ref,
  type Space,
  type TupleOf,
} from '../../src/mechanisms/space/space.ts'

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
  expectTypeOf(await jobs.rdp(['job', Number], { local: true })).toEqualTypeOf<['job', number] | null>()
  for await (const { kind, tuple, position } of jobs.watch(['job', gt(3)], { from: 1 })) {
    expectTypeOf(kind).toEqualTypeOf<'out' | 'in' | 'expired'>()
    expectTypeOf(tuple).toEqualTypeOf<['job', number]>()
    expectTypeOf(position).toEqualTypeOf<number>()
  }

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

/** Never called either. */
async function operations(jobs: Space): Promise<void> {
  const held = await jobs.in(['job', Number], { hold: { leaseMs: 5 } })
  expectTypeOf(held).toEqualTypeOf<Held<['job', number]>>()
  expectTypeOf(await held.ack()).toEqualTypeOf<void>()
  expectTypeOf(await jobs.inp(['job', Number], { hold: { leaseMs: 5 } })).toEqualTypeOf<Held<['job', number]> | null>()
  expectTypeOf(await jobs.collect(['job', Number], { limit: 5 })).toEqualTypeOf<['job', number][]>()
  expectTypeOf(await jobs.copyCollect(['job', any])).toEqualTypeOf<['job', unknown][]>()
  expectTypeOf(await jobs.collect(['job', any], { into: 'other' })).toEqualTypeOf<number>()
  await jobs.out(['job'], { leaseMs: 5, notBeforeMs: 5 })

  const matched = await jobs.atomic([
    { in: ['n', Number] },
    { out: ['sum', ref(0, 1)] },
    { rd: [ref(0, 1), String] },
    { out: [ref(2, 1), ref(2, 0)] },
  ])
  expectTypeOf(matched).toEqualTypeOf<[['n', number], [number, string]]>()
  expectTypeOf(await jobs.atomic([{ out: ['a'] }], { timeoutMs: 5 })).toEqualTypeOf<[]>()
  const open: { readonly in: readonly unknown[] }[] = []
  expectTypeOf(await jobs.atomic(open)).toEqualTypeOf<unknown[][]>()

  // @ts-expect-error a hold without a lease
  await jobs.in(['job'], { hold: {} })
  // @ts-expect-error what is only read cannot be held
  await jobs.rd(['job'], { hold: { leaseMs: 5 } })
  // @ts-expect-error an option that does not exist
  await jobs.out(['job'], { lease: 5 })
  // @ts-expect-error an element that does not exist
  await jobs.atomic([{ inp: ['job'] }])
  // @ts-expect-error a function that is no formal
  await jobs.atomic([{ in: ['job', () => true] }])
  // @ts-expect-error a reference to itself
  await jobs.atomic([{ in: ['job', ref(0, 0)] }])
  // @ts-expect-error a reference to a field that is not there
  await jobs.atomic([{ in: ['job'] }, { out: [ref(0, 1)] }])
  // @ts-expect-error a reference to an out
  await jobs.atomic([{ out: ['job'] }, { out: [ref(0, 0)] }])
}

test('the type of a tuple follows from its template', () => {
  expectTypeOf<TupleOf<readonly ['a', NumberConstructor]>>().toEqualTypeOf<['a', number]>()
  expect(programs).toBeTypeOf('function')
  expect(operations).toBeTypeOf('function')
})
