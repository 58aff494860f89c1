/**
 * The three methods of the demo, each against what has been published or can be proved of it, and then against each other.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { around } from 'geokdbush'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { farthestOf, globe, NEAREST, REACH } from '../../examples/farthest/antipodes.ts'
import { EXPECTED } from '../../examples/farthest/expected.ts'
import { addVotes, counted, geodesic, NO_VOTES, votesText } from '../../examples/farthest/geodesic.ts'
import { HAVERSINE_ERROR, haversine } from '../../examples/farthest/haversine.ts'
import { karney } from '../../examples/farthest/karney.ts'
import { ALL_TOWNS, loadTowns, someOf } from '../../examples/farthest/towns.ts'
import { NoConvergence, vincenty, vincentyOn } from '../../examples/farthest/vincenty.ts'

type Line = readonly [latitude1: number, longitude1: number, latitude2: number, longitude2: number]

/** Spread evenly over a ball. */
const place = fc
  .tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -180, max: 180, noNaN: true }))
  .map(([height, longitude]) => [(Math.asin(height) * 180) / Math.PI, longitude] as const)
const line = fc.tuple(place, place).map(([from, to]): Line => [...from, ...to])

const TENTH_OF_A_MILLIMETRE = 0.0001

/** Degrees, minutes and seconds, as papers print them. */
const angle = (degrees: number, minutes = 0, seconds = 0) => degrees + minutes / 60 + seconds / 3600

const converges = (way: Line): boolean => {
  try {
    vincenty.metres(...way)
    return true
  } catch (error) {
    if (error instanceof NoConvergence) return false
    throw error
  }
}

describe('the formulae of Vincenty', () => {
  const bessel = vincentyOn({ equatorial: 6_377_397.155, flattening: 1 / 299.1528128 })
  const international = vincentyOn({ equatorial: 6_378_388, flattening: 1 / 297 })

  test.each([
    ['a', bessel, angle(55, 45), -angle(33, 26), angle(108, 13), 14_110_526.17],
    ['b', international, angle(37, 19, 54.95367), angle(26, 7, 42.83946), angle(41, 28, 35.50729), 4_085_966.703],
    ['c', international, angle(35, 16, 11.24862), angle(67, 22, 14.77638), angle(137, 47, 28.31435), 8_084_823.839],
    ['d', international, angle(1), -angle(0, 59, 53.83076), angle(179, 17, 48.02997), 19_960_000],
    ['e', international, angle(1), angle(1, 1, 15.18952), angle(179, 46, 17.84244), 19_780_006.558],
  ])('give the length of line %s of the paper (table II) to a millimetre', (_, method, from, to, east, metres) => {
    expect(Math.abs(method.metres(from, 0, to, east) - metres)).toBeLessThan(0.001)
    expect(Math.abs(method.metres(to, 100 + east, from, 100) - metres)).toBeLessThan(0.001)
  })

  test('agree with Karney to a tenth of a millimetre on lines of up to 19,900 km', () => {
    const short = line.filter((way) => karney.metres(...way) < 19_900_000)
    fc.assert(
      fc.property(short, (way) => {
        expect(Math.abs(vincenty.metres(...way) - karney.metres(...way))).toBeLessThan(TENTH_OF_A_MILLIMETRE)
      }),
      { numRuns: 2_000 },
    )
  })

  test.each<[string, Line, number]>([
    ['a point and itself', [48.2, 16.4, 48.2, 16.4], 0],
    ['a point of the equator and itself', [0, 100, 0, 100], 0],
    ['a point on the 180th meridian and itself, named from the other side', [-17, 180, -17, -180], 0],
    ['a pole and itself, on two meridians', [90, 5, 90, -120], 0],
    ['one pole and the other', [90, 5, -90, -120], 20_003_931.4586],
    ['a pole and the equator', [-90, 0, 0, 77], 10_001_965.7293],
    ['two points of the equator', [0, 10, 0, 100], (6_378_137 * Math.PI) / 2],
    ['two points of the equator, across the 180th meridian', [0, 179, 0, -179], (6_378_137 * Math.PI) / 90],
    ['two points a decimetre apart', [10, 20, 10, 20.000001], 0.1096],
  ])('know the way between %s', (_, way, metres) => {
    expect(Math.abs(vincenty.metres(...way) - metres)).toBeLessThan(TENTH_OF_A_MILLIMETRE)
    expect(Math.abs(karney.metres(...way) - metres)).toBeLessThan(TENTH_OF_A_MILLIMETRE)
  })

  test('give up between a point and its antipode, a little beside it too, and along the equator beyond 179.4 degrees', () => {
    for (const way of [
      [30, 0, -30, 180],
      [30, 0, -30, 179.9],
      [-41.32, 174.81, 41.2, -5.3],
      [0, 0, 0, 179.5],
    ] satisfies Line[])
      expect(() => vincenty.metres(...way), way.join(' ')).toThrow(NoConvergence)
    expect(vincenty.metres(0, 0, 0, 179.3)).toBeCloseTo(karney.metres(0, 0, 0, 179.3), 3)
  })

  test('give up on each of the ten pairs of the answer', () => {
    const { latitudes, longitudes } = loadTowns()
    const ways = EXPECTED[ALL_TOWNS]!.map(
      ({ rows: [i, j] }): Line => [latitudes[i]!, longitudes[i]!, latitudes[j]!, longitudes[j]!],
    )
    expect(ways.map(converges)).toEqual(ways.map(() => false))
  })

  test('give up on about one of nine candidates of the demo: within 20 km of the antipode on all, beyond 80 km on none', () => {
    const { towns, index } = globe(loadTowns())
    const seen = { near: [] as boolean[], far: [] as boolean[], all: [] as boolean[] }
    for (let town = 0; town < towns.count; town += 10) {
      const antipode = [-towns.latitudes[town]!, towns.longitudes[town]! + (towns.longitudes[town]! > 0 ? -180 : 180)] as const
      for (const other of around(index, antipode[1], antipode[0], NEAREST, REACH)) {
        const to = [towns.latitudes[other]!, towns.longitudes[other]!] as const
        const found = converges([towns.latitudes[town]!, towns.longitudes[town]!, ...to])
        const kilometres = haversine.metres(...antipode, ...to) / 1_000
        seen.all.push(found)
        if (kilometres < 20) seen.near.push(found)
        if (kilometres > 80) seen.far.push(found)
      }
    }
    expect(seen.near.length).toBeGreaterThan(1_000)
    expect(seen.near).not.toContain(true)
    expect(seen.far).not.toContain(false)
    const oneIn = seen.all.length / seen.all.filter((found) => !found).length
    expect(oneIn).toBeGreaterThan(8.5)
    expect(oneIn).toBeLessThan(9.5)
  })
})

describe('the haversine', () => {
  test('is never farther from the truth than its bound, on ways of a metre and more', () => {
    const long = line.filter((way) => karney.metres(...way) > 1)
    fc.assert(
      fc.property(long, (way) => {
        const [answer, truth] = [haversine.metres(...way), karney.metres(...way)]
        expect(Math.abs(answer - truth)).toBeLessThanOrEqual(HAVERSINE_ERROR * Math.max(answer, truth))
      }),
      { numRuns: 2_000 },
    )
  })

  test('is as wrong as that on a short way to the north from the equator, so that no bound is smaller', () => {
    const way: Line = [-0.01, 0, 0.01, 0]
    expect(1 - karney.metres(...way) / haversine.metres(...way)).toBeGreaterThan(HAVERSINE_ERROR - 0.0001)
  })

  test('is half of the way round between antipodes, whatever rounding makes of them', () => {
    const antipodal = place.map(([latitude, longitude]): Line => [latitude, longitude, -latitude, longitude + 180])
    fc.assert(
      fc.property(antipodal, (way) => {
        expect(Math.abs(haversine.metres(...way) - Math.PI * 6_371_008.7714)).toBeLessThan(1)
      }),
    )
  })
})

describe('the method of Karney', () => {
  test('measures the example of its manual, from Wellington nearly to its antipode', () => {
    expect(karney.metres(-41.32, 174.81, 40.96, -5.5)).toBeCloseTo(19_959_679.267, 3)
  })
})

describe('the group of the three methods', () => {
  const near: Line = [50, 8, 40, -100]
  const antipodal: Line = [36.7, -5.2, -36.7, 174.7]
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('answers what Karney does, to the last bit, on all candidates of 5,000 towns; Vincenty gives up on some and is outvoted', () => {
    const towns = someOf(loadTowns(), 5_000)
    const [found, votes] = counted(() => farthestOf(globe(towns, geodesic.metres), 0, towns.count))
    expect(found).toEqual(farthestOf(globe(towns, karney.metres), 0, towns.count))
    expect(votes.lengths).toBeGreaterThan(10_000)
    expect(votes.gaveUp).toEqual({ karney: 0, vincenty: expect.any(Number), haversine: 0 })
    expect(votes.gaveUp.vincenty).toBeGreaterThan(100)
    expect(votes.outvoted).toEqual({ karney: 0, vincenty: 0, haversine: 0 })
  })

  test('answers what Karney does where all three agree, and where Vincenty gives up', () => {
    expect(geodesic.metres(...near)).toBe(karney.metres(...near))
    expect(geodesic.metres(...antipodal)).toBe(karney.metres(...antipodal))
    expect(converges(antipodal)).toBe(false)
  })

  test.each([
    ['Karney', karney, { karney: 1, vincenty: 0, haversine: 0 }, vincenty],
    ['Vincenty', vincenty, { karney: 0, vincenty: 1, haversine: 0 }, karney],
    ['the haversine', haversine, { karney: 0, vincenty: 0, haversine: 1 }, karney],
  ])('outvotes %s when that is two hundredths off', (_, method, outvoted, believed) => {
    const right = believed.metres(...near)
    vi.spyOn(method, 'metres').mockReturnValue(1.02 * right)
    const [answer, votes] = counted(() => geodesic.metres(...near))
    expect(answer).toBe(right)
    expect(votes).toMatchObject({ lengths: 1, outvoted })
  })

  test('believes Karney, and shows it, when he and Vincenty are a centimetre apart', () => {
    const right = karney.metres(...near)
    vi.spyOn(vincenty, 'metres').mockReturnValue(right + 0.01)
    const [answer, votes] = counted(() => geodesic.metres(...near))
    expect(answer).toBe(right)
    expect(votes.outvoted).toEqual({ karney: 0, vincenty: 1, haversine: 0 })
  })

  test('goes on without Karney when his program throws, and counts that', () => {
    vi.spyOn(karney, 'metres').mockImplementation(() => {
      throw new TypeError('broken')
    })
    const [answer, votes] = counted(() => geodesic.metres(...near))
    expect(answer).toBe(vincenty.metres(...near))
    expect(votes.gaveUp).toEqual({ karney: 1, vincenty: 0, haversine: 0 })
  })

  test('has no answer when no two agree: near the antipode, say, if Karney is 2% off', () => {
    const right = karney.metres(...antipodal)
    vi.spyOn(karney, 'metres').mockReturnValue(1.02 * right)
    expect(() => geodesic.metres(...antipodal)).toThrow('No two of the three methods agree on this length.')
  })

  test('counts in votes that can be added, and says them in a line', () => {
    const votes = { ...NO_VOTES, lengths: 508_365, gaveUp: { karney: 0, vincenty: 57_311, haversine: 0 } }
    const all = addVotes(votes, votes)
    expect(votesText(all)).toBe('1,016,730 lengths, gave up: karney 0, vincenty 114,622 (1 in 9), haversine 0')
    expect(votesText({ ...all, outvoted: { karney: 1, vincenty: 0, haversine: 0 } })).toMatch(
      /, outvoted: karney 1 \(1 in 1,016,730\), vincenty 0, haversine 0$/,
    )
  })
})

test('the three methods share no code', () => {
  const imports = ['haversine', 'vincenty', 'karney'].map((name) =>
    [...readFileSync(`examples/farthest/${name}.ts`, 'utf8').matchAll(/^import .* from '(.*)'$/gm)].map(([, path]) => path),
  )
  expect(imports).toEqual([[], [], ['geographiclib-geodesic']])
})
