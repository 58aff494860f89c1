/** What is under way between runs and nodes survives a snapshot: a restored machine answers and acts as the first would. */
import { resilient, start } from 'perdure'
import { expect, test } from 'vitest'
import { encodeOperation } from '../../../src/log/operation.ts'
import type { Replica } from '../../../src/log/replica.ts'
import { composeReplica } from '../../../src/node/compose.ts'
import { Stage } from './stage.ts'

const body = resilient('body', async (p) => {
  p.version('way', 3)
  await p.step('slow', () => new Promise(() => undefined))
})

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

test('moves, pauses, drains, gates and restarts under way: the restored machine goes on the same', async () => {
  const stage = await Stage.open()
  const nodes = [await stage.node('a', [body]), await stage.node('b', [body])]
  const handles = new Map<string, Awaited<ReturnType<typeof begin>>>()
  const begin = (key: string) => stage.settle(start(stage.site, body, key, []))
  for (const key of ['moved', 'held', 'drained', 'anew']) handles.set(key, await begin(key))
  await stage.clock.idle()
  void handles.get('moved')?.migrate('b')
  void handles.get('held')?.pause('a look')
  await stage.settle(handles.get('anew')?.restart('once more') ?? Promise.reject())
  void stage.site.issuer.issue('process.drain', ['a', 30_000, 'stop'])
  await stage.clock.idle()

  const original = stage.gateway.replica
  const restored = composeReplica()
  restored.restore([...original.snapshot()])
  expect([...restored.snapshot()]).toEqual([...original.snapshot()])
  const kinds = [...original.snapshot()].map(([, part]) => (part as readonly unknown[])[0])
  expect(kinds).toEqual(expect.arrayContaining(['movers', 'pausers', 'drain']))

  for (const { name, boot } of nodes) {
    const first = applied(original, 'process.exited', [name, boot])
    expect(JSON.stringify(first)).toContain('reply')
    expect(applied(restored, 'process.exited', [name, boot])).toEqual(first)
  }
  expect([...restored.snapshot()]).toEqual([...original.snapshot()])
})
