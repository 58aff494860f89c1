/** Plain clients whose sessions last: they never insist, and what they do has happened once when they are told so. */
import { PerdureError, space } from 'perdure'
import type { Scenario, World } from 'perdure/testing'
import { REATTACH_MS } from '../../src/log/attachments.ts'

/** When the last owner is there at the latest. */
const LATEST_OWNER_MS = 10_000

/** Every one counts up the one number there is, and leaves a slip for each time; some are killed, which only their waiting shows. */
export const tellers: Scenario = async (world) => {
  const clients = world.random.between(1, 4)
  const turns = world.random.between(2, 10)
  world.host([])
  const bank = await space(await world.attach('lasting'), 'bank')
  await bank.out(['n', 0])
  const victims = await Promise.all(Array.from({ length: world.random.between(0, 2) }, () => killedSometime(world)))
  await Promise.all(Array.from({ length: clients }, (_, who) => teller(world, who, turns)))
  const found = await bank.in(['n', Number])
  world.check(found[1] === clients * turns, `the number is ${found[1]} after ${clients} times ${turns} turns`)
  const slips = await bank.count(['slip', Number, Number])
  world.check(slips === clients * turns, `${slips} slips are left by ${clients} times ${turns} turns`)
  world.calm()
  // An owner that died in the last moment counts from its successor on.
  await world.sleep(REATTACH_MS + LATEST_OWNER_MS)
  for (const victim of victims) await bank.out(['prey', victim])
  const prey = await bank.count(['prey', Number])
  world.check(prey === victims.length, `the dead took ${victims.length - prey} of ${victims.length}`)
}

async function teller(world: World, who: number, turns: number): Promise<void> {
  const site = await world.attach('lasting')
  const bank = await space(site, 'bank')
  for (let turn = 0; turn < turns; turn += 1) {
    const [, n] = await bank.in(['n', Number])
    const put = bank.out(['n', n + 1])
    await Promise.all([bank.out(['slip', who, turn]), put])
    if (world.random.chance(0.3)) await missed(world, bank.in(['none', who], { timeoutMs: world.random.between(1, 50) }))
    if (world.random.chance(0.3)) await site.durable()
    await withdrawn(world, bank, who, turn)
  }
  await site.close()
}

/** What is withdrawn while it waits takes nothing: its tuple comes later, and is there. */
async function withdrawn(world: World, bank: Awaited<ReturnType<typeof space>>, who: number, turn: number): Promise<void> {
  if (world.random.chance(0.5)) return
  const giving = new AbortController()
  const gone = new Error('given up')
  const waiting = bank.in(['own', who, turn], { signal: giving.signal }).catch((error: unknown) => error)
  await world.sleep(world.random.between(0, 20))
  giving.abort(gone)
  world.check((await waiting) === gone, 'a wait that was given up ends with its reason')
  await bank.out(['own', who, turn])
  world.check((await bank.inp(['own', who, turn])) !== null, 'what nobody waits for any more is there')
}

async function missed(world: World, waiting: Promise<unknown>): Promise<void> {
  const error = await waiting.catch((reason: unknown) => reason)
  world.check(PerdureError.is(error, 'PERDURE_E_TIMEOUT'), `a wait for nothing came to ${String(error)}`)
}

async function killedSometime(world: World): Promise<number> {
  const id = world.random.between(1, 1_000_000)
  const site = await world.attach('lasting')
  const bank = await space(site, 'bank')
  bank.in(['prey', id]).catch(() => undefined)
  await world.sleep(world.random.between(0, 50))
  world.kill(site)
  return id
}
