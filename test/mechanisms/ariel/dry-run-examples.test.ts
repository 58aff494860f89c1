/**
 * The examples of the specification and the case studies of the paper, byte for byte (SPEC 5.3, 11).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { actionLines, compile, dryRun } from 'perdure/ariel'
import { expect, test } from 'vitest'

const EXAMPLES = fileURLToPath(new URL('../../../examples/ariel/', import.meta.url))

const scripts = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ariel') && existsSync(join(EXAMPLES, name.replace('.ariel', '.history.jsonl'))))
  .map((name) => name.replace('.ariel', ''))
  .sort()

test.each(scripts)('SPEC 5.3: the dry run of %s gives its expected file', (name) => {
  expect(dryRunOf(name)).toBe(text(`${name}.expected.jsonl`))
})

test('the five examples of the specification with a history are among them', () => {
  const numbers = scripts.map((name) => /specification[/\\](\d\d)-/.exec(name)?.[1]).filter((number) => number !== undefined)
  expect(numbers).toEqual(['04', '05', '06', '07', '08'])
})

function dryRunOf(name: string): string {
  const include = (path: string): string | undefined => {
    const beside = join(EXAMPLES, name, '..', path)
    return existsSync(beside) ? readFileSync(beside, 'utf8') : undefined
  }
  const compiled = compile(text(`${name}.ariel`), { include })
  expect(compiled.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  return actionLines(dryRun(compiled, text(`${name}.history.jsonl`)))
}

function text(name: string): string {
  return readFileSync(join(EXAMPLES, name), 'utf8')
}
