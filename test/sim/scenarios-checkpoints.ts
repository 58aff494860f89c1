/**
 * Checkpoint groups in the simulator: members in programs that crash, an owner that crashes under them, objects that break, hang and
 * are slow. Each scenario is one seam between a group and what it touches.
 */
import { resilient, type Site, space } from 'perdure'
import { type CheckpointGroup, checkpointGroupNamed } from 'perdure/checkpoint'
import { isLost, type Scenario, type World } from 'perdure/testing'
import { checkLines, isAtRest } from './checkpoint-lines.ts'
import { Couriers, checkGiven, checkMessages, checkReceived, checkTokens, type Memory, type Token, tokensOf } from './couriers.ts'
import { Visitors } from './visitors.ts'

const NAMES = ['a', 'b', 'c', 'd']

/** A pause lasts for up to ten seconds, and a call of an object for one. */
const MOST_HANGING_MS = 15_000

/** Time in which a token that was there twice would show itself, and what was recorded comes out. */
const CALM_MS = 500

/** Members pass tokens on: whatever is lost and done again, at the end each token is there once, and so is each message. */
export const tokens: Scenario = async (world) => {
  const couriers = new Couriers(world, someNames(world))
  const count = world.random.between(1, 6)
  world.host([])
  await couriers.start()
  const group = await couriers.group(await world.attach())
  const audit = world.random.chance(0.5) ? audits(world, group) : undefined
  const recoveries = world.random.chance(0.5) ? recovers(world, couriers, group) : undefined
  for (let token = 0; token < count; token++) {
    const message: Token = { id: couriers.nextId(), token, hops: world.random.between(1, 12) }
    await group.send(world.random.pick(couriers.names), message)
    if (world.random.chance(0.5)) await world.sleep(world.random.next() * 300)
  }
  await Promise.all([audit, recoveries])
  await judged(world, couriers, upTo(count))
}

/** Runs and plain clients send: each message comes in once, in the order in which its sender has sent. */
export const writers: Scenario = async (world) => {
  const couriers = new Couriers(world, someNames(world))
  const { names } = couriers
  const runs = world.random.between(1, 3)
  const each = world.random.between(1, 6)
  const writer = resilient('writer', async (p, first: number, count: number) => {
    for (let n = first; n < first + count; n++) {
      if (p.random() < 0.5) await p.sleep(p.random() * 300)
      await p.send(checkpointGroupNamed('bank'), receiverOf(names, n), { id: -n, token: n, hops: Math.floor(p.random() * 4) })
    }
  })
  world.host([writer])
  await couriers.start()
  const isClerkThere = world.random.chance(0.5)
  await Promise.all(Array.from({ length: runs }, (_, k) => world.start(writer, `w${k}`, [k * each, each])))
  if (isClerkThere) await clerk(world, couriers, runs * each, each)
  for (let k = 0; k < runs; k++) await world.result(writer, `w${k}`)
  await judged(world, couriers, upTo((isClerkThere ? runs + 1 : runs) * each), (memories) => {
    for (let k = 0; k < runs; k++) checkSeries(world, memories, `@writer/w${k}`, k * each, each)
    if (isClerkThere) checkSeries(world, memories, '@outside', runs * each, each)
  })
}

/** A plain client whose session lasts. */
async function clerk(world: World, couriers: Couriers, first: number, count: number): Promise<void> {
  const group = await couriers.group(await world.attach())
  for (let n = first; n < first + count; n++) {
    await group.send(receiverOf(couriers.names, n), { id: -n, token: n, hops: world.random.below(4) })
    await world.sleep(world.random.next() * 100)
  }
}

function receiverOf(names: readonly string[], n: number): string {
  return names[n % names.length] as string
}

/** The messages `first`, `first + 1`, ... of one sender, shared out among the members. */
function checkSeries(world: World, memories: ReadonlyMap<string, Memory>, from: string, first: number, count: number): void {
  const names = [...memories.keys()]
  const sent = Array.from({ length: count }, (_, at) => first + at)
  for (const [to, memory] of memories) {
    const wanted = sent.flatMap((n) => (receiverOf(names, n) === to ? [-n] : []))
    checkReceived(world, memory, to, from, wanted)
  }
}

/** Members put out to the outside and into a space: all that they remember, once, and nothing that they do not remember. */
export const outputs: Scenario = async (world) => {
  const couriers = new Couriers(world, someNames(world), { output: 0.4, tuple: 0.3 })
  const count = world.random.between(1, 4)
  world.host([])
  await couriers.start()
  const site = await world.attach()
  const group = await couriers.group(site)
  for (let token = 0; token < count; token++)
    await group.send(world.random.pick(couriers.names), { id: couriers.nextId(), token, hops: world.random.between(1, 8) })
  await judged(world, couriers, upTo(count), async (memories) => {
    while (!(await isAtRest(site, group.name))) await world.sleep(100)
    await checkOutputs(world, site, [...memories.values()])
  })
}

async function checkOutputs(world: World, site: Site, memories: readonly Memory[]): Promise<void> {
  const keys = new Map<unknown, Set<string>>()
  for (const { content, idempotencyKey } of world.effects) keys.set(content, (keys.get(content) ?? new Set()).add(idempotencyKey))
  const given = sorted([...keys.keys()])
  const recorded = sorted(memories.flatMap(({ outputs: own }) => own))
  world.check(given === recorded, `the outputs ${given} were given, the members remember ${recorded}`)
  for (const [content, own] of keys) world.check(own.size === 1, `the output ${content} has the keys ${[...own]}`)
  const notes = await (await space(site, 'till')).copyCollect(['note', Number])
  const there = sorted(notes.map(([, id]) => id))
  const put = sorted(memories.flatMap(({ tuples }) => tuples))
  world.check(there === put, `the tuples ${there} are there, the members remember ${put}`)
}

function sorted(ids: readonly unknown[]): string {
  return ids
    .map(Number)
    .sort((a, b) => a - b)
    .join()
}

/** Members that join, send and leave again and again: what they have done stays, also when they are not there any more. */
export const visitors: Scenario = async (world) => {
  const couriers = new Couriers(world, someNames(world), { greet: 0.5 })
  const guests = new Visitors(world, couriers, world.random.between(1, 2), world.random.between(1, 3))
  world.host([])
  await couriers.start()
  guests.start()
  await guests.gone()
  await judged(world, couriers, guests.tokens, (memories) => guests.check(memories))
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n)
}

function someNames(world: World): readonly string[] {
  return NAMES.slice(0, world.random.between(2, 4))
}

type Check = (memories: ReadonlyMap<string, Memory>) => void | Promise<void>

/** Waits until all tokens rest; once more after everything has failed, and all since the line of all was done anew. */
async function judged(world: World, couriers: Couriers, all: readonly number[], check: Check = () => undefined): Promise<void> {
  await world.sleep(world.random.next() * 1_000)
  couriers.resting = true
  world.calm()
  // Whoever hangs, or is stopped, is found out within this time.
  await world.sleep(MOST_HANGING_MS)
  for (const disaster of [false, true]) {
    if (disaster) world.strike('power loss')
    if (disaster) await world.sleep(CALM_MS)
    await couriers.whenAtRest(all.length)
    await world.sleep(CALM_MS)
    const memories = await couriers.whenAtRest(all.length)
    checkTokens(world, tokensOf(memories), all)
    checkMessages(world, memories)
    await check(memories)
    await checkLines(world, couriers)
    checkGiven(world, couriers.given)
  }
}

/** Somebody outside throws away what members have done, though nothing has failed. */
async function recovers(world: World, { names }: Couriers, group: CheckpointGroup): Promise<void> {
  for (let count = world.random.between(1, 4); count > 0; count--) {
    await world.sleep(world.random.next() * 1_000)
    const failed = names.filter(() => world.random.chance(0.4))
    const line = await group.recover(failed)
    for (const name of failed) world.check(line[name] !== 'current', `${name} was to go back, and stays as it is`)
  }
}

/** Pictures of the group while it works: each is of one moment. */
async function audits(world: World, group: CheckpointGroup): Promise<void> {
  for (let count = world.random.between(1, 4); count > 0; count--) {
    await world.sleep(world.random.next() * 1_000)
    const picture = await group.snapshot({ timeoutMs: 20_000 }).catch((error: unknown) => {
      if (isLost(error) || (error as { code?: string }).code === 'PERDURE_E_TIMEOUT') return undefined
      throw error
    })
    if (picture === undefined) continue
    const states = new Map(Object.entries(picture.states) as [string, Memory][])
    const under = picture.channels.map(({ from, to, messages }) => ({ from, to, ids: (messages as Token[]).map(({ id }) => id) }))
    checkMessages(world, states, (from, to) => under.find((each) => each.from === from && each.to === to)?.ids ?? [])
    const found = tokensOf(states)
    world.check(new Set(found).size === found.length, `a picture of the group has a token twice: ${found}`)
  }
}
