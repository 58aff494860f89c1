/** Runs are paused and resumed. */
import { type RunHandle, resilient, start } from 'perdure'
import { describe, expect, test } from 'vitest'
import { checkEffects, EFFECTS, newWorld, programOf } from './program.ts'
import { codeOf, rehost, Stage, staged } from './stage.ts'

const taker = resilient('taker', async (p) => {
  const [, first] = await p.space('box').in(['go', Number])
  return first + (await p.step('adds', () => 100))
})

async function out(stage: Stage, n: number): Promise<void> {
  await stage.settle(stage.site.issuer.issue('space.out', ['box', ['go', n]]))
}

async function begun<R>(stage: Stage, handle: Promise<RunHandle<R>>): Promise<RunHandle<R>> {
  const found = await stage.settle(handle)
  await stage.clock.idle()
  return found
}

describe('a paused run', () => {
  test('executes nothing, takes what it waits for, and goes on with it when it is resumed', async () => {
    const { stage } = await staged(taker)
    const handle = await begun(stage, start(stage.site, taker, 'k', []))
    expect(await stage.settle(handle.pause('a look at it'))).toBe(true)
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'waiting', reason: 'paused: a look at it' })
    await out(stage, 7)
    await stage.clock.advance(60_000)
    expect(stage.count('process.step')).toBe(0)
    expect(stage.tuples('box')).toMatchObject({ total: 0 })
    expect(await stage.settle(handle.resume())).toBe(true)
    expect(await stage.settle(handle.result())).toBe(107)
    expect(stage.count('space.in')).toBe(1)
  })

  test('sleeps on: its deadline passes, and it is over when it is resumed', async () => {
    const sleeper = resilient('sleeper', async (p) => {
      const from = p.now()
      await p.sleep(5_000)
      return p.now() - from
    })
    const { stage } = await staged(sleeper)
    const handle = await begun(stage, start(stage.site, sleeper, 'k', []))
    await stage.settle(handle.pause('over night'))
    await stage.clock.advance(3_600_000)
    await stage.settle(handle.resume())
    expect(await stage.settle(handle.result())).toBeLessThan(6_000)
  })

  test('before it has a place gets none, by a new node or a restart of the site either', async () => {
    const stage = await Stage.open()
    const handle = await stage.settle(start(stage.site, taker, 'k', []))
    expect(await stage.settle(handle.pause('not yet'))).toBe(true)
    await stage.node('a', [taker])
    expect(stage.nodes()).toMatchObject([{ runs: 0 }])
    const again = await Stage.open({ shelf: stage.shelf })
    await again.node('a', [taker])
    expect(again.nodes()).toMatchObject([{ runs: 0 }])
    await again.settle(again.site.issuer.issue('process.resume', ['taker', 'k']))
    expect(again.nodes()).toMatchObject([{ runs: 1 }])
  })

  test('whose node dies before it is quiet stays paused', async () => {
    let go: () => void = () => undefined
    const slow = resilient('slow', async (p) => {
      await p.step('slow', () => new Promise<void>((resolve) => (go = resolve)))
      return 'done'
    })
    const { stage, node } = await staged(slow)
    const handle = await begun(stage, start(stage.site, slow, 'k', []))
    const paused = handle.pause('mend the road')
    await stage.clock.idle()
    expect(await handle.status()).toMatchObject({ state: 'running', reason: 'is being paused: mend the road' })
    await rehost(stage, node, slow)
    expect(await stage.settle(paused)).toBe(true)
    expect(stage.nodes()).toMatchObject([{ runs: 0 }])
    await stage.settle(handle.resume())
    await stage.clock.idle()
    go()
    expect(await stage.settle(handle.result())).toBe('done')
  })

  test('that is wedged stays so when it is resumed', async () => {
    const dies = resilient('dies', async (p) => void (await p.step('dies', () => new Promise(() => undefined))))
    const { stage, node: first } = await staged(dies)
    let node = first
    const handle = await begun(stage, start(stage.site, dies, 'k', []))
    while ((await stage.settle(handle.status())).state !== 'wedged') node = await rehost(stage, node, dies)
    expect(await stage.settle(handle.pause('a look'))).toBe(true)
    expect(await stage.settle(handle.resume())).toBe(true)
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'wedged' })
    expect(stage.nodes()).toMatchObject([{ runs: 0 }])
  })

  test('is resumed too when it is wedged and its body was mended: it goes on where it was', async () => {
    let mended = false
    const dies = resilient('dies', async (p) => {
      const kept = await p.step('first', () => 'kept')
      return [kept, await p.step('dies', () => (mended ? 'well' : new Promise(() => undefined)))]
    })
    const { stage, node: first } = await staged(dies)
    let node = first
    const handle = await begun(stage, start(stage.site, dies, 'k', []))
    while ((await stage.settle(handle.status())).state !== 'wedged') node = await rehost(stage, node, dies)
    mended = true
    expect(await stage.settle(handle.resume())).toBe(true)
    expect(await stage.settle(handle.result())).toEqual(['kept', 'well'])
    expect(stage.count('process.step')).toBe(2)
  })

  test('is cancelled like any other', async () => {
    const { stage } = await staged(taker)
    const handle = await begun(stage, start(stage.site, taker, 'k', []))
    await stage.settle(handle.pause('a look'))
    expect(await stage.settle(handle.cancel('enough'))).toBe(true)
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_CANCELLED')
  })

  test('is told so: pausing twice, resuming twice, and after its end are false; of layer none it is refused', async () => {
    const bound = resilient('bound', async (p) => await p.space('box').in(['never']), { layer: 'none' })
    const { stage } = await staged(taker, bound)
    const handle = await begun(stage, start(stage.site, taker, 'k', []))
    expect(await stage.settle(handle.resume())).toBe(false)
    expect(await stage.settle(handle.pause('a'))).toBe(true)
    expect(await stage.settle(handle.pause('b'))).toBe(false)
    expect(await stage.settle(handle.resume())).toBe(true)
    expect(await stage.settle(handle.resume())).toBe(false)
    await out(stage, 1)
    await stage.settle(handle.result())
    expect(await stage.settle(handle.pause('c'))).toBe(false)
    const tied = await begun(stage, start(stage.site, bound, 'k', []))
    expect(await stage.settle(codeOf(tied.pause('d')))).toBe('PERDURE_E_USAGE')
  })

  test('paused and resumed at every entry of a program that uses everything: same result, no effect repeated', async () => {
    const whole = await disturbed(Number.POSITIVE_INFINITY)
    const last = whole.stage.gateway.replica.position
    let pauses = 0
    for (let position = 4; position <= last; position += 1) {
      const { stage, world, result, paused } = await disturbed(position)
      expect(result, `paused after ${position}`).toEqual(whole.result)
      expect(stage.count('process.step'), `paused after ${position}`).toBe(whole.stage.count('process.step'))
      expect(world.effects, `paused after ${position}`).toHaveLength(EFFECTS)
      checkEffects(world)
      if (paused) pauses += 1
    }
    expect(pauses).toBeGreaterThan(30)
  })
})

/** The program, paused after this entry, and once more thirty entries later; each time resumed at once. */
async function disturbed(position: number) {
  const world = newWorld()
  const stage = await Stage.open()
  const { all, square } = programOf(world)
  await stage.node('a', [all, square])
  let next = position
  let paused = false
  stage.afterEach((at) => {
    if (at < next) return
    next = next === position ? at + 30 : Number.POSITIVE_INFINITY
    stage.clock.hop(() => {
      const { issuer } = stage.site
      const asked = issuer.issue('process.pause', ['all', 'k', 'a test', 30_000])
      asked.then(
        (held) => {
          paused ||= held === true
          return issuer.issue('process.resume', ['all', 'k'])
        },
        () => undefined,
      )
    })
  })
  const handle = await stage.settle(start(stage.site, all, 'k', ['n']))
  return { result: await stage.settle(handle.result()), world, stage, paused }
}
