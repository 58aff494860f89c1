/**
 * Seeded schedules: who sends what to whom, when it arrives, and when members save because they like to. A schedule knows no protocol, so
 * all protocols can be compared on the same one.
 */
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

export const TOPOLOGIES = ['uniform', 'ring', 'server', 'group'] as const
export type Topology = (typeof TOPOLOGIES)[number]

export interface Plan {
  readonly topology: Topology
  readonly members: number
  readonly sendsPerMember: number
  /** Mean time between two basic checkpoints of a member; a member sends every 10 on average. */
  readonly checkpointMean: number
  readonly leastDelay: number
  readonly mostDelay: number
  readonly order: 'fifo' | 'any'
  /** Share of the messages that never arrive. */
  readonly loss: number
}

export type Step =
  | { readonly do: 'send'; readonly message: number; readonly from: number; readonly to: number }
  | { readonly do: 'deliver'; readonly message: number }
  | { readonly do: 'checkpoint'; readonly member: number }

const SEND_GAP = 10

export function schedule(seed: number, plan: Plan): Step[] {
  const random = new SeededRandom(seed)
  const timed: { at: number; step: Step }[] = []
  const lastArrival = new Map<string, number>()
  let message = 0
  for (let from = 0; from < plan.members; from++) {
    let at = 0
    for (let count = 0; count < plan.sendsPerMember; count++) {
      at += exponential(random, SEND_GAP)
      const to = receiver(random, plan, from)
      timed.push({ at, step: { do: 'send', message, from, to } })
      let arrives = at + plan.leastDelay + random.next() * (plan.mostDelay - plan.leastDelay)
      const channel = `${from} ${to}`
      if (plan.order === 'fifo') arrives = Math.max(arrives, (lastArrival.get(channel) ?? 0) + 1e-6)
      lastArrival.set(channel, arrives)
      if (!random.chance(plan.loss)) timed.push({ at: arrives, step: { do: 'deliver', message } })
      message++
    }
    const end = at
    for (at = exponential(random, plan.checkpointMean); at < end; at += exponential(random, plan.checkpointMean))
      timed.push({ at, step: { do: 'checkpoint', member: from } })
  }
  return timed.sort((a, b) => a.at - b.at).map(({ step }) => step)
}

/** Any of the kinds of plans above, drawn from the seed. */
export function anyPlan(seed: number): Plan {
  const random = new SeededRandom(seed)
  const leastDelay = random.between(1, 10)
  return {
    topology: random.pick(TOPOLOGIES),
    members: random.between(2, 6),
    sendsPerMember: random.between(5, 25),
    checkpointMean: random.pick([15, 30, 60, 120]),
    leastDelay,
    mostDelay: leastDelay + random.between(0, 50),
    order: random.pick(['fifo', 'any']),
    loss: random.pick([0, 0, 0.1]),
  }
}

/** In `server` members talk to member 0 only; in `group` to the others of their four, and sometimes to the next four. */
function receiver(random: SeededRandom, { topology, members }: Plan, from: number): number {
  const other = (first: number, count: number) => {
    const to = first + random.below(count - 1)
    return to < from ? to : to + 1
  }
  if (topology === 'ring') return (from + 1) % members
  if (topology === 'server') return from === 0 ? random.between(1, members - 1) : 0
  if (topology === 'uniform' || members <= 4) return other(0, members)
  const first = from - (from % 4)
  const size = Math.min(4, members - first)
  if (size === 1 || random.chance(0.1)) return (first + 4) % members === from ? 0 : (first + 4) % members
  return other(first, size)
}

function exponential(random: SeededRandom, mean: number): number {
  return -mean * Math.log(1 - random.next())
}
