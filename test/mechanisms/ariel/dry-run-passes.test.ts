/**
 * Passes, settling and watchdogs (SPEC 5, 3.1, 11), and histories that cannot be read.
 */
import fc from 'fast-check'
import { type DryRunOptions, dryRun, readHistory } from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { actions, policyOf } from './dry.ts'

describe('SPEC 5.1, records settle', () => {
  const script = 'IF [ FAULTY T1 ] THEN LOG 1 FI IF [ PHASE(T1) == 1 AND FAULTY T1 ] THEN '

  test.each(['START T1', 'RESTART T1', 'STOP T1', 'ISOLATE T1', 'ENABLE T1'])(
    'at the end of a pass in which %s hit the entity, and FAULTY still sees them until then',
    (action) => {
      const found = actions(`${script} ${action} FI IF [ FAULTY T1 ] THEN LOG 2 FI`, [
        'error T1 1 @1',
        'phase T1 1 @2',
        'phase T1 1 @3',
      ])
      expect(found.filter((line) => line.includes('LOG'))).toEqual(['1 LOG = 1', '1 LOG = 2', '2 LOG = 1', '2 LOG = 2'])
    },
  )

  test.each(['SEND 1 T1', 'WARN T1', 'CLEAR T1', 'CALL 1'])('but not by %s', (action) => {
    const found = actions(`${script} ${action} FI`, ['error T1 1 @1', 'phase T1 1 @2', 'phase T1 1 @3'])
    expect(found.at(-2)).toBe('3 LOG = 1')
  })

  test('a group action settles the records of its members, a node action those of its tasks', () => {
    const plant = `TASK 1 = "a" IS NODE 0, TASKID 1 TASK 2 = "b" IS NODE 0, TASKID 2 LOGICAL 1 = "g" IS TASK 1 END
      IF [ FAULTY T1 OR FAULTY T2 ] THEN LOG 1 FI IF [ FAULTY T1 ] THEN `
    expect(actions(`${plant} RESTART G1 FI`, ['error T1 1', 'phase T1 0 @9'])).toEqual(['0 LOG = 1', '0 RESTART G1'])
    expect(actions(`${plant} ISOLATE N0 FI`, ['error T2 1', 'error T1 1', 'phase T1 0 @9']).at(-1)).toBe('0 ISOLATE N0')
    expect(actions(`${plant} RESTART G1 FI`, ['error T2 1', 'error T1 1', 'phase T1 0 @9']).at(-1)).toBe('9 LOG = 1')
  })

  test('with --classic they stay open until REMOVE', () => {
    const history = ['error T1 1 @1', 'phase T1 0 @2', 'phase T1 7 @3', 'phase T1 0 @4']
    const forgetting = `IF [ PHASE(T1) == 7 ] THEN REMOVE ANY T1 FROM ERRORLIST FI IF [ FAULTY T1 ] THEN RESTART T1 FI`
    expect(actions(forgetting, history)).toEqual(['1 RESTART T1', '3 REMOVE T1'])
    expect(actions(forgetting, history, { classic: true })).toEqual(['1 RESTART T1', '2 RESTART T1', '3 REMOVE T1'])
  })
})

describe('SPEC 5.2, a pass', () => {
  test('starts with each error, phase, status and deadlock notification, and with no heartbeat or success', () => {
    const script = 'IF [ NOT FAULTY N9 ] THEN LOG CLOCK FI'
    const history = ['error T1 1 @1', 'phase T1 1 @2', 'status T1 running @3', 'ok T1 @4', 'heartbeat T1 @5', 'deadlock T1 T2 @6']
    expect(actions(script, history)).toEqual([1, 2, 3, 6].map((at) => `${at} LOG = ${at}`))
  })

  test('sections run in the order of the text, and all true ones act', () => {
    const script = 'IF [ FAULTY T1 ] THEN LOG 1 FI IF [ FAULTY T2 ] THEN LOG 2 FI IF [ FAULTY T1 ] THEN LOG 3 FI'
    expect(actions(script, ['error T1 1'])).toEqual(['0 LOG = 1', '0 LOG = 3'])
  })

  test('within a section only the first true branch acts', () => {
    const script = 'IF [ FAULTY T1 ] THEN LOG 1 ELIF [ FAULTY T* ] THEN LOG 2 ELIF [ FAULTY * ] THEN LOG 3 ELSE LOG 4 FI'
    expect(actions(script, ['error T1 1'])).toEqual(['0 LOG = 1'])
    expect(actions(script, ['error T2 1'])).toEqual(['0 LOG = 2'])
    expect(actions(script, ['error N2 1'])).toEqual(['0 LOG = 3'])
    expect(actions(script, ['phase T2 1'])).toEqual(['0 LOG = 4'])
  })

  test('a section may be an action: strategies are trees', () => {
    const script = 'IF [ FAULTY T1 ] THEN LOG 1 IF [ FAULTY T2 ] THEN LOG 2 ELSE LOG 3 FI LOG 4 ELSE LOG 5 FI'
    expect(actions(script, ['error T1 1'])).toEqual(['0 LOG = 1', '0 LOG = 3', '0 LOG = 4'])
  })

  test('actions take effect on the database at once: a later guard of the pass sees the new status', () => {
    const script = 'IF [ FAULTY T1 ] THEN STOP T1 FI IF [ STOPPED T1 AND FAULTY T1 ] THEN START T2 FI'
    expect(actions(script, ['error T1 1'])).toEqual(['0 STOP T1', '0 START T2'])
  })

  test('the program is level-triggered: it acts on every later pass while the record is open', () => {
    const script = 'IF [ FAULTY T1 ] THEN SEND 4 T9 FI'
    expect(actions(script, ['error T1 1 @1', 'phase T2 1 @2', 'ok T1 @3', 'phase T2 2 @4'])).toHaveLength(3)
  })

  test('the record is stored and the alpha-count raised before the program runs', () => {
    const script =
      'ALPHACOUNT 1 IS THRESHOLD = 1.0, FACTOR = 0.5 END IF [ ERRN(T1) == 1 AND ALPHA(T1) == 1.0 AND NOT TRANSIENT T1 ] THEN LOG 1 FI'
    expect(actions(script, ['error T1 1'])).toEqual(['0 LOG = 1'])
  })

  test('an action repeated for the same entity more than 32 times within a second stops the pass: RUNAWAY', () => {
    const script = 'IF [ FAULTY T1 ] THEN RESTART T1 LOG 1 FI IF [ ERRT(T1) == 3 ] THEN LOG 2 FI'
    const errors = (everyMs: number): string[] => Array.from({ length: 34 }, (_, n) => `error T1 9 @${n * everyMs}`)
    const often = actions(script, errors(10))
    expect(often.filter((line) => line.endsWith('RESTART T1'))).toHaveLength(32)
    expect(often.at(-1)).toBe('310 LOG = 1')
    expect(actions(script, errors(40)).filter((line) => line.endsWith('RESTART T1'))).toHaveLength(34)
  })

  test('after a second of quiet it acts again, and has the record of the RUNAWAY', () => {
    const script = 'IF [ ERRN(T1) > ERRORS ] THEN LOG "more" FI IF [ FAULTY T1 ] THEN RESTART T1 FI'.replace('ERRORS', '34')
    const history = [...Array.from({ length: 33 }, () => 'error T1 9 @5'), 'error T1 9 @1005']
    expect(actions(script, history).slice(-2)).toEqual(['1005 LOG = more', '1005 RESTART T1'])
  })

  test('33 different targets are no runaway', () => {
    const script = 'IF [ FAULTY T* ] THEN RESTART @1 FI'
    expect(
      actions(
        script,
        Array.from({ length: 40 }, (_, n) => `error T${n} 9`),
      ),
    ).toHaveLength(40)
  })
})

describe('SPEC 3.1 and 5.3, watchdogs', () => {
  const watchdog = (clause: string): string => `TASK 1 = "w" IS NODE 4, TASKID 1 TASK 2 = "o" IS NODE 4, TASKID 2
    WATCHDOG 8 WATCHES TASK 1 HEARTBEATS EVERY 100 MS ${clause} END WATCHDOG`

  test('armed by the first heartbeat; it fires when none has come by the time it is due, once', () => {
    expect(actions(watchdog('ON ERROR RESTART'), ['phase T1 1 @5000', 'end @9000'])).toEqual([])
    expect(actions(watchdog('ON ERROR RESTART'), ['heartbeat T1 @10', 'heartbeat T1 @110', 'end @209'])).toEqual([])
    expect(actions(watchdog('ON ERROR RESTART'), ['heartbeat T1 @10', 'end @9000'])).toEqual(['110 RESTART T1'])
    expect(actions(watchdog('ON ERROR RESTART'), ['heartbeat T1 @10', 'heartbeat T1 @500', 'end @9000'])).toEqual([
      '110 RESTART T1',
      '600 RESTART T1',
    ])
  })

  test('`end` lets those due by then fire, without it those due by the last event', () => {
    expect(actions(watchdog('ON ERROR RESTART'), ['heartbeat T1 @10', 'end @110'])).toEqual(['110 RESTART T1'])
    expect(actions(watchdog('ON ERROR RESTART'), ['heartbeat T1 @10', 'ok T2 @109'])).toEqual([])
    expect(actions(watchdog('ON ERROR RESTART'), ['heartbeat T1 @10', 'ok T2 @110'])).toEqual(['110 RESTART T1'])
  })

  test('a firing comes before the events of the same time, among which a heartbeat is in time', () => {
    const script = `${watchdog('')} IF [ FIRED T8 ] THEN LOG "fired" CLEAR T8 FI IF [ PHASE(T2) == 1 ] THEN LOG "phase" FI`
    expect(actions(script, ['heartbeat T1 @10', 'phase T2 1 @110'])).toEqual([
      '110 LOG = fired',
      '110 CLEAR T8',
      '110 LOG = phase',
    ])
    expect(actions(script, ['heartbeat T1 @10', 'phase T2 1 @110', 'heartbeat T1 @110'])).toEqual(['110 LOG = phase'])
  })

  test('it notifies an error of the watched task with code 1, which starts a pass after its ON ERROR action', () => {
    const script = `${watchdog('ON ERROR WARN TASK 2')} IF [ ERRT(T1) == 1 AND FIRED T8 ] THEN LOG "seen" STOP T1 FI`
    expect(actions(script, ['heartbeat T1 @0', 'end @100'])).toEqual(['100 WARN T2', '100 LOG = seen', '100 STOP T1'])
  })

  test('ON ERROR RESTART settles the record at the end of the pass; REBOOT is of the node of the watched task', () => {
    const later = 'IF [ FAULTY T1 ] THEN LOG CLOCK FI'
    expect(actions(`${watchdog('ON ERROR RESTART')} ${later}`, ['heartbeat T1 @0', 'phase T2 1 @150'])).toEqual([
      '100 RESTART T1',
      '100 LOG = 100',
    ])
    expect(actions(`${watchdog('ON ERROR WARN TASK 2')} ${later}`, ['heartbeat T1 @0', 'phase T2 1 @150']).at(-1)).toBe(
      '150 LOG = 150',
    )
    expect(actions(watchdog('ON ERROR REBOOT'), ['heartbeat T1 @0', 'end @100'])).toEqual(['100 REBOOT N4'])
  })

  test('its actions have the line of the ON ERROR clause', () => {
    const compiled = policyOf('WATCHDOG 8 WATCHES TASK 1\n HEARTBEATS EVERY 1 S\n ON ERROR\n RESTART\nEND WATCHDOG')
    expect(dryRun(compiled, '{"at":0,"kind":"heartbeat","entity":"T1"}\n{"at":1000,"kind":"end"}')).toEqual([
      { at: 1000, line: 3, action: 'RESTART', target: 'T1' },
    ])
  })

  test.each(['STOP T1', 'RESTART T1', 'ISOLATE T1', 'STOP N4', 'REBOOT N4', 'RESTART G3'])(
    'SPEC 11: %s disarms it until the next heartbeat',
    (action) => {
      const script = `${watchdog('ON ERROR WARN TASK 2')} LOGICAL 3 = "g" IS TASK 1 END IF [ ERRT(T2) == 5 ] THEN ${action} REMOVE ANY T2 FROM ERRORLIST FI`
      const found = actions(script, ['heartbeat T1 @0', 'error T2 5 @50', 'ok T2 @400', 'heartbeat T1 @500', 'end @900'])
      expect(found.filter((line) => line.includes('WARN'))).toEqual(['600 WARN T2'])
    },
  )

  test('a heartbeat counts for every watchdog of the task; firings at one time go by the number of the watchdog', () => {
    const script = `WATCHDOG 9 WATCHES TASK 1 HEARTBEATS EVERY 1 S ON ERROR WARN TASK 5 END WATCHDOG
      WATCHDOG 7 WATCHES TASK 2 HEARTBEATS EVERY 1 S ON ERROR WARN TASK 6 END WATCHDOG
      WATCHDOG 8 WATCHES TASK 1 HEARTBEATS EVERY 2 S ON ERROR WARN TASK 7 END WATCHDOG`
    expect(actions(script, ['heartbeat T1', 'heartbeat T2', 'end @5000'])).toEqual([
      '1000 WARN T6',
      '1000 WARN T5',
      '2000 WARN T7',
    ])
  })

  test('ALPHACOUNT inside the block is the filter of the watched task', () => {
    const script = `${watchdog('ALPHACOUNT IS THRESHOLD = 1.0, FACTOR = 0.5 END')} IF [ FAULTY T1 AND NOT TRANSIENT T1 ] THEN STOP T1 FI`
    expect(actions(script, ['error T1 4 @7'])).toEqual(['7 STOP T1'])
  })
})

describe('SPEC 3.1, the other blocks', () => {
  test('an N-version task is a group of its versions', () => {
    const script = `NVERSION TASK 9 VERSION 1 IS TASK 1 VERSION 2 IS TASK 2 VERSION 3 IS TASK 3 END NVERSION
      IF [ FAULTY G9 ] THEN WARN @1 SEND 1 ~1 STOP G9 FI`
    expect(actions(script, ['error T2 1'])).toEqual(['0 WARN T2', '0 SEND T1 = 1', '0 SEND T3 = 1', '0 STOP G9'])
  })

  test('what they detect is in the history already: in a dry run they do nothing of their own', () => {
    const script = `REPLICATED TASK 9 METHOD IS MODULAR REDUNDANCY REPLICA 1 IS TASK 1 REPLICA 2 IS TASK 2 REPLICA 3 IS TASK 3
        SPARE TASK 4 ON ERROR TASK 5 END REPLICATED
      RETRY-BLOCK TASK 10 ATTEMPTS 3 ACCEPTANCE TEST "a" ON ERROR TASK 5 END RETRY-BLOCK
      RECOVERY-BLOCK TASK 11 ALTERNATE 1 IS TASK 1 ACCEPTANCE TEST "a" ON ERROR TASK 5 END RECOVERY-BLOCK
      CONSENSUS-RECOVERY-BLOCK TASK 12 VERSION 1 IS TASK 1 VERSION 2 IS TASK 2 VERSION 3 IS TASK 3 ACCEPTANCE TEST "a" END CONSENSUS-RECOVERY-BLOCK
      STABILIZER 1 COPIES 3 CYCLES 5 ON ERROR TASK 5 END STABILIZER
      LOGICAL 2 = "g" IS TASK 1, 2, 3 END BARRIER 1 GROUP 2 TIMEOUT 5 MS END BARRIER
      INJECT MANAGERFAULT ON NODE 0 AFTER 1 TICKS
      IF [ RUNNING T9 AND RUNNING T10 AND RUNNING T11 AND RUNNING T12 AND FAULTY G2 ] THEN LOG "known" FI`
    expect(actions(script, ['error T1 1 @10', 'end @99999'])).toEqual(['10 LOG = known'])
  })
})

describe('histories that cannot be read: the line and what was expected there', () => {
  test.each([
    ['{"at":0', 'is no JSON'],
    ['[]', 'the line is []'],
    ['{"kind":"end"}', '"at" is missing'],
    ['{"at":-1,"kind":"end"}', '"at" is -1'],
    ['{"at":"1","kind":"end"}', '"at" is "1"'],
    ['{"at":4,"kind":"end"}', 'time goes back to 4'],
    ['{"at":5,"kind":"failure","entity":"T1"}', '"kind" is "failure"'],
    ['{"at":5,"kind":"error","code":1}', '"entity" is missing'],
    ['{"at":5,"kind":"error","entity":"X1","code":1}', '"entity" is "X1"'],
    ['{"at":5,"kind":"error","entity":"T01","code":1}', '"entity" is "T01"'],
    ['{"at":5,"kind":"error","entity":"T9999999999","code":1}', '"entity" is "T9999999999"'],
    ['{"at":5,"kind":"error","entity":"T1"}', '"code" is missing'],
    ['{"at":5,"kind":"error","entity":"T1","code":1.5}', '"code" is 1.5'],
    ['{"at":5,"kind":"error","entity":"T1","code":2147483648}', '"code" is 2147483648'],
    ['{"at":5,"kind":"phase","entity":"N1","value":1}', 'a task'],
    ['{"at":5,"kind":"phase","entity":"T1"}', '"value" is missing'],
    ['{"at":5,"kind":"heartbeat","entity":"G1"}', 'a task'],
    ['{"at":5,"kind":"status","entity":"T1","status":"up"}', 'waiting, running, stopped, isolated'],
    ['{"at":5,"kind":"status","entity":"N1","status":"running"}', 'up, down, isolated'],
    ['{"at":5,"kind":"status","entity":"G1","status":"running"}', 'a group has no status of its own'],
    ['{"at":5,"kind":"deadlock","entities":["T1"]}', '"entities" is ["T1"]'],
    ['{"at":5,"kind":"deadlock","entities":["T1","T1"]}', 'different tasks'],
    ['{"at":5,"kind":"deadlock","entities":["T1","N1"]}', 'different tasks'],
    ['{"at":5,"kind":"ok","entity":"T1","successes":-1}', '"successes" is -1'],
  ])('%s', (line, part) => {
    const before = '{"at":5,"kind":"ok","entity":"T1"}\r\n\r\n'
    expect(() => readHistory(before + line)).toThrow(
      expect.objectContaining({ code: 'PERDURE_E_HISTORY', data: { line: 3 }, message: expect.stringContaining(part) }),
    )
  })

  test('something after the `end`', () => {
    const text = '{"at":5,"kind":"end"}\n{"at":5,"kind":"ok","entity":"T1"}'
    expect(() => readHistory(text)).toThrow(expect.objectContaining({ data: { line: 2 } }))
  })

  test('blank lines, CRLF, a byte order mark and fields that nobody asks for are no errors', () => {
    expect(readHistory('\uFEFF{"at":5,"kind":"ok","entity":"T1","who":"me"}\r\n \n')).toEqual([
      { kind: 'ok', atUs: 5000, entity: { kind: 'task', number: 1 } },
    ])
  })
})

describe('SPEC 5.2, two orders of equal notifications', () => {
  /** Tasks that have nothing to do with each other. */
  const script = Array.from({ length: 4 }, (_, n) => {
    const task = `T${n}`
    return `IF [ FAULTY ${task} AND ERRN(${task}) > 2 ] THEN STOP ${task} REMOVE ANY ${task} FROM ERRORLIST ELIF [ TRANSIENT ${task} ] THEN RESTART ${task} FI`
  }).join('\n')
  const one = fc.record({
    task: fc.integer({ min: 0, max: 3 }),
    kind: fc.constantFrom('error', 'ok', 'phase', 'heartbeat'),
    value: fc.integer({ min: 1, max: 3 }),
  })
  const written = ({ task, kind, value }: { task: number; kind: string; value: number }, at: number): string =>
    kind === 'error' || kind === 'phase' ? `${kind} T${task} ${value} @${at}` : `${kind} T${task} @${at}`

  test('what happens at one time to entities that no rule joins comes to the same in either order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(one, one), { maxLength: 20 }), (pairs) => {
        const apart = pairs.filter(([a, b]) => a.task !== b.task)
        const inOrder = apart.flatMap(([a, b], at) => [written(a, at), written(b, at)])
        const swapped = apart.flatMap(([a, b], at) => [written(b, at), written(a, at)])
        expect(actions(script, swapped).sort()).toEqual(actions(script, inOrder).sort())
      }),
      { numRuns: 60 },
    )
  })

  test('the same history gives the same actions, with an observer or without', () => {
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), (events) => {
        const history = events.map((event, at) => written(event, at * 3))
        const seen: number[] = []
        const observed: DryRunOptions = { observer: { evaluated: (address) => seen.push(address) } }
        expect(actions(script, history, observed)).toEqual(actions(script, history))
      }),
      { numRuns: 30 },
    )
  })

  test('a guard that asks no more atoms than it needs comes to the same as one that is asked whole', () => {
    const { guard } = fc.letrec<{ guard: string }>((tie) => ({
      guard: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(
          'FAULTY T0',
          'FAULTY T1',
          'ERRN(T2) > 1',
          'STOPPED T3',
          'PHASE(T1) == 2',
          'RUNNING T*',
          'DEADLOCKED T0 T1',
        ),
        tie('guard').map((term) => `NOT ${term}`),
        fc.tuple(tie('guard'), tie('guard')).map(([left, right]) => `(${left} AND ${right})`),
        fc.tuple(tie('guard'), tie('guard')).map(([left, right]) => `(${left} OR ${right})`),
      ),
    }))
    const rest = 'WARN ~1'
    fc.assert(
      fc.property(fc.array(guard, { minLength: 3, maxLength: 3 }), fc.array(one, { maxLength: 15 }), ([a, b, c], events) => {
        const history = events.map((event, at) => written(event, at * 3))
        const nested = `IF [ ${a} ] THEN LOG 1 IF [ FAULTY T0 AND ${c} ] THEN LOG 2 ELSE ${rest} FI ELIF [ ${b} ] THEN STOP T3 ELSE LOG 4 FI`
        expect(actions(nested, history)).toEqual(actions(nested, history, { observer: { evaluated: () => undefined } }))
      }),
      { numRuns: 150 },
    )
  })
})
