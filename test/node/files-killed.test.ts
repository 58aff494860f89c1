/** Real processes killed in the middle of a step that writes files: what it wrote is undone, what was recorded is there. */
import { mkdirSync, readdirSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { nodesOf, Workshop } from './cli-driver.ts'

/** The first execution of the second step never ends. */
const PROGRAM = `
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { resilient } from 'perdure'

const look = (at) => readdirSync(at, { recursive: true }).sort().filter((name) => statSync(join(at, name)).isFile())
  .map((name) => [name, readFileSync(join(at, name), 'utf8').slice(0, 10), statSync(join(at, name)).mode & 0o100])

export default resilient('files', async (p) => {
  await p.step('prepare', () => {
    mkdirSync(join(p.workDir, 'sub'))
    writeFileSync(join(p.workDir, 'sub', 'large'), 'large'.repeat(100_000))
    writeFileSync(join(p.workDir, 'run'), '#!/bin/sh')
    chmodSync(join(p.workDir, 'run'), 0o755)
    writeFileSync(join(p.workDir, 'count'), '1')
  })
  await p.step('change', () => writeFileSync(join(p.workDir, 'count'), '2'))
  const seen = await p.step('cut short', () => {
    const before = look(p.workDir)
    const again = existsSync('in-step')
    appendFileSync('in-step', p.workDir + ' ' + process.pid + '\\n')
    writeFileSync(join(p.workDir, 'count'), 'half')
    writeFileSync(join(p.workDir, 'left-over'), 'left over')
    rmSync(join(p.workDir, 'sub'), { recursive: true })
    console.error('in the step')
    return again ? before : new Promise(() => setInterval(() => {}, 1000))
  })
  return { seen, after: await p.step('look', () => look(p.workDir)) }
}, { layer: 'files' })
`

const EXPECTED = {
  seen: [
    ['count', '2', 0],
    ['run', '#!/bin/sh', 0o100],
    ['sub/large', 'largelarge', 0],
  ],
  after: [
    ['count', 'half', 0],
    ['left-over', 'left over', 0],
    ['run', '#!/bin/sh', 0o100],
  ],
}

function temporaryOf(shop: Workshop): () => readonly string[] {
  const folder = shop.path('t')
  mkdirSync(folder)
  vi.stubEnv('TMPDIR', folder)
  return () => readdirSync(folder).filter((name) => name.startsWith('perdure-work-'))
}

afterEach(() => {
  vi.unstubAllEnvs()
})

test('kill -9 of a worker in a step: the files are as the recorded steps left them, in another folder', async () => {
  await using shop = new Workshop()
  const roots = temporaryOf(shop)
  const running = shop.start('run', shop.write('files.mjs', PROGRAM), '--nodes', '2', '--key', 'k', '--json')
  await running.until(() => running.stderr.includes('in the step'), 'the step')
  expect(roots()).toHaveLength(1)
  const [first = ''] = shop.effects('in-step')
  const [path, pid] = first.split(' ')
  await running.until(() => [...nodesOf(running.lines).values()].includes(Number(pid)), 'the name of its process')
  process.kill(Number(pid), 'SIGKILL')
  const { lines, code } = await running.done()
  expect(lines.at(-1)).toMatchObject({ value: EXPECTED, stats: { nodesLost: 1, runsResumed: 1 } })
  expect(shop.effects('in-step').map((line) => line.split(' ')[0])).not.toEqual([path, path])
  expect(shop.effects('in-step')).toHaveLength(2)
  expect([code, roots()]).toEqual([0, []])
})

test('kill -9 of the owner and all workers in a step: reopened, the files are there, and nothing is left in the temporary folder', async () => {
  await using shop = new Workshop()
  const roots = temporaryOf(shop)
  const words = ['run', shop.write('files.mjs', PROGRAM), '--nodes', '1', '--key', 'k', '--json'] as const
  const killed = shop.start(...words)
  await killed.until(() => killed.stderr.includes('in the step'), 'the step')
  killed.killEverything()
  await killed.done()
  expect(roots()).toHaveLength(1)
  const { lines, code } = await shop.run(...words)
  expect(lines.at(-1)).toMatchObject({ value: EXPECTED })
  expect([code, roots()]).toEqual([0, []])
})
