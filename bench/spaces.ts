/**
 * Whether a full space is slower than an empty one: keyed `inp` beside a million tuples, and beside ten thousand that wait.
 *
 * The floor is the same in an empty space of the same site, in turn. Not measured: the one search that finds no index yet and
 * builds it.
 */
import { open, type Space, space } from 'perdure'
import { type Bench, type Figure, inTurns, perSecond } from './measure.ts'

/** Pairs under way at once: with ten thousand that wait, below the bound on open operations of one client, which is 16,384. */
const PIPELINED = 2_000
const RESIDENT = 1_000_000
const BLOCKED = 10_000

/** Of keys that are in no tuple and no template before. */
let key = 0

export const resident: Bench = {
  name: 'resident',
  async run(effort) {
    const site = await open('memory:')
    const [full, empty] = [await space(site, 'full'), await space(site, 'empty')]
    await fill(full, Math.round(RESIDENT * Math.min(1, effort.share * 2)))
    const figure = await compared('memory: out + keyed inp beside 1M tuples', { full, empty, share: effort.share }, effort.rounds)
    await site.close()
    return [figure]
  },
}

export const blocked: Bench = {
  name: 'blocked',
  async run(effort) {
    const site = await open('memory:')
    const [full, empty] = [await space(site, 'full'), await space(site, 'empty')]
    const waiting: Promise<unknown>[] = []
    for (let n = 0; n < BLOCKED; n += 1) waiting.push(full.in(['job', -1 - n, String]).catch(() => undefined))
    await full.count(['job', Number, String])
    const figure = await compared(
      'memory: out + keyed inp beside 10,000 blocked takers',
      { full, empty, share: effort.share },
      effort.rounds,
    )
    await full.close()
    await Promise.all(waiting)
    await site.close()
    return [figure]
  },
}

async function fill(full: Space, count: number): Promise<void> {
  for (let n = 0; n < count; n += PIPELINED) {
    const puts: Promise<void>[] = []
    for (let i = n; i < n + PIPELINED; i += 1) puts.push(full.out(['job', -1 - i, 'cat.png']))
    await Promise.all(puts)
  }
}

interface Spaces {
  readonly full: Space
  readonly empty: Space
  readonly share: number
}

async function compared(what: string, { full, empty, share }: Spaces, rounds: number): Promise<Figure> {
  const count = Math.max(4, Math.round(20 * share)) * PIPELINED
  for (const each of [full, empty, full, empty]) await pairs(each, count)
  const measured = { what, unit: 'pairs/s', floor: 'the same in an empty space', target: '>= 0.5 of the floor' }
  return inTurns(
    { rounds, share },
    measured,
    () => pairs(full, count),
    () => pairs(empty, count),
  )
}

async function pairs(jobs: Space, count: number): Promise<number> {
  const started = performance.now()
  for (let n = 0; n < count; n += PIPELINED) {
    const waiting: Promise<unknown>[] = []
    for (let i = 0; i < PIPELINED; i += 1) {
      key += 1
      waiting.push(jobs.out(['job', key, 'cat.png']), jobs.inp(['job', key, String]))
    }
    await Promise.all(waiting)
  }
  return perSecond(count, started)
}
