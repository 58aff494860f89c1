/** The service of attached members as a machine on the log, spoken to by hand. */
import { beforeEach, describe, expect, test } from 'vitest'
import { AttachedMachine } from '../../../../src/mechanisms/checkpoint/attached/machine.ts'
import type { Decision, Edge, Grant, Need, Order } from '../../../../src/mechanisms/checkpoint/attached/protocol.ts'
import { World, worldOf } from './world.ts'

let world: World

beforeEach(async () => {
  world = new World()
  await world.apply('create', { context: 'bank' })
})

/** Attaches by hand; the answer says where to begin. */
function join(member: string, more: object = {}): Promise<Grant> {
  const body = { context: 'bank', member, boot: `boot of ${member}`, epoch: 0, index: -1, edges: [], ...more }
  return world.apply('attach', body) as Promise<Grant>
}

interface Told {
  readonly index?: number
  readonly edges?: readonly Edge[]
  readonly needs?: readonly Need[]
  readonly epoch?: number
  readonly incarnation?: number
}

function of(member: string, told: Told = {}): object {
  return { context: 'bank', member, incarnation: 1, epoch: 0, index: 0, edges: [], needs: [], ...told }
}

interface Asked extends Told {
  readonly message?: string
  readonly from: number
  readonly sent: number
  readonly interval: number
}

function check(member: string, asked: Asked): Promise<Decision> {
  return world.apply('check', { ...of(member), message: 'm', sentEpoch: 0, ...asked }) as Promise<Decision>
}

function wait(member: string, waitMs: number | null, epoch = 0, incarnation = 1): Promise<Order> {
  return world.apply('wait', { context: 'bank', member, incarnation, epoch, waitMs }) as Promise<Order>
}

describe('the service of attached members', () => {
  test('forces a checkpoint exactly where the delivery would close a rewinding path', async () => {
    await join('a')
    await join('b')
    // b -> a in (0, 0); a saves; a's next message to b, which has sent, would lead back behind a's checkpoint.
    await world.apply('report', of('a', { index: 1, edges: [[0, 1, 1, 0, 0]] }))
    expect(await check('b', { from: 0, sent: 1, interval: 0 })).toMatchObject({ force: true })
    expect(await check('b', { message: 'other', from: 0, sent: 0, interval: 1 })).toMatchObject({ force: false })
  })

  test('answers a question that is asked again as before, though the graph has changed since', async () => {
    await join('a')
    await join('b')
    await world.apply('report', of('a', { index: 1, edges: [[0, 1, 1, 0, 0]] }))
    const first = await check('b', { from: 0, sent: 1, interval: 0 })
    expect(await check('b', { from: 0, sent: 1, interval: 0 })).toEqual(first)
  })

  test('answers force to whoever depends on edges that the service has not got', async () => {
    await join('a')
    await join('b')
    await join('c')
    const asked = { from: 0, sent: 0, interval: 0, needs: [[2, 3]] as const }
    expect(await check('b', asked)).toMatchObject({ force: true, unknown: [[2, 3]] })
    const edges = [1, 2, 3].map((number) => [2, number, 0, number, 0] as const)
    await world.apply('report', of('c', { edges }))
    expect(await check('b', { ...asked, message: 'next', interval: 1, sent: 1 })).toMatchObject({ force: false, unknown: [] })
  })

  test('makes lines of checkpoints that the member itself has confirmed', async () => {
    await join('a')
    await join('b')
    // The service has heard of interval 4 of a, from b; and forces a checkpoint of b that b never reports.
    await world.apply('report', of('b', { edges: [[1, 1, 0, 4, 0]] }))
    expect(await world.apply('recover', { context: 'bank', failed: ['a', 'b'] })).toEqual({ epoch: 1, line: { a: 0, b: 0 } })
  })

  test('counts who has not halted in time as failed, and sends it back when it speaks again', async () => {
    await join('a')
    await join('b')
    await world.apply('report', of('b', { index: 2 }))
    const recovering = world.apply('recover', { context: 'bank', failed: ['a'] })
    expect(await world.until(recovering)).toEqual({ epoch: 1, line: { a: 0, b: 2 } })
    expect(await world.apply('report', of('b', { index: 7 }))).toMatchObject({ status: 'stale', epoch: 1 })
    expect(await wait('b', 0)).toMatchObject({ do: 'rollback', epoch: 1, index: 2, lines: [[1, [0, 2]]] })
  })

  test('lets a member that has failed during a recovery fail in the same one', async () => {
    await join('a')
    await join('b')
    await join('c')
    const first = world.apply('recover', { context: 'bank', failed: ['a'] })
    const second = world.apply('recover', { context: 'bank', failed: ['b'] })
    expect(await world.apply('halted', of('c'))).toMatchObject({ status: 'ok' })
    expect(await first).toEqual({ epoch: 1, line: { a: 0, b: 0, c: 'current' } })
    expect(await second).toEqual(await first)
    expect(await wait('c', 0)).toMatchObject({ do: 'resume', epoch: 1 })
  })

  test('answers the next lower line where a checkpoint is not available, and gives up below the line of all', async () => {
    await join('a')
    await world.apply('report', of('a', { index: 2 }))
    await world.apply('recover', { context: 'bank', failed: ['a'] })
    const unavailable = (epoch: number, index: number) =>
      world.apply('unavailable', { context: 'bank', member: 'a', incarnation: 1, epoch, index })
    expect(await unavailable(1, 2)).toBe(true)
    expect(await wait('a', 0)).toMatchObject({ do: 'rollback', epoch: 2, index: 1 })
    expect(await unavailable(2, 1)).toBe(true)
    expect(await wait('a', 0)).toMatchObject({ epoch: 3, index: 0 })
    await expect(unavailable(3, 0)).rejects.toMatchObject({ code: 'PERDURE_E_WEDGED' })
  })

  test('fences the former proxy of a member, also where it waits', async () => {
    await join('a')
    const waiting = wait('a', 20_000)
    waiting.catch(() => undefined)
    await join('a', { boot: 'second' })
    await expect(waiting).rejects.toMatchObject({ code: 'PERDURE_E_STALE' })
    await expect(world.apply('report', of('a'))).rejects.toMatchObject({ code: 'PERDURE_E_STALE' })
    expect(await world.apply('report', of('a', { incarnation: 2, epoch: 1 }))).toMatchObject({ status: 'ok' })
  })

  test('takes an attachment that is said twice for one', async () => {
    const first = await join('a')
    expect(await join('a')).toEqual(first)
  })

  test('asks a member that never saves to do so, and forgets what nobody goes back behind', async () => {
    await join('a')
    await join('b')
    for (let index = 1; index <= 300; index++) {
      const answer = await world.apply('report', of('a', { index, edges: [[0, index, 1, 0, index - 1]] }))
      expect(answer).toMatchObject({ floor: 0 })
    }
    expect(await wait('b', 0)).toMatchObject({ do: 'save' })
    await world.apply('report', of('b', { index: 1 }))
    expect(await world.apply('report', of('a', { index: 300 }))).toMatchObject({ floor: 300 })
  })

  test('lets a member leave once nothing it has done can be undone, and keeps its place for nobody', async () => {
    await join('a')
    await join('b')
    // b was given a message of a's present interval: while a can lose it, b cannot leave.
    await world.apply('report', of('b', { index: 1, edges: [[1, 1, 0, 0, 0]] }))
    let left = false
    const leaving = world.apply('detach', of('b').valueOf() && { context: 'bank', member: 'b', incarnation: 1, epoch: 0 })
    void leaving.then(() => {
      left = true
    })
    await world.clock.advance(0)
    expect(left).toBe(false)
    expect(await wait('a', 0)).toMatchObject({ do: 'save' })
    await world.apply('report', of('a', { index: 1 }))
    expect(await leaving).toBe(true)
    expect(await join('c')).toMatchObject({ place: 2 })
    expect(await wait('a', 0)).toMatchObject({ names: ['a', null, 'c'] })
  })

  test('a restored snapshot goes on as the machine it was taken of', async () => {
    const live = await worldOf('a', 'b', 'c')
    for (const [from, to] of ['ab', 'bc', 'ca', 'ab', 'cb'] as const) {
      await live.members.get(from!)!.send(to!, `${from} to ${to}`)
      await live.drain()
      await live.until(live.members.get(to!)!.checkpoint())
    }
    await live.until(live.members.get('a')!.recover(['b']))
    const restored = new AttachedMachine()
    for (const part of live.machine.snapshot()) restored.restore(structuredClone(part))
    expect([...restored.snapshot()]).toEqual([...live.machine.snapshot()])
    expect(restored.census()).toEqual(live.machine.census())
    live.machine = restored
    await live.members.get('c')!.send('a', 'last')
    await live.drain()
    await live.until(live.members.get('a')!.recover(['a', 'c']))
    await live.clock.advance(1_000)
    for (const [k, name] of live.names.entries())
      expect(live.got(name).length).toBe(live.alive().filter(({ to, y }) => to === k && y !== undefined).length)
  })

  test('whoever waits in a context that is deleted is told', async () => {
    await join('a')
    const waiting = wait('a', null)
    waiting.catch(() => undefined)
    expect(await world.apply('delete', { context: 'bank' })).toBe(true)
    await expect(waiting).rejects.toMatchObject({ code: 'PERDURE_E_UNKNOWN_GROUP' })
    expect(await world.apply('delete', { context: 'bank' })).toBe(false)
  })
})
