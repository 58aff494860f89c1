import {
  attempt,
  dependable,
  fallback,
  groupOf,
  majority,
  nVersion,
  objectGroup,
  recoveryBlock,
  unanimity,
  type Verdict,
} from 'perdure/group'
import { type VirtualClock, virtualClock } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

import { Slow, watched, wrong } from './slow-members.ts'

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

  test('of a group of one: he is told at once too, and a signal that is aborted already starts nobody', async () => {
    const clock = virtualClock()
    const member = new SlowWithSignal(clock)
    const group = objectGroup({ member }, nVersion({ adjudicator: majority() }), { clock })
    const controller = new AbortController()
    const answer = watched(group.ask(1, { signal: controller.signal }))
    controller.abort(new Error('enough'))
    await clock.advance(0)
    expect(answer).toMatchObject({ state: 'rejected', value: { message: 'enough' } })
    await expect(group.ask(2, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    expect(member.asked).toEqual([1])
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
