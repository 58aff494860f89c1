/**
 * Why, and why not (SPEC 10).
 */
import { explain, type Refusal, whyNot } from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { event, policyOf } from './dry.ts'

const SCRIPT = policyOf(`TASK 1 = "a" IS NODE 0, TASKID 1
TASK 2 = "b" IS NODE 0, TASKID 2
LOGICAL 1 = "g" IS TASK 1, 2 END
IF [ FAULTY T1 AND ERRN(T1) >= 2 ]
THEN
  STOP T1
ELIF [ FAULTY G1 OR NOT RUNNING T2 ]
THEN
  IF [ PHASE(T2) == 3 ]
  THEN
    SEND 4 T2
  ELSE
    RESTART T1
  FI
ELSE
  LOG "quiet"
FI`)

const passes = (...history: string[]) => explain(SCRIPT, history.map(event))

/** What kept a line from acting, pass by pass. */
const refusals = (line: number, ...history: string[]): string[] =>
  whyNot(SCRIPT, history.map(event), { line }).map(({ at, because, line: of, atoms }: Refusal) =>
    [
      at,
      because,
      of,
      ...atoms.map(({ condition, value }) => (value === undefined ? condition : `${condition} is ${value}`)),
    ].join(' | '),
  )

describe('SPEC 10, explain', () => {
  test('a pass has its notification, the branches it came to, their atoms and their actions', () => {
    const [pass] = passes('error T1 9 @5')
    expect(pass?.notification).toEqual({ kind: 'error', atUs: 5000, entity: { kind: 'task', number: 1 }, code: 9 })
    expect(
      pass?.branches.map(({ word, line, taken, actions }) => [word, line, taken, actions.map(({ action }) => action)]),
    ).toEqual([
      ['IF', 4, false, []],
      ['ELIF', 7, true, []],
      ['IF', 9, false, []],
      ['ELSE', 12, true, ['RESTART']],
    ])
  })

  test('each atom of a guard has its truth value, also one that decides nothing, and what it was compared with', () => {
    const [pass] = passes('phase T2 1 @5')
    expect(pass?.branches[0]?.atoms.map(({ condition, truth, value }) => [condition, truth, value])).toEqual([
      ['FAULTY T1', false, undefined],
      ['ERRN(T1) >= 2', false, '0'],
    ])
    expect(pass?.branches[1]?.atoms.map(({ condition, truth }) => [condition, truth])).toEqual([
      ['FAULTY G1', false],
      ['RUNNING T2', true],
    ])
    expect(pass?.branches[2]).toMatchObject({ word: 'ELSE', line: 15, taken: true })
  })

  test('the records behind an atom are those at the time when it was asked', () => {
    const all = passes('error T1 9 @5', 'error T1 8 @7')
    expect(all[0]?.branches[0]?.atoms[0]?.records).toEqual([{ entity: 'T1', code: 9, count: 1, open: 1, lastAt: 5 }])
    expect(all[1]?.branches[0]?.atoms[1]?.records).toEqual([
      { entity: 'T1', code: 9, count: 1, open: 0, lastAt: 5 },
      { entity: 'T1', code: 8, count: 1, open: 1, lastAt: 7 },
    ])
  })

  test('the action of a watchdog comes before the branches', () => {
    const watched = policyOf(
      'WATCHDOG 8 WATCHES TASK 1 HEARTBEATS EVERY 1 S ON ERROR RESTART END WATCHDOG IF [ FAULTY T1 ] THEN LOG 1 FI',
    )
    const [pass] = explain(watched, ['heartbeat T1', 'end @1000'].map(event))
    expect([pass?.alarms.map(({ action }) => action), pass?.branches[0]?.actions.map(({ action }) => action)]).toEqual([
      ['RESTART'],
      ['LOG'],
    ])
  })

  test('why not: the atoms that kept the guard from being true', () => {
    expect(refusals(6, 'error T1 9 @5')).toEqual(['5 | guard | 4 | ERRN(T1) >= 2 is 1'])
    expect(refusals(6, 'phase T2 1 @5')).toEqual(['5 | guard | 4 | FAULTY T1 | ERRN(T1) >= 2 is 0'])
    expect(refusals(13, 'phase T2 1 @5')).toEqual(['5 | guard | 7 | FAULTY G1 | RUNNING T2'])
  })

  test('why not: an earlier branch of the same section acted', () => {
    expect(refusals(13, 'error T1 9 @5', 'error T1 9 @6')).toEqual(['6 | earlier branch | 4 | FAULTY T1 | ERRN(T1) >= 2 is 2'])
    expect(refusals(13, 'phase T2 3', 'error T1 9 @5').at(-1)).toBe('5 | earlier branch | 9 | PHASE(T2) == 3 is 3')
  })

  test('why not: nothing for passes in which it acted, and for lines without an action', () => {
    expect(refusals(13, 'error T1 9 @5')).toEqual([])
    expect(refusals(4, 'error T1 9 @5')).toEqual([])
    expect(refusals(999, 'error T1 9 @5')).toEqual([])
  })

  test('why not: the set was empty, or the pass had been stopped', () => {
    const empty = policyOf('IF [ FAULTY T1 OR FAULTY T2 ] THEN\n RESTART @1\n FI')
    expect(whyNot(empty, ['error T2 1 @1'].map(event), { line: 2 })).toMatchObject([{ because: 'nothing to act on', line: 1 }])
    const repeating = policyOf('IF [ FAULTY T1 ] THEN SEND 1 T9 FI\nIF [ FAULTY T1 ] THEN\n LOG 1 FI')
    const history = Array.from({ length: 33 }, () => event('error T1 1 @1'))
    expect(whyNot(repeating, history, { line: 3 })).toMatchObject([{ because: 'stopped', line: 2 }])
  })

  test('why not: an action whose branch was taken after the pass had been stopped, or that stopped it itself', () => {
    const repeating = policyOf('IF [ FAULTY T1 ] THEN\n SEND 1 T9\n LOG 1 FI')
    const history = Array.from({ length: 33 }, () => event('error T1 1 @1'))
    expect(whyNot(repeating, history, { line: 3 })).toMatchObject([{ because: 'stopped', line: 1 }])
    expect(whyNot(repeating, history, { line: 2 })).toMatchObject([{ because: 'stopped', line: 1 }])
  })

  test('why not: LET has acted when it gave its variable a value, though no dry run lists it', () => {
    const setting = policyOf('IF [ FAULTY T1 ] THEN\n LET A = 7\n FI')
    expect(whyNot(setting, ['error T1 1 @1', 'phase T2 1 @2'].map(event), { line: 2 })).toEqual([])
    expect(whyNot(setting, ['error T2 1 @2'].map(event), { line: 2 })).toMatchObject([{ because: 'guard', line: 1 }])
  })

  test('why not: ERR asked for a record that is not there', () => {
    const warning = policyOf('IF [ FAULTY T1 ] THEN\n ERR 5 T1 WARN T2\n WARN T3 ( ERR 5 T1 ) FI')
    const history = ['error T1 4 @1', 'error T1 5 @2'].map(event)
    for (const line of [2, 3]) expect(whyNot(warning, history, { line })).toMatchObject([{ at: 1, because: 'no such record' }])
  })

  test('why not: of two branches in one line it is asked about the one that was taken', () => {
    const both = policyOf('IF [ FAULTY T1 ] THEN ERR 5 T1 WARN T2 ELSE ERR 5 T1 WARN T3 FI')
    expect(whyNot(both, ['error T2 4 @1'].map(event), { line: 1 })).toMatchObject([{ because: 'no such record' }])
  })

  test('why not: the line of a section that is an action of another one does nothing itself', () => {
    const nested = policyOf('IF [ FAULTY T1 ] THEN\n IF [ FAULTY T2 ] THEN\n  LOG 1\n FI FI')
    expect(whyNot(nested, ['error T1 1 @1'].map(event), { line: 2 })).toEqual([])
    expect(whyNot(nested, ['error T1 1 @1'].map(event), { line: 3 })).toMatchObject([{ because: 'guard', line: 2 }])
  })
})
