/**
 * Object groups in the simulator: members in workers that crash, fronts in clients that crash, an owner that crashes under all of
 * them. Each scenario is one seam between a group and somebody who uses it.
 */
import { any, resilient, type Site, space } from 'perdure'
import {
  activeReplication,
  attempt,
  dependable,
  groupNamed,
  leaderFollower,
  majority,
  nVersion,
  passiveReplication,
  type Strategy,
} from 'perdure/group'
import { isLost, type Scenario, type World } from 'perdure/testing'

/** Counts, and leaves a tuple for every time that it has. */
class Counter {
  count = 0

  add(n: number): number {
    this.count += n
    attempt().space('counted').out(['counted', this.count])
    return this.count
  }
}

class Tally extends Counter {}
class Sum extends Counter {}

const CLASSES = [Counter, Tally, Sum]

const REPLICATED = [
  activeReplication({ replicas: 2 }),
  passiveReplication({ replicas: 2 }),
  leaderFollower({ replicas: 2 }),
] as unknown as readonly Strategy<{ readonly replicas: 2 }>[]

const VOTED = nVersion({ variants: CLASSES, adjudicator: majority() }) as unknown as Strategy<{ readonly replicas: 2 }>

/** Each seed has one of the styles. */
function strategyOf(world: World): Strategy<{ readonly replicas: 2 }> {
  return world.random.pick([...REPLICATED, VOTED])
}

function counterIn(site: Site, strategy: Strategy<{ readonly replicas: 2 }>) {
  return dependable(Counter, strategy, { site, name: 'counters' }).create({ key: 'k' })
}

/** Plain client to group, and group to space: clients add 1; nobody is told a number twice, and each number has one tuple. */
export const adders: Scenario = async (world) => {
  const strategy = strategyOf(world)
  world.host([], CLASSES)
  const told: number[] = []
  let unknown = 0
  const adder = async () => {
    for (let n = world.random.between(2, 8); n > 0; ) {
      const site = await world.attach(world.random.chance(0.5) ? 'bound' : 'lasting')
      const lifeMs = world.random.between(1, 400)
      const busy = (async () => {
        const counter = await counterIn(site, strategy)
        for (; n > 0; n -= 1) {
          unknown += 1
          const count = await counter.add(1)
          unknown -= 1
          told.push(count)
        }
      })().catch((error: unknown) => {
        if (!isLost(error) && !isUndecided(error)) throw error
      })
      await Promise.race([busy, world.sleep(lifeMs)])
      world.kill(site)
      n -= 1
    }
  }
  /** Members may still be on their way out. */
  const insistAdd = async (): Promise<number> => {
    for (;;) {
      unknown += 1
      try {
        return await world.insist(async (site) => (await counterIn(site, strategy)).add(1))
      } catch (error) {
        if (!isUndecided(error)) throw error
      }
    }
  }
  await Promise.all([adder(), adder()])
  world.calm()
  const last = await insistAdd()
  world.check(new Set(told).size === told.length, `a number was told twice: ${told}`)
  world.check(
    told.every((count) => count < last),
    `the last number is ${last}, after ${told}`,
  )
  world.check(
    last <= told.length + unknown + 8,
    `${last} is more than was added: ${told.length} were told, ${unknown} are unknown`,
  )
  const tuples = await world.insist(async (site) => (await space(site, 'counted')).copyCollect(['counted', any]))
  const counted = tuples.map((tuple) => Number(tuple[1]))
  world.check(new Set(counted).size === counted.length, `a number was put out twice: ${counted}`)
  world.check(
    told.every((count) => counted.includes(count)),
    `a number that was told was not put out: ${told}, ${counted}`,
  )
}

/** A member was lost in the middle, and there were too few others. */
function isUndecided(error: unknown): boolean {
  return (error as { code?: string }).code === 'PERDURE_E_NO_QUORUM'
}

/** Run to group: however often a run is executed again, each of its calls has counted once. */
export const callers: Scenario = async (world) => {
  const strategy = world.random.pick(REPLICATED)
  const runs = world.random.between(1, 3)
  const calls = world.random.between(1, 5)
  const caller = resilient('caller', async (p, count: number) => {
    const seen: number[] = []
    for (let n = 0; n < count; n++) {
      seen.push(await p.call(groupNamed<Counter>('counters', 'k'), 'add', 1))
      await p.step('told', (info) => world.effect(info, `${p.key} ${n}`))
    }
    return seen
  })
  world.host([caller], CLASSES)
  await world.insist((site) => counterIn(site, strategy))
  await Promise.all(Array.from({ length: runs }, (_, n) => world.start(caller, `c${n}`, [calls])))
  const seen = (await Promise.all(Array.from({ length: runs }, (_, n) => world.result(caller, `c${n}`)))).flat()
  const expected = Array.from({ length: runs * calls }, (_, n) => n + 1)
  world.check(
    [...seen].sort((a, b) => a - b).join() === expected.join(),
    `the runs were told ${seen}, expected was each of ${expected} once`,
  )
  const tuples = await world.insist(async (site) => (await space(site, 'counted')).count(['counted', any]))
  world.check(tuples === runs * calls, `${tuples} tuples were put out by ${runs * calls} calls`)
}
