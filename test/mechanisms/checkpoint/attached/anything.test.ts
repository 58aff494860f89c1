/**
 * Everything at random, from a seed: sends, deliveries in any order, duplicates, losses, checkpoints, outages of the service, lost replies,
 * objects thrown away, processes killed, the service restored from a snapshot; judged by what the objects remember and by the brute-force judge.
 */
import { expect, test } from 'vitest'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { greatestLine, useless } from '../judge.ts'
import { type Mishap, type World, worldOf } from './world.ts'

const SEEDS = Number(process.env.PERDURE_ATTACHED_SEEDS ?? 40)
const STEPS = 120
const NAMES = ['a', 'b', 'c', 'd', 'e']

async function play(seed: number): Promise<World> {
  const random = new SeededRandom(seed)
  const names = NAMES.slice(0, random.between(2, 5))
  const world = await worldOf(...names)
  let down = false
  const lossy = random.chance(0.4)
  // Reports come so late that only what messages carry can tell the service in time.
  const late = random.chance(0.5)
  world.mishap = (_, operation): Mishap => {
    if (down) return 'request'
    if (lossy && random.chance(0.05)) return random.pick(['request', 'reply', 50])
    return late && operation === 'report' ? 900 : undefined
  }
  let count = 0
  for (let step = 0; step < STEPS; step++) {
    const name = random.pick(names)
    const die = random.next()
    if (die < 0.35) {
      count++
      void world.members
        .get(name)!
        .send(random.pick(names), `${seed}/${count}`)
        .catch(() => undefined)
    } else if (die < 0.7) await anyDelivery(world, random)
    else if (die < 0.82)
      void world.members
        .get(name)!
        .checkpoint()
        .catch(() => undefined)
    else if (die < 0.9) await world.clock.advance(late ? random.between(1, 50) : random.between(1, 2_500))
    else if (die < 0.93) down = !down && random.chance(0.7)
    else if (die < 0.96) {
      down = false
      await world.until(world.members.get(name)!.recover(names.filter(() => random.chance(0.4)).concat(random.pick(names))))
    } else if (die < 0.99) {
      down = false
      await world.join(name)
    } else world.restore()
    await world.clock.advance(0)
  }
  world.mishap = () => undefined
  for (let round = 0; round < 20 || world.flights.length > 0; round++) {
    await world.clock.advance(2_500)
    await world.drain()
  }
  return world
}

async function anyDelivery(world: World, random: SeededRandom): Promise<void> {
  if (world.flights.length === 0) return
  const index = random.below(world.flights.length)
  const flight = world.flights[index]!
  if (random.chance(0.1)) world.flights.push(flight)
  await world.deliver(index)
}

test('in random runs no delivery is lost, doubled or an orphan, and no checkpoint useless', async () => {
  const seen = { rollbacks: 0, forced: 0, replays: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = await play(seed)
    for (const [k, name] of world.names.entries()) {
      const alive = world.alive().filter(({ to }) => to === k)
      const undelivered = alive.filter(({ y }) => y === undefined)
      expect(undelivered, `seed ${seed}: sent to ${name}, and neither undone nor delivered`).toEqual([])
      expect(world.got(name).length, `seed ${seed}: what ${name} remembers`).toBe(alive.length)
      expect(new Set(world.got(name)).size, `seed ${seed}: doubles at ${name}`).toBe(alive.length)
    }
    const pasts = world.intervals.map((last) => new Array<number[]>(last + 2).fill([]))
    expect(useless({ members: world.names.length, messages: world.alive(), pasts }), `seed ${seed}`).toEqual([])
    seen.rollbacks += world.events.filter(({ kind }) => kind === 'rollback').length
    seen.forced += world.events.filter((event) => event.kind === 'checkpoint' && event.forced).length
    seen.replays += world.events.filter((event) => event.kind === 'receive' && event.replay).length
  }
  expect(Object.values(seen).every((times) => times > SEEDS)).toBe(true)
})

test('in random runs the group goes back to the greatest consistent line', async () => {
  let undone = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new SeededRandom(seed)
    const names = NAMES.slice(0, random.between(2, 5))
    const world = await worldOf(...names)
    for (let round = 0; round < 4; round++) {
      for (let step = 0; step < 30; step++) {
        const die = random.next()
        const name = random.pick(names)
        if (die < 0.45) await world.members.get(name)!.send(random.pick(names), `${seed} ${round} ${step}`)
        else if (die < 0.8) await anyDelivery(world, random)
        else await world.until(world.members.get(name)!.checkpoint())
      }
      const failed = names.filter(() => random.chance(0.4)).concat(random.pick(names))
      const ends = world.intervals.map((last, k) => (failed.includes(names[k]!) ? last : last + 1))
      const expected = greatestLine(world.alive(), ends).map((to, k) => (to > world.intervals[k]! ? 'current' : to))
      undone += world.alive().length
      const recovered = (await world.until(world.members.get(names[0]!)!.recover(failed))) as { line: Record<string, unknown> }
      expect(Object.values(recovered.line), `seed ${seed}, round ${round}, failed: ${failed}`).toEqual(expected)
      await world.clock.advance(1_000)
      undone -= world.alive().length
    }
  }
  expect(undone).toBeGreaterThan(SEEDS)
})
