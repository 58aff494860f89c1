/**
 * Operation diversity: the variants are methods of one class, written from one specification (Buzato, Rubira and Lisboa, section 2.2).
 *
 * Three ways to the day of the week that share no idea: a congruence of 1882, a table, and counting. A client asks for `of` and does not
 * know that there are three.
 */
import { dependable, majority, nVersion } from 'perdure/group'

export class Weekday {
  /** Of a date of the Gregorian calendar; 0 is Sunday. */
  of(year: number, month: number, day: number): number {
    return this.byZeller(year, month, day)
  }

  /** Zeller's congruence: January and February are months 13 and 14 of the year before, and 0 is Saturday. */
  byZeller(year: number, month: number, day: number): number {
    const [y, m] = month < 3 ? [year - 1, month + 12] : [year, month]
    const century = Math.floor(y / 100)
    const within = y % 100
    const h = day + Math.floor((13 * (m + 1)) / 5) + within + Math.floor(within / 4) + Math.floor(century / 4) + 5 * century
    return (h + 6) % 7
  }

  /** Sakamoto's table of months. The planted fault is a slip of the pen: September has 4. */
  byTable(year: number, month: number, day: number): number {
    const shifts = [0, 3, 2, 5, 0, 3, 5, 1, 5, 6, 2, 4]
    const y = month < 3 ? year - 1 : year
    return (y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + (shifts[month - 1] ?? 0) + day) % 7
  }

  /** All days since 31 December of the year 0, which was a Sunday. */
  byCounting(year: number, month: number, day: number): number {
    const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
    const lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    const past = year - 1
    let days = 365 * past + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) + day
    for (const length of lengths.slice(0, month - 1)) days += length
    return days % 7
  }
}

const operations = { of: ['byZeller', 'byTable', 'byCounting'] } as const

/** Nothing is kept from call to call, so no copies have to be made. */
export const SafeWeekday = dependable(Weekday, nVersion({ operations, adjudicator: majority(), stateless: true }), {
  methods: ['of'],
})
