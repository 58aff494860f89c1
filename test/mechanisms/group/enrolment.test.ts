import { groupOf, majority, nVersion, objectGroup, unanimity } from 'perdure/group'
import { virtualClock } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

import { Slow, watched } from './slow-members.ts'

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

  test('a member is added between two calls only: what it is told is the state after the last', async () => {
    const clock = virtualClock()
    class Slowly {
      sum = 0

      async add(n: number): Promise<number> {
        this.sum += n
        await clock.sleep(10)
        return this.sum
      }
    }
    const group = objectGroup({ a: new Slowly(), b: new Slowly(), c: new Slowly() }, nVersion({ adjudicator: unanimity() }), {
      clock,
    })
    const d = new Slowly()
    const asked = group.add(1)
    expect(() => groupOf(group).add('d', d)).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    await clock.advance(10)
    await asked
    groupOf(group).add('d', d)
    expect(d.sum).toBe(1)
    const again = group.add(1)
    await clock.advance(10)
    expect(await again).toBe(2)
  })

  test('the last member can be neither suspended nor removed', async () => {
    const group = objectGroup({ a: counter() }, nVersion({ adjudicator: majority() }))
    const handle = groupOf(group)
    expect(() => handle.suspend('a')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => handle.remove('a')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => handle.remove('z')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
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
