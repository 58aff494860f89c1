/** What a crash leaves of a run: checkpoints, layers, bodies that changed, places that kill. */
import { type PerdureError, type RunContext, type RunHandle, resilient, run, start } from 'perdure'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { MAX_JOURNAL } from '../../../src/mechanisms/process/machine/journal.ts'
import { cut } from '../../log/array-log.ts'
import { type AnyDefinition, codeOf, rehost, Stage, staged } from './stage.ts'

describe('checkpoints', () => {
  const counting = (starts: unknown[]) =>
    resilient('counting', async (p: RunContext) => {
      const state = (p.restored ?? { i: 0, seen: [] }) as { i: number; seen: unknown[] }
      starts.push(state.i)
      const box = p.space('box')
      for (let { i } = state; i < 6; i++) {
        const tried = await p.step('n', () => i * i)
        await box.out(['n', i])
        state.seen.push([i, tried, p.now(), p.random(), p.uuid()])
        await p.checkpoint({ i: i + 1, seen: state.seen })
      }
      return { seen: state.seen, last: p.random(), now: p.now() }
    })

  test('restarted at every checkpoint: state, randoms, now and numbers go on as if nothing had been', async () => {
    const whole = await staged(counting([]))
    const result = await whole.stage.settle((await whole.stage.settle(start(whole.stage.site, counting([]), 'k', []))).result())
    const numbers = whole.stage.applied
      .filter(({ caller, number }) => caller === 'run 1' && number > 0)
      .map(({ name, number }) => [name, number])
    for (let kill = 1; kill <= 6; kill++) {
      const starts: unknown[] = []
      const definition = counting(starts)
      const { stage, node } = await staged(definition)
      let checkpoints = 0
      stage.afterEach(() => {
        if (stage.count('process.checkpoint') === checkpoints) return
        checkpoints += 1
        if (checkpoints !== kill) return
        node.kill()
        stage.clock.hop(() => void stage.node('b', [definition]))
      })
      const handle = await stage.settle(start(stage.site, definition, 'k', []))
      expect(await stage.settle(handle.result()), `killed at checkpoint ${kill}`).toEqual(result)
      expect(starts).toEqual([0, kill])
      const own = stage.applied.filter(
        ({ caller, number, admission }) => caller === 'run 1' && number > 0 && admission === 'fresh',
      )
      expect(own.map(({ name, number }) => [name, number])).toEqual(numbers)
    }
  })

  test('forget the journal before them: what a restored body replays does not grow', async () => {
    const definition = counting([])
    const { stage } = await staged(definition)
    const sizes: number[] = []
    stage.afterEach(() => {
      const show = stage.gateway.replica.query('process', 'journal', [1, fenceOf(stage), 0, 0]) as {
        deliveries: unknown[]
      } | null
      if (show) sizes.push(show.deliveries.length)
    })
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await stage.settle(handle.result())
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2)
  })

  test('a state over 128 kB goes beside the log', async () => {
    const big = resilient('big', async (p) => {
      if (p.restored === undefined) await p.checkpoint({ text: 'x'.repeat(500_000) })
      await p.space('box').in(['go'])
      return (p.restored as { text: string } | undefined)?.text.length ?? 'not restored'
    })
    const { stage, node } = await staged(big)
    const handle = await stage.settle(start(stage.site, big, 'k', []))
    await rehost(stage, node, big)
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect(await stage.settle(handle.result())).toBe(500_000)
  })

  test('what a body does with the state it gave does not change what was kept', async () => {
    const body = resilient('b', async (p) => {
      const state = (p.restored ?? { list: [1] }) as { list: number[] }
      if (p.restored === undefined) {
        const kept = p.checkpoint(state)
        state.list.push(2)
        await kept
      }
      const seen = [...state.list]
      state.list.push(3)
      await p.space('box').in(['go'])
      return seen
    })
    const { stage, node } = await staged(body)
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    const second = await rehost(stage, node, body)
    await rehost(stage, second, body)
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect(await stage.settle(handle.result())).toEqual([1])
  })

  test('a run that never checkpoints fails at the limit of its journal, with the word checkpoint', async () => {
    const endless = resilient('endless', async (p) => {
      for (;;) await p.space('box').out(['x'])
    })
    const { stage } = await staged(endless)
    const handle = await stage.settle(start(stage.site, endless, 'k', []))
    const error = (await stage.settle(handle.result().catch((thrown: unknown) => thrown))) as PerdureError
    expect(error.code).toBe('PERDURE_E_JOURNAL_FULL')
    expect(error.message).toContain('checkpoint')
    expect(await stage.settle((await space(stage.site, 'box')).count(['x']))).toBe(MAX_JOURNAL)
  })
})

function fenceOf(stage: Stage): number {
  const placed = stage.applied.find(({ name }) => name === 'process.start')
  return placed?.position ?? 0
}

describe('layers', () => {
  const counter = (layer: 'none' | 'restart' | 'journal', calls: number[]) =>
    resilient(
      'counter',
      async (p: RunContext) => {
        const n = await p.step('s', () => calls.push(calls.length))
        await p.space('box').in(['go'])
        return [n, await p.step('t', () => calls.length)]
      },
      { layer },
    )

  test.each([
    ['journal', [1, 1], 1],
    ['restart', [2, 2], 2],
  ] as const)('%s: after a crash the result is %j', async (layer, result, executions) => {
    const calls: number[] = []
    const definition = counter(layer, calls)
    const { stage, node } = await staged(definition)
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await rehost(stage, node, definition)
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect(await stage.settle(handle.result())).toEqual(result)
    expect(calls.length).toBe(executions)
  })

  test('none: the run is lost with its process, and says so', async () => {
    const definition = counter('none', [])
    const { stage, node } = await staged(definition)
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await rehost(stage, node, definition)
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_RUN_LOST')
    expect(await stage.settle(handle.status())).toMatchObject({ state: 'failed' })
  })

  test.each(['restart', 'none', 'journal'] as const)('%s: a node that leaves in order while the run waits', async (layer) => {
    const definition = counter(layer, [])
    const { stage, node } = await staged(definition)
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    await stage.clock.idle()
    await stage.settle(node.host.leave())
    node.connection.close()
    await stage.node('b', [definition])
    await stage.clock.idle()
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    const result = await stage.settle(codeOf(handle.result()))
    if (layer === 'none') expect(result).toBe('PERDURE_E_RUN_LOST')
    else expect(result).toEqual({ value: layer === 'restart' ? [2, 2] : [1, 1] })
  })

  test('a restarted run has other idempotency keys: it is another incarnation', async () => {
    const keys: string[] = []
    const definition = resilient(
      'k',
      async (p) => {
        await p.step('s', ({ idempotencyKey }) => void keys.push(idempotencyKey))
        await p.space('box').in(['go'])
      },
      { layer: 'restart' },
    )
    const { stage, node } = await staged(definition)
    await stage.settle(start(stage.site, definition, 'k', []))
    await rehost(stage, node, definition)
    expect(keys.length).toBe(2)
    expect(keys[0]).not.toBe(keys[1])
  })

  test.each(['none', 'restart'] as const)('%s: works like any other without a crash', async (layer) => {
    const definition = resilient(
      'plain',
      async (p: RunContext) => {
        const box = p.space('box')
        await box.out(['x', 1])
        await p.checkpoint(1)
        const winner = await p.race({ x: box.in(['x', Number]), late: p.sleep(1) })
        return [winner.key, await p.step('s', () => 2)]
      },
      { layer },
    )
    const { stage } = await staged(definition)
    const handle = await stage.settle(start(stage.site, definition, 'k', []))
    expect(await stage.settle(handle.result())).toEqual(['x', 2])
  })
})

describe('a body that does something else than its journal says', () => {
  const build = (change: (p: RunContext) => Promise<unknown>) => resilient('d', change)
  const original = () =>
    build(async (p) => {
      await p.step('charge', () => 1)
      await p.space('box').out(['charged'])
      await p.space('box').in(['go', Number])
      return 'original'
    })
  const changes: Readonly<Record<string, { body: () => AnyDefinition; expected: string; found: string }>> = {
    'another name of a step': {
      body: () => build(async (p) => p.step('refund', () => 1)),
      expected: 'charge',
      found: 'refund',
    },
    'another kind': { body: () => build(async (p) => p.sleep(5)), expected: 'process.step', found: 'process.sleep' },
    'another argument': {
      body: () =>
        build(async (p) => {
          await p.step('charge', () => 1)
          await p.space('box').out(['CHARGED'])
          await p.sleep(1)
        }),
      expected: 'charged',
      found: 'CHARGED',
    },
    'an early end': { body: () => build(async (p) => p.step('charge', () => 1)), expected: 'space.out', found: 'nothing' },
    'an early throw': {
      body: () =>
        build(async () => {
          throw new Error('new bug')
        }),
      expected: 'process.step',
      found: 'nothing',
    },
    'other operations in front': {
      body: () =>
        build(async (p) => {
          await p.sleep(1)
          await p.step('charge', () => 1)
        }),
      expected: 'process.step',
      found: 'process.sleep',
    },
  }

  for (const [what, { body, expected, found }] of Object.entries(changes)) {
    test(`${what}: diverged, with expected and found side by side; nothing of it takes effect`, async () => {
      const { stage, node } = await staged(original())
      const handle = await stage.settle(start(stage.site, original(), 'k', []))
      await rehost(stage, node, body())
      const error = (await stage.settle(handle.result().catch((thrown: unknown) => thrown))) as PerdureError
      expect(error.code).toBe('PERDURE_E_DIVERGED')
      expect(error.message).toMatch(new RegExp(`expected: .*${expected}.*\\n *found: .*${found}`))
      const status = await stage.settle(handle.status())
      expect(status.state).toBe('diverged')
      expect(await stage.settle((await space(stage.site, 'box')).count([String]))).toBe(1)
    })
  }

  test('it is not terminal: a node with a build that fits goes on', async () => {
    const { stage, node } = await staged(original())
    const handle: RunHandle<unknown> = await stage.settle(start(stage.site, original(), 'k', []))
    await rehost(stage, node, (changes['another kind'] as { body: () => AnyDefinition }).body())
    expect((await stage.settle(handle.status())).state).toBe('diverged')
    await stage.node('good', [original()])
    await stage.settle((await space(stage.site, 'box')).out(['go', 1]))
    expect(await stage.settle(handle.result())).toBe('original')
  })

  test('with a build that fits at hand it goes there at once, and nobody is told of a divergence', async () => {
    const { stage, node } = await staged(original())
    const handle = await stage.settle(start(stage.site, original(), 'k', []))
    await stage.clock.idle()
    const result = handle.result()
    node.kill()
    await stage.node('bad', [(changes['another kind'] as { body: () => AnyDefinition }).body()])
    await stage.node('good', [original()])
    await stage.settle((await space(stage.site, 'box')).out(['go', 1]))
    expect(await stage.settle(result.catch((error: PerdureError) => error.code))).toBe('original')
  })

  test('a change beyond the journal is no divergence', async () => {
    const { stage, node } = await staged(original())
    const handle: RunHandle<unknown> = await stage.settle(start(stage.site, original(), 'k', []))
    await rehost(
      stage,
      node,
      build(async (p) => {
        await p.step('charge', () => 1)
        await p.space('box').out(['charged'])
        await p.space('box').in(['go', Number])
        await p.sleep(5)
        return 'changed'
      }),
    )
    await stage.settle((await space(stage.site, 'box')).out(['go', 1]))
    expect(await stage.settle(handle.result())).toBe('changed')
  })

  test('it survives a reopen, and can be cancelled', async () => {
    const { stage, node } = await staged(original())
    await stage.settle(start(stage.site, original(), 'k', []))
    await rehost(stage, node, (changes['another kind'] as { body: () => AnyDefinition }).body())
    const again = await Stage.open({ shelf: cut(stage.shelf, stage.shelf.records.length) })
    const handle = run(again.site, original(), 'k')
    expect((await again.settle(handle.status())).state).toBe('diverged')
    await again.settle(handle.cancel('x'))
    await again.clock.advance(5_100)
    expect(await again.settle(codeOf(handle.result()))).toBe('PERDURE_E_CANCELLED')
  })
})

describe('a run whose process dies again and again', () => {
  test('at the same place is wedged after five deaths, with the reason, and spares the node', async () => {
    const deadly = resilient('deadly', async (p) => {
      await p.sleep(1)
      await p.step('kills', () => new Promise(() => undefined))
    })
    const { stage, node } = await staged(deadly)
    const handle = await stage.settle(start(stage.site, deadly, 'k', []))
    await stage.clock.advance(5)
    let host = node
    for (let death = 1; death <= 4; death++) {
      host = await rehost(stage, host, deadly)
      expect((await stage.settle(handle.status())).state, `after death ${death}`).toBe('running')
    }
    await rehost(stage, host, deadly)
    const status = await stage.settle(handle.status())
    expect(status).toMatchObject({ state: 'wedged', attempt: 5 })
    expect(status.reason).toContain('5 times')
    expect(await stage.settle(codeOf(handle.result()))).toBe('PERDURE_E_WEDGED')
    await stage.settle(handle.cancel('x'))
    await stage.clock.advance(6_000)
    expect((await stage.settle(handle.status())).state).toBe('cancelled')
  })

  test('at another place each time goes on', async () => {
    const steady = resilient('steady', async (p) => {
      for (let i = 0; i < 12; i++) await p.space('box').in(['go', i])
      return 'done'
    })
    const { stage, node } = await staged(steady)
    const handle = await stage.settle(start(stage.site, steady, 'k', []))
    let host = node
    const box = await space(stage.site, 'box')
    for (let i = 0; i < 12; i++) {
      host = await rehost(stage, host, steady)
      await stage.settle(box.out(['go', i]))
    }
    expect(await stage.settle(handle.result())).toBe('done')
  })
})
