import { describe, expect, test } from 'vitest'
import type { Listener } from '../../src/log/attachments.ts'
import { decode, encode } from '../../src/log/codec/codec.ts'
import { LocalConnection } from '../../src/log/connection.ts'
import { encodeOperation, MAX_ARGUMENT_DEPTH } from '../../src/log/operation.ts'
import { encodeFrame, type FrameToSite, PROTOCOL } from '../../src/log/wire/frames.ts'
import { connectRemote } from '../../src/log/wire/remote.ts'
import { serve } from '../../src/log/wire/server.ts'
import { spaceOver } from '../../src/mechanisms/space/space.ts'
import { encodeTemplate } from '../../src/support/template.ts'
import { pipePair } from './pipe-pair.ts'
import { seeded } from './seeded.ts'
import { VirtualClock } from './virtual-clock.ts'
import { codeOf, Raw, remote, site } from './wire-stage.ts'

interface Listed {
  readonly total: number
  readonly tuples: readonly { readonly position: number }[]
}

describe('hello', () => {
  test('is answered with protocol, log id, generation, session, position and operation codes', async () => {
    const on = await site()
    const raw = new Raw(on)
    const session = await raw.hello()
    expect(raw.frames[0]?.slice(0, 6)).toEqual(['welcome', PROTOCOL, on.log.id, 1, session, expect.any(Number)])
    expect((raw.frames[0] as readonly unknown[])[6]).toMatchObject({ 'space.out': 20 })
  })

  test.each([
    ['another protocol', ['hello', PROTOCOL + 1, 'x', null, 'bound'], 'PERDURE_E_PROTOCOL'],
    ['a foreign log id', ['hello', PROTOCOL, 'x', 'f'.repeat(32), 'bound'], 'PERDURE_E_SESSION_LOST'],
    ['anything else first', ['ping', 1], 'PERDURE_E_PROTOCOL'],
  ] as const)('%s ends the connection with an error that says so, and makes no session', async (_what, frame, code) => {
    const on = await site()
    const raw = new Raw(on)
    await raw.say(frame)
    expect(raw.last?.slice(0, 2)).toEqual(['bye', code])
    expect(raw.closed).toBe(true)
    expect(on.gateway.replica.query('site', 'sessions', [])).toEqual([])
  })

  test('twice ends the connection', async () => {
    const on = await site()
    const raw = new Raw(on)
    await raw.hello()
    await raw.hello()
    expect(raw.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_PROTOCOL'])
    expect(on.gateway.replica.query('site', 'sessions', [])).toEqual([])
  })

  test('that is not answered in 10 s is given up', async () => {
    const clock = new VirtualClock()
    const [here] = pipePair()
    expect(await clock.settle(codeOf(connectRemote(here, clock, 'x')))).toBe('PERDURE_E_TIMEOUT')
    expect(here.closed).toBe(true)
  })

  test('heartbeats need none, and are only counted', async () => {
    const on = await site()
    const beats: number[] = []
    const raw = new Raw(on, { beat: (session: number) => beats.push(session) })
    await raw.say(['beat', 7], ['beat', 8])
    expect(beats).toEqual([7, 8])
    expect(raw.frames).toEqual([])
  })
})

describe('operations', () => {
  test('of another session, or of the gateway, are refused and end the connection; nothing takes effect', async () => {
    const on = await site()
    const victim = new Raw(on)
    const session = await victim.hello()
    for (const caller of [{ kind: 'session', id: session } as const, { kind: 'gateway' } as const]) {
      const raw = new Raw(on)
      await raw.hello()
      const { position } = on.gateway.replica
      await raw.say(['ops', [encodeOperation({ caller, number: 1, code: 20 }, ['box', ['forged']])]])
      expect(raw.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_PROTOCOL'])
      expect(on.gateway.replica.position).toBeLessThanOrEqual(position + 2)
    }
    expect(on.gateway.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 0 })
    expect(victim.closed).toBe(false)
  })

  test.each(['site.leave', 'site.enter', 'site.opened', 'site.tick'])('%s from a client harms nobody', async (name) => {
    const on = await site()
    const victim = new Raw(on)
    const target = await victim.hello()
    const raw = new Raw(on)
    const session = await raw.hello()
    const code = on.gateway.replica.code(name)
    await raw.say(['ops', [encodeOperation({ caller: { kind: 'session', id: session }, number: 1, code }, [target])]])
    const sessions = on.gateway.replica.query('site', 'sessions', []) as { id: number }[]
    expect(sessions.map(({ id }) => id)).toEqual([target, session])
    await victim.say(['ops', [encodeOperation({ caller: { kind: 'session', id: target }, number: 1, code: 20 }, ['box', ['x']])]])
    expect(victim.frames.some(([type]) => type === 'replies')).toBe(true)
  })

  test('of a run count only under the fence of its placement', async () => {
    const on = await site()
    const host = new Raw(on)
    const session = await host.hello()
    const mine = { kind: 'session', id: session } as const
    await host.say([
      'ops',
      [
        encodeOperation({ caller: mine, number: 1, code: 40 }, ['n', null, 0, 'boot', 1, [['d', 'h']], 4]),
        encodeOperation({ caller: mine, number: 2, code: 46 }, [
          'd',
          'k',
          { value: [] },
          { layer: 'journal', maxTurnMs: 1, retainMs: 1 },
        ]),
      ],
    ])
    const note = host.frames.find(([type]) => type === 'note') as unknown as [string, number, [string, number, number]]
    const [, run, fence] = note[2]
    const thief = new Raw(on)
    await thief.hello()
    const out = (number: number, under: number) =>
      encodeOperation({ caller: { kind: 'run', id: run }, number, code: 20, fence: under }, ['box', [number]])
    await thief.say(['ops', [out(1, fence - 1), out(1, 0), out(1, fence + 1)]])
    expect(on.gateway.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 0 })
    await host.say(['ops', [out(1, fence), out(1, fence)]])
    expect(on.gateway.replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 1 })
  })

  test('a flood over one connection is heard in parts, and the others have their turn in between', async () => {
    const on = await site()
    const [flood, other] = [new Raw(on), new Raw(on)]
    const [flooding, patient] = [await flood.hello(), await other.hello()]
    const outs = (id: number, from: number, count: number): FrameToSite => {
      const out = (n: number) =>
        encodeOperation({ caller: { kind: 'session', id }, number: from + n, code: 20 }, [id === patient ? 'calm' : 'wet', [n]])
      return ['ops', Array.from({ length: count }, (_, n) => out(n))]
    }
    // Everything has arrived before any of it is read.
    flood.server.pause()
    await flood.say(...Array.from({ length: 16 }, (_, frame) => outs(flooding, 1 + 512 * frame, 512)))
    const seen = (space: string) => on.gateway.replica.query('space', 'tuples', [space]) as Listed
    const said = other.say(outs(patient, 1, 1))
    flood.server.resume()
    expect(seen('wet').total).toBe(1_024)
    await said
    expect(seen('wet').total).toBe(16 * 512)
    const { position = 0 } = seen('calm').tuples[0] ?? {}
    const last = on.gateway.replica.position
    expect(last - position, 'the flood went on after it').toBeGreaterThan(4 * 1_024)
  })

  test('pressure pauses reading until it is gone', async () => {
    const on = await site()
    on.log.durability = 'by hand'
    const raw = new Raw(on)
    const session = await raw.hello()
    const text = 'x'.repeat(100_000)
    let number = 0
    const out = () => encodeOperation({ caller: { kind: 'session', id: session }, number: ++number, code: 20 }, ['box', [text]])
    while (!on.gateway.pressed) await raw.say(['ops', [out()]])
    const { position } = on.gateway.replica
    await raw.say(['ops', [out()]], ['ops', [out()]])
    expect(raw.server.paused).toBe(1)
    expect(on.gateway.replica.position).toBe(position)
    on.log.durability = 'at once'
    on.log.sync()
    await on.clock.idle()
    expect(on.gateway.replica.position).toBe(position + 3)
  })
})

describe('a connection that ends', () => {
  test('drops what its session waited for', async () => {
    const on = await site()
    const gone = await remote(on)
    const waiting = codeOf(spaceOver(gone.client, 'box').in(['x']))
    await on.clock.idle()
    gone.close()
    await on.clock.idle()
    expect(await waiting).toBe('PERDURE_E_CLOSED')
    expect(on.gateway.replica.query('site', 'sessions', [])).toEqual([])
    expect(on.gateway.replica.query('space', 'waiting', [])).toMatchObject({ total: 0 })
  })

  test('by the other side rejects everything with SESSION_LOST, and nobody reconnects', async () => {
    const on = await site()
    const [here, there] = pipePair()
    serve(on.gateway, there)
    const connection = await on.clock.settle(connectRemote(here, on.clock, 'x'))
    const waiting = codeOf(spaceOver(connection.client, 'box').in(['x']))
    const asked = codeOf(connection.query('space', 'waiting', []))
    there.close()
    await on.clock.idle()
    for (const promise of [waiting, asked, codeOf(connection.query('space', 'waiting', [])), codeOf(connection.confirm())])
      expect(await promise).toBe('PERDURE_E_SESSION_LOST')
  })

  test('because the log failed tells so', async () => {
    const on = await site()
    const connection = await remote(on)
    const waiting = codeOf(spaceOver(connection.client, 'box').in(['x']))
    await on.clock.idle()
    on.log.fail(new Error('EIO'))
    await on.clock.idle()
    expect(await waiting).toBe('PERDURE_E_LOG_FAILED')
  })
})

describe('malformed bytes', () => {
  test.each([
    ['nothing', new Uint8Array(0)],
    ['no codec', Uint8Array.of(255, 1, 2)],
    ['no array', encode({ hello: 1 })],
    ['an unknown type', encode(['what'])],
    ['__proto__ as type', encode(['__proto__'])],
    ['too few fields', encode(['hello', 1])],
    ['too many fields', encode(['ping', 1, 2])],
    ['a field of the wrong kind', encode(['ops', 'x'])],
    ['a negative id', encode(['ping', -1])],
  ])('%s ends this connection with PERDURE_E_PROTOCOL and no other', async (_what, bytes) => {
    const on = await site()
    const good = new Raw(on)
    await good.hello()
    const bad = new Raw(on)
    await bad.hello()
    bad.pipe.send(bytes)
    await on.clock.idle()
    expect(bad.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_PROTOCOL'])
    expect(bad.closed).toBe(true)
    expect(good.closed).toBe(false)
    expect(on.gateway.replica.query('site', 'sessions', [])).toHaveLength(1)
  })

  test('20,000 mutated frames: never a throw, never an effect on another session, never the end of the site', async () => {
    const random = seeded(20)
    const on = await site()
    const good = await remote(on, 'good')
    const box = spaceOver(good.client, 'good')
    const taking = box.in(['for me'])
    await on.clock.settle(box.out(['kept', 1]))
    let raw = new Raw(on)
    let session = await raw.hello()
    let number = 1
    let connections = 1
    for (let i = 0; i < 20_000; i++) {
      const bytes = mutated(sample(random, session, number++), random)
      raw.server.take(bytes)
      if (i % 50 === 0) await on.clock.idle()
      if (!raw.server.closed) continue
      raw = new Raw(on)
      session = await raw.hello()
      number = 1
      connections += 1
    }
    await on.clock.idle()
    expect(connections).toBeGreaterThan(1_000)
    expect(await on.clock.settle(box.count(['kept', 1]))).toBe(1)
    const own = new LocalConnection(on.gateway, 'own')
    await on.clock.settle(spaceOver(own.client, 'good').out(['for me']))
    expect(await on.clock.settle(taking)).toEqual(['for me'])
  })
})

/** A frame as a client would send it, of any kind. */
function sample(random: () => number, session: number, number: number): FrameToSite {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const own = { kind: 'session', id: session } as const
  const run = { kind: 'run', id: 1 + Math.floor(random() * 3) } as const
  const args: Readonly<Record<number, readonly unknown[]>> = {
    5: [1],
    20: ['bad', ['x', 1]],
    21: ['bad', encodeTemplate(['x', Number]), { timeoutMs: 5 }],
    22: ['bad', encodeTemplate(['y'])],
    25: ['bad', encodeTemplate(['x', Number])],
    26: ['bad', ['f', null], [[1, { definition: 'd', layer: 'journal', retainMs: 5, maxTurnMs: 5 }, [1]]]],
    40: ['n', null, 0, 'boot', 1, [['d', 'hash']], 4],
    41: ['n', 'boot'],
    43: ['n', 'boot'],
    44: ['n', 3],
    45: [1, 2],
    46: ['d', 'key', { value: [1] }, { layer: 'journal', maxTurnMs: 5, retainMs: 5 }],
    47: ['d', 'key'],
    48: ['d', 'key', 'why'],
    58: ['n'],
  }
  const code = Number(pick(Object.keys(args)))
  const ofRun = pick([
    [49, ['step', { value: 1 }]],
    [50, [1, 1]],
    [51, [5]],
    [
      52,
      [
        [
          ['a', 1, 'process.sleep', [5]],
          ['b', 2, 'space.in', ['bad', encodeTemplate(['z'])]],
        ],
      ],
    ],
    [53, [{ value: 1 }, 0]],
    [54, [1]],
    [55, [0]],
    [56, [{ name: 'E', message: 'm' }]],
    [57, [{ value: 1 }]],
  ] as const)
  return pick<FrameToSite>([
    ['ops', [encodeOperation({ caller: own, number, code }, args[code] as readonly unknown[])]],
    ['ops', [encodeOperation({ caller: own, number, code }, args[code] as readonly unknown[])]],
    [
      'ops',
      [
        encodeOperation(
          { caller: run, number: Math.floor(random() * 4), fence: 5 + Math.floor(random() * 20), code: ofRun[0] },
          ofRun[1],
        ),
      ],
    ],
    ['ask', number, 'space', 'tuples', ['bad']],
    ['ask', number, 'process', pick(['show', 'journal', 'runs', 'status', 'nodes']), ['d', 'key', 0, 0]],
    ['blob', number, Uint8Array.of(1, 2, 3), random() < 0.5],
    ['fetch', number, 'f'.repeat(64)],
    ['ping', number],
  ])
}

/** Changes bytes, or values inside the frame: the second keeps it well formed far enough to reach the machines. */
function mutated(frame: FrameToSite, random: () => number): Uint8Array {
  const bytes = encodeFrame(random() < 0.5 ? frame : (twisted(frame, random) as FrameToSite)).slice()
  if (random() < 0.5) return bytes
  for (let n = 0; n < 1 + random() * 3; n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
  return random() < 0.1 ? bytes.slice(0, Math.floor(random() * bytes.length)) : bytes
}

const ODD: readonly unknown[] = [
  null,
  undefined,
  -1,
  Number.NaN,
  1e300,
  '',
  'x',
  3n,
  [],
  {},
  { toString: 1, valueOf: 2 },
  new Map(),
  new Uint8Array(2),
  true,
  [[[]]],
]

/** Replaces one value somewhere inside by an odd one; operations are opened for it. */
function twisted(value: unknown, random: () => number): unknown {
  if (value instanceof Uint8Array) return twistedOperation(value, random)
  if (Array.isArray(value) && value.length > 0 && random() < 0.85) {
    const at = Math.floor(random() * value.length)
    return value.map((item, i) => (i === at ? twisted(item, random) : item))
  }
  if (typeof value === 'object' && value !== null && random() < 0.7) {
    const keys = Object.keys(value)
    const at = keys[Math.floor(random() * keys.length)]
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === at ? twisted(item, random) : item]))
  }
  return ODD[Math.floor(random() * ODD.length)]
}

/** The arguments are the last value of an operation: they are found by trying, and replaced. */
function twistedOperation(bytes: Uint8Array, random: () => number): Uint8Array {
  for (let from = 3; from < bytes.length; from++) {
    let args: unknown
    try {
      args = decode(bytes.subarray(from))
    } catch {
      continue
    }
    if (!Array.isArray(args)) continue
    const odd = twisted(args, random)
    return Buffer.concat([bytes.subarray(0, from), encode(Array.isArray(odd) ? odd : [odd])])
  }
  return bytes
}

describe('values nested too deep for the way back', () => {
  /** `levels` arrays, one in the other. */
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])

  test('are refused on the way in, and the deepest that is taken comes back to everybody', async () => {
    const on = await site()
    const box = spaceOver((await remote(on)).client, 'box')
    expect(await on.clock.settle(codeOf(box.out(['deep', nested(MAX_ARGUMENT_DEPTH)])))).toBe('PERDURE_E_VALUE')
    await on.clock.settle(box.out(['deep', nested(MAX_ARGUMENT_DEPTH - 1)]))
    expect(await on.clock.settle(box.in(['deep', Array]))).toEqual(['deep', nested(MAX_ARGUMENT_DEPTH - 1)])
  })

  test('end in an error for who asks for them, when a hostile client has put them, and the site goes on', async () => {
    const on = await site()
    const raw = new Raw(on)
    const session = await raw.hello()
    const caller = { kind: 'session', id: session } as const
    const header = encodeOperation({ caller, number: 1, code: on.gateway.replica.code('space.out') }, [])
    const deep = encode(['box', ['deep', nested(61)]])
    await raw.say(['ops', [Buffer.concat([header.subarray(0, -1), deep])]])
    const other = await remote(on)
    const box = spaceOver(other.client, 'box')
    expect(await on.clock.settle(box.count(['deep', Array]))).toBe(1)
    expect(await on.clock.settle(codeOf(box.rd(['deep', Array])))).toBe('PERDURE_E_VALUE')
    await on.clock.settle(box.out(['fine']))
    expect(await on.clock.settle(box.in(['fine']))).toEqual(['fine'])
  })

  test('a connection that breaks over a note is left after the operation, not in its middle', async () => {
    const on = await site()
    const fragile: Listener = {
      reply: () => undefined,
      durableTo: () => undefined,
      note: () => on.gateway.leave(session, fragile),
      closed: () => undefined,
    }
    const session = on.gateway.enter('fragile', fragile)
    const caller = { kind: 'session', id: session } as const
    const node = ['n', null, 0, 'boot', 1, [], 1]
    on.gateway.submit(encodeOperation({ caller, number: 1, code: on.gateway.replica.code('process.node') }, node))
    on.gateway.submitOwn('process.leave', ['n', 'boot'])
    await on.clock.settle(on.gateway.durable())
    expect(on.gateway.replica.query('site', 'sessions', [])).toEqual([])
  })
})
