import { host, open, resilient, space, start } from 'perdure'
import { expect, test } from 'vitest'

interface Listed {
  readonly name: string
  readonly boot: string
}

test('a program whose node was fenced while it could not answer joins again as somebody new, and its runs go on', async () => {
  const reasons: string[] = []
  await using site = await open('memory:', {
    hear: (event) => {
      if (event.event === 'exit') reasons.push(event.reason)
    },
  })
  const waiter = resilient('waiter', async (p) => {
    const [, value] = await p.space('box').in(['value', Number])
    return value * 2
  })
  await using node = await host(site, 'node-a', [waiter])
  const handle = await start(site, waiter, 'k', [])
  const nodes = async () => (await site.link.main.query('process', 'nodes', [])) as Listed[]
  const [before] = await nodes()
  const suspectedAt = await site.issuer.issue('process.suspect', ['node-a', before?.boot])
  expect(await site.issuer.issue('process.fence', ['node-a', suspectedAt])).toBe(true)
  await expect.poll(async () => (await nodes()).map(({ name }) => name)).toEqual([node.name])
  expect((await nodes())[0]?.boot).not.toBe(before?.boot)
  expect(reasons).toEqual([expect.stringContaining('joins again')])
  const box = await space(site, 'box')
  await box.out(['value', 21])
  expect(await handle.result()).toBe(42)
  expect((await handle.status()).attempt).toBe(2)
})

test('a program that closes its node while it joins again leaves nothing behind', async () => {
  await using site = await open('memory:', { hear: () => undefined })
  const idle = resilient('idle', () => 'done')
  const node = await host(site, 'node-a', [idle])
  const nodes = async () => (await site.link.main.query('process', 'nodes', [])) as Listed[]
  const [before] = await nodes()
  const suspectedAt = await site.issuer.issue('process.suspect', ['node-a', before?.boot])
  const fenced = site.issuer.issue('process.fence', ['node-a', suspectedAt])
  await node.close()
  await fenced
  await site.durable()
  expect(await nodes()).toEqual([])
})
