/**
 * What guards ask (SPEC 4.1, 11), on histories.
 */
import { describe, expect, test } from 'vitest'
import { actions, isTrue } from './dry.ts'

/** Two tasks on node 0, one on node 1; group 1 holds tasks 1 and 2. */
const PLANT = `DEFINE 0 = MANAGER
  TASK 1 = "a" IS NODE 0, TASKID 1
  TASK 2 = "b" IS NODE 0, TASKID 2
  TASK 3 = "c" IS NODE 1, TASKID 1
  TASK 99 = "other" IS NODE 0, TASKID 99
  LOGICAL 1 = "g" IS TASK 1, 2 END
  LOGICAL 2 = "h" IS TASK 3 END`

const holds = (guard: string, ...history: string[]): boolean => isTrue(guard, history, PLANT)

/** The guard once an action has been performed, by a section that acts on the code 50 of task 99. */
function holdsAfter(action: string, guard: string, ...history: string[]): boolean {
  const script = `${PLANT} IF [ ERRT(T99) == 50 ] THEN ${action} REMOVE ANY T99 FROM ERRORLIST FI IF [ ${guard} ] THEN LOG 1 ELSE LOG 0 FI`
  return actions(script, [...history, 'error T99 50 @900', 'phase T99 0 @901']).at(-1) === '901 LOG = 1'
}

describe('SPEC 4.1, conditions', () => {
  test('FAULTY: an open error record about it is in the database', () => {
    expect(holds('FAULTY T1')).toBe(false)
    expect(holds('FAULTY T1', 'error T1 4')).toBe(true)
    expect(holds('FAULTY N1', 'error N1 4')).toBe(true)
    expect(holds('FAULTY N0', 'error T1 4')).toBe(false)
    expect(holdsAfter('RESTART T1', 'FAULTY T1', 'error T1 4')).toBe(false)
  })

  test('FAULTY of a group: about it or any member', () => {
    expect(holds('FAULTY G1', 'error G1 4')).toBe(true)
    expect(holds('FAULTY G1', 'error T2 4')).toBe(true)
    expect(holds('FAULTY G1', 'error T3 4')).toBe(false)
  })

  test('PRESENT: its status is running; of a group, some member is', () => {
    expect(holds('PRESENT T1')).toBe(true)
    expect(holds('PRESENT T1', 'error T1 4')).toBe(true)
    expect(holds('PRESENT T1', 'status T1 waiting')).toBe(false)
    expect(holds('PRESENT G1', 'status T1 stopped')).toBe(true)
    expect(holds('PRESENT G1', 'status T1 stopped', 'status T2 isolated')).toBe(false)
  })

  test('RUNNING: present, of a node up, and not FAULTY', () => {
    expect(holds('RUNNING T1')).toBe(true)
    expect(holds('RUNNING T1', 'error T1 4')).toBe(false)
    expect(holds('RUNNING T1', 'status T1 stopped')).toBe(false)
    expect(holds('RUNNING N1')).toBe(true)
    expect(holds('RUNNING N1', 'status N1 down')).toBe(false)
    expect(holds('RUNNING N1', 'error N1 4')).toBe(false)
  })

  test('RUNNING of a group needs one running member and a group that is not FAULTY', () => {
    expect(holds('RUNNING G1', 'status T1 stopped')).toBe(true)
    expect(holds('RUNNING G1', 'status T1 stopped', 'error T1 4')).toBe(false)
    expect(holds('RUNNING G1', 'status T1 stopped', 'status T2 stopped')).toBe(false)
  })

  test('STARTED latches with the first START or RESTART; of a group, one member is enough', () => {
    expect(holds('STARTED T1')).toBe(false)
    expect(holdsAfter('START T1', 'STARTED T1', 'status T1 waiting')).toBe(true)
    expect(holdsAfter('RESTART T1 STOP T1', 'STARTED T1')).toBe(true)
    expect(holdsAfter('ENABLE T1', 'STARTED T1', 'status T1 waiting')).toBe(false)
    expect(holdsAfter('START T2', 'STARTED G1')).toBe(true)
    expect(holdsAfter('START T3', 'STARTED G1')).toBe(false)
  })

  test('RESTARTED: at least once; with a comparison the count, of a group the largest among its members', () => {
    expect(holds('RESTARTED T1')).toBe(false)
    expect(holdsAfter('START T1', 'RESTARTED T1')).toBe(false)
    expect(holdsAfter('RESTART T1', 'RESTARTED T1')).toBe(true)
    expect(holdsAfter('RESTART T1 RESTART T1', 'RESTARTED(T1) == 2')).toBe(true)
    expect(holdsAfter('RESTART T1 RESTART T1 RESTART T2', 'RESTARTED(G1) == 2')).toBe(true)
    expect(holdsAfter('RESTART T2', 'RESTARTED G1')).toBe(true)
  })

  test('REBOOTED: at least once', () => {
    expect(holds('REBOOTED N1', 'status N1 down', 'status N1 up')).toBe(false)
    expect(holdsAfter('REBOOT N1', 'REBOOTED N1')).toBe(true)
    expect(holdsAfter('RESTART N1', 'REBOOTED N1')).toBe(true)
  })

  test('STOPPED and KILLED: stopped, by an action or as reported; of a group all members', () => {
    for (const word of ['STOPPED', 'KILLED', '-k']) expect(holdsAfter('STOP T1', `${word} T1`)).toBe(true)
    expect(holds('STOPPED T1', 'status T1 stopped')).toBe(true)
    expect(holds('STOPPED T1', 'status T1 isolated')).toBe(false)
    expect(holdsAfter('SHUTDOWN N1', 'STOPPED N1 AND STOPPED T3')).toBe(true)
    expect(holds('STOPPED G1', 'status T1 stopped')).toBe(false)
    expect(holdsAfter('STOP G1', 'STOPPED G1 AND STOPPED T1 AND STOPPED T2')).toBe(true)
  })

  test('ISOLATED: cut off; of a group all members; the tasks of an isolated node keep their state', () => {
    expect(holdsAfter('ISOLATE T1', 'ISOLATED T1')).toBe(true)
    expect(holdsAfter('ISOLATE T1', 'ISOLATED G1')).toBe(false)
    expect(holdsAfter('ISOLATE G1', 'ISOLATED G1')).toBe(true)
    expect(holdsAfter('ISOLATE N1', 'ISOLATED N1 AND PRESENT T3')).toBe(true)
  })

  test('TRANSIENT: FAULTY and the alpha-count below the threshold', () => {
    const filter = 'ALPHACOUNT 1 IS THRESHOLD = 2.0, FACTOR = 0.5 END'
    expect(isTrue('TRANSIENT T1', [], filter)).toBe(false)
    expect(isTrue('TRANSIENT T1', ['error T1 1'], filter)).toBe(true)
    expect(isTrue('TRANSIENT T1', ['error T1 1', 'error T1 1'], filter)).toBe(false)
  })

  test('FIRED: the watchdog fired and has not been cleared since', () => {
    const watchdog = 'WATCHDOG 8 WATCHES TASK 1 HEARTBEATS EVERY 10 MS END WATCHDOG'
    expect(isTrue('FIRED T8', ['heartbeat T1 @0', 'phase T1 1 @9'], watchdog)).toBe(false)
    expect(isTrue('FIRED T8', ['heartbeat T1 @0', 'phase T1 1 @10'], watchdog)).toBe(true)
    expect(isTrue('FIRED T1', ['heartbeat T1 @0', 'phase T1 1 @10'], watchdog)).toBe(false)
    const script = `${watchdog} IF [ FIRED T8 ] THEN CLEAR T8 LOG 1 FI`
    expect(actions(script, ['heartbeat T1 @0', 'phase T1 1 @10', 'phase T1 2 @11'])).toEqual(['10 CLEAR T8', '10 LOG = 1'])
  })

  test('REINTEGRATED: a node that was down is reported up', () => {
    expect(holds('REINTEGRATED N1', 'status N1 up')).toBe(false)
    expect(holds('REINTEGRATED N1', 'status N1 isolated', 'status N1 up')).toBe(false)
    expect(holds('REINTEGRATED N1', 'status N1 down', 'status N1 up')).toBe(true)
    expect(holdsAfter('SHUTDOWN N1 ENABLE N1', 'REINTEGRATED N1')).toBe(false)
  })

  test('DEADLOCKED: reported for the two, until any later notification of either (SPEC 11)', () => {
    expect(holds('DEADLOCKED T1 T2')).toBe(false)
    expect(holds('DEADLOCKED T1 T2', 'deadlock T1 T2')).toBe(true)
    expect(holds('DEADLOCKED T2 T1', 'deadlock T1 T2')).toBe(true)
    expect(holds('DEADLOCKED T1 T3', 'deadlock T1 T2')).toBe(false)
    expect(holds('DEADLOCKED T1 T2', 'deadlock T1 T2', 'ok T3')).toBe(true)
    expect(holds('DEADLOCKED T1 T2', 'deadlock T1 T2', 'ok T2')).toBe(false)
    expect(holds('DEADLOCKED T1 T2', 'deadlock T1 T2', 'heartbeat T1')).toBe(false)
    expect(actions('IF [ DEADLOCKED T1 T2 ] THEN RESTART T2 FI', ['deadlock T1 T2 @5'])).toEqual(['5 RESTART T2'])
  })

  test('ERRN: the number of records, open and settled; of a group those about itself', () => {
    expect(holds('ERRN(T1) == 0')).toBe(true)
    expect(holds('ERRN(T1) == 3', 'error T1 4', 'error T1 5', 'error T1 4')).toBe(true)
    expect(holdsAfter('RESTART T1', 'ERRN(T1) == 1', 'error T1 4')).toBe(true)
    expect(holds('ERRN(G1) == 1', 'error G1 4', 'error T1 4')).toBe(true)
  })

  test('ERRT: the code of the latest record, 0 if none', () => {
    expect(holds('ERRT(T1) == 0')).toBe(true)
    expect(holds('ERRT(T1) == 7', 'error T1 4', 'error T1 7')).toBe(true)
    expect(holds('ERRT(G1) == 0', 'error T1 7')).toBe(true)
    expect(holdsAfter('REMOVE 7 T1 FROM ERRORLIST', 'ERRT(T1) == 4', 'error T1 4', 'error T1 7')).toBe(true)
  })

  test('PHASE: the last value that the task declared, 0 if none', () => {
    expect(holds('PHASE(T1) == 0')).toBe(true)
    expect(holds('PHASE(T1) == 6', 'phase T1 3', 'phase T1 6')).toBe(true)
    expect(holds('PHASE(T1) < 0', 'phase T1 -2')).toBe(true)
  })

  test('ALPHA: the current alpha-count, compared in thousandths', () => {
    const filter = 'ALPHACOUNT 1 IS THRESHOLD = 3.0, FACTOR = 0.3 END'
    expect(isTrue('ALPHA(T1) == 1.3', ['error T1 1', 'ok T1', 'error T1 1'], filter)).toBe(true)
    expect(isTrue('ALPHA(T1) == 0.3', ['error T1 1', 'ok T1'], filter)).toBe(true)
  })

  test('ELAPSED: the time since the latest record; false if none', () => {
    expect(holds('ELAPSED(T1) >= 0 MS')).toBe(false)
    expect(holds('ELAPSED(T1) != 5 MS')).toBe(false)
    expect(holds('ELAPSED(T1) == 30 MS', 'error T1 4 @10', 'ok T1 @40')).toBe(true)
    expect(holds('ELAPSED(T1) < 1 S', 'error T1 4 @0', 'ok T1 @1000')).toBe(false)
    expect(holds('ELAPSED(G1) >= 0 S', 'error T1 4')).toBe(false)
  })

  test('VAL: the value of a variable, 0 at start, kept between passes', () => {
    const script = 'IF [ VAL(A) < 2 ] THEN LET A = A + 1 FI IF [ VAL(A) == 2 ] THEN LOG A FI'
    expect(actions(script, ['phase T1 1 @1', 'phase T1 1 @2', 'phase T1 1 @3'])).toEqual(['2 LOG = 2', '3 LOG = 2'])
  })

  test.each([
    ['==', [false, true, false]],
    ['!=', [true, false, true]],
    ['>', [false, false, true]],
    ['>=', [false, true, true]],
    ['<', [true, false, false]],
    ['<=', [true, true, false]],
  ])('the queried value stands to the left of %s', (comparison, expected) => {
    expect([1, 2, 3].map((value) => holds(`PHASE(T1) ${comparison} 2`, `phase T1 ${value}`))).toEqual(expected)
  })

  test.each([
    ['T1 AND T2', false],
    ['T1 OR T2', true],
    ['NOT T2', true],
    ['NOT T1', false],
    ['NOT (T1 AND T2)', true],
    ['T1 AND (T2 OR NOT T2)', true],
    ['T2 OR (T1 AND NOT T2)', true],
    ['NOT T1 OR NOT T2', true],
  ])('logic: %s', (guard, expected) => {
    expect(holds(guard.replace(/T/g, 'FAULTY T').replace(/NOFAULTY T/g, 'NOT'), 'error T1 4')).toBe(expected)
  })

  test('a number that names no entity known at run time makes its atom false', () => {
    const atoms = ['RUNNING T5', 'PRESENT T5', 'FAULTY T5', 'STOPPED G5', 'RUNNING N5', 'ERRN(T5) == 0', 'PHASE(T5) == 0']
    for (const atom of [...atoms, 'ERRT(N5) != 3', 'RESTARTED(T5) < 9', 'ALPHA(T5) < 9.0']) {
      expect(isTrue(atom, []), atom).toBe(false)
      expect(isTrue(`NOT ${atom}`, []), atom).toBe(true)
    }
    expect(isTrue('RUNNING T5', ['ok T5'])).toBe(true)
    expect(isTrue('RUNNING N5', ['status N5 up'])).toBe(true)
    expect(isTrue('RUNNING N5', [], 'NPROCS = 6')).toBe(true)
  })
})

describe('SPEC 2.1 and 11, stars', () => {
  test('a star atom is true when at least one entity of the kind makes it true', () => {
    expect(holds('FAULTY T*')).toBe(false)
    expect(holds('FAULTY T*', 'error T3 1')).toBe(true)
    expect(holds('FAULTY T*', 'error N1 1', 'error G1 1')).toBe(false)
    expect(holds('FAULTY N*', 'error N1 1')).toBe(true)
    expect(holds('FAULTY G*', 'error T3 1')).toBe(true)
    expect(holds('FAULTY *', 'error N1 1')).toBe(true)
    expect(holds('STOPPED T*', 'status T2 stopped')).toBe(true)
  })

  test('it ranges over declared tasks, nodes with a role or a declared task, and declared groups', () => {
    expect(holds('FAULTY T*', 'error T7 1')).toBe(false)
    expect(holds('FAULTY N*', 'error N7 1')).toBe(false)
    expect(holds('FAULTY G*', 'error G7 1')).toBe(false)
    expect(isTrue('FAULTY N*', ['error N4 1'], 'DEFINE 4 = ASSISTANT')).toBe(true)
  })

  test('SPEC 8: the numbers of watchdogs and blocks count as declared tasks, those of stabilizers and barriers do not', () => {
    const blocks = `TASK 1 = "a" IS NODE 0, TASKID 1 WATCHDOG 8 WATCHES TASK 1 HEARTBEATS EVERY 10 MS END WATCHDOG
      RETRY-BLOCK TASK 9 ATTEMPTS 3 ACCEPTANCE TEST "a" END RETRY-BLOCK STABILIZER 5 COPIES 3 CYCLES 5 END STABILIZER`
    expect(isTrue('FIRED T*', ['heartbeat T1 @0', 'phase T1 1 @10'], blocks)).toBe(true)
    expect(isTrue('FAULTY T*', ['error T9 1'], blocks)).toBe(true)
    expect(isTrue('FAULTY T*', ['error T5 1'], blocks)).toBe(false)
    const watched = `${blocks} IF [ FIRED T* ] THEN CLEAR @1 WARN ~1 FI`
    expect(actions(watched, ['heartbeat T1 @0', 'end @10'])).toEqual(['10 CLEAR T8', '10 WARN T1', '10 WARN T9'])
  })

  test('in a script without declarations it ranges over those ever notified', () => {
    expect(isTrue('FAULTY T*', ['error T7 1'])).toBe(true)
    expect(isTrue('FAULTY N*', ['error N7 1'])).toBe(true)
    expect(isTrue('FAULTY G*', ['error G7 1'])).toBe(true)
    expect(isTrue('STOPPED T*', ['status T4 stopped', 'error T5 1'])).toBe(true)
  })
})

describe('SPEC 11, without a filter', () => {
  test('every open fault counts as TRANSIENT', () => {
    expect(isTrue('TRANSIENT T1', Array<string>(9).fill('error T1 1'))).toBe(true)
    expect(isTrue('TRANSIENT T1', ['ok T1'])).toBe(false)
  })

  test('ALPHA counts errors', () => {
    expect(isTrue('ALPHA(T1) == 2.0', ['error T1 1', 'ok T1', 'error T1 1', 'ok T1'])).toBe(true)
  })
})
