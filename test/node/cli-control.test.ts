/** The command line where people intervene: restart, migrate, pause, resume, drain and stop, on real processes. */
import { describe, expect, test } from 'vitest'
import { nodesOf, type Running, Workshop } from './cli-driver.ts'

/** A step, a wait for a tuple, and another step; each step leaves a line. */
const WAITING = `
import { appendFileSync } from 'node:fs'
import { resilient } from 'perdure'

export default resilient('waiting', async (p) => {
  const version = p.version('twice', 2)
  const effect = (name) => p.step(name, ({ idempotencyKey }) => appendFileSync('effects', name + ' ' + idempotencyKey + '\\n'))
  await effect('before')
  const [, n] = await p.space('jobs').in(['go', Number])
  await effect('after')
  return n * version
})
`

const GIVING = `import { open, space } from 'perdure'
  const site = await open('./perdure-data', { attach: true })
  await (await space(site, 'jobs')).out(['go', 21])
  await site.close()`

async function waits(shop: Workshop, nodes: string): Promise<Running> {
  const owner = shop.start('run', shop.write('waiting.mjs', WAITING), '--nodes', nodes, '--key', 'one', '--json')
  await owner.until(() => shop.effects().length > 0, 'the first step')
  for (;;) {
    const { lines } = await shop.run('show', 'one', '--json')
    if (String(lines[0]?.reason).includes('space.in')) return owner
  }
}

async function gives(shop: Workshop): Promise<void> {
  expect(await shop.node(shop.write('give.mjs', GIVING))).toMatchObject({ code: 0 })
}

describe('perdure', () => {
  test('pause and resume: it waits with the reason, takes what it waited for, and goes on', async () => {
    await using shop = new Workshop()
    const owner = await waits(shop, '1')
    const paused = await shop.run('pause', 'one', '--reason', 'not before Monday', '--json')
    expect(paused).toMatchObject({ code: 0, lines: [{ definition: 'waiting', key: 'one', paused: true }] })
    await gives(shop)
    const shown = await shop.run('show', 'one', '--json')
    expect(shown.lines).toMatchObject([
      {
        state: 'waiting',
        reason: 'paused: not before Monday',
        paused: 'not before Monday',
        versions: { twice: 2 },
        incarnation: 1,
      },
    ])
    expect((await shop.run('show', 'one')).stdout).toMatch(/why +paused: not before Monday\n(.*\n)*versions +twice 2/)
    expect((await shop.run('pause', 'one')).stdout).toContain('was paused before')
    expect((await shop.run('resume', 'one')).stdout).toBe('The run waiting/one goes on.\n')
    const { lines, code } = await owner.done()
    expect(code).toBe(0)
    expect(lines.at(-1)).toMatchObject({ event: 'result', value: 42 })
    expect(shop.effects()).toHaveLength(2)
    expect((await shop.run('resume', 'one', '--json')).lines).toEqual([{ definition: 'waiting', key: 'one', resumed: false }])
  })

  test('restart: another incarnation with other keys, and those who wait get its result', async () => {
    await using shop = new Workshop()
    const owner = await waits(shop, '1')
    const restarted = await shop.run('restart', 'waiting/one', '--reason', 'a better body', '--json')
    expect(restarted.lines).toEqual([{ definition: 'waiting', key: 'one', was: 'running', incarnation: 2 }])
    await gives(shop)
    expect((await owner.done()).lines.at(-1)).toMatchObject({ value: 42 })
    expect(shop.effects().map((line) => line.split(' ')[0])).toEqual(['before', 'before', 'after'])
    expect(new Set(shop.effects()).size).toBe(3)
    const shown = await shop.run('show', 'one')
    expect(shown.stdout).toMatch(/life +2: begun anew on .*, a better body/)
    const again = await shop.run('restart', 'one')
    expect(again.stdout).toBe('The run waiting/one was done; it begins anew, as incarnation 3.\n')
    expect((await shop.run('ps', '--json')).lines).toMatchObject([{ state: 'waiting', reason: 'no host for waiting' }])
  })

  test('migrate, drain and stop: the run moves, the process ends, and nobody starts it again', async () => {
    await using shop = new Workshop()
    const owner = await waits(shop, '2')
    const [{ node: first }] = (await shop.run('ps', '--json')).lines as [{ node: string }]
    const second = first === 'node-1' ? 'node-2' : 'node-1'
    expect((await shop.run('migrate', 'one', '--json')).lines).toMatchObject([{ key: 'one', node: second }])
    expect((await shop.run('migrate', 'one', first)).stdout).toBe(`The run waiting/one goes on at ${first}.\n`)
    const drained = await shop.run('drain', first, '--json')
    expect(drained.lines).toEqual([{ node: first, runs: 1, handedOver: 1, cutOff: 0 }])
    // They are listed as they have registered, which is as fast as each of them has started.
    const listed = (await shop.run('nodes', '--json')).lines.map(({ name, state }) => [name, state])
    expect(Object.fromEntries(listed)).toEqual({ [first]: 'draining', [second]: 'live' })
    const refused = await shop.run('migrate', 'one', first, '--json')
    expect(refused).toMatchObject({ code: 1, lines: [{ event: 'error', error: { code: 'PERDURE_E_NO_HOST' } }] })
    const pid = nodesOf(owner.lines).get(first) ?? 0
    const stopped = await shop.run('stop', first)
    expect(stopped.stdout).toBe(`The node ${first} is drained and has ended: 0 runs, 0 handed over, 0 cut off.\n`)
    await owner.line(({ event, name, reason }) => event === 'exit' && name === first && reason === 'it was stopped')
    expect(() => process.kill(pid, 0)).toThrow()
    await gives(shop)
    const { lines } = await owner.done()
    expect(lines.at(-1)).toMatchObject({ value: 42, stats: { nodesLost: 0 } })
    expect(lines.filter(({ event, name }) => event === 'node' && name === first)).toHaveLength(1)
    expect(shop.effects()).toHaveLength(2)
  })

  test('says what is wrong: runs and nodes that nobody knows, and words that do not fit', async () => {
    await using shop = new Workshop()
    await shop.run('run', shop.write('short.mjs', SHORT), '--nodes', '1', '--key', 'k')
    const wrong: readonly (readonly [words: readonly string[], code: number, text: string])[] = [
      [['restart', 'nobody'], 1, 'PERDURE_E_UNKNOWN_RUN'],
      [['pause', 'nobody'], 1, 'PERDURE_E_UNKNOWN_RUN'],
      [['migrate', 'k', 'node-9'], 0, ''],
      [['drain', 'node-9'], 1, 'PERDURE_E_UNKNOWN_NODE'],
      [['stop', 'no node'], 1, 'PERDURE_E_NAME'],
      [['drain', 'node-1', '--drain-ms', 'soon'], 2, 'PERDURE_E_USAGE'],
      [['stop'], 2, "missing required argument 'node'"],
    ]
    for (const [words, expected, text] of wrong) {
      const { code, stderr, stdout } = await shop.run(...words)
      expect(stderr).toContain(text)
      expect({ words, code }).toEqual({ words, code: expected })
      if (expected === 0) expect(stdout).toBe('The run short/k has ended.\n')
      else expect(stdout).toBe('')
    }
  })
})

const SHORT = `
import { resilient } from 'perdure'
export default resilient('short', async () => 1)
`
