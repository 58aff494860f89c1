/** Nodes come, are given runs, are suspected, and are fenced. */

import { type PerdureError, resilient, start } from 'perdure'
import { space } from 'perdure/space'
import { describe, expect, test } from 'vitest'
import { LocalConnection } from '../../../src/log/connection.ts'
import { SUSPICION_MS } from '../../../src/mechanisms/process/machine/fencing.ts'
import { savedRuns } from '../../../src/mechanisms/process/machine/snapshot.ts'
import { type AnyDefinition, Stage } from './stage.ts'

const waits = (name: string) =>
  resilient(name, async (p) => {
    await p.space('box').in(['go'])
    return 'went'
  })

async function begin(stage: Stage, definition: AnyDefinition, ...keys: string[]) {
  for (const key of keys) await stage.settle(start(stage.site, definition, key, [] as never))
}

function nodeOf(stage: Stage, definition: string, key: string): string | undefined {
  return (stage.gateway.replica.query('process', 'status', [definition, key]) as { node?: string }).node
}

test('whatever ends that is no session takes no node with it, whatever its number', async () => {
  const stage = await Stage.open()
  await stage.node('x', [waits('a')])
  const { replica } = stage.gateway
  for (let id = 1; id <= replica.position; id++) replica.ended({ kind: 'member', id }, 'left')
  expect(stage.nodes()).toMatchObject([{ state: 'live' }])
})

describe('placement', () => {
  test('N1: the least loaded node that hosts the definition, ties to the one registered first', async () => {
    const stage = await Stage.open()
    const [a, b] = [waits('a'), waits('b')]
    await stage.node('second-name', [a])
    await stage.node('first-name', [a, b])
    await stage.node('third', [b])
    await begin(stage, a, '1', '2', '3')
    expect(['1', '2', '3'].map((key) => nodeOf(stage, 'a', key))).toEqual(['second-name', 'first-name', 'second-name'])
    await begin(stage, b, '1', '2', '3')
    expect(['1', '2', '3'].map((key) => nodeOf(stage, 'b', key))).toEqual(['third', 'first-name', 'third'])
  })

  test('N1: a run whose definition nobody hosts waits, and goes to the first node that does', async () => {
    const stage = await Stage.open()
    const [a, b] = [waits('a'), waits('b')]
    await stage.node('x', [b])
    await begin(stage, a, '1')
    expect(nodeOf(stage, 'a', '1')).toBeUndefined()
    await stage.node('y', [a])
    expect(nodeOf(stage, 'a', '1')).toBe('y')
  })

  test('N1: no node has more runs than its capacity; the next goes when one has ended', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    await stage.node('small', [a], { capacity: 2 })
    await begin(stage, a, '1', '2', '3', '4')
    expect(stage.nodes()).toMatchObject([{ runs: 2 }])
    expect(stage.gateway.replica.query('process', 'status', ['a', '3'])).toMatchObject({
      state: 'waiting',
      reason: 'no free host for a',
    })
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect(['3', '4'].map((key) => nodeOf(stage, 'a', key))).toEqual(['small', undefined])
  })

  test('N2: of the waiting runs of a definition the oldest goes first', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    await begin(stage, a, '3', '1', '2')
    await stage.node('one', [a], { capacity: 1 })
    const order: string[] = []
    for (let i = 0; i < 3; i++) {
      order.push(...['1', '2', '3'].filter((key) => nodeOf(stage, 'a', key) !== undefined))
      await stage.settle((await space(stage.site, 'box')).out(['go']))
    }
    expect(order).toEqual(['3', '1', '2'])
  })

  test('N3: a run does not go to a build under which it has diverged, and others of its definition do', async () => {
    const stage = await Stage.open()
    const good = resilient('d', async (p) => {
      await p.sleep(1)
      await p.space('box').in(['go'])
      return 'good'
    })
    const bad = resilient('d', async (p) => {
      await p.space('box').count(['x'])
      return 'bad'
    })
    const first = await stage.node('first', [good])
    await begin(stage, good, 'old')
    await stage.clock.advance(5)
    first.kill()
    await stage.node('bad', [bad])
    await stage.clock.idle()
    expect(stage.gateway.replica.query('process', 'status', ['d', 'old'])).toMatchObject({ state: 'diverged' })
    const fresh = await stage.settle(start(stage.site, bad, 'new', []))
    expect(await stage.settle(fresh.result())).toBe('bad')
    expect(stage.gateway.replica.query('process', 'status', ['d', 'old'])).toMatchObject({ state: 'diverged' })
    await stage.node('good', [good])
    expect(nodeOf(stage, 'd', 'old')).toBe('good')
  })

  test('a node that leaves hands its runs to the others at once, and no node counts as lost', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    const first = await stage.node('first', [a])
    await stage.node('second', [a])
    await begin(stage, a, '1', '2', '3', '4')
    await stage.settle(first.host.leave())
    expect(stage.nodes()).toMatchObject([{ name: 'second', runs: 4 }])
    expect(stage.gateway.replica.query('process', 'statistics', [])).toMatchObject({ nodesLost: 0, runsResumed: 2 })
  })
})

describe('names', () => {
  test('a name that a living node has is refused, with its process', async () => {
    const stage = await Stage.open()
    await stage.node('a', [waits('a')])
    const error = (await stage.settle(stage.node('a', [waits('a')]).catch((refused: unknown) => refused))) as PerdureError
    expect(error.code).toBe('PERDURE_E_NODE_TAKEN')
    expect(error.message).toContain('process 1')
  })

  test('a name is still taken while its node is only suspected, and free once it is fenced', async () => {
    const stage = await Stage.open()
    const first = await stage.node('a', [waits('a')])
    first.disconnect()
    await expect(stage.settle(stage.node('a', [waits('a')]))).rejects.toMatchObject({ code: 'PERDURE_E_NODE_TAKEN' })
    await stage.clock.advance(SUSPICION_MS + 1)
    await stage.node('a', [waits('a')])
    expect(stage.nodes()).toMatchObject([{ name: 'a', state: 'live' }])
  })

  test("a parent's report frees the name at once; one of another process of that name does nothing", async () => {
    const stage = await Stage.open()
    const first = await stage.node('a', [waits('a')])
    await stage.settle(stage.site.issuer.issue('process.exited', ['a', 'another boot']))
    expect(stage.nodes()).toHaveLength(1)
    await stage.settle(stage.site.issuer.issue('process.exited', ['a', first.boot]))
    expect(stage.nodes()).toHaveLength(0)
  })
})

describe('detection', () => {
  const suspect = (stage: Stage, name: string, boot: string) =>
    stage.settle(stage.site.issuer.issue('process.suspect', [name, boot])) as Promise<number | null>
  const fence = (stage: Stage, name: string, at: number | null) =>
    stage.settle(stage.site.issuer.issue('process.fence', [name, at])) as Promise<boolean>

  test('is two steps: a suspicion takes no runs away, a fence after it does', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    const node = await stage.node('a', [a])
    await begin(stage, a, '1')
    const at = await suspect(stage, 'a', node.boot)
    expect(stage.nodes()).toMatchObject([{ state: 'suspected', runs: 1 }])
    expect(await fence(stage, 'a', at)).toBe(true)
    expect(stage.nodes()).toEqual([])
  })

  test('anything heard of the node after the suspicion refutes it: the fence does nothing', async () => {
    const stage = await Stage.open()
    const a = resilient('a', async (p) => {
      await p.space('box').in(['first'])
      await p.space('box').in(['second'])
    })
    const node = await stage.node('a', [a])
    await begin(stage, a, '1')
    const at = await suspect(stage, 'a', node.boot)
    await stage.settle((await space(stage.site, 'box')).out(['first']))
    expect(stage.nodes()).toMatchObject([{ state: 'live' }])
    expect(await fence(stage, 'a', at)).toBe(false)
    expect(stage.nodes()).toHaveLength(1)
  })

  test('a fence for an older suspicion does nothing', async () => {
    const stage = await Stage.open()
    const node = await stage.node('a', [waits('a')])
    const first = await suspect(stage, 'a', node.boot)
    await stage.settle(stage.site.issuer.issue('process.refute', ['a']))
    const second = await suspect(stage, 'a', node.boot)
    expect(await fence(stage, 'a', first)).toBe(false)
    expect(await fence(stage, 'a', second)).toBe(true)
  })

  test('a suspected node is given no runs; they go to it when it is heard of again', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    const node = await stage.node('a', [a])
    await suspect(stage, 'a', node.boot)
    await begin(stage, a, '1')
    expect(nodeOf(stage, 'a', '1')).toBeUndefined()
    await stage.settle(stage.site.issuer.issue('process.refute', ['a']))
    expect(nodeOf(stage, 'a', '1')).toBe('a')
  })

  test('a suspicion of another process of that name does nothing', async () => {
    const stage = await Stage.open()
    await stage.node('a', [waits('a')])
    expect(await suspect(stage, 'a', 'another boot')).toBeNull()
    expect(await suspect(stage, 'nobody', 'x')).toBeNull()
    expect(stage.nodes()).toMatchObject([{ state: 'live' }])
  })

  test('a node whose connection broke is fenced after 5 s of log time, and its runs go on elsewhere', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    const node = await stage.node('a', [a])
    await begin(stage, a, '1')
    await stage.node('b', [a])
    node.disconnect()
    await stage.clock.advance(SUSPICION_MS - 1)
    expect(stage.nodes()).toMatchObject([
      { name: 'a', state: 'suspected', runs: 1 },
      { name: 'b', runs: 0 },
    ])
    await stage.clock.advance(2)
    expect(stage.nodes()).toMatchObject([{ name: 'b', runs: 1 }])
    expect(stage.gateway.replica.query('process', 'statistics', [])).toMatchObject({ nodesLost: 1, runsResumed: 1 })
  })

  test('what a fenced node still sends counts for nothing', async () => {
    const stage = await Stage.open()
    let finish: (value: string) => void = () => undefined
    const a = resilient('a', async (p) => {
      const told = await p.step('s', ({ attempt, fence }) =>
        attempt === 1 && fence < 50 ? new Promise<string>((resolve) => (finish = resolve)) : 'second',
      )
      await p.space('box').out(['told', told])
      return told
    })
    const node = await stage.node('a', [a])
    const handle = await stage.settle(start(stage.site, a, '1', []))
    // The machine fences it; the process itself, stopped meanwhile, does not know yet.
    stage.gateway.submitOwn('process.exited', ['a', node.boot])
    finish('zombie')
    await stage.clock.idle()
    expect(stage.count('process.step')).toBe(0)
    expect(await stage.settle((await space(stage.site, 'box')).count(['told', String]))).toBe(0)
    while (stage.gateway.replica.position < 50) await stage.settle((await space(stage.site, 'fill')).out([1]))
    await stage.node('b', [a])
    expect(await stage.settle(handle.result())).toBe('second')
    expect(await stage.settle((await space(stage.site, 'box')).count(['told', String]))).toBe(1)
  })

  test('a host that has not been confirmed for long asks before it starts a step, and a dead connection keeps it from starting', async () => {
    const stage = await Stage.open()
    let calls = 0
    const a = resilient('a', async (p) => {
      await p.space('box').in(['go'])
      await p.step('s', () => ++calls)
    })
    const node = await stage.node('a', [a])
    await begin(stage, a, '1')
    let asked = 0
    node.connection.confirm = () => {
      asked += 1
      return new Promise(() => undefined)
    }
    await stage.clock.advance(SUSPICION_MS)
    await stage.settle((await space(stage.site, 'box')).out(['go']))
    expect([asked, calls]).toEqual([1, 0])
  })

  test('a reopen of the site fences everyone who was there before', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    await stage.node('a', [a])
    await begin(stage, a, '1')
    const again = await Stage.open({ shelf: stage.shelf })
    expect(again.nodes()).toEqual([])
    await again.node('a', [a])
    expect(nodeOf(again, 'a', '1')).toBe('a')
  })

  test('five reopens while a run only waits do not make it wedged', async () => {
    const a = waits('a')
    let stage = await Stage.open()
    await stage.node('a', [a])
    const { key } = await stage.settle(start(stage.site, a, '1', []))
    for (let i = 0; i < 8; i++) {
      stage = await Stage.open({ shelf: stage.shelf })
      await stage.node('a', [a])
      await stage.clock.idle()
    }
    expect(stage.gateway.replica.query('process', 'status', ['a', key])).toMatchObject({ state: 'running' })
  })

  test('three stalls of one run make it wedged', async () => {
    const stage = await Stage.open()
    const a = waits('a')
    await begin(stage, a, '1')
    for (let i = 0; i < 3; i++) {
      const node = await stage.node('a', [a])
      await stage.clock.idle()
      const { fence: at } = fenceOf(stage)
      await stage.settle(stage.site.issuer.issue('process.stalled', [1, at]))
      node.kill()
      await stage.clock.idle()
    }
    expect(stage.gateway.replica.query('process', 'status', ['a', '1'])).toMatchObject({ state: 'wedged' })
  })
})

/** The fence of run 1. */
function fenceOf(stage: Stage): { fence: number } {
  return savedRuns(stage.gateway.replica.snapshot())[0] as { fence: number }
}

describe('a session that ends', () => {
  test('drops what it waited for, and tuples go to those who still wait', async () => {
    const stage = await Stage.open()
    const { spaceOver } = await import('perdure/space')
    const gone = new LocalConnection(stage.gateway, 'gone')
    const stays = new LocalConnection(stage.gateway, 'stays')
    const first = spaceOver(gone.client, 'box')
      .in(['x'])
      .catch((error: PerdureError) => error.code)
    const second = spaceOver(stays.client, 'box').in(['x'])
    await stage.clock.idle()
    gone.close()
    await stage.settle((await space(stage.site, 'box')).out(['x']))
    expect(await stage.settle(first)).toBe('PERDURE_E_CLOSED')
    expect(await stage.settle(second)).toEqual(['x'])
  })
})
