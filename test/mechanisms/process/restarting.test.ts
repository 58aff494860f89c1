/** Runs begin anew by hand. */
import { resilient, run, start } from 'perdure'
import { active } from 'perdure/process'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { codeOf, Stage, staged } from './stage.ts'

describe('restart', () => {
  test('of a running run: from scratch, other idempotency keys, the waiters get the new result', async () => {
    const keys: string[] = []
    const body = resilient('body', async (p, add: number) => {
      const n = await p.step('counts', ({ idempotencyKey }) => keys.push(idempotencyKey))
      const [, given] = await p.space('box').in(['go', Number])
      return n + given + add
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', [1_000]))
    const result = handle.result()
    await stage.clock.idle()
    expect(await stage.settle(handle.restart('a better idea'))).toEqual({ was: 'running', incarnation: 2 })
    await stage.clock.idle()
    expect(stage.gateway.replica.query('space', 'waiting', ['box'])).toMatchObject({ total: 1 })
    await stage.settle((await space(stage.site, 'box')).out(['go', 100]))
    expect(await stage.settle(result)).toBe(1_102)
    expect(new Set(keys).size).toBe(2)
    expect(stage.gateway.replica.query('process', 'show', ['body', 'k'])).toMatchObject({
      incarnation: 2,
      restarted: { reason: 'a better idea' },
    })
  })

  test.each([
    ['failed', 'Error'],
    ['done', { value: 1 }],
    ['cancelled', 'PERDURE_E_CANCELLED'],
  ] as const)('of a run that is %s: it runs again, and the answer says what it was', async (was, first) => {
    let calls = 0
    const body = resilient('body', async (p) => {
      calls += 1
      if (was === 'cancelled' && calls === 1) await p.space('box').in(['never'])
      if (was === 'failed' && calls === 1) throw new Error('not this time')
      return calls
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.idle()
    if (was === 'cancelled') await stage.settle(handle.cancel('wrong input'))
    expect(await stage.settle(codeOf(handle.result()))).toEqual(first)
    expect(await stage.settle(handle.restart('once more'))).toEqual({ was, incarnation: 2 })
    expect(await stage.settle(handle.result())).toBe(2)
  })

  test('of a wedged run: its deaths are forgotten', async () => {
    const body = resilient('body', async () => 'well')
    const killer = resilient('body', async (p) => void (await p.step('dies', () => new Promise(() => undefined))))
    const stage = await Stage.open()
    let node = await stage.node('a', [killer])
    const handle = await stage.settle(start(stage.site, killer, 'k', []))
    for (let death = 1; (await stage.settle(handle.status())).state !== 'wedged'; death += 1) {
      expect(death).toBeLessThan(200)
      await stage.clock.idle()
      node.kill()
      node = await stage.node('a', [killer])
    }
    node.kill()
    await stage.node('a', [body])
    expect(await stage.settle(handle.restart('mended'))).toEqual({ was: 'wedged', incarnation: 2 })
    expect(await stage.settle(handle.result())).toBe('well')
  })

  test('of a diverged run: the code of today executes it', async () => {
    const old = resilient('body', async (p) => (await p.space('box').in(['old', Number]))[1])
    const now = resilient('body', async (p) => (await p.space('box').in(['new', Number]))[1])
    const stage = await Stage.open()
    const node = await stage.node('a', [old])
    const handle = await stage.settle(start(stage.site, old, 'k', []))
    await stage.clock.idle()
    node.kill()
    await stage.node('b', [now])
    await stage.clock.idle()
    expect((await stage.settle(handle.status())).state).toBe('diverged')
    expect(await stage.settle(handle.restart('a new build'))).toEqual({ was: 'diverged', incarnation: 2 })
    await stage.clock.idle()
    await stage.settle((await space(stage.site, 'box')).out(['new', 3]))
    expect(await stage.settle(handle.result())).toBe(3)
  })

  test('what the old execution still sends is refused', async () => {
    let go: () => void = () => undefined
    const body = resilient('body', async (p) => {
      await p.step('slow', () => new Promise<void>((resolve) => (go = resolve)))
      return p.now()
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.idle()
    const first = go
    await stage.settle(handle.restart('too slow'))
    await stage.clock.idle()
    first()
    await stage.clock.idle()
    expect(stage.count('process.step')).toBe(0)
    go()
    await stage.settle(handle.result())
    expect(stage.count('process.step')).toBe(1)
  })

  test('the deadlines of the life before are void: of a cancellation, and of being forgotten', async () => {
    let calls = 0
    const body = resilient(
      'body',
      async (p) => {
        calls += 1
        if (calls === 2) return 'ended'
        await p.space('box').in(['go'])
        return 'went'
      },
      { retainMs: 20_000 },
    )
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.idle()
    await stage.settle(handle.cancel('no'))
    await stage.settle(handle.restart('yes'))
    expect(await stage.settle(handle.result())).toBe('ended')
    await stage.settle(handle.restart('again'))
    await stage.clock.advance(30_000)
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'running' })
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect(await stage.settle(handle.result())).toBe('went')
    await stage.clock.advance(20_001)
    expect(await stage.settle(codeOf(handle.status()))).toBe('PERDURE_E_UNKNOWN_RUN')
  })

  test('the run of an active field fills it once, however often it begins anew', async () => {
    let calls = 0
    const body = resilient('body', async (p) => {
      calls += 1
      if (calls < 3) await p.space('box').in(['never'])
      return calls
    })
    const { stage } = await staged(body)
    const box = await space(stage.site, 'box')
    await stage.settle(box.eval(['made', active(body, [])]))
    const [{ key }] = stage.gateway.replica.query('process', 'runs', []) as { key: string }[] as [{ key: string }]
    const handle = run(stage.site, body, key)
    for (const reason of ['a', 'b', 'c']) {
      await stage.clock.idle()
      await stage.settle(handle.restart(reason))
    }
    await stage.settle(handle.result())
    expect(await stage.settle(box.count(['made', Number]))).toBe(1)
    await stage.settle(handle.restart('after its end'))
    await stage.settle(handle.result())
    expect(await stage.settle(box.count(['made', Number]))).toBe(1)
  })

  test('children go on, and the new incarnation finds them by their keys', async () => {
    const child = resilient('child', async (p) => (await p.space('box').in(['child', Number]))[1])
    const body = resilient('body', async (p) => (await p.start(child, 'c', [], { attached: true })).result())
    const { stage } = await staged(body, child)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.idle()
    await stage.settle(handle.restart('why not'))
    await stage.clock.idle()
    await stage.settle((await space(stage.site, 'box')).out(['child', 5]))
    expect(await stage.settle(handle.result())).toBe(5)
    expect(stage.gateway.replica.query('process', 'show', ['child', 'c'])).toMatchObject({ incarnation: 1, attempt: 1 })
  })

  test('a paused run begins anew when it is resumed; an unknown one is an error', async () => {
    const body = resilient('body', async (p) => p.key)
    const stage = await Stage.open()
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.settle(handle.pause('wait'))
    await stage.node('a', [body])
    expect(await stage.settle(handle.restart('anew'))).toEqual({ was: 'waiting', incarnation: 2 })
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'waiting', reason: 'paused: wait' })
    await stage.settle(handle.resume())
    expect(await stage.settle(handle.result())).toBe('k')
    expect(await stage.settle(codeOf(run(stage.site, body, 'other').restart('x')))).toBe('PERDURE_E_UNKNOWN_RUN')
  })
})
