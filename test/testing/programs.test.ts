/** Programs that attach to a simulated site, and what they do outside without being runs. */
import { type Site, space } from 'perdure'
import { checkpointGroup } from 'perdure/checkpoint'
import { crashAt, type Scenario, simulate } from 'perdure/testing'
import { expect, test } from 'vitest'

const started: Scenario = async (world) => {
  world.host([])
  const sites: Site[] = []
  world.program('clerk', async (site) => {
    sites.push(site)
    await (await space(site, 'starts')).out(['start', sites.length])
  })
  const starts = await space(await world.attach(), 'starts')
  await starts.rd(['start', Number])
  await world.sleep(5_000)
  const living = sites.filter((site) => world.lives(site))
  world.check(
    living.length === 1 && living[0] === sites.at(-1),
    `${living.length} of ${sites.length} starts live, not the last one`,
  )
}

test('a program that attaches is struck by crashes of workers, and started again', async () => {
  const { events } = await simulate({ seed: 1, nodes: 1, company: 'none', faults: [] }, started)
  const counts: number[] = []
  for (let event = 1; event < events; event += Math.ceil(events / 20)) {
    const counted: Scenario = async (world) => {
      await started(world)
      counts.push(world.operations('space.out').length)
    }
    await simulate({ seed: 1, nodes: 1, company: 'none', faults: [crashAt(event, 'worker crash')] }, counted)
  }
  expect(Math.max(...counts)).toBeGreaterThan(1)
})

test('an error of a program fails the seed', async () => {
  const failing: Scenario = async (world) => {
    world.host([])
    world.program('clerk', () => Promise.reject(new Error('out of ink')))
    await world.sleep(5_000)
  }
  await expect(simulate({ seed: 1, faults: [] }, failing)).rejects.toThrow('out of ink')
})

/** Something happens outside as the output of a member, under this position. */
function output(positionOf: (recorded: number) => number): Scenario {
  return async (world) => {
    world.host([])
    let isDone = false
    world.program('clerk', async (site) => {
      const group = await checkpointGroup(site, 'bank')
      const member = await group.join('a', () => ({ save: () => 0, restore: () => undefined, receive: () => undefined }))
      const recorded = await member.output('ink')
      world.effect({ idempotencyKey: `log:1:0:${positionOf(recorded)}` }, 'ink')
      isDone = true
    })
    while (!isDone) await world.sleep(10)
  }
}

test('an output that no member has recorded fails the seed', async () => {
  await expect(
    simulate(
      { seed: 1, faults: [] },
      output((recorded) => recorded - 1),
    ),
  ).rejects.toThrow('is not in the log')
})

test('an output whose record is not durable yet fails the seed', async () => {
  await expect(
    simulate(
      { seed: 1, faults: [] },
      output((recorded) => recorded + 1_000),
    ),
  ).rejects.toThrow('was not durable')
})

test('an output that a member has recorded may happen', async () => {
  expect(
    (
      await simulate(
        { seed: 1, faults: [] },
        output((recorded) => recorded),
      )
    ).seeds,
  ).toBe(1)
})
