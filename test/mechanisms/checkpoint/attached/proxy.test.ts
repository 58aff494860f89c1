/** The proxy of attached members over the real service, with a transport that does what it is told: notes CE1 to CE5, outages, ghosts. */
import { describe, expect, test } from 'vitest'
import { useless } from '../judge.ts'
import { type World, worldOf } from './world.ts'

function uselessIn(world: World): string[] {
  const pasts = world.intervals.map((last) => new Array<number[]>(last + 2).fill([]))
  return useless({ members: world.names.length, messages: world.alive(), pasts })
}

async function send(world: World, from: string, to: string, text: string): Promise<void> {
  await world.members.get(from)!.send(to, text)
}

async function save(world: World, name: string): Promise<void> {
  await world.until(world.members.get(name)!.checkpoint())
}

describe('the proxy of an attached member', () => {
  test('asks only about a new dependency after something was sent in this interval', async () => {
    const world = await worldOf('a', 'b')
    await send(world, 'a', 'b', 'one')
    await world.drain()
    expect(world.asked('b')).toBe(0)
    await send(world, 'b', 'a', 'two')
    await world.drain()
    expect(world.asked('a')).toBe(1)
    await send(world, 'b', 'a', 'three')
    await world.drain()
    expect(world.asked('a')).toBe(1)
    expect(world.got('a')).toEqual(['two', 'three'])
  })

  test('CE1: a question that overtakes the report of a checkpoint is decided with it, since the message names its interval', async () => {
    const world = await worldOf('a', 'b')
    await send(world, 'b', 'a', 'm0')
    await world.drain()
    world.mishap = (member, operation) => (member === 'a' && operation === 'report' ? 500 : undefined)
    await save(world, 'a')
    await send(world, 'a', 'b', 'm1')
    await world.drain()
    expect(world.calls.filter(({ operation }) => operation === 'check')).toHaveLength(1)
    expect(world.checkpoints('b', 'forced')).toBe(1)
    expect(uselessIn(world)).toEqual([])
  })

  test('CE2: a message sent before the line is replayed, the same calls with one sent after it are not', async () => {
    for (const order of ['send, save', 'save, send'] as const) {
      const world = await worldOf('a', 'b')
      if (order === 'send, save') await send(world, 'a', 'b', 'm')
      await save(world, 'a')
      await save(world, 'b')
      if (order === 'save, send') await send(world, 'a', 'b', 'm')
      await world.drain()
      expect(world.got('b')).toEqual(['m'])
      await world.until(world.members.get('a')!.recover(['a', 'b']))
      await world.drain()
      await world.clock.advance(1_000)
      expect(world.got('b')).toEqual(order === 'send, save' ? ['m'] : [])
    }
  })

  test('CE3: a message of an undone interval that arrives after the recovery is never delivered', async () => {
    const world = await worldOf('a', 'b')
    await save(world, 'a')
    await send(world, 'a', 'b', 'ghost')
    await world.until(world.members.get('b')!.recover(['a']))
    await world.drain()
    await send(world, 'a', 'b', 'alive')
    await world.drain()
    expect(world.got('b')).toEqual(['alive'])
  })

  test('CE4: a question whose answer is lost is answered the same again, and the forced checkpoint is taken', async () => {
    const world = await worldOf('a', 'b')
    await send(world, 'b', 'a', 'm0')
    await world.drain()
    await save(world, 'a')
    await send(world, 'a', 'b', 'm1')
    let lost = 0
    world.mishap = (_, operation) => (operation === 'check' && lost++ === 0 ? 'reply' : undefined)
    await world.drain()
    await world.clock.advance(2_000)
    expect(world.asked('b')).toBe(2)
    expect(world.checkpoints('b', 'forced')).toBe(1)
    expect(world.got('b')).toEqual(['m1'])
    expect(uselessIn(world)).toEqual([])
  })

  test('CE4: a forced checkpoint that was never taken is in no line', async () => {
    const world = await worldOf('a', 'b')
    await send(world, 'b', 'a', 'm0')
    await world.drain()
    await save(world, 'a')
    await send(world, 'a', 'b', 'm1')
    world.mishap = (member, operation) => (member === 'b' && operation !== 'attach' ? 'reply' : undefined)
    const flight = world.flights.shift()!
    await world.members.get('b')!.receive(flight.wire)
    // Killed between the answer and the checkpoint.
    world.members.get('b')!.close()
    world.mishap = () => undefined
    await world.join('b')
    expect(world.members.get('b')!.index).toBe(0)
    expect(world.got('b')).toEqual([])
    expect(uselessIn(world)).toEqual([])
  })

  test('CE5: what is delivered while the service is away is known to it afterwards', async () => {
    const world = await worldOf('a', 'b')
    world.mishap = () => 'request'
    await send(world, 'b', 'a', 'two')
    await send(world, 'a', 'b', 'one')
    await world.drain()
    await world.clock.advance(5_000)
    expect(world.members.get('b')!.safeMode).toBe(true)
    expect([world.got('a'), world.got('b')]).toEqual([['two'], ['one']])
    world.mishap = () => undefined
    await world.clock.advance(30_000)
    expect(world.members.get('b')!.safeMode).toBe(false)
    // Both had sent, so both saved before the delivery: what they had sent stays.
    await world.until(world.members.get('b')!.recover(['a']))
    expect([world.got('a'), world.got('b')]).toEqual([['two'], ['one']])
    await world.until(world.members.get('b')!.recover(['b']))
    await world.clock.advance(1_000)
    expect(uselessIn(world)).toEqual([])
  })

  test('CE5: a delivery in safe mode goes back with its sender, though nobody was asked about it', async () => {
    const world = await worldOf('a', 'b')
    world.mishap = () => 'request'
    await send(world, 'a', 'b', 'one')
    await world.drain()
    await world.clock.advance(30_000)
    expect(world.got('b')).toEqual(['one'])
    world.mishap = () => undefined
    await world.until(world.members.get('b')!.recover(['a']))
    await world.clock.advance(1_000)
    expect(world.got('b')).toEqual([])
  })

  test('in safe mode it saves before a delivery exactly when something was sent in the interval', async () => {
    const world = await worldOf('a', 'b')
    world.mishap = () => 'request'
    await send(world, 'a', 'b', 'one')
    await world.drain()
    expect(world.checkpoints('b', 'forced')).toBe(0)
    await send(world, 'a', 'b', 'two')
    await send(world, 'b', 'a', 'three')
    await save(world, 'a')
    await send(world, 'a', 'b', 'four')
    await world.drain()
    await world.clock.advance(3_000)
    expect(world.got('b')).toEqual(['one', 'two', 'four'])
    expect(world.checkpoints('b', 'forced')).toBe(1)
    expect(uselessIn(world)).toEqual([])
  })

  test('replays exactly, in the same order, what the senders have not undone', async () => {
    const world = await worldOf('a', 'b', 'c')
    for (const text of ['1', '2', '3']) {
      await send(world, 'a', 'b', `a${text}`)
      await send(world, 'c', 'b', `c${text}`)
    }
    await world.drain()
    await save(world, 'a')
    await world.until(world.members.get('c')!.recover(['b', 'c']))
    await world.clock.advance(1_000)
    expect(world.got('b')).toEqual(['a1', 'a2', 'a3'])
  })

  test('a duplicate is dropped, and acknowledged only once the first is stored', async () => {
    const world = await worldOf('a', 'b')
    await send(world, 'a', 'b', 'one')
    const { wire } = world.flights.shift()!
    const b = world.members.get('b')!
    expect(await Promise.all([b.receive(wire), b.receive(wire)])).toEqual(['kept', 'dropped'])
    await world.clock.advance(0)
    expect(world.got('b')).toEqual(['one'])
  })

  test('messages that overtake each other are all delivered', async () => {
    const world = await worldOf('a', 'b')
    for (const text of ['1', '2', '3']) await send(world, 'a', 'b', text)
    await world.deliver(2)
    await world.deliver(0)
    await world.deliver(0)
    expect(world.got('b')).toEqual(['3', '1', '2'])
  })

  test('a send that is asked for while a checkpoint is being saved carries the new index', async () => {
    const world = await worldOf('a', 'b')
    let saved = () => {}
    world.saving = new Promise<void>((resolve) => {
      saved = resolve
    })
    const saving = world.members.get('a')!.checkpoint()
    await world.clock.advance(0)
    const sending = send(world, 'a', 'b', 'after')
    await world.clock.advance(0)
    expect(world.flights).toEqual([])
    saved()
    await world.until(Promise.all([saving, sending]))
    expect(world.flights[0]!.wire.token).toEqual([0, 0, 1, 1])
  })

  test('a killed process comes back from its store, and receives what it had logged and not saved', async () => {
    const world = await worldOf('a', 'b')
    await send(world, 'a', 'b', 'one')
    await world.drain()
    await save(world, 'b')
    await send(world, 'a', 'b', 'two')
    await world.drain()
    await world.join('b')
    await world.clock.advance(1_000)
    expect(world.got('b')).toEqual(['one', 'two'])
  })

  test('a proxy that was replaced ends, and does nothing any more', async () => {
    const world = await worldOf('a', 'b')
    const old = world.members.get('b')!
    world.members.delete('b')
    await world.join('b')
    await world.clock.advance(30_000)
    await expect(old.send('a', 'from the dead')).rejects.toMatchObject({ code: 'PERDURE_E_STALE' })
    expect(world.endings).toHaveLength(1)
    expect(world.flights).toEqual([])
  })

  test('the object of before a rollback can send nothing any more', async () => {
    const world = await worldOf('a', 'b')
    const selves: { send(to: string, message: unknown): Promise<void> }[] = []
    world.react = (self) => void selves.push(self)
    await send(world, 'a', 'b', 'one')
    await world.drain()
    await world.until(world.members.get('a')!.recover(['b']))
    await expect(selves[0]!.send('a', 'zombie')).rejects.toMatchObject({ code: 'PERDURE_E_REVOKED' })
  })

  test('an object that throws is thrown away and goes back', async () => {
    const world = await worldOf('a', 'b')
    let broken = 0
    world.react = (_, message) => {
      if (message === 'bad' && broken++ === 0) throw new Error('out of memory')
    }
    await send(world, 'a', 'b', 'good')
    await world.drain()
    await save(world, 'b')
    await send(world, 'a', 'b', 'bad')
    await world.drain()
    await world.clock.advance(2_000)
    expect(broken).toBe(2)
    expect(world.got('b')).toEqual(['good', 'bad'])
  })

  test('an object that hangs does not hold up the recovery of the others for longer than they may take to halt', async () => {
    const world = await worldOf('a', 'b', 'c')
    world.react = (_, message) => (message === 'hang' ? new Promise(() => undefined) : undefined)
    await send(world, 'a', 'b', 'hang')
    await world.drain()
    await world.until(world.members.get('c')!.recover(['c']))
    world.react = () => undefined
    await world.clock.advance(2_000)
    expect(world.got('b')).toEqual(['hang'])
  })

  test('a checkpoint that is gone is answered by the next lower line', async () => {
    const world = await worldOf('a', 'b')
    await send(world, 'a', 'b', 'one')
    await world.drain()
    await save(world, 'b')
    const store = world.stores.get('b')!
    const records = await store.read()
    await store.replace(records.filter((record) => record.kind !== 'checkpoint' || record.index === 0))
    await world.join('b')
    await world.clock.advance(2_000)
    expect(world.members.get('b')!.index).toBe(0)
    expect(world.got('b')).toEqual(['one'])
  })

  test('what is no message is refused and loses nothing', async () => {
    const world = await worldOf('a', 'b')
    const b = world.members.get('b')!
    for (const bad of [null, 7, {}, { from: 'a' }, { from: 'a', token: [0, 0, -1, 1], edges: [], needs: [], payload: 1 }])
      await expect(b.receive(bad)).rejects.toThrow(TypeError)
    await send(world, 'a', 'b', 'one')
    await world.drain()
    expect(world.got('b')).toEqual(['one'])
  })
})
