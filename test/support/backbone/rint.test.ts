/**
 * The interpreter by itself: PAUSE, snapshots, bounds, and programs that could not run.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../../../src/mechanisms/ariel/ariel.ts'
import { MAX_CODES } from '../../../src/support/backbone/error-list.ts'
import type { Notification } from '../../../src/support/backbone/notification.ts'
import type { Performed } from '../../../src/support/backbone/performed.ts'
import { OPCODES, type RCode, type Triplet } from '../../../src/support/backbone/rcode.ts'
import { MAX_PAUSE_US, MAX_WAITING, type Policy, Rint, type RintState } from '../../../src/support/backbone/rint.ts'

const T = (number: number) => ({ kind: 'task', number }) as const
const error = (number: number, atUs: number, code = 1): Notification => ({ kind: 'error', atUs, entity: T(number), code })

function policy(script: string): Policy {
  const compiled = compile(script)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics))
  return compiled
}

const brief = (performed: readonly Performed[]): string[] =>
  performed.map(({ atUs, action, target, value }) => `${atUs} ${action} ${target?.number ?? value}`)

/** A state as it comes back from where it was kept. */
const kept = (state: RintState): RintState => JSON.parse(JSON.stringify(state))

describe('SPEC 4.2, PAUSE', () => {
  const script = `IF [ FAULTY T* ] THEN
      LOG 1 PAUSE 2 RESTART @1 AND WARN T9
    FI
    IF [ FAULTY T2 ] THEN LOG 2 FI`

  test('the rest of the pass goes on afterwards, with what it had found; the records settle then', () => {
    const rint = new Rint(policy(script))
    expect(brief(rint.notify(error(1, 0)))).toEqual(['0 LOG 1', '0 PAUSE 2000'])
    expect(rint.resumeUs).toBe(2_000_000)
    expect(rint.resume(1_999_999)).toEqual([])
    expect(rint.database.task(1).errors.open).toBe(1)
    expect(brief(rint.resume(2_000_000))).toEqual(['2000000 RESTART 1', '2000000 WARN 9'])
    expect([rint.resumeUs, rint.database.task(1).errors.open]).toEqual([undefined, 0])
  })

  test('notifications that arrive meanwhile wait, not yet in the database, and get their own passes in order', () => {
    const rint = new Rint(policy(script))
    rint.notify(error(1, 0))
    expect(rint.notify(error(2, 10))).toEqual([])
    expect(rint.notify({ kind: 'ok', atUs: 20, entity: T(3) })).toEqual([])
    expect([rint.database.task(2).errors.count, rint.database.task(3).known]).toEqual([0, false])
    expect(brief(rint.resume(2_000_000))).toEqual(['2000000 RESTART 1', '2000000 WARN 9', '2000000 LOG 1', '2000000 PAUSE 2000'])
    expect([rint.database.task(2).errors.latest?.atUs, rint.database.task(3).known]).toEqual([10, false])
    expect(brief(rint.resume(4_000_000))).toEqual(['4000000 RESTART 2', '4000000 WARN 9', '4000000 LOG 2'])
    expect(rint.database.task(3).known).toBe(true)
  })

  test('guards that were left early leave nothing on the stack', () => {
    const rint = new Rint(policy('IF [ FAULTY T1 AND FAULTY T2 AND FAULTY T3 ] THEN STOP T1 ELSE PAUSE 1 FI'))
    rint.notify(error(1, 0))
    expect(rint.snapshot().suspended?.pass.stack).toEqual([])
  })

  test('it lasts no longer than MAX_PAUSE', () => {
    const rint = new Rint(policy('IF [ FAULTY T1 ] THEN PAUSE 1000000 FI'))
    rint.notify(error(1, 5))
    expect(rint.resumeUs).toBe(5 + MAX_PAUSE_US)
  })

  test('too many that wait are refused and change nothing', () => {
    const rint = new Rint(policy(script))
    rint.notify(error(1, 0))
    for (let n = 0; n < MAX_WAITING; n += 1) rint.notify({ kind: 'ok', atUs: 1, entity: T(3) })
    expect(() => rint.notify(error(2, 2))).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
    expect(rint.snapshot().waiting).toHaveLength(MAX_WAITING)
  })
})

describe('SPEC 5, snapshots', () => {
  const script = `TASK 1 = "a" IS NODE 0, TASKID 1 TASK 2 = "b" IS NODE 1, TASKID 1 TASK 3 = "c" IS NODE 1, TASKID 2
    LOGICAL 1 = "g" IS TASK 1, 2 END
    ALPHACOUNT 1 IS THRESHOLD = 2.0, FACTOR = 0.3, EVERY 5 MS END
    WATCHDOG 3 WATCHES TASK 1 HEARTBEATS EVERY 9 MS ON ERROR RESTART END WATCHDOG
    IF [ TRANSIENT T1 ] THEN LET A = A + 1 RESTART T1 PAUSE 3 MS ELIF [ FAULTY G1 AND ERRN(T2) > 1 ] THEN STOP @1 PAUSE 7 MS WARN ~1 LOG A FI
    IF [ DEADLOCKED T1 T2 OR REINTEGRATED N1 OR PHASE(T2) == 2 ] THEN REMOVE ANY T2 FROM ERRORLIST SEND 1 G1 FI
    IF [ FIRED T3 AND ELAPSED(T1) < 4 MS ] THEN CLEAR T3 LOG "fired" FI`
  const program = policy(script)
  const task = fc.integer({ min: 1, max: 2 }).map(T)
  const what = fc.oneof(
    fc.record({ kind: fc.constant('error' as const), entity: task, code: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constantFrom('ok' as const, 'heartbeat' as const), entity: task }),
    fc.record({ kind: fc.constant('phase' as const), entity: task, value: fc.integer({ min: 0, max: 2 }) }),
    fc.record({
      kind: fc.constant('status' as const),
      entity: fc.constant({ kind: 'node' as const, number: 1 }),
      status: fc.constantFrom('up' as const, 'down' as const),
    }),
    fc.constant({ kind: 'deadlock' as const, entities: [T(1), T(2)] }),
    fc.constant({ kind: 'fired' as const, watchdog: 3 }),
    fc.constant({ kind: 'resume' as const }),
  )
  type Step = Notification | { readonly kind: 'resume'; readonly atUs: number }
  const steps = fc.array(what, { maxLength: 40 }).map((all) => all.map((each, n) => ({ ...each, atUs: n * 1700 }) as Step))
  const play = (rint: Rint, all: readonly Step[]): string[] =>
    all.flatMap((step) => brief(step.kind === 'resume' ? rint.resume(step.atUs) : rint.notify(step)))

  test('a Rint made from a snapshot taken at any point goes on the same', () => {
    fc.assert(
      fc.property(steps, fc.nat(40), (all, cut) => {
        const whole = new Rint(program)
        const first = new Rint(program)
        const expected = play(whole, all)
        const before = play(first, all.slice(0, cut))
        const second = new Rint(program, {}, kept(first.snapshot()))
        expect([...before, ...play(second, all.slice(cut))]).toEqual(expected)
        expect(second.snapshot()).toEqual(whole.snapshot())
      }),
      { numRuns: 150 },
    )
  })

  test('SPEC 10, hot reload: under a new program the database and the variables stay, and what it declares anew is running', () => {
    const before = new Rint(policy('TASK 1 = "a" IS NODE 0, TASKID 1 IF [ FAULTY T1 ] THEN LET A = 5 STOP T1 FI'))
    before.notify(error(1, 0))
    const after = `TASK 1 = "a" IS NODE 0, TASKID 1 TASK 2 = "b" IS NODE 0, TASKID 2
      IF [ STOPPED T1 AND ERRN(T1) == 1 AND RUNNING T2 ] THEN LOG A FI`
    const rint = new Rint(policy(after), {}, kept(before.snapshot()))
    expect(brief(rint.notify({ kind: 'phase', atUs: 1, entity: T(1), value: 1 }))).toEqual(['1 LOG 5'])
  })

  test('a runaway is counted on over a snapshot', () => {
    const repeating = policy('IF [ FAULTY T1 ] THEN RESTART T1 FI')
    let rint = new Rint(repeating)
    const performed: Performed[] = []
    for (let n = 0; n < 40; n += 1) {
      performed.push(...rint.notify(error(1, n)))
      rint = new Rint(repeating, {}, kept(rint.snapshot()))
    }
    expect(performed).toHaveLength(32)
  })
})

describe('SPEC 5.1, the database', () => {
  test('an ACTION_FAILED record carries the status that was observed, and starts a pass', () => {
    const rint = new Rint(policy('IF [ ERRT(T1) == 2 AND STOPPED T1 ] THEN WARN T9 FI'))
    const failed: Notification = { kind: 'error', atUs: 4, entity: T(1), code: 2, status: 'stopped' }
    expect(brief(rint.notify(failed))).toEqual(['4 WARN 9'])
  })

  test('successes that the owner has counted come before the judgement of the record that reports them', () => {
    const script = policy('ALPHACOUNT 1 IS THRESHOLD = 9.0, FACTOR = 0.5 END IF [ ALPHA(T1) == 1.25 ] THEN LOG 1 FI')
    const together = new Rint(script)
    together.notify(error(1, 0))
    expect(brief(together.notify({ ...error(1, 9), successes: 2 } as Notification))).toEqual(['9 LOG 1'])
    const single = new Rint(script)
    single.notify(error(1, 0))
    for (const atUs of [1, 2]) single.notify({ kind: 'ok', atUs, entity: T(1) })
    expect(brief(single.notify(error(1, 9)))).toEqual(['9 LOG 1'])
  })

  test('SPEC 7.4: a heartbeat that was due and came in time is a success, the one that arms and a late one are none', () => {
    const rint = new Rint(
      policy(`WATCHDOG 8 WATCHES TASK 1 HEARTBEATS EVERY 10 US ALPHACOUNT IS THRESHOLD = 9.0, FACTOR = 0.5 END END WATCHDOG
        IF [ FAULTY T1 ] THEN LOG 1 FI`),
    )
    const alphaAfter = (atUs: number): number => {
      rint.notify({ kind: 'heartbeat', atUs, entity: T(1) })
      return rint.database.task(1).alpha.value
    }
    rint.notify(error(1, 0))
    expect([alphaAfter(100), alphaAfter(110), alphaAfter(121)]).toEqual([1, 0.5, 0.5])
  })

  test('SPEC 11: ALPHA is as of the last record about the entity', () => {
    const rint = new Rint(
      policy('ALPHACOUNT 1 IS THRESHOLD = 9.0, FACTOR = 0.5, EVERY 10 US END IF [ ALPHA(T1) < 1.0 ] THEN LOG 1 FI'),
    )
    rint.notify(error(1, 0))
    expect(rint.notify(error(2, 25))).toEqual([])
    expect(brief(rint.notify({ kind: 'phase', atUs: 25, entity: T(1), value: 1 }))).toEqual(['25 LOG 1'])
  })

  test('a notification that no row can take is refused and changes nothing', () => {
    const rint = new Rint(policy('IF [ FAULTY T1 ] THEN RESTART T1 FI'))
    for (let code = 0; code < MAX_CODES; code += 1) rint.notify(error(2, 0, code))
    const before = rint.snapshot()
    expect(() => rint.notify(error(2, 5, MAX_CODES))).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    expect(() => rint.notify({ kind: 'fired', atUs: 5, watchdog: 4 })).toThrow(
      expect.objectContaining({ code: 'PERDURE_E_USAGE' }),
    )
    expect(rint.snapshot()).toEqual(before)
    expect(rint.notify(error(2, 6, 3))).toEqual([])
  })
})

describe('SPEC 6, programs that could not run are refused', () => {
  const O = OPCODES
  const rcode = (...code: Triplet[]): RCode => ({ rcode: 1, code, lines: code.map(() => 1), strings: [] })
  const { topology } = policy('')
  const STOP: Triplet = [O.STOP, -1, -1]

  test.each<[string, Triplet[], number]>([
    ['no STOP', [[O.INC_NEST, -1, -1]], 0],
    ['an unknown opcode', [[40, -1, -1], STOP], 0],
    ['an operand of more than 32 bits', [[O.PUSH, 2 ** 31, -1], STOP], 0],
    ['a jump back', [[O.PUSH, 1, -1], [O.FALSE, 0, -1], STOP], 1],
    ['a jump out of the program', [[O.GOTO, 9, -1], STOP], 0],
    ['an empty stack', [[O.AND, -1, -1], STOP], 0],
    ['code that is never reached', [STOP, [O.INC_NEST, -1, -1], STOP], 1],
    ['stacks of different depth', [[O.PUSH, 1, -1], [O.FALSE, 2, -1], [O.PUSH, 1, -1], STOP], 3],
    ['a section that is left but not entered', [[O.DEC_NEST, -1, -1], STOP], 0],
    ['a test without an ordinal', [[O.INC_NEST, -1, -1], [O.FAULTY, 18, 1], STOP], 1],
    ['a set of no test', [[O.INC_NEST, -1, -1], [O.KILL, -1, 0], STOP], 1],
    ['a $ that leads to no atom', [[O.KILL, 64 + 2, -1], STOP], 0],
    ['an entity without a kind', [[O.KILL, 16, 1], STOP], 0],
    ['a variable that there is not', [[O.LOGV, 26, -1], STOP], 0],
    ['a string that there is not', [[O.LOGS, 0, -1], STOP], 0],
    ['a comparison that there is not', [[O.PUSH, 1, -1], [O.COMPARE, 7, 1], STOP], 1],
    ['arguments that are not there', [[O.PUSH, 1, -1], [O.CALL, 3, -1], STOP], 1],
    ['a number of arguments that is not constant', [[O.GET, 1, -1], [O.CALL, 3, -1], STOP], 1],
  ])('%s', (_, code, address) => {
    const make = (): Rint => new Rint({ rcode: rcode(...code), topology })
    expect(make).toThrow(expect.objectContaining({ code: 'PERDURE_E_RCODE', data: { address } }))
  })

  test('an empty program', () => {
    expect(() => new Rint({ rcode: rcode(), topology })).toThrow(expect.objectContaining({ code: 'PERDURE_E_RCODE' }))
  })
})
