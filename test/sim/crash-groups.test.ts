/**
 * The seams of object groups, crashed at every event: a run that calls a group, a client that calls one, and what members put into a
 * space, while worker, owner or power fail.
 *
 * `PERDURE_CRASH_EVERY=1` tries all events, as the longer checks do; the default tries enough of them to notice.
 */
import { resilient, space } from 'perdure'
import {
  activeReplication,
  attempt,
  choose,
  dependable,
  groupNamed,
  leaderFollower,
  majority,
  nVersion,
  objectGroup,
  passiveReplication,
  type Strategy,
  unanimity,
} from 'perdure/group'
import { crashEverywhere, type Scenario, type StrikeKind } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

const EVERY = Number(process.env.PERDURE_CRASH_EVERY ?? 151)

const KINDS: readonly StrikeKind[] = ['worker crash', 'owner crash', 'power loss']

class Counter {
  count = 0

  async add(n: number): Promise<number> {
    const counted = attempt().space('counted')
    const step = await choose(() => n)
    this.count += step
    counted.out(['counted', this.count])
    return this.count
  }
}
class Tally extends Counter {}
class Sum extends Counter {}

type Any = Strategy<{ readonly replicas: 3 }>

const STRATEGIES = [
  ['active replication', activeReplication({ replicas: 3 })],
  ['passive replication', passiveReplication({ replicas: 3 })],
  ['leader and followers', leaderFollower({ replicas: 3 })],
  ['N-version programming', nVersion({ variants: [Counter, Tally, Sum], adjudicator: majority() }) as unknown as Any],
] as unknown as readonly (readonly [string, Any])[]

/** A run and a plain client add in turn; both are told, and each sum is in the space once. */
function seams(strategy: Any): Scenario {
  return async (world) => {
    const caller = resilient('caller', async (p) => {
      const group = groupNamed<Counter>('counters', 'k')
      const seen = [await p.call(group, 'add', 1), await p.call(group, 'add', 10)]
      await p.step('tell', (info) => world.effect(info, `saw ${seen}`))
      return seen
    })
    world.host([caller], [Counter, Tally, Sum])
    const site = await world.attach()
    const counter = await dependable(Counter, strategy, { site, name: 'counters' }).create({ key: 'k' })
    await world.start(caller, 'c', [])
    const seen = await world.result(caller, 'c')
    const last = await counter.add(100)
    const tuples = await world.insist(async (any) => (await space(any, 'counted')).copyCollect(['counted', Number]))
    return [seen, last, tuples.map(([, count]) => count)]
  }
}

/** The members of a group in the client are replica groups in the site. */
const nested: Scenario = async (world) => {
  world.host([], [Counter, Tally, Sum])
  const site = await world.attach()
  const inner = (name: string, variant: typeof Counter) =>
    dependable(variant, passiveReplication({ replicas: 2 }), { site, name }).create({ key: 'k' })
  const [a, b, c] = [await inner('a', Counter), await inner('b', Tally), await inner('c', Sum)]
  const outer = objectGroup({ a, b, c }, nVersion({ adjudicator: unanimity() }), { methods: ['add'] })
  return [await outer.add(1), await outer.add(10)]
}

describe('N-version programming over groups of replicas', () => {
  test.each(KINDS)('comes to the same whatever crashes when: %s', async (kind) => {
    const { events, crashes } = await crashEverywhere({ kinds: [kind], nodes: 2, every: EVERY }, nested)
    expect(events).toBeGreaterThan(100)
    expect(crashes).toBe(Math.ceil(events / EVERY))
  })
})

describe.each(STRATEGIES)('%s, called by a run and by a client, with tuples of its members', (_name, strategy) => {
  test.each(KINDS)('comes to the same whatever crashes when: %s', async (kind) => {
    const { events, crashes } = await crashEverywhere({ kinds: [kind], nodes: 3, every: EVERY }, seams(strategy))
    expect(events).toBeGreaterThan(100)
    expect(crashes).toBe(Math.ceil(events / EVERY))
  })
})
