import { describe, expect, test } from 'vitest'
import { checkAcceptance } from '../scripts/acceptance.mjs'
import type { Results } from '../scripts/results.mjs'

const SHOWN: Results = {
  'test/log/codec.test.ts › values > come back as they were': 'passed',
  'test/log/codec.test.ts › refuses a cycle': 'failed',
  'test/log/codec.test.ts › a | b': 'passed',
  'test/space.test.ts › waits on Windows': 'skipped',
  'bench: W1': 'passed',
  'sim: 1000 seeds': 'failed',
}

const GOOD = 'test/log/codec.test.ts › values > come back as they were'

function problemsOf(rows: string[], scope: 'tests' | 'all' = 'tests'): string[] {
  const table = ['# Acceptance', '', '| id | demand | shown by | state |', '| --- | --- | :---: | --- |', ...rows, '', 'The end.']
  return checkAcceptance(table.join('\n'), SHOWN, { scope }).problems
}

describe('a row of state ok', () => {
  test('holds when its test passed', () => {
    expect(problemsOf([`| 3.1 | values survive | ${GOOD} | ok |`])).toEqual([])
  })

  test('may set its evidence as code, and name several', () => {
    expect(problemsOf([`| 3.1 | values survive | \`${GOOD}\`<br>bench: W1 | ok |`])).toEqual([])
  })

  test('may have bars in a title when they are escaped', () => {
    expect(problemsOf(['| 3.1 | bars | test/log/codec.test.ts › a \\| b | ok |'])).toEqual([])
  })

  test.each([
    ['failed', 'test/log/codec.test.ts › refuses a cycle', '"test/log/codec.test.ts › refuses a cycle" failed'],
    ['was skipped', 'test/space.test.ts › waits on Windows', '"test/space.test.ts › waits on Windows" was skipped'],
    ['is not in its file', 'test/space.test.ts › waits', '"waits" is no test of test/space.test.ts'],
    ['lies in a file that did not run', 'test/gone.test.ts › a', 'test/gone.test.ts does not exist or did not run ("a")'],
    [
      'is named like a property of every object',
      'test/a.test.ts › toString',
      'test/a.test.ts does not exist or did not run ("toString")',
    ],
  ])('does not hold when one of its tests %s', (_case, evidence, problem) => {
    expect(problemsOf([`| 3.1 | values survive | ${GOOD}<br>${evidence} | ok |`])).toEqual([`line 5: 3.1: ${problem}`])
  })

  test('does not hold without evidence', () => {
    expect(problemsOf(['| 3.1 | values survive | - | ok |'])).toEqual([
      'line 5: 3.1: the state is ok, but nothing is named that shows it',
    ])
  })

  test('does not hold on evidence of an unknown kind', () => {
    expect(problemsOf(['| 3.1 | values survive | a careful look | ok |'])).toEqual([
      'line 5: 3.1: "a careful look" names no evidence: expected "path.test.ts › title", "bench: NAME", "sim: NAME" or "ci: NAME"',
    ])
  })
})

describe('benches, simulation, CI checks and the longest tests', () => {
  const rows = [
    '| 10.1 | seeds | sim: 1000 seeds | ok |',
    '| 10.2 | pack | ci: package | ok |',
    '| 10.3 | W1 | bench: W1 | ok |',
    '| 10.4 | kills | test/faults/kill.test.ts › over and over | ok |',
    '| 10.5 | bugs | test/sim/mutants.test.ts › are caught | ok |',
  ]

  test('are left aside in the scope of the tests', () => {
    expect(problemsOf(rows)).toEqual([])
  })

  test('count in the scope of all', () => {
    expect(problemsOf(rows, 'all')).toEqual([
      'line 5: 10.1: "sim: 1000 seeds" failed',
      'line 6: 10.2: "ci: package" has no result: it does not exist or did not run',
      'line 8: 10.4: test/faults/kill.test.ts does not exist or did not run ("over and over")',
      'line 9: 10.5: test/sim/mutants.test.ts does not exist or did not run ("are caught")',
    ])
  })
})

describe('an open row', () => {
  test('holds when it says why, whatever it names', () => {
    expect(problemsOf(['| 4.1 | leases | test/later.test.ts › leases | open: of the foundation issue |'])).toEqual([])
    expect(problemsOf(['| 4.1 | leases | | open: of the foundation issue |'])).toEqual([])
  })

  test('does not hold without a reason', () => {
    expect(problemsOf(['| 4.1 | leases | | open: |'])).toEqual([
      'line 5: 4.1: the state is "open:", expected "ok" or "open: why"',
    ])
  })
})

describe('a table', () => {
  test('with an id twice is wrong', () => {
    const row = `| 3.1 | values survive | ${GOOD} | ok |`
    expect(problemsOf([row, row])).toEqual(['line 6: the id "3.1" stands twice'])
  })

  test('with a cell too many or too few is wrong', () => {
    expect(problemsOf(['| 3.1 | a | b | ok | c |', '| 3.2 | ok |'])).toEqual([
      'line 5: 5 cells, expected 4 (write a bar inside a cell as \\|)',
      'line 6: 2 cells, expected 4 (write a bar inside a cell as \\|)',
      'there is no row: expected tables with the columns | id | demand | shown by | state |',
    ])
  })

  test('without rows, or with rows that are only an example in a code block, proves nothing', () => {
    const block = ['```', '| id | demand | shown by | state |', `| 1 | a | ${GOOD} | ok |`, '```'].join('\n')
    for (const markdown of ['', block]) expect(checkAcceptance(markdown, SHOWN, { scope: 'tests' }).problems).toHaveLength(1)
  })

  test('of other columns is none of the acceptance tables', () => {
    const other = '| word | meaning |\n| --- | --- |\n| tuple | a row of values |\n'
    const ours = `| id | demand | shown by | state |\n| --- | --- | --- | --- |\n| 1 | a | ${GOOD} | ok |`
    expect(checkAcceptance(`${other}\n${ours}`, SHOWN, { scope: 'tests' })).toEqual({
      rows: [{ id: '1', demand: 'a', evidence: [GOOD], state: 'ok', line: 7 }],
      problems: [],
    })
  })
})
