/** Coordinated checkpoints on a plain class, as their readers run them. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const at = (file: string) => fileURLToPath(new URL(`../../examples/coordinated/${file}`, import.meta.url))

test('coordinated accounts: who has lost its memory goes back with who holds its payment, and no money is lost or doubled', async () => {
  const flags = ['--conditions=perdure-src', '--import', 'tsx']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, at('main.ts')], { timeout: 110_000 })
  expect(stdout.trim().split('\n')).toMatchInlineSnapshot(`
    [
      "bert saves, and with him who has paid him: { anna: 1, bert: 1, cleo: 0 }",
      "more payments: anna 60, bert 145, cleo 95, together 300",
      "the memory of anna is damaged: anna NaN, bert 145, cleo 95, together NaN",
      "anna goes back, and with her who holds her later payment: { anna: 1, bert: 1, cleo: 'current' }",
      "what they were told since then they are told again: anna 60, bert 145, cleo 95, together 300",
    ]
  `)
})

test('the class of the accounts imports nothing: it is untouched', () => {
  expect(readFileSync(at('account.ts'), 'utf8')).not.toMatch(/\bimport\b|perdure/)
})
