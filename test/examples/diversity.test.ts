/**
 * The five granularities of diversity of the reflective paper (section 2.2): in each a fault is planted in one variant, which alone
 * answers wrongly, and the group answers rightly all the same.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { open } from 'perdure'
import { groupOf } from 'perdure/group'
import { describe, expect, test } from 'vitest'
import { BitBookings, SetBookings, SpanBookings, safeBookings } from '../../examples/diversity/classes.ts'
import { CivilDay, NumberedDay, OrdinalDay, SafeDay } from '../../examples/diversity/data.ts'
import { IsoWeek } from '../../examples/diversity/meta-level.ts'
import { SafeWeekday, Weekday } from '../../examples/diversity/operations.ts'
import { nodes, safeBookings as replicatedBookings } from '../../examples/diversity/replicas.ts'

const DAY_MS = 86_400_000

/** Dates of seven centuries, coprime to every cycle of the calendar. */
const DATES = Array.from({ length: 601 }, (_, n) => new Date(Date.UTC(1583, 0, 1) + n * 431 * DAY_MS))

function parts(date: Date): [year: number, month: number, day: number] {
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
}

function wrongOf(group: object): Record<string, number> {
  const members = Object.entries(groupOf(group).counts.members)
  return Object.fromEntries(members.map(([id, { disagreed }]) => [id, disagreed]))
}

describe('operation diversity', () => {
  test('masks the fault of one method by two other methods of the class', () => {
    const [alone, weekday] = [new Weekday(), new SafeWeekday()]
    const right = DATES.map((date) => date.getUTCDay())
    expect(DATES.map((date) => weekday.of(...parts(date)))).toEqual(right)
    const wrong = DATES.filter((date, n) => alone.byTable(...parts(date)) !== right[n])
    expect(wrong.map((date) => date.getUTCMonth())).toEqual(
      DATES.map((date) => date.getUTCMonth()).filter((month) => month === 8),
    )
    expect(wrongOf(weekday)).toEqual({ byZeller: 0, byTable: wrong.length, byCounting: 0 })
  })
})

describe('data diversity', () => {
  const walk = (day: { forward(days: number): void; text(): string }) =>
    Array.from({ length: 300 }, () => {
      day.forward(431)
      return day.text()
    })

  test('masks the fault that corrupts the state of one implementation of the abstract class, in every later call too', () => {
    const right = Array.from({ length: 300 }, (_, n) =>
      new Date(Date.UTC(1801, 0, 31) + (n + 1) * 431 * DAY_MS).toISOString().slice(0, 10),
    )
    const day = new SafeDay(1801, 1, 31)
    expect(walk(day)).toEqual(right)
    expect(walk(new NumberedDay(1801, 1, 31))).toEqual(right)
    expect(walk(new OrdinalDay(1801, 1, 31))).toEqual(right)
    const wrong = walk(new CivilDay(1801, 1, 31)).filter((text, n) => text !== right[n])
    expect(wrong.length).toBeGreaterThan(100)
    expect(wrongOf(day)).toEqual({ CivilDay: wrong.length, NumberedDay: 0, OrdinalDay: 0 })
  })
})

describe('class diversity', () => {
  test('masks the fault of one of three classes that have neither state nor operations in common', () => {
    const use = (bookings: { book(day: number): boolean; free(from: number): number }) =>
      Array.from({ length: 200 }, (_, n) => {
        const day = (n * 37) % 101
        return [bookings.book(day), bookings.free(day)]
      })
    const right = use(new BitBookings())
    const bookings = safeBookings()
    expect(use(bookings)).toEqual(right)
    expect(use(new SetBookings())).toEqual(right)
    expect(use(new SpanBookings())).not.toEqual(right)
    const { bits, set, spans } = wrongOf(bookings)
    expect([bits, set]).toEqual([0, 0])
    expect(spans).toBeGreaterThan(0)
    const fields = [new BitBookings(), new SetBookings(), new SpanBookings()].map((each) => Object.keys(each))
    expect(new Set(fields.flat()).size).toBe(3)
  })
})

describe('meta-level diversity', () => {
  test('masks the fault of a class by variants that a metaobject has made of it', () => {
    const week = new IsoWeek()
    const days = Array.from({ length: 60 }, (_, n) => new Date(Date.UTC(2020, 11, 1) + n * DAY_MS))
    // A week belongs to the year of its Thursday.
    const right = days.map((date) => {
      const thursday = new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * DAY_MS)
      return 1 + Math.floor((thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / (7 * DAY_MS))
    })
    expect(days.map((date) => week.of(...parts(date)))).toEqual(right)
    const [written, ...made] = Object.values(wrongOf(week))
    // The week from 28 December to 3 January has seven days, all of which the class as it was written gets wrong.
    expect(written).toBe(7)
    expect(made).toEqual([0, 0])
  })
})

describe('object replicas', () => {
  test('mask the bad memory of one node, and then its loss', async () => {
    await using site = await open('memory:', { hear: () => undefined })
    const { bad } = await nodes(site)
    const bookings = await replicatedBookings(site, 'main')
    expect(await bookings.book(1)).toBe(true)
    expect(await bookings.free(3)).toBe(3)
    await expect
      .poll(async () => (await groupOf(bookings).members).map(({ faults }) => faults))
      .toEqual([expect.toSatisfy((faults: number) => faults > 0), 0, 0])
    await bad.close()
    expect(await bookings.book(3)).toBe(true)
    expect(await bookings.free(1)).toBe(2)
  })
})

test('the program says what was masked, run from the source and from the build', async () => {
  const outputs = await Promise.all(
    [['--conditions=perdure-src'], []].map(async (flags) => {
      const args = ['--import', 'tsx', ...flags, 'examples/diversity/main.ts']
      const { stdout } = await promisify(execFile)(process.execPath, args)
      return stdout
    }),
  )
  expect(outputs[0]).toMatch(
    /^operations .* on a Sunday; masked 1, outvoted byTable 1 time\ndata .* was 1900-03-01; masked 1, outvoted CivilDay 1 time\nclasses .* day 8 is free; masked 1, outvoted spans 1 time\nmeta-level .* in week 53; masked 1, outvoted IsoWeek 1 time\nreplicas .* day 3 is free, and so it is \(3\) /,
  )
  expect(outputs[1]).toBe(outputs[0])
})
