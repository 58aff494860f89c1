/**
 * What a tuple space promises beyond put and take, under faults: what is held comes back or is gone for good, groups are carried out
 * whole, leases end and delays pass.
 */
import { PerdureError, ref, resilient, type Space, space } from 'perdure'
import { isLost, type Scenario, type World } from 'perdure/testing'

/** Short, so that leases end under those who are slow or dead, and long enough for most to be in time. */
const LEASE_MS = 300

/** In a run the lease has to outlive a restart of the owner now and then. */
const LONG_LEASE_MS = 2_000

/**
 * Couriers, which are runs, and clerks, which are plain clients that get killed, take parcels under a hold and acknowledge them. A
 * parcel that is acknowledged is delivered; no parcel is delivered twice, and none is lost.
 */
export const parcels: Scenario = async (world) => {
  const count = world.random.between(2, 8)
  const leaseMs = world.random.chance(0.5) ? LEASE_MS : LONG_LEASE_MS
  const courier = resilient('courier', async (p, name: string) => {
    const depot = p.space('depot')
    for (;;) {
      const next = await p.race({ closed: depot.rd(['closed']), parcel: depot.in(['parcel', Number], { hold: { leaseMs } }) })
      if (next.key === 'closed') return
      const { tuple, id } = next.value
      if (p.random() < 0.3) await p.sleep(p.random() * 2 * leaseMs)
      const mine = await depot.ack(id).then(() => true, holdLost)
      if (mine) await depot.out(['delivered', tuple[1], name])
    }
  })
  world.host([courier])
  await world.insist(async (site) => {
    const depot = await space(site, 'depot')
    const known = await depot.count(['parcel', Number])
    for (let number = known; number < count; number += 1) await depot.out(['parcel', number])
  })
  await Promise.all(['Ada', 'Bob'].map((name) => world.start(courier, name, [name])))
  const clerks = { delivered: [] as number[], unknown: 0 }
  for (let visits = world.random.between(1, count); visits > 0; visits -= 1) await visit(world, leaseMs, clerks)
  world.calm()
  const found = await delivered(world, count, clerks)
  await world.insist(async (site) => (await space(site, 'depot')).out(['closed']))
  await Promise.all(['Ada', 'Bob'].map((name) => world.result(courier, name)))
  world.check(new Set(found).size === found.length, `a parcel was delivered twice: ${found.join(', ')}`)
  world.check(found.length + clerks.unknown >= count, `of ${count} parcels ${found.length} were delivered`)
}

interface Clerks {
  readonly delivered: number[]
  /** Acknowledgements of which nobody was told what has become of them. */
  unknown: number
}

/** A clerk who takes one parcel, and often goes away with it. */
async function visit(world: World, leaseMs: number, clerks: Clerks): Promise<void> {
  await world.sleep(world.random.next() * 30)
  const site = await world.attach(world.random.chance(0.5) ? 'lasting' : 'bound')
  try {
    const held = await (await space(site, 'depot')).inp(['parcel', Number], { hold: { leaseMs } })
    if (held !== null && world.random.chance(0.6)) {
      clerks.unknown += 1
      const mine = await held.ack().then(() => true, holdLost)
      clerks.unknown -= 1
      if (mine) clerks.delivered.push(held.tuple[1])
    }
  } catch (error) {
    if (!isLost(error)) throw error
  }
  world.kill(site)
}

/** Waits until all parcels are accounted for, but those whose acknowledgement nobody knows of. */
async function delivered(world: World, count: number, clerks: Clerks): Promise<readonly number[]> {
  for (;;) {
    const byRuns = await world.insist(async (site) => {
      const depot = await space(site, 'depot')
      return await depot.copyCollect(['delivered', Number, String])
    })
    const dead = await world.insist(async (site) => (await space(site, 'depot.dead')).copyCollect(['parcel', Number]))
    const found = [...byRuns.map(([, number]) => number), ...dead.map(([, number]) => number), ...clerks.delivered]
    if (found.length + clerks.unknown >= count) return found
    await world.sleep(LEASE_MS)
  }
}

/**
 * Runs swap what lies in two boxes, each swap one group; whoever looks sees every box once, and nothing that was not there at the
 * beginning.
 */
export const swaps: Scenario = async (world) => {
  const boxes = world.random.between(2, 5)
  const rounds = world.random.between(1, 8)
  const all = Array.from({ length: boxes }, (_, box) => box)
  const swapper = resilient('swapper', async (p, times: number) => {
    const shelf = p.space('shelf')
    for (let n = 0; n < times; n += 1) {
      const a = Math.floor(p.random() * boxes)
      const b = (a + 1 + Math.floor(p.random() * (boxes - 1))) % boxes
      await shelf.atomic([
        { in: ['box', a, String] },
        { in: ['box', b, String] },
        { out: ['box', a, ref(1, 2)] },
        { out: ['box', b, ref(0, 2)] },
        { out: ['swapped', p.key, n] },
      ])
      if (p.random() < 0.4) await p.sleep(p.random() * 20)
    }
  })
  const watchman = resilient('watchman', async (p, times: number) => {
    for (let n = 0; n < times; n += 1) {
      const seen = await p.space('shelf').copyCollect(['box', Number, String])
      const content = seen.map(([, , what]) => what).sort()
      if (seen.length !== boxes || content.join() !== all.map(nameOf).join()) throw new Error(`the boxes hold ${content}`)
      await p.sleep(5)
    }
  })
  const filler = resilient('filler', async (p) => {
    const elements = all.map((box) => ({ out: ['box', box, nameOf(box)] }))
    await p.space('shelf').atomic(elements)
  })
  world.host([swapper, watchman, filler])
  await world.start(filler, 'f', [])
  await world.result(filler, 'f')
  await Promise.all([
    world.start(swapper, 'one', [rounds]),
    world.start(swapper, 'two', [rounds]),
    world.start(watchman, 'w', [rounds]),
  ])
  await Promise.all([world.result(swapper, 'one'), world.result(swapper, 'two'), world.result(watchman, 'w')])
  const done = await world.insist(async (site) => (await space(site, 'shelf')).count(['swapped', String, Number]))
  world.check(done === 2 * rounds, `${done} swaps were carried out of ${2 * rounds}`)
}

/** What was put for later is there at its time and not before; what was put for a while goes, also while everything is down. */
export const seasons: Scenario = async (world) => {
  const count = world.random.between(1, 6)
  const gardener = resilient('gardener', async (p, times: number) => {
    const garden = p.space('garden')
    for (let n = 0; n < times; n += 1) {
      const waitMs = Math.ceil(p.random() * 200)
      const sown = p.now()
      await garden.out(['seed', n], { notBeforeMs: waitMs })
      await garden.out(['snow', n], { leaseMs: Math.ceil(p.random() * 100) })
      await garden.in(['seed', n])
      if (p.now() - sown < waitMs) throw new Error(`seed ${n} came after ${p.now() - sown} ms instead of ${waitMs}`)
      await garden.out(['flower', n])
    }
  })
  world.host([gardener])
  await world.start(gardener, 'g', [count])
  await world.result(gardener, 'g')
  world.calm()
  await gone(world, (garden) => garden.count(['snow', Number]))
  const flowers = await world.insist(async (site) => (await space(site, 'garden')).count(['flower', Number]))
  world.check(flowers === count, `${flowers} flowers came of ${count} seeds`)
}

async function gone(world: World, count: (garden: Space) => Promise<number>): Promise<void> {
  // Far beyond the longest lease; a lease that never ended would keep it.
  for (let patience = 100; patience > 0; patience -= 1) {
    if ((await world.insist(async (site) => count(await space(site, 'garden')))) === 0) return
    await world.sleep(LEASE_MS)
  }
  world.check(false, 'what was put for a while has not gone')
}

function holdLost(error: unknown): false {
  if (PerdureError.is(error, 'PERDURE_E_HOLD_LOST')) return false
  throw error
}

function nameOf(box: number): string {
  return `thing ${box}`
}
