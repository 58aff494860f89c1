/**
 * Answers about spaces for people: what is in them and who waits.
 *
 * Boundary: reads the state of the machine and changes nothing. Answers are copies, and bounded; each list says how many there
 * are in all.
 */
import { copyValue, encode } from '../../../log/codec/codec.ts'
import type { Caller } from '../../../log/machine.ts'
import { describeTemplate } from './match.ts'
import type { SpaceState, SpacesState } from './state.ts'
import type { Stored } from './tuple-class.ts'

export interface ListedTuple {
  readonly space: string
  readonly position: number
  readonly tuple: readonly unknown[]
}

export interface ListedSpace {
  readonly name: string
  readonly tuples: number
  readonly waiting: number
  /** Tuples that are still being computed. */
  readonly active: number
  /** Tuples that somebody has taken and neither acknowledged nor given back. */
  readonly held: number
  /** Tuples that appear later. */
  readonly delayed: number
}

export interface ListedHold {
  readonly id: number
  readonly space: string
  readonly holder: Caller
  readonly tuple: readonly unknown[]
  readonly deliveries: number
  /** Service time at which it comes back. */
  readonly dueMs: number
}

export interface ListedDelayed {
  readonly space: string
  readonly position: number
  readonly tuple: readonly unknown[]
  /** Wall time at which it appears. */
  readonly dueMs: number
}

export interface ListedWaiter {
  readonly space: string
  readonly mode: 'in' | 'rd' | 'atomic'
  /** Of a group: what it is blocked at. */
  readonly template: string
  readonly caller: Caller
  readonly number: number
  readonly position: number
  readonly deadlineMs: number | undefined
}

/** More than a person reads; what counts them all is `total`. */
const MAX_LISTED = 1_000

/** Half of the largest frame, so that an answer always fits one; the first tuple is listed whatever its size. */
const MAX_LISTED_BYTES = 512 * 1024

/** `[space?, limit?]`: the oldest tuples of one space or of all, in order. Those that are held or delayed are not among them. */
export function listTuples(state: SpacesState, args: readonly unknown[]): { total: number; tuples: ListedTuple[] } | undefined {
  const limit = args[1] ?? MAX_LISTED
  if (typeof limit !== 'number' || !(limit >= 0)) return undefined
  const chosen = choose(state, args[0])
  const oldest: [string, Stored][] = []
  for (const { name, store } of chosen) {
    for (const stored of store.first(Math.min(limit, MAX_LISTED))) oldest.push([name, stored])
  }
  oldest.sort(([, a], [, b]) => a.order - b.order)
  const listed = oldest
    .slice(0, Math.min(limit, MAX_LISTED))
    .map(([space, { position, fields }]) => ({ space, position, fields }))
  const tuples = bounded(listed).map(({ fields, ...tuple }) => ({ ...tuple, tuple: copyValue(fields) }))
  return { total: chosen.reduce((sum, { store }) => sum + store.size, 0), tuples }
}

/** Spaces for which there is something, by name. */
export function listSpaces(state: SpacesState): ListedSpace[] {
  const active = countBySpace(state.placeholders.all())
  const held = countBySpace(state.holds.all())
  const delayed = countBySpace(state.leases.allDelayed())
  return state
    .sorted()
    .map(({ name, store, waiting }) => {
      const absent = { active: active.get(name) ?? 0, held: held.get(name) ?? 0, delayed: delayed.get(name) ?? 0 }
      return { name, tuples: store.size, waiting: waiting.size, ...absent }
    })
    .filter(({ name: _, ...counts }) => Object.values(counts).some((count) => count > 0))
}

/** `[space?]`: who waits, in order of arrival. */
export function listWaiting(state: SpacesState, args: readonly unknown[]): { total: number; waiting: ListedWaiter[] } {
  const all = choose(state, args[0])
    .flatMap(({ waiting }) => waiting.all())
    .sort((a, b) => a.order - b.order)
  const waiting = all.slice(0, MAX_LISTED).map((waiter) => {
    const { space, mode, caller, number, position, deadlineMs } = waiter
    const template = state.get(space)?.waiting.templateOf(waiter) ?? waiter.template
    return { space, mode, template: describeTemplate(template), caller, number, position, deadlineMs }
  })
  return { total: all.length, waiting }
}

/** `[space?]`: what is held and by whom, in the order in which it was handed out. */
export function listHolds(state: SpacesState, args: readonly unknown[]): { total: number; holds: ListedHold[] } {
  const all = state.holds.all().filter(isIn(args[0]))
  const rows = bounded(all.map(({ tuple, ...hold }) => ({ ...hold, fields: tuple.fields })))
  const holds = rows.map(({ id, space, holder, fields, deliveries, dueMs }) => {
    return { id, space, holder, tuple: copyValue(fields), deliveries, dueMs }
  })
  return { total: all.length, holds }
}

/** `[space?]`: what appears later, in the order of its `out`. */
export function listDelayed(state: SpacesState, args: readonly unknown[]): { total: number; delayed: ListedDelayed[] } {
  const all = state.leases.allDelayed().filter(isIn(args[0]))
  const delayed = bounded(all).map(({ space, position, fields, dueMs }) => {
    return { space, position, tuple: copyValue(fields), dueMs }
  })
  return { total: all.length, delayed }
}

/** As many as a person reads and a frame holds. */
function bounded<T extends { readonly fields: readonly unknown[] }>(all: readonly T[]): readonly T[] {
  let bytes = 0
  const end = all.slice(0, MAX_LISTED).findIndex(({ fields }, i) => {
    bytes += encode(fields, Number.POSITIVE_INFINITY).length
    return bytes > MAX_LISTED_BYTES && i > 0
  })
  return all.slice(0, end < 0 ? MAX_LISTED : end)
}

function countBySpace(items: readonly { readonly space: string }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { space } of items) counts.set(space, (counts.get(space) ?? 0) + 1)
  return counts
}

function isIn(space: unknown): (item: { readonly space: string }) => boolean {
  return (item) => space === undefined || space === null || item.space === space
}

function choose(state: SpacesState, name: unknown): readonly SpaceState[] {
  if (name === undefined || name === null) return [...state.spaces.values()]
  const chosen = typeof name === 'string' ? state.get(name) : undefined
  return chosen === undefined ? [] : [chosen]
}
