/**
 * Stamps of the protocols that need no service: how they travel, and how their vectors grow when somebody joins.
 *
 * Boundary: pure.
 *   V1  A vector is filled up with the entries that a member in a group of fixed size keeps for one it has never heard of; a test
 *       compares the two.
 *   V2  What comes off the wire may be anything; what has not the form of a stamp is undefined.
 */
import type { BcsStamp, BcsState } from '../bcs.ts'
import type { BhmrStamp, BhmrState } from '../bhmr.ts'
import type { FdasStamp, FdasState } from '../fdas.ts'
import type { HmnrStamp, HmnrState } from '../hmnr.ts'
import { MAX_MEMBERS, type Token } from '../protocol.ts'

export interface VectorForm<State, S extends Token> {
  /** Without the token, which the message has anyway. */
  written(stamp: S): unknown
  read(written: unknown, token: Token): S | undefined
  /** How many members its vectors speak of. */
  placesOf(stamp: S): number
  growState(state: State, places: number): void
  growStamp(stamp: S, places: number): S
}

export const BCS: VectorForm<BcsState, BcsStamp> = {
  written: ({ sn }) => sn,
  read: (sn, token) => (isCount(sn) ? { ...token, sn } : undefined),
  placesOf: () => 0,
  growState: () => undefined,
  growStamp: (stamp) => stamp,
}

export const FDAS: VectorForm<FdasState, FdasStamp> = {
  written: ({ D }) => D,
  read: (D, token) => (isVector(D) ? { ...token, D } : undefined),
  placesOf: ({ D }) => D.length,
  growState: (state, places) => fill(state.D, places, -1),
  growStamp: (stamp, places) => ({ ...stamp, D: filled(stamp.D, places, -1) }),
}

export const HMNR: VectorForm<HmnrState, HmnrStamp> = {
  written: ({ lc, ckpt, taken, greater }) => [lc, ckpt, packed(taken), packed(greater)],
  read(written, token) {
    if (!Array.isArray(written)) return undefined
    const [lc, ckpt, taken, greater] = written as readonly unknown[]
    if (!isCount(lc) || !isVector(ckpt) || !isPacked(taken, ckpt.length) || !isPacked(greater, ckpt.length)) return undefined
    return { ...token, lc, ckpt, taken: unpacked(taken, ckpt.length), greater: unpacked(greater, ckpt.length) }
  },
  placesOf: ({ ckpt }) => ckpt.length,
  growState({ ckpt, taken, greater, sentTo }, places) {
    fill(ckpt, places, 0)
    fill(taken, places, true)
    fill(greater, places, true)
    fill(sentTo, places, false)
  },
  growStamp: (stamp, places) => ({
    ...stamp,
    ckpt: filled(stamp.ckpt, places, 0),
    taken: filled(stamp.taken, places, true),
    greater: filled(stamp.greater, places, true),
  }),
}

export const BHMR: VectorForm<BhmrState, BhmrStamp> = {
  written: ({ D, simple, causal }) => [D, packed(simple), packed(causal.flat())],
  read(written, token) {
    if (!Array.isArray(written)) return undefined
    const [D, simple, causal] = written as readonly unknown[]
    if (!isVector(D) || !isPacked(simple, D.length) || !isPacked(causal, D.length ** 2)) return undefined
    const flat = unpacked(causal, D.length ** 2)
    const rows = D.map((_, k) => flat.slice(k * D.length, (k + 1) * D.length))
    return { ...token, D, simple: unpacked(simple, D.length), causal: rows }
  },
  placesOf: ({ D }) => D.length,
  growState({ D, simple, causal, sentTo }, places) {
    fill(D, places, -1)
    fill(simple, places, false)
    fill(sentTo, places, false)
    growMatrix(causal, places)
  },
  growStamp(stamp, places) {
    const causal = stamp.causal.map((row) => row.slice())
    growMatrix(causal, places)
    return { ...stamp, D: filled(stamp.D, places, -1), simple: filled(stamp.simple, places, false), causal }
  },
}

/** Everybody is at least where he is himself; of the others nothing is known. */
function growMatrix(rows: boolean[][], places: number): void {
  for (const row of rows) fill(row, places, false)
  for (let k = rows.length; k < places; k++) rows.push(Array.from({ length: places }, (_, l) => k === l))
}

function fill<T>(vector: T[], places: number, entry: T): void {
  while (vector.length < places) vector.push(entry)
}

function filled<T>(vector: readonly T[], places: number, entry: T): readonly T[] {
  if (vector.length >= places) return vector
  const copy = vector.slice()
  fill(copy, places, entry)
  return copy
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}

/** -1: nothing is known. */
function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MAX_MEMBERS && value.every((entry) => entry === -1 || isCount(entry))
}

function isPacked(value: unknown, count: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === Math.ceil(count / 8)
}

function packed(flags: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(flags.length / 8))
  for (const [k, flag] of flags.entries()) if (flag) bytes[k >> 3]! |= 1 << (k & 7)
  return bytes
}

function unpacked(bytes: Uint8Array, count: number): boolean[] {
  return Array.from({ length: count }, (_, k) => (bytes[k >> 3]! & (1 << (k & 7))) !== 0)
}
