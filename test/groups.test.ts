/**
 * What docs/groups.md shows, done: its programs as they stand, against the built package, print what the page says.
 */
import { readFileSync } from 'node:fs'
import * as group from 'perdure/group'
import { afterAll, describe, expect, test } from 'vitest'
import { FAULTS } from '../src/fault.ts'
import { samplesOf } from './samples.ts'

const { files, shell, remove } = samplesOf('docs/groups.md')
const page = readFileSync('docs/groups.md', 'utf8')
afterAll(remove)

const PRINTED = {
  'months.mjs': '28 { calls: 1, agreed: 0, disagreed: 1, failed: 0, late: 0, rejected: 0 }\n',
  'sorting.mjs': '[ 1, 9, 10 ]\n',
  'account.mjs': '70 770\n',
  'letters.mjs': "quick has written to Ada\n[ [ 'quick', 'Ada' ] ]\n",
  'listening.mjs':
    "nVersion halves/d minority-vote\nnVersion halves/e minority-vote\n1.5 [ { members: [ 'd', 'e' ], count: 1 } ]\n",
  'collatz.mjs': '',
  'steps.mjs': '111 NaN\n',
  'transfer.mjs': 'paid { cents: 300 } { cents: 200 }\nPERDURE_E_ACTION_SIGNALLED { cents: 300 } { cents: 200 }\n',
  'counter.mjs': '1\n2 3\n42\n',
}

describe('docs/groups.md', () => {
  test('shows these programs', () => {
    expect([...files.keys()]).toEqual(Object.keys(PRINTED))
  })

  test.each(Object.entries(PRINTED))('%s prints what the page says', async (file, printed) => {
    const { code, output } = await shell(`"${process.execPath}" ${file}`)
    expect(output).toBe(printed)
    expect(code).toBe(0)
  })

  test('names every strategy and adjudicator there is, and none else', () => {
    const [, strategies = ''] = /^## Choosing a strategy([\s\S]*?)^## /m.exec(page) ?? []
    const [, replicas = ''] = /^### Replicas([\s\S]*?)^### /m.exec(page) ?? []
    const [, adjudicators = ''] = /^## Adjudicators([\s\S]*?)^## /m.exec(page) ?? []
    const called = (text: string) => [...text.matchAll(/`(\w+)\(/g)].map(([, name]) => name ?? '')
    const named = new Set([...called(strategies), ...called(replicas), ...called(adjudicators)])
    const others = [
      'action',
      'attempt',
      'choose',
      'dependable',
      'groupNamed',
      'groupOf',
      'metaclass',
      'objectGroup',
      'on',
      'reflect',
    ]
    const exported = Object.entries(group).filter(([name, value]) => typeof value === 'function' && !others.includes(name))
    const known = [...exported.map(([name]) => name)].sort()
    expect([...named].filter((name) => name in group && !others.includes(name)).sort()).toEqual(known)
    const parameters = ['compareOn']
    expect([...named].filter((name) => !(name in group) && !parameters.includes(name))).toEqual([])
  })

  test('lists codes of faults that exist', () => {
    const [, told = ''] = /^## What is told([\s\S]*?)^## /m.exec(page) ?? []
    const rows = [...told.matchAll(/^\| (`[a-z-]+`.*?) \|/gm)].flatMap(([, cell]) => [...(cell ?? '').matchAll(/`([a-z-]+)`/g)])
    const codes = rows.map(([, code]) => code ?? '')
    expect(codes.length).toBeGreaterThan(5)
    expect(Object.keys(FAULTS)).toEqual(expect.arrayContaining(codes))
  })
})
