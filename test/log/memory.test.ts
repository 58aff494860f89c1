import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryLog } from '../../src/log/engines/memory.ts'
import type { Log } from '../../src/log/log.ts'

async function indexes(log: Log, from: number): Promise<number[]> {
  const read: number[] = []
  for await (const { index } of log.read(from)) read.push(index)
  return read
}

test('everything appended in one turn is durable after one hop', () => {
  const hops: (() => void)[] = []
  const log = memoryLog({ ...systemClock, hop: (turn) => hops.push(turn), randomId: () => 'id' })
  const advanced: number[] = []
  log.watch({ advanced: (index) => advanced.push(index), failed: () => undefined })
  log.append(new Uint8Array(1))
  log.append(new Uint8Array(1))
  expect([log.durableIndex, hops.length]).toEqual([0, 1])
  hops.shift()?.()
  expect([log.durableIndex, advanced]).toEqual([2, [2]])
  log.append(new Uint8Array(1))
  hops.shift()?.()
  expect(advanced).toEqual([2, 3])
})

test('trimming forgets exactly what was asked, but never what is not durable', async () => {
  const log = memoryLog(systemClock)
  for (let count = 0; count < 10; count += 1) log.append(new Uint8Array(1))
  await log.durable(10)
  await log.trim(4)
  expect(await indexes(log, 4)).toEqual([4, 5, 6, 7, 8, 9, 10])
  await expect(indexes(log, 3)).rejects.toMatchObject({ code: 'PERDURE_E_TRIMMED', data: { asked: 3, first: 4 } })
  log.append(new Uint8Array(1))
  await log.trim(100)
  expect(await indexes(log, 11)).toEqual([11])
  await log.trim(2)
  expect(log.append(new Uint8Array(1))).toBe(12)
  expect(await indexes(log, 11)).toEqual([11, 12])
  await log.close()
})

test('only the latest records are kept, and the oldest are said to be gone', async () => {
  const log = memoryLog(systemClock, 10_000)
  for (let count = 0; count < 500; count += 1) log.append(new Uint8Array(100).fill(count % 256))
  expect(log.firstIndex, 'what is not durable is kept in any case').toBe(1)
  await log.durable(500)
  expect(log.firstIndex).toBeGreaterThan(500 - 100)
  const read: number[] = []
  for await (const { index, bytes } of log.read(log.firstIndex)) {
    expect(bytes[0]).toBe((index - 1) % 256)
    read.push(index)
  }
  expect(read.length * 100).toBeLessThanOrEqual(10_000)
  expect(read.length * 100).toBeGreaterThan(8_000)
  expect(read.at(-1)).toBe(500)
  await expect(indexes(log, log.firstIndex - 1)).rejects.toMatchObject({ code: 'PERDURE_E_TRIMMED' })
  await log.close()
})

test('a blob that is changed afterwards stays what it was', async () => {
  const log = memoryLog(systemClock)
  const bytes = new Uint8Array([1, 2, 3])
  const hash = await log.blobs.put(bytes)
  bytes[0] = 9
  const first = await log.blobs.get(hash)
  expect([...first]).toEqual([1, 2, 3])
  first[1] = 9
  expect([...(await log.blobs.get(hash))]).toEqual([1, 2, 3])
})

test('two memory logs are two logs', () => {
  expect(memoryLog(systemClock).id).not.toBe(memoryLog(systemClock).id)
})
