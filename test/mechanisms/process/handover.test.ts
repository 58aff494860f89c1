/** Runs leave living nodes: migrated one by one, or all because a node drains; no step is executed twice. */
import { type Definition, type RunContext, type RunHandle, resilient, start } from 'perdure'
import type { Drained } from 'perdure/process'
import { describe, expect, test } from 'vitest'
import { checkEffects, EFFECTS, newWorld, programOf } from './program.ts'
import { type AnyDefinition, codeOf, Stage } from './stage.ts'

/** A step that the test lets go on. */
interface Gate {
  readonly keys: string[]
  readonly definition: Definition<RunContext, [], string>
  open(): void
}

function gated(options: { layer?: 'none' | 'restart' } = {}): Gate {
  const keys: string[] = []
  let waiting: (() => void)[] = []
  const definition = resilient(
    'gated',
    async (p) => {
      const first = await p.step('slow', async ({ idempotencyKey }) => {
        keys.push(idempotencyKey)
        await new Promise<void>((resolve) => waiting.push(resolve))
        return `try ${keys.length}`
      })
      await p.step('second', ({ idempotencyKey }) => void keys.push(idempotencyKey))
      return first
    },
    options,
  )
  const open = () => {
    const opened = waiting
    waiting = []
    for (const go of opened) go()
  }
  return { keys, definition, open }
}

const waits = resilient('waits', async (p) => (await p.space('box').in(['go', Number]))[1])

/** Started, and come as far as it comes by itself; its time stands still. */
async function begun<R>(stage: Stage, definition: Definition<RunContext, [], R>, key = 'k'): Promise<RunHandle<R>> {
  const handle = await stage.settle(start(stage.site, definition, key, []))
  await stage.clock.idle()
  return handle
}

function drain(stage: Stage, node: string, drainMs = 30_000): Promise<Drained> {
  return stage.site.issuer.issue('process.drain', [node, drainMs, 'stay']) as Promise<Drained>
}

function nodeOf(stage: Stage, definition: AnyDefinition, key = 'k'): string | undefined {
  return (stage.gateway.replica.query('process', 'status', [definition.name, key]) as { node?: string }).node
}

describe('migrate', () => {
  test('a waiting run goes to the least loaded other node, and its wait goes with it', async () => {
    const stage = await Stage.open()
    for (const name of ['a', 'b', 'c']) await stage.node(name, [waits])
    const handle = await begun(stage, waits)
    await begun(stage, waits, 'other')
    expect([nodeOf(stage, waits), nodeOf(stage, waits, 'other')]).toEqual(['a', 'b'])
    expect(await stage.settle(handle.migrate())).toBe('c')
    await stage.settle(stage.site.issuer.issue('space.out', ['box', ['go', 7]]))
    expect(await stage.settle(handle.result())).toBe(7)
    expect(stage.count('space.in')).toBe(2)
  })

  test('to a named node, or to the workers of a program of this name', async () => {
    const stage = await Stage.open()
    for (const name of ['a', 'b', 'c']) await stage.node(name, [waits])
    const handle = await begun(stage, waits)
    expect(await stage.settle(handle.migrate('b'))).toBe('b')
    expect(await stage.settle(handle.migrate('b'))).toBe('b')
    expect(nodeOf(stage, waits)).toBe('b')
  })

  test('a step under way finishes where it is, is recorded once, and the next one is executed elsewhere', async () => {
    const stage = await Stage.open()
    const gate = gated()
    for (const name of ['a', 'b']) await stage.node(name, [gate.definition])
    const handle = await begun(stage, gate.definition)
    const moved = handle.migrate()
    await stage.clock.idle()
    expect(nodeOf(stage, gate.definition)).toBe('a')
    gate.open()
    await stage.clock.idle()
    expect(await moved).toBe('b')
    expect(await stage.settle(handle.result())).toBe('try 1')
    expect(new Set(gate.keys).size).toBe(2)
    expect(gate.keys).toHaveLength(2)
  })

  test('a step that takes longer than drainMs is cut off, and executed again with the same key', async () => {
    const stage = await Stage.open()
    const gate = gated()
    for (const name of ['a', 'b']) await stage.node(name, [gate.definition])
    const handle = await begun(stage, gate.definition)
    expect(await stage.settle(handle.migrate('b', { drainMs: 1_000 }))).toBe('b')
    expect(stage.clock.monotonicMs()).toBeGreaterThanOrEqual(1_000)
    await stage.clock.idle()
    expect(gate.keys).toHaveLength(2)
    expect(gate.keys[0]).toBe(gate.keys[1])
    gate.open()
    expect(await stage.settle(handle.result())).toBe('try 2')
    expect(stage.count('process.step')).toBe(2)
  })

  test('says why it cannot: unknown, not hosting, full, nobody else, paused, or without a layer that could move', async () => {
    const stage = await Stage.open()
    const bound = gated({ layer: 'none' })
    await stage.node('a', [waits, bound.definition])
    const handle = await begun(stage, waits)
    expect(await stage.settle(codeOf(handle.migrate()))).toBe('PERDURE_E_NO_HOST')
    expect(await stage.settle(codeOf(handle.migrate('nobody')))).toBe('PERDURE_E_UNKNOWN_NODE')
    await stage.node('other', [bound.definition])
    expect(await stage.settle(codeOf(handle.migrate('other')))).toBe('PERDURE_E_NO_HOST')
    await stage.node('small', [waits], { capacity: 1 })
    await begun(stage, waits, 'fills it')
    expect(await stage.settle(codeOf(handle.migrate('small')))).toBe('PERDURE_E_NO_HOST')
    const tied = await begun(stage, bound.definition)
    expect(await stage.settle(codeOf(tied.migrate('a')))).toBe('PERDURE_E_USAGE')
    await stage.settle(handle.pause('a look'))
    expect(await stage.settle(codeOf(handle.migrate()))).toBe('PERDURE_E_NO_HOST')
  })

  test('of a run that has ended, or ends meanwhile, answers null', async () => {
    const stage = await Stage.open()
    const gate = gated()
    for (const name of ['a', 'b']) await stage.node(name, [gate.definition])
    const handle = await begun(stage, gate.definition)
    const moved = handle.migrate()
    await stage.clock.idle()
    await stage.settle(handle.cancel('enough'))
    expect(await stage.settle(moved)).toBeNull()
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_CANCELLED')
    expect(await stage.settle(handle.migrate())).toBeNull()
  })

  test('goes to where there is room when the node that was named has gone meanwhile', async () => {
    const stage = await Stage.open()
    const gate = gated()
    await stage.node('a', [gate.definition])
    const b = await stage.node('b', [gate.definition])
    await stage.node('c', [gate.definition])
    const handle = await begun(stage, gate.definition)
    const moved = handle.migrate('b')
    await stage.clock.idle()
    b.kill()
    gate.open()
    expect(await stage.settle(moved)).toBe('a')
    expect(await stage.settle(handle.result())).toBe('try 1')
  })

  test('whose node dies meanwhile has moved all the same', async () => {
    const stage = await Stage.open()
    const gate = gated()
    const a = await stage.node('a', [gate.definition])
    await stage.node('b', [gate.definition])
    const handle = await begun(stage, gate.definition)
    const moved = handle.migrate()
    await stage.clock.idle()
    a.kill()
    expect(await stage.settle(moved)).toBe('b')
  })

  test.each(['memory', 'a pipe'] as const)(
    'at every entry of a program that uses everything, over %s: same result, no step and no effect repeated',
    async (over) => {
      const whole = await disturbed(Number.POSITIVE_INFINITY, over)
      const last = whole.stage.gateway.replica.position
      let moves = 0
      for (let position = 4; position <= last; position += 1) {
        const { stage, world, result, moved } = await disturbed(position, over)
        expect(result, `migrated after ${position}`).toEqual(whole.result)
        expect(stage.count('process.step'), `migrated after ${position}`).toBe(whole.stage.count('process.step'))
        expect(world.effects, `migrated after ${position}`).toHaveLength(EFFECTS)
        checkEffects(world)
        if (moved) moves += 1
      }
      expect(moves).toBeGreaterThan(30)
    },
  )
})

/** The program, migrated after this entry, and once more thirty entries later. */
async function disturbed(position: number, over: 'memory' | 'a pipe') {
  const world = newWorld()
  const stage = await Stage.open()
  const { all, square } = programOf(world)
  for (const name of ['a', 'b']) await stage.node(name, [all, square], { over })
  let next = position
  let moved = false
  stage.afterEach((at) => {
    if (at < next) return
    next = next === position ? at + 30 : Number.POSITIVE_INFINITY
    stage.clock.hop(() => {
      const asked = stage.site.issuer.issue('process.migrate', ['all', 'k', null, 30_000])
      asked.then(
        (node) => {
          moved ||= node !== null
        },
        () => undefined,
      )
    })
  })
  const handle = await stage.settle(start(stage.site, all, 'k', ['n']))
  return { result: await stage.settle(handle.result()), world, stage, moved }
}

describe('drain', () => {
  test('hands every run over, in the middle of their steps too, and takes no new ones', async () => {
    const stage = await Stage.open()
    const gate = gated()
    await stage.node('a', [waits, gate.definition])
    const handles: RunHandle<unknown>[] = [await begun(stage, waits), await begun(stage, gate.definition)]
    await stage.node('b', [waits, gate.definition])
    const drained = drain(stage, 'a')
    await stage.clock.idle()
    expect(stage.nodes().map(({ name, state, runs }) => [name, state, runs])).toEqual([
      ['a', 'draining', 1],
      ['b', 'live', 1],
    ])
    gate.open()
    expect(await stage.settle(drained)).toEqual({ runs: 2, handedOver: 2, cutOff: 0 })
    await begun(stage, waits, 'new')
    expect(stage.nodes().map(({ runs }) => runs)).toEqual([0, expect.any(Number)])
    await stage.settle(stage.site.issuer.issue('space.out', ['box', ['go', 7]]))
    for (const handle of handles) await stage.settle(handle.result())
    expect(gate.keys).toHaveLength(2)
  })

  test('with nobody else the runs wait for a host, and the next one goes on with them', async () => {
    const stage = await Stage.open()
    await stage.node('a', [waits])
    const handle = await begun(stage, waits)
    expect(await stage.settle(drain(stage, 'a'))).toEqual({ runs: 1, handedOver: 1, cutOff: 0 })
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'waiting', reason: 'no host for waits' })
    await stage.node('b', [waits])
    await stage.settle(stage.site.issuer.issue('space.out', ['box', ['go', 7]]))
    expect(await stage.settle(handle.result())).toBe(7)
  })

  test('counts who was cut off, who ended by itself, and what is lost with layer none', async () => {
    const stage = await Stage.open()
    const gate = gated()
    const tied = gated({ layer: 'none' })
    const anew = resilient('anew', async (p) => await p.space('box').in(['never']), { layer: 'restart' })
    await stage.node('a', [gate.definition, waits, anew, { ...tied.definition, name: 'tied' }])
    const slow = await begun(stage, gate.definition)
    const quick = await begun(stage, { ...tied.definition, name: 'tied' })
    await begun(stage, anew)
    const drained = drain(stage, 'a', 1_000)
    expect(await stage.settle(drained)).toEqual({ runs: 3, handedOver: 0, cutOff: 3 })
    expect(await stage.settle(codeOf(quick.result()))).toBe('PERDURE_E_RUN_LOST')
    expect(await stage.settle(slow.status())).toMatchObject({ state: 'waiting' })
  })

  test('a node that dies while it drains is drained', async () => {
    const stage = await Stage.open()
    const gate = gated()
    const a = await stage.node('a', [gate.definition])
    await begun(stage, gate.definition)
    const drained = drain(stage, 'a')
    await stage.clock.idle()
    a.kill()
    expect(await stage.settle(drained)).toEqual({ runs: 1, handedOver: 0, cutOff: 0 })
  })

  test('stop asks the process to end once it has no runs, and answers when its node is gone', async () => {
    const stage = await Stage.open()
    const a = await stage.node('a', [waits])
    await begun(stage, waits)
    const retired: unknown[] = []
    const note = a.host.note.bind(a.host)
    a.host.note = (body, position) => {
      if (body[0] === 'retire') retired.push(body)
      note(body, position)
    }
    const stopped = stage.site.issuer.issue('process.drain', ['a', 30_000, 'stop'])
    await stage.clock.idle()
    expect(retired).toEqual([['retire', 'a', a.boot]])
    await stage.settle(a.host.leave())
    expect(await stage.settle(stopped)).toEqual({ runs: 1, handedOver: 1, cutOff: 0 })
  })

  test('of an unknown node is an error', async () => {
    const stage = await Stage.open()
    expect(await stage.settle(codeOf(drain(stage, 'nobody')))).toBe('PERDURE_E_UNKNOWN_NODE')
  })
})
