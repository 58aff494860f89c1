/** What members keep: edges, logs, files. */
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { portTransport } from '../../../../src/mechanisms/checkpoint/attached/attached-checkpoint-group.ts'
import { KnownEdges } from '../../../../src/mechanisms/checkpoint/attached/known-edges.ts'
import { MemberLog } from '../../../../src/mechanisms/checkpoint/attached/member-log.ts'
import type { Store, StoreRecord, Token, Wire } from '../../../../src/mechanisms/checkpoint/attached/proxy-parts.ts'
import { folderStore, memoryStore } from '../../../../src/mechanisms/checkpoint/attached/stores.ts'

function wire(...token: Token): Wire {
  return { from: 'a', token, edges: [], needs: [], payload: token.join('.') }
}

describe('the edges that a member knows', () => {
  test('travel with every message until the service has them', () => {
    const edges = new KnownEdges(() => 1)
    edges.accepted(0, 0, 0)
    edges.heard({ edges: [[2, 1, 0, 0, 0]], needs: [] })
    expect(edges.attached().edges).toEqual([
      [1, 1, 0, 0, 0],
      [2, 1, 0, 0, 0],
    ])
    const report = edges.report(0)
    edges.accepted(0, 1, 0)
    edges.told(report, [])
    expect(edges.attached().edges).toEqual([[1, 2, 0, 1, 0]])
  })

  test('are named by their numbers where they are more than 32, until the service says that it has them', () => {
    const edges = new KnownEdges(() => 1)
    for (let sent = 0; sent < 33; sent++) edges.accepted(0, sent, 0)
    expect(edges.attached()).toEqual({ edges: [], needs: [[1, 33]] })
    const other = new KnownEdges(() => 2)
    other.heard(edges.attached())
    other.accepted(1, 0, 0)
    expect(other.attached()).toEqual({ edges: [[2, 1, 1, 0, 0]], needs: [[1, 33]] })
    other.told(other.report(0), [[1, 33]])
    expect(other.attached()).toEqual({ edges: [], needs: [[1, 33]] })
    other.told(other.report(0), [])
    expect(other.attached()).toEqual({ edges: [], needs: [] })
  })

  test('are told in parts, each with the index that is true with it', () => {
    const edges = new KnownEdges(() => 1)
    for (let n = 0; n < 2_000; n++) edges.accepted(0, n, n)
    const report = edges.report(2_000)
    expect(report.edges).toHaveLength(1_024)
    expect(report.index).toBe(1_023)
    edges.told(report, [])
    expect(edges.report(2_000)).toMatchObject({ index: 2_000 })
  })
})

describe('the log of a member', () => {
  test('reads from its store what it was, also after that was rewritten', async () => {
    const store = memoryStore()
    const log = new MemberLog(store)
    for (let n = 1; n <= 1_500; n++) await log.add(wire(0, 0, 0, n))
    const saved = (index: number, at: number) => ({ index, at, received: [0], edges: [], state: '0' })
    await log.save(saved(0, 0), () => true)
    await log.save(saved(1, 1_200), () => true)
    log.forget(1)
    await log.compact()
    await log.add(wire(0, 0, 0, 1_501))
    const again = new MemberLog(store)
    await again.read()
    expect(again.base).toBe(1_200)
    expect(again.last).toMatchObject({ index: 1, at: 1_200 })
    expect(again.at(1_500)?.wire.payload).toBe('0.0.0.1501')
    expect(await again.add(wire(0, 0, 0, 7))).toBe('dropped')
    expect(await again.add(wire(0, 0, 0, 1_502))).toBe('kept')
    expect((await store.read()).length).toBeLessThan(400)
  })

  test('keeps a checkpoint until nobody can go back to it, and none that was undone', async () => {
    const store = memoryStore()
    const log = new MemberLog(store)
    for (const index of [0, 1, 2, 3]) await log.save({ index, at: 0, received: [], edges: [], state: '0' }, () => true)
    await log.begin(1, [[1, [2]]], 2)
    expect(log.checkpoint(3)).toBeUndefined()
    log.forget(1)
    expect([0, 1, 2].map((index) => log.checkpoint(index)?.index)).toEqual([undefined, 1, 2])
  })

  test('knows ghosts by the lines since they were sent', async () => {
    const log = new MemberLog(memoryStore())
    await log.begin(1, [[1, [2, null]]], null)
    await log.begin(2, [[2, [null, 5]]], null)
    const accepted = ([place, epoch, index]: readonly [number, number, number]) => log.accepts([place, epoch, index, 1])
    expect(
      [
        [0, 0, 1],
        [0, 0, 2],
        [0, 1, 2],
        [1, 0, 4],
        [1, 1, 5],
        [1, 2, 5],
      ].map((t) => accepted(t as [number, number, number])),
    ).toEqual([true, false, true, true, false, true])
  })
})

describe('the store in a folder', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'perdure-store-'))
  })

  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close?.()))
    await rm(folder, { recursive: true, force: true })
  })

  const record = (n: number): StoreRecord => ({ kind: 'message', wire: wire(0, 0, 0, n) })
  const stores: Store[] = []
  const opened = async (): Promise<Store> => {
    const store = await folderStore(folder)
    stores.push(store)
    return store
  }

  test('has what was appended, in order, also what came at once', async () => {
    const store = await opened()
    await Promise.all([1, 2, 3].map((n) => store.append(record(n))))
    await store.append(record(4))
    expect(await (await opened()).read()).toEqual([1, 2, 3, 4].map(record))
  })

  test('forgets a last line that a crash has cut off, and goes on after it', async () => {
    await (await opened()).append(record(1))
    await appendFile(join(folder, 'member.log'), '{"kind":"mess')
    const store = await opened()
    expect(await store.read()).toEqual([record(1)])
    await store.append(record(2))
    expect(await (await opened()).read()).toEqual([record(1), record(2)])
  })

  test('with a damaged line in the middle is refused, and nothing of it is lost', async () => {
    const store = await opened()
    await store.append(record(1))
    const path = join(folder, 'member.log')
    await appendFile(path, '{"kind":"mess\n')
    await store.append(record(2))
    const before = await readFile(path, 'utf8')
    await expect(opened()).rejects.toMatchObject({
      code: 'PERDURE_E_CORRUPT',
      message: expect.stringContaining('line 2, is damaged'),
    })
    expect(await readFile(path, 'utf8')).toBe(before)
  })

  test('is rewritten as a whole, and what is appended meanwhile comes after it', async () => {
    const store = await opened()
    await store.append(record(1))
    await Promise.all([store.replace([record(7)]), store.append(record(8))])
    await store.append(record(9))
    expect(await (await opened()).read()).toEqual([7, 8, 9].map(record))
    expect((await readFile(join(folder, 'member.log'), 'utf8')).split('\n')).toHaveLength(4)
  })

  test('heeds no checkpoint that a replaced process still writes, but its messages', async () => {
    const saved: StoreRecord = { kind: 'checkpoint', index: 7, at: 0, received: [], edges: [], state: '0' }
    const replaced = await opened()
    await replaced.append(record(1))
    const store = await opened()
    await store.append(record(2))
    await replaced.append(saved)
    await replaced.append(record(3))
    expect(await (await opened()).read()).toEqual([1, 2, 3].map(record))
  })
})

test('a transport over ports has one for each member, and says which it lacks', async () => {
  const { port1, port2 } = new MessageChannel()
  const transport = portTransport({ b: port1 })
  const heard = new Promise((resolve) =>
    portTransport({ a: port2 }).listen(async (message) => {
      resolve(message)
      return 'kept'
    }),
  )
  transport.send('b', wire(0, 0, 0, 1))
  expect(await heard).toEqual(wire(0, 0, 0, 1))
  expect(() => transport.send('c', wire(0, 0, 0, 1))).toThrow(expect.objectContaining({ code: 'PERDURE_E_UNKNOWN_MEMBER' }))
  port1.close()
})
