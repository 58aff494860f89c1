/**
 * Schedules for the comparison of checkpoint protocols: who sends what to whom, when it arrives, and when members save because they like
 * to. A schedule knows no protocol, so all are compared on the same one (the method of Vieira and Buzato, 2006).
 *
 * A member sends every 10 on average. Gaps between sends, gaps between basic checkpoints and delays are exponential, and messages
 * may overtake each other: of all the choices tried, with these the absolute numbers come closest to those of the reference.
 */
import { SeededRandom } from 'perdure/testing'

export type Topology = 'uniform' | 'group' | 'ring' | 'server'

export interface Plan {
  readonly topology: Topology
  readonly members: number
  readonly sends: number
  /** Mean times, where a member sends every 10. */
  readonly checkpointMean: number
  readonly delay: number
}

export type Step =
  | { readonly at: number; readonly do: 'send'; readonly message: number; readonly from: number; readonly to: number }
  | { readonly at: number; readonly do: 'deliver'; readonly message: number; readonly from: number; readonly to: number }
  | { readonly at: number; readonly do: 'checkpoint'; readonly member: number }

const SEND_GAP = 10

/** Of a group; in `group` a member talks to the others of its own, and sometimes to one in the next. */
const GROUP = 4
const LEAVES_GROUP = 0.2

export function schedule(seed: number, { topology, members, sends, checkpointMean, delay }: Plan): Step[] {
  const random = new SeededRandom(seed)
  const steps: Step[] = []
  for (let from = 0; from < members; from += 1) {
    let at = 0
    for (let count = 0; count < sends; count += 1) {
      at += exponential(random, SEND_GAP)
      const message = from * sends + count
      const to = receiver(random, topology, members, from)
      steps.push({ at, do: 'send', message, from, to })
      steps.push({ at: at + exponential(random, delay), do: 'deliver', message, from, to })
    }
    const end = at
    for (at = exponential(random, checkpointMean); at < end; at += exponential(random, checkpointMean))
      steps.push({ at, do: 'checkpoint', member: from })
  }
  return steps.sort((a, b) => a.at - b.at)
}

export function exponential(random: SeededRandom, mean: number): number {
  return -mean * Math.log(1 - random.next())
}

/** In `server` all talk to member 0, and it to all. */
function receiver(random: SeededRandom, topology: Topology, members: number, from: number): number {
  if (topology === 'ring') return (from + 1) % members
  if (topology === 'server') return from === 0 ? random.between(1, members - 1) : 0
  if (topology === 'uniform' || members <= GROUP) return other(random, 0, members, from)
  const first = from - (from % GROUP)
  return random.chance(LEAVES_GROUP) ? (from + GROUP) % members : other(random, first, GROUP, from)
}

function other(random: SeededRandom, first: number, count: number, from: number): number {
  const to = first + random.below(count - 1)
  return to < from ? to : to + 1
}
