import { describe, expect, test } from 'vitest'
import { check } from '../../../src/mechanisms/ariel/ariel.ts'
import { action, codes, found, guard, instructions, rcodeOf } from './translate.ts'

const T5 = guard('FAULTY TASK 5')

describe('SPEC 2, lexical rules', () => {
  test('lines end in LF or CRLF', () => {
    const script = 'IF [ FAULTY T1 ]\nTHEN # why\nLOG "x"\nRESTART T1\nFI\n'
    expect(rcodeOf(script.replaceAll('\n', '\r\n'))).toEqual(rcodeOf(script))
  })

  test('a column counts UTF-16 code units, and a tab counts 1', () => {
    expect(found('LOGICAL 1 = "\u{1F6F3}" IS TASK 1 END\t\tFI')).toEqual(['A004 1:33'])
  })

  test('a byte order mark before the script is no character of it', () => {
    expect(codes('\uFEFFNPROCS = 2')).toEqual([])
  })

  test('# begins a comment that runs to the end of the line', () => {
    expect(codes('NPROCS = 2 # IF [\n# THEN\nDA = STOP')).toEqual([])
  })

  test('keywords, entity words and variables ignore case', () => {
    expect(rcodeOf('if [ faulty t1 and val(r) > 0 ] then let r = R + 1 restart Task 1 fi')).toEqual(
      rcodeOf('IF [ FAULTY T1 AND VAL(R) > 0 ] THEN LET R = r + 1 RESTART TASK 1 FI'),
    )
  })

  test('quoted strings and symbols keep their case', () => {
    expect(rcodeOf('IF [ FAULTY T1 ] THEN RESTART T1 LOG "Ab" FI').strings).toEqual(['Ab'])
    expect(codes('INCLUDE "h" NPROCS = {five}')).toEqual(['A010'])
  })

  test('blanks, tabs and newlines separate words', () => {
    expect(rcodeOf('IF\n[\nFAULTY\tTASK\n5 ]\nTHEN\nRESTART TASK\n5\nFI').code).toEqual(
      rcodeOf('IF [ FAULTY TASK 5 ] THEN RESTART TASK 5 FI').code,
    )
  })

  test('; and a lone . may stand between statements', () => {
    expect(codes('NPROCS = 2 . DA = STOP ; ; IF [ FAULTY T1 ] THEN STOP T1 ; LET A = 3. FI .')).toEqual([])
  })

  test('an optional word after END belongs to it only on the same line', () => {
    expect(codes('LOGICAL 1 = "a" IS TASK 1 END LOGICAL\nLOGICAL 2 = "b" IS TASK 1 END')).toEqual([])
    expect(codes('LOGICAL 1 = "a" IS TASK 1 END\nLOGICAL 2 = "b" IS TASK 1 END')).toEqual([])
    expect(codes('LOGICAL 1 = "a" IS TASK 1 END LOGICAL 2 = "b" IS TASK 1 END')).toContain('A004')
  })

  test('an integer may have a sign where a value is expected, not where an entity is named', () => {
    expect(action('SEND -7 T1')).toEqual(['PUSH -7 -1', 'SEND 18 1'])
    expect(found('NPROCS = 2\nNUMTASKS -1 = 2')).toEqual(['A004 2:10'])
  })

  test.each([
    ['-2147483648', []],
    ['2147483647', []],
    ['2147483648', ['A015']],
    ['-2147483649', ['A015']],
    ['9'.repeat(400), ['A015']],
  ])('%s as an integer: %j', (number, expected) => {
    expect(codes(`IF [ FAULTY T1 ] THEN RESTART T1 SEND ${number} T1 FI`)).toEqual(expected)
  })

  test('an integer is accepted where a real is wanted', () => {
    expect(codes('ALPHACOUNT 5 IS THRESHOLD = 3, FACTOR = 0 END')).toEqual([])
    expect(guard('ALPHA(T5) < 2')).toEqual(['STRALPHA 18 5', 'COMPARE 5 2000'])
  })

  test('a real is not accepted where an integer is wanted', () => {
    expect(found('NPROCS = 2.5')).toEqual(['A004 1:10'])
  })

  test('strings stand in double or single quotes, without escapes', () => {
    expect(rcodeOf(`IF [ FAULTY T1 ] THEN RESTART T1 LOG 'a "b" \\n' LOG "it's" FI`).strings).toEqual(['a "b" \\n', "it's"])
  })

  test('A002: an unclosed string ends at the end of the line, and is reported at its quote', () => {
    expect(found('IF [ FAULTY T1 ] THEN RESTART T1 LOG "x\r\nFI')).toEqual(['A002 1:38'])
  })

  test('{NAME} is the integer that NAME stands for; spaces just inside the braces are dropped', () => {
    expect(guard('FAULTY TASK { FIVE }')).toEqual(T5)
  })

  test('A010: what is no C identifier between braces is an undefined symbol, reported at the brace', () => {
    expect(found('INCLUDE "h"\nNPROCS = {FI VE}\nDEFINE {} = MANAGER')).toEqual(['A010 2:10', 'A010 3:8'])
  })

  test('A010 suggests the nearest name', () => {
    expect(check('INCLUDE "h" NPROCS = {FIFE}', { include: () => '#define FIVE 5' })[0]?.message).toContain('did you mean FIVE?')
  })

  test('A003: a { not closed on its line ends at the first blank', () => {
    expect(found('INCLUDE "h"\nIF [ FAULTY T{FIVE ] THEN RESTART T5 FI')).toEqual(['A003 2:14'])
  })

  test('a variable is a single letter', () => {
    expect(action('LET Z = A')).toEqual(['GET 0 -1', 'SET 25 -1'])
    expect(codes('IF [ FAULTY T1 ] THEN RESTART T1 LET AB = 1 FI')).toEqual(['A005'])
  })

  test('S is a variable and a unit', () => {
    expect(action('LET S = S + 1')).toEqual(['GET 18 -1', 'PUSH 1 -1', 'ADD -1 -1', 'SET 18 -1'])
    expect(action('PAUSE 2 S')).toEqual(['PAUSE 2 -1'])
  })

  test.each([
    ['PAUSE 3', 'PAUSE 3 -1'],
    ['PAUSE 3 S', 'PAUSE 3 -1'],
    ['PAUSE 1500 MS', 'PAUSE 1 500'],
    ['PAUSE 2000 US', 'PAUSE 0 2'],
  ])('a duration of PAUSE is in seconds without a unit: %s', (text, expected) => {
    expect(action(text)).toEqual([expected])
  })

  test('A001: a character not in the language is reported at it', () => {
    expect(found('NPROCS = 2 ?\nDA % = STOP')).toEqual(['A001 1:12', 'A001 2:4'])
  })

  test.each([
    ['N-VERSION TASK 1 VERSION 1 IS TASK 2 VERSION 2 IS TASK 3 VERSION 3 IS TASK 4 END NVERSION', []],
    ['ALPHA-COUNT 5 IS THRESHOLD = 3.0, FACTOR = 0.4 END ALPHACOUNT', []],
    ['BARRIER 1 GROUP 2 TIME-OUT 5 MS END BARRIER', []],
    ['RETRYBLOCK TASK 1 ATTEMPTS 2 ACCEPTANCE TEST "a" END RETRY-BLOCK', []],
  ])('words with and without a hyphen are the same: %s', (script, expected) => {
    expect(codes(script)).toEqual(expected)
  })

  test('singular and plural are the same word', () => {
    expect(
      codes(
        'TASKS [1,2] = "w" ARE NODE 0, TASKIDS [1,2]\nTASK [1,2] ARE MAILBOXES [1,2], ALIASES [3,4]\nLOGICAL 1 = "l" ARE TASKS 1, 2 END',
      ),
    ).toEqual([])
    expect(codes('TASK 1 = "w" IS NODE 0, TASK_ID 1\nTASK 1 IS MAILBOX 2, ALIAS 3')).toEqual([])
  })

  test('AND and &&, OR and ||, NOT and ! are the same', () => {
    expect(guard('(FAULTY T1 && ! FIRED T2) || FAULTY T3')).toEqual(guard('(FAULTY T1 AND NOT FIRED T2) OR FAULTY T3'))
  })

  test.each([
    ['A PLUS 2 TIMES B', 'A + 2 * B'],
    ['A MINUS 2 DIV B', 'A - 2 / B'],
  ])('the words of arithmetic are its signs: %s', (words, signs) => {
    expect(action(`LET A = ${words}`)).toEqual(action(`LET A = ${signs}`))
  })
})

describe('SPEC 2.1, naming entities', () => {
  test.each(['TASK 5', 'TASK5', 'T5', 'TASK {FIVE}', 'TASK{FIVE}', 'T{FIVE}', 't5'])('%s is task 5', (name) => {
    expect(guard(`FAULTY ${name}`)).toEqual(T5)
  })

  test.each([
    ['NODE 3', 'FAULTY 20 3'],
    ['NODE3', 'FAULTY 20 3'],
    ['N3', 'FAULTY 20 3'],
    ['GROUP 2', 'FAULTY 17 2'],
    ['G2', 'FAULTY 17 2'],
    ['LOGICAL 2', 'FAULTY 17 2'],
    ['L2', 'FAULTY 17 2'],
    ['TASK*', 'FAULTY 34 0'],
    ['T*', 'FAULTY 34 0'],
    ['NODE*', 'FAULTY 36 0'],
    ['N*', 'FAULTY 36 0'],
    ['GROUP*', 'FAULTY 33 0'],
    ['G*', 'FAULTY 33 0'],
    ['*', 'FAULTY 40 0'],
  ])('%s is %s', (name, expected) => {
    expect(guard(`FAULTY ${name}`)).toEqual(['PUSH 0 -1', expected])
  })

  test('TASK "name" is the task of that declared name', () => {
    const script = 'TASK 7 = "pump" IS NODE 0, TASKID 1 IF [ FAULTY TASK "pump" ] THEN RESTART T"pump" FI'
    expect(instructions(script)).toContain('RESTART 18 7')
    expect(found(script.replace('T"pump"', 'T"bump"'))).toEqual([`A013 1:${script.indexOf('T"pump"') + 2}`])
  })

  test.each([
    ['RESTART T$1', 'RESTART 66 -2'],
    ['SEND 1 G$1', 'SEND 65 -2'],
    ['REBOOT N$1', 'REBOOT 68 -2'],
    ['STOP T$$', 'KILL 130 -3'],
    ['STOP @1', 'KILL -1 0'],
    ['STOP ~1', 'KILL -2 0'],
    ['STOP TASK@1', 'KILL -33 0'],
    ['STOP TASK~1', 'KILL -34 0'],
    ['SEND 1 GROUP@1', 'SEND -17 0'],
    ['REBOOT NODE~1', 'REBOOT -66 0'],
  ])('%s has the operands %s', (text, expected) => {
    expect(action(text).at(-1)).toBe(expected)
  })

  test.each(['@@', 'TASK@', 'T@', 'T@@'])('%s is the set of the last atom', (set) => {
    const kind = set.startsWith('T') ? -33 : -1
    expect(instructions(`IF [ FAULTY T1 AND FAULTY T* ] THEN STOP ${set} FI`)).toContain(`KILL ${kind} 1`)
  })

  test('T, N, G and L alone are variables', () => {
    expect(action('LET T = N + G LOG L')).toEqual(['GET 13 -1', 'GET 6 -1', 'ADD -1 -1', 'SET 19 -1', 'LOGV 11 -1'])
  })

  test.each([
    ['FAULTY T1', 'N$1', []],
    ['FAULTY T1', 'G$1', []],
    ['FAULTY G1', 'N$1', []],
    ['FAULTY G1', 'T$1', ['A020']],
    ['FAULTY N1', 'T$1', ['A020']],
    ['FAULTY N1', 'G$1', ['A020']],
  ])('under %s, %s converts: %j', (condition, reference, expected) => {
    expect(codes(`IF [ ${condition} ] THEN STOP ${reference} FI`)).toEqual(expected)
  })
})
