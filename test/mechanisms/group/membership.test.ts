/** Suspicion, views and re-integration as pure functions (notes B4). */
import { describe, expect, test } from 'vitest'
import {
  blamed,
  canSpare,
  ejectionMs,
  MAX_EJECT_MS,
  NO_VIEW,
  newRecord,
  nextView,
  shadowed,
  suspended,
  tookPart,
} from '../../../src/mechanisms/group/membership.ts'

const RULE = { faults: 2, calls: 3, shadowCalls: 2, ejectMs: 100 }

describe('a member', () => {
  test('is suspected at the k-th fault among its last m calls', () => {
    const record = newRecord()
    tookPart(record)
    expect(blamed(record, 'wrong', RULE)).toBe(false)
    tookPart(record)
    tookPart(record)
    expect(blamed(record, 'wrong', RULE)).toBe(true)
  })

  test('is not suspected for a fault that is m calls ago', () => {
    const record = newRecord()
    tookPart(record)
    blamed(record, 'wrong', RULE)
    for (let i = 0; i < 3; i++) tookPart(record)
    expect(blamed(record, 'wrong', RULE)).toBe(false)
  })

  test('has value faults and time-outs counted apart', () => {
    const record = newRecord()
    tookPart(record)
    expect([blamed(record, 'wrong', RULE), blamed(record, 'late', RULE), blamed(record, 'late', RULE)]).toEqual([
      false,
      false,
      true,
    ])
    expect(record.faults).toBe(3)
  })

  test('begins anew after a suspension', () => {
    const record = newRecord()
    blamed(record, 'wrong', RULE)
    suspended(record, RULE)
    expect(blamed(record, 'wrong', RULE)).toBe(false)
  })

  test('stays away twice as long each time, up to a bound', () => {
    const record = newRecord()
    expect([suspended(record, RULE), suspended(record, RULE), suspended(record, RULE)]).toEqual([100, 200, 400])
    expect(ejectionMs(10_000, RULE)).toBe(MAX_EJECT_MS)
  })

  test('is trusted again after so many calls as a shadow', () => {
    const record = newRecord()
    suspended(record, RULE)
    expect([shadowed(record), shadowed(record)]).toEqual([false, true])
  })

  test('can be spared only above the minimum', () => {
    expect([canSpare(3, 2), canSpare(2, 2)]).toEqual([true, false])
  })
})

test('the ids of views grow by one with each change, and only then', () => {
  const first = nextView(NO_VIEW, ['a'], 7)
  expect(first).toEqual({ id: 1, members: ['a'], position: 7 })
  expect(nextView(first, ['a'], 8)).toBe(first)
  expect(nextView(first, ['a', 'b'], 9)).toEqual({ id: 2, members: ['a', 'b'], position: 9 })
  expect(nextView(NO_VIEW, [], 9)).toBe(NO_VIEW)
})
