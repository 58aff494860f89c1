/** How runs start, are found again, end, are cancelled, and cannot go on. */
import { type PerdureError, resilient, run, start } from 'perdure'
import { space, spaceOver } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { LocalConnection } from '../../../src/log/connection.ts'
import { codeOf, rehost, Stage, staged } from './stage.ts'

describe('starting', () => {
  const twice = resilient('twice', async (_p, n: number) => n * 2)

  test('the same definition, key and input is the same run, also after it ended', async () => {
    const { stage } = await staged(twice)
    const first = await stage.settle(start(stage.site, twice, 'k', [3]))
    expect(await stage.settle(first.result())).toBe(6)
    const second = await stage.settle(start(stage.site, twice, 'k', [3]))
    expect(await stage.settle(second.result())).toBe(6)
    expect(stage.count('process.end')).toBe(1)
  })

  test('the same key with another input is refused, and tells both inputs', async () => {
    const { stage } = await staged(twice)
    await stage.settle(start(stage.site, twice, 'k', [3]))
    const error = (await stage.settle(start(stage.site, twice, 'k', [4]).catch((refused: unknown) => refused))) as PerdureError
    expect(error.code).toBe('PERDURE_E_KEY_TAKEN')
    expect(error.message).toContain('[3]')
    expect(error.message).toContain('[4]')
  })

  test('keys belong to a definition', async () => {
    const other = resilient('other', async () => 'other')
    const { stage } = await staged(twice, other)
    const a = await stage.settle(start(stage.site, twice, 'k', [3]))
    const b = await stage.settle(start(stage.site, other, 'k', []))
    expect(await stage.settle(Promise.all([a.result(), b.result()]))).toEqual([6, 'other'])
  })

  test('run attaches and never starts', async () => {
    const { stage } = await staged(twice)
    const handle = run(stage.site, twice, 'nobody')
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_UNKNOWN_RUN')
    expect(await stage.settle(codeOf(handle.status()))).toBe('PERDURE_E_UNKNOWN_RUN')
    expect(await stage.settle(codeOf(handle.cancel('x')))).toBe('PERDURE_E_UNKNOWN_RUN')
  })

  test.each([
    ['an empty key', ''],
    ['a key of 257 bytes', `${'é'.repeat(128)}x`],
    ['half a surrogate pair', '\uD800'],
    ['no text', 7 as unknown as string],
  ])('%s is refused', async (_what, key) => {
    const { stage } = await staged(twice)
    expect(await stage.settle(codeOf(start(stage.site, twice, key, [1])))).toBe('PERDURE_E_USAGE')
  })

  test('a key of 256 bytes of any text is taken', async () => {
    const { stage } = await staged(twice)
    const handle = await stage.settle(start(stage.site, twice, `/..\n${'é'.repeat(126)}`, [1]))
    expect(await stage.settle(handle.result())).toBe(2)
  })

  test.each(['', 'a b', '.a', 'x'.repeat(65), 'a/b', 'ä'])('%j cannot name a definition or a node', async (name) => {
    expect(() => resilient(name, async () => 1)).toThrow(expect.objectContaining({ code: 'PERDURE_E_NAME' }))
  })

  test('a layer that is none is refused', () => {
    const layer = 'triple' as 'journal'
    expect(() => resilient('x', async () => 1, { layer })).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
  })

  test('input, result and step results over 128 kB go beside the log by themselves', async () => {
    const big = resilient('big', async (p, text: string) => {
      const step = await p.step('s', () => text + text)
      await p.sleep(1)
      const child = await p.start(small, 'child', [step])
      return { length: step.length, back: await child.result() }
    })
    const small = resilient('small', async (_p, text: string) => text)
    const { stage, node } = await staged(big, small)
    const text = 'x'.repeat(300_000)
    const handle = await stage.settle(start(stage.site, big, 'k', [text]))
    await rehost(stage, node, big, small)
    const { length, back } = await stage.settle(handle.result())
    expect(length).toBe(600_000)
    expect(back).toBe(text + text)
    expect(stage.shelf.blobs.size).toBeGreaterThanOrEqual(3)
    expect(Math.max(...stage.shelf.records.map(({ length: bytes }) => bytes))).toBeLessThan(128 * 1024)
    expect(await stage.settle(start(stage.site, big, 'k', [text]).then((again) => again.key))).toBe('k')
    expect(await stage.settle(codeOf(start(stage.site, big, 'k', [`${text}y`])))).toBe('PERDURE_E_KEY_TAKEN')
  })
})

describe('ending', () => {
  test('a failed run tells name, message, code, data and cause', async () => {
    const fails = resilient('fails', async () => {
      throw Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E_OWN', data: { n: [1] } })
    })
    const { stage } = await staged(fails)
    const handle = await stage.settle(start(stage.site, fails, 'k', []))
    const error = (await stage.settle(handle.result().catch((thrown: unknown) => thrown))) as Error & {
      code: string
      data: unknown
    }
    expect([error.name, error.message, error.code, error.data, (error.cause as Error).message]).toEqual([
      'TypeError',
      'outer',
      'E_OWN',
      { n: [1] },
      'inner',
    ])
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'failed', reason: 'outer' })
  })

  test('a body that throws at once, or is not asynchronous, ends the same way', async () => {
    const throws = resilient('throws', () => {
      throw new Error('at once')
    })
    const plain = resilient('plain', () => 5)
    const { stage } = await staged(throws, plain)
    await expect(stage.settle((await stage.settle(start(stage.site, throws, 'k', []))).result())).rejects.toThrow('at once')
    expect(await stage.settle((await stage.settle(start(stage.site, plain, 'k', []))).result())).toBe(5)
  })

  test('a result outside the value domain fails the run', async () => {
    const odd = resilient('odd', async () => () => 1)
    const { stage } = await staged(odd)
    expect(await stage.settle(codeOf((await stage.settle(start(stage.site, odd, 'k', []))).result()))).toBe('PERDURE_E_VALUE')
  })

  test('a finished run is kept for retainMs of log time and then forgotten, with its key', async () => {
    const short = resilient('short', async (_p, n: number) => n, { retainMs: 60_000 })
    const { stage } = await staged(short)
    const handle = await stage.settle(start(stage.site, short, 'k', [1]))
    await stage.clock.idle()
    await stage.clock.advance(59_000)
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'done' })
    await stage.clock.advance(2_000)
    expect(await stage.settle(codeOf(handle.status()))).toBe('PERDURE_E_UNKNOWN_RUN')
    const again = await stage.settle(start(stage.site, short, 'k', [2]))
    expect(await stage.settle(again.result())).toBe(2)
  })

  test('retainMs of start wins over that of the definition', async () => {
    const short = resilient('short', async () => 1, { retainMs: 60_000 })
    const { stage } = await staged(short)
    const handle = await stage.settle(start(stage.site, short, 'k', [], { retainMs: 1_000 }))
    await stage.clock.idle()
    await stage.clock.advance(2_000)
    expect(await stage.settle(codeOf(handle.status()))).toBe('PERDURE_E_UNKNOWN_RUN')
  })

  test('a retention over the longest timer is kept', async () => {
    const long = resilient('long', async () => 1, { retainMs: 1_000 * 24 * 3_600_000 })
    const { stage } = await staged(long)
    const handle = await stage.settle(start(stage.site, long, 'k', []))
    await stage.clock.idle()
    await stage.clock.advance(30 * 24 * 3_600_000)
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'done' })
  })

  test('operations that wait for a run are answered once each, also those of other runs', async () => {
    const child = resilient('child', async (p) => {
      await p.sleep(50)
      return 'child'
    })
    const parent = resilient('parent', async (p) => {
      const started = await p.start(child, 'c', [])
      return [await started.result(), await started.result()]
    })
    const { stage } = await staged(child, parent)
    const a = await stage.settle(start(stage.site, parent, 'a', []))
    const b = await stage.settle(start(stage.site, parent, 'b', []))
    expect(await stage.settle(Promise.all([a.result(), b.result(), a.result()]))).toEqual([
      ['child', 'child'],
      ['child', 'child'],
      ['child', 'child'],
    ])
    expect(stage.count('process.end')).toBe(3)
  })

  test('waiting for a result can be given up, and the run goes on', async () => {
    const body = resilient('b', async (p) => {
      await p.space('box').in(['go'])
      return 'went'
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    const controller = new AbortController()
    const waiting = handle.result({ signal: controller.signal }).catch((error: Error) => error.message)
    await stage.clock.idle()
    controller.abort(new Error('enough'))
    expect(await stage.settle(waiting)).toBe('enough')
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect(await stage.settle(handle.result())).toBe('went')
  })

  test('a waiter of a plain client is dropped with its session, that of a run is not', async () => {
    const child = resilient('child', async (p) => {
      await p.space('box').in(['go'])
      return 1
    })
    const parent = resilient('parent', async (p) => (await p.start(child, 'c', [])).result())
    const { stage, node } = await staged(child, parent)
    const handle = await stage.settle(start(stage.site, parent, 'p', []))
    await stage.clock.idle()
    const plain = new LocalConnection(stage.gateway, 'plain')
    const waiting = codeOf(plain.client.issue('process.result', ['child', 'c']))
    const taking = codeOf(spaceOver(plain.client, 'box').in(['go']))
    await stage.clock.idle()
    plain.close()
    expect(await stage.settle(waiting)).toBe('PERDURE_E_CLOSED')
    expect(await stage.settle(taking)).toBe('PERDURE_E_CLOSED')
    node.kill()
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    await stage.node('b', [child, parent])
    expect(await stage.settle(handle.result())).toBe(1)
  })
})

describe('states', () => {
  test('waiting, running, sleeping, recovering, done, each with what people need to know', async () => {
    const stage = await Stage.open()
    const body = resilient('b', async (p) => {
      await p.sleep(1_000)
      await p.space('box').in(['go', Number])
    })
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'waiting', reason: 'no host for b', attempt: 0 })
    const node = await stage.node('a', [body])
    await stage.clock.idle()
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'sleeping', node: 'a', attempt: 1 })
    await stage.clock.advance(1_000)
    const running = await stage.settle(handle.status())
    expect(running).toMatchObject({ state: 'running', node: 'a' })
    expect(running.reason).toContain('space.in')
    let recovering: unknown
    stage.afterEach(() => {
      const seen = stage.gateway.replica.query('process', 'status', ['b', 'k']) as { state: string }
      if (seen.state === 'recovering') recovering = seen
    })
    await rehost(stage, node, body)
    expect(recovering).toMatchObject({ state: 'recovering', of: 1 })
    await stage.settle((await space(stage.site, 'box')).out(['go', 1]))
    await stage.settle(handle.result())
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'done', attempt: 2 })
  })
})
