/** What people do with a run does not depend on how many copies of it there are. */
import { active, type Definition, type RunContext, type RunHandle, resilient, start } from 'perdure'
import type { Drained, RunStatus } from 'perdure/process'
import { describe, expect, test } from 'vitest'
import { encodeOperation } from '../../../src/log/operation.ts'
import type { Replica } from '../../../src/log/replica.ts'
import { composeReplica } from '../../../src/node/compose.ts'
import { type AnyDefinition, codeOf, Stage } from './stage.ts'

/** A run of two steps, of which the first waits until the test lets it go on. */
function gated() {
  const keys: string[] = []
  let bodies = 0
  let waiting: (() => void)[] = []
  const definition: Definition<RunContext, [], string> = resilient(
    'gated',
    async (p) => {
      bodies += 1
      const first = await p.step('slow', async ({ idempotencyKey }) => {
        keys.push(idempotencyKey)
        await new Promise<void>((resolve) => waiting.push(resolve))
        return `try ${keys.length}`
      })
      await p.space('box').in(['go'])
      await p.step('second', ({ idempotencyKey }) => void keys.push(idempotencyKey))
      return first
    },
    { layer: 'replicas' },
  )
  const open = async (stage: Stage) => {
    const opened = waiting
    waiting = []
    for (const resolve of opened) resolve()
    await stage.clock.idle()
  }
  return { keys, definition, open, bodies: () => bodies }
}

async function staged(names: string, ...definitions: AnyDefinition[]): Promise<Stage> {
  const stage = await Stage.open()
  for (const name of names.split(' ')) await stage.node(name, definitions)
  return stage
}

async function begun<R>(stage: Stage, definition: Definition<RunContext, [], R>): Promise<RunHandle<R>> {
  const handle = await stage.settle(start(stage.site, definition, 'k', []))
  await stage.clock.idle()
  return handle
}

function status(stage: Stage, definition: AnyDefinition): RunStatus {
  return stage.gateway.replica.query('process', 'status', [definition.name, 'k']) as RunStatus
}

function drain(stage: Stage, node: string, drainMs = 30_000): Promise<Drained> {
  return stage.site.issuer.issue('process.drain', [node, drainMs, 'stay']) as Promise<Drained>
}

const go = (stage: Stage) => stage.settle(stage.site.issuer.issue('space.out', ['box', ['go']]))

describe('a run of several copies', () => {
  test('is paused when the last of them has stopped, and goes on with all of them', async () => {
    const gate = gated()
    const stage = await staged('a b', gate.definition)
    const handle = await begun(stage, gate.definition)
    let paused: boolean | undefined
    void handle.pause('a look').then((did) => {
      paused = did
    })
    await stage.clock.idle()
    expect(status(stage, gate.definition)).toMatchObject({ state: 'running', replicas: { nodes: ['a'] } })
    expect(paused).toBe(undefined)
    await gate.open(stage)
    expect(paused).toBe(true)
    expect(status(stage, gate.definition)).toMatchObject({ state: 'waiting', reason: 'paused: a look', replicas: { nodes: [] } })
    await go(stage)
    expect(await stage.settle(handle.resume())).toBe(true)
    expect(await stage.settle(handle.result())).toBe('try 1')
    expect(gate.keys.length).toBe(2)
  })

  test('is migrated at once to a node that has a copy; both go on', async () => {
    const gate = gated()
    const stage = await staged('a b', gate.definition)
    const handle = await begun(stage, gate.definition)
    expect(await stage.settle(handle.migrate())).toBe('b')
    expect(status(stage, gate.definition)).toMatchObject({ node: 'b', replicas: { nodes: ['b', 'a'] } })
    expect(await stage.settle(handle.migrate('a'))).toBe('a')
    await gate.open(stage)
    await go(stage)
    expect(await stage.settle(handle.result())).toBe('try 1')
    expect(gate.bodies()).toBe(2)
  })

  test('is migrated to another node when the step on the first has finished; nothing is executed twice', async () => {
    const gate = gated()
    const stage = await staged('a b c', gate.definition)
    const handle = await begun(stage, gate.definition)
    let moved: string | null | undefined
    void handle.migrate('c').then((to) => {
      moved = to
    })
    await stage.clock.idle()
    expect(moved).toBe(undefined)
    await gate.open(stage)
    expect(moved).toBe('c')
    expect(status(stage, gate.definition).replicas).toEqual({ of: 2, nodes: ['c', 'b'] })
    await go(stage)
    expect(await stage.settle(handle.result())).toBe('try 1')
    expect(gate.keys.length).toBe(2)
    expect(gate.bodies()).toBe(3)
  })

  test('leaves a node that drains copy by copy, each replaced elsewhere, without a step executed twice', async () => {
    const gate = gated()
    const stage = await staged('a b c', gate.definition)
    const handle = await begun(stage, gate.definition)
    expect(await stage.settle(drain(stage, 'b'))).toEqual({ runs: 1, handedOver: 1, cutOff: 0 })
    expect(status(stage, gate.definition).replicas?.nodes).toEqual(['a', 'c'])
    const drained = drain(stage, 'a')
    await stage.clock.idle()
    await gate.open(stage)
    expect(await stage.settle(drained)).toEqual({ runs: 1, handedOver: 1, cutOff: 0 })
    expect(status(stage, gate.definition)).toMatchObject({ node: 'c', replicas: { nodes: ['c'] } })
    await go(stage)
    expect(await stage.settle(handle.result())).toBe('try 1')
    expect(gate.keys.length).toBe(2)
  })

  test('whose step takes longer than a drain may is cut off there; another copy executes it again', async () => {
    const gate = gated()
    const stage = await staged('a b c', gate.definition)
    const handle = await begun(stage, gate.definition)
    expect(await stage.settle(drain(stage, 'a', 100))).toEqual({ runs: 1, handedOver: 0, cutOff: 1 })
    await stage.clock.idle()
    expect(gate.keys.length).toBe(2)
    expect(new Set(gate.keys).size).toBe(1)
    await gate.open(stage)
    await go(stage)
    expect(await stage.settle(handle.result())).toBe('try 2')
  })

  test('begins anew as a whole', async () => {
    const gate = gated()
    const stage = await staged('a b', gate.definition)
    const handle = await begun(stage, gate.definition)
    expect(await stage.settle(handle.restart('once more'))).toEqual({ was: 'running', incarnation: 2 })
    await stage.clock.idle()
    expect(gate.bodies()).toBe(4)
    expect(status(stage, gate.definition).replicas?.nodes.length).toBe(2)
    await gate.open(stage)
    await go(stage)
    expect(await stage.settle(handle.result())).toBe('try 2')
    expect(new Set(gate.keys).size).toBe(3)
  })

  test('is cancelled as a whole, also while a step is under way, and each copy cleans up', async () => {
    let cleaned = 0
    const definition = resilient(
      'gated',
      async (p) => {
        try {
          await Promise.all([p.step('never', () => new Promise(() => undefined)), p.space('box').in(['never'])])
        } finally {
          await p.space('box').out(['cleaned'])
          await p.sleep(10)
          cleaned += 1
        }
      },
      { layer: 'replicas' },
    )
    const stage = await staged('a b c', definition)
    const handle = await begun(stage, definition)
    expect(await stage.settle(handle.cancel('enough'))).toBe(true)
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_CANCELLED')
    expect(cleaned).toBe(2)
    expect(stage.count('space.out')).toBe(1)
    expect(status(stage, definition).state).toBe('cancelled')
  })

  test('goes by one version of a change, whichever copy comes to its gate first', async () => {
    const answers: string[] = []
    const held: (() => void)[] = []
    let first = true
    const build = (name: string, latest: number) =>
      resilient(
        'gated',
        async (p) => {
          // The copy of the newer build is the second to come to the gate.
          if (latest === 2 && first) await new Promise<void>((resolve) => held.push(resolve))
          first = false
          answers.push(`${name}: ${p.version('way', latest)}`)
          await p.space('box').in(['go'])
          return p.step(`way ${p.version('way', latest)}`, () => p.version.name)
        },
        { layer: 'replicas' },
      )
    const stage = await Stage.open()
    const [old, young] = [build('old', 1), build('young', 2)]
    await stage.node('a', [young])
    await stage.node('b', [old])
    const handle = await begun(stage, old)
    for (const release of held) release()
    await stage.clock.idle()
    expect(status(stage, old).replicas?.nodes.length).toBe(2)
    expect(answers).toEqual(['old: 1', 'young: 2', 'young: 1'])
    await go(stage)
    expect(await stage.settle(codeOf(handle.result()))).toEqual({ value: 'version' })
  })

  test('a child run and an active field are executed by as many copies as their definitions want', async () => {
    const bodies: number[] = []
    const child = resilient(
      'child',
      async (p, n: number) => {
        bodies.push(n)
        await p.sleep(100)
        return n * n
      },
      { layer: 'replicas', replicas: 3 },
    )
    const parent = resilient('gated', async (p) => {
      await p.space('box').eval(['squared', active(child, [4])])
      const [, squared] = await p.space('box').in(['squared', Number])
      return [squared, await (await p.start(child, 'c', [3])).result()]
    })
    const stage = await staged('a b c d', child as AnyDefinition, parent)
    const handle = await begun(stage, parent)
    expect(await stage.settle(handle.result())).toEqual([16, 9])
    expect(bodies).toEqual([4, 4, 4, 3, 3, 3])
  })
})

describe('in a snapshot', () => {
  /** Applies one operation of the gateway, with everything that is noted and answered because of it. */
  function applied(replica: Replica, name: string, args: readonly unknown[]): unknown {
    const heard: unknown[] = []
    replica.sink = {
      reply: (...reply) => heard.push(['reply', ...reply]),
      note: (session, note) => heard.push(['note', session, note]),
    }
    const bytes = encodeOperation({ caller: { kind: 'gateway' }, number: 1, code: replica.code(name) }, args)
    replica.apply(bytes, 0, bytes.length)
    return heard
  }

  test('copies and claims are kept: the restored machine gives the same steps to the same copies', async () => {
    const gate = gated()
    const stage = await Stage.open()
    const nodes = [await stage.node('a', [gate.definition]), await stage.node('b', [gate.definition])]
    await begun(stage, gate.definition)
    await stage.node('c', [gate.definition])
    const original = stage.gateway.replica
    const restored = composeReplica()
    restored.restore([...original.snapshot()])
    expect([...restored.snapshot()]).toEqual([...original.snapshot()])
    for (const { name, boot } of nodes) {
      const first = applied(original, 'process.exited', [name, boot])
      expect(JSON.stringify(first)).toContain('granted')
      expect(applied(restored, 'process.exited', [name, boot])).toEqual(first)
      expect([...restored.snapshot()]).toEqual([...original.snapshot()])
    }
  })
})
