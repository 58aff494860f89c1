/** What is left of the faults of a seed that failed: few, and enough. */
import { PerdureError, resilient, space } from 'perdure'
import { FAULT_KINDS, type Fault, isLost, type Scenario, simulate, type World } from 'perdure/testing'
import { describe, expect, test } from 'vitest'
import { runSeed } from '../../src/testing/seed-run.ts'
import { mannerOf, shrink } from '../../src/testing/shrink.ts'
import { SCENARIOS } from '../sim/scenarios.ts'

function scenario(name: string) {
  const found = SCENARIOS[name]
  if (found === undefined) throw new Error(`no scenario ${name}`)
  return found
}

async function failureOf(promise: Promise<unknown>): Promise<PerdureError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(PerdureError)
  return error as PerdureError
}

const PUTS = 80

/** Takes for granted that what may be done twice is done once: wrong as soon as a client dies between an `out` and its reply. */
const careless: Scenario = async (world) => {
  world.host([resilient('idle', () => undefined)])
  for (let n = 0; n < PUTS; ) n += await put(world, n)
  const count = await world.insist(async (site) => (await space(site, 'jobs')).count(['job', Number]))
  world.check(count === PUTS, `${count} jobs are there of ${PUTS}`)
}

/** How many were put, as far as the client of this time was told. */
async function put(world: World, first: number): Promise<number> {
  const site = await world.attach('bound')
  let count = 0
  try {
    const jobs = await space(site, 'jobs')
    for (; first + count < PUTS; count++) await jobs.out(['job', first + count])
  } catch (error) {
    if (!isLost(error)) throw error
  }
  return count
}

/** A list that is worth shrinking. */
const MANY = 12

async function seedWithManyFaults(): Promise<number> {
  for (let seed = 1; seed <= 200; seed++) {
    const { outcome, injected } = await runSeed({ seed, nodes: undefined, faults: FAULT_KINDS }, careless)
    if ('error' in outcome && injected.length >= MANY) return seed
  }
  throw new Error('no seed fails with many faults')
}

describe('the faults of a seed', () => {
  test('are data: given back, they make exactly the same run', async () => {
    let faults = 0
    for (const name of ['farm', 'clients', 'slow']) {
      for (let seed = 1; seed <= 4; seed++) {
        const first = await runSeed({ seed, nodes: undefined, faults: FAULT_KINDS }, scenario(name))
        const second = await runSeed({ seed, nodes: undefined, faults: first.injected }, scenario(name))
        expect(second.trace, `seed ${seed} of ${name}`).toBe(first.trace)
        expect(second.injected).toEqual(first.injected)
        faults += first.injected.length
      }
    }
    expect(faults).toBeGreaterThan(50)
  })

  test('that fails are shrunk to the few that matter, which fail in the same manner, and are told as a history', async () => {
    const error = await failureOf(simulate({ seed: await seedWithManyFaults(), faults: FAULT_KINDS }, careless))
    const { seed, faults, injected, history } = error.data as {
      seed: number
      faults: readonly Fault[]
      injected: readonly Fault[]
      history: string
    }
    expect(injected.length).toBeGreaterThanOrEqual(MANY)
    expect(faults.length).toBeLessThanOrEqual(injected.length / 4)
    expect(faults.length).toBeGreaterThan(0)
    expect(error.message).toContain(`Of the ${injected.length} faults injected ${faults.length} are enough: `)
    expect(error.message).toContain(`simulate(${JSON.stringify({ seed, faults })}, scenario)`)
    expect(history).toMatch(/FAULT/)
    expect(history).toMatch(/space\.out/)
    expect(history).toMatch(/FAILED/)
    const again = await failureOf(simulate({ seed, faults, shrinkEvents: 0 }, careless))
    expect(mannerOf(again.cause)).toBe(mannerOf(error.cause))
    for (const fault of faults) {
      const without = await runSeed({ seed, nodes: undefined, faults: faults.filter((each) => each !== fault) }, careless)
      const { outcome } = without
      expect('error' in outcome && mannerOf(outcome.error) === mannerOf(error.cause)).toBe(false)
    }
  })
})

describe('shrinking', () => {
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

  test('finds the elements that are needed together, wherever they are', async () => {
    for (const needed of [[3], [0, 99], [7, 8, 50], upTo(100).filter((n) => n % 9 === 0)]) {
      let asked = 0
      const kept = await shrink(upTo(100), async (part) => {
        asked += 1
        return needed.every((n) => part.includes(n))
      })
      expect(kept).toEqual(needed)
      expect(asked).toBeLessThan(400)
    }
  })

  test('leaves nothing where nothing is needed, and all where all is', async () => {
    expect(await shrink(upTo(9), async () => true)).toEqual([])
    expect(await shrink(upTo(9), async (part) => part.length === 9)).toEqual(upTo(9))
  })

  test('takes failures for the same that differ in numbers and lists only', () => {
    const lost = (list: string) => new Error(`Acknowledged operations are not in the log after reopening: ${list}.`)
    expect(mannerOf(lost('4:1'))).toBe(mannerOf(lost('17:2, 17:3')))
    expect(mannerOf(lost('4:1'))).not.toBe(mannerOf(new Error('Record 4 is lost.')))
    expect(mannerOf(new PerdureError('PERDURE_E_CORRUPT', 'x'))).not.toBe(mannerOf(new PerdureError('PERDURE_E_FORMAT', 'x')))
  })
})
