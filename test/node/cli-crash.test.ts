/** Runs that are killed on the way: one process after the other, or everything at once. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { nodesOf, type Running, TEN_STEPS, Workshop } from './cli-driver.ts'

/** What each step of `TEN_STEPS` did, by its number. */
function effectsByStep(shop: Workshop): ReadonlyMap<string, readonly string[]> {
  const steps = new Map<string, string[]>()
  for (const line of shop.effects()) {
    const [number = '', key = ''] = line.split(' ')
    steps.set(number, [...(steps.get(number) ?? []), key])
  }
  return steps
}

/** Every step took effect, at most one of them twice for each kill, and always under one idempotency key. */
function expectTenSteps(shop: Workshop, kills: number): void {
  const steps = effectsByStep(shop)
  expect([...steps.keys()].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 10 }, (_, n) => String(n + 1)))
  for (const keys of steps.values()) expect(new Set(keys).size).toBe(1)
  expect(new Set([...steps.values()].map(([key]) => key)).size).toBe(10)
  expect(shop.effects().length).toBeLessThanOrEqual(10 + kills)
}

async function stepDone(running: Running, step: number): Promise<void> {
  await running.line(({ event, text }) => event === 'log' && text === `step ${step} done`)
}

/** Kills the node process that has the run. */
async function killRunner(running: Running, after: number): Promise<string> {
  await stepDone(running, after)
  const name = String(running.lines.findLast(({ event, text }) => event === 'log' && text === `step ${after} done`)?.name)
  const pid = nodesOf(running.lines).get(name)
  expect(pid).toBeDefined()
  process.kill(pid!, 'SIGKILL')
  await running.line((line) => line.event === 'exit' && line.pid === pid)
  return name
}

/** What the system says about a process: empty when it is gone, Z when only its parent has not asked what became of it. */
function stateOf(pid: number): string {
  return spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
    .stdout.trim()
    .slice(0, 1)
}

describe('kill -9', () => {
  test('of two node processes during a run changes nothing of its result', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '2', '--key', 'k', '--json']
    shop.hold(4)
    shop.hold(7)
    const running = shop.start(...words, '--input', '["Ada"]')
    await killRunner(running, 2)
    shop.letGo(4)
    await killRunner(running, 5)
    shop.letGo(7)
    const { code, lines } = await running.done()
    const result = lines.at(-1) ?? {}
    expect(result).toMatchObject({ event: 'result', key: 'k', value: { name: 'Ada', sum: 55 } })
    expect(result.stats).toMatchObject({ nodesLost: 2, runsResumed: 2, stepsExecuted: 10 })
    expect((result.stats as { repliesReplayed: number }).repliesReplayed).toBeGreaterThanOrEqual(7)
    expect(code).toBe(0)
    // Both came back, under their names and as processes of their own.
    const named = lines.filter(({ event }) => event === 'node')
    expect(new Set(named.map(({ pid }) => pid)).size).toBe(named.length)
    expect(named.length).toBeGreaterThanOrEqual(3)
    expectTenSteps(shop, 2)
  })

  test('of a node process that has nothing to do is reported, and it is started again', async () => {
    await using shop = new Workshop()
    shop.hold(5)
    const running = shop.start('run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '2', '--json')
    await stepDone(running, 1)
    const busy = String(running.lines.findLast(({ event }) => event === 'log')?.name)
    const [idle, pid] = [...nodesOf(running.lines)].find(([name]) => name !== busy)!
    process.kill(pid, 'SIGKILL')
    await running.line(({ event, name, pid: other }) => event === 'node' && name === idle && other !== pid)
    shop.letGo(5)
    const { lines } = await running.done()
    expect(lines.at(-1)).toMatchObject({ value: { sum: 55 }, stats: { nodesLost: 1, runsResumed: 0 } })
    expectTenSteps(shop, 0)
  })

  test('of a node process in a blocked in: the run waits on, and takes the tuple once', async () => {
    await using shop = new Workshop()
    const file = shop.write(
      'blocked.mjs',
      `import { existsSync } from 'node:fs'
       import { resilient } from 'perdure'
       export const giver = resilient('giver', async (p) => {
         while (!(await p.step('look', () => existsSync('killed')))) await p.sleep(20)
         await p.space('jobs').out(['go', 1])
       })
       export default resilient('blocked', async (p) => {
         await p.start(giver, p.key, [])
         const [, n] = await p.space('jobs').in(['go', Number])
         return { n, left: await p.space('jobs').count(['go', Number]) }
       })`,
    )
    const running = shop.start('run', file, '--nodes', '2', '--json')
    const waits = await running.line(({ event, reason }) => event === 'progress' && String(reason).includes('waits in space.in'))
    process.kill(nodesOf(running.lines).get(String(waits.node))!, 'SIGKILL')
    shop.write('killed', '')
    const { lines } = await running.done()
    expect(lines.at(-1)).toMatchObject({ value: { n: 1, left: 0 }, stats: { nodesLost: 1 } })
  })

  test('of everything: the same command with the same key goes on, and repeats no finished step', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '2', '--key', 'all', '--json', '--input', '["Ada"]']
    shop.hold(6)
    shop.hold(9)
    const first = shop.start(...words)
    await stepDone(first, 4)
    first.killEverything()
    expect((await first.done()).lines.at(-1)?.event).not.toBe('result')
    shop.letGo(6)
    const second = shop.start(...words)
    await stepDone(second, 7)
    second.killEverything()
    await second.done()
    shop.letGo(9)
    const { code, lines } = await shop.run(...words)
    expect(code).toBe(0)
    expect(lines.at(-1)).toMatchObject({ event: 'result', value: { name: 'Ada', sum: 55 }, stats: { runsResumed: 1 } })
    const { stepsExecuted, repliesReplayed } = lines.at(-1)!.stats as { stepsExecuted: number; repliesReplayed: number }
    expect(stepsExecuted).toBeLessThanOrEqual(4)
    expect(repliesReplayed).toBeGreaterThanOrEqual(6)
    expectTenSteps(shop, 2)
  })

  test('of the owner alone ends its node processes too', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '2', '--key', 'own', '--json', '--input', '["Ada"]']
    shop.hold(5)
    const first = shop.start(...words)
    await stepDone(first, 2)
    const nodes = [...nodesOf(first.lines).values()]
    expect(nodes).toHaveLength(2)
    first.signal('SIGKILL')
    // Ends when the last process that holds its output has ended.
    await first.done()
    // Its output is closed a moment before it has ended.
    for (const pid of nodes) await expect.poll(() => stateOf(pid)).toMatch(/^Z?$/)
    shop.letGo(5)
    const { lines } = await shop.run(...words)
    expect(lines.at(-1)).toMatchObject({ value: { sum: 55 } })
    expectTenSteps(shop, 1)
  })
})
