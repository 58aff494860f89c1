/**
 * What actions do (SPEC 4.2, 4.3, 11), on histories.
 */
import { compile, dryRun, type Note, readHistory } from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { actions, policyOf } from './dry.ts'

const PLANT = `DEFINE 2 = ASSISTANT
  TASK 1 = "a" IS NODE 0, TASKID 1
  TASK 2 = "b" IS NODE 0, TASKID 2
  TASK 3 = "c" IS NODE 1, TASKID 1
  LOGICAL 1 = "g" IS TASK 3, 1 END
  LOGICAL 2 = "h" IS TASK 1, 2 END`

/** What a section does when task 1 fails. */
const done = (action: string, ...history: string[]): string[] =>
  actions(`${PLANT} IF [ ERRT(T1) == 50 ] THEN ${action} FI`, [...history, 'error T1 50 @7'])

/** The sections after it, in the same pass. */
const then = (action: string, guard: string, ...history: string[]): boolean =>
  done(`${action} FI IF [ ${guard} ] THEN LOG "so"`, ...history).at(-1) === '7 LOG = so'

describe('SPEC 4.2, actions and how they are listed (SPEC 5.3, 11)', () => {
  test.each([
    ['STOP T2', 'STOP T2'],
    ['KILL T2', 'STOP T2'],
    ['STOP N0', 'STOP N0'],
    ['SHUTDOWN N0', 'SHUTDOWN N0'],
    ['ISOLATE T2', 'ISOLATE T2'],
    ['ISOLATE N0', 'ISOLATE N0'],
    ['START T2', 'START T2'],
    ['START G1', 'START G1'],
    ['RESTART T2', 'RESTART T2'],
    ['RESTART G1', 'RESTART G1'],
    ['RESTART N0', 'REBOOT N0'],
    ['REBOOT N0', 'REBOOT N0'],
    ['ENABLE T2', 'ENABLE T2'],
    ['ENABLE N0', 'ENABLE N0'],
    ['SEND 4 T2', 'SEND T2 = 4'],
    ['SEND -4 G1', 'SEND G1 = -4'],
    ['WARN T2', 'WARN T2'],
    ['WARN G1', 'WARN G1'],
    ['REMOVE 50 T1 FROM ERRORLIST', 'REMOVE T1'],
    ['REMOVE ANY T1 FROM ERRORLIST', 'REMOVE T1'],
    ['REMOVE PHASE T1 FROM ERRORLIST', 'REMOVE T1'],
    ['CLEAR T2', 'CLEAR T2'],
    ['CALL 6', 'CALL = 6'],
    ['CALL 6 (1, 2)', 'CALL = 6'],
    ['PAUSE 2', 'PAUSE = 2000'],
    ['PAUSE 1500 MS', 'PAUSE = 1500'],
    ['LOG "some text"', 'LOG = some text'],
    ['LOG 7', 'LOG = 7'],
    ['LOG A', 'LOG = 0'],
    ['LOG CLOCK', 'LOG = 7'],
  ])('%s is listed as %s', (action, listed) => {
    expect(done(action)).toEqual([`7 ${listed}`])
  })

  test('a line is what JSON.stringify prints, with the line of the first word and what is absent left out', () => {
    const compiled = compile('IF [ FAULTY T1 ]\nTHEN\n  SEND 4 T2\n  PAUSE 1\n  STOP\n  T1 FI')
    expect(dryRun(compiled, '{"at":1.5,"kind":"error","entity":"T1","code":3}').map((action) => JSON.stringify(action))).toEqual([
      '{"at":1.5,"line":3,"action":"SEND","target":"T2","value":4}',
      '{"at":1.5,"line":4,"action":"PAUSE","value":1000}',
      '{"at":1.5,"line":5,"action":"STOP","target":"T1"}',
    ])
  })

  test('action AND WARN: the warning has the line of its AND, and is left out where the action hit nothing', () => {
    const script = 'IF [ FAULTY T1 OR FAULTY T2 ] THEN\n RESTART TASK@1\n AND WARN T8 (1)\n AND WARN T9\n FI'
    const lines = (entity: string): string[] =>
      dryRun(compile(script), `{"at":1,"kind":"error","entity":"${entity}","code":3}`).map(
        ({ line, action }) => `${line} ${action}`,
      )
    expect(lines('T1')).toEqual(['2 RESTART', '3 WARN', '4 WARN'])
    expect(lines('T2')).toEqual([])
  })

  test('action AND WARN: an action that hits no entity was done all the same', () => {
    const listed = done('LET A = 3 AND WARN T2 LOG A AND WARN T3 PAUSE 2 AND WARN T2 CALL 3 AND WARN T3')
    expect(listed).toEqual(['7 WARN T2', '7 LOG = 3', '7 WARN T3', '7 PAUSE = 2000', '7 WARN T2', '7 CALL = 3', '7 WARN T3'])
  })

  test('action AND WARN tells which action hit what; a plain WARN tells of the notification; ERR of the error', () => {
    const told: unknown[] = []
    const script = 'IF [ FAULTY G1 ] THEN STOP TASK@1 AND WARN T8 (5, 6) WARN T8 WARN T8 ( ERR 50 G1 ) FI'
    actions(`${PLANT} TASK 8 = "w" IS NODE 0, TASKID 8 ${script}`, ['error T1 50'], {
      observer: { performed: ({ action, args, about }) => action === 'WARN' && told.push([about, args]) },
    })
    const entity = { kind: 'task', number: 1 }
    expect(told).toEqual([
      [{ kind: 'action', address: expect.any(Number), targets: [entity] }, [5, 6]],
      [{ kind: 'notification', notification: { kind: 'error', atUs: 0, entity, code: 50 } }, []],
      [{ kind: 'error', code: 50, entities: [{ kind: 'group', number: 1 }] }, []],
    ])
  })

  test('WARN e ( ERR v f ) and ERR v f WARN e: only if such a record is in the database, open or settled', () => {
    expect(done('WARN T2 ( ERR 50 T1 )')).toEqual(['7 WARN T2'])
    expect(done('ERR 50 T1 WARN T2 (3)')).toEqual(['7 WARN T2'])
    expect(done('ERR 51 T1 WARN T2')).toEqual([])
    expect(done('ERR 50 T2 WARN T2')).toEqual([])
    expect(done('ERR 50 G1 WARN T2')).toEqual(['7 WARN T2'])
    expect(done('ERR 50 T* WARN T2')).toEqual(['7 WARN T2'])
    const script = 'IF [ FAULTY T1 ] THEN RESTART T1 FI IF [ PHASE(T1) == 1 ] THEN ERR 3 T1 WARN T2 FI'
    expect(actions(script, ['error T1 3', 'phase T1 1 @1'])).toEqual(['0 RESTART T1', '1 WARN T2'])
  })

  test('REMOVE deletes the records of one code, ANY all of them, PHASE the phase', () => {
    expect(then('REMOVE 50 T1 FROM ERRORLIST', 'ERRN(T1) == 1 AND ERRT(T1) == 4', 'error T1 4')).toBe(true)
    expect(then('REMOVE ANY T1 FROM ERRORLIST', 'ERRN(T1) == 0 AND ERRT(T1) == 0 AND NOT FAULTY T1', 'error T1 4')).toBe(true)
    expect(then('REMOVE PHASE T1 FROM ERRORLIST', 'PHASE(T1) == 0 AND FAULTY T1', 'phase T1 4')).toBe(true)
    expect(then('REMOVE ANY G1 FROM ERRORLIST', 'NOT FAULTY G1 AND FAULTY T2', 'error G1 4', 'error T3 4', 'error T2 4')).toBe(
      true,
    )
  })

  test('WARN and REMOVE of a star are listed for each declared entity, kinds in the order task, node, group', () => {
    expect(done('WARN *')).toEqual(['T1', 'T2', 'T3', 'N0', 'N1', 'N2', 'G1', 'G2'].map((target) => `7 WARN ${target}`))
    expect(done('REMOVE ANY N* FROM ERRORLIST')).toEqual(['N0', 'N1', 'N2'].map((target) => `7 REMOVE ${target}`))
  })

  test('LET: an expression of 32-bit integers; * and / bind tighter, DIV truncates toward zero, and it is not listed', () => {
    const value = (expression: string): string[] => done(`LET B = -7 LET A = ${expression} LOG A`)
    expect(value('1 + 2 * 3')).toEqual(['7 LOG = 7'])
    expect(value('(1 PLUS 2) TIMES 3')).toEqual(['7 LOG = 9'])
    expect(value('B DIV 2')).toEqual(['7 LOG = -3'])
    expect(value('10 - 3 - 2')).toEqual(['7 LOG = 5'])
    expect(value('-B * 2')).toEqual(['7 LOG = 14'])
    expect(value('2147483647 + 1')).toEqual(['7 LOG = -2147483648'])
    expect(value('65536 * 65536 + 1')).toEqual(['7 LOG = 1'])
  })

  test('SPEC 6: a division by 0 gives 0 and a note', () => {
    const notes: Note[] = []
    const script = 'IF [ FAULTY T1 ] THEN\n LET A = 5 / B\n LOG A STOP T1 FI'
    expect(actions(script, ['error T1 1 @3'], { observer: { noted: (note) => notes.push(note) } })[0]).toBe('3 LOG = 0')
    expect(notes).toEqual([{ atUs: 3000, line: 2, text: 'a division by 0 gives 0' }])
  })
})

describe('SPEC 11, effects of actions on the database', () => {
  test.each([
    ['STOP T2', 'STOPPED T2'],
    ['STOP N0', 'STOPPED N0 AND STOPPED T1 AND STOPPED T2 AND PRESENT T3'],
    ['SHUTDOWN N0', 'STOPPED N0 AND STOPPED T2'],
    ['ISOLATE T2', 'ISOLATED T2'],
    ['ISOLATE N0', 'ISOLATED N0 AND PRESENT T2'],
    ['STOP T2 START T2', 'PRESENT T2 AND STARTED T2 AND NOT RESTARTED T2'],
    ['STOP T2 RESTART T2', 'PRESENT T2 AND STARTED T2 AND RESTARTED(T2) == 1'],
    ['STOP T2 ENABLE T2', 'PRESENT T2 AND NOT STARTED T2'],
    ['STOP N0 ENABLE N0', 'RUNNING N0 AND PRESENT T1 AND PRESENT T2 AND NOT REBOOTED N0'],
    ['STOP N0 REBOOT N0', 'RUNNING N0 AND REBOOTED N0 AND PRESENT T2 AND NOT STARTED T2 AND NOT RESTARTED T2'],
    ['RESTART G1', 'RESTARTED T1 AND RESTARTED T3 AND NOT RESTARTED T2'],
    ['STOP G1', 'STOPPED T1 AND STOPPED T3 AND PRESENT T2'],
  ])('%s, so that %s, in the same pass', (action, guard) => {
    expect(then(action, guard)).toBe(true)
  })
})

describe('SPEC 2.1 and 4.3, references', () => {
  /** What a section with this guard does when tasks 1 and 3 are faulty, and so is node 1. */
  const found = (guard: string, action: string): string[] =>
    actions(`${PLANT} IF [ PHASE(T2) == 1 ] THEN IF [ ${guard} ] THEN ${action} FI FI`, [
      'error T3 1',
      'error T1 1',
      'error N1 1',
      'phase T2 1',
    ]).map((line) => line.slice('0 WARN '.length))

  test('@: those that fulfilled the atom, ~: the rest of the same set', () => {
    expect(found('FAULTY G1', 'WARN @1')).toEqual(['T1', 'T3'])
    expect(found('FAULTY G1', 'WARN ~1')).toEqual([])
    expect(found('FAULTY G2', 'WARN @@')).toEqual(['T1'])
    expect(found('FAULTY G2', 'WARN ~~')).toEqual(['T2'])
    expect(found('FAULTY T*', 'WARN ~1')).toEqual(['T2'])
    expect(found('FAULTY T1', 'WARN @1')).toEqual(['T1'])
    expect(found('NOT FAULTY T2', 'WARN ~1')).toEqual(['T2'])
  })

  test('an atom is split by its own truth, not by that of the guard', () => {
    expect(found('NOT STOPPED G1', 'WARN @1')).toEqual([])
    expect(found('NOT STOPPED G1', 'WARN ~1')).toEqual(['T1', 'T3'])
  })

  test('the index counts atoms of the guard of the nearest branch, from 1, in the order of the text', () => {
    expect(found('FAULTY T1 AND (FAULTY T3 OR STOPPED T2)', 'WARN @2 WARN ~3')).toEqual(['T3', 'T2'])
    expect(found('ERRN(T1) > 0 AND FAULTY T3', 'WARN @2')).toEqual(['T3'])
    expect(found('FAULTY T1', 'IF [ FAULTY T3 ] THEN WARN @1 FI WARN @1')).toEqual(['T3', 'T1'])
    expect(found('STOPPED T1', 'WARN T2 ELIF [ FAULTY T3 ] THEN WARN @1')).toEqual(['T3'])
    expect(found('STOPPED G1', 'WARN T2 ELSE WARN ~1')).toEqual(['T1', 'T3'])
  })

  test('sets are listed in number order, kinds in the order task, node, group, and filtered by kind', () => {
    expect(found('FAULTY *', 'WARN @1')).toEqual(['T1', 'T3', 'N1', 'G1', 'G2'])
    expect(found('FAULTY *', 'WARN TASK@1')).toEqual(['T1', 'T3'])
    expect(found('FAULTY *', 'WARN NODE@')).toEqual(['N1'])
    expect(found('FAULTY *', 'WARN GROUP~1')).toEqual([])
    expect(found('FAULTY *', 'WARN NODE~1')).toEqual(['N0', 'N2'])
    expect(found('FAULTY G1', 'WARN GROUP@1')).toEqual([])
  })

  test('$: the entity of the atom, converted to its node, its groups, or the nodes that host its members', () => {
    expect(found('FAULTY T1', 'WARN T$1')).toEqual(['T1'])
    expect(found('FAULTY T1', 'WARN N$1')).toEqual(['N0'])
    expect(found('FAULTY T1', 'WARN G$$')).toEqual(['G1', 'G2'])
    expect(found('FAULTY G1', 'WARN G$1')).toEqual(['G1'])
    expect(found('FAULTY G1', 'WARN NODE$1')).toEqual(['N0', 'N1'])
    expect(found('ERRN(T3) > 0 AND FAULTY T1', 'WARN N$1')).toEqual(['N1'])
    expect(found('PHASE(T2) == 1', 'WARN T$1')).toEqual(['T2'])
  })

  test('an empty set performs nothing', () => {
    expect(found('STOPPED G1 OR FAULTY T1', 'RESTART @1')).toEqual([])
  })

  test('an action passes over what it does not apply to, and says so', () => {
    const notes: string[] = []
    const script = `${PLANT} IF [ FAULTY * ] THEN START @1 FI`
    const performed = actions(script, ['error N1 1', 'error T1 1'], { observer: { noted: ({ text }) => notes.push(text) } })
    expect(performed).toEqual(['0 START T1', '0 START G1', '0 START G2'])
    expect(notes).toContain('START does not apply to N1, which is passed over')
  })

  test('the result sets are those of the test, whatever the actions have done since', () => {
    expect(found('FAULTY G1', 'REMOVE ANY T1 FROM ERRORLIST WARN @1').slice(1)).toEqual(['T1', 'T3'])
  })
})

test('a script with errors is not run', () => {
  expect(() => dryRun(compile('IF'), '')).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
  expect(dryRun(policyOf('IF [ FAULTY T1 ] THEN STOP T1 FI'), readHistory(''))).toEqual([])
})
