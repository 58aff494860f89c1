/** Several copies of one run, and a journal that is cut while some of them are behind. */
import { type Definition, type RunContext, type RunHandle, resilient, start } from 'perdure'
import type { RunStatus } from 'perdure/process'
import { describe, expect, test } from 'vitest'
import { type AnyDefinition, Stage, type StageNode } from './stage.ts'

async function nodes(stage: Stage, names: string, ...definitions: AnyDefinition[]): Promise<Record<string, StageNode>> {
  const all: Record<string, StageNode> = {}
  for (const name of names.split(' ')) all[name] = await stage.node(name, definitions)
  return all
}

async function begun<R>(stage: Stage, definition: Definition<RunContext, [number], R>, count: number): Promise<RunHandle<R>> {
  const handle = await stage.settle(start(stage.site, definition, 'k', [count]))
  await stage.clock.idle()
  return handle
}

function statusOf(stage: Stage, definition: AnyDefinition): RunStatus {
  return stage.gateway.replica.query('process', 'status', [definition.name, 'k']) as RunStatus
}

describe('a checkpoint of one copy', () => {
  const counting = (starts: unknown[]) =>
    resilient(
      'counting',
      async (p: RunContext, rounds: number) => {
        const state = (p.restored ?? { i: 0, seen: [] }) as { i: number; seen: unknown[] }
        starts.push(state.i)
        for (let { i } = state; i < rounds; i++) {
          const squared = await p.step('n', () => i * i)
          await p.space('box').out(['n', i])
          state.seen.push([i, squared, p.now(), p.random()])
          await p.checkpoint({ i: i + 1, seen: state.seen })
        }
        return { seen: state.seen, last: p.random() }
      },
      { layer: 'replicas' },
    )

  test('takes nothing away from those behind; one that still fetches the journal begins again from it', async () => {
    const whole = await Stage.open()
    await nodes(whole, 'a', counting([]))
    const expected = await whole.settle((await begun(whole, counting([]), 6)).result())
    let again = 0
    for (let position = 5; position < 140; position++) {
      const stage = await Stage.open()
      const starts: unknown[] = []
      const definition = counting(starts)
      const at = await nodes(stage, 'a b', definition)
      await stage.node('c', [definition], { over: 'a pipe' })
      stage.afterEach((now) => {
        if (now === position) at.b?.kill()
      })
      const handle = await stage.settle(start(stage.site, definition, 'k', [6]))
      expect(await stage.settle(handle.result()), `killed at ${position}`).toEqual(expected)
      expect(stage.count('process.step')).toBe(6)
      again += statusOf(stage, definition).attempt > 3 ? 1 : 0
    }
    expect(again).toBeGreaterThan(5)
  })

  test('that differs is recorded once, and the other copy is stopped', async () => {
    const stage = await Stage.open()
    let bodies = 0
    const definition = resilient(
      'steps',
      async (p, _: number) => {
        bodies += 1
        await p.checkpoint(bodies)
        await p.space('box').in(['go'])
      },
      { layer: 'replicas' },
    )
    await nodes(stage, 'a b', definition)
    await begun(stage, definition, 0)
    const { reason, replicas } = statusOf(stage, definition)
    expect(replicas?.nodes.length).toBe(1)
    expect(reason).toMatch(/at operation 1:\n {2}expected: process.checkpoint with another state/)
  })

  test.each([
    { puts: 100, begins: 2 },
    { puts: 1_500, begins: 3 },
  ])('after $puts operations: only a copy that is far behind begins again from it', async ({ puts, begins }) => {
    const stage = await Stage.open()
    const restored: unknown[] = []
    const held: (() => void)[] = []
    const definition = resilient(
      'steps',
      async (p, count: number) => {
        const which = restored.push(p.restored)
        if (p.restored === undefined) {
          if (which === 2) await new Promise<void>((resolve) => held.push(resolve))
          for (let n = 0; n < count; n++) await p.space('box').out(['n', n])
          await p.checkpoint('cut')
        }
        await p.space('box').in(['go'])
        return p.step('last', () => which)
      },
      { layer: 'replicas' },
    )
    const { a } = await nodes(stage, 'a b', definition)
    const handle = await begun(stage, definition, puts)
    expect(restored).toEqual(begins === 3 ? [undefined, undefined, 'cut'] : [undefined, undefined])
    for (const release of held) release()
    a?.kill()
    await stage.settle(stage.site.issuer.issue('space.out', ['box', ['go']]))
    expect(await stage.settle(handle.result())).toBe(begins)
    expect(statusOf(stage, definition).state).toBe('done')
    expect(stage.count('space.out')).toBe(puts + 1)
  })
})
