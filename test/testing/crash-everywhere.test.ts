/** A program killed at every event of its run, and programs that do not survive it. */
import { PerdureError, resilient, space } from 'perdure'
import { crashEverywhere, type Scenario, simulate } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

/** Which events are tried: all of them where there is time. */
const EVERY = Number(process.env.PERDURE_CRASH_EVERY ?? 17)

async function failureOf(promise: Promise<unknown>): Promise<PerdureError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(PerdureError)
  return error as PerdureError
}

const order: Scenario<number> = async (world) => {
  const pay = resilient('pay', async (p, amount: number) => {
    const receipt = await p.step('charge', (info) => world.effect(info, `charge ${amount}`) ?? amount + 1)
    await p.space('receipts').out(['receipt', receipt])
    return receipt
  })
  world.host([pay])
  await world.start(pay, 'order-17', [40])
  const receipt = await world.result(pay, 'order-17')
  const count = await world.insist(async (site) => (await space(site, 'receipts')).count(['receipt', Number]))
  world.check(count === 1, `there are ${count} receipts`)
  return receipt
}

describe('crashing everywhere', () => {
  test('crashes at every event, and finds nothing in a program that is right', async () => {
    const report = await crashEverywhere({ every: EVERY }, order)
    expect(report.events).toBeGreaterThan(100)
    expect(report.crashes).toBe(3 * Math.ceil(report.events / EVERY))
  })

  test('finds what a program does outside of steps, and says with which crash', async () => {
    const careless: Scenario = async (world) => {
      let charged = 0
      const pay = resilient('pay', async (p) => {
        charged += 1
        await p.sleep(5)
      })
      world.host([pay])
      await world.start(pay, 'order-17', [])
      await world.result(pay, 'order-17')
      return charged
    }
    const { message } = await failureOf(crashEverywhere({ kinds: ['worker crash'] }, careless))
    expect(message).toMatch(
      /^With a worker crash before event \d+: The result is 2, without the crash it is 1\. Repeat it with: /,
    )
    const options = JSON.parse(/simulate\((.*), scenario\)/.exec(message)?.[1] ?? '') as Parameters<typeof simulate>[0]
    const again: Scenario = async (world) => world.check((await careless(world)) === 1, 'charged twice')
    expect((await failureOf(simulate(options, again))).message).toContain('charged twice')
  })

  test('finds an effect that a crash leaves out or adds', async () => {
    const hasty: Scenario = async (world) => {
      const tell = resilient('tell', async (p) => {
        const nth = world.effects.length
        await p.step('tell', (info) => world.effect(info, 'told'))
        if (nth > 0) await p.step('tell again', (info) => world.effect(info, 'told again'))
      })
      world.host([tell])
      await world.start(tell, 'k', [])
      await world.result(tell, 'k')
    }
    const { message } = await failureOf(crashEverywhere({ kinds: ['worker crash'] }, hasty))
    expect(message).toContain('What happened outside is')
  })

  test('of a program that does not even come to an end says so', async () => {
    const lost: Scenario = async (world) => {
      world.host([])
      throw new RangeError('out of luck')
    }
    expect((await failureOf(crashEverywhere({}, lost))).message).toContain('Without any crash: out of luck')
  })
})
