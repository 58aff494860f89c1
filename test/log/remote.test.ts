/** The client's end of a connection: over a pipe in memory, and over a real socket. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { encode } from '../../src/log/codec/codec.ts'
import type { Gateway } from '../../src/log/gateway.ts'
import { encodeOperation } from '../../src/log/operation.ts'
import { decodeFrameFromSite, encodeFrame, type FrameFromSite, MAX_FRAME, PROTOCOL } from '../../src/log/wire/frames.ts'
import { connectRemote } from '../../src/log/wire/remote.ts'
import { serve } from '../../src/log/wire/server.ts'
import { pipeOver } from '../../src/log/wire/stream-pipe.ts'
import { spaceOver } from '../../src/mechanisms/space/space.ts'
import { openGateway } from '../../src/node/compose.ts'
import { connectSocket } from '../../src/node/connect.ts'
import { encodeTemplate } from '../../src/support/template.ts'
import { ArrayLog, shelf } from './array-log.ts'
import { pipePair } from './pipe-pair.ts'
import { VirtualClock } from './virtual-clock.ts'
import { codeOf, Raw, remote, site } from './wire-stage.ts'

describe('blobs', () => {
  test('of one megabyte travel both ways in pieces', async () => {
    const on = await site()
    const connection = await remote(on)
    const bytes = new Uint8Array(1_000_000).map((_, i) => i % 251)
    const hash = await on.clock.settle(connection.blobs.put(bytes))
    expect(Buffer.compare(await on.clock.settle(connection.blobs.get(hash)), bytes)).toBe(0)
    const empty = await on.clock.settle(connection.blobs.put(new Uint8Array(0)))
    expect(await on.clock.settle(connection.blobs.get(empty))).toHaveLength(0)
  })

  test('that are not there are an error, as is a name that is none', async () => {
    const on = await site()
    const connection = await remote(on)
    expect(await on.clock.settle(codeOf(connection.blobs.get('f'.repeat(64))))).toBe('PERDURE_E_BLOB')
    expect(await on.clock.settle(codeOf(connection.blobs.get('../../etc/passwd')))).toBe('PERDURE_E_BLOB')
  })

  test('uploads without end are refused', async () => {
    const on = await site()
    const raw = new Raw(on)
    await raw.hello()
    for (let id = 0; id < 65; id++) raw.pipe.send(encodeFrame(['blob', id, Uint8Array.of(1), false]))
    await on.clock.idle()
    expect(raw.last?.slice(0, 2)).toEqual(['bye', 'PERDURE_E_BUSY'])
  })
})

describe('a remote client', () => {
  test('does what a local one does', async () => {
    const on = await site()
    const connection = await remote(on)
    const box = spaceOver(connection.client, 'box')
    await on.clock.settle(box.out(['n', 1]))
    expect(await on.clock.settle(box.rd(['n', Number]))).toEqual(['n', 1])
    expect(await on.clock.settle(box.in(['n', Number]))).toEqual(['n', 1])
    expect(await on.clock.settle(box.inp(['n', Number]))).toBeNull()
    const controller = new AbortController()
    const waiting = box.in(['x'], { signal: controller.signal }).catch((error: Error) => error.message)
    await on.clock.idle()
    controller.abort(new Error('enough'))
    expect(await on.clock.settle(waiting)).toBe('enough')
    expect(await on.clock.settle(connection.query('space', 'tuples', ['box']))).toMatchObject({ total: 0 })
    expect(await on.clock.settle(codeOf(connection.query('space', 'what?', [])))).toBe('PERDURE_E_PROTOCOL')
  })

  test('hears of a reply only when it is durable, and durable() waits for all it sent', async () => {
    const on = await site()
    const connection = await remote(on)
    on.log.durability = 'by hand'
    let resolved = 0
    const count = () => {
      resolved += 1
    }
    void spaceOver(connection.client, 'box').out(['x']).then(count)
    void connection.durable().then(count)
    await on.clock.idle()
    expect(resolved).toBe(0)
    on.log.sync()
    await on.clock.idle()
    on.log.sync()
    await on.clock.idle()
    expect(resolved).toBe(2)
  })

  test('many large operations and replies are split over frames', async () => {
    const on = await site()
    const connection = await remote(on)
    const box = spaceOver(connection.client, 'box')
    const text = 'x'.repeat(100_000)
    await on.clock.settle(Promise.all(Array.from({ length: 40 }, (_, i) => box.out([i, text]))))
    const taken = await on.clock.settle(Promise.all(Array.from({ length: 40 }, () => box.in([Number, String]))))
    expect(taken.map(([n]) => n)).toEqual(Array.from({ length: 40 }, (_, i) => i))
  })

  test('meets malformed frames of the site with the end of the connection', async () => {
    const clock = new VirtualClock()
    const [here, there] = pipePair()
    const connecting = connectRemote(here, clock, 'x')
    there.send(encodeFrame(['welcome', PROTOCOL, 'a'.repeat(32), 1, 5, 0, { 'space.out': 20 }, '']))
    const connection = await clock.settle(connecting)
    const out = codeOf(spaceOver(connection.client, 'box').out(['x']))
    there.send(encode(['replies', 'x']))
    expect(await clock.settle(out)).toBe('PERDURE_E_PROTOCOL')
    expect(here.closed).toBe(true)
  })
})

describe('over a real socket', () => {
  let folder: string
  let server: Server
  let gateway: Gateway
  let socket: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'perdure-'))
    socket = join(folder, 's')
    gateway = await openGateway(new ArrayLog(shelf()), systemClock)
    server = createServer((stream) => serve(gateway, pipeOver(stream)))
    await new Promise<void>((resolve) => server.listen(socket, resolve))
  })

  afterEach(async () => {
    await gateway.close()
    server.close()
    await rm(folder, { recursive: true })
  })

  test('operations, blobs and the end of the site arrive', async () => {
    const connection = await connectSocket(socket, systemClock, 'x')
    const box = spaceOver(connection.client, 'box')
    await Promise.all(Array.from({ length: 2_000 }, (_, i) => box.out([i])))
    expect(await box.count([Number])).toBe(2_000)
    const bytes = new Uint8Array(3_000_000).fill(7)
    expect(await connection.blobs.get(await connection.blobs.put(bytes))).toHaveLength(3_000_000)
    const waiting = codeOf(box.in(['x']))
    await box.count([Number])
    await gateway.close()
    expect(await waiting).toBe('PERDURE_E_CLOSED')
  })

  test('a message over 1 MiB ends the connection, and the site lives on', async () => {
    const { connect } = await import('node:net')
    const raw = connect(socket)
    await new Promise((resolve) => raw.once('connect', resolve))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(MAX_FRAME + 1)
    raw.write(length)
    await new Promise((resolve) => raw.once('close', resolve).resume())
    const connection = await connectSocket(socket, systemClock, 'x')
    expect(await spaceOver(connection.client, 'box').count(['x'])).toBe(0)
    connection.close()
  })

  test('a client that does not read is not read from, others go on, and it gets everything once it reads', async () => {
    const { connect } = await import('node:net')
    const stream = connect(socket)
    await new Promise((resolve) => stream.once('connect', resolve))
    const pipe = pipeOver(stream)
    let welcomed: (frame: FrameFromSite) => void
    const welcome = new Promise<FrameFromSite>((resolve) => {
      welcomed = resolve
    })
    let replies = 0
    let answered: () => void
    const allAnswered = new Promise<void>((resolve) => {
      answered = resolve
    })
    const reads = 10_000
    const message = (bytes: Uint8Array) => {
      const frame = decodeFrameFromSite(bytes)
      if (frame[0] === 'welcome') welcomed(frame)
      if (frame[0] === 'replies') replies += frame[2].length
      if (replies === reads + 1) answered()
    }
    pipe.receive({ message, closed: () => undefined })
    pipe.send(encodeFrame(['hello', PROTOCOL, 'lazy', null, 'bound']))
    const caller = { kind: 'session', id: ((await welcome) as readonly unknown[])[4] as number } as const
    const operation = (number: number, name: string, ...args: readonly unknown[]) =>
      encodeOperation({ caller, number, code: gateway.replica.code(name) }, args)
    pipe.pause()
    pipe.send(encodeFrame(['ops', [operation(1, 'space.out', 'box', ['x'.repeat(8_000)])]]))
    const template = encodeTemplate([String])
    for (let n = 0; n < reads; n += 1) pipe.send(encodeFrame(['ops', [operation(n + 2, 'space.rd', 'box', template)]]))
    const other = await connectSocket(socket, systemClock, 'busy')
    const box = spaceOver(other.client, 'box')
    for (let n = 0; n < 200; n += 1) await box.out([n])
    // The replies are 80 MB; what sockets and pipes hold is some, and what they hold of the questions some thousands.
    expect(gateway.replica.position).toBeLessThan(reads / 2)
    pipe.resume()
    await allAnswered
    other.close()
    pipe.close()
  })

  test('a socket that is not there is an error that says so', async () => {
    expect(await codeOf(connectSocket(join(folder, 'none'), systemClock, 'x'))).toBe('PERDURE_E_SESSION_LOST')
  })
})
