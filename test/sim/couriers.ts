/**
 * Members of checkpoint groups for the simulator: couriers that pass numbered tokens on, each in a program that is killed and started
 * again, and what must hold for what the survivors remember.
 *
 * A courier is not deterministic: whom it gives a token, whether it keeps it for a while, saves, breaks or takes its process with it, is drawn
 * anew in every execution, and each sending has an id of its own. So a message of a future that was undone is known by its id.
 */
import type { Site } from 'perdure'
import {
  type CheckpointedObject,
  type CheckpointGroup,
  type CheckpointGroupOptions,
  checkpointGroup,
  type Member,
  type Self,
} from 'perdure/checkpoint'
import { isLost, type World } from 'perdure/testing'
import { decode } from '../../src/log/codec/codec.ts'
import { HALT_MS } from '../../src/mechanisms/checkpoint/machine/protocol.ts'

export interface Token {
  readonly id: number
  readonly token: number
  readonly hops: number
}

/** All that a courier remembers. */
export interface Memory {
  readonly received: (readonly [from: string, id: number])[]
  readonly sent: (readonly [to: string, id: number])[]
  /** Tokens that are to be passed on later. */
  held: Token[]
  /** Tokens that have come to their end here. */
  readonly kept: number[]
  /** Ids of outputs, and of tuples put out. */
  readonly outputs: number[]
  readonly tuples: number[]
  /** Ids of greetings to visitors, who may not be there. */
  readonly greetings: number[]
}

/** How often anything of a kind may go wrong that the couriers do to themselves: fewer than the failures that wedge a member. */
const MOST_TROUBLES = 4

/** Members that come and go. */
export const VISITORS: readonly string[] = ['v0', 'v1']

/** Of one call of a courier. */
const MAX_TURN_MS = 1_000

/** For as long a process may be stopped. */
const MOST_STOP_MS = 9_000

/** Between two checkpoints of a member that rests. */
const REST_MS = 5_000

/** Processes are started again, sessions found to be over, and all work since the line of all is done anew. */
const MOST_RECOVERY_MS = 120_000

const PROTOCOLS = ['exact', 'exact', 'exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'koo-toueg'] as const

/** How often couriers do what, drawn by each seed. */
export interface Habits {
  readonly hold: number
  readonly save: number
  readonly trouble: number
  readonly output: number
  readonly tuple: number
  readonly greet: number
}

/** A group and the programs of its members. */
export class Couriers {
  readonly world: World
  readonly names: readonly string[]
  readonly options: CheckpointGroupOptions
  readonly habits: Habits
  readonly objects: Map<string, Courier> = new Map<string, Courier>()
  /** Ids of all messages that any object was ever given, whatever became of it. */
  readonly given: Set<number> = new Set<number>()
  /** Nothing is drawn any more that could go wrong, and nobody saves on their own account. */
  resting = false
  #troubles = 0
  #ids = 0

  constructor(world: World, names: readonly string[], habits: Partial<Habits> = {}) {
    const { random } = world
    this.world = world
    this.names = names
    const undoneMs = random.pick([200, 1_000, 60_000])
    const undoneMessages = random.pick([5, 10_000])
    this.options = { protocol: random.pick(PROTOCOLS), lag: { undoneMs, undoneMessages } }
    const draw = (most: number) => random.pick([0, most / 3, most])
    this.habits = { hold: draw(0.8), save: draw(0.4), trouble: draw(0.1), output: 0, tuple: 0, greet: 0, ...habits }
  }

  /** Each member is in a program of its own, or some share one. */
  async start(): Promise<void> {
    const { world, names } = this
    const joined = new Set<string>()
    const programs = world.random.chance(0.5) ? names.length : Math.max(1, names.length - 1)
    for (let n = 0; n < programs; n++) {
      const members = names.filter((_, at) => at % programs === n)
      world.program(`couriers ${members.join(' ')}`, async (site) => {
        const group = await checkpointGroup(site, 'bank', this.options)
        await Promise.all(members.map((name) => this.#live(site, group, name, () => void joined.add(name))))
      })
    }
    while (joined.size < names.length) await world.sleep(10)
  }

  group(site: Site): Promise<CheckpointGroup> {
    return checkpointGroup(site, 'bank', this.options)
  }

  nextId(): number {
    this.#ids += 1
    return this.#ids
  }

  /** What goes wrong now, if anything does. */
  trouble(): 'throw' | 'hang' | 'die' | 'stop' | undefined {
    const { random } = this.world
    if (this.resting || this.#troubles >= MOST_TROUBLES || !random.chance(this.habits.trouble)) return undefined
    this.#troubles += 1
    return random.pick(['throw', 'hang', 'die', 'stop'])
  }

  /** What the object of this member remembers; nothing while there is none. */
  memory(name: string): Memory | undefined {
    const object = this.objects.get(name)
    return object?.isAlive ? object.memory : undefined
  }

  /** The memories of all, once all tokens rest: at the latest when a group that is left alone must have recovered. */
  async whenAtRest(tokens: number): Promise<ReadonlyMap<string, Memory>> {
    const untilMs = this.world.nowMs + MOST_RECOVERY_MS
    for (;;) {
      const found = this.names.map((name) => [name, this.memory(name)] as const)
      const isThere = found.every(([, memory]) => memory !== undefined)
      const kept = found.reduce((sum, [, memory]) => sum + (memory?.kept.length ?? 0), 0)
      if (isThere && kept >= tokens) return new Map(found as [string, Memory][])
      this.world.check(this.world.nowMs < untilMs, `${kept} of ${tokens} tokens are at rest: ${describe(found)}`)
      await this.world.sleep(50)
    }
  }

  async #live(site: Site, group: CheckpointGroup, name: string, joined: () => void): Promise<void> {
    const { world } = this
    for (;;) {
      const member = await this.#join(site, group, name)
      joined()
      try {
        for (;;) {
          await world.pause(this.resting ? REST_MS : world.random.between(10, 2_000))
          await member.checkpoint()
        }
      } catch (error) {
        if (!isLost(error)) throw error
        await member.close()
      }
    }
  }

  /** The service may still believe in the proxy of the process before. */
  async #join(site: Site, group: CheckpointGroup, name: string): Promise<Member> {
    for (;;) {
      try {
        return await group.join(name, (self) => new Courier(self, this, site), { maxTurnMs: MAX_TURN_MS })
      } catch (error) {
        if ((error as { code?: string }).code !== 'PERDURE_E_MEMBER_TAKEN') throw error
      }
      await this.world.pause(100)
    }
  }
}

class Courier implements CheckpointedObject<Memory> {
  readonly self: Self
  readonly #all: Couriers
  readonly #site: Site
  memory: Memory = { received: [], sent: [], held: [], kept: [], outputs: [], tuples: [], greetings: [] }

  constructor(self: Self, all: Couriers, site: Site) {
    this.self = self
    this.#site = site
    this.#all = all
    all.objects.set(self.name, this)
  }

  get isAlive(): boolean {
    return !this.self.signal.aborted && this.#all.world.lives(this.#site)
  }

  save(): Memory | Promise<Memory> {
    const { world } = this.#all
    if (this.#trouble('save') || world.random.chance(0.7)) return this.memory
    // What happens while it is stored belongs to the next checkpoint.
    const memory = structuredClone(this.memory)
    return world.pause(world.random.next() * 20).then(() => memory)
  }

  restore(memory: Memory): void {
    this.memory = memory
    for (const token of memory.held) this.#passLater(token)
  }

  receive(message: unknown, from: string): void | Promise<void> {
    const { world, habits } = this.#all
    const trouble = this.#trouble('receive')
    const token = message as Token
    this.#all.given.add(token.id)
    this.memory.received.push([from, token.id])
    if (world.random.chance(habits.output)) this.#output()
    if (world.random.chance(habits.tuple)) this.#put()
    if (world.random.chance(habits.greet)) this.#greet()
    if (world.random.chance(habits.save / 2)) void this.self.checkpoint()
    const busy = this.#take(token)
    if (trouble) return new Promise(() => undefined)
    if (world.random.chance(habits.save / 2)) void this.self.checkpoint()
    return busy
  }

  output(payload: unknown, { idempotencyKey }: { readonly idempotencyKey: string }): void {
    this.#trouble('output')
    this.#all.world.effect({ idempotencyKey }, payload)
    this.#trouble('output')
  }

  #take(token: Token): void | Promise<void> {
    const { world, habits } = this.#all
    const { random } = world
    if (token.hops === 0) {
      this.memory.kept.push(token.token)
      return undefined
    }
    if (random.chance(habits.hold)) {
      this.memory.held.push(token)
      this.#passLater(token)
      return undefined
    }
    if (random.chance(0.4)) return this.#pass(token)
    if (random.chance(0.5)) return world.pause(random.next() * 20).then(() => this.#pass(token))
    // It goes on by itself, and is done soon after the object has returned.
    this.memory.held.push(token)
    void Promise.resolve().then(() => this.#passHeld(token))
    return undefined
  }

  #passLater(token: Token): void {
    const { world } = this.#all
    void world.pause(world.random.next() * 200).then(() => this.#passHeld(token))
  }

  #passHeld(token: Token): void {
    if (this.self.signal.aborted) return
    this.memory.held = this.memory.held.filter(({ id }) => id !== token.id)
    this.#pass(token)
  }

  #pass({ token, hops }: Token): void {
    const { world, names } = this.#all
    const to = world.random.pick(names)
    const id = this.#all.nextId()
    this.memory.sent.push([to, id])
    this.self.send(to, { id, token, hops: hops - 1 } satisfies Token).catch(thrownAway)
  }

  #output(): void {
    const id = this.#all.nextId()
    this.memory.outputs.push(id)
    this.self.output(id).catch(thrownAway)
  }

  #put(): void {
    const id = this.#all.nextId()
    this.memory.tuples.push(id)
    this.self.space('till').out(['note', id]).catch(thrownAway)
  }

  /** Whoever is there is given it, and depends on this courier from then on. */
  #greet(): void {
    const id = this.#all.nextId()
    this.memory.greetings.push(id)
    const to = this.#all.world.random.pick(VISITORS)
    this.self.send(to, { id, token: id, hops: 0 } satisfies Token).catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'PERDURE_E_UNKNOWN_MEMBER') thrownAway(error)
    })
  }

  /** True: it hangs. */
  #trouble(where: string): boolean {
    const trouble = this.#all.trouble()
    if (trouble === 'throw') throw new Error(`the courier ${this.self.name} breaks in ${where}`)
    if (trouble === 'die') this.#all.world.strike('worker crash')
    // For longer than the others wait for it, if they have to.
    if (trouble === 'stop') this.#all.world.hold(this.#all.world.random.between(HALT_MS, MOST_STOP_MS))
    return trouble === 'hang'
  }
}

function describe(found: readonly (readonly [string, Memory | undefined])[]): string {
  return found.map(([name, memory]) => `${name} ${memory === undefined ? 'is not there' : JSON.stringify(memory)}`).join('; ')
}

/** The object was thrown away, or its connection has ended: so has all that it remembers. */
function thrownAway(error: unknown): void {
  const code = (error as { code?: string }).code ?? ''
  if (!['PERDURE_E_REVOKED', 'PERDURE_E_STALE', 'PERDURE_E_SESSION_LOST', 'PERDURE_E_CLOSED'].includes(code)) throw error
}

/**
 * Whom a courier remembers to have sent something has received it, once and in the order of sending, and nothing else was received.
 * `under`: ids that are still on their way.
 */
export function checkMessages(
  world: World,
  memories: ReadonlyMap<string, Memory>,
  under: (from: string, to: string) => readonly number[] = () => [],
): void {
  for (const [to, memory] of memories) {
    for (const [from, { sent }] of memories) {
      const wanted = sent.flatMap(([receiver, id]) => (receiver === to ? [id] : []))
      checkReceived(world, memory, to, from, wanted, under(from, to))
    }
  }
}

export function checkReceived(
  world: World,
  { received }: Memory,
  to: string,
  from: string,
  wanted: readonly number[],
  under: readonly number[] = [],
): void {
  const given = [...received.flatMap(([sender, id]) => (sender === from ? [id] : [])), ...under]
  world.check(given.join() === wanted.join(), `${to} has received ${given} of ${from}, who has sent ${wanted}`)
}

/** No object was ever given a message that the log does not have: what is not durable may never have been sent. */
export function checkGiven(world: World, given: ReadonlySet<number>): void {
  const payloads = [
    ...world.operations('checkpoint.send').map((args) => args[6]),
    ...world.operations('checkpoint.post').map((args) => args[3]),
  ]
  const logged = new Set(payloads.map((payload) => (decode(payload as Uint8Array) as Token).id))
  const unknown = [...given].filter((id) => !logged.has(id))
  world.check(unknown.length === 0, `messages were given to members, and are not in the log: ${unknown}`)
}

/** Every token is there once. */
export function checkTokens(world: World, tokens: readonly number[], wanted: readonly number[]): void {
  const [found, expected] = [tokens, wanted].map((list) => [...list].sort((a, b) => a - b).join())
  world.check(found === expected, `the tokens are ${found}; expected was each of ${expected} once`)
}

export function tokensOf(memories: ReadonlyMap<string, Memory>): number[] {
  return [...memories.values()].flatMap(({ held, kept }) => [...held.map(({ token }) => token), ...kept])
}
