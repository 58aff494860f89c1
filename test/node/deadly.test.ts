/** Code that harms its process: what it costs, who is spared, and what people are told. Counts are exact. */
import { host, open, PerdureError, resilient, start } from 'perdure'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Workshop } from './cli-driver.ts'

const DEADLY = `
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { resilient } from 'perdure'

const die = { exit: () => process.exit(9), abort: () => process.abort(), kill: () => process.kill(process.pid, 'SIGKILL') }

export const poison = resilient('poison', async (p, how, beside) => {
  await p.step('before', () => appendFileSync('effects', 'before ' + how + '\\n'))
  const deadly = p.step('pay with ' + how, () => {
    appendFileSync('effects', how + '\\n')
    die[how]()
    return new Promise(() => {})
  })
  await Promise.all(beside ? [deadly, p.space('box').in(['never'])] : [deadly])
})

export const count = resilient('count', async (p) => {
  let sum = 0
  for (let n = 1; n <= 30; n++) {
    await p.sleep(20)
    sum += await p.step('add ' + n, () => n)
  }
  return sum
})

export default resilient('all', async (p, hows, beside) => {
  const counting = await p.start(count, p.key, [])
  const codes = []
  for (const how of hows) {
    const poisoned = await p.start(poison, how, [how, beside])
    codes.push(await poisoned.result().catch(({ code, message }) => code + ': ' + message))
  }
  return { codes, sum: await counting.result() }
})
`

describe('a step that ends its process', () => {
  test.each([
    ['', ['exit', 'abort'], false],
    [' while the run waits for something else too', ['kill'], true],
  ])('is begun five times%s, then its run is wedged with the name of the step; other runs go on', async (_, hows, beside) => {
    await using shop = new Workshop()
    const input = JSON.stringify([hows, beside])
    const words = ['--nodes', '2', '--key', 'k', '--input', input, '--json']
    const { lines } = await shop.run('run', shop.write('deadly.mjs', DEADLY), ...words)
    const { value, stats } = lines.at(-1) as { value: { codes: string[]; sum: number }; stats: { nodesLost: number } }
    expect(value.sum).toBe(465)
    expect(value.codes).toEqual(
      hows.map((how) =>
        expect.stringMatching(
          new RegExp(`^PERDURE_E_WEDGED: .*died 5 times at the same place, in the step "pay with ${how}" \\(operation 2\\)`),
        ),
      ),
    )
    expect(stats.nodesLost).toBe(5 * hows.length)
    expect(shop.effects()).toEqual(hows.flatMap((how) => [`before ${how}`, ...Array(5).fill(how)]))
    const { lines: shown } = await shop.run('show', `poison/${hows[0]}`, '--json')
    expect(shown).toMatchObject([{ state: 'wedged', attempt: 5, reason: expect.stringContaining(`"pay with ${hows[0]}"`) }])
  })

  test('after it has held the event loop long after its first await: its worker is killed too, and the run goes on', async () => {
    await using shop = new Workshop()
    const program = `
import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { resilient } from 'perdure'
export default resilient('late', async (p) => p.step('spins', async () => {
  if (existsSync('spun')) return 'went on'
  writeFileSync('spun', '')
  await setTimeout(30)
  for (;;);
}), { maxTurnMs: 500 })`
    const { lines } = await shop.run('run', shop.write('late.mjs', program), '--nodes', '1', '--json')
    expect(lines.at(-1)).toMatchObject({ value: 'went on', stats: { nodesLost: 1 } })
    expect(lines.filter(({ event }) => event === 'exit').map(({ reason }) => reason)).toEqual(['SIGKILL'])
  })
})

test('a worker that dies young 20 times in a row is given up, and says so; whoever killed it is wedged after 5 of them', async () => {
  await using shop = new Workshop()
  shop.write(
    'exits.mjs',
    `import { resilient } from 'perdure/process'
     export const exits = resilient('exits', async () => process.exit(3))`,
  )
  const program = shop.write(
    'program.mjs',
    `import { host, open, start } from 'perdure'
     import { exits } from './exits.mjs'
     import { systemClock } from './node_modules/perdure/dist/clock.js'
     // A slow machine: by this program's clock each start takes ten seconds, and only what comes after it is a life.
     const monotonicMs = systemClock.monotonicMs.bind(systemClock)
     let startingMs = 0
     systemClock.monotonicMs = () => monotonicMs() + startingMs
     let reasons = []
     let givenUp
     const gone = new Promise((resolve) => { givenUp = resolve })
     const site = await open('./data', { hear: ({ event, reason, pid }) => {
       if (event === 'node') startingMs += 10_000
       if (event !== 'exit') return
       reasons.push(reason)
       if (pid === 0) givenUp()
     } })
     await host(site, 'w', [exits], { workers: 1, restartPauseMs: 1 })
     const codes = []
     for (const key of ['1', '2', '3', '4']) {
       const handle = await start(site, exits, key, [])
       codes.push(await handle.result().catch(({ code }) => code))
     }
     await gone
     const last = await start(site, exits, '5', [])
     const { state, reason } = await last.status()
     console.log(JSON.stringify({ codes, exits: reasons.length, last: reasons.at(-1), state, reason }))
     await site.close()`,
  )
  const { lines, stderr } = await shop.node(program)
  expect(stderr).toBe('')
  expect(lines).toEqual([
    {
      codes: Array(4).fill('PERDURE_E_WEDGED'),
      exits: 21,
      last: 'died young 20 times in a row; it is not started again',
      state: 'waiting',
      reason: 'no host for exits',
    },
  ])
})

describe('in the program itself', () => {
  /** Far longer than what a busy machine makes of a turn. */
  const MAX_TURN_MS = 20_000
  const TOO_LONG_MS = 30_000

  const monotonicMs = systemClock.monotonicMs.bind(systemClock)
  let heldMs = 0

  /** Holds the event loop for this long, as a long computation does: nothing happens, and the clock is ahead afterwards. */
  function hold(ms: number): void {
    heldMs += ms
  }

  beforeEach(() => void vi.spyOn(systemClock, 'monotonicMs').mockImplementation(() => monotonicMs() + heldMs))
  afterEach(() => void vi.restoreAllMocks())

  test('a turn that is too long is told of with its time, and counted; after three the run is wedged, and the next goes on', async () => {
    const heard: string[] = []
    const slow = resilient(
      'slow',
      async (p, holds: number) => {
        for (let n = 0; n < holds; n++) {
          await p.sleep(1)
          hold(TOO_LONG_MS)
        }
        await p.space('box').in(['go'])
        return 'went on'
      },
      { maxTurnMs: MAX_TURN_MS },
    )
    await using site = await open('memory:', { hear: (event) => void (event.event === 'warning' && heard.push(event.text)) })
    await using _node = await host(site, 'here', [slow])
    const twice = await start(site, slow, 'twice', [2])
    await expect.poll(async () => (await twice.status()).reason).toMatch(/maxTurnMs \(20000 ms\) 2 times/)
    const thrice = await start(site, slow, 'thrice', [4])
    const error = await thrice.result().catch((thrown: unknown) => thrown)
    expect(PerdureError.is(error, 'PERDURE_E_WEDGED')).toBe(true)
    expect((error as Error).message).toMatch(/maxTurnMs \(20000 ms\), 3 times, the last time for \d+ ms/)
    expect(await thrice.status()).toMatchObject({ state: 'wedged' })
    expect((await thrice.status()).node).toBeUndefined()
    expect(heard.map((text) => text.match(/slow "(\w+)".* for (\d+) ms/)?.[1])).toEqual([
      ...Array(2).fill('twice'),
      ...Array(3).fill('thrice'),
    ])
    const [, toldMs] = heard[0]?.match(/ for (\d+) ms/) ?? []
    expect(Number(toldMs)).toBeGreaterThanOrEqual(TOO_LONG_MS)
    await (await import('perdure/space')).space(site, 'box').then((box) => box.out(['go']))
    expect(await twice.result()).toBe('went on')
  })

  test('a step that is too long before its first await is told of in the same way', async () => {
    const heard: string[] = []
    const step = resilient('step', async (p) => p.step('computes', () => hold(TOO_LONG_MS)), { maxTurnMs: MAX_TURN_MS })
    await using site = await open('memory:', { hear: (event) => void (event.event === 'warning' && heard.push(event.text)) })
    await using _node = await host(site, 'here', [step])
    await (await start(site, step, 'k', [])).result()
    expect(heard).toEqual([expect.stringContaining('the run step "k" held the event loop of this program for ')])
  })

  test('of many runs that are given replies together, the one that is slow is named, and no other', async () => {
    const heard: string[] = []
    const often = resilient(
      'often',
      async (p, slow: boolean) => {
        await p.space('box').rd(['go'])
        if (slow) hold(TOO_LONG_MS)
        await p.sleep(1)
      },
      { maxTurnMs: MAX_TURN_MS },
    )
    await using site = await open('memory:', { hear: (event) => void (event.event === 'warning' && heard.push(event.text)) })
    await using _node = await host(site, 'here', [often])
    const handles = await Promise.all(
      ['a', 'b', 'slow', 'c', 'd'].map((key) => start(site, often, key, [key === 'slow'] as [boolean])),
    )
    await (await import('perdure/space')).space(site, 'box').then((box) => box.out(['go']))
    await Promise.all(handles.map((handle) => handle.result()))
    expect(heard.map((text) => text.match(/often "(\w+)"/)?.[1])).toEqual(['slow'])
  })
})
