import { describe, expect, test } from 'vitest'
import { check, describe as describeFinding } from '../../../src/mechanisms/ariel/ariel.ts'
import { codes, found } from './translate.ts'

describe('SPEC 8, diagnostics', () => {
  test('a diagnostic as a line names file, line, column, severity, code, what was expected and what was found', () => {
    const [finding] = check('IF [ FAULTY T1 ]\nRESTART T1 FI')
    expect(finding && describeFinding(finding, 'a.ariel')).toBe('a.ariel:2:1: error A004: expected THEN, found RESTART')
  })

  test('a diagnostic as data has a code, a severity, a place with its end, a message and what was expected', () => {
    expect(check('NPROCS = THEN')).toEqual([
      {
        code: 'A004',
        severity: 'error',
        line: 1,
        column: 10,
        endLine: 1,
        endColumn: 14,
        message: 'expected a number or {SYMBOL}, found THEN',
        expected: ['a number', '{SYMBOL}'],
      },
    ])
  })

  test('all errors of a file are reported, in the order of the text', () => {
    expect(found('NPROCS 2\nDA = STPO\nIF [ FAULTY 5 ]\nTHEN\nREBOOT T1\nRESTRAT T2\nSTOP *\nFI\nTASK 1 = pump')).toEqual([
      'A004 1:8',
      'A005 2:6',
      'A004 3:13',
      'A020 5:8',
      'A005 6:1',
      'A021 7:6',
      'A030 9:1',
      'A005 9:10',
    ])
  })

  test('after an error in an action the actions after it are still checked', () => {
    expect(found('IF [ FAULTY T1 ] THEN SEND T4\nSTART N1\nELSE STOP\nSTOP * FI')).toEqual([
      'A004 1:28',
      'A020 2:7',
      'A004 4:1',
      'A021 4:6',
    ])
  })

  test('A005 suggests the nearest keyword', () => {
    expect(check('IF [ FAULTY T1 ] THEN RESTRAT T1 FI')[0]?.message).toMatch(/^unknown word RESTRAT \(did you mean RESTART\?\)/)
  })

  test('A005 suggests a word rather than another spelling of it that is as near', () => {
    expect(check('IF [ FAULTY T1 ] THEN REMOVE ERRORS T1 FI')[0]?.message).toMatch(/\(did you mean ERROR\?\)/)
    expect(check('TASKZ 1')[0]?.message).toMatch(/\(did you mean TASK\?\)/)
  })

  test('A014 is reported at each range that does not fit', () => {
    expect(found('TASK [1,2] IS MBOX [1,3], ALIAS [1,4]')).toEqual(['A014 1:20', 'A014 1:33'])
  })

  test('at the end of input the position is just after the last word', () => {
    expect(found('NPROCS =  \n # more\n')).toEqual(['A004 1:9'])
  })

  test('A006: an unclosed block is reported at the end, with the position of its opener', () => {
    expect(check('DA = STOP\n IF [ FAULTY T1 ] THEN STOP T1')).toMatchObject([
      { code: 'A006', line: 2, column: 31, related: [{ line: 2, column: 2 }] },
    ])
    expect(check('WATCHDOG 1 WATCHES TASK 2 HEARTBEATS EVERY 1 S')).toMatchObject([
      { code: 'A006', column: 47, related: [{ column: 1 }] },
    ])
  })

  test('A006 names every block that is open at the end, the innermost first', () => {
    const [finding] = check('IF [ FAULTY T1 ] THEN\nIF [ FAULTY T2 ] THEN STOP T2')
    expect(finding?.related?.map(({ line }) => line)).toEqual([2, 1])
  })

  test('a forgotten END is reported where the next statement begins, which is still read', () => {
    expect(found('BARRIER 1 GROUP 2\nIF [ FAULTY T1 ] THEN STOP * FI')).toEqual(['A004 2:1', 'A021 2:28'])
  })

  test('a forgotten END or FI has the place of its opener beside it, and costs no declaration after it', () => {
    const watchdog = 'WATCHDOG 1 WATCHES TASK 2 HEARTBEATS EVERY 1 S'
    for (const [opening, rest] of [
      [watchdog, 'TASK 2 = "a" IS NODE 0, TASKID 1\nTASK [3,4] = "b" IS NODE x'],
      [watchdog, 'TASK 2 IS MBOX 3, ALIAS 4\nLOGICAL 1 = "g" IS TASK x END'],
      [watchdog, 'ALPHACOUNT 2 IS THRESHOLD = 1, FACTOR = 0.5 END\nTEIF_TIMEOUT = x'],
      ['N-VERSION TASK 9 VERSION 1 IS TASK 1', 'GROUP 1 = "g" IS TASK 1 END\nNPROCS = x'],
    ] as const) {
      expect(check(`${opening}\n${rest}`), rest).toMatchObject([
        { code: 'A004', line: 2, column: 1, related: [{ line: 1, column: 1 }] },
        { code: 'A004', line: 3 },
      ])
    }
    expect(check(' IF [ FAULTY T1 ] THEN STOP T1\nTASK 1 = "a" IS NODE 0, TASKID x')).toMatchObject([
      { code: 'A004', line: 2, column: 1, related: [{ line: 1, column: 2 }] },
      { code: 'A030', line: 2, column: 1 },
      { code: 'A004', line: 2, column: 32 },
    ])
  })

  test('A006: a block of which END is there and its name is not, at the end of input', () => {
    const block = 'N-VERSION TASK 9 VERSION 1 IS TASK 1 VERSION 2 IS TASK 2 VERSION 3 IS TASK 3 END'
    expect(check(block)).toMatchObject([{ code: 'A006', column: 81, related: [{ column: 1 }] }])
  })

  test('A006 holds for LOGICAL and ALPHACOUNT too, also inside a block', () => {
    expect(check('LOGICAL 1 = "a" IS TASK 1')).toMatchObject([{ code: 'A006', column: 26, related: [{ column: 1 }] }])
    expect(check('ALPHACOUNT 1 IS THRESHOLD = 1, FACTOR = 0.5')).toMatchObject([{ code: 'A006', column: 44 }])
    expect(check('WATCHDOG 1 WATCHES TASK 2 ALPHACOUNT IS THRESHOLD = 1,')).toMatchObject([
      { code: 'A006', column: 55, related: [{ column: 27 }, { column: 1 }] },
    ])
  })

  test('at the end of input inside a block nothing else is said to be missing', () => {
    for (const script of ['WATCHDOG', 'WATCHDOG 1 WATCHES', 'WATCHDOG 1 WATCHES TASK 2', 'LOGICAL 1 =', 'IF [', 'BARRIER 1']) {
      expect(codes(script), script).toEqual(['A006'])
    }
  })

  test('a filter of a watchdog that cannot be read costs itself only', () => {
    const filter = 'ALPHACOUNT IS THRESHOLD = 1, FACTOR = 0.5, EVERY 4 END'
    expect(found(`WATCHDOG 1 WATCHES TASK 2 ${filter}\nHEARTBEATS EVERY 1 S END WATCHDOG`)).toEqual(['A004 1:78'])
    expect(found(`WATCHDOG 1 WATCHES TASK 2 ${filter} ALPHACOUNT\nHEARTBEATS EVERY 1 S END WATCHDOG`)).toEqual(['A004 1:78'])
  })

  test('what cannot be read, or has no good number, is not reported again where it is used', () => {
    const used = 'IF [ FAULTY T1 AND FAULTY T2 AND FAULTY T3 ] THEN STOP T1 FI'
    expect(found(`INCLUDE plant.h\n${used.replaceAll('T3', 'T{PUMP}')}`)).toEqual(['A005 1:9'])
    expect(found(`TASK [1,3] = "a" IS NODE 0, TASKID [1,2]\n${used}`)).toEqual(['A014 1:36'])
    expect(found(`TASK [1,3] = "a" IS NODE 0, TASKID [1,{X}]\n${used}`)).toEqual(['A010 1:39'])
    expect(found(`TASK 1 = "a" IS NODE 0, TASKID 1\nTASK [1,3] = "a" IS NODE 0, TASKID [1,3]\n${used}`)).toEqual(['A012 2:7'])
    expect(found(`TASK 1 = "a" IS NODE 0, TASKID 1\nTASK {X} = "a" IS NODE 0, TASKID 1\n${used}`)).toEqual(['A010 2:6'])
  })

  test('what a string or symbol that is not closed has swallowed is not reported as missing too', () => {
    expect(found('TASK 1 = "a IS NODE 0, TASKID 1\nNPROCS = x')).toEqual(['A002 1:10', 'A004 2:10'])
    expect(found('IF [ FAULTY T{FIVE] THEN STOP T1 FI')).toEqual(['A003 1:14'])
    expect(found('"abc')).toEqual(['A002 1:1'])
    expect(found('IF [ FAULTY T1 ] THEN LOG "a\nRESTRAT T1 FI')).toEqual(['A002 1:27', 'A005 2:1'])
  })

  test('a block whose head cannot be read still has its clauses checked', () => {
    expect(found('WATCHDOG 1 WATCHS TASK 2\nHEARTBEATS EVERY 1\nON ERROR RESTAR\nEND WATCHDOG')).toEqual([
      'A005 1:12',
      'A004 3:1',
      'A005 3:10',
    ])
  })

  test('A030 holds for a statement that cannot be read too', () => {
    expect(found('IF [ FAULTY T1 ] THEN STOP T1 FI\nNPROCS = x\nTASK 1 = y')).toEqual([
      'A030 2:1',
      'A004 2:10',
      'A030 3:1',
      'A004 3:10',
    ])
  })

  test('A031 is reported beside a clause that cannot be read, unless it may be the missing one', () => {
    expect(found('WATCHDOG 1 WATCHES TASK 2 ON ERROR RESTAR END WATCHDOG')).toEqual(['A031 1:1', 'A005 1:36'])
    expect(found('WATCHDOG 1 WATCHES TASK 2 HEARTBEATS EVERY 5 END WATCHDOG')).toEqual(['A004 1:46'])
    expect(found('WATCHDOG 1 WATCHES TASK 2 HARTBEATS EVERY 5 S END WATCHDOG')).toEqual(['A005 1:27'])
    expect(found('RETRY-BLOCK TASK 1 ATTEMPTS x ACCEPTANCE "t" END RETRY-BLOCK')).toEqual(['A004 1:29', 'A004 1:42'])
    expect(found('BARRIER 1 LOGICAL x END BARRIER')).toEqual(['A004 1:19'])
    expect(found('N-VERSION TASK 9 VERSION 1 IS TASK x END N-VERSION')).toEqual(['A031 1:1', 'A004 1:36'])
  })

  test('a wrong name after END is reported at the name, and the block counts as closed', () => {
    expect(found('BARRIER 1 GROUP 2 END WATCHDOG\nNPROCS = 2')).toEqual(['A004 1:23'])
  })

  test('a clause of another tool is reported with those that this one has', () => {
    const [finding] = check('BARRIER 1 GROUP 2\nATTEMPTS 3 END BARRIER')
    expect(finding).toMatchObject({ code: 'A004', line: 2, column: 1, expected: ['GROUP', 'TIMEOUT', 'ON', 'END'] })
  })

  test('a second ELSE is reported once, and what follows it is still checked', () => {
    expect(found('IF [ FAULTY T1 ] THEN STOP T1 ELSE STOP T2\nELSE STOP * FI\nNPROCS = DA')).toContain('A004 2:1')
  })

  test('a stray FI or END is reported once', () => {
    expect(found('FI\nEND WATCHDOG\nNPROCS = 2')).toEqual(['A004 1:1', 'A004 2:1'])
  })

  test('A012 gives both places', () => {
    const script = 'TASK 1 = "a" IS NODE 0, TASKID 1\nTASK 1 = "b" IS NODE 0, TASKID 2\nIF [ FAULTY T1 ] THEN STOP T1 FI'
    expect(check(script)).toMatchObject([{ code: 'A012', line: 2, column: 6, related: [{ line: 1, column: 6 }] }])
  })

  test('A012 holds for groups too', () => {
    expect(found('GROUP 1 = "a" IS TASK 1 END\nLOGICAL 1 = "b" IS TASK 2 END')).toEqual(['A012 2:9'])
  })

  test('A013 holds for tasks if there is a TASK declaration, and for groups if there is a LOGICAL', () => {
    const section = 'IF [ FAULTY T2 ] THEN STOP G2 STOP T1 FI'
    expect(codes(section)).toEqual([])
    expect(found(`TASK 1 = "a" IS NODE 0, TASKID 1\n${section}`)).toEqual(['A013 2:14'])
    expect(found(`LOGICAL 1 = "a" IS TASK 1 END\n${section}`)).toEqual(['A013 2:29'])
  })

  test('A013 holds in the configuration too', () => {
    expect(found('TASK 1 = "a" IS NODE 0, TASKID 1\nLOGICAL 1 = "g" IS TASK 1, 2 END')).toEqual(['A013 2:28'])
  })

  test('A013 does not hold for the numbers of blocks, nor for the own number of a watchdog', () => {
    const script =
      'TASK 1 = "a" IS NODE 0, TASKID 1\nRETRY-BLOCK TASK 2 ATTEMPTS 1 ACCEPTANCE TEST "t" END RETRY-BLOCK\nWATCHDOG 3 WATCHES TASK 1 HEARTBEATS EVERY 1 S END WATCHDOG'
    expect(codes(`${script} IF [ FAULTY T2 AND FIRED T3 ] THEN STOP T1 FI`)).toEqual([])
  })

  test('A013 holds for a group with the own number of a watchdog, which counts as a task only', () => {
    const script =
      'LOGICAL 1 = "g" IS TASK 1 END\nWATCHDOG 3 WATCHES TASK 1 HEARTBEATS EVERY 1 S END WATCHDOG\nIF [ FAULTY G3 ] THEN STOP T1 FI'
    expect(found(script)).toEqual(['A013 3:14'])
    expect(
      codes(script.replace('WATCHDOG 3 WATCHES TASK 1 HEARTBEATS EVERY 1 S END WATCHDOG', 'BARRIER 3 GROUP 1 END BARRIER')),
    ).toEqual([])
  })

  test('A023 is for places outside actions: where an action wants a number, a reference is an unexpected word', () => {
    expect(found('IF [ FAULTY T1 AND ERRN(T1) > @1 ] THEN STOP T1 FI')).toEqual(['A023 1:31'])
    expect(found('IF [ FAULTY T1 ] THEN CALL 3 (@1) SEND @1 T5 PAUSE ~1 REMOVE @1 T1 FROM ERRORLIST STOP T1 FI')).toEqual([
      'A004 1:31',
      'A004 1:40',
      'A004 1:52',
      'A004 1:62',
    ])
  })

  test('A015: the number of an entity cannot be negative', () => {
    expect(found('INCLUDE "h"\nNPROCS = 2 DEFINE {LOW} = MANAGER')).toEqual(['A015 2:19'])
  })

  test('W101: a guard equal to an earlier one of the same IF, however it is written', () => {
    expect(found('IF [ FAULTY T1 AND FIRED T1 ] THEN STOP T1\nELIF [ -f TASK 1 && FIRED T1 ] THEN RESTART T1 FI')).toEqual([
      'W101 2:1',
    ])
    expect(found('IF [ FAULTY T1 ] THEN STOP T1 FI IF [ FAULTY T1 ] THEN STOP T1 FI')).toEqual([])
  })

  test('W101: an atom and its negation joined by AND', () => {
    expect(found('IF [ FAULTY T1 AND (FIRED T2 AND NOT FAULTY T1) ] THEN STOP T1 FI')).toEqual(['W101 1:1'])
    expect(found('IF [ FAULTY T1 OR NOT FAULTY T1 ] THEN STOP T1 FI')).toEqual([])
  })

  test('W102: a declared task that no statement uses and no group holds, at its number', () => {
    expect(found('TASK 1 = "a" IS NODE 0, TASKID 1\nTASK 2 = "b" IS NODE 0, TASKID 2\nIF [ FAULTY T2 ] THEN STOP T2 FI')).toEqual(
      ['W102 1:6'],
    )
    expect(found('TASK 1 = "a" IS NODE 0, TASKID 1\nLOGICAL 1 = "g" IS TASK 1 END')).toEqual([])
    expect(found('TASK 1 = "a" IS NODE 0, TASKID 1\nIF [ FAULTY T* ] THEN STOP @1 FI')).toEqual([])
  })

  test('W102 is not reported for the symbols of an include', () => {
    expect(found('INCLUDE "h"')).toEqual([])
  })

  test.each(['SEND 4 T9', 'WARN T9', 'LOG "x"', 'CALL 3', 'ERR 1 T1 WARN T9'])(
    'W103: a branch that only does %s under FAULTY',
    (text) => {
      expect(found(`IF [ FIRED T1 ] THEN STOP T1\nELIF [ FAULTY T1 ] THEN ${text} FI`)).toEqual(['W103 2:1'])
      expect(found(`IF [ FIRED T1 ] THEN ${text} FI`)).toEqual([])
      expect(found(`IF [ FAULTY T1 ] THEN ${text} RESTART T1 FI`)).toEqual([])
    },
  )

  test('W104: TRANSIENT or ALPHA of an entity without filter, at the entity; not for stars', () => {
    const filter = 'ALPHACOUNT 1 IS THRESHOLD = 2, FACTOR = 0.5 END\n'
    expect(found('IF [ TRANSIENT T1 AND ALPHA(N2) > 1 ] THEN RESTART T1 FI')).toEqual(['W104 1:16', 'W104 1:29'])
    expect(found(`${filter}IF [ TRANSIENT T1 AND ALPHA(T1) > 1 ] THEN RESTART T1 FI`)).toEqual([])
    expect(found('IF [ TRANSIENT T* ] THEN RESTART @1 FI')).toEqual([])
  })

  test('warnings are computed only for scripts without errors', () => {
    expect(codes('MIA_SEND = 1 S IF [ TRANSIENT T1 ] THEN RESTART T1 FI')).toEqual(['W106', 'W104'])
    expect(codes('MIA_SEND = 1 S IF [ TRANSIENT T1 ] THEN RESTART T* FI')).toEqual(['A021'])
  })

  test('--classic turns A012 for groups, A013 and A030 into warnings', () => {
    const script =
      'TASK 1 = "a" IS NODE 0, TASKID 1\nGROUP 1 = "a" IS TASK 1 END\nGROUP 1 = "b" IS TASK 1 END\nIF [ FAULTY T2 ] THEN STOP T1 FI\nNPROCS = 2'
    expect(check(script).map(({ code, severity }) => `${code} ${severity}`)).toEqual(['A012 error', 'A013 error', 'A030 error'])
    expect(check(script, { classic: true }).map(({ code, severity }) => `${code} ${severity}`)).toEqual([
      'A012 warning',
      'A013 warning',
      'A030 warning',
    ])
    expect(codes('TASK 1 = "a" IS NODE 0, TASKID 1\nTASK 1 = "a" IS NODE 0, TASKID 1', { classic: true })).toEqual(['A012'])
    expect(check('TASK 1 = "a" IS NODE 0, TASKID 1\nTASK 1 = "a" IS NODE 0, TASKID 1', { classic: true })[0]?.severity).toBe(
      'error',
    )
  })

  test('nesting deeper than any person writes is an error, not a crash', () => {
    expect(codes(`IF [ ${'('.repeat(50_000)}FAULTY T1`)).toContain('A004')
    expect(codes(`IF [ ${'NOT '.repeat(50_000)}FAULTY T1 ] THEN STOP T1 FI`)).toContain('A004')
    expect(codes('IF [ FAULTY T1 ] THEN '.repeat(50_000))).toContain('A004')
    expect(codes(`IF [ FAULTY T1 ] THEN STOP T1 LET A = ${'-'.repeat(50_000)}1 FI`)).toContain('A004')
  })

  test('sections nested too deep are reported once, and what follows them is still read', () => {
    const script = `${'IF [ FAULTY T1 ] THEN '.repeat(1000)}STOP T1${' FI'.repeat(1000)}\nNPROCS = 2`
    expect(codes(script)).toEqual(['A004', 'A030'])
  })

  test('suggestions end where they would cost the square of the script', () => {
    const symbols = Array.from({ length: 40_000 }, (_, at) => `#define NAME_${at} ${at}`).join('\n')
    const uses = Array.from({ length: 2000 }, (_, at) => `CALL {NOME_${at}}`).join(' ')
    const findings = check(`INCLUDE "s" IF [ FIRED T1 ] THEN ${uses} FI`, { include: () => symbols })
    expect(findings.map(({ code }) => code)).toEqual(Array.from({ length: 2000 }, () => 'A010'))
    expect(findings[0]?.message).toContain('did you mean NAME_0?')
    expect(findings.at(-1)?.message).not.toContain('did you mean')
  })
})
