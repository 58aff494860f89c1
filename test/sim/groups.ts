/** Money that is moved about by groups and collections, and never more or less of it at any position. */
import { PerdureError, ref, resilient, type Space, space } from 'perdure'
import type { Scenario, World } from 'perdure/testing'
import { foldBySpace, type Told, told } from './changes.ts'

const TOTAL = 1_000

/**
 * Accounts of a bank; groups move money between two of them, collections carry all of them to the vault and back. The sum is the
 * same at every position, for the log, for who watches and for who reads them all in one group. A flash is seen once, and goes once.
 */
export const groups: Scenario = async (world) => {
  const accounts = world.random.between(2, 4)
  const porter = resilient('porter', async (p, rounds: number) => {
    const [bank, vault] = [p.space('bank'), p.space('vault')]
    for (let n = 0; n < rounds; n += 1) {
      await p.sleep(p.random() * 40)
      await bank.collect(['n', Number, Number], { into: 'vault', limit: 1 + Math.floor(p.random() * 3) })
      await p.sleep(p.random() * 40)
      await vault.collect(['n', Number, Number], { into: 'bank' })
    }
  })
  const swapper = resilient('swapper', async (p, rounds: number) => {
    for (let n = 0; n < rounds; n += 1) {
      const a = Math.floor(p.random() * accounts)
      await p.space('bank').atomic(swapOf(a, (a + 1) % accounts))
    }
  })
  world.host([porter, swapper])
  const main = await space(await world.attach(), 'bank')
  await main.atomic(
    Array.from({ length: accounts }, (_, at) => ({ out: ['n', at, at === 0 ? TOTAL - accounts + 1 : 1] })) as {
      out: unknown[]
    }[],
  )
  const watcher = await world.attach()
  const watched = await Promise.all(
    ['bank', 'vault'].map(async (name) => told((await space(watcher, name)).watch(['n', Number, Number], { from: 1 }))),
  )
  const rounds = world.random.between(1, 6)
  await Promise.all([
    world.start(porter, 'p', [rounds]),
    world.start(swapper, 's', [rounds]),
    ...Array.from({ length: world.random.between(1, 3) }, (_, who) => teller(world, who, accounts)),
    auditor(world, accounts),
    flashes(world),
  ])
  await Promise.all([world.result(porter, 'p'), world.result(swapper, 's')])
  world.calm()
  for (const name of ['bank', 'vault']) await (await space(await world.attach(), name)).out(['n', -1, 0])
  const lists = await Promise.all(watched.map(({ ended }) => ended))
  const logged = ['bank', 'vault'].map((name) => world.changes(name).filter(({ tuple }) => tuple[0] === 'n'))
  checkSums(world, logged, 'the log')
  if (lists.every((list) => list !== 'trimmed')) checkSums(world, lists as (readonly Told[])[], 'who watches')
  const left = (await main.copyCollect(['n', Number, Number])).reduce((sum, [, , amount]) => sum + amount, 0)
  world.check(left === TOTAL, `${left} is left in the bank`)
}

function swapOf(a: number, b: number) {
  return [{ in: ['n', a, Number] }, { in: ['n', b, Number] }, { out: ['n', a, ref(1, 2)] }, { out: ['n', b, ref(0, 2)] }] as const
}

/** Looks at two accounts, and moves money if they are still the same; or waits for both, whatever is in them. */
async function teller(world: World, who: number, accounts: number): Promise<void> {
  const bank = await space(await world.attach(), 'bank')
  for (let turns = world.random.between(1, 6); turns > 0; turns -= 1) {
    const a = world.random.below(accounts)
    const b = (a + 1) % accounts
    if (world.random.chance(0.3)) {
      // What is missing comes later: the group waits for it.
      const waiting = bank.atomic([...swapOf(a, b), { in: ['go', who, turns] }])
      await world.sleep(world.random.next() * 20)
      await bank.out(['go', who, turns])
      await waiting
      continue
    }
    const [x, y] = [await bank.rd(['n', a, Number]), await bank.rd(['n', b, Number])]
    const group = [
      { in: ['n', a, x[2]] },
      { in: ['n', b, y[2]] },
      { out: ['n', a, x[2] - 1] },
      { out: ['n', b, y[2] + 1] },
    ] as const
    await bank.atomic(group, { timeoutMs: world.random.between(1, 50) }).catch(timedOut)
  }
}

/** Reads all accounts at one position. */
async function auditor(world: World, accounts: number): Promise<void> {
  const bank = await space(await world.attach(), 'bank')
  for (let turns = world.random.between(1, 5); turns > 0; turns -= 1) {
    const reads = Array.from({ length: accounts }, (_, at) => ({ rd: ['n', at, Number] }))
    const seen = (await bank.atomic(reads, { timeoutMs: 100 }).catch(timedOut)) as unknown[][] | undefined
    const sum = seen?.reduce((all, tuple) => all + (tuple[2] as number), 0) ?? TOTAL
    world.check(sum === TOTAL, `an auditor has read ${sum}`)
    await world.sleep(world.random.next() * 30)
  }
}

/** Tuples for later and for a while: seen once, at their time, and gone once. */
async function flashes(world: World): Promise<void> {
  const site = await world.attach()
  const sky: Space = await space(site, 'sky')
  const count = world.random.between(1, 4)
  for (let n = 0; n < count; n += 1) {
    const [notBeforeMs, leaseMs] = [world.random.between(0, 100), world.random.between(1, 100)]
    await sky.out(['flash', n], { notBeforeMs, leaseMs })
    if (world.random.chance(0.3)) await sky.inp(['flash', n])
  }
  const delayed = async () => ((await site.link.main.query('space', 'delayed', ['sky'])) as { readonly total: number }).total
  while ((await delayed()) > 0 || (await sky.count(['flash', Number])) > 0) await world.sleep(50)
  const changes = world.changes('sky')
  for (let n = 0; n < count; n += 1) {
    const kinds = changes.flatMap(({ kind, tuple }) => (tuple[1] === n ? [kind] : []))
    world.check(/^out,(in|expired)$/.test(kinds.join()), `the flash ${n} has gone through ${kinds.join(' ')}`)
  }
}

/** At the end of every position the sum over all spaces is the same, from the first on at which there is money. */
function checkSums(world: World, lists: readonly (readonly Told[])[], whose: string): void {
  for (const { position, sum } of foldBySpace(lists)) {
    world.check(sum === TOTAL, `for ${whose} there was ${sum} at position ${position}`)
  }
}

function timedOut(error: unknown): undefined {
  if (PerdureError.is(error, 'PERDURE_E_TIMEOUT')) return undefined
  throw error
}
