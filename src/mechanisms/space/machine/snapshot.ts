/**
 * The state of the spaces as parts of a snapshot, and back.
 *
 * Tuples and templates are in it as bytes: nothing is shared with the machine, and no depth is added to deep values.
 *
 * Boundary: data to data. Equal states give equal parts; what can be derived (indexes, what a group is blocked at, how much of a
 * quota is used up) is derived again.
 */
import { invariant } from '../../../errors.ts'
import { decode, encode } from '../../../log/codec/codec.ts'
import { inParts } from '../../../log/machine.ts'
import { weightOf } from '../../../log/weight.ts'
import { planGroup, readGroup } from './atomic.ts'
import type { Placeholder } from './eval.ts'
import type { HeldTuple, Hold } from './holds.ts'
import type { Delayed } from './leases.ts'
import { decodeTemplate } from './match.ts'
import type { Promised } from './promised.ts'
import type { Quota } from './quota.ts'
import type { Serving } from './serving.ts'
import type { SpacesState } from './state.ts'
import type { Placed, Terms } from './tuple-class.ts'
import type { Waiter } from './waiting.ts'

export type Part =
  | readonly ['order', number]
  | readonly ['quota', space: string, Quota]
  | readonly ['tuples', space: string, readonly SavedTuple[]]
  | readonly ['delayed', Encoded<Delayed>]
  | readonly ['hold', Omit<Hold, 'tuple'> & { readonly tuple: Encoded<HeldTuple> }]
  | readonly ['promised', Encoded<Promised>]
  | readonly ['waiter', Omit<Waiter, 'encoded' | 'template' | 'group'> & { readonly encoded: Uint8Array }]
  | readonly ['placeholder', Encoded<Omit<Placeholder, 'pending'>> & { readonly pending: readonly number[] }]

type SavedTuple = readonly [order: number, position: number, fields: Uint8Array, terms?: Terms]

type Encoded<T> = Omit<T, 'fields'> & { readonly fields: Uint8Array }

export function* snapshotOf(state: SpacesState): Generator<Part> {
  yield ['order', state.order]
  const spaces = state.sorted()
  for (const { name, quota } of spaces) if (quota !== undefined) yield ['quota', name, quota]
  for (const { name, store } of spaces) {
    for (const part of inParts('tuples', savedTuples(store.all()), name)) yield part as Part
  }
  for (const delayed of state.leases.allDelayed()) yield ['delayed', encoded(delayed)]
  for (const hold of state.holds.all()) yield ['hold', { ...hold, tuple: encoded(hold.tuple) }]
  for (const promised of state.promised.all()) yield ['promised', encoded(promised)]
  for (const { template: _, group: __, ...waiter } of state.allWaiters()) {
    yield ['waiter', { ...waiter, encoded: bytesOf(waiter.encoded) }]
  }
  for (const placeholder of state.placeholders.all()) {
    yield ['placeholder', { ...encoded(placeholder), pending: [...placeholder.pending] }]
  }
}

/** Parts come in the order in which `snapshotOf` gives them: a waiting group is tried on the tuples. */
export function restoreInto(state: SpacesState, serving: Serving, saved: unknown): void {
  const part = saved as Part
  switch (part[0]) {
    case 'order':
      return state.restoreOrder(part[1])
    case 'quota':
      state.open(part[1]).quota = part[2]
      state.quotas += 1
      return
    case 'tuples':
      for (const tuple of part[2]) restoreTuple(state, part[1], tuple)
      return
    case 'delayed': {
      const delayed = decoded<Delayed>(part[1])
      state.leases.delayed.set(delayed.order, delayed)
      return state.reserve(delayed.space, delayed.weight)
    }
    case 'hold': {
      const hold: Hold = { ...part[1], tuple: decoded<HeldTuple>(part[1].tuple) }
      state.holds.add(hold)
      state.open(hold.space).holds += 1
      return state.reserve(hold.space, hold.tuple.weight)
    }
    case 'promised': {
      const promised = decoded<Promised>(part[1])
      state.promised.set(promised)
      return state.reserve(promised.space, promised.weight)
    }
    case 'waiter':
      return restoreWaiter(state, serving, part[1])
    case 'placeholder': {
      const { pending, ...placeholder } = part[1]
      const { space, weight } = placeholder
      const fields = decode(placeholder.fields) as unknown[]
      state.placeholders.add({ ...placeholder, fields, pending: new Set(pending) })
      return state.reserve(space, weight)
    }
  }
}

function restoreTuple(state: SpacesState, space: string, [order, position, bytes, terms]: SavedTuple): void {
  const fields = decode(bytes) as unknown[]
  const placed: Placed = { order, position, fields, weight: weightOf(fields), terms }
  const stored = state.open(space).store.place(placed)
  if (terms?.expiresMs !== undefined) state.leases.leased.set(order, { space, stored })
}

function restoreWaiter(state: SpacesState, serving: Serving, saved: Extract<Part, readonly ['waiter', unknown]>[1]): void {
  const given = decode(saved.encoded) as unknown[]
  if (saved.mode !== 'atomic') {
    const template = decodeTemplate(given)
    invariant(template !== undefined, 'a snapshot has a template that is none')
    return serving.wait({ ...saved, encoded: given, template })
  }
  const group = readGroup(given)
  invariant(typeof group !== 'string', 'a snapshot has a group that is none')
  const plan = planGroup(group, state.get(saved.space)?.store)
  invariant(plan.kind === 'blocked', 'a snapshot has a waiting group that could be carried out')
  serving.wait({ ...saved, encoded: given, template: plan.template, group }, plan)
}

function* savedTuples(tuples: Iterable<Placed>): Generator<SavedTuple> {
  for (const { order, position, fields, terms } of tuples) {
    const bytes = bytesOf(fields)
    yield terms === undefined ? [order, position, bytes] : [order, position, bytes, terms]
  }
}

function encoded<T extends { readonly fields: readonly unknown[] }>(value: T): Encoded<T> {
  return { ...value, fields: bytesOf(value.fields) }
}

function decoded<T extends { readonly fields: readonly unknown[] }>(value: Encoded<T>): T {
  return { ...value, fields: decode(value.fields) as unknown[] } as unknown as T
}

function bytesOf(value: unknown): Uint8Array {
  return encode(value, Number.POSITIVE_INFINITY)
}
