/**
 * Every house rule that a machine holds, proved by breaking it: each violation below is planted in a folder of its own and must
 * be reported; each legal neighbour must not be.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const biome = join(dirname(createRequire(import.meta.url).resolve('@biomejs/biome/package.json')), 'bin', 'biome')

const imports = (target: string) => `import { a } from '${target}'\nexport const b: number = a\n`
const inBody = (statement: string) => `export async function f(): Promise<void> {\n  ${statement}\n}\n`
const lines = (count: number, line: string) => `${line}\n`.repeat(count)

const LAYER = 'lint/style/noRestrictedImports'
const TIME = 'lint/nursery/noJsRestrictedProperties'
const GLOBAL = 'lint/style/noRestrictedGlobals'

/** What is planted: where, what, and the rule that must report it. */
const FORBIDDEN: [file: string, code: string, rule: string][] = [
  ['src/errors2.ts', imports('./log/log.ts'), LAYER],
  ['src/errors3.ts', imports('./clock.ts'), LAYER],
  ['src/log/up-support.ts', imports('../support/definition.ts'), LAYER],
  ['src/log/engines/up-mechanism.ts', imports('../../mechanisms/space/space.ts'), LAYER],
  ['src/log/up-mechanism.ts', imports('../mechanisms/space/space.ts'), LAYER],
  ['src/log/up-node.ts', imports('../node/cli.ts'), LAYER],
  ['src/log/up-testing.ts', imports('../testing/simulate.ts'), LAYER],
  ['src/log/up-index.ts', imports('../index.ts'), LAYER],
  ['src/log/up-public.ts', imports('perdure/space'), LAYER],
  ['src/log/up-late.ts', inBody("await import('../support/definition.ts')"), LAYER],
  ['src/support/up-mechanism.ts', imports('../mechanisms/space/space.ts'), LAYER],
  ['src/support/backbone/up-node.ts', imports('../../node/cli.ts'), LAYER],
  ['src/mechanisms/space/sideways.ts', imports('../process/process.ts'), LAYER],
  ['src/mechanisms/space/sideways-type.ts', "import type { A } from '../process/process.ts'\nexport type B = A\n", LAYER],
  ['src/mechanisms/space/up-node.ts', imports('../../node/open.ts'), LAYER],
  ['src/mechanisms/group/sideways.ts', imports('../space/space.ts'), LAYER],
  ['src/mechanisms/process/sideways.ts', imports('../checkpoint/checkpoint.ts'), LAYER],
  ['src/mechanisms/process/up-testing.ts', imports('../../testing/simulate.ts'), LAYER],
  ['src/log/circle-a.ts', "import { b } from './circle-b.ts'\nexport const a: number = b\n", 'lint/suspicious/noImportCycles'],
  ['src/log/circle-b.ts', "import { a } from './circle-a.ts'\nexport const b: number = a\n", 'lint/suspicious/noImportCycles'],

  ['src/log/fs.ts', imports('node:fs'), 'plugin'],
  ['src/log/fs-promises.ts', imports('node:fs/promises'), 'plugin'],
  ['src/log/fs-late.ts', inBody("await import('node:fs')"), 'plugin'],
  ['src/support/net.ts', imports('node:net'), 'plugin'],
  ['src/support/os.ts', imports('node:os'), 'plugin'],
  ['src/mechanisms/space/child.ts', imports('node:child_process'), 'plugin'],
  ['src/mechanisms/process/threads.ts', imports('node:worker_threads'), 'plugin'],
  ['src/mechanisms/process/timers.ts', imports('node:timers/promises'), 'plugin'],
  ['src/log/new-date.ts', 'export const now: Date = new Date()\n', 'plugin'],

  ['src/log/now.ts', 'export const now: number = Date.now()\n', TIME],
  ['src/log/now-taken-apart.ts', 'const { now } = Date\nexport const then: () => number = now\n', TIME],
  ['src/node/now.ts', 'export const now: number = Date.now()\n', TIME],
  ['src/testing/random.ts', 'export const one: number = Math.random()\n', TIME],
  ['src/log/abort.ts', 'export const signal: AbortSignal = AbortSignal.timeout(5)\n', TIME],
  ['src/log/global-timer.ts', 'export const wait: unknown = globalThis.setTimeout\n', TIME],
  ['src/mechanisms/process/tick.ts', inBody('process.nextTick(f)'), GLOBAL],
  ['src/mechanisms/process/timeout.ts', inBody('setTimeout(Boolean, 5)'), GLOBAL],
  ['src/mechanisms/process/interval.ts', inBody('setInterval(Boolean, 5)'), GLOBAL],
  ['src/testing/immediate.ts', inBody('setImmediate(Boolean)'), GLOBAL],
  ['src/support/performance.ts', 'export const now: number = performance.now()\n', GLOBAL],

  ['src/log/floating.ts', `async function g(): Promise<void> {}\n${inBody('g()')}`, 'lint/nursery/noFloatingPromises'],
  ['test/floating.ts', "import { f } from '../src/log/legal.ts'\nf()\n", 'lint/nursery/noFloatingPromises'],
  [
    'src/log/misused.ts',
    `async function g(): Promise<boolean> {\n  return true\n}\n${inBody('if (g()) return')}`,
    'lint/nursery/noMisusedPromises',
  ],
  ['src/log/await-nothing.ts', inBody('await 1'), 'lint/nursery/useAwaitThenable'],
  [
    'src/log/switch.ts',
    "export function f(kind: 'a' | 'b'): number {\n  switch (kind) {\n    case 'a':\n      return 1\n  }\n  return 2\n}\n",
    'lint/nursery/useExhaustiveSwitchCases',
  ],
  ['src/log/default.ts', 'export default function f(): void {}\n', 'lint/style/noDefaultExport'],
  ['src/log/enum.ts', 'export enum Colour {\n  Red = 1,\n}\n', 'lint/style/noEnum'],
  ['src/log/any.ts', 'export const a: any = 1\n', 'lint/suspicious/noExplicitAny'],
  ['src/log/barrel.ts', "export * from './legal.ts'\n", 'lint/performance/noBarrelFile'],
  [
    'src/log/cause.ts',
    inBody("try {\n    await f()\n  } catch (error) {\n    throw new Error('lost')\n  }"),
    'lint/style/useErrorCause',
  ],
  [
    'src/log/long-function.ts',
    `export function f(): void {\n${lines(71, '  f()')}}\n`,
    'lint/complexity/noExcessiveLinesPerFunction',
  ],
  ['src/log/long-file.ts', lines(501, 'Boolean(1)'), 'lint/style/noExcessiveLinesPerFile'],
  ['src/log/camelCase.ts', 'export const a: number = 1\n', 'lint/style/useFilenamingConvention'],
  ['test/only.test.ts', "import { test } from 'vitest'\ntest.only('a', () => {})\n", 'lint/suspicious/noFocusedTests'],
  ['test/skipped.test.ts', "import { test } from 'vitest'\ntest.skip('a', () => {})\n", 'lint/suspicious/noSkippedTests'],
]

/** What must stay possible, so that the rules above are not merely strict. */
const LEGAL: [file: string, code: string][] = [
  [
    'src/log/legal.ts',
    `import { createHash } from 'node:crypto'\nimport { a } from '../errors.ts'\nimport { b } from './log.ts'\n${inBody('createHash(a + b)')}`,
  ],
  ['src/log/date.ts', 'export const day: Date = new Date(12)\n'],
  ['src/support/legal.ts', imports('../log/log.ts')],
  [
    'src/mechanisms/space/legal.ts',
    `import { c } from '../../support/definition.ts'\n${imports('../../log/log.ts')}export { c }\n`,
  ],
  ['src/mechanisms/process/legal.ts', imports('../space/space.ts')],
  [
    'src/node/legal.ts',
    `import { readFileSync } from 'node:fs'\nimport { s } from '../mechanisms/space/space.ts'\n${inBody('readFileSync(s)')}`,
  ],
  ['src/testing/legal.ts', `import { n } from '../node/open.ts'\n${imports('node:fs')}export const m: number = n\n`],
  [
    'src/clock.ts',
    'export const now: number = Date.now() + Math.random()\nexport const later: unknown = setTimeout(Boolean, 5)\n',
  ],
  ['src/log/engines/disk-io.ts', imports('node:fs')],
  ['src/log/engines/disk-thread.ts', imports('node:worker_threads')],
  ['src/log/engines/lock.ts', imports('node:fs')],
  ['src/log/socket.ts', imports('node:net')],
]

let folder: string
let reported: Map<string, Set<string>>

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-lint-'))
  for (const name of ['biome.json', 'package.json', 'tsconfig.json', 'tsconfig.base.json', 'scripts/lint']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction')
  for (const [file, code] of [...FORBIDDEN, ...LEGAL]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), code)
  }
  reported = lint()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('is reported', () => {
  test.each(FORBIDDEN)('%s', (file, _code, rule) => {
    expect([...(reported.get(file) ?? [])]).toContain(rule)
  })
})

describe('stays legal', () => {
  test.each(LEGAL)('%s', (file) => {
    expect([...(reported.get(file) ?? [])]).toEqual([])
  })
})

/** The errors of one run over all planted files, by file. */
function lint(): Map<string, Set<string>> {
  const words = [
    'lint',
    '--vcs-enabled=false',
    '--colors=off',
    '--reporter=json',
    '--diagnostic-level=error',
    '--max-diagnostics=none',
    '.',
  ]
  const { stdout, stderr } = spawnSync(process.execPath, [biome, ...words], { cwd: folder, encoding: 'utf8' })
  if (!stdout.startsWith('{')) throw new Error(`the linter printed no report: ${stdout}${stderr}`)
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string } }[] }
  const rules = new Map<string, Set<string>>()
  for (const { category, location } of diagnostics) {
    const path = location.path.replaceAll('\\', '/')
    rules.set(path, (rules.get(path) ?? new Set()).add(category))
  }
  return rules
}
