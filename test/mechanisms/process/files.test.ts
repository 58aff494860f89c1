/** Layer files: what the steps of a run leave in its work folder is there again after a crash, and nothing else. */
import { start } from 'perdure'
import { type RunContext, resilient } from 'perdure/process'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { cut } from '../../log/array-log.ts'
import { rehost, Stage, type StageNode } from './stage.ts'

/** Everything in the work folder, as a step sees it. */
function contents(stage: Stage, path: string): Record<string, string | undefined> {
  return Object.fromEntries(stage.folders.list(path).map((name) => [name, stage.folders.read(`${path}/${name}`)]))
}

/** A run of a body that gets a stage; its steps look at the folder with `look`. */
async function hosting(body: (p: RunContext, stage: Stage) => Promise<unknown>): Promise<{
  stage: Stage
  node: StageNode
  definition: Parameters<Stage['node']>[1][number]
  go(tuple: readonly unknown[]): Promise<void>
  result: () => Promise<unknown>
}> {
  const stage = await Stage.open()
  const definition = resilient('worker', (p: RunContext) => body(p, stage), { layer: 'files' })
  const node = await stage.node('a', [definition])
  const handle = await stage.settle(start(stage.site, definition, 'k', []))
  await stage.clock.idle()
  const box = await space(stage.site, 'box')
  return {
    stage,
    node,
    definition,
    go: async (tuple) => void (await stage.settle(box.out([...tuple]))),
    result: () => stage.settle(handle.result()),
  }
}

const stepOf = (p: RunContext, stage: Stage, name: string, change: (at: string, to: Stage['folders']) => unknown) =>
  p.step(name, () => change(p.workDir, stage.folders))

describe('after a crash', () => {
  test('a step finds the files that the recorded steps left, in another folder', async () => {
    const seen: unknown[] = []
    const { stage, node, definition, go, result } = await hosting(async (p, on) => {
      await stepOf(p, on, 'first', (at, disk) => {
        seen.push(at)
        disk.write(`${at}/a`, 'one')
        disk.write(`${at}/sub/b`, 'two', 'executable')
        disk.write(`${at}/c`, 'gone')
      })
      await stepOf(p, on, 'second', (at, disk) => {
        disk.write(`${at}/a`, 'three')
        disk.remove(`${at}/c`)
      })
      await p.space('box').in(['go'])
      return await stepOf(p, on, 'third', (at) => {
        seen.push(at)
        return contents(on, at)
      })
    })
    await rehost(stage, node, definition)
    await go(['go'])
    expect(await result()).toEqual({ a: 'three', 'sub/b': 'two' })
    expect(new Set(seen).size).toBe(2)
  })

  test('what a step wrote that was not recorded is undone before it is executed again', async () => {
    const seen: unknown[] = []
    let stage: Stage | undefined
    const definition = resilient(
      'worker',
      async (p: RunContext) => {
        const disk = (stage as Stage).folders
        await p.step('before', () => disk.write(`${p.workDir}/kept`, 'kept'))
        await p.step('cut short', () => {
          seen.push(contents(stage as Stage, p.workDir))
          disk.write(`${p.workDir}/half`, 'half')
          disk.remove(`${p.workDir}/kept`)
          return seen.length === 1 ? new Promise(() => undefined) : undefined
        })
        return await p.step('after', () => contents(stage as Stage, p.workDir))
      },
      { layer: 'files' },
    )
    stage = await Stage.open()
    const node = await stage.node('a', [definition])
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await rehost(stage, node, definition)
    expect(await stage.settle(handle.result())).toEqual({ half: 'half' })
    expect(seen).toEqual([{ kept: 'kept' }, { kept: 'kept' }])
  })

  test('after a checkpoint they are there too, and the journal is cut', async () => {
    const { stage, node, definition, go, result } = await hosting(async (p, on) => {
      if (p.restored === undefined) {
        await stepOf(p, on, 'write', (at, disk) => disk.write(`${at}/a`, 'one'))
        await p.checkpoint('past it')
      }
      await p.space('box').in(['go'])
      return await stepOf(p, on, 'look', (at) => contents(on, at))
    })
    const again = await rehost(stage, node, definition)
    await rehost(stage, again, definition)
    await go(['go'])
    expect(await result()).toEqual({ a: 'one' })
    expect(stage.applied.filter(({ name }) => name === 'process.step')).toHaveLength(2)
  })

  test('a checkpoint saves what has come into the folder since the last step', async () => {
    const { stage, node, definition, go, result } = await hosting(async (p, on) => {
      if (p.restored === undefined) {
        const at = await stepOf(p, on, 'write', (path, disk) => {
          disk.write(`${path}/a`, 'one')
          return path
        })
        on.folders.write(`${at}/late`, 'by a child of the step')
        await p.checkpoint('past it')
      }
      await p.space('box').in(['go'])
      return await stepOf(p, on, 'look', (at) => contents(on, at))
    })
    await rehost(stage, node, definition)
    await go(['go'])
    expect(await result()).toEqual({ a: 'one', late: 'by a child of the step' })
  })

  test('at any entry, the result is the same, and each reopened prefix of the log gives it too', async () => {
    const bodyOn = (on: () => Stage) => async (p: RunContext) => {
      const trail: unknown[] = []
      for (let i = (p.restored as number | undefined) ?? 0; i < 4; i++) {
        trail.push(
          await p.step(`step ${i}`, () => {
            const disk = on().folders
            const before = contents(on(), p.workDir)
            disk.write(`${p.workDir}/n`, `${i}`)
            disk.write(`${p.workDir}/file-${i}`, `content ${i}`)
            if (i > 1) disk.remove(`${p.workDir}/file-${i - 2}`)
            return before
          }),
        )
        await p.space('box').out(['at', i])
        if (i === 1) await p.checkpoint(2)
      }
      return [trail.slice(-2), await p.step('look', () => contents(on(), p.workDir))]
    }
    const of = (on: () => Stage) => resilient('worker', bodyOn(on), { layer: 'files' })
    const whole = await Stage.open()
    const only = of(() => whole)
    await whole.node('a', [only])
    const expected = await whole.settle((await whole.settle(start(whole.site, only, 'k', []))).result())
    expect((expected as unknown[])[1]).toEqual({ n: '3', 'file-2': 'content 2', 'file-3': 'content 3' })
    const last = whole.gateway.replica.position
    let kills = 0
    for (let position = 3; position <= last; position++) {
      const stage = await Stage.open()
      const definition = of(() => stage)
      const first = await stage.node('a', [definition])
      let killed = false
      stage.afterEach((at) => {
        if (killed || at < position) return
        killed = true
        kills += 1
        first.kill()
        stage.clock.hop(() => void stage.node('a', [definition]))
      })
      const handle = await stage.settle(start(stage.site, definition, 'k', []))
      expect(await stage.settle(handle.result()), `killed after ${position}`).toEqual(expected)
      await stage.clock.idle()
      expect(stage.folders.paths, `killed after ${position}`).toEqual([])
    }
    expect(kills).toBeGreaterThan(10)
    for (let count = 0; count <= whole.shelf.records.length; count++) {
      const stage = await Stage.open({ shelf: cut(whole.shelf, count) })
      const definition = of(() => stage)
      await stage.node('a', [definition])
      const handle = await stage.settle(start(stage.site, definition, 'k', []))
      expect(await stage.settle(handle.result()), `reopened after ${count}`).toEqual(expected)
    }
  })
})
