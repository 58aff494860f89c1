/** Code changes under running runs: with and without a version gate. */
import { type RunContext, resilient, run, start } from 'perdure'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { cut } from '../../log/array-log.ts'
import { codeOf, Stage } from './stage.ts'

/** The classic: a fee is added between two steps. Each build notes what it did. */
function builds(effects: string[]) {
  const effect = (p: RunContext, name: string) => p.step(name, () => void effects.push(name))
  const wait = (p: RunContext) => p.space('box').in(['go', p.key])
  const old = resilient('order', async (p) => {
    await effect(p, 'reserve')
    await wait(p)
    await effect(p, 'charge')
    return 'no fee'
  })
  const careless = resilient('order', async (p) => {
    await effect(p, 'reserve')
    await effect(p, 'fee')
    await wait(p)
    await effect(p, 'charge')
    return 'fee'
  })
  const gated = resilient('order', async (p) => {
    await effect(p, 'reserve')
    const fee = p.version('fee', 1) >= 1
    if (fee) await effect(p, 'fee')
    await wait(p)
    await effect(p, 'charge')
    return fee ? 'fee' : 'no fee'
  })
  const ungated = resilient('order', async (p) => {
    await effect(p, 'reserve')
    await effect(p, 'fee')
    await wait(p)
    await effect(p, 'charge')
    return 'always a fee'
  })
  return { old, careless, gated, ungated }
}

async function go(stage: Stage, key: string): Promise<void> {
  await stage.settle((await space(stage.site, 'box')).out(['go', key]))
}

describe('a deploy under a running run', () => {
  test('without a gate: diverged; a host of the old build goes on with it', async () => {
    const effects: string[] = []
    const { old, careless } = builds(effects)
    const stage = await Stage.open()
    const first = await stage.node('a', [old])
    const handle = await stage.settle(start(stage.site, old, 'k', []))
    await stage.clock.idle()
    first.kill()
    await stage.node('b', [careless])
    await stage.clock.idle()
    const status = await stage.settle(handle.status())
    expect(status).toMatchObject({ state: 'diverged' })
    expect(status.reason).toMatch(/expected: space\.in .*\n\s+found: +process\.step "fee"/)
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_DIVERGED')
    await stage.node('c', [old])
    await stage.clock.idle()
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'running', node: 'c' })
    await go(stage, 'k')
    expect(await stage.settle(handle.result())).toBe('no fee')
    expect(effects).toEqual(['reserve', 'charge'])
  })

  test('with a gate: a run that was beyond it goes on as before, one that begins afterwards takes the change', async () => {
    const effects: string[] = []
    const { old, gated } = builds(effects)
    const stage = await Stage.open()
    const first = await stage.node('a', [old])
    const before = await stage.settle(start(stage.site, old, 'before', []))
    await stage.clock.idle()
    first.kill()
    await stage.node('b', [gated])
    const after = await stage.settle(start(stage.site, gated, 'after', []))
    for (const key of ['before', 'after']) await go(stage, key)
    expect(await stage.settle(before.result())).toBe('no fee')
    expect(await stage.settle(after.result())).toBe('fee')
    expect(effects.filter((name) => name === 'fee')).toHaveLength(1)
    expect(stage.gateway.replica.query('process', 'show', ['order', 'before'])).toMatchObject({ versions: [['fee', 0]] })
    expect(stage.gateway.replica.query('process', 'show', ['order', 'after'])).toMatchObject({ versions: [['fee', 1]] })
  })

  test('a gate that is removed again disturbs no run that went by it', async () => {
    const effects: string[] = []
    const { gated, ungated } = builds(effects)
    const stage = await Stage.open()
    const first = await stage.node('a', [gated])
    const handle = await stage.settle(start(stage.site, gated, 'k', []))
    await stage.clock.idle()
    first.kill()
    await stage.node('b', [ungated])
    await go(stage, 'k')
    expect(await stage.settle(handle.result())).toBe('always a fee')
    expect(effects).toEqual(['reserve', 'fee', 'charge'])
  })

  test('a build that knows only an older version leaves the run to one that knows it', async () => {
    const at = (latest: number) =>
      resilient(`order`, async (p) => {
        const fee = p.version('fee', latest)
        await p.space('box').in(['go', p.key])
        return [fee, latest]
      })
    const [one, two] = [at(1), at(2)]
    // Two builds of one text; what differs is hidden from its hash.
    const older = { ...one, body: async (p: RunContext) => await one.body(p) }
    const stage = await Stage.open()
    const first = await stage.node('a', [two])
    const handle = await stage.settle(start(stage.site, two, 'k', []))
    await stage.clock.idle()
    first.kill()
    await stage.node('b', [older])
    await stage.clock.idle()
    const status = await stage.settle(handle.status())
    expect(status.state).toBe('diverged')
    expect(status.reason).toContain('version 2 of "fee"')
    await stage.node('c', [two])
    await go(stage, 'k')
    expect(await stage.settle(handle.result())).toEqual([2, 2])
  })
})

describe('p.version', () => {
  test('answers the same for the whole run: in a loop, over checkpoints, whatever later builds know', async () => {
    const seen: number[][] = []
    const at = (latest: number) => async (p: RunContext) => {
      const mine: number[] = []
      seen.push(mine)
      for (let round = (p.restored as number | undefined) ?? 0; round < 4; round += 1) {
        mine.push(p.version('way', latest))
        await p.space('box').in(['go', round])
        await p.checkpoint(round + 1)
      }
      return p.version('way', latest)
    }
    const definition = resilient('loop', at(1))
    const stage = await Stage.open()
    let node = await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    for (let round = 0; round < 4; round += 1) {
      await stage.clock.idle()
      node.kill()
      node = await stage.node('a', [{ ...definition, body: at(2 + round) }])
      await stage.settle((await space(stage.site, 'box')).out(['go', round]))
    }
    expect(await stage.settle(handle.result())).toBe(1)
    expect(seen).toHaveLength(5)
    expect(seen.flat().every((version) => version === 1)).toBe(true)
  })

  test('of a run that had passed the place without a gate is 0 for good, over checkpoints too', async () => {
    const before = resilient('loop', async (p) => {
      for (let round = (p.restored as number | undefined) ?? 0; ; round += 1) {
        await p.space('box').in(['go', round])
        await p.checkpoint(round + 1)
      }
    })
    const answers: number[] = []
    const after = resilient('loop', async (p) => {
      for (let round = (p.restored as number | undefined) ?? 0; round < 4; round += 1) {
        answers.push(p.version('way', 1))
        await p.space('box').in(['go', round])
        await p.checkpoint(round + 1)
      }
      return 'ended'
    })
    const stage = await Stage.open()
    let node = await stage.node('a', [before])
    const handle = await stage.settle(start(stage.site, before, 'k', []))
    const box = await space(stage.site, 'box')
    await stage.clock.idle()
    await stage.settle(box.out(['go', 0]))
    await stage.clock.idle()
    for (let round = 1; round < 4; round += 1) {
      node.kill()
      node = await stage.node('a', [after])
      await stage.settle(box.out(['go', round]))
      await stage.clock.idle()
    }
    expect(await stage.settle(handle.result())).toBe('ended')
    expect(answers.length).toBeGreaterThanOrEqual(5)
    expect(new Set(answers)).toEqual(new Set([0]))
  })

  test('killed after every entry, and hosted by a later build: what was done is what was answered', async () => {
    const program = (latest: number, effects: string[]) =>
      resilient('gates', async (p) => {
        const box = p.space('box')
        const first = p.version('first', latest)
        await p.step(`first ${first}`, () => void effects.push(`first ${first}`))
        await box.out(['between'])
        const second = p.version('second', latest)
        await p.step(`second ${second}`, () => void effects.push(`second ${second}`))
        await p.sleep(5)
        await p.checkpoint([first, second])
        return [first, second]
      })
    const restored = (latest: number, effects: string[]) => {
      const { body, ...rest } = program(latest, effects)
      const whole = async (p: RunContext) => (p.restored === undefined ? await body(p) : p.restored)
      return { ...rest, body: whole }
    }
    const answers = new Set<string>()
    for (let position = 3; position < 40; position += 1) {
      const effects: string[] = []
      const stage = await Stage.open()
      const first = await stage.node('a', [restored(1, effects)])
      let killed = false
      stage.afterEach((at) => {
        if (killed || at < position) return
        killed = true
        first.kill()
        stage.clock.hop(() => void stage.node('b', [restored(2, effects)]))
      })
      const handle = await stage.settle(start(stage.site, restored(1, effects), 'k', []))
      const result = (await stage.settle(handle.result())) as number[]
      // A step is executed by one version only, however often.
      expect(new Set(effects), `killed after ${position}`).toEqual(new Set([`first ${result[0]}`, `second ${result[1]}`]))
      answers.add(JSON.stringify(result))
    }
    expect([...answers].sort()).toEqual(['[1,1]', '[1,2]', '[2,2]'])
  })

  test('a power cut at the moment of an effect: a later build finds the answer that the effect was done by', async () => {
    const durable: number[] = []
    const build = (latest: number, moment: () => void) =>
      resilient('gates', async (p) => {
        await p.sleep(1)
        const first = p.version('first', latest)
        await p.step(`first ${first}`, moment)
        const second = p.version('second', latest)
        await p.step(`second ${second}`, moment)
        return [first, second]
      })
    const stage = await Stage.open()
    const today = build(1, () => void durable.push(stage.log.durableIndex))
    await stage.node('a', [today])
    const handle = await stage.settle(start(stage.site, today, 'k', []))
    expect(await stage.settle(handle.result())).toEqual([1, 1])
    expect(durable).toHaveLength(2)
    const tomorrow = build(2, () => undefined)
    const results: unknown[] = []
    for (const records of durable) {
      const after = await Stage.open({ shelf: cut(stage.shelf, records) })
      await after.node('a', [tomorrow])
      results.push(await after.settle(run(after.site, tomorrow, 'k').result()))
    }
    expect(results).toEqual([
      [1, 2],
      [1, 1],
    ])
  })

  test('refuses what is no gate: a bad name, version 0, a step, and more gates than a run may have', async () => {
    const codes: unknown[] = []
    const attempted = (ask: () => unknown) => {
      try {
        codes.push(ask())
      } catch (error) {
        codes.push((error as { code: string }).code)
      }
    }
    const body = resilient('asks', async (p) => {
      for (const name of ['', 'x'.repeat(200), '\ud800', 7 as unknown as string]) attempted(() => p.version(name, 1))
      for (const latest of [0, -1, 1.5, Number.NaN]) attempted(() => p.version('x', latest))
      await p.step('inside', () => attempted(() => p.version('x', 1)))
      for (let n = 0; n < 1_000; n += 1) p.version(`gate ${n}`, 1)
      attempted(() => p.version('one more', 1))
      attempted(() => p.version('gate 5', 3))
      return 'ended'
    })
    const stage = await Stage.open()
    await stage.node('a', [body])
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    expect(await stage.settle(handle.result())).toBe('ended')
    expect(codes).toEqual([...Array(8).fill('PERDURE_E_USAGE'), 'PERDURE_E_IN_STEP', 'PERDURE_E_USAGE', 1])
  })
})
