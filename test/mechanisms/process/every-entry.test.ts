/**
 * Kill after every entry, same result: one body that uses everything, killed in every place there is.
 */
import { type RunHandle, run, start } from 'perdure'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { cut } from '../../log/array-log.ts'
import { checkEffects, EFFECTS, newWorld, programOf, type World } from './program.ts'
import { Stage } from './stage.ts'

interface Outcome {
  readonly result: {
    readonly squared: number
    readonly parts: readonly unknown[]
    readonly failed: string
    readonly random: number
  }
  readonly world: World
  readonly stage: Stage
}

async function contents(stage: Stage): Promise<unknown> {
  const box = await space(stage.site, 'box')
  return stage.settle(
    Promise.all([box.count(['item', Number]), box.count(['done', String, String, Number]), box.count(['squared', Number])]),
  )
}

/** What one execution saw, the next saw again, as far as the first got. */
function checkTraces({ traces }: World): void {
  const whole = traces.flatMap((trace) => trace.map((value) => JSON.stringify(value)))
  const starts = traces.map((trace) => trace.map((value) => JSON.stringify(value)))
  for (const [i, trace] of starts.entries()) {
    const later = starts.slice(i + 1).find((other) => other[0] === trace[0])
    if (later) expect(later.slice(0, trace.length)).toEqual(trace.slice(0, later.length))
  }
  expect(whole.length).toBeGreaterThan(0)
}

async function undisturbed(): Promise<Outcome> {
  const world = newWorld()
  const stage = await Stage.open()
  const { all, square } = programOf(world)
  await stage.node('a', [all, square])
  const handle = await stage.settle(start(stage.site, all, 'k', ['n']))
  return { result: (await stage.settle(handle.result())) as Outcome['result'], world, stage }
}

type Killed = 'the only host' | 'one of two' | 'one of two, over pipes'

async function killedAfter(position: number, host: Killed): Promise<Outcome & { killed: boolean }> {
  const world = newWorld()
  const stage = await Stage.open()
  const { all, square } = programOf(world)
  const over = host === 'one of two, over pipes' ? 'a pipe' : 'memory'
  const first = await stage.node('a', [all, square], { over })
  if (host !== 'the only host') await stage.node('b', [all, square], { over })
  let killed = false
  stage.afterEach((at) => {
    if (killed || at < position) return
    killed = true
    first.kill()
    if (host === 'the only host') stage.clock.hop(() => void stage.node('a', [all, square]))
  })
  const handle = await stage.settle(start(stage.site, all, 'k', ['n']))
  return { result: (await stage.settle(handle.result())) as Outcome['result'], world, stage, killed }
}

describe('killed after every entry', () => {
  for (const host of ['the only host', 'one of two', 'one of two, over pipes'] as const) {
    test(`${host}: same result, each step recorded once, each out once`, async () => {
      const whole = await undisturbed()
      const last = whole.stage.gateway.replica.position
      const expected = await contents(whole.stage)
      const steps = whole.stage.count('process.step')
      let kills = 0
      for (let position = 3; position <= last; position++) {
        const { result, world, stage, killed } = await killedAfter(position, host)
        kills += killed ? 1 : 0
        expect(result, `killed after ${position}`).toEqual(whole.result)
        expect(await contents(stage), `killed after ${position}`).toEqual(expected)
        expect(stage.count('process.step'), `killed after ${position}`).toBe(steps)
        checkEffects(world)
        expect(new Set(world.effects.map(({ key }) => key)).size).toBe(EFFECTS)
        checkTraces(world)
      }
      expect(kills).toBeGreaterThan(50)
    })
  }

  test('the whole site, reopened from every prefix of its log: same result', async () => {
    const whole = await undisturbed()
    const expected = await contents(whole.stage)
    const { records } = whole.stage.shelf
    expect(records.length).toBeGreaterThan(10)
    for (let count = 0; count <= records.length; count++) {
      const world = newWorld()
      const stage = await Stage.open({ shelf: cut(whole.stage.shelf, count) })
      const { all, square } = programOf(world)
      await stage.node('a', [all, square])
      const handle: RunHandle<unknown> = await stage.settle(start(stage.site, all, 'k', ['n']))
      expect(await stage.settle(handle.result()), `${count} records`).toEqual(whole.result)
      expect(await contents(stage), `${count} records`).toEqual(expected)
    }
  })

  test('killed at every entry of its recovery too: same result', async () => {
    const whole = await undisturbed()
    const last = whole.stage.gateway.replica.position
    for (let every = 4; every <= last; every += 3) {
      const world = newWorld()
      const stage = await Stage.open()
      const { all, square } = programOf(world)
      let node = await stage.node('a', [all, square])
      let next = every
      let hosting = false
      const again = async () => {
        node = await stage.node('a', [all, square])
        next = stage.gateway.replica.position + every
        hosting = false
      }
      stage.afterEach((at) => {
        if (at < next || hosting) return
        hosting = true
        node.kill()
        stage.clock.hop(() => void again())
      })
      const handle = await stage.settle(start(stage.site, all, 'k', ['n']))
      const result = await stage.settle(handle.result().catch((error: { code: string }) => error.code))
      const isStuck = result === 'PERDURE_E_WEDGED'
      if (!isStuck) expect(result, `killed every ${every} entries`).toEqual(whole.result)
      if (every > 20) expect(isStuck, `killed every ${every} entries`).toBe(false)
      checkEffects(world)
    }
  })

  test('a run that is only attached to goes on by itself after a reopen', async () => {
    const whole = await undisturbed()
    const stage = await Stage.open({ shelf: cut(whole.stage.shelf, Math.floor(whole.stage.shelf.records.length / 2)) })
    const { all, square } = programOf(newWorld())
    await stage.node('other-name', [all, square])
    expect(await stage.settle(run(stage.site, all, 'k').result())).toEqual(whole.result)
  })
})
