/** An existing program over an EventEmitter, before and after it was made recoverable: the diff is short, and one object may die. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const EXAMPLE = join(ROOT, 'examples/late-integration')
/** The promise: a diff of no more lines. */
const MAX_DIFF = 15

/** What it prints, until it ends or has printed so many lines; null: it was not waited for. */
async function run(
  program: string,
  lines: number,
): Promise<{ readonly printed: readonly string[]; readonly code: number | null }> {
  const words = ['--import', 'tsx', '--conditions=perdure-src', join(EXAMPLE, program)]
  const running = spawn(process.execPath, words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise<number | null>((resolve) => running.once('exit', resolve))
  const printed: string[] = []
  for await (const line of createInterface({ input: running.stdout })) if (printed.push(line) === lines) running.kill()
  return { printed, code: await ended }
}

/** Lines that are in one and not in the other, by the longest common subsequence. */
function changedLines(before: readonly string[], after: readonly string[]): string[] {
  const longest = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0))
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      longest[i]![j] = before[i] === after[j] ? longest[i + 1]![j + 1]! + 1 : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!)
  const diff: string[] = []
  for (let i = 0, j = 0; i < before.length || j < after.length; ) {
    if (i < before.length && before[i] === after[j]) [i, j] = [i + 1, j + 1]
    else if (j === after.length || (i < before.length && longest[i + 1]![j]! >= longest[i]![j + 1]!)) diff.push(`-${before[i++]}`)
    else diff.push(`+${after[j++]}`)
  }
  return diff
}

test('an existing EventEmitter program becomes recoverable by a diff of at most 15 lines, which the documentation shows', () => {
  const [before, after] = ['before.ts', 'after.ts'].map((file) => readFileSync(join(EXAMPLE, file), 'utf8').trimEnd().split('\n'))
  const diff = changedLines(before!, after!)
  expect(diff.length).toBeGreaterThan(0)
  expect(diff.length).toBeLessThanOrEqual(MAX_DIFF)
  const shown = readFileSync(join(ROOT, 'docs/attached-members.md'), 'utf8')
  for (const line of diff) expect(shown).toContain(line)
})

test('without it a bug in one object is the end of the program', async () => {
  expect(await run('before.ts', 2)).toEqual({ printed: [], code: 1 })
})

test('with it the object is built again, and everybody is given every message once', async () => {
  const { printed } = await run('after.ts', 2)
  const balls = (first: number) => Array.from({ length: 15 }, (_, k) => first + 2 * k).join(' ')
  expect([...printed].sort()).toEqual([balls(1), balls(2)].sort())
})
