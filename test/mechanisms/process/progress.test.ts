/** A long recovery says how far it is. */
import { resilient, start } from 'perdure'
import { expect, test } from 'vitest'
import { staged } from './stage.ts'

const REPLIES = 5_000

test('status of a recovering run: replies given again so far, of all there are', async () => {
  const body = resilient('long', async (p) => {
    const box = p.space('box')
    for (let n = 0; n < REPLIES; n += 1) await box.inp(['none'])
    return (await box.in(['go', Number]))[1]
  })
  const { stage, node } = await staged(body)
  const handle = await stage.settle(start(stage.site, body, 'k', []))
  await stage.clock.until(() => stage.count('space.in') === 1)
  node.kill()
  const status = () => stage.gateway.replica.query('process', 'status', ['long', 'k'])
  const seen: unknown[] = []
  stage.afterEach(() => {
    if (stage.applied.at(-1)?.name === 'process.replayed') seen.push(status())
  })
  await stage.node('b', [body])
  expect(status()).toMatchObject({ state: 'recovering', replayed: 0, of: REPLIES })
  await stage.settle(stage.site.issuer.issue('space.out', ['box', ['go', 3]]))
  expect(await stage.settle(handle.result())).toBe(3)
  expect(seen.length).toBeGreaterThanOrEqual(2)
  const replayed = seen.map((each) => (each as { replayed: number }).replayed)
  expect(replayed).toEqual([...replayed].sort((a, b) => a - b))
  for (const each of seen) expect(each).toMatchObject({ state: 'recovering' })
  expect(replayed[0]).toBeGreaterThan(0)
})
