/** Several copies of one run at once: one journal, each step once, and the death of a copy costs nothing. */
import { type Definition, type RunContext, type RunHandle, resilient, start } from 'perdure'
import type { RunStatus } from 'perdure/process'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { type AnyDefinition, Stage, type StageNode } from './stage.ts'

interface Call {
  readonly key: string
  readonly fence: number
  readonly attempt: number
}

/** A run of some steps; each waits until the test lets it go on. */
class Steps {
  readonly calls: Call[] = []
  readonly bodies: number[] = []
  readonly definition: Definition<RunContext, [number], number>
  #waiting: (() => void)[] = []

  constructor(replicas = 2) {
    const body = async (p: RunContext, count: number) => {
      const at = this.bodies.push(0) - 1
      let sum = 0
      for (let n = 0; n < count; n++) {
        sum += await p.step(`step ${n}`, async ({ idempotencyKey: key, fence, attempt }) => {
          this.calls.push({ key, fence, attempt })
          await new Promise<void>((resolve) => this.#waiting.push(resolve))
          return n
        })
        p.log(`after ${n}`)
        this.bodies[at] = n + 1
      }
      return sum
    }
    this.definition = resilient('steps', body, { layer: 'replicas', replicas })
  }

  /** Lets all go on that wait, and everything come to a standstill. */
  async go(stage: Stage): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve()
    await stage.clock.idle()
  }
}

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

function copiesOf(stage: Stage, definition: AnyDefinition): readonly string[] | undefined {
  return statusOf(stage, definition).replicas?.nodes
}

describe('copies', () => {
  test('execute the same body on different nodes, and each step once', async () => {
    const stage = await Stage.open()
    const steps = new Steps()
    await nodes(stage, 'a b c', steps.definition)
    const handle = await begun(stage, steps.definition, 3)
    expect(statusOf(stage, steps.definition)).toMatchObject({ node: 'a', replicas: { of: 2, nodes: ['a', 'b'] } })
    expect(statusOf(stage, steps.definition).reason).not.toContain('copies')
    for (let n = 0; n < 3; n++) await steps.go(stage)
    expect(await stage.settle(handle.result())).toBe(3)
    expect(steps.bodies).toEqual([3, 3])
    expect(steps.calls.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
    expect(stage.count('process.step')).toBe(3)
    expect(stage.nodes().map(({ runs }) => runs)).toEqual([0, 0, 0])
  })

  test('go to another program or machine first, then to the least loaded node', async () => {
    const stage = await Stage.open()
    const steps = new Steps()
    await stage.node('a/1', [steps.definition], { parent: 'a' })
    await stage.node('a/2', [steps.definition], { parent: 'a' })
    await stage.node('b/1', [steps.definition], { parent: 'b' })
    await begun(stage, steps.definition, 1)
    expect(copiesOf(stage, steps.definition)).toEqual(['a/1', 'b/1'])
  })

  test('with fewer nodes it runs with what there is and says so; a copy is added, from the journal, when a node comes', async () => {
    const stage = await Stage.open()
    const steps = new Steps()
    await nodes(stage, 'a', steps.definition)
    const handle = await begun(stage, steps.definition, 4)
    await steps.go(stage)
    await steps.go(stage)
    expect(statusOf(stage, steps.definition).reason).toContain('1 of 2 copies: no other node hosts steps and has room')
    await nodes(stage, 'b', steps.definition)
    await stage.clock.idle()
    expect(copiesOf(stage, steps.definition)).toEqual(['a', 'b'])
    // It has replayed what there was, and waits for the step that is executed on a.
    expect(steps.bodies).toEqual([2, 2])
    expect(steps.calls.length).toBe(3)
    await steps.go(stage)
    await steps.go(stage)
    expect(await stage.settle(handle.result())).toBe(6)
    expect(steps.calls.length).toBe(4)
  })

  test('as many as wanted; 1 is a run with a journal, and only 1 to 16 can be wanted', async () => {
    const stage = await Stage.open()
    const steps = new Steps(3)
    await nodes(stage, 'a b c d', steps.definition)
    await begun(stage, steps.definition, 1)
    expect(copiesOf(stage, steps.definition)).toEqual(['a', 'b', 'c'])
    for (const replicas of [0, 17, 1.5, '2'] as number[])
      expect(() => resilient('x', () => 1, { layer: 'replicas', replicas })).toThrow(
        expect.objectContaining({ code: 'PERDURE_E_USAGE' }),
      )
    expect(resilient('x', () => 1, { layer: 'replicas' }).replicas).toBe(2)
    expect(resilient('x', () => 1).replicas).toBe(undefined)
  })
})

describe('the death of a copy', () => {
  test.each(['a', 'b'])(
    '(%s) stops nobody else and repeats nothing that it had not claimed; another copy takes its place',
    async (dies) => {
      const stage = await Stage.open()
      const steps = new Steps()
      const at = await nodes(stage, 'a b c', steps.definition)
      const handle = await begun(stage, steps.definition, 4)
      // The first copy comes to a step first, so it is a that executes it.
      const claimed = dies === 'a' ? 1 : 0
      at[dies]?.kill()
      await stage.clock.idle()
      expect(copiesOf(stage, steps.definition)).toEqual(dies === 'a' ? ['b', 'c'] : ['a', 'c'])
      expect(steps.calls.length).toBe(1 + claimed)
      for (let n = 0; n < 4; n++) await steps.go(stage)
      expect(await stage.settle(handle.result())).toBe(6)
      expect(steps.calls.length).toBe(4 + claimed)
      expect(steps.bodies.length).toBe(3)
      expect(stage.count('process.step')).toBe(4)
      expect((stage.gateway.replica.query('process', 'statistics', []) as { runsResumed: number }).runsResumed).toBe(0)
    },
  )

  test('a step that it had claimed is executed by another copy, with the same key and a higher fence', async () => {
    const stage = await Stage.open()
    const steps = new Steps()
    const { a } = await nodes(stage, 'a b', steps.definition)
    const handle = await begun(stage, steps.definition, 2)
    a?.kill()
    await stage.clock.idle()
    const [first, again] = steps.calls
    expect(again?.key).toBe(first?.key)
    expect(again?.fence).toBeGreaterThan(first?.fence as number)
    await steps.go(stage)
    await steps.go(stage)
    expect(await stage.settle(handle.result())).toBe(1)
    expect(steps.calls.length).toBe(3)
  })

  test('tries that failed on it count', async () => {
    const stage = await Stage.open()
    const tries: number[] = []
    const definition = resilient(
      'steps',
      (p, most: number) =>
        p.step(
          'fails',
          ({ attempt }) => {
            tries.push(attempt)
            if (attempt < most) throw new Error('not yet')
            return attempt
          },
          { retry: { delayMs: 10_000 } },
        ),
      { layer: 'replicas' },
    )
    const { a } = await nodes(stage, 'a b', definition)
    const handle = await begun(stage, definition, 2)
    expect(tries).toEqual([1])
    a?.kill()
    await stage.clock.idle()
    expect(await stage.settle(handle.result())).toBe(2)
    expect(tries).toEqual([1, 2])
  })

  test('a copy that has not come to the step yet executes it when it does', async () => {
    const stage = await Stage.open()
    let bodies = 0
    const held: (() => void)[] = []
    const executed: string[] = []
    const definition = resilient(
      'steps',
      async (p, _: number) => {
        bodies += 1
        const name = `body ${bodies}`
        if (bodies === 2) await new Promise<void>((resolve) => held.push(resolve))
        return p.step('only', () => {
          executed.push(name)
          return bodies === 2 && executed.length === 1 ? new Promise(() => undefined) : 'done'
        })
      },
      { layer: 'replicas' },
    )
    const { a } = await nodes(stage, 'a b', definition)
    const handle = await begun(stage, definition, 0)
    expect(executed).toEqual(['body 1'])
    a?.kill()
    await stage.clock.idle()
    expect(executed).toEqual(['body 1'])
    for (const release of held) release()
    await stage.clock.idle()
    expect(executed).toEqual(['body 1', 'body 2'])
    expect(await stage.settle(handle.result())).toBe('done')
  })

  test('gives its step to a copy that waits for it already, where there is one', async () => {
    const stage = await Stage.open()
    let bodies = 0
    const executed: number[] = []
    const definition = resilient(
      'steps',
      async (p, _: number) => {
        bodies += 1
        const which = bodies
        if (which === 2) await new Promise(() => undefined)
        return p.step('only', () => {
          executed.push(which)
          return which === 1 ? new Promise(() => undefined) : which
        })
      },
      { layer: 'replicas', replicas: 3 },
    )
    const { a } = await nodes(stage, 'a b c', definition)
    const handle = await begun(stage, definition, 0)
    a?.kill()
    expect(await stage.settle(handle.result())).toBe(3)
    expect(executed).toEqual([1, 3])
  })

  test('of all of them at once is that of the run: it is re-executed from its journal', async () => {
    const stage = await Stage.open()
    const steps = new Steps()
    const { a, b } = await nodes(stage, 'a b', steps.definition)
    const handle = await begun(stage, steps.definition, 3)
    await steps.go(stage)
    a?.kill()
    b?.kill()
    await stage.clock.idle()
    expect(statusOf(stage, steps.definition)).toMatchObject({ state: 'waiting', replicas: { of: 2, nodes: [] } })
    await nodes(stage, 'c d', steps.definition)
    await stage.clock.idle()
    await steps.go(stage)
    await steps.go(stage)
    expect(await stage.settle(handle.result())).toBe(3)
    // The one that a had claimed went to b, which died before it began, and from there to c.
    expect(steps.calls.length).toBe(4)
  })

  test('a step that ends every process that executes it wedges the run after five', async () => {
    const stage = await Stage.open()
    let deaths = 0
    const at: Record<string, StageNode> = {}
    const running: string[] = []
    const deadly = resilient(
      'steps',
      (p, _: number) =>
        p.step('deadly', () => {
          running.push('a victim')
          return new Promise(() => undefined)
        }),
      { layer: 'replicas' },
    )
    for (const name of 'abcdefghi') at[name] = await stage.node(name, [deadly])
    const handle = await begun(stage, deadly, 0)
    const failed = handle.result().then(String, (error: { code: string; message: string }) => `${error.code} ${error.message}`)
    while (running.length > 0) {
      running.length = 0
      deaths += 1
      // Every copy lives until the step is given to it; so the victim is always the first.
      at[statusOf(stage, deadly).node ?? '']?.kill()
      await stage.clock.idle()
      await stage.clock.advance(2_000)
      await stage.clock.idle()
    }
    expect(deaths).toBe(5)
    expect(await stage.settle(failed)).toMatch(
      /^PERDURE_E_WEDGED .*died 5 times at the same place, in the step "deadly" \(operation 1\)/,
    )
    expect(copiesOf(stage, deadly)).toEqual([])
    // Somebody has mended what the step does, and it gets as many chances again.
    expect(await stage.settle(handle.resume())).toBe(true)
    await stage.clock.idle()
    expect(statusOf(stage, deadly)).toMatchObject({ state: 'running', replicas: { of: 2 } })
    expect(copiesOf(stage, deadly)?.length).toBe(2)
  })

  test('a body that ends every process wedges the run, and takes no end of processes with it', async () => {
    const stage = await Stage.open()
    const at: Record<string, StageNode> = {}
    let begins = 0
    const deadly = resilient(
      'steps',
      () => {
        begins += 1
        return new Promise(() => undefined)
      },
      { layer: 'replicas' },
    )
    for (let n = 0; n < 30; n++) at[`n${n}`] = await stage.node(`n${n}`, [deadly as AnyDefinition])
    await stage.settle(start(stage.site, deadly as unknown as Definition<RunContext, [number], unknown>, 'k', [0]))
    let deaths = 0
    for (;;) {
      await stage.clock.idle()
      await stage.clock.advance(2_000)
      await stage.clock.idle()
      const { replicas, state } = statusOf(stage, deadly as AnyDefinition)
      if (state === 'wedged') break
      deaths += 1
      at[replicas?.nodes[0] ?? '']?.kill()
      expect(deaths).toBeLessThan(20)
    }
    expect(deaths).toBeGreaterThanOrEqual(5)
    expect(deaths).toBeLessThanOrEqual(7)
    expect(begins).toBeLessThanOrEqual(8)
  })

  test('while it only waits is no death of the run, however often', async () => {
    const stage = await Stage.open()
    const waits = resilient('steps', async (p, _: number) => (await p.space('box').in(['go', Number]))[1], { layer: 'replicas' })
    await nodes(stage, 'steady', waits)
    const handle = await begun(stage, waits, 0)
    for (let n = 0; n < 120; n++) {
      const { other } = { other: await stage.node('other', [waits]) }
      await stage.clock.idle()
      other.kill()
      await stage.clock.idle()
    }
    await nodes(stage, 'last', waits)
    expect(copiesOf(stage, waits)).toEqual(['steady', 'last'])
    await stage.settle((await space(stage.site, 'box')).out(['go', 7]))
    expect(await stage.settle(handle.result())).toBe(7)
  })
})

describe('lines of p.log', () => {
  test('are printed by one copy, and at most once when that one dies', async () => {
    for (let position = 5; position < 60; position++) {
      const stage = await Stage.open()
      const definition = resilient(
        'steps',
        async (p, count: number) => {
          for (let n = 0; n < count; n++) {
            p.log(`before ${n}`)
            await p.step(`step ${n}`, () => n)
            p.log(`after ${n}`)
          }
        },
        { layer: 'replicas' },
      )
      const at = await nodes(stage, 'a b c', definition)
      stage.afterEach((now) => {
        if (now === position) at.a?.kill()
      })
      const handle = await begun(stage, definition, 5)
      await stage.settle(handle.result())
      await stage.clock.idle()
      expect(new Set(stage.lines).size, `killed at ${position}`).toBe(stage.lines.length)
      expect(stage.lines.length).toBeGreaterThanOrEqual(7)
    }
  })
})

describe('a copy that differs', () => {
  const differing = (differs: number, first: number) => {
    let bodies = 0
    const held: (() => void)[] = []
    const definition = resilient(
      'steps',
      async (p, _: number) => {
        bodies += 1
        const which = bodies
        if (which !== first) await new Promise<void>((resolve) => held.push(resolve))
        const value = await p.step(which === differs ? 'other' : 'same', () => which)
        await p.space('box').out(['by', which])
        await p.space('box').in(['go'])
        return value
      },
      { layer: 'replicas' },
    )
    const release = async (stage: Stage) => {
      for (const resolve of held.splice(0)) resolve()
      await stage.clock.idle()
    }
    return { definition, release }
  }

  test.each([
    { differs: 2, first: 1, stays: 'a' },
    { differs: 1, first: 2, stays: 'b' },
  ])(
    'from what copy $first has recorded is stopped; the others go on, and the status says why',
    async ({ differs, first, stays }) => {
      const stage = await Stage.open()
      const { definition, release } = differing(differs, first)
      await nodes(stage, 'a b c', definition)
      const handle = await begun(stage, definition, 0)
      await release(stage)
      const status = statusOf(stage, definition)
      expect(status).toMatchObject({ state: 'running', node: stays, replicas: { of: 2, nodes: [stays] } })
      expect(status.reason).toMatch(/1 of 2 copies: The body no longer does what its journal says, at operation 1/)
      expect(status.reason).toContain('expected: process.step "same"')
      await stage.settle((await space(stage.site, 'box')).out(['go']))
      expect(await stage.settle(handle.result())).toBe(first)
      expect(await stage.settle((await space(stage.site, 'box')).count(['by', Number]))).toBe(1)
    },
  )

  test('and is the last one waits for another build, as any run', async () => {
    const stage = await Stage.open()
    const { definition, release } = differing(2, 1)
    const { a } = await nodes(stage, 'a b', definition)
    await begun(stage, definition, 0)
    a?.kill()
    await release(stage)
    expect(statusOf(stage, definition).state).toBe('diverged')
  })
})
