/** A process killed in the middle of a step: the step is executed again, elsewhere, and can tell that it is the same. */
import { expect, test } from 'vitest'
import { nodesOf, Workshop } from './cli-driver.ts'

/** The first execution never ends; each says who it is before it does anything. */
const PROGRAM = `
import { appendFileSync, existsSync } from 'node:fs'
import { resilient } from 'perdure'

export default resilient('charge', async (p) => {
  const before = await p.step('before', () => { appendFileSync('effects', 'before\\n'); return 1 })
  const pid = await p.step('charge', ({ idempotencyKey, attempt, fence }) => {
    const again = existsSync('in-step')
    appendFileSync('in-step', [idempotencyKey, attempt, fence, process.pid].join(' ') + '\\n')
    console.error('in the step')
    return again ? process.pid : new Promise(() => setInterval(() => {}, 1000))
  })
  return { before, pid }
})
`

test('kill -9 of a worker in a step: the step is repeated under the same key, what was done before it is not', async () => {
  await using shop = new Workshop()
  const running = shop.start('run', shop.write('charge.mjs', PROGRAM), '--nodes', '2', '--key', 'k', '--json')
  await running.until(() => running.stderr.includes('in the step'), 'the step')
  const [first = ''] = shop.effects('in-step')
  const [key, attempt, fence, pid] = first.split(' ')
  await running.until(() => [...nodesOf(running.lines).values()].includes(Number(pid)), 'the name of its process')
  process.kill(Number(pid), 'SIGKILL')
  const { lines, code } = await running.done()
  const [, second = '', ...more] = shop.effects('in-step')
  const [keyAgain, attemptAgain, fenceAgain, pidAgain] = second.split(' ')
  expect(more).toEqual([])
  expect([keyAgain, attemptAgain]).toEqual([key, attempt])
  expect(Number(fenceAgain)).toBeGreaterThan(Number(fence))
  expect(pidAgain).not.toBe(pid)
  expect(lines.at(-1)).toMatchObject({ value: { before: 1, pid: Number(pidAgain) }, stats: { nodesLost: 1, runsResumed: 1 } })
  expect(shop.effects()).toEqual(['before'])
  expect(code).toBe(0)
})
