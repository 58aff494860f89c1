/**
 * Policies as tests, coverage, comparison and "what if" (SPEC 10; issue 6, point 4).
 */
import fc from 'fast-check'
import {
  Coverage,
  compareActions,
  dryRun,
  historyLines,
  type ListedAction,
  type PolicyCase,
  readHistory,
  testPolicy,
  whatIf,
} from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { actions, event, policyOf } from './dry.ts'

const SCRIPT = `TASK 1 = "a" IS NODE 0, TASKID 1
TASK 2 = "b" IS NODE 0, TASKID 2
LOGICAL 1 = "g" IS TASK 1, 2 END
IF [ FAULTY T1 AND ERRN(T1) < 2 ]
THEN
  RESTART T1
ELIF [ FAULTY T1 ]
THEN
  STOP T1
ELSE
  LOG "quiet"
FI
IF [ FAULTY T2 ] THEN RESTART T2 FI`

const POLICY = policyOf(SCRIPT)

const history = (...events: string[]): string => historyLines(events.map(event))

const caseOf = (events: readonly string[], ...expected: object[]): PolicyCase => ({
  name: 'case',
  history: history(...events),
  expected: expected.map((line) => `${JSON.stringify(line)}\n`).join(''),
})

describe('SPEC 10, policies as tests', () => {
  test('a case whose expected actions are performed passes', () => {
    const [result] = testPolicy(POLICY, [
      caseOf(['error T1 9 @5', 'end @9'], { at: 5, line: 6, action: 'RESTART', target: 'T1' }),
    ]).cases
    expect(result).toMatchObject({ name: 'case', passed: true, notifications: 1, differences: [] })
  })

  test('what is expected and not performed is gone, what is performed and not expected is new', () => {
    const [result] = testPolicy(POLICY, [caseOf(['error T1 9 @5'], { at: 5, line: 9, action: 'STOP', target: 'T1' })]).cases
    expect(result).toMatchObject({ passed: false })
    expect(result?.differences).toEqual([
      { change: 'gone', action: { at: 5, line: 9, action: 'STOP', target: 'T1' } },
      { change: 'new', action: { at: 5, line: 6, action: 'RESTART', target: 'T1' } },
    ])
  })

  test('an expected line without "line" fits an action wherever it stands in the script; with it, only there', () => {
    const events = ['error T1 9 @5']
    const [anywhere, there] = testPolicy(POLICY, [
      caseOf(events, { at: 5, action: 'RESTART', target: 'T1' }),
      caseOf(events, { at: 5, line: 7, action: 'RESTART', target: 'T1' }),
    ]).cases
    expect([anywhere?.passed, there?.passed]).toEqual([true, false])
  })

  test('a difference of a line without "line" is shown as it was written', () => {
    const [result] = testPolicy(POLICY, [caseOf(['phase T1 1 @5'], { at: 6, action: 'STOP', target: 'T1' })]).cases
    expect(result?.differences[1]).toEqual({ change: 'gone', action: { at: 6, action: 'STOP', target: 'T1' } })
  })

  test.each(['nothing', '[]', '{"at":5}', '{"at":5,"action":"STOP","entity":"T1"}', '{"at":"5","action":"STOP"}'])(
    'an expected line that is none, %s, is an error with its number',
    (line) => {
      const wrong = { name: 'x', history: '', expected: `\n{"at":1,"action":"LOG","value":"quiet"}\n${line}\n` }
      expect(() => testPolicy(POLICY, [wrong])).toThrow(/^Line 3 of the expected actions/)
    },
  )
})

describe('SPEC 10, coverage', () => {
  const cover = (...events: string[]) => {
    const coverage = new Coverage(POLICY.rcode)
    dryRun(POLICY, events.map(event), { observer: coverage.observer })
    return coverage.report()
  }

  test('a section is tried when a branch of it was taken, a branch when it was taken', () => {
    const { sections, branches } = cover('error T1 9 @5', 'error T1 9 @6')
    expect([sections, branches]).toEqual([
      { covered: 1, of: 2 },
      { covered: 2, of: 4 },
    ])
  })

  test('an ELSE is taken when all guards before it were false', () => {
    const { branches, gaps } = cover('phase T1 1 @5')
    expect(branches).toEqual({ covered: 1, of: 4 })
    expect(gaps).not.toContainEqual(expect.objectContaining({ word: 'ELSE' }))
  })

  test('an atom is tried when it was true at one time and false at another, also where another one had decided', () => {
    expect(cover('phase T1 1 @5').atoms).toEqual({ covered: 0, of: 4 })
    // ERRN(T1) < 2 is false in a pass in which FAULTY T1 is false.
    expect(cover('error T1 9 @5', 'error T1 9 @6', 'phase T2 1 @7').atoms).toEqual({ covered: 3, of: 4 })
  })

  test('gaps are named in the order of the text; those of a section that was never acted in as one', () => {
    expect(cover('error T1 9 @5').gaps).toEqual([
      { kind: 'atom', line: 4, condition: 'FAULTY T1', never: 'false' },
      { kind: 'atom', line: 4, condition: 'ERRN(T1) < 2', never: 'false' },
      { kind: 'branch', line: 7, word: 'ELIF' },
      { kind: 'atom', line: 7, condition: 'FAULTY T1', never: 'either' },
      { kind: 'branch', line: 10, word: 'ELSE' },
      { kind: 'section', line: 13 },
      { kind: 'atom', line: 13, condition: 'FAULTY T2', never: 'true' },
    ])
  })

  test('all cases together count', () => {
    const cases = [caseOf(['error T1 9 @5', 'error T1 9 @6', 'phase T1 1 @7', 'error T2 9 @8'])]
    const { coverage } = testPolicy(POLICY, [...cases, caseOf(['phase T2 1 @5'])])
    expect(coverage).toMatchObject({ sections: { covered: 2, of: 2 }, branches: { covered: 4, of: 4 }, gaps: [] })
  })
})

describe('SPEC 10, an incident against a changed policy', () => {
  const differences = (before: string, after: string, ...events: string[]): string[] => {
    const run = (script: string) => dryRun(policyOf(script), events.map(event))
    return compareActions(run(before), run(after)).map(({ change, action }) => {
      return `${change} ${action.at} ${action.action} ${action.target ?? ''}`.trim()
    })
  }

  test('actions that stay are no difference, though their lines have moved', () => {
    expect(differences(SCRIPT, `\n\n${SCRIPT}`, 'error T1 9 @5', 'error T2 9 @6')).toEqual([])
  })

  test('an action is gone or new at its time, and what follows it stays', () => {
    const changed = 'IF [ FAULTY T1 ] THEN STOP T2 RESTART T1 FI'
    expect(differences('IF [ FAULTY T1 ] THEN RESTART T1 WARN T2 FI', changed, 'error T1 9 @5', 'error T1 9 @7')).toEqual([
      'new 5 STOP T2',
      'gone 5 WARN T2',
      'new 7 STOP T2',
      'gone 7 WARN T2',
    ])
  })

  test('another order is a difference, another value too', () => {
    expect(
      differences('IF [ FAULTY T1 ] THEN RESTART T1 STOP T2 FI', 'IF [ FAULTY T1 ] THEN STOP T2 RESTART T1 FI', 'error T1 9 @5'),
    ).toHaveLength(2)
    expect(differences('IF [ FAULTY T1 ] THEN LOG 1 FI', 'IF [ FAULTY T1 ] THEN LOG 2 FI', 'error T1 9 @5')).toEqual([
      'gone 5 LOG',
      'new 5 LOG',
    ])
  })

  test('without what is gone, and without what is new, two lists are one, whatever they are', () => {
    const action = fc.record({
      at: fc.nat(2),
      line: fc.nat(9),
      action: fc.constantFrom('STOP', 'START'),
      target: fc.constantFrom('T1', 'T2'),
    })
    const list = fc.array(action, { maxLength: 12 }).map((all) => all.sort((a, b) => a.at - b.at) as readonly ListedAction[])
    fc.assert(
      fc.property(list, list, (first, second) => {
        const found = compareActions(first, second)
        const [gone, added] = ['gone', 'new'].map((change) =>
          found.filter((each) => each.change === change).map((each) => each.action),
        )
        const kept = (all: readonly ListedAction[], but: readonly ListedAction[] = []) =>
          all.filter((each) => !but.includes(each)).map(({ at, action: name, target }) => `${at} ${name} ${target}`)
        expect(kept(first, gone)).toEqual(kept(second, added))
        expect(compareActions(first, first)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})

describe('SPEC 10, what if', () => {
  const answer = (number: number, options = {}) => whatIf(POLICY, { kind: 'task', number }, options)

  test('every branch that asks about error records of the entity reacts', () => {
    expect(answer(1).reactions).toEqual([
      { word: 'IF', line: 4, atoms: ['FAULTY T1', 'ERRN(T1) < 2'] },
      { word: 'ELIF', line: 7, atoms: ['FAULTY T1'] },
    ])
  })

  test('groups that hold it and stars react too, where the condition looks at members', () => {
    const policy = policyOf(`${SCRIPT}
IF [ FAULTY G1 OR ERRN(G1) > 1 OR PHASE(T2) == 1 ] THEN STOP T1 FI
IF [ TRANSIENT T* AND RUNNING N* ] THEN RESTART @1 FI`)
    const { reactions } = whatIf(policy, { kind: 'task', number: 2 })
    expect(reactions.map(({ line, atoms }) => [line, ...atoms])).toEqual([
      [13, 'FAULTY T2'],
      [14, 'FAULTY G1'],
      [15, 'TRANSIENT T*'],
    ])
  })

  test('what would be done is what a pass after such an error does, in the state that a history leads to', () => {
    expect(answer(1).actions).toMatchObject([{ at: 0, action: 'RESTART', target: 'T1' }])
    const before = readHistory(history('error T1 9 @5', 'end @8'))
    expect(answer(1, { history: before }).actions).toMatchObject([{ at: 8, action: 'STOP', target: 'T1' }])
  })

  test('the code is that of the error', () => {
    const policy = policyOf('IF [ ERRT(T1) == 12 ] THEN RESTART T1 FI')
    expect(whatIf(policy, { kind: 'task', number: 1 }, { code: 12 }).actions).toHaveLength(1)
    expect(whatIf(policy, { kind: 'task', number: 1 }).actions).toEqual([])
  })
})

test('SPEC 5.3: a history that is written down is read the same', () => {
  const events = [
    'status T4 waiting',
    'error T5 12 @120',
    'ok T5 3 @150',
    'phase T5 3 @180',
    'heartbeat T5 @200',
    'deadlock T1 T2 @210',
    'error N2 4 @210.5',
    'end @900',
  ].map(event)
  expect(readHistory(historyLines(events))).toEqual(events)
  expect(actions(SCRIPT, ['error T2 1 @1'])).toContain('1 RESTART T2')
})
