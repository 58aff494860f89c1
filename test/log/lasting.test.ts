/** Sessions that last: who may go on with one, how long it is waited for, and what becomes of the client meanwhile. */
import { describe, expect, test } from 'vitest'
import { REATTACH_MS } from '../../src/log/attachments.ts'
import { LocalConnection } from '../../src/log/connection.ts'
import { encodeOperation } from '../../src/log/operation.ts'
import { MAX_OPEN } from '../../src/log/sessions.ts'
import type { Site } from '../../src/log/site.ts'
import { type FrameFromSite, type HelloAs, PROTOCOL } from '../../src/log/wire/frames.ts'
import { connectLasting } from '../../src/log/wire/remote.ts'
import { type Space, spaceOver } from '../../src/mechanisms/space/space.ts'
import { encodeTemplate } from '../../src/support/template.ts'
import { ReattachStage } from './reattach-stage.ts'
import { codeOf, Raw, site, type TestSite } from './wire-stage.ts'

const boxOf = (of: Site): Space => spaceOver(of.issuer, 'box')

async function attached(): Promise<{ stage: ReattachStage; guest: Site; box: Space; ours: Space }> {
  const stage = await ReattachStage.open()
  const guest = await stage.attach()
  return { stage, guest, box: boxOf(guest), ours: oursOn(stage) }
}

/** The space as the present owner's own program sees it. */
function oursOn(stage: ReattachStage): Space {
  return spaceOver(new LocalConnection(stage.gateway as never, 'ours').client, 'box')
}

async function welcomed(on: TestSite, as: HelloAs): Promise<{ raw: Raw; session: number; secret: string }> {
  const raw = new Raw(on)
  await raw.say(['hello', PROTOCOL, 'raw', null, as])
  const welcome = raw.frames[0] as FrameFromSite & readonly unknown[]
  return { raw, session: welcome[4] as number, secret: welcome[7] as string }
}

const repliesOf = ({ frames }: Raw) => frames.flatMap((frame) => (frame[0] === 'replies' ? frame[2] : []))

const sessionsOf = (on: TestSite) => (on.gateway.replica.query('site', 'sessions', []) as { id: number }[]).map(({ id }) => id)

const endings = async (on: TestSite): Promise<readonly string[]> => {
  const { entries } = (await on.clock.settle(on.gateway.query('log', 'entries', [1, 1_000]))) as {
    entries: { operation: string; preview: string }[]
  }
  return entries.filter(({ operation }) => operation === 'site.leave').map(({ preview }) => preview)
}

describe('who goes on with a session', () => {
  test('proves it by the secret that came with it, of which the log has only a hash', async () => {
    const on = await site()
    const { raw, session, secret } = await welcomed(on, 'lasting')
    expect(secret).toMatch(/^[0-9a-f]{32}$/)
    for await (const { bytes } of on.log.read(1)) expect(Buffer.from(bytes).includes(secret)).toBe(false)
    raw.pipe.close()
    await on.clock.idle()
    const again = await welcomed(on, [session, secret])
    expect(again.session).toBe(session)
    expect(again.secret).toBe('')
    expect(sessionsOf(on)).toEqual([session])
  })

  test('is refused with one answer, whatever is wrong', async () => {
    const on = await site()
    const lasting = await welcomed(on, 'lasting')
    const bound = await welcomed(on, 'bound')
    const wrong: HelloAs[] = [
      [lasting.session, 'f'.repeat(32)],
      [lasting.session, ''],
      [bound.session, ''],
      [bound.session, lasting.secret],
      [lasting.session + 1_000, lasting.secret],
    ]
    const answers = new Set<string>()
    for (const as of wrong) answers.add(JSON.stringify((await welcomed(on, as)).raw.frames))
    expect(answers.size).toBe(1)
    expect([...answers][0]).toContain('PERDURE_E_SESSION_LOST')
    expect(sessionsOf(on)).toEqual([lasting.session, bound.session])
    expect(lasting.raw.closed).toBe(false)
  })

  test('takes it from an older connection, of which nothing is heard any more', async () => {
    const on = await site()
    const { raw, session, secret } = await welcomed(on, 'lasting')
    const newer = await welcomed(on, [session, secret])
    expect(raw.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_SESSION_LOST'])
    const out = { caller: { kind: 'session', id: session }, number: 1, code: on.gateway.replica.code('space.out') } as const
    await raw.say(['ops', [encodeOperation(out, ['box', ['old']])]], ['bye'])
    await newer.raw.say(['ops', [encodeOperation(out, ['box', ['new']])]])
    expect(on.gateway.replica.query('space', 'tuples', ['box'])).toMatchObject({ tuples: [{ tuple: ['new'] }] })
    expect(newer.raw.last?.[0]).toBe('replies')
  })

  test('hears no notes and sends no operations of runs', async () => {
    const on = await site()
    const { raw, session } = await welcomed(on, 'lasting')
    const caller = { kind: 'session', id: session } as const
    const node = encodeOperation({ caller, number: 1, code: on.gateway.replica.code('process.node') }, [
      'n',
      null,
      0,
      'b',
      1,
      [],
      1,
    ])
    await raw.say(['ops', [node]])
    on.gateway.submitOwn('process.leave', ['n', 'b'])
    await on.clock.idle()
    expect(raw.frames.map(([type]) => type)).not.toContain('note')
    const ofRun = { caller: { kind: 'run', id: 1 }, number: 1, code: on.gateway.replica.code('space.out'), fence: 1 } as const
    await raw.say(['ops', [encodeOperation(ofRun, ['box', ['x']])]])
    expect(raw.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_PROTOCOL'])
  })
})

describe('the end of a session', () => {
  test('comes at once with a goodbye, and is written as one', async () => {
    const on = await site()
    const { raw, session } = await welcomed(on, 'lasting')
    await raw.say(['bye'])
    expect(sessionsOf(on)).toEqual([])
    expect(await endings(on)).toEqual([`[${session}]`])
  })

  test('comes after REATTACH_MS without a connection, and not before; what it waited for is free then', async () => {
    const on = await site()
    const { raw, session, secret } = await welcomed(on, 'lasting')
    raw.pipe.close()
    await on.clock.advance(REATTACH_MS - 1)
    expect(sessionsOf(on)).toEqual([session])
    const again = await welcomed(on, [session, secret])
    await on.clock.advance(REATTACH_MS)
    expect(sessionsOf(on)).toEqual([session])
    again.raw.pipe.close()
    await on.clock.advance(REATTACH_MS)
    expect(sessionsOf(on)).toEqual([])
    expect(await endings(on)).toEqual([`[${session}, "lost"]`])
    expect((await welcomed(on, [session, secret])).raw.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_SESSION_LOST'])
  })

  test('that is bound comes with its connection, and is written as a loss', async () => {
    const on = await site()
    const { raw, session } = await welcomed(on, 'bound')
    raw.pipe.close()
    await on.clock.idle()
    expect(sessionsOf(on)).toEqual([])
    expect(await endings(on)).toEqual([`[${session}, "lost"]`])
  })

  test('comes at once for a client that breaks the rules', async () => {
    const on = await site()
    const { raw } = await welcomed(on, 'lasting')
    await raw.say(['hello', PROTOCOL, 'raw', null, 'lasting'])
    expect(raw.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_PROTOCOL'])
    expect(sessionsOf(on)).toEqual([])
  })

  test('whose welcome could not be given comes at once: nobody knows it', async () => {
    const on = await site()
    on.log.durability = 'by hand'
    const early = new Raw(on)
    await early.say(['hello', PROTOCOL, 'raw', null, 'lasting'])
    expect(early.frames).toEqual([])
    early.pipe.close()
    await on.clock.idle()
    expect(sessionsOf(on)).toEqual([])
    on.log.sync()
    await on.clock.idle()
    expect(early.frames).toEqual([])
  })

  test('of a client that died with its owner comes REATTACH_MS after the next one has opened, and its takers take nothing more', async () => {
    const { stage, guest, box } = await attached()
    const waiting = codeOf(box.in(['prey']))
    await stage.clock.settle(guest.durable())
    stage.hold()
    stage.replaceOwner()
    await stage.clock.advance(1_000)
    const ours = oursOn(stage)
    await stage.clock.advance(REATTACH_MS - 1_500)
    expect(stage.clients()).toHaveLength(1)
    await stage.clock.advance(1_500)
    expect(stage.clients()).toEqual([])
    await stage.clock.settle(ours.out(['prey']))
    expect(await stage.clock.settle(ours.count(['prey']))).toBe(1)
    expect(await stage.clock.settle(waiting)).toBe('PERDURE_E_SESSION_LOST')
  })
})

describe('a client without its site', () => {
  test('waits, and goes on as if nothing had been; its position stays', async () => {
    const { stage, guest, box } = await attached()
    await stage.clock.settle(box.out(['before']))
    const { position } = guest
    const taking = box.in(['later'])
    await stage.clock.idle()
    stage.replaceOwner()
    await stage.clock.idle()
    const outs = Promise.all([box.out(['during', 1]), box.out(['during', 2])])
    const durable = guest.durable()
    expect(guest.position).toBe(position)
    await stage.clock.settle(outs)
    await stage.clock.settle(durable)
    expect(guest.position).toBeGreaterThanOrEqual(position)
    await stage.clock.settle(oursOn(stage).out(['later']))
    expect(await stage.clock.settle(taking)).toEqual(['later'])
    expect(await stage.clock.settle(box.count(['during', Number]))).toBe(2)
  })

  test('gives up after its grace: what waits has an unknown outcome, and everything later is refused with the reason', async () => {
    const { stage, guest, box } = await attached()
    const waiting = [codeOf(box.in(['x'])), codeOf(guest.durable()), codeOf(guest.link.main.query('space', 'spaces', []))]
    stage.hold()
    stage.breakAll()
    const queued = codeOf(box.out(['y']))
    await stage.clock.advance(REATTACH_MS - 1)
    expect(await Promise.race([queued, 'still waits'])).toBe('still waits')
    await stage.clock.advance(1)
    for (const each of [...waiting, queued, codeOf(box.out(['z']))]) expect(await each).toBe('PERDURE_E_SESSION_LOST')
  })

  test('closes at once', async () => {
    const { stage, guest, box } = await attached()
    const waiting = codeOf(box.in(['x']))
    stage.hold()
    stage.breakAll()
    await stage.clock.idle()
    await guest.close()
    expect(await waiting).toBe('PERDURE_E_CLOSED')
    const { timers } = stage.clock
    await stage.clock.advance(REATTACH_MS)
    expect(stage.clock.timers).toBeLessThan(timers)
  })

  test('can give up one operation: what was not sent at once, what was when the log has decided', async () => {
    const { stage, box } = await attached()
    const [sent, unsent] = [new AbortController(), new AbortController()]
    const first = box.in(['x'], { signal: sent.signal }).catch((error: Error) => error.message)
    await stage.clock.idle()
    stage.hold()
    stage.breakAll()
    await stage.clock.idle()
    const second = box.in(['x'], { signal: unsent.signal }).catch((error: Error) => error.message)
    sent.abort(new Error('given up'))
    unsent.abort(new Error('never sent'))
    expect(await second).toBe('never sent')
    expect(await Promise.race([first, 'still waits'])).toBe('still waits')
    // The tuple was there before the withdrawal: the log decides for it.
    await stage.clock.settle(oursOn(stage).out(['x']))
    stage.release()
    expect(await stage.clock.settle(first)).toEqual(['x'])
  })

  test('queues so many operations and so many bytes, and refuses more with PERDURE_E_BUSY', async () => {
    const { stage, box } = await attached()
    stage.hold()
    stage.breakAll()
    await stage.clock.idle()
    const text = 'x'.repeat(100_000)
    const outs = Array.from({ length: 700 }, (_, n) => codeOf(box.out([n, text])))
    const refused = (await Promise.all(outs.slice(690))).filter((code) => code === 'PERDURE_E_BUSY')
    expect(refused).toHaveLength(10)
    stage.release()
    const came = await stage.clock.settle(Promise.all(outs))
    const taken = came.filter((each) => each !== 'PERDURE_E_BUSY').length
    expect(taken).toBeGreaterThan(600)
    expect(taken).toBeLessThanOrEqual(Math.ceil((64 * 1024 * 1024) / 100_000))
    expect(await stage.clock.settle(box.count([Number, String]))).toBe(taken)
  })

  test('is told when another log has taken the place of its own', async () => {
    const { stage, box } = await attached()
    const waiting = codeOf(box.in(['x']))
    const other = await ReattachStage.open()
    await stage.clock.idle()
    stage.leadTo(other)
    stage.breakAll()
    await stage.clock.advance(1_000)
    await other.clock.idle()
    await stage.clock.idle()
    expect(await Promise.race([waiting, 'still waits'])).toBe('PERDURE_E_SESSION_LOST')
  })
})

describe('many', () => {
  test('200 clients that lose their site over and over all come back, and what they asked for is done once', async () => {
    const stage = await ReattachStage.open()
    const guests = await Promise.all(
      Array.from({ length: 200 }, () => connectLasting(stage.way, stage.clock, 'client')).map((each) => stage.clock.settle(each)),
    )
    const boxes = guests.map(({ client }) => spaceOver(client, 'box'))
    for (let round = 0; round < 5; round += 1) {
      const outs = boxes.map((box, who) => box.out(['from', who, round]))
      if (round % 2 === 0) stage.replaceOwner()
      else stage.breakAll()
      await stage.clock.settle(Promise.all(outs))
    }
    expect(stage.clients()).toHaveLength(200)
    const box = boxes[0] as Space
    for (let round = 0; round < 5; round += 1) expect(await stage.clock.settle(box.count(['from', Number, round]))).toBe(200)
    for (const guest of guests) guest.close()
    await stage.clock.idle()
    expect(stage.clients()).toEqual([])
  })
})

describe('a client that does not read', () => {
  test('is not read from, and what it is to be told waits until it reads again', async () => {
    const on = await site()
    const { raw, session } = await welcomed(on, 'lasting')
    const { replica } = on.gateway
    const caller = { kind: 'session', id: session } as const
    const operation = (number: number, name: string, ...args: readonly unknown[]) =>
      encodeOperation({ caller, number, code: replica.code(name) }, args)
    await raw.say(['ops', [operation(1, 'space.out', 'box', ['x'.repeat(100_000)])]])
    raw.pipe.pause()
    raw.server.room = 1_000_000
    const template = encodeTemplate([String])
    const before = replica.position
    for (let frame = 0; frame < 100; frame += 1) {
      await raw.say(['ops', Array.from({ length: 10 }, (_, n) => operation(2 + frame * 10 + n, 'space.rd', 'box', template))])
    }
    // Two records each, at most, until the pipe is full: of the rest nothing has been taken.
    expect(replica.position - before).toBeLessThan(100)
    expect(raw.server.unread).toBeLessThan(3_000_000)
    expect(raw.pipe.unread).toBeGreaterThan(0)
    raw.pipe.resume()
    await on.clock.until(() => repliesOf(raw).length === 1_001)
    expect(repliesOf(raw).map(([number]) => number)).toEqual(Array.from({ length: 1_001 }, (_, n) => n + 1))
  })

  test('and waits for much at once is told it piece by piece', async () => {
    const on = await site()
    const { raw, session } = await welcomed(on, 'lasting')
    const { replica } = on.gateway
    const caller = { kind: 'session', id: session } as const
    const template = encodeTemplate([String])
    const reads = Array.from({ length: 500 }, (_, n) =>
      encodeOperation({ caller, number: n + 1, code: replica.code('space.rd') }, ['box', template]),
    )
    await raw.say(['ops', reads])
    raw.pipe.pause()
    raw.server.room = 1_000_000
    const out = { caller, number: 501, code: replica.code('space.out') } as const
    await raw.say(['ops', [encodeOperation(out, ['box', ['x'.repeat(100_000)]])]])
    expect(raw.server.unread).toBeLessThan(2_000_000)
    raw.pipe.resume()
    await on.clock.until(() => repliesOf(raw).length === 501)
  })

  test('gets its blobs one after the other, as it reads them', async () => {
    const on = await site()
    const { raw } = await welcomed(on, 'bound')
    const bytes = new Uint8Array(3_000_000).fill(5)
    const hash = await on.gateway.log.blobs.put(bytes)
    raw.pipe.pause()
    raw.server.room = 1_000_000
    await raw.say(...Array.from({ length: 20 }, (_, id) => ['fetch', id, hash] as const))
    expect(raw.server.unread).toBeLessThan(2_000_000)
    raw.pipe.resume()
    const pieces = () => raw.frames.flatMap((frame) => (frame[0] === 'blob' ? [frame] : []))
    await on.clock.until(() => pieces().filter(([, , , last]) => last).length === 20)
    expect(pieces().reduce((sum, [, , piece]) => sum + piece.length, 0)).toBe(60_000_000)
    expect(
      pieces()
        .filter(([, , , last]) => last)
        .map(([, id]) => id),
    ).toEqual(Array.from({ length: 20 }, (_, id) => id))
  })
})

describe('what is kept', () => {
  /** Replies kept for sessions, as a snapshot would have them. */
  const kept = (stage: ReattachStage) =>
    [...(stage.gateway?.replica.snapshot() ?? [])].flatMap(([section, part]) =>
      section === 'site' && (part as unknown[])[0] === 'kept' ? (part as [0, 0, unknown[]])[2] : [],
    ).length

  test('for a client that has received everything and falls silent is given up', async () => {
    const { stage, box } = await attached()
    await stage.clock.settle(Promise.all(Array.from({ length: 2_000 }, (_, n) => box.out(['n', n]))))
    expect(kept(stage)).toBeGreaterThan(1_000)
    await stage.clock.advance(2_000)
    expect(kept(stage)).toBeLessThan(3)
    const position = stage.gateway?.replica.position
    await stage.clock.advance(20_000)
    expect(stage.gateway?.replica.position).toBe(position)
  })

  test('with all places taken by blocked takers, one can still give up', async () => {
    const { stage, box } = await attached()
    const giving = new AbortController()
    const takers = Array.from({ length: MAX_OPEN }, (_, n) =>
      box.in(['x', n], n === 7 ? { signal: giving.signal } : {}).catch((error: Error) => error.message),
    )
    const queued = box.out(['late'])
    await stage.clock.idle()
    giving.abort(new Error('enough'))
    expect(await stage.clock.settle(takers[7] as Promise<unknown>)).toBe('enough')
    await stage.clock.settle(queued)
  })
})
