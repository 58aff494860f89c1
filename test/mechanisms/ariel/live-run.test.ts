/** A policy at work on notifications as they come: one engine with the dry run (SPEC 5.2, 5.3, 10; issue 6, point 4). */
import fc from 'fast-check'
import { compile, dryRun, type HistoryEvent, type ListedAction, readHistory } from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import type { PerdureError } from '../../../src/errors.ts'
import { LiveRun } from '../../../src/mechanisms/ariel/live-run.ts'
import { MAX_CODES } from '../../../src/support/backbone/error-list.ts'
import { MAX_WAITING, type Policy } from '../../../src/support/backbone/rint.ts'

const TWO_WATCHED = `TASK 1 = "pump" IS NODE 0, TASKID 1
TASK 2 = "valve" IS NODE 0, TASKID 2
WATCHDOG 10 WATCHES TASK 1 HEARTBEATS EVERY 5 MS ON ERROR RESTART END WATCHDOG
WATCHDOG 11 WATCHES TASK 2 HEARTBEATS EVERY 7 MS ON ERROR WARN TASK 1 END WATCHDOG
ALPHACOUNT 1 IS THRESHOLD = 2.0, FACTOR = 0.5 END
IF [ FAULTY T1 AND TRANSIENT T1 ] THEN LOG 1 ELIF [ FAULTY T1 ] THEN STOP T1 FI
IF [ FIRED T11 ] THEN CLEAR T11 FI
IF [ FAULTY N0 ] THEN LET B = B + 1 LOG B FI`

function policyOf(script: string): Policy {
  const compiled = compile(script)
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'))
  return compiled
}

class Stage {
  readonly performed: ListedAction[] = []
  readonly refused: PerdureError[] = []
  readonly recorded: HistoryEvent[] = []
  readonly live: LiveRun

  constructor(script: string) {
    const perform = (action: ListedAction) => this.performed.push(action)
    this.live = new LiveRun(policyOf(script), { perform, refuse: (reason) => this.refused.push(reason) })
  }

  /** A line of a history comes at this time. */
  come(nowUs: number, event: object): void {
    const atUs = this.live.arrival(nowUs)
    const [read] = readHistory(JSON.stringify({ at: atUs / 1000, ...event })) as [HistoryEvent]
    this.recorded.push(read)
    this.live.take(read)
    this.live.advance(nowUs)
  }

  brief(): string[] {
    return this.performed.map(({ at, action, target, value }) => [at, action, target ?? value].join(' '))
  }
}

const beat = (entity: string) => ({ kind: 'heartbeat', entity })
const error = (entity: string, code = 12) => ({ kind: 'error', entity, code })

describe('a live run', () => {
  test('performs what a dry run of its record performs, whenever it is driven', () => {
    const kinds = fc.constantFrom(beat('T1'), beat('T2'), error('T1'), error('N0'), { kind: 'ok', entity: 'T1' })
    const arrivals = fc.array(fc.record({ afterUs: fc.constantFrom(0, 0, 1, 999, 1_000, 2_500, 5_000, 7_001), event: kinds }))
    fc.assert(
      fc.property(arrivals, fc.boolean(), (coming, isDrivenBetween) => {
        const stage = new Stage(TWO_WATCHED)
        let nowUs = 0
        for (const { afterUs, event } of coming) {
          for (let due = stage.live.nextUs; isDrivenBetween && due !== undefined && due < nowUs + afterUs; ) {
            stage.live.advance(due + 1)
            due = stage.live.nextUs
          }
          nowUs += afterUs
          stage.come(nowUs, event)
        }
        stage.come(nowUs + 3_000, { kind: 'end' })
        expect(stage.performed).toEqual(dryRun(policyOf(TWO_WATCHED), stage.recorded))
      }),
      { numRuns: 400 },
    )
  })

  test('says when the next watchdog fires, and fires it only when that time is past', () => {
    const stage = new Stage(TWO_WATCHED)
    expect(stage.live.nextUs).toBeUndefined()
    stage.come(100, beat('T1'))
    expect(stage.live.nextUs).toBe(5_100)
    stage.live.advance(5_100)
    expect(stage.performed).toEqual([])
    stage.live.advance(5_101)
    expect(stage.brief()).toEqual(['5.1 RESTART T1', '5.1 LOG 1'])
  })

  test('waits while a PAUSE lasts: notifications and firings have their passes afterwards, in the order of their times', () => {
    const stage = new Stage(`TASK 1 = "pump" IS NODE 0, TASKID 1
WATCHDOG 10 WATCHES TASK 1 HEARTBEATS EVERY 5 MS ON ERROR WARN TASK 1 END WATCHDOG
IF [ ERRT(T1) == 12 AND FAULTY T1 ] THEN PAUSE 20 MS LOG 1 FI
IF [ FAULTY N0 ] THEN LOG 2 FI`)
    stage.come(0, beat('T1'))
    stage.come(1_000, error('T1'))
    expect(stage.brief()).toEqual(['1 PAUSE 20'])
    expect([stage.live.isIdle, stage.live.nextUs]).toEqual([false, 21_000])
    stage.come(4_000, beat('T1'))
    stage.come(12_000, beat('T1'))
    stage.come(12_500, error('N0'))
    stage.live.advance(20_999)
    expect([stage.performed.length, stage.live.waiting]).toEqual([1, 3])
    stage.live.advance(21_001)
    // The heartbeat at 4 ms came in time, the one at 12 ms after the 9 ms at which it was due, and then none until 17 ms. What only
    // LOGs settles nothing: it is done in every pass.
    expect(stage.brief().slice(1)).toEqual(['21 LOG 1', '21 WARN T1', '21 LOG 2', '21 WARN T1', '21 LOG 2'])
    expect(stage.live.isIdle).toBe(true)
  })

  test('refuses a notification that no row can take, and goes on as if it had not come', () => {
    const stage = new Stage('IF [ FAULTY T1 ] THEN LOG 1 FI')
    for (let code = 1; code <= MAX_CODES + 1; code += 1) stage.come(code, error('N0', code + 10))
    expect(stage.refused.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^N0 has error records of 1024 different/),
    ])
    stage.come(5_000, error('N0', 11))
    expect(stage.refused).toHaveLength(1)
  })

  test('holds no more notifications than may wait for the end of a PAUSE', () => {
    const stage = new Stage('IF [ FAULTY T1 ] THEN PAUSE 1 S FI')
    stage.come(0, error('T1'))
    for (let n = 1; n <= MAX_WAITING; n += 1) stage.live.take({ kind: 'heartbeat', atUs: n, entity: { kind: 'task', number: 1 } })
    expect(stage.live.waiting).toBe(MAX_WAITING)
    expect(() => stage.come(MAX_WAITING + 1, error('T1'))).toThrow(expect.objectContaining({ code: 'PERDURE_E_BUSY' }))
  })
})

describe('SPEC 10, hot reload', () => {
  const COUNTING = 'IF [ FAULTY N0 ] THEN LET B = B + 1 LOG B FI'

  test('the database, the variables and the times of the watchdogs stay', () => {
    const stage = new Stage(TWO_WATCHED)
    stage.come(0, beat('T1'))
    stage.come(1_000, error('N0'))
    stage.live.reload(
      policyOf(TWO_WATCHED.replace('LOG B', 'LET B = B + 10 LOG B').replace('ON ERROR RESTART', 'ON ERROR WARN TASK 2')),
    )
    stage.come(2_000, error('N0'))
    stage.live.advance(6_000)
    expect(stage.brief()).toEqual(['1 LOG 1', '2 LOG 12', '5 WARN T2', '5 LOG 1', '5 LOG 23'])
    stage.come(6_000, beat('T1'))
    expect(stage.live.nextUs).toBe(11_000)
  })

  test('a watchdog that is gone fires no more, and a new one waits for its first heartbeat', () => {
    const stage = new Stage(TWO_WATCHED)
    stage.come(0, beat('T1'))
    stage.live.reload(policyOf(TWO_WATCHED.replace('WATCHDOG 10 ', 'WATCHDOG 12 ')))
    stage.live.advance(50_000)
    expect(stage.performed).toEqual([])
    stage.come(60_000, beat('T1'))
    expect(stage.live.nextUs).toBe(65_000)
  })

  test('takes over between passes: one that a PAUSE interrupts ends as it began', () => {
    const stage = new Stage('IF [ FAULTY N0 ] THEN LOG 1 PAUSE 10 MS LOG 2 FI')
    stage.come(0, error('N0'))
    stage.live.reload(policyOf(COUNTING))
    stage.come(1_000, error('N0'))
    stage.live.advance(10_001)
    expect(stage.brief()).toEqual(['0 LOG 1', '0 PAUSE 10', '10 LOG 2', '10 LOG 1'])
  })
})
