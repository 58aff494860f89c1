/** What is true of every group in one process, whatever its strategy: order, time, stragglers, suspicion, counts. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  attempt,
  dependable,
  fallback,
  groupOf,
  majority,
  median,
  nVersion,
  objectGroup,
  recoveryBlock,
  unanimity,
  type Verdict,
  weighted,
} from 'perdure/group'
import { type VirtualClock, virtualClock } from 'perdure/testing'
import { describe, expect, test } from 'vitest'
import { FAULT_CHANNEL, type Fault } from '../../../src/fault.ts'

/** Answers after so many milliseconds, with what it has been told to answer. */
class Slow {
  readonly asked: number[] = []
  readonly #clock: VirtualClock
  readonly #ms: number
  readonly #answer: (n: number) => number

  constructor(clock: VirtualClock, ms: number, answer: (n: number) => number = (n) => n) {
    this.#clock = clock
    this.#ms = ms
    this.#answer = answer
  }

  async ask(n: number): Promise<number> {
    this.asked.push(n)
    await this.#clock.sleep(this.#ms)
    return this.#answer(n)
  }
}

/** What a promise has come to by now. */
function watched<T>(promise: Promise<T>): { state: 'pending' | 'resolved' | 'rejected'; value?: unknown } {
  const seen: { state: 'pending' | 'resolved' | 'rejected'; value?: unknown } = { state: 'pending' }
  promise.then(
    (value) => Object.assign(seen, { state: 'resolved', value }),
    (value: unknown) => Object.assign(seen, { state: 'rejected', value }),
  )
  return seen
}

const wrong = (n: number) => n + 1

describe('time', () => {
  test('the answer comes with the ballot that decides; the verdict once the straggler has answered', async () => {
    const clock = virtualClock()
    const verdicts: Verdict[] = []
    const members = { a: new Slow(clock, 10), b: new Slow(clock, 20), c: new Slow(clock, 500, wrong) }
    const group = objectGroup(members, nVersion({ adjudicator: majority() }), {
      clock,
      onVerdict: (verdict) => verdicts.push(verdict),
    })
    const answer = watched(group.ask(7))
    await clock.advance(19)
    expect(answer.state).toBe('pending')
    await clock.advance(1)
    expect(answer).toEqual({ state: 'resolved', value: 7 })
    expect(verdicts).toEqual([])
    await clock.advance(480)
    expect(verdicts).toMatchObject([
      { decision: 'value', value: 7, support: ['a', 'b'], faulty: ['c'], late: [], started: ['a', 'b', 'c'] },
    ])
  })

  test('a straggler that never answers is late after stragglerMs, and its promise is nobody’s', async () => {
    const clock = virtualClock()
    const verdicts: Verdict[] = []
    const members = { a: new Slow(clock, 1), b: new Slow(clock, 1), c: { ask: () => new Promise<number>(() => undefined) } }
    const group = objectGroup(members, nVersion({ adjudicator: majority(), stragglerMs: 1_000, stateless: true }), {
      clock,
      onVerdict: (verdict) => verdicts.push(verdict),
    })
    await Promise.all([group.ask(1), clock.advance(10)])
    await clock.advance(990)
    expect(verdicts).toEqual([])
    await clock.advance(20)
    expect(verdicts).toMatchObject([{ value: 1, late: ['c'], faulty: [] }])
  })

  test('a straggler that fails after the decision is a faulty member and no unhandled rejection', async () => {
    const clock = virtualClock()
    const verdicts: Verdict[] = []
    const unhandled: unknown[] = []
    const hear = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', hear)
    const failing = {
      ask: async (_: number): Promise<number> => {
        await clock.sleep(100)
        throw new Error('too late and wrong')
      },
    }
    const group = objectGroup({ a: new Slow(clock, 1), b: new Slow(clock, 1), failing }, nVersion({ adjudicator: majority() }), {
      clock,
      onVerdict: (verdict) => verdicts.push(verdict),
    })
    await Promise.all([group.ask(1), clock.advance(200)])
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
    expect(verdicts).toMatchObject([{ value: 1, faulty: ['failing'] }])
  })

  test('at the deadline those who have not answered have no vote, and are late', async () => {
    const clock = virtualClock()
    const verdicts: Verdict[] = []
    const members = { a: new Slow(clock, 1), b: new Slow(clock, 5_000), c: new Slow(clock, 5_000) }
    const group = objectGroup(members, nVersion({ adjudicator: majority(), timeoutMs: 100 }), {
      clock,
      onVerdict: (verdict) => verdicts.push(verdict),
    })
    const answer = watched(group.ask(1))
    await clock.advance(99)
    expect(answer.state).toBe('pending')
    await clock.advance(20)
    expect(answer).toMatchObject({ state: 'rejected', value: { code: expect.stringMatching(/^PERDURE_E_(TIMEOUT|NO_QUORUM)$/) } })
    await clock.advance(5_000)
    expect(verdicts).toHaveLength(1)
  })

  test('a synchronous member that returns after the deadline has no vote', () => {
    let nowMs = 0
    const clock = { ...virtualClock(), monotonicMs: () => nowMs }
    const slow = {
      ask: (n: number) => {
        nowMs += 200
        return n
      },
    }
    const quick = () => ({ ask: (n: number) => n })
    const verdicts: Verdict[] = []
    const group = objectGroup({ a: quick(), b: quick(), slow }, nVersion({ adjudicator: majority(), timeoutMs: 100 }), {
      clock,
      onVerdict: (verdict) => verdicts.push(verdict),
    })
    expect(group.ask(3)).toBe(3)
    expect(verdicts[0]?.ballots.map(({ id, kind }) => [id, kind])).toEqual([
      ['a', 'value'],
      ['b', 'value'],
      ['slow', 'late'],
    ])
  })
})

describe('the caller gives up', () => {
  test('he is told at once, attempts are aborted, nobody is asked instead, and nobody is blamed', async () => {
    const clock = virtualClock()
    const signals: AbortSignal[] = []
    const asked: string[] = []
    const provider = (name: string) => ({
      async ask(_: number, _options?: { signal: AbortSignal }): Promise<number> {
        signals.push(attempt().signal)
        asked.push(name)
        return await new Promise<number>((_resolve, reject) => {
          signals.at(-1)?.addEventListener('abort', () => reject(new Error('stopped')))
        })
      },
    })
    const group = objectGroup({ first: provider('first'), second: provider('second') }, fallback({}), { clock })
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    const answer = watched(group.ask(1, { signal: controller.signal }))
    await clock.advance(10)
    controller.abort(reason)
    await clock.advance(10)
    expect(answer).toEqual({ state: 'rejected', value: reason })
    expect(asked).toEqual(['first'])
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    const { members } = groupOf(group).counts
    expect(members.first).toMatchObject({ failed: 0, late: 0 })
  })

  test('another call of the same group goes on: signals belong to calls', async () => {
    const clock = virtualClock()
    const group = objectGroup(
      { a: new SlowWithSignal(clock) },
      nVersion({ adjudicator: majority(), stateless: true, timeoutMs: 1_000 }),
      { clock },
    )
    const controller = new AbortController()
    const given = watched(group.ask(1, { signal: controller.signal }))
    const other = watched(group.ask(2))
    controller.abort(new Error('only mine'))
    await clock.advance(100)
    expect(given.state).toBe('rejected')
    expect(other).toEqual({ state: 'resolved', value: 2 })
  })

  test('a signal that is aborted already starts nobody', async () => {
    const clock = virtualClock()
    const member = new SlowWithSignal(clock)
    const group = objectGroup({ member, other: new SlowWithSignal(clock) }, fallback({}), { clock })
    await expect(group.ask(1, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    expect(member.asked).toEqual([])
  })
})

class SlowWithSignal {
  readonly asked: number[] = []
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  async ask(n: number, _options?: { signal: AbortSignal }): Promise<number> {
    this.asked.push(n)
    await this.#clock.sleep(50)
    return n
  }
}

describe('order', () => {
  test('a member with state executes its calls one after the other, in the order in which they were made, at its own pace', async () => {
    const clock = virtualClock()
    class Log {
      readonly lines: string[] = []
      readonly #ms: number

      constructor(ms: number) {
        this.#ms = ms
      }

      async write(n: number): Promise<number> {
        this.lines.push(`begin ${n}`)
        await clock.sleep(this.#ms)
        this.lines.push(`end ${n}`)
        return n
      }
    }
    const members = { a: new Log(10), b: new Log(10), c: new Log(35) }
    const group = objectGroup(members, nVersion({ adjudicator: majority() }), { clock })
    const both = Promise.all([group.write(1), group.write(2)])
    await clock.advance(25)
    expect(await both).toEqual([1, 2])
    expect(members.a.lines).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2'])
    expect(members.c.lines).toEqual(['begin 1'])
    await clock.advance(100)
    expect(members.c.lines).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2'])
  })

  test('with a common state the next call begins with the state that was accepted', async () => {
    const clock = virtualClock()
    class Counter {
      count = 0

      async add(n: number): Promise<number> {
        const before = this.count
        await clock.sleep(10)
        this.count = before + n
        return this.count
      }
    }
    const group = objectGroup(
      { a: new Counter(), b: new Counter() },
      recoveryBlock({ accept: (result) => typeof result === 'number' }),
      { clock },
    )
    const all = Promise.all([group.add(1), group.add(2), group.add(3)])
    await clock.advance(100)
    expect(await all).toEqual([1, 3, 6])
  })

  test('members get copies of the arguments: what one does to them no other sees', () => {
    const seen: unknown[] = []
    const member = () => ({
      take(list: number[]): number {
        seen.push([...list])
        list.push(99)
        return list.length
      },
    })
    const group = objectGroup({ a: member(), b: member(), c: member() }, nVersion({ adjudicator: unanimity() }))
    const given = [1, 2]
    expect(group.take(given)).toBe(3)
    expect(seen).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
    expect(given).toEqual([1, 2])
  })

  test('a ballot is copied on arrival: a member that changes what it has returned changes nothing', async () => {
    const clock = virtualClock()
    const kept: number[][] = []
    const member = (ms: number) => ({
      async list(): Promise<number[]> {
        await clock.sleep(ms)
        const list = [1]
        kept.push(list)
        return list
      },
    })
    const group = objectGroup({ a: member(1), b: member(10), c: member(20) }, nVersion({ adjudicator: unanimity() }), { clock })
    const answer = group.list()
    await clock.advance(5)
    kept[0]?.push(666)
    await clock.advance(100)
    expect(await answer).toEqual([1])
  })
})

describe('members that are not asked any more', () => {
  const counter = (answer: (n: number) => number = (n) => n) => ({
    sum: 0,
    add(n: number): number {
      this.sum += n
      return answer(this.sum)
    },
  })

  test('so many wrong answers among the last calls suspend a member; it returns as a shadow with the state of the others, then counts again', async () => {
    const clock = virtualClock()
    let isWrong = true
    const c = counter((n) => (isWrong ? n + 100 : n))
    const group = objectGroup({ a: counter(), b: counter(), c, d: counter() }, nVersion({ adjudicator: majority() }), {
      clock,
      suspicion: { faults: 2, calls: 4, shadowCalls: 2, ejectMs: 1_000 },
    })
    const handle = groupOf(group)
    const status = async () => (await handle.members).find(({ id }) => id === 'c')?.status
    expect([group.add(1), group.add(1)]).toEqual([1, 2])
    expect(await status()).toBe('suspended')
    expect((await handle.view).members).toEqual(['a', 'b', 'd'])
    expect(group.add(1)).toBe(3)
    expect(c.sum).toBe(2)
    isWrong = false
    await clock.advance(1_000)
    expect(await status()).toBe('recovering')
    expect(group.add(1)).toBe(4)
    expect(await status()).toBe('shadow')
    expect(group.add(1)).toBe(5)
    expect(await status()).toBe('active')
    expect((await handle.view).members).toEqual(['a', 'b', 'c', 'd'])
    expect(group.add(1)).toBe(6)
    expect(handle.counts.members.c).toMatchObject({ disagreed: 2 })
  })

  test('a shadow that is wrong again is suspended, for twice as long', async () => {
    const clock = virtualClock()
    const group = objectGroup(
      { a: counter(), b: counter(), c: counter((n) => n + 100), d: counter() },
      nVersion({ adjudicator: majority() }),
      { clock, suspicion: { faults: 1, calls: 1, shadowCalls: 2, ejectMs: 1_000 } },
    )
    const handle = groupOf(group)
    const member = async () => (await handle.members).find(({ id }) => id === 'c')
    group.add(1)
    await clock.advance(1_000)
    group.add(1)
    expect(await member()).toMatchObject({ status: 'suspended', suspensions: 2 })
    await clock.advance(1_999)
    expect(await member()).toMatchObject({ status: 'suspended' })
    await clock.advance(20)
    expect(await member()).toMatchObject({ status: 'recovering' })
  })

  test('suspicion never takes a group below the members its adjudicator needs', async () => {
    const clock = virtualClock()
    const silence = new Set<string>()
    const member = (id: string) => ({ ask: async (n: number) => (silence.has(id) ? await clock.sleep(500).then(() => n) : n) })
    const group = objectGroup(
      { a: member('a'), b: member('b'), c: member('c') },
      nVersion({ adjudicator: majority(), timeoutMs: 100, stateless: true }),
      { clock, suspicion: { faults: 1, calls: 1, shadowCalls: 1, ejectMs: 1_000_000 } },
    )
    const handle = groupOf(group)
    silence.add('b').add('c')
    const answer = watched(group.ask(1))
    await clock.advance(1_000)
    expect(answer.state).toBe('rejected')
    expect(handle.counts.members).toMatchObject({ a: { late: 0 }, b: { late: 1 }, c: { late: 1 } })
    expect((await handle.view).members).toEqual(['a', 'c'])
    silence.clear()
    expect(await group.ask(2)).toBe(2)
  })

  test('a member that hangs is asked nothing more, since it is behind the others', async () => {
    const clock = virtualClock()
    const hung = {
      asked: 0,
      ask(_: number): Promise<number> {
        hung.asked += 1
        return new Promise(() => undefined)
      },
    }
    const group = objectGroup(
      { a: new Slow(clock, 1), b: new Slow(clock, 1), hung },
      nVersion({ adjudicator: majority(), stragglerMs: 50 }),
      { clock },
    )
    await Promise.all([group.ask(1), clock.advance(100)])
    expect((await groupOf(group).view).members).toEqual(['a', 'b'])
    await Promise.all([group.ask(2), clock.advance(100)])
    expect(hung.asked).toBe(1)
  })

  test('a member that hangs holds no more than its backlog of calls: then the others go on without it', async () => {
    const clock = virtualClock()
    const quick = () => ({ ask: async (n: number) => n })
    const hung = { ask: (_: number): Promise<number> => new Promise(() => undefined) }
    const group = objectGroup({ a: quick(), b: quick(), hung }, nVersion({ adjudicator: majority() }), { clock })
    const view = async () => (await groupOf(group).view).members
    for (let n = 0; n < 1_025; n += 1) await group.ask(n)
    expect(await view()).toEqual(['a', 'b', 'hung'])
    expect(await group.ask(1)).toBe(1)
    expect(await view()).toEqual(['a', 'b'])
  })

  test('where the group cannot do without the one that is behind, calls are refused instead of kept', async () => {
    const hung = { ask: (_: number): Promise<number> => new Promise(() => undefined) }
    const group = objectGroup({ a: { ask: async (n: number) => n }, hung }, nVersion({ adjudicator: unanimity() }), {
      clock: virtualClock(),
    })
    for (let n = 0; n < 1_025; n += 1) group.ask(n).catch(() => undefined)
    await expect(group.ask(1)).rejects.toMatchObject({ code: 'PERDURE_E_BUSY' })
  })

  test('that a suspended member could never return is said when the group is made', async () => {
    class Hidden {
      #n = 0

      add(n: number): number {
        this.#n += n
        return this.#n
      }
    }
    const warnings: string[] = []
    const hear = ({ message }: Error) => void warnings.push(message)
    process.on('warning', hear)
    objectGroup({ a: new Hidden(), b: new Hidden(), c: new Hidden() }, nVersion({ adjudicator: majority() }), {
      name: 'hidden ones',
      suspicion: { faults: 1, calls: 1, shadowCalls: 1, ejectMs: 100 },
    })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', hear)
    expect(warnings).toEqual([
      expect.stringMatching(/^hidden ones: a member that is suspended can never return\. .*#n of Hidden/),
    ])
  })

  test('by hand: suspend, promote, remove, add; every change is a view, and ids grow by one', async () => {
    const group = objectGroup({ a: counter(), b: counter(), c: counter() }, nVersion({ adjudicator: majority() }))
    const handle = groupOf(group)
    const views: string[] = []
    const note = async () => {
      const { id, members } = await handle.view
      views.push(`${id} ${members.join('')}`)
    }
    await note()
    group.add(5)
    await handle.suspend('b')
    await note()
    group.add(1)
    await handle.promote('b')
    await note()
    expect(group.add(1)).toBe(7)
    await handle.remove('a')
    await note()
    const d = counter()
    await handle.add('d', d)
    await note()
    expect(group.add(1)).toBe(8)
    expect(d.sum).toBe(8)
    expect(views).toEqual(['1 abc', '2 ac', '3 bac', '4 bc', '5 bcd'])
  })

  test('the last member can be neither suspended nor removed', async () => {
    const group = objectGroup({ a: counter() }, nVersion({ adjudicator: majority() }))
    const handle = groupOf(group)
    expect(() => handle.suspend('a')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => handle.remove('a')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => handle.remove('z')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
  })
})

describe('a group that is a variant of another one', () => {
  class Counter {
    n = 0

    add(k: number): number {
      this.n += k
      return this.n
    }
  }
  class Other extends Counter {}
  class Broken extends Counter {
    override add(k: number): number {
      return super.add(k) + 1_000
    }
  }
  const Safe = dependable(Counter, nVersion({ variants: [Counter, Broken, Other], adjudicator: majority() }))

  test('of a recovery block is copied and restored with all its members', () => {
    const accept = (sum: number) => sum < 10
    const block = new (dependable(Counter, recoveryBlock({ variants: [Safe, Other], accept })))()
    expect([block.add(1), block.add(2)]).toEqual([1, 3])
    expect(() => block.add(50)).toThrow(expect.objectContaining({ code: 'PERDURE_E_RECOVERY_BLOCK' }))
    expect(block.add(3)).toBe(6)
    const { members } = groupOf(block).counts
    expect(Object.values(members).map(({ agreed, rejected }) => [agreed, rejected])).toEqual([
      [3, 1],
      [0, 1],
    ])
  })

  test('of a vote has one ballot, and its own faults stay inside', () => {
    const vote = new (dependable(Counter, nVersion({ variants: [Safe, Other, Counter], adjudicator: unanimity() })))()
    expect([vote.add(1), vote.add(2)]).toEqual([1, 3])
  })
})

test('a member to which nobody can give a state never returns: it is stranded', async () => {
  const clock = virtualClock()
  let isWrong = true
  const stack = (): { add(n: number): number } => {
    const items: number[] = []
    return { items, add: (n: number) => items.push(n) } as never
  }
  class List {
    first: unknown = null
    count = 0

    add(_: number): number {
      this.count += 1
      return isWrong ? 1_000 : this.count
    }
  }
  const group = objectGroup(
    { a: new ArrayLike(), b: new ArrayLike(), list: new List(), c: stack() },
    nVersion({ adjudicator: majority() }),
    {
      clock,
      suspicion: { faults: 1, calls: 1, shadowCalls: 1, ejectMs: 100 },
    },
  )
  group.add(1)
  isWrong = false
  await clock.advance(200)
  group.add(1)
  expect((await groupOf(group).members).find(({ id }) => id === 'list')).toMatchObject({ status: 'stranded' })
})

class ArrayLike {
  readonly items: number[] = []

  add(n: number): number {
    return this.items.push(n)
  }
}

describe('what a group tells', () => {
  test('counts of each member, masked and failed calls, and pairs that gave the same wrong answer', () => {
    const says = (f: (n: number) => number) => ({ ask: f })
    const group = objectGroup(
      { a: says((n) => n), b: says((n) => n), c: says((n) => n), d: says(wrong), e: says((n) => (n === 1 ? wrong(n) : n * 7)) },
      nVersion({ adjudicator: majority() }),
    )
    for (const n of [1, 2, 3]) expect(group.ask(n)).toBe(n)
    const { counts } = groupOf(group)
    expect(counts).toMatchObject({ calls: 3, masked: 3, failed: 0, pairs: [{ members: ['d', 'e'], count: 1 }] })
    expect(counts.members.d).toEqual({ calls: 3, agreed: 0, disagreed: 3, failed: 0, late: 0, rejected: 0 })
  })

  test('every masked failure, minority vote and rejected attempt is a fault notification on the channel', () => {
    const faults: Fault[] = []
    const hear = (fault: unknown) => void faults.push(fault as Fault)
    subscribe(FAULT_CHANNEL, hear)
    try {
      const says = (f: (n: number) => number) => ({ ask: f })
      const fails = says(() => {
        throw new Error('broken')
      })
      const vote = objectGroup(
        { a: says((n) => n), b: says((n) => n), c: says(wrong), fails, d: says((n) => n) },
        nVersion({ adjudicator: majority() }),
        { name: 'votes' },
      )
      vote.ask(1)
      const block = objectGroup(
        { p: says((n) => -n), q: says((n) => n) },
        recoveryBlock({ accept: (result) => (result as number) > 0 }),
        { name: 'block' },
      )
      expect(block.ask(1)).toBe(1)
    } finally {
      unsubscribe(FAULT_CHANNEL, hear)
    }
    expect(faults.map(({ detector, entity, code }) => `${detector} ${entity.kind} ${entity.name} ${code}`)).toEqual([
      'nVersion member votes/c minority-vote',
      'nVersion member votes/fails member-failed',
      'recoveryBlock member block/p attempt-rejected',
    ])
  })

  test('a listener that throws disturbs nobody', () => {
    const says = () => ({ ask: (n: number) => n })
    const group = objectGroup({ a: says(), b: says(), c: says() }, nVersion({ adjudicator: majority() }), {
      onVerdict: () => {
        throw new Error('in the listener')
      },
    })
    expect(group.ask(1)).toBe(1)
  })

  test('another adjudicator holds from the next call on, and judges recorded calls again', () => {
    const says = (f: (n: number) => number) => ({ ask: f })
    const verdicts: Verdict[] = []
    const group = objectGroup(
      { a: says((n) => n), b: says((n) => n + 10), c: says((n) => n + 20) },
      nVersion({ adjudicator: majority() }),
      {
        onVerdict: (verdict) => verdicts.push(verdict),
      },
    )
    const handle = groupOf(group)
    expect(() => group.ask(1)).toThrow(expect.objectContaining({ code: 'PERDURE_E_NO_QUORUM' }))
    handle.setAdjudicator(median())
    expect(group.ask(1)).toBe(11)
    expect(handle.replay(verdicts[0] as Verdict)).toMatchObject({ kind: 'value', value: 11 })
  })

  test('weights may be given by the names of the members', () => {
    const says = (n: number) => ({ ask: () => n })
    const strategy = nVersion({ adjudicator: weighted({ a: 3, b: 1, c: 1 }) })
    expect(objectGroup({ a: says(1), b: says(2), c: says(2) }, strategy).ask()).toBe(1)
  })

  test('borderline: whoever disagrees with a member that says so is not at fault', () => {
    const says = (f: (n: number) => number) => ({ ask: f })
    const near = says((n) => {
      attempt().borderline()
      return n + 1
    })
    const group = objectGroup({ a: says((n) => n), b: says((n) => n), near }, nVersion({ adjudicator: majority() }))
    expect(group.ask(1)).toBe(1)
    expect(groupOf(group).counts.members.near).toMatchObject({ disagreed: 0 })
  })

  test('attempt() outside of an attempt says where it belongs', () => {
    expect(() => attempt()).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
  })

  test('a closed group refuses calls', () => {
    const group = objectGroup({ a: { ask: (n: number) => n } }, nVersion({ adjudicator: majority() }))
    groupOf(group).close()
    expect(() => group.ask(1)).toThrow(expect.objectContaining({ code: 'PERDURE_E_CLOSED' }))
  })
})

describe('what an attempt puts out', () => {
  const outlet = () => {
    const tuples: unknown[] = []
    return { name: 'jobs', tuples, out: async (tuple: readonly unknown[]) => void tuples.push(tuple) }
  }

  test('is performed once, for the member whose ballot is the answer, before the answer', async () => {
    const jobs = outlet()
    const says = (name: string, f: (n: number) => number) => ({
      async ask(n: number): Promise<number> {
        attempt().space(jobs).out([name, n])
        return f(n)
      },
    })
    const group = objectGroup(
      { a: says('a', wrong), b: says('b', (n) => n), c: says('c', (n) => n) },
      nVersion({ adjudicator: majority() }),
    )
    expect(await group.ask(1)).toBe(1)
    expect(jobs.tuples).toEqual([['b', 1]])
  })

  test('is forgotten when the attempt was rejected, and refused when it was given up', async () => {
    const clock = virtualClock()
    const jobs = outlet()
    const late: unknown[] = []
    const slow = {
      async ask(n: number): Promise<number> {
        const { space } = { space: attempt() }
        space.space(jobs).out(['slow', n])
        await clock.sleep(100)
        try {
          space.space(jobs).out(['slow, late', n])
        } catch (error) {
          late.push(error)
        }
        return n
      },
    }
    const quick = {
      async ask(n: number): Promise<number> {
        attempt().space(jobs).out(['quick', n])
        return n
      },
    }
    const group = objectGroup({ slow, quick }, recoveryBlock({ accept: () => true, attemptMs: 20 }), { clock })
    const answer = group.ask(1)
    await clock.advance(200)
    expect(await answer).toBe(1)
    expect(jobs.tuples).toEqual([['quick', 1]])
    expect(late).toMatchObject([{ code: 'PERDURE_E_REVOKED' }])
  })
})
