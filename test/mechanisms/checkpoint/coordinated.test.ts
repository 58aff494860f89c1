/** Koo and Toueg as a metaobject on plain classes (reflective paper 5.1): what the set promises, judged from outside. */
import { checkpoint, coordinated, recoveryLine, restore } from 'perdure/checkpoint'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { MAX_LOGGED } from '../../../src/mechanisms/checkpoint/koo-toueg-books.ts'
import { orphanSet } from '../../../src/mechanisms/checkpoint/line.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

const RUNS = Number(process.env.PERDURE_COORDINATED_RUNS ?? 60)

interface Payee {
  deposit(amount: number): void
}

class Account {
  balance = 100
  readonly received: number[] = []

  deposit(amount: number): void {
    this.balance += amount
    this.received.push(amount)
  }

  transfer(to: Payee, amount: number): void {
    this.balance -= amount
    to.deposit(amount)
  }

  async transferSlowly(to: Payee, amount: number): Promise<void> {
    await Promise.resolve()
    this.transfer(to, amount)
  }

  explode(): void {
    this.balance = Number.NaN
    throw new Error('the account explodes')
  }
}

/** Messages wait until they are let through. */
class Wires {
  readonly waiting = new Map<string, (() => void)[]>()

  readonly carry = (from: string, to: string, arrive: () => void): void => {
    const channel = `${from} ${to}`
    this.waiting.set(channel, [...(this.waiting.get(channel) ?? []), arrive])
  }

  get busy(): string[] {
    return [...this.waiting].filter(([, wire]) => wire.length > 0).map(([channel]) => channel)
  }

  letThrough(channel: string): void {
    this.waiting.get(channel)!.shift()!()
  }
}

/** Microtasks that members need to work through what has arrived; no message is carried by them here. */
async function turns(): Promise<void> {
  for (let k = 0; k < 20; k++) await Promise.resolve()
}

describe('members', () => {
  test('are plain objects whose calls to each other are messages', async () => {
    const a = new Account()
    const set = coordinated({ a, b: new Account() })
    expect(set.members.a.transfer(set.members.b, 30)).toBe(undefined)
    expect(set.members.b.balance).toBe(100)
    await set.settled()
    expect([a.balance, set.members.b.balance]).toEqual([70, 130])
    expect(set.trace().events).toEqual([
      { object: 'a', kind: 'receive', msg: '1', from: '@outside' },
      { object: 'a', kind: 'send', msg: '2', to: 'b' },
      { object: 'b', kind: 'receive', msg: '2', from: 'a' },
    ])
  })

  test('are known as senders after an await too', async () => {
    const set = coordinated({ a: new Account(), b: new Account() })
    set.members.a.transferSlowly(set.members.b, 1)
    await set.settled()
    expect(set.trace().events).toContainEqual({ object: 'b', kind: 'receive', msg: '2', from: 'a' })
  })

  test('may keep references, which are part of their state', async () => {
    class Friend {
      friend: Friend | undefined
      greeted = 0
      befriend(friend: { greet(): void }): void {
        this.friend = friend as Friend
      }
      greet(): void {
        this.greeted += 1
      }
      pass(): void {
        this.friend?.greet()
      }
    }
    const set = coordinated({ a: new Friend(), b: new Friend() })
    set.members.a.befriend(set.members.b)
    await set.checkpoint('a')
    set.members.a.pass()
    await set.settled()
    await set.rollback('a')
    set.members.a.pass()
    await set.settled()
    expect(set.members.b.greeted).toBe(2)
    expect(set.trace().events.at(-1)).toMatchObject({ kind: 'receive', from: 'a' })
  })

  test('call themselves directly, also by a reference', async () => {
    const set = coordinated({ a: new Account() })
    set.members.a.transfer(set.members.a, 30)
    await set.settled()
    expect(set.members.a.balance).toBe(100)
    expect(set.trace().events.length).toBe(1)
  })

  test('are given copies of the arguments: what sender or receiver does to them later, the log does not see', async () => {
    class Keeper {
      kept: number[] = []
      keep(list: number[]): void {
        this.kept = list
        list.push(0)
      }
    }
    const list = [1]
    const set = coordinated({ a: new Keeper() })
    set.members.a.keep(list)
    list.push(2)
    await set.settled()
    await set.rollback('a')
    await set.settled()
    expect([list, set.members.a.kept]).toEqual([
      [1, 2],
      [1, 0],
    ])
  })

  test('say what their state is by [checkpoint] and [restore], if their fields are not', async () => {
    class Secret {
      #value = 0
      add(): void {
        this.#value += 1
      }
      get value(): number {
        return this.#value
      }
      [checkpoint](): number {
        return this.#value
      }
      [restore](value: number): void {
        this.#value = value
      }
    }
    const secret = new Secret()
    const set = coordinated({ secret })
    set.members.secret.add()
    await set.settled()
    await set.checkpoint('secret')
    secret.add()
    await set.rollback('secret')
    expect(secret.value).toBe(1)
    class Hidden {
      #value = 0
      add(): void {
        this.#value += 1
      }
    }
    expect(() => coordinated({ hidden: new Hidden() })).toThrow(expect.objectContaining({ code: 'PERDURE_E_STATE' }))
  })

  test('cannot look into each other, which no message would tell', async () => {
    class Spy {
      spy(other: { balance: number }): number {
        return other.balance
      }
    }
    const errors: unknown[] = []
    const set = coordinated({ spy: new Spy(), a: new Account() }, { onFailure: (_, error) => errors.push(error) })
    ;(set.members.spy as unknown as { spy(other: object): void }).spy(set.members.a)
    await set.settled()
    expect(errors).toEqual([expect.objectContaining({ code: 'PERDURE_E_USAGE' })])
  })

  test.each([
    ['nobody', () => coordinated({}), 'PERDURE_E_USAGE'],
    ['nothing', () => coordinated(undefined as never), 'PERDURE_E_USAGE'],
    ['the same object twice', () => ((one) => coordinated({ one, two: one }))(new Account()), 'PERDURE_E_USAGE'],
    ['a name of senders outside', () => coordinated({ '@a': new Account() }), 'PERDURE_E_USAGE'],
    ['an object that holds another member', () => ((a) => coordinated({ a, b: { a } }))(new Account()), 'PERDURE_E_USAGE'],
    ['an object with a field that cannot be written', () => coordinated({ a: Object.freeze(new Account()) }), 'PERDURE_E_STATE'],
  ])('are refused: %s', (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ code }))
  })

  test('show in their types what a message can do: methods without a result, and fields for reading', () => {
    class Counter {
      count = 0
      add(amount: number): void {
        this.count += amount
      }
      async addLater(amount: number): Promise<void> {
        this.count += await Promise.resolve(amount)
      }
      total(): number {
        return this.count
      }
    }
    const { counter } = coordinated({ counter: new Counter() }).members
    expectTypeOf(counter.add).toEqualTypeOf<(amount: number) => void>()
    expectTypeOf(counter.addLater).toEqualTypeOf<(amount: number) => void>()
    expectTypeOf(counter.count).toEqualTypeOf<number>()
    expectTypeOf(counter).not.toHaveProperty('total')
  })

  test('are called with what can be copied', () => {
    const set = coordinated({ a: new Account() })
    const odd = set.members.a as unknown as { deposit(amount: unknown): void }
    expect(() => odd.deposit(() => 1)).toThrow(expect.objectContaining({ code: 'PERDURE_E_STATE' }))
  })
})

describe('checkpoints', () => {
  test('take along exactly those whose messages were received since they last saved', async () => {
    const set = coordinated({ a: new Account(), b: new Account(), c: new Account() })
    const { a, b, c } = set.members
    a.transfer(b, 1)
    await set.settled()
    expect(await set.checkpoint('b')).toEqual({ a: 1, b: 1, c: 0 })
    b.transfer(c, 1)
    await set.settled()
    expect(await set.checkpoint('c')).toEqual({ a: 1, b: 2, c: 1 })
    expect(set.trace().sets).toEqual([
      { a: 1, b: 1, c: 0 },
      { a: 1, b: 2, c: 1 },
    ])
    expect(set.trace().events.filter(({ kind }) => kind === 'checkpoint')).toEqual([
      { object: 'a', kind: 'checkpoint', index: 1, forced: true },
      { object: 'b', kind: 'checkpoint', index: 1, forced: false },
      { object: 'b', kind: 'checkpoint', index: 2, forced: true },
      { object: 'c', kind: 'checkpoint', index: 1, forced: false },
    ])
  })

  test('hold back what a member sends until they are decided', async () => {
    const wires = new Wires()
    const set = coordinated({ a: new Account(), b: new Account() }, wires)
    set.members.b.transfer(set.members.a, 1)
    await turns()
    wires.letThrough('b a')
    await turns()
    const saved = set.checkpoint('a')
    await turns()
    set.members.a.transfer(set.members.b, 7)
    await turns()
    expect(wires.waiting.get('a b')?.length).toBe(1)
    expect(set.members.a.balance).toBe(94)
    wires.letThrough('a b')
    await turns()
    wires.letThrough('b a')
    await turns()
    expect(wires.waiting.get('a b')?.length).toBe(2)
    const decidedEverywhere = await Promise.race([saved.then(() => true), turns().then(() => false)])
    expect(decidedEverywhere).toBe(false)
    wires.letThrough('a b')
    expect(await saved).toEqual({ a: 1, b: 1 })
    wires.letThrough('a b')
    await set.settled()
    expect(set.members.b.balance).toBe(106)
  })

  test('wait for their turn: a second one begins when the first is decided everywhere', async () => {
    const set = coordinated({ a: new Account(), b: new Account() })
    set.members.a.transfer(set.members.b, 1)
    await set.settled()
    expect(await Promise.all([set.checkpoint('b'), set.checkpoint('a'), set.rollback('b')])).toEqual([
      { a: 1, b: 1 },
      { a: 2, b: 1 },
      { a: 'current', b: 1 },
    ])
  })

  test('are given up when one that must take part has failed: nothing is saved', async () => {
    const set = coordinated({ a: new Account(), b: new Account() }, { onFailure: () => undefined })
    set.members.a.transfer(set.members.b, 1)
    set.members.a.explode()
    await set.settled()
    await expect(set.checkpoint('b')).rejects.toMatchObject({ code: 'PERDURE_E_BUSY' })
    expect(set.trace().events.some(({ kind }) => kind === 'checkpoint')).toBe(false)
    await set.rollback('a')
    expect(set.trace().sets).toEqual([])
  })

  test('are given up when the initiator fails before the decision; what it has held back is undone with it', async () => {
    let fuse: 'whole' | 'blown' = 'whole'
    class Fragile extends Account {
      break(): void {
        if (fuse === 'blown') return
        fuse = 'blown'
        throw new Error('once')
      }
    }
    const wires = new Wires()
    const set = coordinated({ a: new Fragile(), b: new Account() }, { ...wires, onFailure: () => undefined })
    set.members.b.transfer(set.members.a, 1)
    await turns()
    wires.letThrough('b a')
    await turns()
    const saved = expect(set.checkpoint('a')).rejects.toMatchObject({ code: 'PERDURE_E_BUSY' })
    await turns()
    set.members.a.transfer(set.members.b, 7)
    set.members.a.break()
    const letAllThrough = async (until: Promise<unknown>) => {
      let over = false
      const seen = until.finally(() => {
        over = true
      })
      for (; !over; await turns()) if (wires.busy.length > 0) wires.letThrough(wires.busy[0]!)
      await seen
    }
    await letAllThrough(saved)
    await letAllThrough(set.rollback('a'))
    await letAllThrough(set.settled())
    expect([set.members.a.balance, set.members.b.balance]).toEqual([94, 106])
    expect(set.trace().events.filter(({ kind }) => kind === 'checkpoint')).toEqual([])
  })

  test('are given up when one cannot be saved, and the reason is told', async () => {
    const [a, b] = [new Account(), new Account()]
    const set = coordinated({ a, b })
    set.members.a.transfer(set.members.b, 1)
    await set.settled()
    Object.assign(a, { odd: () => 1 })
    await expect(set.checkpoint('b')).rejects.toMatchObject({ code: 'PERDURE_E_STATE', cause: { code: 'PERDURE_E_STATE' } })
    await expect(set.checkpoint('a')).rejects.toMatchObject({ code: 'PERDURE_E_STATE' })
    Reflect.deleteProperty(a, 'odd')
    expect(await set.checkpoint('b')).toEqual({ a: 1, b: 1 })
  })

  test('are of members: another name is refused', async () => {
    const set = coordinated({ a: new Account() })
    await expect(set.checkpoint('x' as 'a')).rejects.toMatchObject({ code: 'PERDURE_E_UNKNOWN_MEMBER' })
  })
})

describe('rollback', () => {
  test('takes along exactly those that hold undone messages; others go on; missing messages are given again, once', async () => {
    const set = coordinated({ a: new Account(), b: new Account(), c: new Account() })
    const { a, b, c } = set.members
    a.transfer(b, 10)
    await set.settled()
    await set.checkpoint('b')
    a.transfer(b, 3)
    c.transfer(b, 5)
    await set.settled()
    const before = [a.balance, b.balance, c.balance]
    expect(await set.rollback('a')).toEqual({ a: 1, b: 1, c: 'current' })
    await set.settled()
    expect([a.balance, b.balance, c.balance]).toEqual(before)
    expect(set.trace().events.filter((event) => event.kind === 'receive' && event.replay === true)).toEqual([
      { object: 'a', kind: 'receive', msg: '3', from: '@outside', replay: true },
      { object: 'b', kind: 'receive', msg: expect.any(String), from: 'c', replay: true },
    ])
  })

  test('brings back a member whose method has thrown; what came meanwhile has waited', async () => {
    const failures: string[] = []
    const set = coordinated(
      { a: new Account(), b: new Account() },
      { onFailure: (member, error) => failures.push(`${member}: ${(error as Error).message}`) },
    )
    class Fuse {
      blown = false
    }
    const fuse = new Fuse()
    const deposit = Account.prototype.deposit
    Account.prototype.deposit = function (amount: number) {
      if (amount === 13 && !fuse.blown) {
        fuse.blown = true
        throw new Error('once')
      }
      deposit.call(this, amount)
    }
    try {
      set.members.a.deposit(13)
      set.members.a.deposit(2)
      set.members.b.transfer(set.members.a, 4)
      await set.settled()
      expect([failures, set.members.a.balance]).toEqual([['a: once'], 100])
      expect(await set.rollback('a')).toEqual({ a: 0, b: 'current' })
      await set.settled()
      expect(set.members.a.received).toEqual([13, 2, 4])
    } finally {
      Account.prototype.deposit = deposit
    }
  })
})

describe('messages', () => {
  test('are kept up to a bound, which a checkpoint lifts; who calls beyond it is told', async () => {
    const set = coordinated({ a: new Account(), b: new Account() })
    for (let k = 0; k < MAX_LOGGED; k++) set.members.a.deposit(1)
    expect(() => set.members.a.deposit(1)).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
    await set.settled()
    expect(() => set.members.a.deposit(1)).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
    await set.checkpoint('a')
    set.members.a.deposit(1)
    await set.settled()
    expect(set.members.a.balance).toBe(100 + MAX_LOGGED + 1)
  })

  test('are in the trace from the permanent checkpoints on, once it has grown long', async () => {
    const set = coordinated({ a: new Account(), b: new Account(), c: new Account() })
    for (let k = 0; k < 34_000; k++) set.members.a.transfer(set.members.b, 1)
    await set.settled()
    expect(set.trace().events.length).toBe(3 * 34_000)
    await set.checkpoint('b')
    set.members.b.transfer(set.members.c, 5)
    await set.settled()
    const { sets, ...trace } = set.trace()
    expect(trace.events.slice(0, 2)).toEqual([
      { object: 'a', kind: 'checkpoint', index: 1, forced: true },
      { object: 'b', kind: 'checkpoint', index: 1, forced: false },
    ])
    expect(sets).toEqual([{ a: 1, b: 1, c: 0 }])
    expect(recoveryLine(trace, ['b'])).toEqual({ a: 'current', b: 1, c: 0 })
  })

  test('arrive once each, in the order of their channel: anything else is refused and loses nothing', async () => {
    const wires = new Wires()
    const set = coordinated({ a: new Account(), b: new Account() }, wires)
    set.members.a.transfer(set.members.b, 1)
    set.members.a.transfer(set.members.b, 2)
    await turns()
    const [first, second] = wires.waiting.get('a b')!
    expect(second).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    first!()
    expect(first).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    second!()
    await set.settled()
    expect(set.members.b.received).toEqual([1, 2])
  })
})

test(`in ${RUNS} random runs every permanent set is consistent, and in the end no money is lost or doubled`, async () => {
  const seen = { sets: 0, rollbacks: 0 }
  for (let seed = 1; seed <= RUNS; seed++) {
    const random = new SeededRandom(seed)
    const names = Array.from({ length: random.between(2, 6) }, (_, k) => `o${k}`)
    const wires = new Wires()
    const accounts = Object.fromEntries(names.map((name) => [name, new Account()]))
    const set = coordinated(accounts, wires)
    const undertakings: Promise<unknown>[] = []
    let pending = 0
    const undertake = (undertaking: Promise<unknown>) => {
      pending += 1
      const over = () => {
        pending -= 1
      }
      undertakings.push(undertaking.then(over))
    }
    for (let step = random.between(30, 100); step > 0; step--) {
      const name = random.pick(names)
      const other = random.pick(names.filter((each) => each !== name))
      const dice = random.next()
      if (dice < 0.05) undertake(set.checkpoint(name))
      else if (dice < 0.08) {
        // A checkpoint that is under way could save the damage.
        if (pending === 0) accounts[name]!.balance = Number.NaN
        undertake(set.rollback(name))
      } else if (dice < 0.4) set.members[name]!.transfer(set.members[other]!, random.between(1, 9))
      else if (wires.busy.length > 0) wires.letThrough(random.pick(wires.busy))
      await Promise.resolve()
    }
    let over = false
    const all = Promise.all(undertakings)
      .then(() => set.settled())
      .then(() => {
        over = true
      })
    while (!over) {
      if (wires.busy.length > 0) wires.letThrough(random.pick(wires.busy))
      await Promise.resolve()
    }
    await all
    const { sets, ...trace } = set.trace()
    for (const line of sets) expect(orphanSet(trace, line), `seed ${seed}`).toEqual([])
    const balances = names.map((name) => accounts[name]!.balance)
    expect(
      balances.reduce((sum, each) => sum + each),
      `seed ${seed}`,
    ).toBe(100 * names.length)
    expect(recoveryLine(trace, [])).toEqual(Object.fromEntries(names.map((name) => [name, 'current'])))
    seen.sets += sets.length
    seen.rollbacks += trace.events.filter(({ kind }) => kind === 'rollback').length
  }
  expect(seen.sets).toBeGreaterThan(RUNS)
  expect(seen.rollbacks).toBeGreaterThan(RUNS)
})
