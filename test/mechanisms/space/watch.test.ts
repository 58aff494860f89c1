/** Watching a space, from the process that owns the log and over a pipe. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { PerdureError } from '../../../src/errors.ts'
import { type Connection, LocalConnection } from '../../../src/log/connection.ts'
import { memoryLog } from '../../../src/log/engines/memory.ts'
import type { Gateway } from '../../../src/log/gateway.ts'
import { MAX_WATCHERS_OF_SESSION } from '../../../src/log/watch/watch.ts'
import { MAX_KEPT_WATCH_BYTES } from '../../../src/log/watch/watcher.ts'
import { connectRemote } from '../../../src/log/wire/remote.ts'
import { serve } from '../../../src/log/wire/server.ts'
import { any, type Changes, gt, type Space, type SpaceChange, space, spaceOver } from '../../../src/mechanisms/space/space.ts'
import { openGateway } from '../../../src/node/compose.ts'
import { pipePair } from '../../log/pipe-pair.ts'

type Change = SpaceChange<readonly unknown[]>

let gateway: Gateway
let connections: Connection[]

beforeEach(async () => {
  gateway = await openGateway(memoryLog(systemClock), systemClock)
  connections = []
})

afterEach(async () => {
  for (const connection of connections) connection.close()
  await gateway.close()
})

const WAYS: Readonly<Record<string, () => Promise<Connection>>> = {
  'in the owner': async () => new LocalConnection(gateway, 'owner'),
  'over a pipe': async () => {
    const [here, there] = pipePair()
    serve(gateway, there)
    return connectRemote(here, systemClock, 'attached')
  },
}

async function connect(way: string): Promise<Connection> {
  const connection = await (WAYS[way] as () => Promise<Connection>)()
  connections.push(connection)
  return connection
}

async function jobsOver(connection: Connection): Promise<Space> {
  return space({ issuer: connection.client, link: { main: connection } }, 'jobs')
}

async function take(changes: Changes<Change>, count: number): Promise<Change[]> {
  const taken: Change[] = []
  while (taken.length < count) {
    const { done, value } = await changes.next()
    if (done) throw new Error(`the iteration ended after ${taken.length} changes`)
    taken.push(value)
  }
  return taken
}

const brief = (changes: readonly Change[]) => changes.map(({ kind, tuple }) => [kind, ...tuple])

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: PerdureError) => error.code,
  )
}

/** Some hundred changes of all kinds, and all of them as they were seen. */
async function traffic(jobs: Space, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await jobs.out(['n', i])
    if (i % 3 === 0) await jobs.in(['n', Number])
    if (i % 5 === 0) {
      const taken = jobs.in(['m', Number])
      await jobs.out(['m', i])
      await taken
    }
  }
}

describe.each(Object.keys(WAYS))('watching %s', (way) => {
  test('tells of tuples that match, as they appear and as they are taken, in the order of the log', async () => {
    const jobs = await jobsOver(await connect(way))
    const changes = jobs.watch(['a', gt(1)])
    await jobs.out(['a', 1])
    await jobs.out(['a', 2])
    await jobs.out(['b', 2])
    await jobs.out(['a', 3])
    await jobs.in(['a', any])
    await jobs.in(['a', any])
    const seen = await take(changes, 3)
    expect(brief(seen)).toEqual([
      ['out', 'a', 2],
      ['out', 'a', 3],
      ['in', 'a', 2],
    ])
    expect(seen.map(({ position }) => position)).toEqual([...seen.map(({ position }) => position)].sort((a, b) => a - b))
    await changes.return()
  })

  test('a tuple that goes straight to who waits for it comes and goes at one position', async () => {
    const jobs = await jobsOver(await connect(way))
    const changes = jobs.watch(['a'])
    const taken = jobs.in(['a'])
    await jobs.out(['a'])
    await taken
    const [out, taking] = await take(changes, 2)
    expect([out?.kind, taking?.kind]).toEqual(['out', 'in'])
    expect(out?.position).toBe(taking?.position)
    await changes.return()
  })

  test('a held take is a taking, and a coming when the tuple returns; a lease that ends is told as such', async () => {
    const jobs = await jobsOver(await connect(way))
    const changes = jobs.watch([any])
    await jobs.out(['a'])
    const held = await jobs.in(['a'], { hold: { leaseMs: 60_000 } })
    await held.release()
    const again = await jobs.in(['a'], { hold: { leaseMs: 60_000 } })
    await again.ack()
    await jobs.out(['b'], { leaseMs: 1 })
    expect(brief(await take(changes, 6))).toEqual([
      ['out', 'a'],
      ['in', 'a'],
      ['out', 'a'],
      ['in', 'a'],
      ['out', 'b'],
      ['expired', 'b'],
    ])
    await jobs.out(['c'], { notBeforeMs: 1 })
    await jobs.atomic([{ in: ['c'] }, { out: ['d'] }])
    await jobs.collect(['d'])
    expect(brief(await take(changes, 4))).toEqual([
      ['out', 'c'],
      ['in', 'c'],
      ['out', 'd'],
      ['in', 'd'],
    ])
    await changes.return()
  })

  test('begins with what is there, when asked to, and misses nothing that follows', async () => {
    const jobs = await jobsOver(await connect(way))
    const all = jobs.watch([String, Number])
    const outs = Array.from({ length: 3_000 }, (_, i) => jobs.out(['n', i]))
    await Promise.all([...outs, jobs.in(['n', 1])])
    const changes = jobs.watch([String, Number], { initial: true })
    await jobs.in(['n', 5])
    await jobs.out(['n', 3_000])
    const seen = await take(changes, 3_001)
    const history = await take(all, 3_003)
    const [first, second] = seen.slice(-2)
    expect(brief(seen)).toEqual([
      ...Array.from({ length: 3_000 }, (_, i) => ['out', 'n', i]).filter(([, , n]) => n !== 1),
      ['in', 'n', 5],
      ['out', 'n', 3_000],
    ])
    expect([first, second]).toEqual(history.slice(-2))
    const came = new Map(history.filter(({ kind }) => kind === 'out').map(({ tuple, position }) => [tuple[1], position]))
    expect(seen.slice(0, -2).every(({ tuple, position }) => came.get(tuple[1]) === position)).toBe(true)
    await changes.return()
    await all.return()
  })

  test('from a position it tells the past again, and goes on with the present without gap or double', async () => {
    const jobs = await jobsOver(await connect(way))
    const all = jobs.watch([any, any])
    await traffic(jobs, 60)
    const past = await take(all, 60 + 20 + 24)
    for (const index of [0, 1, 17, past.length - 1]) {
      const from = past[index]?.position as number
      const changes = jobs.watch([any, any], { from })
      const expected = past.filter(({ position }) => position >= from)
      expect(await take(changes, expected.length)).toEqual(expected)
      await changes.return()
    }
    const changes = jobs.watch([any, any], { from: 1 })
    await traffic(jobs, 30)
    const more = await take(all, 30 + 10 + 12)
    expect(await take(changes, past.length + more.length)).toEqual([...past, ...more])
    await changes.return()
    await all.return()
  })

  test('from a position to come it begins there', async () => {
    const jobs = await jobsOver(await connect(way))
    await jobs.out(['a', 0])
    const from = gateway.replica.position + 8
    const changes = jobs.watch(['a', Number], { from })
    const all = jobs.watch(['a', Number])
    for (let i = 1; i < 20; i++) await jobs.out(['a', i])
    const expected = (await take(all, 19)).filter(({ position }) => position >= from)
    expect(expected.length).toBeGreaterThan(5)
    expect(await take(changes, expected.length)).toEqual(expected)
    await changes.return()
    await all.return()
  })

  test('an abort, also one that came before, ends the iteration with its reason', async () => {
    const jobs = await jobsOver(await connect(way))
    const giveUp = new AbortController()
    const waiting = jobs.watch(['a'], { signal: giveUp.signal }).next()
    const reason = new Error('enough')
    giveUp.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(jobs.watch(['a'], { signal: giveUp.signal }).next()).rejects.toBe(reason)
    const used = new AbortController()
    const changes = jobs.watch(['a'], { signal: used.signal })
    await jobs.out(['a'])
    await jobs.out(['a'])
    await changes.next()
    used.abort(reason)
    await expect(changes.next()).rejects.toBe(reason)
    expect(await changes.next()).toEqual({ done: true, value: undefined })
  })

  test('leaving the loop, or return, ends it quietly and frees its place', async () => {
    const jobs = await jobsOver(await connect(way))
    for (let times = 0; times < MAX_WATCHERS_OF_SESSION * 2; times++) {
      const changes = jobs.watch(['a'])
      await jobs.out(['a'])
      for await (const { kind } of changes) {
        expect(kind).toBe('out')
        break
      }
      const idle = jobs.watch(['b'])
      const waiting = idle.next()
      await idle.return()
      expect(await waiting).toEqual({ done: true, value: undefined })
    }
    await jobs.rdp(['a'])
    expect(gateway.replica.changes).toBeUndefined()
  })

  test('closing the space or the connection, and the end of the site, end it with an error', async () => {
    const first = await connect(way)
    const jobs = await jobsOver(first)
    const ofSpace = jobs.watch(['a']).next()
    await jobs.close()
    expect(await codeOf(ofSpace)).toBe('PERDURE_E_CLOSED')
    expect(await codeOf(jobs.watch(['a']).next())).toBe('PERDURE_E_CLOSED')
    const again = await jobsOver(first)
    const ofConnection = again.watch(['a']).next()
    first.close()
    expect(await codeOf(ofConnection)).toBe('PERDURE_E_CLOSED')
    const ofSite = (await jobsOver(await connect(way))).watch(['a']).next()
    const failing = codeOf(ofSite)
    await gateway.close()
    expect(['PERDURE_E_CLOSED', 'PERDURE_E_SESSION_LOST']).toContain(await failing)
  })

  test('a reader that is too slow gets what was kept, then an error that says where to go on; others get all', async () => {
    const jobs = await jobsOver(await connect(way))
    const large = 'x'.repeat(100_000)
    const count = Math.ceil(MAX_KEPT_WATCH_BYTES / large.length) + 20
    const slow = jobs.watch(['n', Number, String])
    const quick = jobs.watch(['n', Number, String])
    for (let i = 0; i < count; i++) {
      await jobs.out(['n', i, large])
      expect((await take(quick, 1))[0]?.tuple[1]).toBe(i)
    }
    let read = 0
    const error = await (async () => {
      for await (const { tuple } of slow) {
        expect(tuple[1]).toBe(read)
        read += 1
      }
      return undefined
    })().catch((thrown: PerdureError) => thrown)
    expect(error?.code).toBe('PERDURE_E_SLOW_READER')
    expect(read).toBeGreaterThan(count - 30)
    for await (const { tuple } of jobs.watch(['n', Number, String], { from: error?.data.from as number })) {
      expect(tuple[1]).toBe(read)
      read += 1
      if (read === count) break
    }
    expect(read).toBe(count)
    await quick.return()
  })

  test('one program watches so much and no more', async () => {
    const jobs = await jobsOver(await connect(way))
    const open = Array.from({ length: MAX_WATCHERS_OF_SESSION }, () => jobs.watch(['a']))
    expect(await codeOf(jobs.watch(['a']).next())).toBe('PERDURE_E_BUSY')
    await open[0]?.return()
    await jobs.rdp(['a'])
    const another = jobs.watch(['a'])
    await jobs.out(['a'])
    expect((await another.next()).done).toBe(false)
  })

  test('what is wrong with the call rejects with what to do', async () => {
    const jobs = (await jobsOver(await connect(way))) as unknown as { watch(...args: unknown[]): Changes<Change> }
    expect(await codeOf(jobs.watch('a').next())).toBe('PERDURE_E_TEMPLATE')
    expect(await codeOf(jobs.watch([Symbol('a')]).next())).toBe('PERDURE_E_VALUE')
    for (const options of [
      { from: -1 },
      { from: 1.5 },
      { initial: 1 },
      { signal: 1 },
      { until: 1 },
      { from: 1, initial: true },
      7,
    ])
      expect(await codeOf(jobs.watch(['a'], options).next())).toBe('PERDURE_E_USAGE')
  })

  test('a local rdp finds what this program has put, and writes no entry', async () => {
    const jobs = await jobsOver(await connect(way))
    for (let i = 0; i < 50; i++) {
      await jobs.out(['a', i])
      const before = gateway.replica.position
      expect(await jobs.rdp(['a', i], { local: true })).toEqual(['a', i])
      expect(await jobs.rdp(['a', any], { local: true })).toEqual(['a', 0])
      expect(await jobs.rdp(['a', i + 1], { local: true })).toBeNull()
      expect(gateway.replica.position).toBe(before)
    }
    expect(await codeOf(jobs.rdp('a' as unknown as ['a'], { local: true }))).toBe('PERDURE_E_TEMPLATE')
    expect(await codeOf(jobs.rdp(['a'], { local: 1 } as unknown as { local: true }))).toBe('PERDURE_E_USAGE')
    await jobs.close()
    expect(await codeOf(jobs.rdp(['a'], { local: true }))).toBe('PERDURE_E_CLOSED')
  })
})

test('a run has neither watch nor local reads, and is told what it has', async () => {
  const connection = await connect('in the owner')
  const jobs = spaceOver(connection.client, 'jobs')
  await expect(jobs.watch(['a']).next()).rejects.toThrow('Use in, rd, inp, rdp or count there')
  await expect(jobs.rdp(['a'], { local: true })).rejects.toThrow('Use in, rd, inp, rdp or count there')
})

test('a change of what was watched does not reach who watches, and the other way round', async () => {
  const jobs = await jobsOver(await connect('in the owner'))
  const [one, other] = [jobs.watch([Array]), jobs.watch([Array])]
  const tuple = [[1, 2]]
  await jobs.out(tuple)
  ;(tuple[0] as number[]).push(3)
  const [seen] = (await take(one, 1)) as [Change]
  ;(seen.tuple[0] as number[]).push(4)
  expect((await take(other, 1))[0]?.tuple).toEqual([[1, 2]])
  expect(await jobs.in([Array])).toEqual([[1, 2]])
})

test('errors of a watch are those of the house', async () => {
  const jobs = await jobsOver(await connect('in the owner'))
  const error = await jobs
    .watch(['a'], { from: -1 })
    .next()
    .catch((thrown: unknown) => thrown)
  expect(PerdureError.is(error, 'PERDURE_E_USAGE')).toBe(true)
})
