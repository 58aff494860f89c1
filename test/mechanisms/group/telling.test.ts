/** What a group in one process tells of its calls, and what its members leave behind in spaces. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { attempt, groupOf, majority, median, nVersion, objectGroup, recoveryBlock, type Verdict, weighted } from 'perdure/group'
import { virtualClock } from 'perdure/testing'
import { describe, expect, test } from 'vitest'
import { FAULT_CHANNEL, type Fault } from '../../../src/fault.ts'

import { wrong } from './slow-members.ts'

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

  test('a declared exception of a group of one is its answer, and no fault', () => {
    const stack = {
      pop: (): number => {
        throw new RangeError('empty')
      },
    }
    const group = objectGroup({ stack }, nVersion({ adjudicator: majority(), declared: ['RangeError'] }))
    expect(() => group.pop()).toThrow('empty')
    expect(groupOf(group).counts).toMatchObject({ failed: 0, members: { stack: { agreed: 1, failed: 0 } } })
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
