/**
 * The computing part of the demo: that its ten pairs are the ten farthest, however the work is cut, and that it can be shared.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import geographiclib from 'geographiclib-geodesic'
import { around } from 'geokdbush'
import { afterAll, describe, expect, test } from 'vitest'
import { BEST, farthestOf, type Globe, globe, measured, merge, NEAREST, type Pair } from '../../examples/farthest/antipodes.ts'
import { EXPECTED } from '../../examples/farthest/expected.ts'
import { ALL_TOWNS, loadTowns, someOf, type Towns, townNames } from '../../examples/farthest/towns.ts'

const folder = mkdtempSync(join(tmpdir(), 'perdure-farthest-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const all = loadTowns(folder)
const sample = globe(someOf(all, 800))

/** Column by column; a comparison made for people would take a second for as many numbers. */
function same(a: Towns, b: Towns): boolean {
  const columns = ({ rows, latitudes, longitudes }: Towns) =>
    [rows, latitudes, longitudes].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))
  return a.count === b.count && columns(a).every((column, place) => column.equals(columns(b)[place]!))
}

/** The ten first of all pairs there are, by a sort and nothing else. */
function bruteForce(globe: Globe): Pair[] {
  const pairs: Pair[] = []
  for (let one = 0; one < globe.towns.count; one += 1) {
    for (let other = one + 1; other < globe.towns.count; other += 1) pairs.push(measured(globe, one, other))
  }
  return pairs.sort((a, b) => b.metres - a.metres || a.i - b.i || a.j - b.j).slice(0, BEST)
}

/**
 * Every pair that may be at least `metres` long, measured; the rest provably are not.
 *
 * The ellipsoid is the sphere of radius a with its axis squeezed by 1 - f, a map that lengthens no path and takes reduced
 * latitudes on the sphere to geographic ones on the ellipsoid. So a pair of that length is at least metres / a apart in angle
 * on that sphere, and one of its towns within pi - metres / a of the other's antipode. From reduced to geographic latitude an
 * angle grows at most by 1 / (1 - f); the index measures in kilometres on a sphere of 6,371, and gets a thousandth for rounding.
 */
function everyPairOf(metres: number, globe: Globe): Pair[] {
  const { towns, index } = globe
  const { a, f } = geographiclib.Constants.WGS84
  const kilometres = ((Math.PI - metres / a) / (1 - f)) * 6371 * 1.001
  const pairs: Pair[] = []
  for (let place = 0; place < towns.count; place += 1) {
    const longitude = towns.longitudes[place]!
    const opposite = longitude > 0 ? longitude - 180 : longitude + 180
    for (const other of around(index, opposite, -towns.latitudes[place]!, Number.POSITIVE_INFINITY, kilometres)) {
      if (other > place) pairs.push(measured(globe, place, other))
    }
  }
  return pairs.filter((pair) => pair.metres >= metres).sort((a, b) => b.metres - a.metres || a.i - b.i || a.j - b.j)
}

describe('the ten farthest pairs', () => {
  test('are those of a brute force over all 319,600 pairs of 800 towns', () => {
    expect(farthestOf(sample, 0, 800)).toEqual(bruteForce(sample))
  })

  test.each([2_000, 5_000, ALL_TOWNS])('of %i towns are the expected ones, and no pair outside them is as long', (count) => {
    const expected = EXPECTED[count]!
    const towns = globe(someOf(all, count))
    // Half a millimetre below, because that is how far the expected lengths were rounded.
    const complete = everyPairOf(expected.at(-1)!.metres - 0.0005, towns)
    expect(complete.map(({ i, j }) => [i, j])).toEqual(expected.map(({ rows }) => rows))
    expect(complete.map(({ metres }) => metres.toFixed(3))).toEqual(expected.map(({ metres }) => metres.toFixed(3)))
    expect(townNames(complete.flatMap(({ i, j }) => [i, j]))).toEqual(expected.flatMap(({ from, to }) => [from, to]))
  })

  test('of 5,000 towns are found among the 16 towns nearest to each antipode', () => {
    const found = farthestOf(globe(someOf(all, 5_000)), 0, 5_000)
    expect(found.map(({ i, j }) => [i, j])).toEqual(EXPECTED[5_000]!.map(({ rows }) => rows))
  })

  test('of all towns are each found from the chunk of either of their towns, and 32 neighbours find no other', () => {
    const earth = globe(all)
    const expected = EXPECTED[ALL_TOWNS]!
    const from = (end: 0 | 1, nearest: number) =>
      expected.map(({ rows }) => farthestOf(earth, rows[end], rows[end] + 1, nearest)).reduce(merge)
    for (const end of [0, 1] as const) {
      expect(from(end, NEAREST).map(({ i, j }) => [i, j])).toEqual(expected.map(({ rows }) => rows))
      expect(from(end, 2 * NEAREST)).toEqual(from(end, NEAREST))
    }
  })

  test('come out the same to the last bit from a second index over the same towns', () => {
    expect(farthestOf(globe(someOf(loadTowns(folder), 800)), 0, 800)).toEqual(farthestOf(sample, 0, 800))
  })

  test('do not depend on how the work is cut and in which order the parts are merged', () => {
    const whole = farthestOf(sample, 0, 800)
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 799 }), { maxLength: 12 }).map((inner) => {
      const ends = [0, ...inner.sort((a, b) => a - b), 800]
      return ends.slice(1).map((to, part) => [ends[part]!, to] as const)
    })
    const shuffledCuts = cuts.chain((parts) => fc.shuffledSubarray(parts, { minLength: parts.length }))
    fc.assert(
      fc.property(shuffledCuts, (parts) => {
        expect(parts.map(([from, to]) => farthestOf(sample, from, to)).reduce(merge, [])).toEqual(whole)
      }),
      { numRuns: 10 },
    )
  })

  test('count a pair once when both of its towns found it, and order equal lengths by row', () => {
    // As in the real thing, the length of a pair is a function of the pair.
    const pair = fc.tuple(fc.nat(3), fc.integer({ min: 4, max: 7 })).map(([i, j]) => ({ i, j, metres: 1 + ((i * j) % 3) }))
    const pairs = fc.array(pair, { maxLength: 40 })
    const naive = (some: readonly Pair[]) =>
      [...new Map(some.map((one) => [`${one.i} ${one.j}`, one])).values()]
        .sort((a, b) => b.metres - a.metres || a.i - b.i || a.j - b.j)
        .slice(0, BEST)
    fc.assert(
      fc.property(pairs, pairs, (a, b) => {
        const parts = [merge([], a), merge([], b)] as const
        expect(merge(...parts)).toEqual(naive([...a, ...b]))
      }),
    )
  })
})

describe('the shared file of the towns', () => {
  test('holds what the package holds', () => {
    const again = loadTowns(folder)
    expect(same(again, all)).toBe(true)
    expect(again.count).toBe(ALL_TOWNS)
    expect([again.latitudes[0], again.longitudes[0]]).toEqual([42.53176, 1.56654])
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^cities-1\.1\.64-[0-9a-f]{16}\.bin$/)])
  })

  test.each([
    ['torn', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['empty', (bytes: Buffer) => bytes.subarray(0, 0)],
    ['changed in one bit', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])])],
  ])('is made anew when it is %s', (_, damage) => {
    const path = join(folder, readdirSync(folder)[0]!)
    const whole = readFileSync(path)
    writeFileSync(path, damage(whole))
    expect(same(loadTowns(folder), all)).toBe(true)
    expect(readFileSync(path).equals(whole)).toBe(true)
  })

  test('is not needed: where it cannot be written the towns are the same', () => {
    const file = join(folder, readdirSync(folder)[0]!)
    expect(same(loadTowns(join(file, 'below-a-file')), all)).toBe(true)
  })

  test('is one whole file after several processes have made it at once', async () => {
    const shared = join(folder, 'shared')
    const module = new URL('../../examples/farthest/towns.ts', import.meta.url).href
    const program = `import { loadTowns } from ${JSON.stringify(module)}; process.exitCode = loadTowns(process.argv[1]).count === ${ALL_TOWNS} ? 0 : 1`
    const made = Array.from({ length: 2 }, () => finished(['--import', 'tsx', '--input-type=module', '-e', program, shared]))
    for (const { code, output } of await Promise.all(made)) expect(code, output).toBe(0)
    expect(readdirSync(shared)).toHaveLength(1)
    expect(same(loadTowns(shared), all)).toBe(true)
  })

  test('gives samples spread evenly over the rows, and refuses more towns than there are', () => {
    expect([...someOf(all, 4).rows]).toEqual([0, 42_768, 85_537, 128_306])
    expect(someOf(all, ALL_TOWNS)).toBe(all)
    for (const count of [0, -1, 1.5, Number.NaN, ALL_TOWNS + 1]) expect(() => someOf(all, count)).toThrow(RangeError)
  })
})

describe('the same work without perdure', () => {
  const bare = ['--import', 'tsx', 'examples/farthest/bare.ts']

  test('finds the same ten pairs when nobody is killed', async () => {
    const { code, output } = await finished([...bare, '--towns', '2000', '--tasks', '20', '--nodes', '2'])
    expect(output.split('\n').slice(1, 1 + BEST)).toEqual(
      EXPECTED[2_000]!.map(({ metres, from, to }) => `${metres.toFixed(3)} m  ${from} - ${to}`),
    )
    expect(code).toBe(0)
  })

  test('fails, and says so, when one worker is killed', async () => {
    const { code, output } = await finished([...bare, '--tasks', '240', '--nodes', '2'], (soFar) => {
      const first = /workers (\d+)\D/.exec(soFar)
      if (first) process.kill(Number(first[1]), 'SIGKILL')
      return first !== null
    })
    expect(output).toMatch(/worker \d+ died \(SIGKILL\), 240 tasks lost: \d+ were done/)
    expect(code).toBe(1)
  })
})

/** Runs Node to its end. `watch` is shown all output so far until it returns true. */
function finished(
  args: string[],
  watch: (output: string) => boolean = () => true,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let watching = true
    const hear = (text: Buffer) => {
      output += text.toString('utf8')
      if (watching) watching = !watch(output)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
