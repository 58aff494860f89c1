/** The client: numbers, waiting, giving up, the end of its session. */
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import { Client, type Link } from '../../src/log/client.ts'
import { decodeOperation, type IncomingOperation } from '../../src/log/operation.ts'
import { MAX_OPEN } from '../../src/log/sessions.ts'

const CODES: Readonly<Record<string, number>> = { 'a.do': 1, 'site.withdraw': 5 }
const NAMES = new Map(Object.entries(CODES).map(([name, code]) => [code, name]))

class Wire implements Link {
  readonly sent: IncomingOperation[] = []
  pressed = false
  lasting = false
  #resumes: (() => void)[] = []

  send(bytes: Uint8Array): void {
    this.sent.push(decodeOperation(bytes, 0, bytes.length, NAMES))
  }

  whenRelieved(resume: () => void): void {
    if (this.pressed) this.#resumes.push(resume)
    else resume()
  }

  relieve(): void {
    this.pressed = false
    const resumes = this.#resumes
    this.#resumes = []
    for (const resume of resumes) resume()
  }
}

function connected(): { wire: Wire; client: Client } {
  const wire = new Wire()
  return { wire, client: new Client(7, wire, (name) => CODES[name] as number) }
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error: PerdureError) => error.code ?? (error as Error).message,
  )

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('numbers', () => {
  test('operations are numbered from 1 in the order of the calls, and sent in it', () => {
    const { wire, client } = connected()
    for (let i = 0; i < 5; i++) void client.issue('a.do', [i])
    expect(wire.sent.map(({ number, args }) => [number, args[0]])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 4],
    ])
    expect(wire.sent[0]?.caller).toEqual({ kind: 'session', id: 7 })
  })

  test('an operation that cannot be encoded has no number and was not sent', async () => {
    const { wire, client } = connected()
    void client.issue('a.do', [1])
    expect(await codeOf(client.issue('a.do', [() => 1]))).toBe('PERDURE_E_VALUE')
    void client.issue('a.do', [2])
    expect(wire.sent.map(({ number }) => number)).toEqual([1, 2])
  })

  test('arguments are taken at the call, also when the operation must wait to be sent', () => {
    const { wire, client } = connected()
    const args = [{ n: 1 }]
    void client.issue('a.do', args)
    wire.pressed = true
    void client.issue('a.do', args)
    ;(args[0] as { n: number }).n = 2
    wire.relieve()
    expect(wire.sent.map(({ args: [arg] }) => arg)).toEqual([{ n: 1 }, { n: 1 }])
  })
})

describe('replies', () => {
  test('settle their promise by number, in any order, once', async () => {
    const { client } = connected()
    const [one, two] = [client.issue('a.do', []), client.issue('a.do', [])]
    client.reply(2, { value: 'second' })
    client.reply(1, { error: { name: 'PerdureError', code: 'PERDURE_E_VALUE', message: 'no' } })
    client.reply(1, { value: 'again' })
    client.reply(99, { value: 'nobody asked' })
    expect(await codeOf(one)).toBe('PERDURE_E_VALUE')
    expect(await two).toBe('second')
    expect(client.open).toBe(0)
  })

  test('what was received is told with the next operations, as ranges, each once', () => {
    const { wire, client } = connected()
    for (let i = 0; i < 6; i++) void client.issue('a.do', [])
    for (const number of [1, 2, 3, 5]) client.reply(number, { value: null })
    void client.issue('a.do', [])
    void client.issue('a.do', [])
    client.reply(4, { value: null })
    client.reply(6, { value: null })
    void client.issue('a.do', [])
    expect(wire.sent.slice(6).map(({ received }) => received)).toEqual([
      [
        [1, 3],
        [5, 5],
      ],
      [],
      [
        [4, 4],
        [6, 6],
      ],
    ])
  })

  test('an operation that cannot be encoded does not lose what it would have told', async () => {
    const { wire, client } = connected()
    void client.issue('a.do', [])
    client.reply(1, { value: null })
    await codeOf(client.issue('a.do', [() => 1]))
    void client.issue('a.do', [])
    expect(wire.sent[1]?.received).toEqual([[1, 1]])
  })

  test('more than 64 ranges are told over several operations', () => {
    const { wire, client } = connected()
    for (let i = 0; i < 300; i++) void client.issue('a.do', [])
    for (let number = 1; number <= 300; number += 2) client.reply(number, { value: null })
    for (let i = 0; i < 4; i++) void client.issue('a.do', [])
    const told = wire.sent.slice(300).map(({ received }) => received.length)
    expect(told).toEqual([64, 64, 22, 0])
  })
})

describe('giving up', () => {
  test('a signal that has aborted keeps the operation from being sent', async () => {
    const { wire, client } = connected()
    expect(await codeOf(client.issue('a.do', [], { signal: AbortSignal.abort(new Error('before')) }))).toBe('before')
    expect(wire.sent).toEqual([])
  })

  test('an abort while waiting sends a withdrawal; the promise waits for the word of the log', async () => {
    const { wire, client } = connected()
    const controller = new AbortController()
    const waiting = codeOf(client.issue('a.do', [], { signal: controller.signal }))
    let settled = false
    void waiting.then(() => {
      settled = true
    })
    controller.abort(new Error('enough'))
    await turn()
    expect(wire.sent.map(({ name, args }) => [name, args])).toEqual([
      ['a.do', []],
      ['site.withdraw', [1]],
    ])
    expect(settled).toBe(false)
    client.reply(1, { error: { name: 'PerdureError', code: 'PERDURE_E_ABORTED', message: 'withdrawn' } })
    expect(await waiting).toBe('enough')
  })

  test('a tie is decided by the log: if the reply came first, it counts', async () => {
    const { client } = connected()
    const controller = new AbortController()
    const waiting = client.issue('a.do', [], { signal: controller.signal })
    controller.abort(new Error('too late'))
    client.reply(1, { value: 'taken' })
    expect(await waiting).toBe('taken')
  })

  test('an abort of an operation that waits to be sent takes it back', async () => {
    const { wire, client } = connected()
    wire.pressed = true
    const controller = new AbortController()
    const waiting = codeOf(client.issue('a.do', [1], { signal: controller.signal }))
    void client.issue('a.do', [2])
    controller.abort(new Error('enough'))
    expect(await waiting).toBe('enough')
    wire.relieve()
    expect(wire.sent.map(({ args, number }) => [number, args[0]])).toEqual([[1, 2]])
  })

  test('an owner gives up all that is its own and nothing else', async () => {
    const { wire, client } = connected()
    const [mine, other] = [{}, {}]
    void client.issue('a.do', [], { owner: mine }).catch(() => undefined)
    void client.issue('a.do', [], { owner: other })
    client.withdraw(mine, new Error('closed'))
    expect(wire.sent.slice(2).map(({ args }) => args)).toEqual([[1]])
  })

  test('a settled operation no longer listens to its signal', async () => {
    const { wire, client } = connected()
    const controller = new AbortController()
    const done = client.issue('a.do', [], { signal: controller.signal })
    client.reply(1, { value: 1 })
    await done
    controller.abort()
    expect(wire.sent).toHaveLength(1)
  })
})

describe('bounds', () => {
  test(`at most ${MAX_OPEN} operations are under way; the next go when replies come, in order`, () => {
    const { wire, client } = connected()
    for (let i = 0; i < MAX_OPEN + 10; i++) void client.issue('a.do', [i])
    expect(wire.sent).toHaveLength(MAX_OPEN)
    for (let number = 1; number <= 3; number++) client.reply(number, { value: null })
    expect(wire.sent.slice(MAX_OPEN).map(({ args }) => args[0])).toEqual([MAX_OPEN, MAX_OPEN + 1, MAX_OPEN + 2])
  })

  test('at most 64 MB of operations are under way, so that a pipe whose other side does not read is not overrun', () => {
    const { wire, client } = connected()
    const text = 'x'.repeat(120_000)
    for (let i = 0; i < 700; i++) void client.issue('a.do', [i, text])
    const first = wire.sent.length
    expect(first * 120_000).toBeGreaterThan(60_000_000)
    expect(first * 120_000).toBeLessThan(70_000_000)
    for (let number = 1; number <= 5; number++) client.reply(number, { value: null })
    expect(wire.sent.map(({ args }) => args[0])).toEqual(Array.from({ length: first + 5 }, (_, i) => i))
  })

  test('beyond what may wait to be sent an operation is refused with BUSY, and was not sent', async () => {
    const { wire, client } = connected()
    wire.pressed = true
    const waiting: Promise<unknown>[] = []
    for (let i = 0; i < 65_536; i++) waiting.push(client.issue('a.do', [i]))
    expect(await codeOf(client.issue('a.do', ['one too many']))).toBe('PERDURE_E_BUSY')
    expect(wire.sent).toEqual([])
    client.closed(new PerdureError('PERDURE_E_CLOSED', 'end'))
    expect((await Promise.all(waiting.map(codeOf))).every((code) => code === 'PERDURE_E_CLOSED')).toBe(true)
  })
})

test('a lost session rejects what is under way and what waits to be sent, and every later call', async () => {
  const { wire, client } = connected()
  const under = codeOf(client.issue('a.do', []))
  wire.pressed = true
  const queued = codeOf(client.issue('a.do', []))
  client.closed(new PerdureError('PERDURE_E_SESSION_LOST', 'lost'))
  client.closed(new PerdureError('PERDURE_E_CLOSED', 'a second end'))
  expect(await Promise.all([under, queued, codeOf(client.issue('a.do', []))])).toEqual(Array(3).fill('PERDURE_E_SESSION_LOST'))
  wire.relieve()
  expect(wire.sent).toHaveLength(1)
})

test('replies that come in the worst order are acknowledged all the same: the site keeps no more than half of what may be open', () => {
  const { wire, client } = connected()
  for (let i = 0; i < MAX_OPEN; i++) void client.issue('a.do', [i])
  const unacknowledged = new Set<number>()
  let most = 0
  for (let number = MAX_OPEN; number > 0; number--) {
    const before = wire.sent.length
    unacknowledged.add(number)
    client.reply(number, { value: null })
    for (const { received } of wire.sent.slice(before))
      for (const [first, last] of received) for (let each = first; each <= last; each++) unacknowledged.delete(each)
    most = Math.max(most, unacknowledged.size)
  }
  expect(most).toBeLessThanOrEqual(MAX_OPEN / 2 + 1)
  expect(most).toBeGreaterThan(MAX_OPEN / 4)
})

test('what is withdrawn needs no room, and is sent before what waits for some', async () => {
  const { wire, client } = connected()
  const giving = new AbortController()
  const first = codeOf(client.issue('a.do', [0], { signal: giving.signal }))
  for (let i = 1; i < MAX_OPEN; i++) client.issue('a.do', [i]).catch(() => undefined)
  const queued = client.issue('a.do', ['queued'])
  giving.abort(new Error('enough'))
  expect(wire.sent.at(-1)).toMatchObject({ name: 'site.withdraw', args: [1] })
  client.reply(1, { error: { name: 'PerdureError', code: 'PERDURE_E_ABORTED', message: 'withdrawn' } })
  expect(await first).toBe('enough')
  client.reply(MAX_OPEN + 1, { value: null })
  expect(wire.sent.at(-1)?.args).toEqual(['queued'])
  client.reply(MAX_OPEN + 2, { value: 'done' })
  expect(await queued).toBe('done')
})

test('sent() waits until everything that was queued has left, not for what is queued later', async () => {
  const { wire, client } = connected()
  await client.sent()
  wire.pressed = true
  void client.issue('a.do', [1])
  const giving = new AbortController()
  const given = codeOf(client.issue('a.do', [2], { signal: giving.signal }))
  let sent = false
  const waiting = client.sent().then(() => {
    sent = true
  })
  giving.abort(new Error('enough'))
  await given
  await turn()
  expect(sent).toBe(false)
  wire.relieve()
  await waiting
  expect(wire.sent).toHaveLength(1)
})
