/**
 * Tuples that somebody works on: taken, but not for good.
 *
 * Whoever holds a tuple says when the work is done (`ack`). If that does not come in time, or its holder ends, the tuple comes back
 * by itself, to its old place. One that came back too often is probably what kills its holders: it goes to a space for the dead,
 * where people find it.
 *
 * Boundary: book-keeping. Who is served with what comes back is decided in `serving.ts`.
 *   H1  A hold ends once: by ack, release, its lease, or the end of its holder.
 *   H2  Its id is in no other hold, ever.
 */
import type { Caller } from '../../../log/machine.ts'
import { isSpaceName } from './wire.ts'

/** What was asked for with `{ hold }`. */
export interface HoldTerms {
  /** Of log time that stands still while the site is down: nobody loses a tuple because of that. Infinity: until its holder ends. */
  readonly leaseMs: number
  /** After so many it goes to the dead. */
  readonly maxDeliveries: number
  readonly deadLetter: string
}

export interface Hold {
  readonly id: number
  readonly space: string
  readonly holder: Caller
  readonly terms: HoldTerms
  /** Which time this was that the tuple was handed out, from 1. */
  readonly deliveries: number
  /** Service time at which the lease ends; Infinity: it does not. */
  readonly dueMs: number
  readonly tuple: HeldTuple
}

/** What is needed to put it back. */
export interface HeldTuple {
  readonly order: number
  readonly position: number
  readonly fields: readonly unknown[]
  readonly weight: number
  /** Wall time at which the tuple's own lease ends. */
  readonly expiresMs: number | undefined
}

/** As many as a run may die at one place: the same bad tuple is not the fault of five holders. */
export const DEFAULT_MAX_DELIVERIES = 5

/** Names have at most 64 characters. */
const LONGEST_STEM = 59

export function deadLetterOf(space: string): string {
  return `${space.slice(0, LONGEST_STEM)}.dead`
}

export class Holds {
  readonly #byId = new Map<number, Hold>()
  /** By `callerKey`, then by id. */
  readonly #byHolder = new Map<number, Map<number, Hold>>()

  add(hold: Hold): void {
    this.#byId.set(hold.id, hold)
    const key = callerKey(hold.holder)
    const own = this.#byHolder.get(key) ?? new Map<number, Hold>()
    own.set(hold.id, hold)
    this.#byHolder.set(key, own)
  }

  get(id: unknown): Hold | undefined {
    return typeof id === 'number' ? this.#byId.get(id) : undefined
  }

  remove(hold: Hold): void {
    this.#byId.delete(hold.id)
    const key = callerKey(hold.holder)
    const own = this.#byHolder.get(key)
    own?.delete(hold.id)
    if (own?.size === 0) this.#byHolder.delete(key)
  }

  /** Of one holder, in order of their ids. */
  of(holder: Caller): Hold[] {
    return [...(this.#byHolder.get(callerKey(holder))?.values() ?? [])].sort((a, b) => a.id - b.id)
  }

  /** In order of their ids. */
  all(): Hold[] {
    return [...this.#byId.values()].sort((a, b) => a.id - b.id)
  }
}

/** One number for each caller: ids are whole numbers above 0. */
export function callerKey(caller: Caller): number {
  switch (caller.kind) {
    case 'gateway':
      return 0
    case 'session':
      return caller.id
    case 'run':
      return -caller.id
    case 'member':
      return caller.id + 0.5
  }
}

/** Reads `{ leaseMs, maxDeliveries?, deadLetter? }`. */
export function readHold(given: unknown, space: string): HoldTerms | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const {
    leaseMs,
    maxDeliveries = DEFAULT_MAX_DELIVERIES,
    deadLetter = deadLetterOf(space),
    ...others
  } = given as Record<string, unknown>
  const isName = typeof deadLetter === 'string' && deadLetter !== space && isSpaceName(deadLetter)
  const isTime = leaseMs === Number.POSITIVE_INFINITY || isLease(leaseMs)
  if (Object.keys(others).length > 0 || !isTime || !isMaxDeliveries(maxDeliveries) || !isName) return undefined
  return { leaseMs, maxDeliveries, deadLetter }
}

/** Nothing can be done in no time. */
export function isLease(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

/** Infinity: for ever. */
export function isMaxDeliveries(value: unknown): value is number {
  return value === Number.POSITIVE_INFINITY || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1)
}
