/**
 * Object or data diversity: implementations of one abstract class that keep their data differently (section 2.2).
 *
 * A day that can be moved forward is kept as year, month and day, as the number of a day, or as a year and the number of a day in it. The
 * fault of the first corrupts its state, and from then on it is wrong in every call.
 */
import { dependable, majority, nVersion } from 'perdure/group'

export abstract class Day {
  constructor(year: number, month: number, day: number) {
    if (day < 1 || day > lengthOf(month, isLeap(year))) throw new RangeError(`There is no ${written(year, month, day)}.`)
  }

  abstract forward(days: number): void
  /** Such as 1900-02-28. */
  abstract text(): string
}

/** Year, month and day, as people have it. The planted fault is that every fourth year is a leap year, as it was for Caesar. */
export class CivilDay extends Day {
  year: number
  month: number
  day: number

  constructor(year: number, month: number, day: number) {
    super(year, month, day)
    this.year = year
    this.month = month
    this.day = day
  }

  override forward(days: number): void {
    for (let left = days; left > 0; left -= 1) {
      this.day += 1
      if (this.day <= lengthOf(this.month, this.year % 4 === 0)) continue
      this.day = 1
      this.month = (this.month % 12) + 1
      if (this.month === 1) this.year += 1
    }
  }

  override text(): string {
    return written(this.year, this.month, this.day)
  }
}

/** The number of the day since 1 March of the year 0, so that leap days are the last of their year (Richards). */
export class NumberedDay extends Day {
  number: number

  constructor(year: number, month: number, day: number) {
    super(year, month, day)
    const y = month < 3 ? year - 1 : year
    const leaps = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400)
    this.number = 365 * y + leaps + Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  }

  override forward(days: number): void {
    this.number += days
  }

  override text(): string {
    const era = Math.floor(this.number / 146_097)
    const inEra = this.number % 146_097
    const yearInEra = Math.floor(
      (inEra - Math.floor(inEra / 1_460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
    )
    const inYear = inEra - (365 * yearInEra + Math.floor(yearInEra / 4) - Math.floor(yearInEra / 100))
    const month = Math.floor((5 * inYear + 2) / 153)
    const day = inYear - Math.floor((153 * month + 2) / 5) + 1
    return written(400 * era + yearInEra + (month > 9 ? 1 : 0), ((month + 2) % 12) + 1, day)
  }
}

/** The year and the number of the day in it. */
export class OrdinalDay extends Day {
  year: number
  ordinal: number

  constructor(year: number, month: number, day: number) {
    super(year, month, day)
    this.year = year
    this.ordinal = day
    for (let m = 1; m < month; m += 1) this.ordinal += lengthOf(m, isLeap(year))
  }

  override forward(days: number): void {
    this.ordinal += days
    for (let length = yearLength(this.year); this.ordinal > length; length = yearLength(this.year)) {
      this.ordinal -= length
      this.year += 1
    }
  }

  override text(): string {
    let [month, day] = [1, this.ordinal]
    for (let length = 31; day > length; length = lengthOf(month, isLeap(this.year))) {
      day -= length
      month += 1
    }
    return written(this.year, month, day)
  }
}

export const SafeDay = dependable(Day, nVersion({ variants: [CivilDay, NumberedDay, OrdinalDay], adjudicator: majority() }))

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

function yearLength(year: number): number {
  return isLeap(year) ? 366 : 365
}

function lengthOf(month: number, inLeapYear: boolean): number {
  if (month === 2) return inLeapYear ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

function written(year: number, month: number, day: number): string {
  return [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')].join('-')
}
