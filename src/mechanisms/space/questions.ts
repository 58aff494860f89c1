/**
 * Answers about spaces for people: what is in them and who waits.
 *
 * Boundary: reads the state of the machine and changes nothing. Answers are copies, and bounded; each list says how many there
 * are in all.
 */
import { copyValue, encode } from '../../log/codec/codec.ts'
import type { Caller } from '../../log/machine.ts'
import type { Placeholders } from './eval.ts'
import { describeTemplate } from './match.ts'
import type { Stored, TupleStore } from './store.ts'
import type { WaitingTemplates } from './waiting.ts'

export interface SpaceState {
  readonly name: string
  readonly store: TupleStore
  readonly waiting: WaitingTemplates
}

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
}

export interface ListedWaiter {
  readonly space: string
  readonly mode: 'in' | 'rd'
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

/** `[space?, limit?]`: the oldest tuples of one space or of all, in order. */
export function listTuples(
  spaces: ReadonlyMap<string, SpaceState>,
  args: readonly unknown[],
): { total: number; tuples: ListedTuple[] } | undefined {
  const limit = args[1] ?? MAX_LISTED
  if (typeof limit !== 'number' || !(limit >= 0)) return undefined
  const chosen = choose(spaces, args[0])
  const oldest: [string, Stored][] = []
  for (const { name, store } of chosen) {
    for (const stored of store.first(Math.min(limit, MAX_LISTED))) oldest.push([name, stored])
  }
  oldest.sort(([, a], [, b]) => a.order - b.order)
  const tuples: ListedTuple[] = []
  let bytes = 0
  for (const [space, { position, fields }] of oldest.slice(0, Math.min(limit, MAX_LISTED))) {
    bytes += encode(fields, Number.POSITIVE_INFINITY).length
    if (bytes > MAX_LISTED_BYTES && tuples.length > 0) break
    tuples.push({ space, position, tuple: copyValue(fields) })
  }
  return { total: chosen.reduce((sum, { store }) => sum + store.size, 0), tuples }
}

/** Spaces that hold something, by name. */
export function listSpaces(spaces: ReadonlyMap<string, SpaceState>, placeholders: Placeholders): ListedSpace[] {
  const active = new Map<string, number>()
  for (const { space } of placeholders.all()) active.set(space, (active.get(space) ?? 0) + 1)
  const names = [...new Set([...spaces.keys(), ...active.keys()])].sort()
  return names
    .map((name) => {
      const state = spaces.get(name)
      return { name, tuples: state?.store.size ?? 0, waiting: state?.waiting.size ?? 0, active: active.get(name) ?? 0 }
    })
    .filter(({ tuples, waiting, active: computed }) => tuples + waiting + computed > 0)
}

/** `[space?]`: who waits, in order of arrival. */
export function listWaiting(
  spaces: ReadonlyMap<string, SpaceState>,
  args: readonly unknown[],
): { total: number; waiting: ListedWaiter[] } {
  const all = choose(spaces, args[0])
    .flatMap(({ waiting }) => waiting.all())
    .sort((a, b) => a.order - b.order)
  const waiting = all.slice(0, MAX_LISTED).map(({ space, mode, template, caller, number, position, deadlineMs }) => {
    return { space, mode, template: describeTemplate(template), caller, number, position, deadlineMs }
  })
  return { total: all.length, waiting }
}

function choose(spaces: ReadonlyMap<string, SpaceState>, name: unknown): readonly SpaceState[] {
  if (name === undefined || name === null) return [...spaces.values()]
  const state = typeof name === 'string' ? spaces.get(name) : undefined
  return state === undefined ? [] : [state]
}
