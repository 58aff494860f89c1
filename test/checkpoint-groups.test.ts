/**
 * What docs/checkpoint-groups.md shows, done: its programs and its command as they stand, against the built package; and its tables, against
 * the source.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { protocols } from 'perdure/checkpoint'
import { afterAll, describe, expect, test } from 'vitest'
import { MAX_BLOB } from '../src/log/log.ts'
import { HALT_MS } from '../src/mechanisms/checkpoint/machine/protocol.ts'
import { MAX_SNAPSHOT_BYTES } from '../src/mechanisms/checkpoint/machine/recording.ts'
import { MAX_FAILS } from '../src/mechanisms/checkpoint/machine/recovering.ts'
import * as bounds from '../src/mechanisms/checkpoint/machine/refusals.ts'
import { MAX_MEMBERS } from '../src/mechanisms/checkpoint/protocol.ts'
import { MAX_MESSAGE } from '../src/mechanisms/checkpoint/site/member.ts'
import { specificationOf } from '../src/mechanisms/checkpoint/site/specification.ts'
import { samplesOf } from './samples.ts'

const { files, folder, shell, commandWith, remove } = samplesOf('docs/checkpoint-groups.md')
const page = readFileSync('docs/checkpoint-groups.md', 'utf8')
afterAll(remove)

const PRINTED: Readonly<Record<string, RegExp>> = {
  'notes.mjs': /^discarded \[ 'notes-1\.txt' \]\nrestored \[ 'notes-2\.txt', \[ 'buy bread' \] \]\n$/,
  'clerk.mjs': /^letter 1 to Ada\n\[ 'Ada', 'Ada' \] 1\n$/,
  'oracle.mjs': /^(?:yes|no), @asking\/first\n$/,
  'squares.mjs': /^\[ 'square', 3, 9 \] \[ 'square', 4, 16 \]\n$/,
  'darts-process.mjs': /^3\n$/,
  'darts-member.mjs': /^3\n$/,
}

const run = (file: string) => shell(`"${process.execPath}" ${file}`)
const rowsOf = (heading: string) => {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  return (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
}

describe('docs/checkpoint-groups.md', () => {
  test('shows these programs', () => {
    expect([...files.keys()]).toEqual(['bank.mjs', ...Object.keys(PRINTED)])
  })

  test.concurrent.each(Object.entries(PRINTED))('%s prints what the page says', async (file, printed) => {
    const { code, output } = await run(file)
    expect(output).toMatch(printed)
    expect(code).toBe(0)
  })

  test('bank.mjs prints what the page says, goes on where it was when it is started again, and can be drawn', async () => {
    const [, shown = ''] = /^```\n(\{[\s\S]*?)^```$/m.exec(page) ?? []
    expect((await run('bank.mjs')).output).toBe(shown)
    const { output } = await run('bank.mjs')
    const balances = [...output.matchAll(/anna: (\d+), bert: (\d+), cleo: (\d+) \}/g)].map(([, ...each]) => each.map(Number))
    expect(balances).toEqual([
      [35, 166, 99],
      [40, 161, 99],
    ])
    expect((await shell(commandWith('checkpoints diagram'))).code).toBe(0)
    expect(readFileSync(join(folder, 'bank.svg'), 'utf8')).toMatch(/^<svg [\s\S]*anna/)
  })

  test('has every protocol that a group can have, and none else', () => {
    const named = rowsOf('Protocols').flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
    )
    const known = [...Object.keys(protocols).filter((name) => name !== 'bare'), 'koo-toueg']
    expect(named.slice(1).sort()).toEqual(known.sort())
  })

  test('gives the defaults of the lag policy', () => {
    const { lag } = specificationOf({})
    expect(lag).toEqual({ undoneMs: 5_000, undoneMessages: 10_000, logBytes: 16 * 1024 * 1024 })
    for (const [name, text] of [
      ['undoneMs', '5,000'],
      ['undoneMessages', '10,000'],
      ['logBytes', '16 MiB'],
    ])
      expect(page).toContain(`| \`${name}\` | ${text} |`)
  })

  test('gives the bounds as they are', () => {
    const rows = rowsOf('Limits').flatMap((row) => [...row.matchAll(/`(MAX_\w+)`(?: \| |, )([\d,]+)( KiB| MiB)?/g)])
    const unit = { ' KiB': 1024, ' MiB': 1024 ** 2 } as const
    const given = rows.map(([, name, number, of]) => [
      name,
      Number(number?.replaceAll(',', '')) * (of ? unit[of as keyof typeof unit] : 1),
    ])
    const known = Object.entries(bounds).filter(([, bound]) => typeof bound === 'number')
    const others = { MAX_MESSAGE, MAX_BLOB, MAX_MEMBERS, MAX_SNAPSHOT_BYTES }
    expect(Object.fromEntries(given)).toEqual({ ...Object.fromEntries(known), ...others })
    expect(page).toContain('breaks five times in a row at the same message (`MAX_FAILS`)')
    expect(page).toContain('`HALT_MS`, 5 seconds')
    expect([MAX_FAILS, HALT_MS]).toEqual([5, 5_000])
  })
})
