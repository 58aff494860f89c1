import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')

let folder: string

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'perdure-reporter-')))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction')
  const config = { test: { reporters: ['default', join(ROOT, 'test/reporter.ts')] } }
  writeFileSync(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify(config)}\n`)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs these test files with the reporter, in a process and a folder of their own. */
function runTests(files: Record<string, string>): { status: number | null; lastLine: string | undefined } {
  for (const [name, code] of Object.entries(files)) {
    writeFileSync(join(folder, `${name}.test.ts`), `import { beforeAll, describe, expect, test } from 'vitest'\n${code}`)
  }
  const env = { ...process.env, PERDURE_RESULTS: join(folder, 'results') }
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run'], { cwd: folder, encoding: 'utf8', env })
  return { status, lastLine: stdout.trimEnd().split('\n').at(-1) }
}

test('a good run ends in one plain line and exit code 0', () => {
  expect(runTests({ good: "test('a', () => {})\ntest('b', () => {})" })).toEqual({ status: 0, lastLine: '2 passed, 0 failed' })
})

test('a failed test, a file that does not load, a failed hook and an error outside every test all count as failed', () => {
  const files = {
    fails: "test('good', () => {})\ntest('bad', () => expect(1).toBe(2))\ntest.skip('left out', () => {})",
    'does-not-load': "import './nowhere.ts'\ntest('never', () => {})",
    hook: "describe('group', () => {\n  beforeAll(() => { throw new Error('hook') })\n  test('not reached', () => {})\n})",
    unhandled: "test('good', async () => {\n  Promise.reject(new Error('stray'))\n  await new Promise(setImmediate)\n})",
  }
  expect(runTests(files)).toEqual({ status: 1, lastLine: '2 passed, 4 failed, 2 skipped' })
})
