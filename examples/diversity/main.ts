/**
 * The five places in which redundancy can be, each with a planted fault that nobody sees.
 *
 *     npx tsx examples/diversity/main.ts
 */
import { open } from 'perdure'
import { groupOf } from 'perdure/group'
import { safeBookings as diverseBookings } from './classes.ts'
import { SafeDay } from './data.ts'
import { IsoWeek } from './meta-level.ts'
import { SafeWeekday } from './operations.ts'
import { nodes, safeBookings as replicatedBookings } from './replicas.ts'

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

function say(granularity: string, answer: string, group: object): void {
  const { masked, members } = groupOf(group).counts
  const wrong = Object.entries(members).filter(([, { disagreed }]) => disagreed > 0)
  const outvoted = wrong.map(([id, { disagreed }]) => `${id} ${disagreed} time${disagreed === 1 ? '' : 's'}`)
  console.log(`${granularity.padEnd(11)}${answer}; masked ${masked}, outvoted ${outvoted.join(', ')}`)
}

const weekday = new SafeWeekday()
say('operations', `the Great Fire of London began on a ${WEEKDAYS[weekday.of(1666, 9, 12)]}`, weekday)

const day = new SafeDay(1900, 2, 28)
day.forward(1)
say('data', `the day after 28 February 1900 was ${day.text()}`, day)

const diverse = diverseBookings()
for (const each of [5, 6, 7]) diverse.book(each)
say('classes', `days 5 to 7 are booked, and from day 5 on day ${diverse.free(5)} is free`, diverse)

const week = new IsoWeek()
say('meta-level', `31 December 2020 was in week ${week.of(2020, 12, 31)}`, week)

await using site = await open('memory:', { hear: () => undefined })
const { bad } = await nodes(site)
const replicated = await replicatedBookings(site, 'main')
await replicated.book(1)
const free = await replicated.free(3)
await bad.close()
const stillFree = await replicated.free(3)
console.log(`replicas   day ${free} is free, and so it is (${stillFree}) when the node with the bad memory is gone`)
