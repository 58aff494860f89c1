/**
 * The seams of checkpoint groups, crashed at every event: a run and a client that send, members that send each other, what they put out
 * to the outside and into a space, while the program of a member, the owner or the power fail.
 *
 * `PERDURE_CRASH_EVERY=1` tries all events, as the longer checks do; the default tries enough of them to notice.
 */
import { resilient, type Site, space } from 'perdure'
import {
  type CheckpointedObject,
  type CheckpointGroup,
  type CheckpointGroupOptions,
  checkpointGroup,
  checkpointGroupNamed,
  type Self,
} from 'perdure/checkpoint'
import { crashEverywhere, type Scenario, type StrikeKind, type World } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

const EVERY = Number(process.env.PERDURE_CRASH_EVERY ?? 401)

const KINDS: readonly StrikeKind[] = ['worker crash', 'owner crash', 'power loss']

const PROTOCOLS = ['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'koo-toueg'] as const

type Ledger = readonly number[]

/** Writes numbers down, and passes each on, less by one, until it is 0. */
class Counter implements CheckpointedObject<Ledger> {
  readonly self: Self
  readonly #world: World
  ledger: number[] = []

  constructor(self: Self, world: World) {
    this.self = self
    this.#world = world
  }

  save(): Ledger {
    return this.ledger
  }

  restore(ledger: Ledger): void {
    this.ledger = [...ledger]
  }

  receive(message: unknown): void {
    const n = message as number
    this.ledger.push(n)
    if (n % 10 > 0) void this.self.send(this.self.name === 'a' ? 'b' : 'a', n - 1)
    if (n % 2 === 0) void this.self.checkpoint()
    void this.self.output(`${this.self.name} has ${n}`)
    void this.self.space('ledger').out(['entry', this.self.name, n])
  }

  output(payload: unknown, info: { readonly idempotencyKey: string }): void {
    this.#world.effect(info, payload)
  }
}

/** Two members in programs of their own; what they have in the end does not depend on the order in which it came. */
function seams(options: CheckpointGroupOptions): Scenario {
  return async (world) => {
    const teller = resilient('teller', async (p) => {
      const bank = checkpointGroupNamed('bank')
      await p.send(bank, 'a', 12)
      await p.send(bank, 'b', 22)
    })
    world.host([teller])
    const counters = new Map<string, () => Counter | undefined>()
    const joinedOnce = new Set<string>()
    for (const name of ['a', 'b'])
      world.program(`counter ${name}`, async (site) => {
        const group = await checkpointGroup(site, 'bank', options)
        let present: Counter | undefined
        counters.set(name, () => (world.lives(site) ? present : undefined))
        await joined(world, group, name, (self) => {
          present = new Counter(self, world)
          return present
        })
        joinedOnce.add(name)
      })
    const client = await world.attach()
    const group = await checkpointGroup(client, 'bank', options)
    await until(world, () => joinedOnce.size === 2)
    await group.send('a', 33)
    await world.start(teller, 't', [])
    await world.result(teller, 't')
    const wanted = 3 + 3 + 4
    const ledgers = () =>
      ['a', 'b'].map(
        (name) =>
          counters
            .get(name)?.()
            ?.ledger.toSorted((x, y) => x - y) ?? [],
      )
    const keys = () => new Set(world.effects.map(({ idempotencyKey }) => idempotencyKey)).size
    const isDone = async () => keys() >= wanted && (await entriesIn(client)).length >= wanted && ledgers().flat().length >= wanted
    // What is there twice may come late.
    for (let calm = 0; calm < 3; calm = (await isDone()) ? calm + 1 : 0) await world.sleep(50)
    return [ledgers(), await entriesIn(client)]
  }
}

async function joined(world: World, group: CheckpointGroup, name: string, factory: (self: Self) => Counter): Promise<void> {
  for (;;) {
    try {
      await group.join(name, factory)
      return
    } catch (error) {
      // The service still believes in the process before.
      if ((error as { code?: string }).code !== 'PERDURE_E_MEMBER_TAKEN') throw error
    }
    await world.pause(100)
  }
}

async function entriesIn(site: Site): Promise<readonly string[]> {
  const entries = await (await space(site, 'ledger')).copyCollect(['entry', String, Number])
  return entries.map(([, name, n]) => `${name} ${n}`).sort()
}

async function until(world: World, holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await world.sleep(20)
}

describe.each(PROTOCOLS)(
  '%s: members that are sent to by a run, a client and each other, with outputs and tuples',
  (protocol) => {
    test.each(KINDS)('come to the same whatever crashes when: %s', async (kind) => {
      const scenario = seams({ protocol, lag: { undoneMs: 500 } })
      const { events, crashes } = await crashEverywhere({ kinds: [kind], every: EVERY }, scenario)
      expect(events).toBeGreaterThan(100)
      expect(crashes).toBe(Math.ceil(events / EVERY))
    })
  },
)
