/** How runs are cancelled: the signal, the rejections in order, the time to clean up, the children. */
import { type PerdureError, type RunContext, resilient, run, start } from 'perdure'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { codeOf, rehost, Stage, staged } from './stage.ts'

describe('cancelling', () => {
  test('aborts the signal, then rejects what is outstanding, in order; the run is cancelled', async () => {
    const order: string[] = []
    const body = resilient('c', async (p: RunContext) => {
      p.signal.addEventListener('abort', () => order.push('signal'))
      const box = p.space('box')
      const note = (name: string) => (error: PerdureError) => void order.push(`${name} ${error.code}`)
      await Promise.all([
        box.in(['a']).catch(note('in')),
        p.sleep(10_000).catch(note('sleep')),
        p.race({ x: box.in(['x']), y: p.sleep(9_000) }).catch(note('race')),
      ])
      await box.out(['cleaned'])
      order.push('end')
    })
    const { stage } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.idle()
    expect(await stage.settle(handle.cancel('enough'))).toBe(true)
    const error = (await stage.settle(handle.result().catch((thrown: unknown) => thrown))) as PerdureError
    expect(error.code).toBe('PERDURE_E_CANCELLED')
    expect(error.message).toContain('enough')
    expect(order).toEqual(['signal', 'in PERDURE_E_CANCELLED', 'sleep PERDURE_E_CANCELLED', 'race PERDURE_E_CANCELLED', 'end'])
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'cancelled' })
    expect(await stage.settle((await space(stage.site, 'box')).count(['cleaned']))).toBe(1)
    expect(await stage.settle(handle.cancel('again'))).toBe(false)
  })

  test('a body that does not end is ended after 5 s of log time', async () => {
    const stubborn = resilient('stubborn', async (p) => {
      for (;;) await p.sleep(1_000).catch(() => undefined)
    })
    const { stage } = await staged(stubborn)
    const handle = await stage.settle(start(stage.site, stubborn, 'k', []))
    await stage.clock.idle()
    await handle.cancel('x')
    await stage.clock.advance(4_900)
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'sleeping' })
    await stage.clock.advance(200)
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'cancelled' })
    const sleeps = stage.count('process.sleep')
    await stage.clock.advance(10_000)
    expect(stage.count('process.sleep')).toBe(sleeps)
  })

  test('a run that nobody hosts is cancelled after its 5 s too', async () => {
    const stage = await Stage.open()
    const body = resilient('c', async () => 1)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.settle(handle.cancel('x'))
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_CANCELLED')
    await stage.node('late', [body])
    await stage.clock.idle()
    expect(stage.count('process.end')).toBe(0)
  })

  test('is delivered again, in the same place, to a body that is re-executed while it cleans up', async () => {
    const orders: string[][] = []
    const body = resilient('c', async (p: RunContext) => {
      const order: string[] = []
      orders.push(order)
      p.signal.addEventListener('abort', () => order.push('signal'))
      await p.sleep(10)
      order.push('slept')
      await p.sleep(60_000).catch(() => order.push('rejected'))
      order.push(String(p.signal.aborted))
      await p.space('box').in(['cleaned'])
      return 'x'
    })
    const { stage, node } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    await stage.clock.advance(20)
    await stage.settle(handle.cancel('x'))
    await rehost(stage, node, body)
    expect(orders[0]).toEqual(['slept', 'signal', 'rejected', 'true'])
    expect(orders[1]).toEqual(orders[0])
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_CANCELLED')
  })

  test('child runs go on, except attached ones, which are cancelled with it', async () => {
    const child = resilient('child', async (p) => {
      await p.space('box').in(['go'])
      return 'went'
    })
    const parent = resilient('parent', async (p) => {
      await p.start(child, 'free', [])
      await p.start(child, 'bound', [], { attached: true })
      await p.sleep(60_000)
    })
    const { stage } = await staged(child, parent)
    const handle = await stage.settle(start(stage.site, parent, 'p', []))
    await stage.clock.idle()
    await stage.settle(handle.cancel('x'))
    expect(await stage.settle(codeOf(run(stage.site, child, 'bound').result()))).toBe('PERDURE_E_CANCELLED')
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect(await stage.settle(run(stage.site, child, 'free').result())).toBe('went')
  })

  test('a run can cancel its child', async () => {
    const child = resilient('child', async (p) => p.sleep(60_000))
    const parent = resilient('parent', async (p) => {
      const started = await p.start(child, 'c', [])
      const cancelled = await started.cancel('not needed')
      return [cancelled, await started.result().catch((error: PerdureError) => error.code), await started.cancel('again')]
    })
    const { stage } = await staged(child, parent)
    const handle = await stage.settle(start(stage.site, parent, 'p', []))
    expect(await stage.settle(handle.result())).toEqual([true, 'PERDURE_E_CANCELLED', false])
  })
})
