/** The lives of an attached object: what it may do while it is built, while it is given something, and when it is over. */
import { EventEmitter } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Order } from '../../../../src/mechanisms/checkpoint/attached/protocol.ts'
import { attach } from '../../../../src/mechanisms/checkpoint/attached/proxy.ts'
import type { ProxyEvent, Self } from '../../../../src/mechanisms/checkpoint/attached/proxy-parts.ts'
import {
  attachedGroup,
  emitterTransport,
  fromOutside,
  memoryStore,
  recoveryLine,
} from '../../../../src/mechanisms/checkpoint/checkpoint.ts'
import { open } from '../../../../src/node/open.ts'
import { type World, worldOf } from './world.ts'

const QUIET = { send: () => undefined, listen: () => undefined }

/** Rejections that nobody has listened to, once there was time for Node to notice. */
async function unheard(): Promise<unknown[]> {
  const found: unknown[] = []
  const note = (reason: unknown) => void found.push(reason)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  return found
}

async function rolledBack(world: World, failed: string): Promise<void> {
  await world.until(world.apply('recover', { context: 'bank', failed: [failed] }))
  await world.clock.advance(1_000)
}

describe('the object of an attached member', () => {
  test('that was thrown away does no harm with what it does not await', async () => {
    const world = await worldOf('a', 'b')
    const selves: Self[] = []
    world.react = (self) => void selves.push(self)
    await world.members.get('a')!.send('b', 'one')
    await world.drain()
    await rolledBack(world, 'b')
    void selves[0]!.send('a', 'zombie')
    void selves[0]!.checkpoint()
    expect(await unheard()).toEqual([])
    world.members.get('b')!.close()
    void selves[1]!.send('a', 'zombie')
    expect(await unheard()).toEqual([])
    expect(world.flights).toEqual([])
  })

  test('sends what it says while it is built, when it is built, each time', async () => {
    const world = await worldOf('b')
    const sent: unknown[] = []
    const attaching = attach({
      ...{ context: 'bank', name: 'a', service: world.service('a'), store: memoryStore() },
      timers: { after: (ms, fire) => world.clock.after(ms, fire).cancel },
      transport: { ...QUIET, send: (to, { token }) => sent.push([to, token]) },
      object(self) {
        void self.send('b', 'hello')
        return { save: () => 1, restore: () => undefined, receive: () => undefined }
      },
    })
    const member = await world.until(attaching)
    onTestFinished(() => member.close())
    await world.clock.advance(0)
    expect(sent).toEqual([['b', [1, 0, 0, 1]]])
    await rolledBack(world, 'a')
    expect(sent.slice(1)).toEqual([['b', [1, 1, 0, 1]]])
  })

  test('may wait for a checkpoint inside receive: it is taken when that has returned', async () => {
    const world = await worldOf('a', 'b')
    const indices: number[] = []
    world.react = async (self) => {
      void self.checkpoint()
      indices.push(await self.checkpoint())
    }
    await world.members.get('a')!.send('b', 'one')
    await world.drain()
    expect(indices).toEqual([2])
    expect(world.members.get('b')!.index).toBe(2)
    expect((await world.stores.get('b')!.read()).at(-1)).toMatchObject({ kind: 'checkpoint', index: 2, state: '{"got":["one"]}' })
  })

  test('is not there while the group goes back: a message of the member as such is sent by the next one', async () => {
    const world = await worldOf('a', 'b')
    let broken = 0
    world.react = (_, message) => {
      if (message === 'bad' && broken++ === 0) throw new Error('out of memory')
    }
    world.mishap = (_, operation) => (operation === 'recover' ? 500 : undefined)
    await world.members.get('a')!.send('b', 'bad')
    await world.drain()
    expect(broken).toBe(1)
    await world.until(world.members.get('b')!.send('a', 'hello'))
    await world.drain()
    expect(world.got('a')).toEqual(['hello'])
  })

  test('that cannot be saved is thrown away, as one that throws, and who has asked hears why', async () => {
    const world = await worldOf('a', 'b')
    const full = Promise.reject(new Error('no room'))
    full.catch(() => undefined)
    world.saving = full
    const saving = expect(world.members.get('b')!.checkpoint()).rejects.toThrow('no room')
    await world.clock.advance(0)
    await saving
    world.saving = undefined
    await world.members.get('a')!.send('b', 'one')
    await world.drain()
    await world.clock.advance(1_000)
    expect(world.events.filter(({ object, kind }) => object === 'b' && kind === 'rollback')).toHaveLength(1)
    expect(world.got('b')).toEqual(['one'])
  })

  test('that is thrown away while it saves leaves the checkpoint to the next one', async () => {
    const world = await worldOf('a', 'b')
    let saved = () => {}
    world.saving = new Promise((resolve) => {
      saved = resolve
    })
    const saving = world.members.get('b')!.checkpoint()
    await world.clock.advance(0)
    await rolledBack(world, 'b')
    world.saving = undefined
    saved()
    expect(await world.until(saving)).toBe(1)
  })

  test('is given what is here before the member leaves', async () => {
    const world = await worldOf('a', 'b')
    const b = world.members.get('b')!
    for (const text of ['one', 'two']) await world.members.get('a')!.send('b', text)
    const receipts = world.flights.splice(0).map(({ wire }) => b.receive(wire))
    await Promise.all([...receipts, world.until(b.detach())])
    expect(world.got('b')).toEqual(['one', 'two'])
  })

  test('an order that is posted again while it is being heeded is heeded once', async () => {
    const world = await worldOf('b')
    let made = 0
    let restored = () => {}
    const attaching = attach({
      ...{ context: 'bank', name: 'a', service: world.service('a'), transport: QUIET, callback: 'http://127.0.0.1/orders' },
      timers: { after: (ms, fire) => world.clock.after(ms, fire).cancel },
      object() {
        made += 1
        return {
          save: () => made,
          receive: () => undefined,
          restore: () =>
            new Promise<void>((resolve) => {
              restored = resolve
            }),
        }
      },
    })
    const member = await world.until(attaching)
    onTestFinished(() => member.close())
    await world.until(world.apply('recover', { context: 'bank', failed: ['a'] }))
    const of = { context: 'bank', member: 'a', incarnation: 1, epoch: 0, waitMs: 0 }
    const order = (await world.apply('wait', of)) as Order
    expect(order).toMatchObject({ do: 'rollback', epoch: 1 })
    const heeding = [member.heed(order), member.heed(order)]
    await world.clock.advance(0)
    restored()
    await world.until(Promise.all(heeding))
    await world.until(member.heed(order))
    expect(made).toBe(2)
  })
})

describe('a program that attaches', () => {
  test('is told what is wrong with what it attaches, and nothing is attached', async () => {
    await using site = await open('memory:')
    const game = await attachedGroup(site, 'game')
    const bus = new EventEmitter()
    const receive = () => undefined
    const wrong: readonly (readonly unknown[])[] = [
      [{ send: receive }, () => ({ receive })],
      [undefined, () => ({ receive })],
      [emitterTransport(bus, 'a'), undefined],
      [emitterTransport(bus, 'a'), () => ({})],
      [emitterTransport(bus, 'a'), () => null],
      [emitterTransport(bus, 'a'), () => ({ receive, save: () => 1 })],
      [emitterTransport(bus, 'a'), () => ({ receive, seen: new Set([1]) })],
      [emitterTransport(bus, 'a'), () => ({ receive, best: Number.NaN })],
      [emitterTransport(bus, 'a'), () => ({ receive, save: () => () => 1, restore: receive })],
    ]
    for (const [transport, factory] of wrong) {
      const attaching = game.attach(transport as never, 'a', factory as never)
      await expect(attaching).rejects.toMatchObject({ code: 'PERDURE_E_USAGE', message: expect.stringContaining('expected') })
    }
    const member = await game.attach(emitterTransport(bus, 'a'), 'a', () => ({ receive }))
    for (const message of [() => 1, 1n, Symbol('x')])
      await expect(member.send('a', message)).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
    await expect(member.send(undefined as never, 1)).rejects.toMatchObject({ code: 'PERDURE_E_USAGE' })
    for (const event of [1, { from: 'b' }]) expect(() => bus.emit('a', event)).toThrow(/expected .* fromOutside/)
    expect(member.index).toBe(0)
  })

  test('is warned when a member has ended, unless it listens itself or has wanted it', async () => {
    const warnings: string[] = []
    await using site = await open('memory:', { hear: (event) => void (event.event === 'warning' && warnings.push(event.text)) })
    const game = await attachedGroup(site, 'game')
    const bus = new EventEmitter()
    const object = () => ({
      receive() {
        throw new Error('no ball')
      },
    })
    const other = await attachedGroup(site, 'other')
    const quiet = await other.attach(emitterTransport(bus, 'a'), 'a', object)
    quiet.close()
    await game.attach(emitterTransport(bus, 'b'), 'b', object)
    bus.emit('b', fromOutside('c', 1))
    await expect.poll(() => warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/game\/b: b broke 3 times at the same message \(Error: no ball\)/)
  })

  test('observes a trace in which also messages from outside have ids of their own, the same when they are replayed', async () => {
    await using site = await open('memory:')
    const game = await attachedGroup(site, 'game', { answerMs: 60_000 })
    const bus = new EventEmitter()
    const events: ProxyEvent[] = []
    const member = await game.attach(emitterTransport(bus, 'a'), 'a', () => ({ receive: () => undefined }), {
      observe: (event) => void events.push(event),
    })
    const given = () => events.filter(({ kind }) => kind === 'receive').length
    for (const ball of [1, 2]) bus.emit('a', fromOutside('c', ball))
    await expect.poll(given).toBe(2)
    await member.recover(['a'])
    await expect.poll(given).toBe(4)
    expect(recoveryLine({ objects: ['a'], events }, ['a'])).toEqual({ a: 0 })
  })
})
