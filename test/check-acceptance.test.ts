/** `scripts/check-acceptance.mjs` as `.ci/run` calls it: its exit code decides. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ROW = '| id | demand | shown by | state |\n| --- | --- | --- | --- |\n| 1 | it works | test/a.test.ts › works | ok |\n'
const LONG_ROW = '| 2 | it is fast | bench: W1 | ok |\n'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-acceptance-'))
  cpSync(join(ROOT, 'scripts'), join(folder, 'scripts'), { recursive: true })
  mkdirSync(join(folder, 'docs'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Exit code and output for a table and the results that a run has left. */
function check(table: string, results: Readonly<Record<string, string>>, ...words: string[]): readonly [number | null, string] {
  writeFileSync(join(folder, 'docs', 'acceptance.md'), table)
  const place = join(folder, 'node_modules', '.cache', 'perdure', 'results')
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'tests.json'), JSON.stringify(results))
  const program = join(folder, 'scripts', 'check-acceptance.mjs')
  const { PERDURE_RESULTS: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8', env })
  return [status, stdout + stderr]
}

describe('check-acceptance', () => {
  test('is content when every named test has passed', () => {
    const [code, output] = check(ROW, { 'test/a.test.ts › works': 'passed' })
    expect(output).toContain('1 rows, 1 ok, 0 open, 0 problems')
    expect(code).toBe(0)
  })

  test.each([
    ['does not exist', { 'test/a.test.ts › works well': 'passed' }, 'is no test of test/a.test.ts'],
    ['did not run', {}, 'does not exist or did not run'],
    ['was skipped', { 'test/a.test.ts › works': 'skipped' }, 'was skipped'],
    ['failed', { 'test/a.test.ts › works': 'failed' }, 'failed'],
  ])('fails when a row names a test that %s', (_, results, why) => {
    const [code, output] = check(ROW, results as Record<string, string>)
    expect(output).toContain(why)
    expect(code).toBe(1)
  })

  test('lists the rows that are not ok', () => {
    const open = `${ROW}| 3 | replicas | | open: a later issue |\n`
    const [code, output] = check(open, { 'test/a.test.ts › works': 'passed' })
    expect(output).toContain('not ok: 3: open: a later issue')
    expect(code).toBe(0)
  })

  test('asks for benchmarks, simulation and long checks only with --all', () => {
    const tests = { 'test/a.test.ts › works': 'passed' }
    expect(check(ROW + LONG_ROW, tests)[0]).toBe(0)
    expect(check(ROW + LONG_ROW, tests, '--all')[0]).toBe(1)
    expect(check(ROW + LONG_ROW, { ...tests, 'bench: W1': 'passed' }, '--all')[0]).toBe(0)
  })
})

describe('.ci/run', () => {
  const script = readFileSync(join(ROOT, '.ci', 'run'), 'utf8')

  test('calls what README names, then the longer checks, and in the end this one', () => {
    const called = [...script.matchAll(/^ +(?:if ! )?((?:step|test_step)\b.*)$/gm)].map(([, line]) => line ?? '')
    expect(called.map((line) => line.split(' ')[1] ?? 'test')).toEqual(expect.arrayContaining(['check', 'simulation', 'bench']))
    expect(script).toMatch(/timeout \d+[ms] npm test /)
    expect(called.at(-1)).toBe('step acceptance node scripts/check-acceptance.mjs --all')
    const seeds = Number(/^readonly SEEDS=(\d+)$/m.exec(script)?.[1])
    expect(seeds).toBeGreaterThanOrEqual(1_000)
    expect(script).toContain('npm run test:sim -- --seeds "$SEEDS"')
  })

  test('ends every long step in time: all limits together are under 40 minutes', () => {
    const limits = [...script.matchAll(/\btimeout (\d+)([ms])\b/g)]
    const minutes = limits.map(([, count, unit]) => Number(count) / (unit === 'm' ? 1 : 60))
    expect(minutes.length).toBeGreaterThanOrEqual(5)
    expect(minutes.reduce((sum, one) => sum + one, 0)).toBeLessThan(40)
  })
})
