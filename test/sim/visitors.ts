/** Members that come and go: each visit sends some tokens to the couriers, says so outside, and leaves. */
import type { CheckpointedObject, CheckpointGroup, Member, Self } from 'perdure/checkpoint'
import type { World } from 'perdure/testing'
import { type Couriers, checkReceived, type Memory, type Token, VISITORS } from './couriers.ts'

/** Of one visit. */
const TOKENS = 3

/** For all visits, with all that strikes them. */
const MOST_MS = 300_000

interface Visit {
  readonly visit: number
  readonly sent: (readonly [to: string, id: number])[]
  /** Ids of what it was told meanwhile. */
  readonly greeted: number[]
}

export class Visitors {
  readonly world: World
  readonly couriers: Couriers
  readonly #names: readonly string[]
  readonly #rounds: number
  /** What was saved last of each visit, in the order in which the visits began: with that it leaves. */
  readonly #visits: Map<string, Map<number, Visit>> = new Map<string, Map<number, Visit>>()
  /** Visits that are known to have come to their end. */
  readonly #ended: Map<string, number> = new Map<string, number>()
  #drawn = 0

  constructor(world: World, couriers: Couriers, visitors: number, rounds: number) {
    this.world = world
    this.couriers = couriers
    this.#names = VISITORS.slice(0, visitors)
    this.#rounds = rounds
    for (const name of this.#names) this.#visits.set(name, new Map())
  }

  /** Those that were brought. A visit of which nobody knows the end has left too: the next one could not have begun. */
  get tokens(): readonly number[] {
    return [...this.#visits.values()].flatMap((visits) => [...visits.values()].flatMap(({ sent }) => sent.map(([, id]) => id)))
  }

  start(): void {
    for (const name of this.#names) {
      this.world.program(`visitor ${name}`, async (site) => {
        const group = await this.couriers.group(site)
        while ((this.#ended.get(name) ?? 0) < this.#rounds) await this.#visit(group, name)
      })
    }
  }

  /** Resolves when all have left for the last time: long before whatever happens to them must have come to its end. */
  async gone(): Promise<void> {
    const left = (name: string) => this.#ended.get(name) ?? 0
    while (this.#names.some((name) => left(name) < this.#rounds)) {
      await this.world.sleep(50)
      const shown = this.#names.map((name) => `${name} has left ${left(name)} times of ${this.#rounds}`)
      this.world.check(this.world.nowMs < MOST_MS, shown.join(', '))
    }
  }

  nextVisit(): Visit {
    this.#drawn += 1
    return { visit: this.#drawn, sent: [], greeted: [] }
  }

  /** To this the visitor goes back. */
  remembers(name: string, visit: Visit): void {
    this.#visits.get(name)?.set(visit.visit, visit)
  }

  check(memories: ReadonlyMap<string, Memory>): void {
    const { world } = this
    for (const [name, visits] of this.#visits) {
      const all = [...visits.values()].filter((visit) => visit.sent.length > 0)
      const sent = all.flatMap((visit) => visit.sent)
      for (const [to, memory] of memories) {
        const wanted = sent.flatMap(([receiver, id]) => (receiver === to ? [id] : []))
        checkReceived(world, memory, to, name, wanted)
      }
      const greetings = new Set([...memories.values()].flatMap((memory) => memory.greetings))
      for (const { visit, greeted } of all) {
        const ghosts = greeted.filter((id) => !greetings.has(id))
        world.check(ghosts.length === 0, `visit ${visit} has left with greetings ${ghosts} that nobody has sent`)
        world.check(new Set(greeted).size === greeted.length, `visit ${visit} was greeted twice: ${greeted}`)
        const keys = new Set(world.effects.flatMap(({ content, idempotencyKey }) => (content === visit ? [idempotencyKey] : [])))
        world.check(keys.size === 1, `the output of visit ${visit} was given under the keys ${[...keys]}`)
      }
    }
  }

  async #visit(group: CheckpointGroup, name: string): Promise<void> {
    let present: Visitor | undefined
    const member = await this.#join(group, name, (visitor) => {
      present = visitor
    })
    await this.#leave(member, () => present?.work())
    this.#ended.set(name, (this.#ended.get(name) ?? 0) + 1)
  }

  /** A visit that went back has its work to do again. */
  async #leave(member: Member, work: () => Promise<void> | undefined): Promise<void> {
    for (;;) {
      try {
        await work()
        return await member.leave()
      } catch (error) {
        if (!['PERDURE_E_STALE', 'PERDURE_E_REVOKED'].includes((error as { code?: string }).code ?? '')) throw error
      }
      await this.world.pause(100)
    }
  }

  async #join(group: CheckpointGroup, name: string, made: (visitor: Visitor) => void): Promise<Member> {
    for (;;) {
      try {
        return await group.join(name, (self) => {
          const visitor = new Visitor(self, this)
          made(visitor)
          return visitor
        })
      } catch (error) {
        if ((error as { code?: string }).code !== 'PERDURE_E_MEMBER_TAKEN') throw error
      }
      await this.world.pause(100)
    }
  }
}

class Visitor implements CheckpointedObject<Visit> {
  readonly self: Self
  readonly #all: Visitors
  state: Visit

  constructor(self: Self, all: Visitors) {
    this.self = self
    this.#all = all
    this.state = all.nextVisit()
  }

  save(): Visit {
    const saved = structuredClone(this.state)
    this.#all.remembers(this.self.name, saved)
    return saved
  }

  restore(state: Visit): void {
    this.state = state
    this.#all.remembers(this.self.name, structuredClone(state))
  }

  receive(message: unknown): void {
    this.state.greeted.push((message as Token).id)
  }

  output(visit: unknown, info: { readonly idempotencyKey: string }): void {
    this.#all.world.effect(info, visit)
  }

  /** Sends what is left to be sent. */
  async work(): Promise<void> {
    const { world, couriers } = this.#all
    const { visit, sent } = this.state
    if (sent.length === 0) void this.self.output(visit).catch(ignore)
    while (sent.length < TOKENS) {
      const to = world.random.pick(couriers.names)
      const id = couriers.nextId()
      sent.push([to, id])
      await this.self.send(to, { id, token: id, hops: world.random.below(4) } satisfies Token)
      if (world.random.chance(0.3)) await world.pause(world.random.next() * 500)
      if (world.random.chance(0.3)) await this.self.checkpoint()
    }
  }
}

function ignore(): void {}
