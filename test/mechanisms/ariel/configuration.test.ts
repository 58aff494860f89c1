import { describe, expect, test } from 'vitest'
import { check, compile } from '../../../src/mechanisms/ariel/ariel.ts'
import type { Topology } from '../../../src/support/backbone/topology.ts'
import { codes, found, guard, include, instructions } from './translate.ts'

function topologyOf(script: string): Topology {
  const compiled = compile(script, { include })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics))
  return compiled.topology
}

describe('SPEC 3, statements', () => {
  test.each([
    ['decimal', '#define X 12', 12],
    ['hexadecimal', '#define X 0x1F', 31],
    ['negative', '#define X -4', -4],
    ['a zero with a sign', '#define X (-0)', 0],
    ['in parentheses', '#define X (-(4))', -4],
    ['a name defined earlier', '#define Y 9\n#define X (Y)', 9],
    ['inside #ifndef guards', '#ifndef H\n#define H\n  # define X 3\n#endif', 3],
    ['before a comment', '#define X 7 /* seven */ // really', 7],
    ['behind a byte order mark', '\uFEFF#define X 6\r\n', 6],
    ['after a comment of several lines', '/*\n#define X 1\n*/\n#define X 8', 8],
  ])('INCLUDE reads an integer: %s', (_, header, value) => {
    const script = 'INCLUDE "x.h" IF [ ERRN(T1) > {X} ] THEN STOP T1 FI'
    const compiled = compile(script, { include: () => header })
    expect(compiled.ok && compiled.rcode.code[2]).toEqual([26, 3, value])
  })

  test('A015: a definition beyond 32 bits is reported in its header, and not where it is used', () => {
    const script = 'INCLUDE "x.h"\nNPROCS = {X} IF [ ERRN(T1) > {X} ] THEN SEND {Y} T{X} FI'
    const findings = check(script, { include: () => '#define X 2147483648\n#define Y (-2147483648)\n' })
    expect(findings).toMatchObject([{ code: 'A015', file: 'x.h', line: 1, column: 11 }])
  })

  test('A011: an include that throws because there is no such file; what else it throws is thrown', () => {
    const failing = (code: string) => () => {
      throw Object.assign(new Error(code), { code })
    }
    expect(found('INCLUDE "x.h"', { include: failing('ENOENT') })).toEqual(['A011 1:9'])
    expect(() => found('INCLUDE "x.h"', { include: failing('EACCES') })).toThrow('EACCES')
  })

  test.each(['#define X "text"', '#define X(a) 3', '#define X 010', '#define X 1.5', 'int X = 3;', '#undef X'])(
    'INCLUDE ignores %s',
    (header) => {
      expect(codes('INCLUDE "x.h" NPROCS = {X}', { include: () => header })).toEqual(['A010'])
    },
  )

  test('INCLUDE hands on the path as written, and reads a file once', () => {
    const paths: string[] = []
    compile('INCLUDE "a/b.h" INCLUDE "a/b.h"', {
      include: (path) => {
        paths.push(path)
        return ''
      },
    })
    expect(paths).toEqual(['a/b.h'])
  })

  test('A011: a missing file is reported at the string, and what it may define is not', () => {
    expect(found('INCLUDE "no.h"\nNPROCS = {X}')).toEqual(['A011 1:9'])
  })

  test('A012 for a #define with another value names the file, the place and the first place', () => {
    const [diagnostic] = compile('INCLUDE "x.h"', { include: () => '#define A 1\n#define A 1\n#define A 2\n' }).diagnostics
    expect(diagnostic).toMatchObject({ code: 'A012', file: 'x.h', line: 3, column: 11, related: [{ file: 'x.h', line: 1 }] })
  })

  test('A015 for a #define beyond 32 bits', () => {
    expect(codes('INCLUDE "x.h"', { include: () => '#define A 0xFFFFFFFF' })).toEqual(['A015'])
  })

  test('DEFINE gives nodes their roles, one by one or as a range', () => {
    const script = 'DEFINE 0 = MANAGER DEFINE 1-3 = ASSISTANT DEFINE 4, 6 = BACKUP DEFINE 5 = AGENT'
    expect(topologyOf(script).roles).toEqual({
      0: 'manager',
      1: 'assistant',
      2: 'assistant',
      3: 'assistant',
      4: 'assistant',
      5: 'agent',
      6: 'assistant',
    })
  })

  test('A012: at most one manager at the start', () => {
    expect(found('DEFINE 0 = MANAGER\nDEFINE 1 = MANAGER')).toEqual(['A012 2:8'])
    expect(found('DEFINE 0, 1 = MANAGER')).toEqual(['A012 1:11'])
  })

  test('NPROCS, NUMTASKS and DA say how many nodes and tasks there are, and the default action', () => {
    expect(topologyOf('NPROCS = 4 NUMTASKS 0 = 5 DA = KILL')).toMatchObject({
      nodes: 4,
      tasksPerNode: { 0: 5 },
      defaultAction: 'stop',
    })
    expect(topologyOf('DA = RESTART').defaultAction).toBe('restart')
  })

  test('TASK 3 = "pump" IS NODE 0, TASKID 8 makes task 8 of node 0 task 3 everywhere', () => {
    expect(topologyOf('TASK 3 = "pump" IS NODE 0, TASKID 8').tasks).toEqual([{ number: 3, name: 'pump', node: 0, local: 8 }])
  })

  test('a range of tasks is named by the name and the global number', () => {
    const { tasks } = topologyOf('TASK [1,3] = "w" IS NODE 0, TASKID [6,8]')
    expect(tasks.map(({ name, local }) => [name, local])).toEqual([
      ['w1', 6],
      ['w2', 7],
      ['w3', 8],
    ])
  })

  test('A014: ranges of unequal length, at the second', () => {
    expect(found('TASK [1,3] = "w" IS NODE 0, TASKID [6,9]')).toEqual(['A014 1:36'])
    expect(found('TASK [1,3] IS MBOX [1,3], ALIAS 4')).toEqual(['A014 1:33'])
  })

  test('A015: a range that runs backwards, or holds more than can be watched', () => {
    expect(found('TASK [3,1] = "w" IS NODE 0, TASKID [6,8]')).toEqual(['A015 1:9'])
    expect(codes('TASK [0,2147483647] = "w" IS NODE 0, TASKID [0,2147483647]')).toContain('A015')
  })

  test('TASK … IS MBOX, ALIAS gives a task its mailbox and alias', () => {
    const { tasks } = topologyOf('TASK 3 = "p" IS NODE 0, TASKID 8 TASK 3 IS MBOX 12, ALIAS 40')
    expect(tasks).toMatchObject([{ number: 3, mailbox: 12, alias: 40 }])
  })

  test('LOGICAL and GROUP declare groups of tasks', () => {
    const { groups } = topologyOf('LOGICAL 10 = "TMR" IS TASK 5, TASK 6, 7 END\nGROUP 11 = "d" IS TASK 5 END GROUP')
    expect(groups).toEqual([
      { number: 10, name: 'TMR', members: [5, 6, 7] },
      { number: 11, name: 'd', members: [5] },
    ])
  })

  test('ALPHACOUNT sets the filter of a task or node', () => {
    const script =
      'ALPHACOUNT 5 IS THRESHOLD = 3.0, FACTOR = 0.4 END ALPHACOUNT NODE 2 IS THRESHOLD = 1.5, FACTOR = 0.25, EVERY 10 S END'
    expect(topologyOf(script.replace('END ALPHA', 'END\nALPHA')).filters).toEqual([
      { kind: 'task', number: 5, threshold: 3, factor: 0.4 },
      { kind: 'node', number: 2, threshold: 1.5, factor: 0.25, everyUs: 10_000_000 },
    ])
  })

  test.each([
    ['THRESHOLD = 0, FACTOR = 0.5', 'A015 1:29'],
    ['THRESHOLD = 2, FACTOR = 1.0', 'A015 1:41'],
    ['THRESHOLD = 2, FACTOR = -0.1', 'A015 1:41'],
  ])('SPEC 7.4, A015: %s', (parameters, expected) => {
    expect(found(`ALPHACOUNT 5 IS THRESHOLD = 1, FACTOR = 0 END`)).toEqual([])
    expect(found(`ALPHACOUNT 5 IS ${parameters} END`)).toEqual([expected])
  })

  test.each(['MIA_SEND_TIMEOUT', 'MIASEND', 'MIA_SEND', 'miasendtimeout'])(
    '%s is a time-out, in microseconds without unit',
    (name) => {
      expect(topologyOf(`MIA_RECV = 1 S ${name} = 800000`).timeouts.MIA_SEND_TIMEOUT).toBe(800_000)
      expect(topologyOf(`MIA_RECV = 1 S ${name} = 300 MS`).timeouts.MIA_SEND_TIMEOUT).toBe(300_000)
    },
  )

  test('time-outs have the classic defaults', () => {
    expect(Object.values(topologyOf('').timeouts)).toEqual([
      200000, 200000, 120000, 250000, 250000, 300000, 300000, 500000, 200000, 500000,
    ])
  })

  test('W106 stands at the value of the RECV or SET time-out if written, else at the other', () => {
    expect(found('MIA_SEND = 300 MS\nMIA_RECV = 300 MS')).toEqual(['W106 2:12'])
    expect(found('TAIA_SEND = 250 MS')).toEqual(['W106 1:13'])
    expect(found('IMALIVE_SET = 100000')).toEqual(['W106 1:15'])
    expect(found('MIA_SEND = 300 MS\nMIA_RECV = 301 MS')).toEqual([])
  })

  test('A030: configuration after a section, at its first word', () => {
    expect(
      found('IF [ FAULTY T1 ] THEN STOP T1 FI\nNPROCS = 2\nWATCHDOG 2 WATCHES TASK 1 HEARTBEATS EVERY 1 S END WATCHDOG'),
    ).toEqual(['A030 2:1', 'A030 3:1'])
  })
})

describe('SPEC 3.1, tool blocks', () => {
  const watchdog = (clauses: string): string => `WATCHDOG TASK 9 WATCHES TASK 5 ${clauses} END WATCHDOG`

  test('a watchdog has a period, an action on error and a filter of the watched task', () => {
    const { watchdogs, filters } = topologyOf(
      watchdog('ON ERROR WARN GROUP 3 HEARTBEATS EVERY 250 MS ALPHACOUNT IS THRESHOLD = 3, FACTOR = 0.5 END'),
    )
    expect(watchdogs).toEqual([{ number: 9, watched: 5, periodUs: 250_000, onError: { warn: 'group', number: 3 }, line: 1 }])
    expect(filters).toEqual([{ kind: 'task', number: 5, threshold: 3, factor: 0.5 }])
  })

  test('A031: HEARTBEATS is required, ON ERROR is not', () => {
    expect(found(watchdog('ON ERROR REBOOT'))).toEqual(['A031 1:1'])
    expect(found(watchdog('HEARTBEATS EVERY 1 S'))).toEqual([])
  })

  test('A032: a clause given twice, at the second, once', () => {
    expect(found(watchdog('HEARTBEATS EVERY 1 S\nHEARTBEATS EVERY 2 S\nHEARTBEATS EVERY 3 S'))).toEqual(['A032 2:1'])
  })

  test('A012: two watchdogs with one number', () => {
    const one = watchdog('HEARTBEATS EVERY 1 S')
    expect(found(`${one}\n${one}`)).toEqual(['A012 2:15'])
  })

  test('an N-version task makes a group with its number that holds the versions', () => {
    const script =
      'NVERSION TASK 70 VERSION 1 IS TASK 50 TIMEOUT 40 MS VERSION 2 IS TASK 51 VERSION 3 IS TASK 52 VOTING ALGORITHM IS MEDIAN END NVERSION'
    const { groups, tools } = topologyOf(script)
    expect(groups).toMatchObject([{ number: 70, members: [50, 51, 52] }])
    expect(tools).toMatchObject([
      { tool: 'n-version', number: 70, voting: 'median', variants: [{ number: 1, task: 50, timeoutUs: 40_000 }, {}, {}] },
    ])
  })

  test('a LOGICAL with the number of an N-version task, before or behind it, goes before the group of its versions', () => {
    const logical = 'LOGICAL 9 = "mine" IS TASK 1 END\n'
    const versions = [1, 2, 3].map((at) => `VERSION ${at} IS TASK ${at}`).join(' ')
    const block = `N-VERSION TASK 9 ${versions} END N-VERSION\n`
    for (const script of [logical + block, block + logical]) {
      const compiled = compile(script)
      expect(compiled.ok && compiled.topology.groups).toEqual([{ number: 9, name: 'mine', members: [1] }])
    }
  })

  test('A031: an N-version task needs two versions', () => {
    expect(found('NVERSION TASK 1 VERSION 1 IS TASK 2 END NVERSION')).toEqual(['A031 1:1'])
  })

  test('W108: an even number of versions, at the first word', () => {
    expect(found('NPROCS = 2\nNVERSION TASK 1 VERSION 1 IS TASK 2 VERSION 2 IS TASK 3 END NVERSION')).toEqual(['W108 2:1'])
  })

  test.each(['VERSION', 'REPLICA', 'ALTERNATE'])('A012: the same %s number twice in a block', (word) => {
    const [tool, rest] = {
      VERSION: ['NVERSION', ''],
      REPLICA: ['REPLICATED', 'METHOD IS STANDBY SPARING'],
      ALTERNATE: ['RECOVERY-BLOCK', 'ACCEPTANCE TEST "a"'],
    }[word] as [string, string]
    const script = `${tool} TASK 1 ${rest}\n${word} 1 IS TASK 2\n${word} 1 IS TASK 3\n${word} 3 IS TASK 4 END ${tool}`
    expect(found(script)).toEqual([`A012 3:${word.length + 2}`])
  })

  test.each([
    'MAJORITY',
    'SIMPLE MAJORITY',
    'PLURALITY',
    'MEDIAN',
    'WEIGHTED AVERAGE',
    'WEIGHTED AVERAGE SCALE 2.0',
    'AVERAGE',
    'EXACT CONSENSUS',
  ])('VOTING ALGORITHM IS %s', (algorithm) => {
    const script = `NVERSION TASK 1 VERSION 1 IS TASK 2 VERSION 2 IS TASK 3 VERSION 3 IS TASK 4 VOTING ALGORITHM IS ${algorithm} END NVERSION`
    expect(topologyOf(script).tools[0]?.voting).toBe(algorithm.replace(' SCALE 2.0', '').toLowerCase())
  })

  test.each([
    [
      'REPLICATED TASK 1 REPLICA 1 IS TASK 2 REPLICA 2 IS TASK 3 REPLICA 3 IS TASK 4 METHOD IS MODULAR REDUNDANCY SPARE TASK 5 METRIC "m" EPSILON 0.5 ON ERROR TASK 6 END REPLICATED',
      { tool: 'replicated', method: 'modular redundancy', spare: 5, metric: 'm', epsilon: 0.5, onError: 6 },
    ],
    [
      'RETRY-BLOCK TASK 1 ATTEMPTS 3 PAUSE 20 MS TIMEOUT 1 S ACCEPTANCE TEST "t" ON SUCCESS TASK 2 END RETRY-BLOCK',
      { tool: 'retry-block', attempts: 3, pauseUs: 20_000, timeoutUs: 1_000_000, acceptance: 't', onSuccess: 2 },
    ],
    [
      'RECOVERY-BLOCK TASK 1 ALTERNATE 1 IS TASK 2 ALTERNATE 2 IS TASK 3 TIMEOUT 5 MS ACCEPTANCE TEST "t" END RECOVERY-BLOCK',
      {
        tool: 'recovery-block',
        variants: [
          { number: 1, task: 2 },
          { number: 2, task: 3, timeoutUs: 5000 },
        ],
      },
    ],
    [
      'CONSENSUS-RECOVERY-BLOCK TASK 1 VERSION 1 IS TASK 2 VERSION 2 IS TASK 3 VERSION 3 IS TASK 4 ACCEPTANCE TEST "t" END CONSENSUS-RECOVERY-BLOCK',
      { tool: 'consensus-recovery-block', acceptance: 't' },
    ],
    [
      'STABILIZER 4 COPIES 3 CYCLES 5 METRIC "p" EPSILON 0.01 END STABILIZER',
      { tool: 'stabilizer', number: 4, copies: 3, cycles: 5, metric: 'p', epsilon: 0.01 },
    ],
    ['BARRIER 1 GROUP 3 TIMEOUT 500 MS END BARRIER', { tool: 'barrier', group: 3, timeoutUs: 500_000 }],
  ])('%s', (script, expected) => {
    expect(topologyOf(script).tools).toMatchObject([expected])
  })

  test('INJECT plans a fault after so many ticks, or after a time', () => {
    const script = 'INJECT MANAGERFAULT ON NODE 0 AFTER 900 TICKS INJECT BACKUPFAULT ON COMPONENT 2 AFTER 5 MS'
    expect(topologyOf(script).injections).toEqual([
      { fault: 'manager', node: 0, after: { ticks: 900 } },
      { fault: 'backup', node: 2, after: { us: 5000 } },
    ])
  })
})

describe('SPEC 6, what the configuration becomes', () => {
  test('a program begins with one SET_ROLE a node in number order, then SET_DEF_ACT if DA was given', () => {
    expect(instructions('DA = RESTART DEFINE 1-2 = ASSISTANT DEFINE 0 = MANAGER')).toEqual([
      'SET_ROLE 0 3000',
      'SET_ROLE 1 2000',
      'SET_ROLE 2 2000',
      'SET_DEF_ACT 999 -1',
      'STOP -1 -1',
    ])
    expect(instructions('DA = STOP')).toEqual(['SET_DEF_ACT 666 -1', 'STOP -1 -1'])
    expect(guard('FAULTY T1')[0]).toBe('PUSH 0 -1')
  })
})
