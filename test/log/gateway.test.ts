/** The loop: what is ordered, what leaves when, and what happens when the log fails. */
import { expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import type { Listener } from '../../src/log/attachments.ts'
import { LocalConnection } from '../../src/log/connection.ts'
import { type Gateway, RUN_AHEAD_BYTES } from '../../src/log/gateway.ts'
import type { Outcome } from '../../src/log/machine.ts'
import { encodeOperation } from '../../src/log/operation.ts'
import { readRecord } from '../../src/log/record.ts'
import { spaceOver } from '../../src/mechanisms/space/space.ts'
import { composeReplica, openGateway } from '../../src/node/compose.ts'
import { ArrayLog, type Shelf, shelf } from './array-log.ts'
import { VirtualClock } from './virtual-clock.ts'

interface Opened {
  readonly gateway: Gateway
  readonly log: ArrayLog
  readonly clock: VirtualClock
}

async function opened(on: Shelf = shelf(), clock = new VirtualClock()): Promise<Opened> {
  const log = new ArrayLog(on)
  return { gateway: await clock.settle(openGateway(log, clock)), log, clock }
}

/** Opened, with the log made durable by hand from here on. */
async function held(on: Shelf = shelf()): Promise<Opened> {
  const site = await opened(on)
  site.log.durability = 'by hand'
  return site
}

/** A session that writes down all it hears. */
class Ear implements Listener {
  readonly heard: string[] = []
  readonly positions: number[] = []
  readonly session: number
  readonly #gateway: Gateway
  #next = 1

  constructor(gateway: Gateway) {
    this.#gateway = gateway
    this.session = gateway.enter('ear', this)
  }

  issue(name: string, ...args: unknown[]): number {
    const code = this.#gateway.replica.code(name)
    return this.#gateway.submit(
      encodeOperation({ caller: { kind: 'session', id: this.session }, number: this.#next++, code }, args),
    )
  }

  reply(number: number, outcome: Outcome, position: number): void {
    this.heard.push(`reply ${number}${'error' in outcome ? ` ${outcome.error.code}` : ''}`)
    this.positions.push(position)
  }

  note(body: readonly unknown[]): void {
    this.heard.push(`note ${String(body[0])}`)
  }

  durableTo(): void {}

  closed(error: PerdureError): void {
    this.heard.push(`closed ${error.code}`)
  }
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error: PerdureError) => error.code,
  )

test('no reply leaves before its position is durable; then it does', async () => {
  const { gateway, log, clock } = await held()
  const ear = new Ear(gateway)
  ear.issue('space.out', 'box', ['x'])
  await clock.idle()
  expect(ear.heard).toEqual([])
  log.sync()
  await clock.idle()
  expect(ear.heard).toEqual(['reply 1'])
})

test('replies leave in the order of positions, each not before its own record is durable', async () => {
  const { gateway, log, clock } = await held()
  const ear = new Ear(gateway)
  for (let record = 0; record < 3; record++) {
    ear.issue('space.out', 'box', [record])
    ear.issue('space.out', 'box', ['second'])
    await clock.idle()
  }
  const first = log.lastIndex
  expect(ear.heard).toEqual([])
  log.sync(first)
  expect(ear.heard).toEqual(['reply 1', 'reply 2'])
  await clock.idle()
  log.sync()
  expect(ear.heard.map((line) => Number(line.split(' ')[1]))).toEqual([1, 2, 3, 4, 5, 6])
  expect(ear.positions).toEqual(ear.positions.toSorted((a, b) => a - b))
})

test('what comes while a record is being made durable shares the next one', async () => {
  const { gateway, log, clock } = await held()
  const ear = new Ear(gateway)
  ear.issue('space.out', 'box', ['x'])
  await clock.idle()
  const under = log.lastIndex
  for (let i = 0; i < 50; i++) {
    ear.issue('space.out', 'box', [i])
    await clock.idle()
  }
  expect(log.lastIndex).toBe(under)
  log.sync()
  await clock.idle()
  expect(log.lastIndex).toBe(under + 1)
  log.sync()
  expect(ear.heard).toHaveLength(51)
})

test('notes leave at once, while nothing is durable', async () => {
  const { gateway, clock } = await held()
  const ear = new Ear(gateway)
  ear.issue('process.node', 'n', null, 0, 'boot', 1, [['d', 'hash']], 4)
  ear.issue('process.start', 'd', 'k', { value: [] }, { layer: 'journal', maxTurnMs: 1_000, retainMs: 1_000 })
  await clock.idle()
  expect(ear.heard).toEqual(['note attempt'])
})

test('beyond the run-ahead bound notes are held, clients are told to wait, and all goes on when the disk has caught up', async () => {
  const { gateway, log, clock } = await held()
  const ear = new Ear(gateway)
  ear.issue('process.node', 'n', null, 0, 'boot', 1, [['d', 'hash']], 4)
  const text = 'x'.repeat(100_000)
  let sent = 0
  while (!gateway.pressed) {
    ear.issue('space.out', 'box', [text])
    sent += 1
  }
  expect(sent).toBeGreaterThan(RUN_AHEAD_BYTES / 110_000)
  expect(sent).toBeLessThan(RUN_AHEAD_BYTES / 90_000)
  let relieved = 0
  gateway.whenRelieved(() => {
    relieved += 1
  })
  ear.issue('process.start', 'd', 'k', { value: [] }, { layer: 'journal', maxTurnMs: 1_000, retainMs: 1_000 })
  await clock.idle()
  expect([ear.heard, relieved]).toEqual([[], 0])
  log.sync()
  await clock.idle()
  log.sync()
  await clock.idle()
  expect(relieved).toBe(1)
  expect(ear.heard.filter((line) => line.startsWith('note'))).toEqual(['note attempt'])
  expect(gateway.pressed).toBe(false)
})

test('a client of a pressed gateway queues, in order, and sends when it is relieved', async () => {
  const { gateway, log, clock } = await held()
  const connection = new LocalConnection(gateway, 'c')
  const box = spaceOver(connection.client, 'box')
  const text = 'x'.repeat(100_000)
  const outs: Promise<unknown>[] = []
  while (!gateway.pressed) outs.push(box.out([text, outs.length]))
  const before = gateway.replica.position
  for (let i = 0; i < 10; i++) outs.push(box.out([text, outs.length]))
  expect(gateway.replica.position).toBe(before)
  log.durability = 'at once'
  log.sync()
  await clock.settle(Promise.all(outs))
  const { tuples } = gateway.replica.query('space', 'tuples', ['box']) as { tuples: { tuple: [string, number] }[] }
  expect(tuples.map(({ tuple }) => tuple[1])).toEqual(tuples.map((_, i) => i))
  expect(await clock.settle(box.count([String, Number]))).toBe(outs.length)
})

for (const [how, fail] of [
  ['a sync that fails', (log: ArrayLog) => log.fail(new Error('EIO'))],
  [
    'an append that fails',
    (log: ArrayLog) => {
      log.failsNext = true
      log.sync()
    },
  ],
] as const) {
  test(`${how} closes everything with LOG_FAILED, and nothing leaves later`, async () => {
    const { gateway, log, clock } = await held()
    const ear = new Ear(gateway)
    const connection = new LocalConnection(gateway, 'c')
    const box = spaceOver(connection.client, 'box')
    await clock.idle()
    log.sync()
    await clock.idle()
    ear.issue('space.out', 'box', ['x'])
    const out = codeOf(box.out(['y']))
    const waiting = codeOf(box.in(['never']))
    const durable = codeOf(gateway.durable())
    const query = codeOf(gateway.query('space', 'tuples', ['box']))
    if (how === 'a sync that fails') await clock.idle()
    fail(log)
    await clock.idle()
    for (const promise of [out, waiting, durable, query]) expect(await clock.settle(promise)).toBe('PERDURE_E_LOG_FAILED')
    expect(ear.heard).toEqual(['closed PERDURE_E_LOG_FAILED'])
    log.sync()
    await clock.idle()
    expect(ear.heard).toEqual(['closed PERDURE_E_LOG_FAILED'])
    expect(await codeOf(box.out(['z']))).toBe('PERDURE_E_LOG_FAILED')
    expect(() => gateway.submitOwn('site.tick', [])).toThrow(expect.objectContaining({ code: 'PERDURE_E_LOG_FAILED' }))
    expect(await codeOf(gateway.durable())).toBe('PERDURE_E_LOG_FAILED')
    await gateway.close()
    expect(clock.timers).toBe(0)
  })
}

test('log time does not go back over a reopen with a clock that has jumped back', async () => {
  const on = shelf()
  const first = await opened(on, new VirtualClock(5_000_000))
  await first.clock.advance(1_000)
  await first.gateway.durable()
  first.gateway.submitOwn('site.tick', [])
  await first.clock.idle()
  const { wallMs, serviceMs } = first.gateway.replica
  expect(wallMs).toBe(5_001_000)
  const second = await opened(on, new VirtualClock(1_000_000))
  expect(second.gateway.replica.wallMs).toBeGreaterThanOrEqual(wallMs)
  await second.clock.advance(500)
  second.gateway.submitOwn('site.tick', [])
  expect(second.gateway.replica.wallMs).toBe(wallMs + 500)
  expect(second.gateway.replica.serviceMs).toBe(serviceMs + 500)
})

test('while a site is open, a wall clock that jumps changes nothing', async () => {
  const { gateway, clock } = await opened()
  const before = gateway.replica.wallMs
  clock.wallOffsetMs += 3_600_000
  await clock.advance(10)
  gateway.submitOwn('site.tick', [])
  expect(gateway.replica.wallMs).toBe(before + 10)
})

test('wall time passes while a site is closed, service time does not', async () => {
  const on = shelf()
  const first = await opened(on, new VirtualClock(1_000))
  const { serviceMs } = first.gateway.replica
  await first.gateway.close()
  const second = await opened(on, new VirtualClock(90_000))
  expect(second.gateway.replica.wallMs).toBe(90_000)
  expect(second.gateway.replica.serviceMs).toBe(serviceMs)
})

test('a deadline falls due by itself, at its time, without other traffic', async () => {
  const { gateway, clock } = await opened()
  const box = spaceOver(new LocalConnection(gateway, 'c').client, 'box')
  const late = codeOf(box.in(['x'], { timeoutMs: 300 }))
  let ended = false
  void late.then(() => {
    ended = true
  })
  await clock.advance(299)
  expect(ended).toBe(false)
  await clock.advance(2)
  expect(ended).toBe(true)
  expect(await late).toBe('PERDURE_E_TIMEOUT')
})

test('a deadline that was passed while the site was closed falls due at the next open', async () => {
  const on = shelf()
  const first = await opened(on, new VirtualClock(1_000))
  const ear = new Ear(first.gateway)
  ear.issue('process.start', 'd', 'k', { value: [] }, { layer: 'journal', maxTurnMs: 1_000, retainMs: 1_000 })
  ear.issue('process.cancel', 'd', 'k', 'why')
  await first.clock.idle()
  first.log.abandon()
  const second = await opened(on, new VirtualClock(100_000))
  await second.clock.idle()
  expect(second.gateway.replica.query('process', 'status', ['d', 'k'])).toMatchObject({ state: 'cancelled' })
})

test('close makes everything durable, answers what it can, ends every session, and is idempotent', async () => {
  const { gateway, log, clock } = await opened()
  const ear = new Ear(gateway)
  ear.issue('space.out', 'box', ['x'])
  const position = gateway.replica.position
  const closing = Promise.all([gateway.close(), gateway.close()])
  await clock.settle(closing)
  await gateway.close()
  expect(log.durableIndex).toBe(log.lastIndex)
  expect(gateway.durablePosition).toBe(position)
  expect(ear.heard).toEqual(['reply 1', 'closed PERDURE_E_CLOSED'])
  expect(clock.timers).toBe(0)
})

test('a malformed operation changes nothing, harms nobody, and leaves no record open', async () => {
  const { gateway, log, clock } = await opened()
  const ear = new Ear(gateway)
  await clock.idle()
  const machines = () => [...gateway.replica.snapshot()].filter(([section]) => section !== 'replica')
  const before = machines()
  const records = log.lastIndex
  for (const bytes of [[], [9], [1, 5], [1, 3, 1, 0, 99, 0], [0, 0, 0, 2]]) {
    expect(() => gateway.submit(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'PERDURE_E_PROTOCOL' }))
  }
  expect(machines()).toEqual(before)
  expect(await clock.settle(gateway.query('space', 'tuples', ['box']))).toMatchObject({ total: 0 })
  expect(gateway.durablePosition).toBe(gateway.replica.position)
  expect(log.lastIndex).toBeLessThanOrEqual(records + 1)
  ear.issue('space.out', 'box', ['x'])
  await clock.idle()
  expect(ear.heard).toEqual(['reply 1'])
})

test('a reopen replays to the same state, position and time', async () => {
  const on = shelf()
  const { gateway, clock } = await opened(on)
  const ear = new Ear(gateway)
  for (let i = 0; i < 20; i++) {
    ear.issue('space.out', 'box', [i])
    ear.issue('process.start', 'd', String(i), { value: [] }, { layer: 'journal', maxTurnMs: 1_000, retainMs: 50 })
    await clock.advance(7)
  }
  await clock.idle()
  const replica = composeReplica()
  for (const bytes of on.records) {
    readRecord(
      bytes,
      (from, to) => replica.apply(bytes, from, to),
      ({ wallMs, serviceMs }) => replica.advance(wallMs, serviceMs),
    )
  }
  expect([...replica.snapshot()]).toEqual([...gateway.replica.snapshot()])
})

test('a query is answered as of its position, once that is durable', async () => {
  const { gateway, log, clock } = await held()
  const ear = new Ear(gateway)
  ear.issue('space.out', 'box', ['x'])
  let answer: unknown
  void gateway.query('space', 'tuples', ['box']).then((value) => {
    answer = value
  })
  await clock.idle()
  expect(answer).toBeUndefined()
  ear.issue('space.out', 'box', ['y'])
  log.sync()
  await clock.idle()
  expect(answer).toMatchObject({ total: 1 })
})

test('a question nobody knows is refused', async () => {
  const { gateway } = await opened()
  expect(await codeOf(gateway.query('space', 'what?', []))).toBe('PERDURE_E_PROTOCOL')
  expect(await codeOf(gateway.query('nobody', 'tuples', []))).toBe('PERDURE_E_PROTOCOL')
})

test('a broken invariant stops the site rather than letting replicas differ', async () => {
  const { gateway, clock } = await opened()
  const ear = new Ear(gateway)
  gateway.replica.apply = () => {
    throw new PerdureError('PERDURE_E_INVARIANT', 'planted')
  }
  expect(() => ear.issue('space.out', 'box', ['x'])).toThrow('planted')
  await clock.idle()
  expect(ear.heard).toEqual(['closed PERDURE_E_INVARIANT'])
})
