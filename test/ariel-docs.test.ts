/**
 * The pages about ariel say what is so: commands are executed, examples translated, tables and pictures made again.
 *
 * What a page of commands prints is brought up to date with `vitest run test/ariel-docs.test.ts -u`, the reference and the picture by
 * their scripts.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { check } from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { JUDGEMENTS, plot, scores } from '../scripts/alpha-count-plot.ts'
import { anchorOf, reference } from '../scripts/ariel-reference.ts'
import { CODES } from '../src/mechanisms/ariel/diagnostics.ts'
import { executed } from './console-page.ts'

const HEADER = '#define PUMP 5\n#define GAUGE 6\n'

const path = (name: string): string => fileURLToPath(new URL(`../docs/${name}`, import.meta.url))
const text = (name: string): string => readFileSync(path(name), 'utf8')
const codesOf = (script: string): string[] => {
  return check(script, { include: (name) => (name === 'plant.h' ? HEADER : undefined) }).map(({ code }) => code)
}

describe('docs/ariel.md', () => {
  test('every command prints what the page says', async () => {
    await expect(await executed('docs/ariel.md')).toMatchFileSnapshot(path('ariel.md'))
  })

  test('goes through steps 1 to 13 of the work-flow, in their order', () => {
    const steps = [...text('ariel.md').matchAll(/^## Steps? (\d+)(?: (?:and|to) (\d+))?/gm)].map(([, from, to = from]) => [
      from,
      to,
    ])
    const passed = steps.flatMap(([from, to]) =>
      Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => Number(from) + at),
    )
    expect(passed).toEqual(Array.from({ length: 13 }, (_, at) => at + 1))
  })

  test('shows every command of perdure ariel that tries a policy', () => {
    for (const command of ['check', 'build', 'list', 'dry-run', 'test', 'explain', 'what-if', 'explore', 'fmt']) {
      expect(text('ariel.md')).toContain(`\n$ npx perdure ariel ${command} `)
    }
  })
})

describe('docs/ariel-errors.md', () => {
  const sections = text('ariel-errors.md')
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [code = '', ...meaning] = (section.split('\n')[0] ?? '').split(' ')
      const blocks = [...section.matchAll(/^```ariel\n([\s\S]*?)^```$/gm)].map(([, script = '']) => script)
      return { code, meaning: meaning.join(' '), blocks }
    })

  test('has a section for every code and for no other, in the order of the table, under its meaning', () => {
    expect(sections.map(({ code, meaning }) => [code, meaning])).toEqual(Object.entries(CODES))
  })

  const examples = sections.map(({ code, blocks }) => [code, blocks] as const)

  test.each(examples)('%s: the example gets this code and no other, and the mended one none', (code, blocks) => {
    expect(blocks).toHaveLength(2)
    const [broken = '', mended = ''] = blocks
    expect(codesOf(broken)).toEqual([code])
    expect(codesOf(mended)).toEqual([])
  })
})

describe('docs/ariel-reference.md', () => {
  test('is what the tables of the code make: run scripts/ariel-reference.ts', () => {
    expect(text('ariel-reference.md')).toBe(reference())
  })

  test('leads from every code to its error page', () => {
    for (const [code, meaning] of Object.entries(CODES)) {
      expect(text('ariel-reference.md')).toContain(`[${code}](ariel-errors.md#${anchorOf(code, meaning)})`)
    }
  })
})

describe('docs/alpha-count.md', () => {
  test('its picture is what the filter does: run scripts/alpha-count-plot.ts', () => {
    expect(text('images/alpha-count.svg')).toBe(plot())
  })

  test('as it says, the fault that stays is found out four judgements earlier with FACTOR = 0.8 than with 0.4', () => {
    const over = (factor: number) => scores({ threshold: 3, factor }).findIndex((score) => score >= 3)
    expect(text('alpha-count.md')).toContain(`judged ${JUDGEMENTS.length} times`)
    expect(over(0.4) - over(0.8)).toBe(4)
  })

  test('its script has no findings', () => {
    const [, script = ''] = /^```ariel\n([\s\S]*?)^```$/m.exec(text('alpha-count.md')) ?? []
    expect(codesOf(script)).toEqual([])
  })
})
