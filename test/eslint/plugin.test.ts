/** The rules that ship, as ESLint itself executes them. */
import { Linter, RuleTester } from 'eslint'
import perdure from 'perdure/eslint'
import { describe, expect, test } from 'vitest'

RuleTester.describe = describe
RuleTester.it = (title: string, check: () => void) => void test(title.replaceAll('\n', ' ').slice(0, 110), check)
RuleTester.itOnly = RuleTester.it

const tester = new RuleTester({
  languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: { fetch: 'readonly', setTimeout: 'readonly' } },
})

const body = (code: string) => `import { resilient } from 'perdure'\nresilient('x', async (p) => { ${code} })`
const invalid = (code: string, count = 1) => ({ code, errors: Array.from({ length: count }, () => ({ messageId: 'found' })) })

tester.run('no-nondeterminism-in-body', perdure.rules['no-nondeterminism-in-body'] as never, {
  valid: [
    'Date.now(); Math.random(); new Date()',
    body('const at = new Date(p.now()); return p.random()'),
    body("await p.step('s', async () => { await fetch('x'); return Date.now() })"),
    body("await p.step('s', function () { return Math.random() })"),
    body('const Date = { now: () => 1 }; return Date.now()'),
    body('return Date.UTC(2020, 1)'),
    `import { resilient } from 'perdure'\nconst clock = () => Date.now()\nresilient('x', async (p) => p.now())`,
    `import { createHash } from 'node:crypto'\n${body("return createHash('sha256')")}`,
    `function fetch() {}\n${body('return fetch()')}`,
    `other('x', () => Date.now())`,
    `resilient('x', async (p) => p.now(), { clock: () => Date.now() })`,
  ],
  invalid: [
    invalid(body('return Date.now()')),
    invalid(body('return Date["now"]()')),
    invalid(body('return globalThis.Date.now()')),
    invalid(body('return new Date()')),
    invalid(body('return Date()')),
    invalid(body('const id = crypto.randomUUID(); return [id, Math.random()]'), 2),
    invalid(body('setTimeout(() => 1, 5)')),
    invalid(body('return [1, 2].map(() => Math.random())')),
    invalid(body('function helper() { return performance.now() } return helper()')),
    invalid(`import { randomUUID as id } from 'node:crypto'\n${body('return id()')}`),
    invalid(`import * as crypto from 'crypto'\n${body('return crypto.randomInt(9)')}`),
    invalid(`import { readFileSync } from 'node:fs'\n${body("return readFileSync('x')")}`),
    invalid(
      `import { resilient } from 'perdure'\nasync function pay(p) { return Date.now() }\nexport default resilient('pay', pay)`,
    ),
    invalid(`import { resilient } from 'perdure'\nconst pay = async (p) => Date.now()\nexport default resilient('pay', pay)`),
    invalid(`import * as perdure from 'perdure'\nperdure.resilient('x', function (p) { return Date.now() })`),
    invalid(body("await p.step('s', () => resilient('y', () => Date.now()))")),
  ],
})

tester.run('no-foreign-await', perdure.rules['no-foreign-await'] as never, {
  valid: [
    'await fetch("x")',
    body('await p.sleep(1); await Promise.all([p.sleep(1), p.sleep(2)])'),
    body("await p.step('s', async () => await fetch('x'))"),
    body('await helper(p)'),
    body('for await (const x of mine()) await p.sleep(x)'),
  ],
  invalid: [
    invalid(body("await fetch('x')")),
    invalid(body("const answer = await fetch('x').then((r) => r.json())")),
    invalid(body('await new Promise((resolve) => resolve(1))')),
    invalid(body("await Promise.all([p.sleep(1), fetch('x')])")),
    invalid(body("const module = await import('x')")),
    invalid(`import { setTimeout as pause } from 'node:timers/promises'\n${body('await pause(5)')}`),
    invalid(`import fs from 'node:fs/promises'\n${body("await fs.readFile('x')")}`),
    invalid(`import { setInterval } from 'timers/promises'\n${body('for await (const x of setInterval(5)) p.log(x)')}`),
  ],
})

test('the recommended configuration turns both on, in a flat configuration, and says what to use instead', () => {
  const code = body("await fetch('x'); return Date.now()")
  const messages = new Linter().verify(code, [perdure.configs.recommended])
  expect(messages.map(({ ruleId, line, message }) => [ruleId, line, message])).toEqual([
    ['perdure/no-foreign-await', 2, expect.stringContaining('awaits fetch(), which is no operation of p')],
    ['perdure/no-nondeterminism-in-body', 2, expect.stringMatching(/^fetch\(\) is different .* Use p\.step/)],
    ['perdure/no-nondeterminism-in-body', 2, expect.stringMatching(/^Date\.now\(\) is different .* Use p\.now\(\)/)],
  ])
})
