import { describe, expect, test } from 'vitest'
import { compile } from '../../../src/mechanisms/ariel/ariel.ts'
import { listing, OPCODES } from '../../../src/support/backbone/rcode.ts'
import { action, codes, examples, found, guard, includeExample, instructions, rcodeOf } from './translate.ts'

const inGuard = (text: string): string[] => found(`IF [ ${text} ] THEN STOP T1 FI`)
const inAction = (text: string): string[] => found(`${BEFORE}${text} FI`)

/** What stands before the action that is tried, and the column of its first word. */
const BEFORE = 'IF [ FAULTY T1 AND ERRN(T2) > 0 ] THEN RESTART T1 '
const AT = BEFORE.length + 1

describe('SPEC 4.1, conditions', () => {
  test.each([
    ['FAULTY', 'FAULTY'],
    ['-f', 'FAULTY'],
    ['RUNNING', 'RUNNING'],
    ['PRESENT', 'PRESENT'],
    ['-p', 'PRESENT'],
    ['STARTED', 'STARTED'],
    ['RESTARTED', 'RESTARTED'],
    ['-r', 'RESTARTED'],
    ['STOPPED', 'KILLED'],
    ['KILLED', 'KILLED'],
    ['-k', 'KILLED'],
    ['ISOLATED', 'ISOLATED'],
    ['-i', 'ISOLATED'],
    ['TRANSIENT', 'TRANSIENT'],
    ['-t', 'TRANSIENT'],
    ['FIRED', 'FIRED'],
  ])('%s of a task is the test %s', (status, opcode) => {
    expect(guard(`${status} T4`)).toEqual(['PUSH 0 -1', `${opcode} 18 4`])
  })

  test.each([
    ['REBOOTED', 'REBOOTED'],
    ['REINTEGRATED', 'REINTEGRATED'],
    ['-rei', 'REINTEGRATED'],
  ])('%s of a node is the test %s', (status, opcode) => {
    expect(guard(`${status} N4`)).toEqual(['PUSH 0 -1', `${opcode} 20 4`])
  })

  test.each([
    ['PRESENT N1', 'A020'],
    ['STARTED N1', 'A020'],
    ['RESTARTED N1', 'A020'],
    ['RESTARTED(N1) > 2', 'A020'],
    ['REBOOTED T1', 'A020'],
    ['REBOOTED G1', 'A020'],
    ['TRANSIENT G1', 'A020'],
    ['FIRED N1', 'A020'],
    ['FIRED G1', 'A020'],
    ['REINTEGRATED T1', 'A020'],
    ['PHASE(N1) == 1', 'A020'],
    ['PHASE(G1) == 1', 'A020'],
    ['ALPHA(G1) > 1', 'A020'],
    ['DEADLOCKED N1 T2', 'A020'],
    ['PRESENT *', 'A021'],
    ['ERRN(*) > 1', 'A021'],
    ['ERRT(T*) > 1', 'A021'],
    ['PHASE(T*) > 1', 'A021'],
    ['ELAPSED(N*) > 1 S', 'A021'],
  ])('%s does not apply, and is %s at the entity', (text, code) => {
    const at = 6 + text.search(/[TNG*][0-9*]|\*/)
    expect(inGuard(text)).toEqual([`${code} 1:${at}`])
  })

  test.each(['FAULTY *', 'FAULTY G*', 'RUNNING N*', 'STOPPED *', 'ISOLATED T*', 'PRESENT T*'])('%s may have a star', (text) => {
    expect(inGuard(text)).toEqual([])
  })

  test.each([
    ['ERRN(T4) == 1', ['STRERRN 18 4', 'COMPARE 1 1']],
    ['ERRT(N4) != -1', ['STRERRT 20 4', 'COMPARE 2 -1']],
    ['PHASE(T4) > {FIVE}', ['STRPHASE 4 -1', 'COMPARE 3 5']],
    ['RESTARTED(G4) >= 2', ['STRRESTARTS 17 4', 'COMPARE 4 2']],
    ['ALPHA(T4) < 1.5', ['STRALPHA 18 4', 'COMPARE 5 1500']],
    ['ELAPSED(T4) <= 5 S', ['STRELAPSED 18 4', 'COMPARE 6 5000']],
    ['ELAPSED(T4) <= 40 MS', ['STRELAPSED 18 4', 'COMPARE 6 40']],
    ['VAL(C) == 3', ['STRVAL 2 -1', 'COMPARE 1 3']],
    ['DEADLOCKED T1 T2', ['DEADLOCKED 1 2']],
  ])('%s', (text, expected) => {
    expect(guard(text)).toEqual(expected)
  })

  test('ELAPSED needs a unit', () => {
    expect(inGuard('ELAPSED(T4) <= 5')).toEqual(['A004 1:23'])
  })

  test('NOT binds tightest, and parentheses group', () => {
    expect(guard('NOT FAULTY T1 AND FAULTY T2')).toEqual([
      'PUSH 0 -1',
      'FAULTY 18 1',
      'NOT -1 -1',
      'PUSH 1 -1',
      'FAULTY 18 2',
      'AND -1 -1',
    ])
    expect(guard('NOT (FAULTY T1 OR FAULTY T2)')).toEqual([
      'PUSH 0 -1',
      'FAULTY 18 1',
      'PUSH 1 -1',
      'FAULTY 18 2',
      'OR -1 -1',
      'NOT -1 -1',
    ])
  })

  test('A024: AND and OR at one level, at the second kind of operator', () => {
    expect(inGuard('FAULTY T1 AND FAULTY T2 OR FAULTY T3')).toEqual(['A024 1:30'])
    expect(inGuard('FAULTY T1 AND FAULTY T2 OR FAULTY T3 OR FAULTY T4')).toEqual(['A024 1:30'])
    expect(inGuard('FAULTY T1 OR (FAULTY T2 AND FAULTY T3)')).toEqual([])
  })
})

describe('SPEC 4.2, actions', () => {
  test.each([
    ['STOP T4', ['KILL 18 4']],
    ['KILL N4', ['KILL 20 4']],
    ['SHUTDOWN N4', ['SHUTDOWN 20 4']],
    ['ISOLATE T4', ['ISOLATE 18 4']],
    ['START G4', ['START 17 4']],
    ['RESTART T4', ['RESTART 18 4']],
    ['RESTART N4', ['REBOOT 20 4']],
    ['RESTART NODE$1', ['REBOOT 68 -2']],
    ['REBOOT N4', ['REBOOT 20 4']],
    ['ENABLE T4', ['ENABLE 18 4']],
    ['SEND {NINE} G4', ['PUSH 9 -1', 'SEND 17 4']],
    ['WARN T4', ['TELL 18 4']],
    ['WARN T*', ['TELL 34 0']],
    ['WARN T4 ( ERR 7 N2 )', ['PUSH 0 -1', 'PUSH 7 -1', 'CHKERR 20 2', 'PUSH 9 -1', 'WARN 18 4']],
    ['ERR 7 N2 WARN T4', ['PUSH 0 -1', 'PUSH 7 -1', 'CHKERR 20 2', 'PUSH 9 -1', 'WARN 18 4']],
    ['ERR 7 N2 WARN T4 (1, 2)', ['PUSH 2 -1', 'PUSH 1 -1', 'PUSH 2 -1', 'PUSH 7 -1', 'CHKERR 20 2', 'PUSH 11 -1', 'WARN 18 4']],
    ['STOP T4 AND WARN T5', ['KILL 18 4', 'PUSH 0 -1', 'PUSH 7 -1', 'ANDWARN 18 5']],
    ['STOP T4 AND WARN T5 (7)', ['KILL 18 4', 'PUSH 7 -1', 'PUSH 1 -1', 'PUSH 7 -1', 'ANDWARN 18 5']],
    ['LET A = 1 AND WARN T5', ['PUSH 1 -1', 'SET 0 -1', 'PUSH 0 -1', 'PUSH 8 -1', 'ANDWARN 18 5']],
    ['LOG A AND WARN T5 (7)', ['LOGV 0 -1', 'PUSH 7 -1', 'PUSH 1 -1', 'PUSH 7 -1', 'ANDWARN 18 5']],
    ['PAUSE 2 AND WARN T5', ['PAUSE 2 -1', 'PUSH 0 -1', 'PUSH 7 -1', 'ANDWARN 18 5']],
    ['REMOVE 3 T4 FROM ERRORLIST', ['PUSH 3 -1', 'REMOVE 18 4']],
    ['REMOVE ANY * FROM ERRORL', ['REMOVE_ALL 40 0']],
    ['REMOVE PHASE T4 FROM ERRORLIST', ['REMOVE_PHASE 18 4']],
    ['CLEAR T4', ['CLEAR 18 4']],
    ['CALL 3', ['PUSH 0 -1', 'CALL 3 -1']],
    ['CALL 3 (21, -1)', ['PUSH -1 -1', 'PUSH 21 -1', 'PUSH 2 -1', 'CALL 3 -1']],
    ['LET A = 1', ['PUSH 1 -1', 'SET 0 -1']],
    ['LOG "a" LOG "a"', ['LOGS 0 -1', 'LOGS 1 -1']],
    ['LOG 7', ['LOGI 7 -1']],
    ['LOG {LOW}', ['LOGI -3 -1']],
    ['LOG A', ['LOGV 0 -1']],
    ['LOG CLOCK', ['LOGC -1 -1']],
  ])('%s', (text, expected) => {
    expect(action(text)).toEqual(expected)
  })

  test.each([
    ['START N1', 'A020'],
    ['REBOOT T1', 'A020'],
    ['REBOOT G1', 'A020'],
    ['SHUTDOWN T1', 'A020'],
    ['CLEAR N1', 'A020'],
    ['SEND 1 N1', 'A020'],
    ['REBOOT @1', 'A020'],
    ['START NODE$1', 'A020'],
    ['STOP *', 'A021'],
    ['RESTART T*', 'A021'],
    ['SEND 1 G*', 'A021'],
    ['ISOLATE N*', 'A021'],
  ])('%s is %s at the entity', (text, code) => {
    expect(inAction(text)).toEqual([`${code} 1:${AT + text.search(/(?:[TNG]|NODE)?[@*$0-9]*$/)}`])
  })

  test('a section may be an action', () => {
    const nested = instructions('IF [ FAULTY T1 ] THEN IF [ FIRED T2 ] THEN STOP T2 FI FI')
    expect(nested).toEqual([
      'INC_NEST -1 -1',
      'PUSH 0 -1',
      'FAULTY 18 1',
      'FALSE 8 -1',
      'INC_NEST -1 -1',
      'PUSH 0 -1',
      'FIRED 18 2',
      'FALSE 2 -1',
      'KILL 18 2',
      'DEC_NEST -1 -1',
      'OANEW 1 -1',
      'DEC_NEST -1 -1',
      'OANEW 1 -1',
      'STOP -1 -1',
    ])
  })
})

describe('SPEC 11, expressions', () => {
  test.each([
    ['1 + 2 * 3', ['PUSH 1 -1', 'PUSH 2 -1', 'PUSH 3 -1', 'MULTIPLY -1 -1', 'ADD -1 -1']],
    ['(1 + 2) * 3', ['PUSH 1 -1', 'PUSH 2 -1', 'ADD -1 -1', 'PUSH 3 -1', 'MULTIPLY -1 -1']],
    ['7 - 2 - 1', ['PUSH 7 -1', 'PUSH 2 -1', 'SUBTRACT -1 -1', 'PUSH 1 -1', 'SUBTRACT -1 -1']],
    ['8 / 2 / 2', ['PUSH 8 -1', 'PUSH 2 -1', 'DIVIDE -1 -1', 'PUSH 2 -1', 'DIVIDE -1 -1']],
    ['-A * 2', ['GET 0 -1', 'COMPLEMENT -1 -1', 'PUSH 2 -1', 'MULTIPLY -1 -1']],
    ['-2147483648', ['PUSH -2147483648 -1']],
  ])('%s', (text, expected) => {
    expect(action(`LET B = ${text}`)).toEqual([...expected, 'SET 1 -1'])
  })
})

describe('SPEC 4.3, back references', () => {
  test('A023: in guards, and outside sections', () => {
    expect(inGuard('FAULTY T$1')).toEqual(['A023 1:14'])
    expect(inGuard('FAULTY @1')).toEqual(['A023 1:13'])
    expect(found('BARRIER 1 GROUP @1 END BARRIER')).toEqual(['A023 1:17'])
  })

  test('A022: an index beyond the atoms of the guard', () => {
    expect(inAction('STOP T$3')).toEqual([`A022 1:${AT + 6}`])
    expect(inAction('STOP TASK@3')).toEqual([`A022 1:${AT + 9}`])
    expect(inAction('STOP ~0')).toEqual([`A022 1:${AT + 5}`])
  })

  test('A022: @ and ~ need a status atom', () => {
    expect(inAction('STOP @2')).toEqual([`A022 1:${AT + 5}`])
    expect(inAction('STOP T$2')).toEqual([])
  })

  test('A022: $ needs a plain entity', () => {
    expect(found('IF [ FAULTY T* ] THEN STOP T$1 FI')).toEqual(['A022 1:29'])
    expect(found('IF [ VAL(A) > 1 ] THEN STOP T$1 FI')).toEqual(['A022 1:30'])
  })

  test('the index counts atoms from left to right, whatever their parentheses', () => {
    expect(instructions('IF [ FAULTY T1 AND (FAULTY T2 OR NOT FAULTY T3) ] THEN STOP T$3 FI')).toContain('KILL 66 -6')
  })

  test('the guard is that of the nearest branch, in ELSE that of the IF or ELIF before it', () => {
    const script =
      'IF [ FAULTY T1 ] THEN IF [ FIRED T2 ] THEN STOP T$1 ELSE STOP T$1 FI ENABLE T$1 ELIF [ FIRED T3 ] THEN STOP T$1 ELSE STOP T$1 FI'
    expect(instructions(script).filter((line) => /^(KILL|ENABLE)/.test(line))).toEqual([
      'KILL 66 -6',
      'KILL 66 -6',
      'ENABLE 66 -2',
      'KILL 66 -17',
      'KILL 66 -17',
    ])
  })
})

describe('SPEC 6, r-code', () => {
  test('the example of the specification', () => {
    const { code } = rcodeOf('INCLUDE "x" IF [ FAULTY T2 AND ERRN(T2) >= 3 ] THEN STOP T2 SEND 9 T{SPARE} ELSE RESTART T2 FI', {
      include: () => '#define SPARE 4',
    })
    expect(code).toEqual([
      [6, -1, -1],
      [12, 0, -1],
      [21, 18, 2],
      [24, 18, 2],
      [26, 4, 3],
      [3, -1, -1],
      [10, 5, -1],
      [27, 18, 2],
      [12, 9, -1],
      [37, 18, 4],
      [11, 2, -1],
      [31, 18, 2],
      [7, -1, -1],
      [14, 2, -1],
      [0, -1, -1],
    ])
  })

  test('ELIF begins with GOTO the end and OANEW of the atoms before, and FALSE leads behind that GOTO', () => {
    expect(instructions('IF [ FAULTY T1 AND FIRED T1 ] THEN STOP T1 ELIF [ FAULTY T2 ] THEN STOP T2 FI')).toEqual([
      'INC_NEST -1 -1',
      'PUSH 0 -1',
      'FAULTY 18 1',
      'PUSH 1 -1',
      'FIRED 18 1',
      'AND -1 -1',
      'FALSE 3 -1',
      'KILL 18 1',
      'GOTO 6 -1',
      'OANEW 2 -1',
      'PUSH 0 -1',
      'FAULTY 18 2',
      'FALSE 2 -1',
      'KILL 18 2',
      'DEC_NEST -1 -1',
      'OANEW 1 -1',
      'STOP -1 -1',
    ])
  })

  test('every instruction has the line of its words, actions that of their first', () => {
    const { lines } = rcodeOf('IF [ FAULTY T1\nAND FIRED T2 ]\nTHEN\nSTOP\nT1\nAND WARN T2\nELSE\nSTOP T2\nFI')
    expect(lines).toEqual([1, 1, 1, 2, 2, 2, 3, 4, 6, 6, 6, 7, 8, 9, 9, 9])
  })

  test('the JSON form has four keys in this order', () => {
    expect(Object.keys(rcodeOf('DA = STOP'))).toEqual(['rcode', 'code', 'lines', 'strings'])
  })

  test.each(examples())('$name compiles without a finding to its listing', async ({ name, text }) => {
    const compiled = compile(text, { include: includeExample })
    expect(compiled.diagnostics).toEqual([])
    await expect(compiled.ok && listing(compiled.rcode)).toMatchFileSnapshot(`listings/${name}.txt`)
  })

  test('every opcode of the table is written for some script', () => {
    const everything = examples().find(({ name }) => name === '09-every-opcode') as { text: string }
    const written = new Set(rcodeOf(everything.text).code.map(([opcode]) => opcode))
    const missing = Object.entries(OPCODES).filter(([, opcode]) => !written.has(opcode))
    expect(missing).toEqual([])
  })

  test('errors refuse the output', () => {
    expect(compile('NPROCS =').ok).toBe(false)
    expect(codes('NPROCS =')).toEqual(['A004'])
  })
})
