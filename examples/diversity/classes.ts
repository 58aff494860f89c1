/**
 * Class diversity: from one specification of a type, classes whose state and operations have nothing to do with each other (section 2.2).
 *
 * Which days are booked is a number with a bit for each, a set, or a list of spans. They are not related by inheritance, and each has
 * operations of its own; the group has what all of them have.
 */
import { majority, nVersion, objectGroup } from 'perdure/group'

/** Days are numbered from 0. */
export interface Bookings {
  /** Whether the day was free; it is booked in any case. */
  book(day: number): boolean
  /** The first free day from this one on. */
  free(from: number): number
}

export class BitBookings implements Bookings {
  booked = 0n

  book(day: number): boolean {
    const wasFree = !this.isBooked(day)
    this.booked |= 1n << BigInt(day)
    return wasFree
  }

  free(from: number): number {
    let day = from
    while (this.isBooked(day)) day += 1
    return day
  }

  isBooked(day: number): boolean {
    return ((this.booked >> BigInt(day)) & 1n) === 1n
  }
}

export class SetBookings implements Bookings {
  readonly days = new Set<number>()

  book(day: number): boolean {
    const before = this.days.size
    return this.days.add(day).size > before
  }

  free(from: number): number {
    return this.days.has(from) ? this.free(from + 1) : from
  }
}

/** Spans in their order. The planted fault: two that touch are not made one, and the day after the first is taken for free. */
export class SpanBookings implements Bookings {
  spans: { first: number; last: number }[] = []

  book(day: number): boolean {
    if (this.around(day) !== undefined) return false
    this.spans.push({ first: day, last: day })
    this.spans.sort((a, b) => a.first - b.first)
    this.widen()
    return true
  }

  free(from: number): number {
    const span = this.around(from)
    return span === undefined ? from : span.last + 1
  }

  around(day: number): { first: number; last: number } | undefined {
    return this.spans.find(({ first, last }) => first <= day && day <= last)
  }

  /** Makes spans that overlap one. */
  widen(): void {
    const wide: { first: number; last: number }[] = []
    for (const span of this.spans) {
      const before = wide.at(-1)
      if (before !== undefined && span.first <= before.last) before.last = Math.max(before.last, span.last)
      else wide.push(span)
    }
    this.spans = wide
  }
}

export function safeBookings() {
  const variants = { bits: new BitBookings(), set: new SetBookings(), spans: new SpanBookings() }
  return objectGroup(variants, nVersion({ adjudicator: majority() }), { name: 'bookings' })
}
