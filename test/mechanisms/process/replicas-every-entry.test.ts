/**
 * Copies killed after every entry, same result: one body that uses everything a run has, executed by two copies of which one, or
 * both, are killed in every place there is.
 */
import { type RunHandle, start } from 'perdure'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { cut } from '../../log/array-log.ts'
import { checkEffects, EFFECTS, newWorld, programOf, type World } from './program.ts'
import { Stage, type StageNode } from './stage.ts'

interface Outcome {
  readonly result: unknown
  readonly world: World
  readonly stage: Stage
}

const OPTIONS = { layer: 'replicas', replicas: 2 } as const

async function contents(stage: Stage): Promise<unknown> {
  const box = await space(stage.site, 'box')
  return stage.settle(
    Promise.all([box.count(['item', Number]), box.count(['done', String, String, Number]), box.count(['squared', Number])]),
  )
}

/** All copies see the same, as far as each gets. */
function checkTraces({ traces }: World): void {
  const [whole, ...others] = traces
    .map((trace) => trace.map((value) => JSON.stringify(value)))
    .sort((a, b) => b.length - a.length)
  for (const trace of others) {
    const from = trace.length === 0 ? 0 : (whole as string[]).indexOf(trace[0] as string)
    // A restored body begins with what another may have seen in the middle.
    if (from >= 0) expect(trace.slice(0, (whole?.length ?? 0) - from)).toEqual(whole?.slice(from, from + trace.length))
  }
}

type Kill = 'the first copy' | 'the further copy' | 'both copies' | 'both copies, over pipes'

async function played(kill: Kill | undefined, position: number): Promise<Outcome & { readonly killed: boolean }> {
  const world = newWorld()
  const stage = await Stage.open()
  const { all, square } = programOf(world, OPTIONS)
  const nodes = new Map<string, StageNode>()
  const over = kill === 'both copies, over pipes' ? 'a pipe' : 'memory'
  for (const name of ['a', 'b', 'c']) nodes.set(name, await stage.node(name, [all, square], { over }))
  let killed = false
  stage.afterEach((at) => {
    if (killed || at < position || kill === undefined) return
    killed = true
    const status = stage.gateway.replica.query('process', 'status', ['all', 'k']) as { replicas?: { nodes: string[] } } | null
    const [first, further] = status?.replicas?.nodes ?? ['a', 'b']
    const victims = kill === 'the first copy' ? [first] : kill === 'the further copy' ? [further] : [first, further]
    for (const name of victims) nodes.get(name ?? '')?.kill()
  })
  const handle = await stage.settle(start(stage.site, all, 'k', ['n']))
  return { result: await stage.settle(handle.result()), world, stage, killed }
}

describe('copies killed after every entry', () => {
  test.each(['the first copy', 'the further copy', 'both copies', 'both copies, over pipes'] as const)(
    '%s: same result, each step recorded once, each out once',
    async (kill) => {
      const whole = await played(undefined, 0)
      const last = whole.stage.gateway.replica.position
      const expected = await contents(whole.stage)
      const steps = whole.stage.count('process.step')
      expect(new Set(whole.world.effects.map(({ key }) => key)).size).toBe(EFFECTS)
      expect(whole.world.effects.length).toBe(EFFECTS)
      let kills = 0
      for (let position = 5; position <= last; position++) {
        const { result, world, stage, killed } = await played(kill, position)
        kills += killed ? 1 : 0
        expect(result, `killed after ${position}`).toEqual(whole.result)
        expect(await contents(stage), `killed after ${position}`).toEqual(expected)
        expect(stage.count('process.step'), `killed after ${position}`).toBe(steps)
        checkEffects(world)
        expect(new Set(world.effects.map(({ key }) => key)).size).toBe(EFFECTS)
        checkTraces(world)
      }
      expect(kills).toBeGreaterThan(50)
    },
  )

  test('the whole site, reopened from every prefix of its log: same result', async () => {
    const whole = await played(undefined, 0)
    const expected = await contents(whole.stage)
    const { records } = whole.stage.shelf
    expect(records.length).toBeGreaterThan(10)
    for (let count = 0; count <= records.length; count++) {
      const world = newWorld()
      const stage = await Stage.open({ shelf: cut(whole.stage.shelf, count) })
      const { all, square } = programOf(world, OPTIONS)
      for (const name of ['d', 'e']) await stage.node(name, [all, square])
      const handle: RunHandle<unknown> = await stage.settle(start(stage.site, all, 'k', ['n']))
      expect(await stage.settle(handle.result()), `${count} records`).toEqual(whole.result)
      expect(await contents(stage), `${count} records`).toEqual(expected)
    }
  })
})
