/**
 * Which towns are farthest apart? The farthest point from a town is its antipode, so its partner is a town near there.
 *
 * For every town the `NEAREST` towns nearest to its antipode, within `REACH`, are looked up in a spatial index, the lengths of the shortest
 * ways to them over the WGS84 ellipsoid are computed exactly (to some nanometres), and the ten longest are kept.
 *
 * Boundary: pure arithmetic; the same towns give the same ten pairs, to the last bit, however the work is cut into chunks. How a
 * length is computed is a parameter.
 *
 * I1. A pair is unordered: `i < j` are rows of the package, and its length is always computed from i to j, because the last bit
 *     of the way back may differ.
 * I2. Pairs are ordered by length, longest first, then by i, then by j: a total order, so "the ten farthest" is one answer.
 * I3. The ten farthest of a whole are the ten farthest among the ten farthest of its parts: `merge` is all a coordinator needs.
 *
 * Why 16 neighbours are enough for all 171,075 towns: the ellipsoid is the sphere of the equator's radius a, squeezed along its
 * axis, and squeezing lengthens no path. So a length is at most a times the angle between the two points on that sphere (at
 * their reduced latitudes), and a pair as long as the tenth has each of its towns within 33.8 km of the other's antipode. Some
 * places in China or Spain have over 200 towns that near, so counting proves nothing; but all pairs that near are only 83,036,
 * and a test measures every one of them: the same ten.
 */
import { around } from 'geokdbush'
import KDBush from 'kdbush'
import { karney } from './karney.ts'
import type { Towns } from './towns.ts'

/** How many pairs are the answer. */
export const BEST = 10

/** How many towns around an antipode are measured; the head of this file says why these are enough. */
export const NEAREST = 16

/** Kilometres: whoever is farther from the antipode is in no pair of the answer, for those are 30 times as near. */
export const REACH = 1_000

/** Two towns, by their rows in the package (`i < j`), and the length of the shortest way between them. */
export interface Pair {
  readonly i: number
  readonly j: number
  readonly metres: number
}

export interface Globe {
  readonly towns: Towns
  readonly index: KDBush
  readonly metres: Metres
}

/** The length of the shortest way between two places, from their latitudes and longitudes in degrees. */
export type Metres = (latitude1: number, longitude1: number, latitude2: number, longitude2: number) => number

/** The towns with their spatial index; building it takes about 80 ms for all of them. */
export function globe(towns: Towns, metres: Metres = karney.metres): Globe {
  const index = new KDBush(towns.count)
  for (let place = 0; place < towns.count; place += 1) index.add(towns.longitudes[place]!, towns.latitudes[place]!)
  return { towns, index: index.finish(), metres }
}

/** The ten farthest pairs with one town among the places `from` to `to` (exclusive) of the globe's towns. */
export function farthestOf(globe: Globe, from: number, to: number, nearest: number = NEAREST): Pair[] {
  const { towns, index } = globe
  const best: Pair[] = []
  for (let place = from; place < to; place += 1) {
    const longitude = towns.longitudes[place]!
    const opposite = longitude > 0 ? longitude - 180 : longitude + 180
    for (const other of around(index, opposite, -towns.latitudes[place]!, nearest, REACH)) {
      if (other !== place) keep(best, measured(globe, place, other))
    }
  }
  return best
}

/** The ten farthest pairs of two such lists. */
export function merge(a: readonly Pair[], b: readonly Pair[]): Pair[] {
  const best: Pair[] = []
  for (const pair of a) keep(best, pair)
  for (const pair of b) keep(best, pair)
  return best
}

/** The pair of the towns at two places. */
export function measured({ towns, metres }: Globe, one: number, other: number): Pair {
  const [i, j] = one < other ? [one, other] : [other, one]
  return {
    i: towns.rows[i]!,
    j: towns.rows[j]!,
    metres: metres(towns.latitudes[i]!, towns.longitudes[i]!, towns.latitudes[j]!, towns.longitudes[j]!),
  }
}

/** Puts the pair where it belongs among the best so far, unless it is there already or all ten are farther. */
function keep(best: Pair[], pair: Pair): void {
  let place = best.length
  while (place > 0 && order(pair, best[place - 1]!) < 0) place -= 1
  if (place === BEST || (place > 0 && order(pair, best[place - 1]!) === 0)) return
  best.splice(place, 0, pair)
  if (best.length > BEST) best.pop()
}

/** Negative when `a` comes before `b` (I2). */
function order(a: Pair, b: Pair): number {
  return b.metres - a.metres || a.i - b.i || a.j - b.j
}
