/**
 * How far it is from one place to another, by vote: an object group of three methods that share nothing but the question.
 *
 *     karney      exact and everywhere; a thousand lines in which anything may be wrong
 *     vincenty    exact to a tenth of a millimetre; a page long, and near the antipode it gives up
 *     haversine   wrong by up to 0.56%; two lines, and always answers
 *
 * A textbook formula of 1975 gives up on about 1 pair in 9; two other methods outvote it. The pairs are the candidates of the demo,
 * towns within 1,000 km of each other's antipode: Vincenty does not converge on 114,623 of 1,016,730, all of the ten farthest among them.
 * How many it is depends on how near one looks: of the towns up to 100 km from the antipode more than half, of those up to 2,000 km 1 in 17.
 *
 * Boundary: how the methods are put together, and the counts of how they have done. Each method is a file of its own.
 *   G1  The answer is the most precise one that another method confirms as far as it can. Who differs from it is outvoted, who throws
 *       has no vote, and without two that agree there is no answer.
 *   G2  So it is Karney's to the last bit, unless that is more than 0.56% off or missing. Where he and Vincenty differ by less, nobody
 *       can say who is right: the vote shows that they do, and the first in the list is believed.
 */
import { adjudicator, type Ballot, groupOf, nVersion, objectGroup, undecided } from 'perdure/group'
import { HAVERSINE_ERROR, haversine } from './haversine.ts'
import { karney } from './karney.ts'
import { vincenty } from './vincenty.ts'

/** The most precise first. */
const METHODS = ['karney', 'vincenty', 'haversine'] as const

export type Method = (typeof METHODS)[number]

const confirmed = adjudicator<number>({
  name: 'confirmed()',
  minMembers: 2,
  judge(ballots, { closed }) {
    if (!closed) return undecided
    const lengths = ballots.filter(({ kind }) => kind === 'value').sort((a, b) => a.member - b.member) as Length[]
    const answer = lengths.find((one) => lengths.some((other) => other !== one && isNear(one.value, other)))
    return answer?.value ?? new Error('No two of the three methods agree on this length.')
  },
  agrees: (answer, vote) => vote.kind === 'value' && isNear(answer, vote as Length),
})

/** Lengths over the WGS84 ellipsoid in metres, from degrees. */
export const geodesic = objectGroup({ karney, vincenty, haversine }, nVersion({ adjudicator: confirmed, stateless: true }), {
  name: 'geodesic',
})

interface Length extends Ballot {
  readonly value: number
}

/** In metres: ten times what Vincenty is off, and room for what rounding does to the haversine of places side by side. */
const TOLERANCE = 0.001

/** Whether a length is right as far as its method can tell, if the other one is. */
function isNear(metres: number, { member, value }: Length): boolean {
  const promised = METHODS[member] === 'haversine' ? HAVERSINE_ERROR * Math.max(metres, value) : 0
  return Math.abs(metres - value) <= promised + TOLERANCE
}

/** How many lengths were asked for, and how many of them each method gave up on, or was outvoted on. */
export interface Votes {
  readonly lengths: number
  readonly gaveUp: Readonly<Record<Method, number>>
  readonly outvoted: Readonly<Record<Method, number>>
}

export const NO_VOTES: Votes = { lengths: 0, gaveUp: forEach(() => 0), outvoted: forEach(() => 0) }

/** What is found by work that does not wait for anything, and the votes that it has cost. */
export function counted<T>(work: () => T): [found: T, votes: Votes] {
  const before = votesSoFar()
  const found = work()
  const after = votesSoFar()
  return [found, combined(after, before, (a, b) => a - b)]
}

export function addVotes(a: Votes, b: Votes): Votes {
  return combined(a, b, (one, other) => one + other)
}

function votesSoFar(): Votes {
  const { calls, members } = groupOf(geodesic).counts
  return {
    lengths: calls,
    gaveUp: forEach((method) => members[method]?.failed ?? 0),
    outvoted: forEach((method) => members[method]?.disagreed ?? 0),
  }
}

function combined(a: Votes, b: Votes, operation: (a: number, b: number) => number): Votes {
  return {
    lengths: operation(a.lengths, b.lengths),
    gaveUp: forEach((method) => operation(a.gaveUp[method], b.gaveUp[method])),
    outvoted: forEach((method) => operation(a.outvoted[method], b.outvoted[method])),
  }
}

function forEach(count: (method: Method) => number): Record<Method, number> {
  return { karney: count('karney'), vincenty: count('vincenty'), haversine: count('haversine') }
}

/** As in `1,016,730 lengths, gave up: karney 0, vincenty 114,623 (1 in 9), haversine 0`. */
export function votesText({ lengths, gaveUp, outvoted }: Votes): string {
  const list = (word: string, counts: Readonly<Record<Method, number>>) =>
    `, ${word}: ${METHODS.map((method) => `${method} ${share(counts[method], lengths)}`).join(', ')}`
  const isAnybodyOutvoted = METHODS.some((method) => outvoted[method] > 0)
  return `${whole(lengths)} lengths${list('gave up', gaveUp)}${isAnybodyOutvoted ? list('outvoted', outvoted) : ''}`
}

function share(count: number, all: number): string {
  return count === 0 ? '0' : `${whole(count)} (1 in ${whole(Math.round(all / count))})`
}

function whole(count: number): string {
  return count.toLocaleString('en')
}
