/** What may happen to spaces, at random: operations of four callers, time, the end of callers, restarts. */
import fc from 'fast-check'
import { ref } from '../../../src/mechanisms/space/group.ts'
import { any } from '../../../src/support/template.ts'
import * as arbitrary from './arbitraries.ts'
import type { NaiveElement, NaiveHold, NaiveQuota } from './naive-space.ts'

interface Wait {
  readonly kind: 'wait'
  readonly mode: 'in' | 'rd'
  readonly space: string
  readonly template: unknown[]
  readonly timeoutMs?: number
  readonly hold?: NaiveHold
}

interface Out {
  readonly kind: 'out'
  readonly space: string
  readonly tuple: unknown[]
  readonly leaseMs?: number
  readonly notBeforeMs?: number
}

interface Collect {
  readonly kind: 'collect' | 'copyCollect'
  readonly space: string
  readonly template: unknown[]
  readonly limit: number
  readonly into?: string
}

interface Ask {
  readonly kind: 'ask'
  readonly mode: 'inp' | 'rdp' | 'count'
  readonly space: string
  readonly template: unknown[]
  readonly hold?: NaiveHold
}

/** What has a number of its caller. */
export type Numbered =
  | Out
  | Wait
  | Ask
  | Collect
  | { readonly kind: 'atomic'; readonly space: string; readonly elements: NaiveElement[]; readonly timeoutMs?: number }
  | { readonly kind: 'eval'; readonly space: string; readonly tuple: unknown[]; readonly fields: readonly number[] }
  | { readonly kind: 'ack' | 'release'; readonly space: string; readonly which: number }
  | { readonly kind: 'failure'; readonly space: string; readonly tuple: unknown[] | null }
  | { readonly kind: 'quota'; readonly space: string; readonly quota: NaiveQuota | null }

export type Step =
  | Numbered
  | { readonly kind: 'complete'; readonly which: number; readonly failed: boolean }
  | { readonly kind: 'withdraw'; readonly which: number }
  | { readonly kind: 'ended'; readonly caller: number; readonly how: 'left' | 'lost' }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'restart' }

/** What tuples and templates are made of. */
export interface Stock {
  readonly tuple: fc.Arbitrary<unknown[]>
  readonly template: fc.Arbitrary<unknown[]>
}

const caller = fc.integer({ min: 1, max: 4 })
const space = fc.constantFrom('a', 'a', 'a', 'a', 'b', 'a.dead')
const mostlyA = fc.constantFrom('a', 'a', 'a', 'b')
const limit = fc.integer({ min: 0, max: 6 })
const ms = fc.integer({ min: 1, max: 20 })
const hold = fc.record({ leaseMs: ms, maxDeliveries: fc.integer({ min: 1, max: 3 }) })
const timeoutMs = fc.integer({ min: 0, max: 20 })

/** Of everything a little. */
export const VARIED: Stock = { tuple: arbitrary.tuple, template: arbitrary.template }

/** So few that every group wants what another wants. */
const pair = (field: fc.Arbitrary<unknown>) => fc.array(field, { minLength: 1, maxLength: 2 })
export const SCARCE: Stock = {
  tuple: pair(fc.constantFrom(1, 1, 2, 2, 'a')),
  template: pair(fc.constantFrom<unknown>(1, 2, Number, Number, any)),
}

/** Some fields are made references, where there is something to refer to. */
function groupOf({ tuple, template }: Stock): fc.Arbitrary<NaiveElement[]> {
  const plainElement: fc.Arbitrary<NaiveElement> = fc.oneof(
    { arbitrary: template.map((fields) => ({ in: fields })), weight: 3 },
    { arbitrary: template.map((fields) => ({ rd: fields })), weight: 1 },
    { arbitrary: tuple.map((fields) => ({ out: fields })), weight: 2 },
  )
  return fc
    .array(fc.tuple(plainElement, fc.array(fc.tuple(fc.nat(2), fc.nat(9), fc.nat(2)), { maxLength: 2 })), {
      minLength: 1,
      maxLength: 4,
    })
    .map((rows) => {
      const elements: NaiveElement[] = []
      const asked: { readonly element: number; readonly length: number }[] = []
      for (const [element, references] of rows) {
        const fields = [...(Object.values(element)[0] as unknown[])]
        for (const [field, which, source] of references) {
          const target = asked[which % Math.max(1, asked.length)]
          if (target !== undefined && field < fields.length) fields[field] = ref(target.element, source % target.length)
        }
        if (!('out' in element)) asked.push({ element: elements.length, length: fields.length })
        elements.push({ [Object.keys(element)[0] as string]: fields } as unknown as NaiveElement)
      }
      return elements
    })
}

function weighted<T>(weight: number, value: fc.Arbitrary<T>): { arbitrary: fc.Arbitrary<T>; weight: number } {
  return { arbitrary: value, weight }
}

function kind<K extends string>(...names: K[]): fc.Arbitrary<K> {
  return fc.constantFrom(...names)
}

function stepOf(stock: Stock): fc.Arbitrary<Step> {
  const { tuple, template } = stock
  const group = groupOf(stock)
  return fc.oneof(
    weighted(
      10,
      fc.record(
        { kind: kind('out'), space, tuple, leaseMs: ms, notBeforeMs: fc.integer({ min: 0, max: 15 }) },
        { requiredKeys: ['kind', 'space', 'tuple'] },
      ),
    ),
    weighted(6, fc.record({ kind: kind('out'), space: mostlyA, tuple })),
    weighted(
      8,
      fc.record(
        { kind: kind('wait'), mode: kind('in', 'rd'), space, template, timeoutMs },
        { requiredKeys: ['kind', 'mode', 'space', 'template'] },
      ),
    ),
    weighted(
      6,
      fc.record(
        { kind: kind('wait'), mode: kind('in'), space: mostlyA, template, hold, timeoutMs },
        { requiredKeys: ['kind', 'mode', 'space', 'template', 'hold'] },
      ),
    ),
    weighted(4, fc.record({ kind: kind('ask'), mode: kind('inp', 'rdp', 'count'), space, template })),
    weighted(3, fc.record({ kind: kind('ask'), mode: kind('inp'), space: mostlyA, template, hold })),
    weighted(
      3,
      fc
        .record(
          { kind: kind('collect', 'copyCollect'), space, template, limit: fc.integer({ min: 1, max: 4 }), into: space },
          { requiredKeys: ['kind', 'space', 'template', 'limit'] },
        )
        .filter(({ space: from, into }) => from !== into),
    ),
    weighted(
      10,
      fc.record(
        { kind: kind('atomic'), space: mostlyA, elements: group, timeoutMs },
        { requiredKeys: ['kind', 'space', 'elements'] },
      ),
    ),
    weighted(4, fc.record({ kind: kind('ack', 'release', 'release'), space: mostlyA, which: fc.nat(9) })),
    weighted(2, fc.record({ kind: kind('failure'), space, tuple: fc.option(tuple, { freq: 3 }) })),
    weighted(
      1,
      fc.record({
        kind: kind('quota'),
        space,
        quota: fc.option(fc.record({ tuples: limit, waiting: limit, holds: limit }, { requiredKeys: [] })),
      }),
    ),
    weighted(2, fc.record({ kind: kind('eval'), space, tuple, fields: fc.uniqueArray(fc.nat(2), { maxLength: 3 }) })),
    weighted(3, fc.record({ kind: kind('complete'), which: fc.nat(9), failed: fc.boolean() })),
    weighted(1, fc.record({ kind: kind('withdraw'), which: fc.nat(9) })),
    weighted(2, fc.record({ kind: kind('ended'), caller, how: kind('left', 'lost') })),
    weighted(4, fc.record({ kind: kind('advance'), ms: fc.integer({ min: 0, max: 15 }) })),
    weighted(1, fc.record({ kind: kind('restart') })),
  ) as fc.Arbitrary<Step>
}

export function historyOf(stock: Stock): fc.Arbitrary<[number, Step][]> {
  return fc.array(fc.tuple(caller, stepOf(stock)), { maxLength: 80, size: 'max' })
}
