/** What users of the simulator are told: which seed failed, why, and how to see it again. */
import { PerdureError, resilient } from 'perdure'
import { type Scenario, simulate } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

const twice = resilient('twice', (p, n: number) => p.step('double', (info) => 2 * n + (info.attempt - info.attempt)))

const scenario: Scenario = async (world) => {
  world.host([twice])
  await world.start(twice, 'k', [21])
  world.check((await world.result(twice, 'k')) === 42, 'the result is 42')
}

async function failureOf(promise: Promise<unknown>): Promise<PerdureError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(PerdureError)
  return error as PerdureError
}

describe('a simulation', () => {
  test('counts its seeds and events', async () => {
    const report = await simulate({ seeds: 5, nodes: 2 }, scenario)
    expect(report).toMatchObject({ seeds: 5, events: expect.any(Number) })
    expect(report.events).toBeGreaterThan(100)
  })

  test('that fails says the seed, the reason and the command that repeats it', async () => {
    const onlyAtThree: Scenario = async (world) => {
      await scenario(world)
      world.check(world.seed !== 3, 'the seed is not three')
    }
    const error = await failureOf(simulate({ seeds: 5, repeat: (seed) => `npm run test:sim -- --seed ${seed}` }, onlyAtThree))
    expect(error.message).toMatch(/^Seed 3 failed: .*the seed is not three.*npm run test:sim -- --seed 3$/)
    expect(error.data).toMatchObject({ seed: 3, faults: [] })
    expect((await failureOf(simulate({ seed: 3 }, onlyAtThree))).message).toContain('Seed 3 failed')
    expect((await simulate({ seed: 4 }, onlyAtThree)).seeds).toBe(1)
  })

  test('of a program that waits for what never comes ends, and fails', async () => {
    const stuck: Scenario = async (world) => {
      const waits = resilient('waits', (p) => p.space('s').in(['never']))
      world.host([waits])
      await world.start(waits, 'k', [])
      await world.result(waits, 'k')
    }
    expect((await failureOf(simulate({ seed: 1, nodes: 1, faults: [] }, stuck))).message).toContain('Seed 1 failed')
  })
})
