/** Watching, under the gateway: what is told when, what is kept for how long, and how a watcher goes on after a break. */
import { expect, test } from 'vitest'
import type { PerdureError } from '../../src/errors.ts'
import { LocalConnection } from '../../src/log/connection.ts'
import { Gateway } from '../../src/log/gateway.ts'
import { BATCH_CHANGES, type Change, MAX_REPLAYS } from '../../src/log/watch/past.ts'
import { WATCH } from '../../src/log/watch/stream.ts'
import { MAX_KEPT_CHANGES } from '../../src/log/watch/watcher.ts'
import { connectLasting } from '../../src/log/wire/remote.ts'
import { serve } from '../../src/log/wire/server.ts'
import { any, type Changes, type Space, type SpaceChange, space } from '../../src/mechanisms/space/space.ts'
import { composeReplica, openGateway } from '../../src/node/compose.ts'
import { encodeTemplate } from '../../src/support/template.ts'
import { ArrayLog, cut, shelf } from './array-log.ts'
import { type PipeEnd, pipePair } from './pipe-pair.ts'
import { macrotask, VirtualClock } from './virtual-clock.ts'
import { codeOf, site, type TestSite } from './wire-stage.ts'

const ALL = encodeTemplate([any, any])

function jobsOf(main: LocalConnection): Promise<Space> {
  return space({ issuer: main.client, link: { main } }, 'jobs')
}

/** What a connection says to watch, and asks for next. */
function asker({ gateway }: TestSite, session: number, id = 1) {
  return {
    open: (start: object) => gateway.query(WATCH, 'open', [id, 'space', ['jobs', ALL], start], session),
    next: (received: number) => gateway.query(WATCH, 'next', [id, received], session) as Promise<readonly Change[]>,
    close: () => gateway.query(WATCH, 'close', [id], session),
  }
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const note = () => {
    settled = true
  }
  promise.then(note, note)
  for (let turn = 0; turn < 10; turn++) await macrotask()
  return settled
}

test('nothing is told before it is durable, neither what happens nor what was there', async () => {
  const on = await site()
  const main = new LocalConnection(on.gateway, 'owner')
  const jobs = await jobsOf(main)
  on.log.durability = 'by hand'
  const changes = jobs.watch([any, any])
  const put = jobs.out(['a', 1])
  const initial = jobs.watch([any, any], { initial: true })
  const [next, there] = [changes.next(), initial.next()]
  const local = jobs.rdp(['a', 1], { local: true })
  const past = jobs.watch([any, any], { from: 1 }).next()
  for (const promise of [next, there, local, past]) expect(await isSettled(promise)).toBe(false)
  on.log.durability = 'at once'
  on.log.sync()
  const [{ value: told }, { value: present }, { value: replayed }] = await Promise.all([next, there, past])
  expect(told).toEqual({ kind: 'out', tuple: ['a', 1], position: on.gateway.durablePosition })
  expect([present, replayed]).toEqual([told, told])
  expect(await local).toEqual(['a', 1])
  await put
})

test('a future that was undone is never told', async () => {
  const clock = new VirtualClock()
  const paper = shelf()
  const log = new ArrayLog(paper)
  const gateway = await clock.settle(openGateway(log, clock))
  const jobs = await jobsOf(new LocalConnection(gateway, 'owner'))
  await jobs.out(['kept', 1])
  const durable = paper.records.length
  log.durability = 'by hand'
  const told: SpaceChange<unknown[]>[] = []
  const changes = jobs.watch([any, any], { initial: true }) as Changes<SpaceChange<unknown[]>>
  const reading = (async () => {
    for await (const change of changes) told.push(change)
  })().catch((error: PerdureError) => error.code)
  for (let i = 0; i < 50; i++) jobs.out(['undone', i]).catch(() => undefined)
  await clock.idle()
  log.fail(new Error('the power is gone'))
  expect(await reading).toBe('PERDURE_E_LOG_FAILED')
  const after = await clock.settle(openGateway(new ArrayLog(cut(paper, durable)), clock))
  const again = await jobsOf(new LocalConnection(after, 'owner'))
  expect(await again.count(['undone', any])).toBe(0)
  expect(told.every(({ tuple: [word] }) => word === 'kept')).toBe(true)
})

test('whoever asks again with the same count gets the same changes again, and with another the protocol is broken', async () => {
  const on = await site()
  const main = new LocalConnection(on.gateway, 'owner')
  const jobs = await jobsOf(main)
  const { open, next, close } = asker(on, main.session)
  const after = await open({ initial: false, skip: 0 })
  expect(await open({ initial: false, skip: 0 })).toBe(after)
  const outs = Array.from({ length: BATCH_CHANGES + 5 }, (_, i) => jobs.out(['n', i]))
  await Promise.all([...outs, jobs.out(['last', 0])])
  const first = await next(0)
  expect(await next(0)).toBe(first)
  expect(first).toHaveLength(BATCH_CHANGES)
  const second = await next(first.length)
  expect(second).toHaveLength(6)
  expect(await next(first.length)).toBe(second)
  expect(await codeOf(next(7))).toBe('PERDURE_E_PROTOCOL')
  expect(await codeOf(on.gateway.query(WATCH, 'open', [2, 'space', ['jobs'], { initial: false, skip: 0 }]))).toBe(
    'PERDURE_E_PROTOCOL',
  )
  expect(await codeOf(on.gateway.query(WATCH, 'open', [2, 'space', ['jobs', ALL], { initial: 1 }]))).toBe('PERDURE_E_PROTOCOL')
  expect(await codeOf(on.gateway.query(WATCH, 'open', [2, 'site', ['jobs', ALL], { initial: false, skip: 0 }]))).toBe(
    'PERDURE_E_PROTOCOL',
  )
  expect(await codeOf(on.gateway.query(WATCH, 'wink', []))).toBe('PERDURE_E_PROTOCOL')
  await close()
  expect(on.gateway.replica.changes).toBeUndefined()
})

test('a position that brings more than the bound is told whole to a reader that is not behind, and one that is is cut before it', async () => {
  const on = await site()
  const main = new LocalConnection(on.gateway, 'owner')
  const jobs = await jobsOf(main)
  const [keeping, behind] = [asker(on, main.session, 1), asker(on, main.session, 2)]
  for (const { open } of [keeping, behind]) await open({ initial: false, skip: 0 })
  await jobs.out(['one', 0])
  expect(await keeping.next(0)).toHaveLength(1)
  // More than is kept, at a single position: nothing in the house does that at this size, so the machine is played by hand.
  const { replica } = on.gateway
  const out = jobs.out(['one', 1])
  for (let i = 0; i < MAX_KEPT_CHANGES + 9; i++) replica.changes?.('jobs', 'out', ['n', i])
  const { position } = replica
  await out
  let received = 1
  for (let at = 0; at < MAX_KEPT_CHANGES + 10; ) {
    const batch = await keeping.next(received)
    received += batch.length
    at += batch.length
  }
  expect(received).toBe(MAX_KEPT_CHANGES + 11)
  const error = await (async () => {
    for (let got = 0; ; ) got += (await behind.next(got)).length
  })().catch((thrown: PerdureError) => thrown)
  expect(error).toMatchObject({ code: 'PERDURE_E_SLOW_READER', data: { from: position } })
})

test('readers of the past take turns, and one that does not ask for more gives its place to the next', async () => {
  const on = await site()
  const main = new LocalConnection(on.gateway, 'owner')
  const jobs = await jobsOf(main)
  await Promise.all(Array.from({ length: 3 * BATCH_CHANGES }, (_, i) => jobs.out(['n', i])))
  const readers = Array.from({ length: MAX_REPLAYS + 1 }, (_, i) => asker(on, main.session, i + 1))
  for (const { open } of readers) await open({ after: 0, initial: false, skip: 0 })
  const firsts = readers.slice(0, MAX_REPLAYS).map(({ next }) => next(0))
  const late = (readers[MAX_REPLAYS] as (typeof readers)[0]).next(0)
  for (const first of firsts) expect(await first).toHaveLength(BATCH_CHANGES)
  expect(await isSettled(late)).toBe(false)
  expect(await on.clock.settle(late)).toEqual(await firsts[0])
  // Those who lost their place get the rest when they ask.
  for (const { next } of readers) {
    const all: Change[] = []
    while (all.length < 2 * BATCH_CHANGES) all.push(...(await on.clock.settle(next(BATCH_CHANGES + all.length))))
    expect(all.map(([, position]) => position)).toEqual([...all.map(([, position]) => position)].sort((a, b) => a - b))
    expect(new Set(all.map(([, position]) => position)).size).toBe(all.length)
  }
})

test('a start that has been trimmed is refused with the first position that is there', async () => {
  const on = await site()
  const jobs = await jobsOf(new LocalConnection(on.gateway, 'owner'))
  await jobs.out(['a', 1])
  const trimmed = new Proxy(on.log, {
    get: (log, name) =>
      name === 'firstIndex'
        ? 3
        : Reflect.get(log, name, log) instanceof Function
          ? (Reflect.get(log, name, log) as () => unknown).bind(log)
          : Reflect.get(log, name, log),
  })
  Object.defineProperty(on.gateway, 'log', { value: trimmed })
  expect(await codeOf(jobs.watch([any, any], { from: 1 }).next())).toBe('PERDURE_E_TRIMMED')
  const fromNow = jobs.watch([any, any])
  await jobs.out(['a', 2])
  expect((await fromNow.next()).value).toMatchObject({ tuple: ['a', 2] })
})

/** A lasting connection whose pipe a test may cut, to an owner that a test may replace. */
async function attached(clock: VirtualClock, owner: { gateway: Gateway }) {
  const pipes: PipeEnd[] = []
  const way = async () => {
    const [here, there] = pipePair((turn) => clock.hop(turn))
    serve(owner.gateway, there)
    pipes.push(here)
    return here
  }
  const connection = await clock.settle(connectLasting(way, clock, 'attached'))
  return { connection, cut: () => pipes.at(-1)?.other?.close() }
}

for (const breaks of ['the connection', 'the owner'] as const) {
  for (const initial of [false, true]) {
    test(`after a break of ${breaks} a watcher goes on without gap or double, ${initial ? 'begun with what was there' : 'begun anew'}`, async () => {
      const clock = new VirtualClock()
      const paper = shelf()
      const owner = { log: new ArrayLog(paper), gateway: undefined as unknown as Gateway }
      owner.gateway = await clock.settle(openGateway(owner.log, clock))
      const { connection, cut: cutPipe } = await attached(clock, owner)
      const mine = async () => jobsOf(new LocalConnection(owner.gateway, 'owner'))
      const first = await mine()
      await clock.settle(Promise.all(Array.from({ length: 2_500 }, (_, i) => first.out(['before', i]))))
      const watching = await space({ issuer: connection.client, link: { main: connection } }, 'jobs')
      const changes = watching.watch([any, any], { initial })
      await clock.idle()
      const told: unknown[] = []
      const take = async (count: number) => {
        for (let i = 0; i < count; i++) told.push((await clock.settle(changes.next())).value)
      }
      const expected: unknown[] = initial ? Array.from({ length: 2_500 }, (_, i) => ['out', 'before', i]) : []
      const breakIt = async () => {
        if (breaks === 'the owner') {
          owner.log.abandon()
          owner.log = new ArrayLog(paper)
          owner.gateway = await clock.settle(Gateway.open(owner.log, composeReplica(), clock))
        }
        cutPipe()
        await clock.idle()
      }
      for (let round = 0; round < 8; round++) {
        const jobs = await mine()
        for (let i = 0; i < 40; i++) {
          const tuple = [`round ${round}`, i]
          const out = jobs.out(tuple)
          const takes = i % 4 === 0
          await clock.settle(Promise.all([out, takes && jobs.in(tuple)]))
          expected.push(['out', ...tuple], ...(takes ? [['in', ...tuple]] : []))
        }
        await take(round * 7)
        await breakIt()
      }
      // Thousands of changes at one position, and a break in the middle of them.
      await take(expected.length - told.length)
      const collected = (await clock.settle((await mine()).collect(['before', any]))) as unknown[][]
      expected.push(...collected.map((tuple) => ['in', ...tuple]))
      await take(100)
      await breakIt()
      await take(expected.length - told.length)
      expect((told as SpaceChange<unknown[]>[]).map(({ kind, tuple }) => [kind, ...tuple])).toEqual(expected)
      const jobs = await mine()
      await clock.settle(jobs.out(['end', 0]))
      await take(1)
      expect(told.at(-1)).toMatchObject({ tuple: ['end', 0] })
    })
  }
}
