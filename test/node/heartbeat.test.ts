/** What living processes cost the log: nothing, however long they live. */
import { resilient, run, space } from 'perdure'
import { simulate } from 'perdure/testing'
import { expect, test } from 'vitest'

/** Longer than any silence after which a node is fenced; and many times that. */
const SHORT_MS = 20_000
const LONG_MS = 10 * 60_000

test('nodes that beat for ten minutes while nothing happens write no entry, and are still trusted', async () => {
  const written: number[] = []
  await simulate({ seed: 1, nodes: 3, faults: [] }, async (world) => {
    const waiter = resilient('waiter', async (p) => (await p.space('jobs').in(['go', Number]))[1])
    world.host([waiter])
    const site = await world.attach()
    const jobs = await space(site, 'jobs')
    await world.start(waiter, 'w', [])
    while ((await run(site, waiter, 'w').status()).state !== 'running') await world.sleep(10)
    for (const ms of [SHORT_MS, LONG_MS]) {
      await jobs.out(['before', ms])
      const before = site.position
      await world.sleep(ms)
      await jobs.out(['after', ms])
      written.push(site.position - before)
    }
    await jobs.out(['go', 7])
    world.check((await world.result(waiter, 'w')) === 7, 'the run goes on where it was')
    const { attempt } = await run(site, waiter, 'w').status()
    world.check(attempt === 1, `it is its attempt ${attempt}`)
  })
  const [inShort = 0, inLong = 0] = written
  expect(inShort, 'at least what was put').toBeGreaterThan(0)
  expect(inLong).toBe(inShort)
})
