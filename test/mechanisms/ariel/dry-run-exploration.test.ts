/**
 * What can happen to a small system (SPEC 10; issue 6, point 4).
 */
import { explore } from 'perdure/ariel'
import { describe, expect, test } from 'vitest'
import { policyOf } from './dry.ts'

const PLANT = `TASK 1 = "a" IS NODE 0, TASKID 1
TASK 2 = "b" IS NODE 0, TASKID 2 `

const found = (script: string, depth = 3) => explore(policyOf(PLANT + script), { depth })

describe('exploration', () => {
  test('a policy that answers every fault has no findings', () => {
    const sound = found('IF [ FAULTY * ] THEN RESTART @1 FI')
    expect(sound).toMatchObject({ complete: true, livelocks: [], unmended: [], slowest: { passes: 0 } })
    expect(sound.states).toBeLessThan(30)
  })

  test('livelock: the policy acts for ever on what it does not mend; the shortest way into it is shown', () => {
    const { livelocks } = found('IF [ FAULTY T1 ] THEN SEND 4 T2 FI IF [ FAULTY T2 OR FAULTY N0 ] THEN RESTART T2 REBOOT N0 FI')
    expect(livelocks).toEqual([{ path: ['error T1'], actions: ['SEND T2 4'], faulty: ['T1'] }])
  })

  test('livelock: two sections that undo what the other does', () => {
    const script = `IF [ FAULTY * ] THEN RESTART @1 FI
      IF [ STOPPED N0 AND RUNNING T1 ] THEN STOP T1 ELIF [ STOPPED N0 AND STOPPED T1 ] THEN START T1 FI`
    const { livelocks } = found(script)
    expect(livelocks.map(({ path }) => path)).toEqual([['down N0']])
    expect(livelocks[0]?.actions.toSorted()).toEqual(['START T1', 'STOP T1'])
  })

  test('unmended: a fault about which nothing is done', () => {
    const { unmended, livelocks } = found(
      'IF [ FAULTY T1 AND ERRN(T1) < 2 ] THEN RESTART T1 FI IF [ FAULTY N0 ] THEN REBOOT N0 FI',
    )
    expect(livelocks).toEqual([])
    expect(unmended).toEqual([
      { path: ['error T2'], actions: [], faulty: ['T2'] },
      { path: ['error T1', 'error T1'], actions: [], faulty: ['T1'] },
    ])
  })

  test('time to recovery: the most passes it takes until nothing is faulty and nothing is done', () => {
    const script = `IF [ FAULTY N0 ] THEN REBOOT N0 FI IF [ FAULTY T1 ] THEN RESTART T1 FI
      IF [ FAULTY T2 AND VAL(A) < 2 ] THEN LET A = A + 1 ELIF [ FAULTY T2 ] THEN RESTART T2 LET A = 0 FI`
    expect(found(script).slowest).toEqual({ passes: 2, path: ['error T2'] })
  })

  test('states that no question of the program tells apart are one', () => {
    const silent = found('IF [ FAULTY * ] THEN RESTART @1 FI', 6)
    const counting = found('IF [ FAULTY * ] THEN RESTART @1 FI IF [ ERRN(T1) > 3 ] THEN REMOVE ANY T1 FROM ERRORLIST FI', 6)
    expect(found('IF [ FAULTY * ] THEN RESTART @1 FI', 12).states).toBe(silent.states)
    expect(counting.states).toBeGreaterThan(silent.states)
  })

  test('what does not fit within the bound of states is said to be missing', () => {
    const bounded = explore(policyOf(`${PLANT} IF [ ERRN(T1) > 100 ] THEN STOP T1 FI`), { maxStates: 5 })
    expect(bounded).toMatchObject({ states: 5, complete: false })
  })

  test('a system that is not small is refused, and so is one without declarations', () => {
    const large = Array.from({ length: 17 }, (_, n) => `TASK ${n} = "t" IS NODE 0, TASKID ${n}`).join('\n')
    for (const script of [large, 'IF [ FAULTY T1 ] THEN STOP T1 FI']) {
      expect(() => explore(policyOf(script))).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    }
  })
})
