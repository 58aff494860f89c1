/**
 * Tuple spaces as one would first write them: a list of tuples, a list of waiters, walked from the front. What the real machine
 * does with indexes, queues and marks is compared with this.
 */
import { isDeepStrictEqual } from 'node:util'
import { Ref } from '../../../src/mechanisms/space/group.ts'
import { AnyField, Operator } from '../../../src/support/template.ts'

export type Answer = readonly [caller: number, number: number, value: unknown]

export interface NaiveHold {
  readonly leaseMs: number
  readonly maxDeliveries: number
}

export type NaiveElement =
  | { readonly in: readonly unknown[] }
  | { readonly rd: readonly unknown[] }
  | { readonly out: readonly unknown[] }

export interface NaiveWaiter {
  readonly caller: number
  readonly number: number
  readonly mode: 'in' | 'rd' | 'atomic'
  readonly space: string
  readonly template: readonly unknown[]
  readonly elements?: readonly NaiveElement[]
  readonly deadlineMs: number
  readonly hold?: NaiveHold | undefined
}

interface NaiveTuple {
  readonly space: string
  readonly tuple: readonly unknown[]
  readonly order: number
  readonly expiresMs: number
  readonly deliveries: number
}

interface Held extends NaiveTuple {
  readonly id: number
  readonly holder: number
  readonly hold: NaiveHold
}

/** A tuple that is to appear; with an order if it was there before. */
type Arrival = Omit<NaiveTuple, 'order'> & { readonly order?: number }

interface Deadline {
  readonly time: 'wall' | 'service'
  readonly atMs: number
  readonly due: () => void
}

export interface NaiveQuota {
  readonly tuples?: number
  readonly waiting?: number
  readonly holds?: number
}

export const TIMED_OUT = 'timed out'
export const QUOTA = 'PERDURE_E_QUOTA'
export const LOST = 'PERDURE_E_HOLD_LOST'

const FOR_EVER = Number.POSITIVE_INFINITY

export class NaiveSpaces {
  tuples: NaiveTuple[] = []
  waiters: (NaiveWaiter & { readonly seq: number })[] = []
  held: Held[] = []
  answers: Answer[] = []
  /** What exists and nobody sees: by space, one name for each. */
  absent: string[] = []
  promised: { readonly session: number; readonly space: string; readonly tuple: readonly unknown[] }[] = []
  readonly quotas = new Map<string, NaiveQuota>()
  wallMs = 1_000
  serviceMs = 0
  #deadlines: Deadline[] = []
  #arrivals: Arrival[] = []
  #order = 0
  #holds = 0
  #settling = false

  out(space: string, tuple: readonly unknown[], leaseMs = FOR_EVER, notBeforeMs = 0): unknown {
    if (!this.#room(space, 1)) return QUOTA
    if (notBeforeMs === 0) this.appear({ space, tuple, expiresMs: this.#until(leaseMs), deliveries: 0 })
    else {
      this.absent.push(space)
      this.#at('wall', this.wallMs + notBeforeMs, () => {
        this.present(space)
        this.appear({ space, tuple, expiresMs: this.#until(leaseMs), deliveries: 0 })
      })
    }
    return undefined
  }

  /** One that nobody saw is about to appear, or was taken back. */
  present(space: string): void {
    this.absent.splice(this.absent.indexOf(space), 1)
  }

  canPut(space: string): boolean {
    return this.#room(space, 1)
  }

  ask(mode: 'in' | 'rd', asker: Omit<NaiveWaiter, 'mode' | 'deadlineMs'>): unknown {
    const { space, template, hold, caller } = asker
    if (hold && !this.#below(this.quotas.get(space)?.holds, this.#holdsOf(space))) return QUOTA
    const found = this.tuples.find((stored) => stored.space === space && naiveMatch(template, stored.tuple))
    if (found === undefined) return null
    if (mode === 'in') this.#take(found)
    return hold ? this.#hold(found, caller, hold) : found.tuple
  }

  /** Undefined: it waits. */
  wait(waiter: NaiveWaiter): unknown {
    const asked = waiter.mode === 'atomic' ? this.#tryGroup(waiter) : this.ask(waiter.mode, waiter)
    if (asked !== null) return asked
    const { space } = waiter
    const waiting = this.waiters.filter((other) => other.space === space).length
    if (!this.#below(this.quotas.get(space)?.waiting, waiting)) return QUOTA
    this.#order += 1
    const entry = { ...waiter, seq: this.#order }
    this.waiters.push(entry)
    if (waiter.deadlineMs < FOR_EVER)
      this.#at('wall', waiter.deadlineMs, () => {
        if (!this.waiters.includes(entry)) return
        this.#forget(entry)
        this.#answer(entry, TIMED_OUT)
      })
    return undefined
  }

  count(space: string, template: readonly unknown[]): number {
    return this.#matching(space, template).length
  }

  collect(space: string, template: readonly unknown[], limit: number, { into, copy }: { into?: string; copy: boolean }): unknown {
    const found = this.#matching(space, template).slice(0, limit)
    if (into !== undefined && found.length > 0 && !this.#room(into, found.length)) return QUOTA
    if (!copy) for (const stored of found) this.#take(stored)
    if (into === undefined) return found.map(({ tuple }) => tuple)
    for (const { tuple, expiresMs } of found) this.appear({ space: into, tuple, expiresMs, deliveries: 0 })
    return found.length
  }

  endHold(kind: 'ack' | 'release', space: string, id: number): unknown {
    const held = this.held.find((each) => each.id === id && each.space === space)
    if (held === undefined) return LOST
    if (kind === 'release') this.#bringBack(held)
    else this.held = this.held.filter((each) => each !== held)
    return undefined
  }

  promise(session: number, space: string, tuple: readonly unknown[] | null): unknown {
    const before = this.promised.find((each) => each.session === session && each.space === space)
    if (tuple !== null && before === undefined && !this.#room(space, 1)) return QUOTA
    if (before) {
      this.promised = this.promised.filter((each) => each !== before)
      this.present(space)
    }
    if (tuple === null) return undefined
    this.promised.push({ session, space, tuple })
    this.absent.push(space)
    return undefined
  }

  withdraw(caller: number, number: number): boolean {
    const before = this.waiters.length
    this.waiters = this.waiters.filter((waiter) => waiter.caller !== caller || waiter.number !== number)
    return this.waiters.length < before
  }

  ended(caller: number, how: 'left' | 'lost'): void {
    this.waiters = this.waiters.filter((waiter) => waiter.caller !== caller)
    for (const held of this.held.filter(({ holder }) => holder === caller)) this.#bringBack(held)
    const own = this.promised.filter(({ session }) => session === caller).sort((a, b) => (a.space < b.space ? -1 : 1))
    for (const promised of own) {
      this.promised = this.promised.filter((each) => each !== promised)
      this.present(promised.space)
      const { space, tuple } = promised
      if (how === 'lost') this.appear({ space, tuple, expiresMs: FOR_EVER, deliveries: 0 })
    }
  }

  advance(ms: number): void {
    this.wallMs += ms
    this.serviceMs += ms
    for (let due = this.#takeDue(); due !== undefined; due = this.#takeDue()) due.due()
  }

  appear(arrival: Arrival): void {
    this.#arrivals.push(arrival)
    this.settle()
  }

  settle(): void {
    if (this.#settling) return
    this.#settling = true
    for (;;) {
      if (this.#carryOutOldest(FOR_EVER)) continue
      const arrival = this.#arrivals.shift()
      if (arrival === undefined) break
      this.#arrive(arrival)
    }
    this.#settling = false
  }

  #arrive(arrival: Arrival): void {
    const { space, tuple } = arrival
    const wanting = (mode: 'in' | 'rd') =>
      this.waiters.filter((waiter) => waiter.mode === mode && waiter.space === space && naiveMatch(waiter.template, tuple))
    for (const reader of wanting('rd')) {
      this.#forget(reader)
      this.#answer(reader, tuple)
    }
    const stored = this.#place(arrival)
    for (;;) {
      const [taker] = wanting('in')
      if (this.#carryOutOldest(taker?.seq ?? FOR_EVER)) {
        if (!this.tuples.includes(stored)) return
        continue
      }
      if (taker === undefined) return
      this.#take(stored)
      this.#forget(taker)
      return this.#answer(taker, taker.hold ? this.#hold(stored, taker.caller, taker.hold) : tuple)
    }
  }

  #place(arrival: Arrival): NaiveTuple {
    if (arrival.order === undefined) this.#order += 1
    const stored: NaiveTuple = { order: this.#order, ...arrival }
    this.tuples = [...this.tuples, stored].sort((a, b) => a.order - b.order)
    if (arrival.order === undefined && arrival.expiresMs < FOR_EVER)
      this.#at('wall', arrival.expiresMs, () => {
        this.tuples = this.tuples.filter(({ order }) => order !== stored.order)
        this.settle()
      })
    return stored
  }

  /** The oldest group that can be carried out and came before `seq`. */
  #carryOutOldest(seq: number): boolean {
    for (const waiter of this.waiters) {
      if (waiter.mode !== 'atomic' || waiter.seq > seq) continue
      const answer = this.#tryGroup(waiter)
      if (answer === null) continue
      this.#forget(waiter)
      this.#answer(waiter, answer)
      return true
    }
    return false
  }

  /** What the group is answered; null when it is blocked. */
  #tryGroup({ space, elements = [] }: NaiveWaiter): unknown {
    const own: { readonly tuple: readonly unknown[]; readonly stored?: NaiveTuple }[] = []
    const there = this.tuples.filter((stored) => stored.space === space).map((stored) => ({ tuple: stored.tuple, stored }))
    let visible: typeof own = there
    const matched: (readonly unknown[] | undefined)[] = []
    const fill = (fields: readonly unknown[]) =>
      fields.map((field) => (field instanceof Ref ? matched[field.element]?.[field.field] : field))
    for (const element of elements) {
      if ('out' in element) {
        visible = [...visible, { tuple: fill(element.out) }]
        matched.push(undefined)
        continue
      }
      const template = fill('in' in element ? element.in : element.rd)
      const found = visible.find(({ tuple }) => naiveMatch(template, tuple))
      if (found === undefined) return null
      if ('in' in element) visible = visible.filter((each) => each !== found)
      matched.push(found.tuple)
    }
    const taken = there.filter((each) => !visible.includes(each))
    const outs = visible.filter(({ stored }) => stored === undefined)
    if (outs.length > taken.length && !this.#room(space, outs.length - taken.length)) return QUOTA
    for (const { stored } of taken) this.#take(stored)
    for (const { tuple } of outs) this.#arrivals.push({ space, tuple, expiresMs: FOR_EVER, deliveries: 0 })
    return matched.filter((tuple) => tuple !== undefined)
  }

  #hold(stored: NaiveTuple, holder: number, hold: NaiveHold): unknown {
    this.#holds += 1
    const held: Held = { ...stored, id: this.#holds, holder, hold, deliveries: stored.deliveries + 1 }
    this.held.push(held)
    this.#at('service', this.serviceMs + hold.leaseMs, () => {
      if (this.held.includes(held)) this.#bringBack(held)
    })
    return { id: held.id, tuple: held.tuple, deliveries: held.deliveries }
  }

  #bringBack(held: Held): void {
    const { space, tuple, expiresMs, deliveries, order, hold } = held
    this.held = this.held.filter((each) => each !== held)
    const dead = `${space}.dead`
    if (expiresMs <= this.wallMs) return
    if (deliveries >= hold.maxDeliveries && this.#room(dead, 1))
      this.appear({ space: dead, tuple, expiresMs: FOR_EVER, deliveries: 0 })
    else this.appear({ space, tuple, expiresMs, deliveries, order })
  }

  #take(stored: NaiveTuple): void {
    this.tuples = this.tuples.filter((each) => each !== stored)
  }

  #matching(space: string, template: readonly unknown[]): NaiveTuple[] {
    return this.tuples.filter((stored) => stored.space === space && naiveMatch(template, stored.tuple))
  }

  #answer({ caller, number }: NaiveWaiter, value: unknown): void {
    this.answers.push([caller, number, value])
  }

  #forget(waiter: NaiveWaiter): void {
    this.waiters = this.waiters.filter((each) => each !== waiter)
  }

  #holdsOf(space: string): number {
    const all = [...this.held, ...this.waiters.filter(({ hold }) => hold !== undefined)]
    return all.filter((each) => each.space === space).length
  }

  #room(space: string, more: number): boolean {
    const all = [...this.tuples, ...this.held].filter((each) => each.space === space)
    const used = all.length + this.absent.filter((name) => name === space).length
    return used + more <= (this.quotas.get(space)?.tuples ?? FOR_EVER)
  }

  #below(limit: number | undefined, used: number): boolean {
    return used + 1 <= (limit ?? FOR_EVER)
  }

  #until(leaseMs: number): number {
    return this.wallMs + leaseMs
  }

  #at(time: Deadline['time'], atMs: number, due: () => void): void {
    this.#deadlines.push({ time, atMs, due })
  }

  #takeDue(): Deadline | undefined {
    const first = (time: Deadline['time'], nowMs: number) =>
      this.#deadlines.filter((each) => each.time === time && each.atMs <= nowMs).sort((a, b) => a.atMs - b.atMs)[0]
    const due = first('wall', this.wallMs) ?? first('service', this.serviceMs)
    this.#deadlines = this.#deadlines.filter((each) => each !== due)
    return due
  }
}

export function naiveMatch(template: readonly unknown[], tuple: readonly unknown[]): boolean {
  return template.length === tuple.length && template.every((field, i) => naiveField(field, tuple[i]))
}

function naiveField(field: unknown, value: unknown): boolean {
  if (field instanceof AnyField) return true
  if (field === String) return typeof value === 'string'
  if (field === Number) return typeof value === 'number'
  if (field === Boolean) return typeof value === 'boolean'
  if (field === BigInt) return typeof value === 'bigint'
  if (field === Date) return value instanceof Date
  if (field === Uint8Array) return value instanceof Uint8Array
  if (field === Array) return Array.isArray(value)
  if (field === Object) return Object.prototype.toString.call(value) === '[object Object]'
  if (field instanceof Operator) return naiveOperator(field, value)
  return isEqual(field, value)
}

function naiveOperator({ name, operands }: Operator<unknown>, value: unknown): boolean {
  if (name !== 'oneOf' && typeof value !== typeof operands[0]) return false
  const [low, high] = operands as readonly number[]
  const given = value as number
  switch (name) {
    case 'oneOf':
      return operands.some((operand) => isEqual(operand, value))
    case 'gt':
      return given > (low as number)
    case 'gte':
      return given >= (low as number)
    case 'lt':
      return given < (low as number)
    case 'lte':
      return given <= (low as number)
    case 'between':
      return given >= (low as number) && given <= (high as number)
    case 'prefix':
      return String(value).indexOf(String(operands[0])) === 0
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  return !Number.isNaN(a) && isDeepStrictEqual(a, b)
}
