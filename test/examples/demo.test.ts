/**
 * The demo as its readers run it: real processes, real SIGKILLs, the disk engine, the built package.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, run } from 'perdure'
import { afterAll, describe, expect, test } from 'vitest'
import { EXPECTED } from '../../examples/farthest/expected.ts'
import farthest from '../../examples/farthest/farthest.ts'
import { readTrace } from '../../examples/farthest/trace.ts'

/** Nine processes one after the other and all of the work once: most of a minute where others work too. */
const SLOW_MS = 240_000

const root = mkdtempSync(join(tmpdir(), 'perdure-demo-test-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What the log of that key says the answer is. */
async function pairsIn(key: string): Promise<unknown> {
  await using site = await open(join(root, key))
  const answer = await run(site, farthest, key).result()
  return answer.farthest.map(({ i, j, metres, from, to }) => ({ rows: [i, j], metres: Number(metres.toFixed(3)), from, to }))
}

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN)
}

describe('the demo', () => {
  test('finds the ten farthest pairs while a worker and the coordinator are killed, and counts nothing twice', async () => {
    const { code, output } = await demo(['--towns', '5000', '--key', 'two', '--seed', '7']).ended
    expect(code, output).toBe(0)
    expect(output).toMatch(/5,000 towns, 4 processes\. We will kill two of them\./)
    expect(output).toMatch(/Process \d+ owns the log/)
    expect(output.match(/^kill -9 \d+ {2}\(node-\d/gm)).toHaveLength(2)
    expect(output).toMatch(/^kill -9 \d+ {2}\(node-\d, in task \d+\)$/m)
    expect(output).toMatch(/^kill -9 \d+ {2}\(node-\d, coordinator\)$/m)
    const ending = output.trimEnd().split('\n').slice(-6)
    expect(ending.map((line) => line.split(' ')[0])).toEqual(['answer', 'expected', 'killed', 'resumed', 'repeated', 'doubled'])
    expect(numberIn(output, /^killed {4}(\d+) processes, 1 of them/m)).toBe(2)
    expect(numberIn(output, /^resumed {3}(\d+) runs/m)).toBeGreaterThanOrEqual(2)
    expect(numberIn(output, /^doubled {3}(\d+) results/m)).toBe(0)
    expect(await pairsIn('two')).toEqual(EXPECTED[5_000])
    // However often a task was begun, each length is voted on once.
    expect(output).toMatch(/^17,486 lengths, gave up: karney 0, vincenty 2\d\d \(1 in 7\d\), haversine 0$/m)
  })

  test('finds the same ten pairs when nobody is killed, and leaves nothing behind unless it was given a key', async () => {
    const [kept, fresh] = await Promise.all([
      demo(['--towns', '2000', '--no-kill', '--key', 'none', '--nodes', '1']).ended,
      demo(['--towns', '2000', '--kills', '0', '--nodes', '1', '--url', join(root, 'fresh')]).ended,
    ])
    expect(kept.code, kept.output).toBe(0)
    expect(kept.output).toMatch(/^killed {4}0 processes/m)
    expect(kept.output).toMatch(/^repeated {2}0 steps of 216 executed/m)
    expect(await pairsIn('none')).toEqual(EXPECTED[2_000])
    expect(fresh.code, fresh.output).toBe(0)
    const key = /--key (\S+) goes on/.exec(fresh.output)?.[1]
    expect(key).toMatch(/^\w+$/)
    expect(existsSync(join(root, 'fresh', `${key}`))).toBe(false)
    expect(existsSync(join(root, 'fresh', `${key}.trace`))).toBe(false)
  })

  test('goes on where it was after every one of its processes was killed, when it is given the same key', {
    timeout: SLOW_MS,
  }, async () => {
    const args = ['--towns', '5000', '--tasks', '600', '--nodes', '2', '--key', 'all', '--no-kill']
    const first = demo(args, 'own group')
    first.watch((text) => {
      const far = /^ [3-9]\d%/m.test(text)
      if (far) process.kill(-(first.child.pid as number), 'SIGKILL')
      return far
    })
    expect((await first.ended).signal).toBe('SIGKILL')
    const executedFirst = readTrace(join(root, 'all.trace')).length
    expect(executedFirst).toBeGreaterThanOrEqual(180)

    const { code, output } = await demo(args).ended
    expect(code, output).toBe(0)
    const doneBefore = numberIn(output, /^Going on with all: (\d+) of 600 tasks were done or under way\.$/m)
    expect(doneBefore).toBeGreaterThanOrEqual(180)
    expect(doneBefore).toBeLessThan(600)
    // Each of the two workers can have been in one task when it died.
    const executions = readTrace(join(root, 'all.trace'))
    const repeated = executions.length - new Set(executions.map(({ task }) => task)).size
    expect(repeated).toBeLessThanOrEqual(2)
    expect(numberIn(output, /^repeated {2}(\d+) steps?/m)).toBe(repeated)
    expect(executions.length - executedFirst).toBeLessThanOrEqual(600 - doneBefore + 2)
    expect(numberIn(output, /^doubled {3}(\d+) results/m)).toBe(0)
    expect(await pairsIn('all')).toEqual(EXPECTED[5_000])
  })

  test('without perdure fails at the first kill and says what is lost', async () => {
    const { code, output } = await demo(['--bare', '--nodes', '2']).ended
    expect(output).toMatch(/^kill -9 \d+ {2}\(node-\d, in task \d+\)$/m)
    expect(output).toMatch(/^failed {4}worker \d+ died \(SIGKILL\), 216 tasks lost: \d+ were done$/m)
    expect(output).toMatch(/^lost {6}all of it/m)
    expect(output).not.toMatch(/^answer/m)
    expect(code).toBe(1)
  })

  test('without perdure finds the same answer when nobody is killed', async () => {
    const { code, output } = await demo(['--bare', '--no-kill', '--towns', '2000', '--nodes', '2']).ended
    expect(output).toMatch(/^expected {2}the same, and the same 9 pairs after it$/m)
    expect(code).toBe(0)
  })

  test('refuses what it does not understand with exit code 2, and explains itself', async () => {
    const [wrong, help] = await Promise.all([demo(['--nodes', 'many']).ended, demo(['--help']).ended])
    expect(wrong).toMatchObject({ code: 2, output: expect.stringContaining('--nodes many: expected a whole number from 1 to') })
    expect(help.code).toBe(0)
    for (const option of ['--seed', '--nodes', '--kills', '--no-kill', '--key', '--towns', '--tasks', '--bare', '--help'])
      expect(help.output).toContain(option)
  })
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Shows everything printed so far to `until`, until that returns true. */
  watch(until: (text: string) => boolean): void
}

function demo(args: readonly string[], group: 'our group' | 'own group' = 'our group'): Started {
  const where = args.includes('--url') ? [] : ['--url', root]
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/farthest/demo.ts', ...where, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: group === 'own group',
    env: { ...process.env, CI: 'true' },
  })
  let output = ''
  let watching: (text: string) => boolean = () => false
  const hear = (text: Buffer) => {
    output += text.toString('utf8')
    if (watching(output)) watching = () => false
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output }))
  })
  const watch: Started['watch'] = (until) => {
    watching = until
  }
  return { child, ended, watch }
}
