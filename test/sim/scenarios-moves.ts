/** People and daemons who move runs about while everything else fails: paused, resumed, migrated, begun anew. */
import { PerdureError, type RunHandle, resilient, run, space } from 'perdure'
import { isLost, type Scenario, type World } from 'perdure/testing'

/** What may be said to somebody who wants to move a run: it cannot be moved now. */
const REFUSED: ReadonlySet<string> = new Set(['PERDURE_E_NO_HOST', 'PERDURE_E_UNKNOWN_NODE'])

/** So that even a step that is slow ends in time. */
const DRAIN_MS = 500

/** What somebody who is gone has said has arrived by then, even by the slowest message: a run that is paused last stays paused. */
const LATE_MS = 2_000

/**
 * Each traveller goes through its stations in order, whoever moves it and wherever it is; a station is visited under one key for each
 * time the run has been begun.
 */
export const travellers: Scenario = async (world) => {
  const stations = world.random.between(2, 6)
  const keys = ['Ada', 'Bob', 'Cay'].slice(0, world.random.between(1, 3))
  const traveller = resilient('traveller', async (p, count: number) => {
    let sum = 0
    for (let n = 0; n < count; n += 1) {
      await p.step('visit', async (info) => {
        world.effect(info, `${p.key} at ${n}`)
        await world.pause(p.key.length * 7)
      })
      sum += (await p.space('tickets').in(['ticket', p.key, n]))[2]
      if (p.random() < 0.5) await p.sleep(p.random() * 30)
    }
    return sum
  })
  const printer = resilient('printer', async (p, key: string, count: number) => {
    for (let n = 0; n < count; n += 1) {
      await p.space('tickets').out(['ticket', key, n])
      await p.sleep(p.random() * 20)
    }
  })
  world.host([traveller, printer])
  for (const key of keys) {
    await world.start(traveller, key, [stations])
    await world.start(printer, key, [key, stations])
  }
  for (let n = world.random.between(1, 10); n > 0; n -= 1) {
    await world.sleep(world.random.next() * 40)
    await disturb(world, (site) => run(site, traveller, world.random.pick(keys)))
  }
  world.calm()
  await world.sleep(LATE_MS)
  for (const key of keys) {
    await world.insist((site) => run(site, traveller, key).resume())
    const sum = await world.result(traveller, key)
    world.check(sum === (stations * (stations - 1)) / 2, `${key} has the sum ${sum} after ${stations} stations`)
    const left = await world.insist(async (site) => (await space(site, 'tickets')).count(['ticket', key, Number]))
    world.check(left === 0, `${left} tickets of ${key} are left`)
    for (let n = 0; n < stations; n += 1) {
      const visits = world.effects.filter(({ content }) => content === `${key} at ${n}`)
      const names = new Set(visits.map(({ idempotencyKey }) => idempotencyKey))
      world.check(names.size === 1, `${key} was at ${n} under the keys ${[...names].join(', ')}`)
    }
  }
}

type Site = Parameters<Parameters<World['insist']>[0]>[0]

/** One of the things that people do to a run, by a client that may be lost meanwhile; done twice it is done once. */
export async function disturb(world: World, find: (site: Site) => RunHandle<unknown>): Promise<void> {
  const deed = world.random.pick(['pause', 'resume', 'migrate'] as const)
  const site = await world.attach()
  const handle = find(site)
  const done =
    deed === 'pause'
      ? handle.pause('somebody asked', { drainMs: DRAIN_MS })
      : deed === 'resume'
        ? handle.resume()
        : handle.migrate(undefined, { drainMs: DRAIN_MS })
  await Promise.race([
    done.then(() => undefined, refused),
    // Nobody has to wait for the answer.
    world.sleep(world.random.between(1, 2 * DRAIN_MS)),
  ])
  world.kill(site)
}

function refused(error: unknown): undefined {
  if (isLost(error) || (error instanceof PerdureError && REFUSED.has(error.code))) return undefined
  throw error
}
