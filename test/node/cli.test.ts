/** The command line as its users meet it: the built program, real processes, folders that are in use and folders that are not. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type Running, TEN_STEPS, Workshop } from './cli-driver.ts'

/** A run that waits for another, which waits for a tuple that nobody gives. */
const PAIR = `
import { resilient } from 'perdure'

export const taker = resilient('taker', async (p, n) => (await p.space('jobs').in(['go', n]))[1])

export default resilient('pair', async (p) => {
  await p.space('jobs').out(['kept', p.key, 7n])
  const taken = await p.start(taker, p.key, [3])
  return await taken.result()
})
`

/** A program that puts a tuple into the space `jobs` of the owner. */
function giving(tuple: string): string {
  return `import { open, space } from 'perdure'
    const site = await open('./perdure-data', { attach: true })
    await (await space(site, 'jobs')).out(${tuple})
    await site.close()`
}

/** Resolves once both runs have started to wait. */
async function pairWaits(shop: Workshop): Promise<Running> {
  const owner = shop.start('run', shop.write('pair.mjs', PAIR), '--nodes', '1', '--key', 'both', '--json')
  await owner.line(({ event, runs }) => event === 'progress' && (runs as { running?: number }).running === 2)
  return owner
}

describe('perdure run', () => {
  test('prints the result to standard output and the rest to standard error', async () => {
    await using shop = new Workshop()
    const file = shop.write('ten.mjs', TEN_STEPS)
    const { code, stdout, stderr } = await shop.run('run', file, '--nodes', '2', '--input', '["Ada", 1]')
    expect(stdout).toBe("{ name: 'Ada', sum: 55 }\n")
    expect(code).toBe(0)
    expect(stderr).toMatch(/node-1 is process \d+/)
    expect(stderr).toMatch(/node-2 is process \d+/)
    expect(stderr).toContain('step 10 done')
    expect(stderr).toContain('10 steps executed, 0 nodes lost')
  })

  test('waits for the last lines of a worker that is slow to say them', async () => {
    await using shop = new Workshop()
    // What it tells its parent comes a second later than it was told.
    const slow = `
      import { resilient } from 'perdure'
      const send = process.send?.bind(process)
      if (send) process.send = (message) => setTimeout(() => send(message), 1_000)
      export default resilient('says', async (p) => { p.log('last words') })`
    const { lines } = await shop.run('run', shop.write('says.mjs', slow), '--nodes', '1', '--json')
    expect(lines.slice(-2)).toMatchObject([{ event: 'log', text: 'last words' }, { event: 'result' }])
  })

  test('with --json prints one object a line: nodes, started, log, progress, and last the result', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '2', '--key', 'one', '--json', '--input', '["Ada"]']
    const { code, stdout, lines } = await shop.run(...words)
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(lines.length)
    const nodes = lines.filter(({ event }) => event === 'node')
    expect(nodes.map(({ name }) => name).sort()).toEqual(['node-1', 'node-2'])
    for (const { pid } of nodes) expect(pid).toBeGreaterThan(1)
    const started = lines.findIndex(({ event }) => event === 'started')
    expect(lines[started]).toMatchObject({ key: 'one', definition: 'ten' })
    for (const node of nodes) expect(lines.indexOf(node)).toBeLessThan(started)
    expect(lines.filter(({ event }) => event === 'log').map(({ text }) => text)).toContain('step 7 done')
    expect(lines.find(({ event }) => event === 'progress')).toMatchObject({ state: 'running', runs: { running: 1 } })
    expect(lines.at(-1)).toEqual({
      event: 'result',
      key: 'one',
      value: { name: 'Ada', sum: 55 },
      stats: { nodesLost: 0, runsResumed: 0, stepsExecuted: 10, repliesReplayed: 0 },
    })
  })

  test('prints what the process threw with its code, data and causes, and exits with 1', async () => {
    await using shop = new Workshop()
    const file = shop.write(
      'bad.mjs',
      `import { resilient } from 'perdure'
       export default resilient('bad', async () => {
         throw Object.assign(new RangeError('too far', { cause: new Error('no road') }), { code: 'E_FAR', data: { km: 7 } })
       })`,
    )
    const people = await shop.run('run', file, '--nodes', '1')
    expect(people).toMatchObject({ code: 1, stdout: '' })
    expect(people.stderr).toContain('RangeError (E_FAR): too far')
    expect(people.stderr).toContain('km: 7')
    expect(people.stderr).toContain('caused by Error: no road')
    const program = await shop.run('run', file, '--nodes', '1', '--json')
    expect(program.code).toBe(1)
    expect(program.lines.at(-1)).toMatchObject({
      event: 'result',
      error: { name: 'RangeError', code: 'E_FAR', message: 'too far', data: { km: 7 }, cause: { message: 'no road' } },
    })
  })

  test('with the key of a run that has ended prints its result again and repeats nothing', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '1', '--key', 'k', '--json', '--input', '["Ada", 1]']
    const first = await shop.run(...words)
    const second = await shop.run(...words)
    expect(second.lines.at(-1)?.value).toEqual(first.lines.at(-1)?.value)
    expect(second.lines.at(-1)?.stats).toMatchObject({ stepsExecuted: 0 })
    expect(shop.effects()).toHaveLength(10)
    const other = await shop.run('run', 'ten.mjs', '--nodes', '1', '--key', 'k', '--input', '["Bob", 1]')
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('PERDURE_E_KEY_TAKEN')
  })

  test('keeps what a program prints out of its own lines', async () => {
    await using shop = new Workshop()
    const file = shop.write(
      'loud.mjs',
      `import { resilient } from 'perdure'
       console.log('at import')
       export default resilient('loud', async () => { console.log('in the body'); return 1 })`,
    )
    const { code, stdout, stderr } = await shop.run('run', file, '--nodes', '1')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n' })
    expect(stderr).toContain('at import')
    expect(stderr).toContain('in the body')
  })

  test('takes a program in TypeScript', async () => {
    await using shop = new Workshop()
    const file = shop.write(
      'typed.ts',
      `import { resilient } from 'perdure'
       interface Order { readonly pieces: number }
       export default resilient('typed', async (p, order: Order): Promise<number> => await p.step('double', () => order.pieces * 2))`,
    )
    const { code, stdout } = await shop.run('run', file, '--nodes', '1', '--input', '[{"pieces": 21}]')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '42\n' })
  })

  test('stopped by SIGINT says how to go on, and the same command with the key goes on', async () => {
    await using shop = new Workshop()
    const words = ['run', shop.write('ten.mjs', TEN_STEPS), '--nodes', '1', '--key', 'stopped', '--input', '["Ada", 10]']
    shop.hold(6)
    const running = shop.start(...words)
    await running.until(() => running.stderr.includes('step 3 done'), 'the third step')
    running.signal('SIGINT')
    const { code, stderr } = await running.done()
    expect(code).toBe(1)
    expect(stderr).toContain(`perdure run ten.mjs --input '["Ada", 10]' --key stopped --url ./perdure-data`)
    expect(stderr).not.toContain('PERDURE_E')
    shop.letGo(6)
    const again = await shop.run(...words, '--json')
    expect(again.lines.at(-1)).toMatchObject({ value: { name: 'Ada', sum: 55 }, stats: { nodesLost: 0 } })
    expect(new Set(shop.effects().map((line) => line.split(' ')[0])).size).toBe(10)
    // The step that was under way may have happened once more.
    expect(shop.effects().length).toBeLessThanOrEqual(11)
  })

  test('of a folder in use says by which process, and what to do', async () => {
    await using shop = new Workshop()
    const owner = await pairWaits(shop)
    const { code, stderr, lines } = await shop.run('run', 'pair.mjs', '--json')
    expect(code).toBe(1)
    expect(stderr).toContain('PERDURE_E_LOCKED')
    expect(stderr).toContain(String(owner.pid))
    expect(lines.at(-1)).toMatchObject({ event: 'error', error: { code: 'PERDURE_E_LOCKED', data: { pid: owner.pid } } })
  })
})

const HAS_SCRIPT = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0

test.skipIf(!HAS_SCRIPT)(
  'on a terminal perdure run draws a block and leaves a summary (skipped where the program script is missing)',
  async () => {
    await using shop = new Workshop()
    const file = shop.write('ten.mjs', TEN_STEPS.replace('p.log(', 'console.log("a line of the body"); p.log('))
    shop.hold(8)
    const running = shop.startOnTerminal('run', file, '--nodes', '2', '--key', 'live', '--input', '["Ada", 60]')
    // Drawn now and then: the run is under way until the block has said so.
    const said = () => stripVTControlCharacters(running.stdout)
    await running.until(() => /so far +[1-9] steps executed/.test(said()) && said().includes('step 7 done'), 'a block')
    shop.letGo(8)
    const frames = (await running.done()).stdout.split('\u001b[?2026h').map(stripVTControlCharacters)
    for (const line of frames.join('\n').split(/\r?\n/)) expect(line.length).toBeLessThanOrEqual(80)
    const all = frames.join('\n')
    expect(all).toMatch(/ten\/live · running · \d+ s/)
    expect(all).toMatch(/node-1 +pid \d+ +(1 run|0 runs)/)
    expect(all).toMatch(/so far +[1-9] steps executed/)
    expect(all).toMatch(/│ node-[12] ten\/live: step 3 done/)
    expect(all).toMatch(/│ node-[12]: a line of the body/)
    // The block gives way to the last word.
    expect(frames.at(-1)).toMatch(/^\s*ten\/live · done · \d+ s\s+10 steps executed, .*\s+\{ name: 'Ada', sum: 55 \}\s*$/)
  },
)

describe('commands that look', () => {
  test('on a folder in use ask its owner, and on one that nobody owns open it for the moment', async () => {
    await using shop = new Workshop()
    const owner = await pairWaits(shop)
    const nodes = await shop.run('nodes', '--json')
    expect(nodes.lines).toMatchObject([{ name: 'node-1', state: 'live', definitions: ['pair', 'taker'] }])
    await looks(shop, { pair: 'running', taker: 'running' })
    const waiting = await shop.run('tuples', 'jobs')
    expect(waiting.stdout).toMatch(/taker\/both +in \["go", 3\]/)
    owner.killEverything()
    await owner.done()
    await looks(shop, { pair: 'waiting', taker: 'waiting' })
    expect((await shop.run('nodes')).stdout).toContain('No nodes')
  })

  test('show prints input, journal and, in the end, the result', async () => {
    await using shop = new Workshop()
    const owner = await pairWaits(shop)
    const many = await shop.run('show', 'both')
    expect(many.code).toBe(2)
    expect(many.stderr).toContain('pair/both, taker/both')
    const { lines } = await shop.run('show', 'taker/both', '--json')
    const journal = [{ number: 1, kind: 'space.in', state: 'open' }]
    expect(lines).toMatchObject([{ definition: 'taker', key: 'both', input: [3], journal }])
    const people = await shop.run('show', 'pair/both')
    expect(people.stdout).toMatch(/1 .* space\.out \["jobs", \["kept", "both", 7n\]\]/)
    expect(people.stdout).toMatch(/2 .* process\.start/)
    const unknown = await shop.run('show', 'neither')
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toContain('PERDURE_E_UNKNOWN_RUN')
    const give = shop.write('give.mjs', giving("['go', 3]"))
    expect(await shop.node(give)).toMatchObject({ code: 0 })
    expect((await owner.done()).lines.at(-1)).toMatchObject({ value: 3 })
    const ended = await shop.run('show', 'pair/both', '--json')
    expect(ended.lines).toMatchObject([{ state: 'done', result: 3 }])
  })

  test('log prints positions, times, who, operation and arguments, from the end or from anywhere', async () => {
    await using shop = new Workshop()
    const file = shop.write('ten.mjs', TEN_STEPS)
    await shop.run('run', file, '--nodes', '1', '--key', 'one', '--input', '["Ada", 1]')
    const { lines: all } = await shop.run('log', '--from', '1', '--limit', '10000', '--json')
    const positions = all.map(({ position }) => Number(position))
    expect(positions).toEqual([...positions].sort((a, b) => a - b))
    expect(all[0]).toMatchObject({ who: 'site', operation: 'site.opened' })
    const steps = all.filter(({ operation }) => operation === 'process.step')
    expect(steps).toHaveLength(10)
    expect(steps[2]).toMatchObject({ who: 'ten/one', args: '["step 3", { value: 3 }]' })
    const from = Number(steps[4]?.position)
    const some = await shop.run('log', '--from', String(from), '--limit', '3', '--json')
    const first = all.findIndex(({ position }) => position === from)
    expect(some.lines).toEqual(all.slice(first, first + 3))
    const newest = await shop.run('log', '--limit', '2')
    expect(newest.stdout.trim().split('\n')).toHaveLength(2)
  })

  test('log --follow prints what is added', async () => {
    await using shop = new Workshop()
    await pairWaits(shop)
    const following = shop.start('log', '--follow', '--limit', '1', '--json')
    await following.line(() => true)
    expect(await shop.node(shop.write('note.mjs', giving("['note', 5]")))).toMatchObject({ code: 0 })
    const added = await following.line(({ operation }) => operation === 'space.out')
    expect(added).toMatchObject({ who: expect.stringMatching(/^session \d+$/), args: '["jobs", ["note", 5]]' })
    following.signal('SIGINT')
    expect((await following.done()).code).toBe(0)
  })

  test('cancel tells a run to stop, and those who wait for it hear why', async () => {
    await using shop = new Workshop()
    const owner = await pairWaits(shop)
    const { lines } = await shop.run('cancel', 'pair/both', '--reason', 'wrong pair', '--json')
    expect(lines).toEqual([{ definition: 'pair', key: 'both', cancelled: true }])
    const { code, lines: said } = await owner.done()
    expect(code).toBe(1)
    const message = expect.stringContaining('wrong pair')
    expect(said.at(-1)).toMatchObject({ error: { code: 'PERDURE_E_CANCELLED', message } })
    expect((await shop.run('cancel', 'pair/both')).stdout).toContain('has ended already')
  })
})

async function looks(shop: Workshop, states: Readonly<Record<string, string>>): Promise<void> {
  const runs = await shop.run('ps', '--json')
  expect(Object.fromEntries(runs.lines.map(({ definition, state }) => [definition, state]))).toEqual(states)
  const people = await shop.run('ps')
  expect(people.stdout).toMatch(/RUN +STATE/)
  expect(people.stdout).toMatch(/pair\/both/)
  const tuples = await shop.run('tuples', 'jobs', '--json')
  expect(tuples.lines).toMatchObject([{ space: 'jobs', tuple: ['kept', 'both', '7'] }])
  const shown = await shop.run('show', 'pair/both', '--json')
  expect(shown.lines).toMatchObject([{ state: states.pair }])
  const log = await shop.run('log', '--json', '--limit', '5')
  expect(log.lines).toHaveLength(5)
  for (const { code } of [runs, people, tuples, shown, log]) expect(code).toBe(0)
}

describe('help and wrong usage', () => {
  test('--version prints the version of the package', async () => {
    await using shop = new Workshop()
    const found = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(await shop.run('--version')).toMatchObject({ code: 0, stdout: `${found.version}\n`, stderr: '' })
  })

  test('--help lists what there is, and nothing of later versions', async () => {
    await using shop = new Workshop()
    const { code, stdout } = await shop.run('--help')
    expect(code).toBe(0)
    const commands = stdout.slice(stdout.indexOf('Commands:'))
    const listed = [...commands.matchAll(/^ {2}(\w[\w-]*) /gm)].map(([, name]) => name)
    const controls = ['restart', 'migrate', 'pause', 'resume', 'drain', 'stop']
    expect(listed).toEqual([
      'run',
      'ps',
      'show',
      'cancel',
      ...controls,
      'tuples',
      'nodes',
      'faults',
      'log',
      'checkpoint',
      'checkpoints',
      'ariel',
      'help',
    ])
    expect(stdout).not.toContain('monitor')
  })

  test.each([
    ...['run', 'ps', 'show', 'cancel', 'tuples', 'nodes', 'faults', 'log'],
    ...['restart', 'migrate', 'pause', 'resume', 'drain', 'stop'],
  ])('%s --help explains it with an example', async (command) => {
    await using shop = new Workshop()
    const { code, stdout } = await shop.run(command, '--help')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`Example:\n {2}perdure ${command}`))
    expect(stdout).toContain('--url')
    expect(stdout).toContain('--json')
    expect(stdout).not.toContain('monitor')
  })

  test.each([
    [['rnu', 'x.mjs'], 'Did you mean run?'],
    [['ps', '--jsno'], 'Did you mean --json?'],
    [['run'], "missing required argument 'file'"],
    [['demo'], 'PERDURE_E_NOT_YET'],
    [['inject', 'node-1', '--force'], 'PERDURE_E_NOT_YET'],
    [['run', 'ten.mjs', '--monitor'], 'PERDURE_E_NOT_YET'],
    [['ps', '--url', 'nats://host:4222/x'], 'PERDURE_E_NOT_YET'],
    [['ps', '--url', 'ftp://host'], 'PERDURE_E_URL'],
    [['ps', '--url', 'memory:'], 'lives and ends with its process'],
    [['run', 'nowhere.mjs'], 'There is no file nowhere.mjs'],
    [['run', 'ten.mjs', '--nodes', 'two'], 'whole number from 1'],
    [['run', 'ten.mjs', '--input', '{"name"'], `as in --input '["Ada", 3]'`],
    [['run', 'ten.mjs', '--input', '"Ada"'], `--input '["Ada"]'`],
    [['run', 'ten.mjs', '--key', 'k'.repeat(300)], 'The key of a run must be'],
    [['log', '--from', 'start'], 'whole number from 1'],
  ])('%j exits with 2 and says what is wrong', async (words: readonly string[], text) => {
    await using shop = new Workshop()
    shop.write('ten.mjs', TEN_STEPS)
    const { code, stdout, stderr } = await shop.run(...words)
    expect(stderr).toContain(text)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('a folder that is not there, or holds no log, is an error and stays as it is', async () => {
    await using shop = new Workshop()
    for (const folder of ['nowhere', 'node_modules']) {
      const { code, stderr, lines } = await shop.run('ps', '--url', `./${folder}`, '--json')
      expect(code).toBe(1)
      expect(stderr).toContain('PERDURE_E_FOLDER')
      expect(lines).toMatchObject([{ event: 'error', error: { code: 'PERDURE_E_FOLDER' } }])
    }
    expect((await shop.run('ps')).stderr).toContain('There is no folder')
    expect((await shop.run('ps', '--url', 'nowhere')).stderr).toContain('There is no folder')
  })
})
