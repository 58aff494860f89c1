/** What a member is given of the call that it executes, and what is noted of it: nothing that nobody asks for. */
import { attempt, groupOf, majority, nVersion, objectGroup, retryBlock, type Verdict } from 'perdure/group'
import { virtualClock } from 'perdure/testing'
import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => {
  vi.restoreAllMocks()
})

test('an AbortController is made only for a member that reads its signal', async () => {
  const made = vi.spyOn(globalThis, 'AbortController')
  const silent = () => ({ ask: async (n: number) => n })
  const reading = {
    async ask(n: number): Promise<number> {
      return attempt().signal.aborted ? 0 : n
    },
  }
  const group = objectGroup({ a: silent(), b: silent(), reading }, nVersion({ adjudicator: majority(), timeoutMs: 100_000 }))
  expect(await group.ask(1)).toBe(1)
  expect(made).toHaveBeenCalledTimes(1)
})

test('attempts are numbered from 1', () => {
  const numbers: number[] = []
  const member = {
    ask(n: number): number {
      numbers.push(attempt().number)
      return n
    },
  }
  const again = retryBlock({ accept: (answer: number) => answer === 3, reexpress: (_, tryNumber) => [tryNumber], maxTries: 3 })
  expect(objectGroup({ member }, again).ask(1)).toBe(3)
  expect(numbers).toEqual([1, 2, 3])
})

test('a verdict says how long each member has taken', async () => {
  const clock = virtualClock()
  const verdicts: Verdict[] = []
  const after = (ms: number) => ({ ask: (n: number) => clock.sleep(ms).then(() => n) })
  const group = objectGroup({ a: after(10), b: after(20), c: after(500) }, nVersion({ adjudicator: majority() }), {
    clock,
    onVerdict: (verdict) => verdicts.push(verdict),
  })
  await Promise.all([group.ask(1), clock.advance(600)])
  expect(verdicts[0]?.ballots.map(({ id, ms }) => [id, ms])).toEqual([
    ['a', 10],
    ['b', 20],
    ['c', 500],
  ])
})

test('a member with a state of its own that is 1,024 calls behind is suspended', async () => {
  const clock = virtualClock()
  const quick = () => ({ ask: async (n: number) => n })
  const slow = { ask: (n: number) => clock.sleep(10).then(() => n) }
  const group = objectGroup({ a: quick(), b: quick(), slow }, nVersion({ adjudicator: majority() }), { clock })
  const active = async () => (await groupOf(group).view).members
  for (let n = 0; n < 1_025; n += 1) await group.ask(n)
  expect(await active()).toEqual(['a', 'b', 'slow'])
  await group.ask(1_026)
  expect(await active()).toEqual(['a', 'b'])
})
