/**
 * Members of a checkpoint group between a space and an object group: they take coins, keep them for a while, put them back, and have them
 * counted. However often they go back, there are as many coins as before, and each call has counted once.
 */
import { type Site, space } from 'perdure'
import { type Answer, type CheckpointedObject, checkpointGroup, type Self } from 'perdure/checkpoint'
import { activeReplication, attempt, dependable, groupNamed } from 'perdure/group'
import type { Scenario, World } from 'perdure/testing'
import { isAtRest } from './checkpoint-lines.ts'

const NAMES = ['m', 'n']

/** Who waits for a coin that nobody brings goes on after so long. */
const PATIENCE_MS = 3_000

/** Long after everything must have come to its end. */
const MOST_MS = 300_000

type Order = { readonly order: 'take' | 'try' | 'give' | 'count' | 'save' }

interface Books {
  readonly coins: number[]
  /** Numbers of what was asked and not answered. */
  pending: number[]
  orders: number
  readonly calls: number[]
  readonly told: number[]
}

/** In each replica of the group. */
class Counter {
  count = 0

  add(n: number): number {
    this.count += n
    attempt().space('counted').out(['counted', this.count])
    return this.count
  }
}

const counters = groupNamed<Counter>('counters', 'k')

/** Member to space and space to member, member to group and group to member. */
export const merchants: Scenario = async (world) => {
  const coins = world.random.between(1, 4)
  const orders = world.random.between(4, 16)
  const options = { protocol: world.random.pick(['exact', 'hmnr', 'cut', 'koo-toueg'] as const), lag: { undoneMs: 1_000 } }
  const present = new Map<string, () => Merchant | undefined>()
  world.host([], [Counter])
  const site = await world.attach()
  await dependable(Counter, activeReplication({ replicas: 2 }), { site, name: 'counters' }).create({ key: 'k' })
  const purse = await space(site, 'purse')
  for (let coin = 0; coin < coins; coin++) await purse.out(['coin', coin])
  for (const name of NAMES) world.program(`merchant ${name}`, (own) => live(world, own, name, options, present))
  const group = await checkpointGroup(site, 'bank', options)
  while (present.size < NAMES.length) await world.sleep(20)
  const given = { m: 0, n: 0 }
  for (let n = 0; n < orders; n++) {
    const to = world.random.pick(NAMES) as 'm' | 'n'
    given[to] += 1
    await group.send(to, { order: world.random.pick(['take', 'take', 'try', 'give', 'give', 'count', 'save']) } satisfies Order)
    if (world.random.chance(0.5)) await world.sleep(world.random.next() * 300)
  }
  await world.sleep(world.random.next() * 1_000)
  world.calm()
  // Who is stopped goes on within this time.
  await world.sleep(15_000)
  for (const disaster of [false, true]) {
    if (disaster) world.strike('power loss')
    if (disaster) await world.sleep(500)
    const books = await booksAtRest(world, site, present, given)
    checkCoins(
      world,
      books,
      (await purse.copyCollect(['coin', Number])).map(([, coin]) => coin),
      coins,
    )
    await checkCalls(world, site, books)
  }
}

async function live(
  world: World,
  site: Site,
  name: string,
  options: Parameters<typeof checkpointGroup>[2],
  present: Map<string, () => Merchant | undefined>,
): Promise<void> {
  const group = await checkpointGroup(site, 'bank', options)
  let own: Merchant | undefined
  for (let joined = false; !joined; ) {
    try {
      await group.join(name, (self) => {
        own = new Merchant(self, world)
        return own
      })
      joined = true
    } catch (error) {
      // The service still believes in the process before.
      if ((error as { code?: string }).code !== 'PERDURE_E_MEMBER_TAKEN') throw error
      await world.pause(100)
    }
  }
  present.set(name, () => (world.lives(site) && own?.self.signal.aborted === false ? own : undefined))
}

async function booksAtRest(
  world: World,
  site: Site,
  present: ReadonlyMap<string, () => Merchant | undefined>,
  given: Readonly<Record<string, number>>,
): Promise<readonly Books[]> {
  for (let calm = 0; ; ) {
    const books = NAMES.map((name) => present.get(name)?.()?.books)
    const rest = books.every((own, n) => own?.orders === given[NAMES[n] as string] && own?.pending.length === 0)
    calm = rest && (await isAtRest(site, 'bank')) ? calm + 1 : 0
    // An output that has left the service may not be where it goes to.
    if (calm > 5) return books as Books[]
    world.check(world.nowMs < MOST_MS, `orders were given ${JSON.stringify(given)}, the books are ${JSON.stringify(books)}`)
    await world.sleep(100)
  }
}

function checkCoins(world: World, books: readonly Books[], inPurse: readonly number[], coins: number): void {
  const all = [...inPurse, ...books.flatMap((own) => own.coins)].sort((a, b) => a - b).join()
  const wanted = Array.from({ length: coins }, (_, coin) => coin).join()
  world.check(all === wanted, `the coins are ${all}; expected was each of ${wanted} once`)
}

/** Every call that somebody remembers has counted once, and nothing else has. */
async function checkCalls(world: World, site: Site, books: readonly Books[]): Promise<void> {
  const told = books.flatMap((own) => own.told).sort((a, b) => a - b)
  const counted = (await (await space(site, 'counted')).copyCollect(['counted', Number])).map(([, count]) => count)
  const wanted = Array.from({ length: books.reduce((sum, { calls }) => sum + calls.length, 0) }, (_, n) => n + 1).join()
  world.check(told.join() === wanted, `the members were told ${told} of ${wanted}`)
  world.check(counted.sort((a, b) => a - b).join() === wanted, `${counted} was counted, expected was ${wanted}`)
}

class Merchant implements CheckpointedObject<Books> {
  readonly self: Self
  readonly #world: World
  books: Books = { coins: [], pending: [], orders: 0, calls: [], told: [] }

  constructor(self: Self, world: World) {
    this.self = self
    this.#world = world
  }

  save(): Books {
    return this.books
  }

  restore(books: Books): void {
    this.books = books
  }

  async receive(message: unknown, from: string): Promise<void> {
    if (from === '@purse') return this.#coin(message as Answer<readonly unknown[] | null>)
    if (from === '@counters') return this.#told(message as Answer<number>)
    this.books.orders += 1
    const purse = this.self.space('purse')
    switch ((message as Order).order) {
      case 'take':
        return void this.books.pending.push(await purse.in(['coin', Number], { timeoutMs: PATIENCE_MS }))
      case 'try':
        return void this.books.pending.push(await purse.inp(['coin', Number]))
      case 'give':
        return this.#give()
      case 'count': {
        const call = await this.self.call(counters, 'add', 1)
        this.books.calls.push(call)
        return void this.books.pending.push(call)
      }
      case 'save':
        return this.self.checkpoint()
    }
  }

  #give(): void {
    const coin = this.books.coins.pop()
    if (coin === undefined) return
    // Refused is it only to an object that was thrown away.
    this.self
      .space('purse')
      .out(['coin', coin])
      .catch(() => undefined)
  }

  #coin(answer: Answer<readonly unknown[] | null>): void {
    this.#answered(answer.reply)
    if ('value' in answer && answer.value !== null) this.books.coins.push(answer.value[1] as number)
  }

  #told(answer: Answer<number>): void {
    this.#answered(answer.reply)
    if ('error' in answer) throw answer.error
    this.books.told.push(answer.value)
  }

  #answered(reply: number): void {
    const isAsked = this.books.pending.includes(reply)
    this.#world.check(isAsked, `${this.self.name} has an answer to ${reply}, and has asked ${this.books.pending}`)
    this.books.pending = this.books.pending.filter((each) => each !== reply)
  }
}
