/** Answers that are streams: who answers is decided before the first item; what happens later is between the stream and its reader. */
import { fallback, majority, nVersion, objectGroup } from 'perdure/group'
import { expect, test } from 'vitest'

async function* counting(from: number, failsAt = Number.POSITIVE_INFINITY): AsyncGenerator<number> {
  for (let n = from; n < from + 3; n += 1) {
    if (n === failsAt) throw new Error(`the stream broke at ${n}`)
    yield n
  }
}

const refusing = {
  read: async (_: number): Promise<AsyncGenerator<number>> => {
    throw new Error('no connection')
  },
}

async function drained(stream: AsyncIterable<number>): Promise<unknown[]> {
  const items: unknown[] = []
  try {
    for await (const item of stream) items.push(item)
  } catch (error) {
    items.push((error as Error).message)
  }
  return items
}

test('a provider that fails before its stream is there is replaced', async () => {
  const group = objectGroup({ refusing, second: { read: async (n: number) => counting(n) } }, fallback({}))
  expect(await drained(await group.read(5))).toEqual([5, 6, 7])
})

test('after the first item errors of the stream pass through, and nobody else is asked', async () => {
  let asked = 0
  const second = {
    read: async (n: number) => {
      asked += 1
      return counting(n)
    },
  }
  const group = objectGroup({ first: { read: async (n: number) => counting(n, n + 1) }, second }, fallback({}))
  expect(await drained(await group.read(5))).toEqual([5, 'the stream broke at 6'])
  expect(asked).toBe(0)
})

test('streams cannot be compared, which the error of a vote says', async () => {
  const stream = () => ({ read: async (n: number) => counting(n) })
  const group = objectGroup({ a: stream(), b: stream(), c: stream() }, nVersion({ adjudicator: majority() }))
  await expect(group.read(1)).rejects.toMatchObject({ code: 'PERDURE_E_NO_QUORUM' })
  await expect(group.read(1)).rejects.toThrow(/equal/)
})
