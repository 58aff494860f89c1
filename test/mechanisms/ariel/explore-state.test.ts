/**
 * Which states an exploration may merge (K1 of `explore-state.ts`).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entitiesOf } from '../../../src/mechanisms/ariel/explore.ts'
import { StateKeys } from '../../../src/mechanisms/ariel/explore-state.ts'
import type { Notification } from '../../../src/support/backbone/notification.ts'
import { Rint } from '../../../src/support/backbone/rint.ts'
import { policyOf } from './dry.ts'

const PLANT = `TASK 1 = "a" IS NODE 0, TASKID 1
TASK 2 = "b" IS NODE 1, TASKID 1
LOGICAL 1 = "g" IS TASK 1, 2 END
`
const FILTERS = `ALPHACOUNT 1 IS THRESHOLD = 1.4, FACTOR = 0.5 END
ALPHACOUNT NODE 0 IS THRESHOLD = 1.4, FACTOR = 0.5, EVERY 3 S END
`

/** Each asks in another way. */
const POLICIES = {
  'status and FAULTY': 'IF [ FAULTY * ] THEN RESTART @1 FI IF [ STOPPED N0 ] THEN REBOOT N0 FI IF [ ISOLATED T1 ] THEN LOG 1 FI',
  'TRANSIENT and ALPHA':
    'IF [ TRANSIENT T1 ] THEN RESTART T1 ELIF [ FAULTY T1 ] THEN STOP T1 FI IF [ ALPHA(N0) > 1.2 ] THEN LOG 1 FI IF [ FAULTY N0 ] THEN REBOOT N0 FI',
  'ALPHA without a filter': 'IF [ ALPHA(T2) >= 2 AND FAULTY T2 ] THEN STOP T2 ELIF [ FAULTY T2 ] THEN RESTART T2 FI',
  'ERRN and REMOVE': 'IF [ ERRN(T1) == 3 ] THEN REMOVE 4 T1 FROM ERRORLIST LOG 3 ELIF [ FAULTY T1 ] THEN RESTART T1 FI',
  'ERRN beyond its limit': 'IF [ FAULTY T1 ] THEN RESTART T1 FI IF [ ERRN(T1) == 2 OR ERRN(N0) <= 1 ] THEN LOG 2 FI',
  STARTED: 'IF [ FAULTY T1 ] THEN START T2 REMOVE ANY T1 FROM ERRORLIST FI IF [ STARTED T2 ] THEN LOG 1 FI',
  ERRT: 'IF [ ERRT(T1) == 4 AND FAULTY T1 ] THEN RESTART T1 FI IF [ ERRT(N1) != 0 ] THEN REMOVE ANY N1 FROM ERRORLIST FI',
  ELAPSED:
    'IF [ FAULTY T1 AND ELAPSED(T2) <= 2 S ] THEN STOP T1 ELIF [ ELAPSED(T1) > 1 S AND FAULTY T1 ] THEN RESTART T1 FI IF [ FAULTY T2 ] THEN START T2 FI',
  'RESTARTED and STARTED':
    'IF [ FAULTY G1 AND RESTARTED(G1) < 2 ] THEN RESTART @1 ELIF [ FAULTY G1 ] THEN STOP @1 FI IF [ STARTED T2 AND RESTARTED T1 ] THEN LOG 1 FI',
  'REBOOTED and REINTEGRATED':
    'IF [ FAULTY N0 AND NOT REBOOTED N0 ] THEN REBOOT N0 ELIF [ FAULTY N0 ] THEN SHUTDOWN N0 FI IF [ REINTEGRATED N1 ] THEN LOG 1 FI',
  variables: 'IF [ FAULTY T1 AND VAL(A) < 2 ] THEN LET A = A + 1 RESTART T1 ELIF [ FAULTY T1 ] THEN LET A = 0 STOP T1 FI',
  'variables by way of others':
    'IF [ FAULTY T1 ] THEN LET B = B + 1 LET C = C + 7 RESTART T1 FI IF [ FAULTY T2 ] THEN LET A = B * 2 - 1 STOP T2 FI IF [ VAL(A) > 2 ] THEN LOG 1 FI',
  'one entity only':
    'IF [ FAULTY * ] THEN RESTART @1 FI IF [ (STARTED T2 AND RESTARTED(T1) >= 2) OR (REBOOTED N0 AND REINTEGRATED N1) ] THEN LOG 1 FI',
  'ERR WARN': 'IF [ FAULTY T1 ] THEN ERR 4 N0 WARN T2 RESTART T1 FI',
}

const STEP_US = 1_000_000

/** How many errors are still to come. */
const COMING = [Number.POSITIVE_INFINITY, 2, 1]

describe('K1: states with one key', () => {
  test.each(Object.entries(POLICIES))('of a policy that asks about %s do the same from there on', (_, script) => {
    const policy = policyOf(PLANT + FILTERS + script)
    const rint = new Rint(policy, { pauses: 'skip' })
    const entities = entitiesOf(policy)
    const keys = new StateKeys(policy, rint.database, entities)
    const events = entities.flatMap((entity) => {
      const kinds = ['error', 'ok', ...(entity.kind === 'node' ? ['up', 'down'] : [])]
      return kinds.map((kind) => (atUs: number): Notification => {
        if (kind === 'error') return { kind, atUs, entity, code: 4 }
        return kind === 'ok' ? { kind, atUs, entity } : { kind: 'status', atUs, entity, status: kind as 'up' | 'down' }
      })
    })
    const root = rint.snapshot()
    /** By what is to come and key: what each next notification leads to. */
    const futures = new Map<string, readonly string[]>()
    let merged = 0
    const histories = fc.array(fc.nat(events.length - 1), { maxLength: 7 })
    for (const history of fc.sample(histories, { numRuns: 200, seed: 7 })) {
      rint.load(root)
      for (const [at, event] of history.entries())
        rint.notify((events[event] as (atUs: number) => Notification)((at + 1) * STEP_US))
      const state = rint.snapshot()
      const keysNow = COMING.map((coming) => `${coming} ${keys.of(history.length * STEP_US, coming)}`)
      const next = events.map((event) => {
        rint.load(state)
        const atUs = (history.length + 1) * STEP_US
        const performed = rint.notify(event(atUs)).map(({ line, action, target, value }) => [line, action, target, value])
        return COMING.map((coming) => `${JSON.stringify(performed)} ${keys.of(atUs, coming - 1)}`)
      })
      for (const [at, key] of keysNow.entries()) {
        const future = next.map((after) => after[at] as string)
        const known = futures.get(key)
        if (known === undefined) futures.set(key, future)
        else {
          merged += 1
          expect(future).toEqual(known)
        }
      }
    }
    expect(merged).toBeGreaterThan(20)
  })

  test('are those between which only counts differ that no guard can see', () => {
    const keyAfter = (script: string, ...entities: readonly ('task' | 'node')[]): string => {
      const policy = policyOf(PLANT + script)
      const rint = new Rint(policy, { pauses: 'skip' })
      const keys = new StateKeys(policy, rint.database, entitiesOf(policy))
      for (const [at, kind] of entities.entries())
        rint.notify({ kind: 'error', atUs: (at + 1) * STEP_US, entity: { kind, number: 1 }, code: 4 })
      return keys.of(entities.length * STEP_US)
    }
    const acting = 'IF [ FAULTY T* OR FAULTY N* ] THEN LET A = A + 1 LOG A RESTART @1 RESTART @2 FI'
    const isMerged = (asking: string): boolean => keyAfter(acting + asking, 'task', 'node', 'task') === keyAfter(acting + asking)
    // Restarts, reboots, settled records, a variable that is only written down, and the time.
    expect(isMerged('')).toBe(true)
    expect(isMerged(' IF [ STARTED T2 OR RESTARTED(T2) > 1 OR REBOOTED N0 OR ELAPSED(T2) < 1 S ] THEN LOG 1 FI')).toBe(true)
    for (const asking of ['STARTED T1', 'RESTARTED(G1) > 1', 'REBOOTED N*', 'ELAPSED(N1) < 1 S', 'VAL(A) > 1', 'ERRT(T1) == 4'])
      expect(isMerged(` IF [ ${asking} ] THEN LOG 1 FI`), asking).toBe(false)
  })

  test('are those whose scores and counts cannot come to what matters with the errors that are still to come', () => {
    const policy = policyOf(`${PLANT + FILTERS}IF [ TRANSIENT T1 ] THEN RESTART T1 ELIF [ FAULTY T1 ] THEN STOP T1 FI
      IF [ FAULTY T2 AND ERRN(T2) >= 3 ] THEN STOP T2 ELIF [ FAULTY T2 ] THEN RESTART T2 FI`)
    const rint = new Rint(policy, { pauses: 'skip' })
    const keys = new StateKeys(policy, rint.database, entitiesOf(policy))
    const before = [0, 1, 2].map((coming) => keys.of(0, coming))
    rint.notify({ kind: 'error', atUs: STEP_US, entity: { kind: 'task', number: 1 }, code: 4 })
    rint.notify({ kind: 'error', atUs: STEP_US, entity: { kind: 'task', number: 2 }, code: 4 })
    // T1 has a score of 1, which one error more brings above 1.4; T2 has one record, which two more make three.
    expect([0, 1, 2].map((coming) => keys.of(STEP_US, coming) === before[coming])).toEqual([true, false, false])
    rint.notify({ kind: 'ok', atUs: STEP_US, entity: { kind: 'task', number: 1 }, successes: 2 })
    expect([0, 1, 2].map((coming) => keys.of(STEP_US, coming) === before[coming])).toEqual([true, true, false])
  })
})
