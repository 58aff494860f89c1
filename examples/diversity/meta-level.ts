/**
 * Meta-level diversity: the variants are made by a metaobject, from the class that they stand for (section 2.2).
 *
 * The Gregorian calendar repeats itself every 400 years, to the weekday. So any class that computes something of a date has two more
 * variants that nobody has to write: the same, 400 years later and 400 years earlier. They meet other numbers on other paths, and so
 * other faults; the author of the class wrote one class, without a thought of groups.
 */
import { majority, metaclass, nVersion } from 'perdure/group'

interface Weeks {
  of(year: number, month: number, day: number): number
}

type WeeksClass = new () => Weeks

const PERIOD = 400

/** Class and years in, class out. */
function moved(given: WeeksClass, years: number): WeeksClass {
  return class extends given {
    override of(year: number, month: number, day: number): number {
      return super.of(year + years, month, day)
    }
  }
}

/** The metaobject: given the class as it was written, it says which objects a `new` of the class is to make. */
function acrossCenturies(given: object): readonly WeeksClass[] {
  const written = given as WeeksClass
  return [written, moved(written, PERIOD), moved(written, -PERIOD)]
}

/** A table is quicker for the years in which people live. The planted fault: 2020 is missing, which had 53 weeks. */
const LONG_YEARS: ReadonlySet<number> = new Set([2004, 2009, 2015, 2026])

/** The number of the week in which a date is, by ISO 8601. */
@metaclass(nVersion({ variants: acrossCenturies, adjudicator: majority(), stateless: true }))
export class IsoWeek implements Weeks {
  of(year: number, month: number, day: number): number {
    const ordinal = Math.round((Date.UTC(year, month - 1, day) - Date.UTC(year, 0, 0)) / 86_400_000)
    const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay() || 7
    const week = Math.floor((ordinal - weekday + 10) / 7)
    if (week < 1) return weeksIn(year - 1)
    return week > weeksIn(year) ? 1 : week
  }
}

function weeksIn(year: number): number {
  if (year >= 2000 && year < 2030) return LONG_YEARS.has(year) ? 53 : 52
  return lastWeekday(year) === 4 || lastWeekday(year - 1) === 3 ? 53 : 52
}

/** Of the year, 0 is Sunday. */
function lastWeekday(year: number): number {
  return (year + Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400)) % 7
}
