/** Policies tried on the command line: cases beside scripts, questions, comparisons, explorations (SPEC 10; issue 6, point 4). */
import { readFileSync } from 'node:fs'
import { compile, Explorer } from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { askWhatIf, explainPolicy } from '../../src/node/cli/ariel-explain.ts'
import { drive, exploreScript } from '../../src/node/cli/ariel-explore.ts'
import { testScripts } from '../../src/node/cli/ariel-test.ts'
import { Workshop } from './cli-driver.ts'

const PLANT = `TASK 5 = "pump" IS NODE 0, TASKID 1
IF [ FAULTY T5 AND ERRN(T5) < 2 ]
THEN
    RESTART T5
ELIF [ FAULTY T5 ]
THEN
    STOP T5
FI
`
const NIGHT = '{"at":100,"kind":"error","entity":"T5","code":12}\n{"at":900,"kind":"end"}\n'
const RESTARTED = '{"at":100,"line":4,"action":"RESTART","target":"T5"}\n'

function workshop(): Workshop {
  const shop = new Workshop()
  shop.write('plant.ariel', PLANT)
  shop.write('plant.history.jsonl', NIGHT)
  return shop
}

describe('perdure ariel test', () => {
  test('tries every case beside a script, says what differs and what is covered, and exits 1 if one fails', async () => {
    await using shop = workshop()
    shop.write('plant.expected.jsonl', RESTARTED)
    shop.write('plant.storm.history.jsonl', NIGHT)
    shop.write('plant.storm.expected.jsonl', '{"at":100,"action":"STOP","target":"T5"}\n')
    shop.write('plants.history.jsonl', 'of another script')
    const { code, stdout } = await shop.run('ariel', 'test', 'plant.ariel', '--gaps')
    expect(stdout).toBe(`ok     plant: 1 notifications, 1 actions
FAILED plant.storm: 1 notifications, 1 actions
       - expected  {"at":100,"action":"STOP","target":"T5"}
       + performed {"at":100,"line":4,"action":"RESTART","target":"T5"}
plant.ariel: tried 1 of 1 sections, 1 of 2 branches, 0 of 3 atoms
  line 2: FAULTY T5 was never false
  line 2: ERRN(T5) < 2 was never false
  line 5: this ELIF was never taken
  line 5: FAULTY T5 was never asked
1 passed, 1 failed
`)
    expect(code).toBe(1)
  })

  test('--json prints one case a line and the coverage, and nothing else', async () => {
    await using shop = workshop()
    shop.write('plant.expected.jsonl', RESTARTED)
    const { code, lines, stdout } = await shop.run('ariel', 'test', 'plant.ariel', '--json')
    expect([code, stdout.trim().split('\n').length]).toEqual([0, 2])
    expect(lines[0]).toEqual({ event: 'case', name: 'plant', passed: true, notifications: 1, actions: 1, differences: [] })
    expect(lines[1]).toMatchObject({ event: 'coverage', file: 'plant.ariel', branches: { covered: 1, of: 2 } })
  })

  test('a history without expected actions fails; --update writes what the script does now, and then it passes', async () => {
    await using shop = workshop()
    const missing = await shop.run('ariel', 'test', 'plant.ariel')
    expect([missing.code, missing.stdout]).toEqual([1, expect.stringMatching(/no plant\.expected\.jsonl.*--update/)])
    expect(await shop.run('ariel', 'test', 'plant.ariel', '--update')).toMatchObject({
      code: 0,
      stdout: 'plant.expected.jsonl\n',
    })
    expect(readFileSync(shop.path('plant.expected.jsonl'), 'utf8')).toBe(RESTARTED)
    expect((await shop.run('ariel', 'test', 'plant.ariel')).code).toBe(0)
  })

  test('a case that cannot be read fails by itself: it is said why, and the others are tried', async () => {
    await using shop = workshop()
    shop.write('plant.expected.jsonl', RESTARTED)
    shop.write('plant.cut.history.jsonl', NIGHT.slice(0, 30))
    shop.write('plant.cut.expected.jsonl', RESTARTED)
    shop.write('plant.odd.history.jsonl', NIGHT)
    shop.write('plant.odd.expected.jsonl', 'restart it')
    const { code, stdout } = await shop.run('ariel', 'test', 'plant.ariel')
    expect([code, ...stdout.split('\n')]).toEqual([
      1,
      'ok     plant: 1 notifications, 1 actions',
      expect.stringMatching(/^FAILED plant\.cut: Line 1 of the history: the line is no JSON/),
      expect.stringMatching(/^FAILED plant\.odd: Line 1 of the expected actions is no JSON/),
      expect.stringMatching(/^plant\.ariel: tried 1 of 1 sections/),
      '1 passed, 2 failed',
      '',
    ])
    const { lines } = await shop.run('ariel', 'test', 'plant.ariel', '--json')
    expect(lines[1]).toMatchObject({
      event: 'case',
      name: 'plant.cut',
      passed: false,
      unreadable: expect.stringContaining('Line 1'),
    })
  })

  test('--at-least fails where less of the branches is tried', async () => {
    await using shop = workshop()
    shop.write('plant.expected.jsonl', RESTARTED)
    expect((await shop.run('ariel', 'test', 'plant.ariel', '--at-least', '50')).code).toBe(0)
    const { code, stderr } = await shop.run('ariel', 'test', 'plant.ariel', '--at-least', '51')
    expect([code, stderr]).toEqual([1, expect.stringMatching(/1 of 2 branches are tried, expected at least 51 percent/)])
  })
})

describe('perdure ariel explain and what-if', () => {
  test('explain says why an action was performed, --why-not which atom was false', async () => {
    await using shop = workshop()
    const why = await shop.run('ariel', 'explain', 'plant.ariel', 'plant.history.jsonl', '--line', '4')
    expect(why.stdout).toBe(`at 100 ms: error T5, code 12
  line 2: IF is taken
      FAULTY T5 is true; T5 has code 12, 1 record, 1 open, last at 100 ms
      ERRN(T5) < 2 is true; it is 1; T5 has code 12, 1 record, 1 open, last at 100 ms
    line 4 does RESTART T5
`)
    const [again] = (await shop.run('ariel', 'explain', 'plant.ariel', 'plant.history.jsonl', '--json')).lines
    expect(again).toMatchObject({ at: 100, notification: { at: 100, kind: 'error', entity: 'T5', code: 12 } })
    shop.write('twice.jsonl', NIGHT.replace('{"at":900', `${NIGHT.split('\n')[0]?.replace('100', '200')}\n{"at":900`))
    const not = await shop.run('ariel', 'explain', 'plant.ariel', 'twice.jsonl', '--why-not', '4')
    expect(not.stdout).toBe(`at 200 ms: error T5, code 12: line 4 did nothing, because the guard of line 2 was false:
      ERRN(T5) < 2 is false; it is 2; T5 has code 12, 2 records, 1 open, last at 200 ms
`)
  })

  test('what-if names the branches that ask about an entity, and what would be done', async () => {
    await using shop = workshop()
    const { code, stdout } = await shop.run('ariel', 'what-if', 'plant.ariel', 't5', '--after', 'plant.history.jsonl')
    expect([code, stdout]).toEqual([
      0,
      'line 2: IF asks FAULTY T5, ERRN(T5) < 2\nline 5: ELIF asks FAULTY T5\nline 7 does STOP T5\n',
    ])
    expect((await shop.run('ariel', 'what-if', 'plant.ariel', 'N0', '--json')).lines).toEqual([
      { entity: 'N0', reactions: [], actions: [] },
    ])
  })
})

describe('perdure ariel dry-run --against', () => {
  test('prints in what another policy would have done differently, wherever its lines are', async () => {
    await using shop = workshop()
    shop.write('moved.ariel', `\n\n${PLANT}`)
    shop.write('strict.ariel', PLANT.replace('RESTART', 'ISOLATE'))
    const same = await shop.run('ariel', 'dry-run', 'plant.ariel', 'plant.history.jsonl', '--against', 'moved.ariel')
    expect(same).toMatchObject({ code: 0, stdout: '' })
    const other = await shop.run('ariel', 'dry-run', 'plant.ariel', 'plant.history.jsonl', '--against', 'strict.ariel')
    expect(other.stdout).toBe(`- ${RESTARTED}+ ${RESTARTED.replace('RESTART', 'ISOLATE')}`)
  })
})

describe('perdure ariel explore', () => {
  test('exits 1 with a livelock and the shortest history that leads to it, which explain takes', async () => {
    await using shop = workshop()
    shop.write('loud.ariel', 'IF [ FAULTY T5 ] THEN\n    SEND 4 T6\nFI\n')
    const { code, lines } = await shop.run('ariel', 'explore', 'loud.ariel', '--json')
    expect([code, lines]).toEqual([
      1,
      [expect.objectContaining({ livelocks: [{ lines: [2], history: [{ at: 1000, kind: 'error', entity: 'T5', code: 4 }] }] })],
    ])
    shop.write('found.jsonl', '{"at":1000,"kind":"error","entity":"T5","code":4}\n')
    expect((await shop.run('ariel', 'explain', 'loud.ariel', 'found.jsonl')).stdout).toContain('line 2 does SEND T6 4')
  })

  test('exits 0 without one, and says how long recovery takes at most', async () => {
    await using shop = workshop()
    const { code, stdout } = await shop.run('ariel', 'explore', 'plant.ariel', '--entities', 'T5', '--step-ms', '500')
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/no livelock\nevery recovery ends in the pass of its notification\n/),
    ])
    expect(stdout).toContain('T5, if it fails whenever it can, is taken out of service after 2 errors')
  })
})

test('an exploration that takes long tells how far it is every two seconds, and stops when its time is up', () => {
  const counting = compile(`${PLANT}IF [ FAULTY N0 ] THEN LET A = A + 1 FI IF [ FAULTY T5 ] THEN LET B = B + 1 FI
    IF [ VAL(A) == 900 OR VAL(B) == 900 ] THEN STOP N0 FI`)
  if (!counting.ok) throw new Error('the script has errors')
  const explorer = new Explorer(counting, { depth: 64 })
  const told: string[] = []
  let at = 0
  const now = (): number => {
    at += 700
    return at
  }
  drive(explorer, { limitMs: 5_000, now, tell: (line) => told.push(line) })
  expect(told.map((line) => line.replace(/\d+ states, \d+/, 'n states, n'))).toEqual([
    expect.stringMatching(/^2 s: depth \d+, n states, n notifications$/),
    expect.stringMatching(/^4 s: /),
  ])
  expect(explorer.report().complete).toBe('stopped')
})

const WRONG: readonly (readonly [string, (plant: string, night: string) => number, RegExp])[] = [
  ['test without a case', () => testScripts(['nowhere.ariel'], {}), /There is no case beside nowhere\.ariel/],
  ['test --at-least most', (plant) => testScripts([plant], { atLeast: 'most' }), /a whole number from 0 to 100/],
  [
    'explain --why-not of no action',
    (plant, night) => explainPolicy(plant, night, { whyNot: '3' }),
    /Line 3 of .* has no action/,
  ],
  ['explain --line --why-not', (plant, night) => explainPolicy(plant, night, { line: '4', whyNot: '7' }), /Expected one of them/],
  ['explain --at noon', (plant, night) => explainPolicy(plant, night, { at: 'noon' }), /--at noon is no time/],
  [
    'what-if of no entity',
    (plant) => askWhatIf(plant, 'pump', {}),
    /pump is no entity\. Expected a task, node or group, as in T5/,
  ],
  ['explore --entities of none', (plant) => exploreScript(plant, { entities: 'T1,x' }), /x is no entity/],
  ['explore --depth 0', (plant) => exploreScript(plant, { depth: '0' }), /a whole number from 1 to 64/],
]

test.each(WRONG)('perdure ariel %s is wrong usage, and it says what was expected', async (_, command, message) => {
  await using shop = workshop()
  const call = (): number => command(shop.path('plant.ariel'), shop.path('plant.history.jsonl'))
  expect(call).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE', message: expect.stringMatching(message) }))
})
