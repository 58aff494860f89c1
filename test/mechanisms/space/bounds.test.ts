/** Many tuples at once, how many there may be, and the tuples that lost sessions leave. */
import { describe, expect, test } from 'vitest'
import { encode } from '../../../src/log/codec/codec.ts'
import { MAX_REPLY_BYTES } from '../../../src/mechanisms/space/machine/bulk.ts'
import { SpaceMachine } from '../../../src/mechanisms/space/machine/machine.ts'
import { MAX_QUOTAS } from '../../../src/mechanisms/space/machine/quota.ts'
import { any, encodeTemplate } from '../../../src/support/template.ts'
import { MachineDriver, run, session } from '../machine-driver.ts'
import { type Asking, askWith, outcomes } from './asking.ts'

const A = encodeTemplate(['a', any])
const me = session(1)
const QUOTA = 'PERDURE_E_QUOTA'

function setUp(count = 0): Asking {
  const asking = askWith(new MachineDriver([new SpaceMachine({ start: () => undefined })]))
  for (let n = 1; n <= count; n++) asking.ask(session(9), 'space.out', 's', ['a', n])
  return asking
}

describe('collecting', () => {
  test('takes the oldest that match, at most so many', () => {
    const { ask } = setUp(5)
    expect(ask(me, 'space.collect', 's', A, { limit: 2 })).toEqual([
      ['a', 1],
      ['a', 2],
    ])
    expect(ask(me, 'space.copyCollect', 's', A)).toHaveLength(3)
    expect(ask(me, 'space.collect', 's', A)).toHaveLength(3)
    expect(ask(me, 'space.collect', 's', A)).toEqual([])
    expect(ask(me, 'space.collect', 'nowhere', A)).toEqual([])
  })

  test('moves into another space in order, where those who wait are served', () => {
    const { ask, driver } = setUp(4)
    driver.apply(session(2), 1, 'space.in', 't', A)
    const before = driver.replies.length
    expect(ask(me, 'space.collect', 's', A, { limit: 3, into: 't' })).toBe(3)
    expect(outcomes(driver.replies.slice(before))).toEqual([['a', 1], 3])
    expect(ask(me, 'space.copyCollect', 's', A, { into: 't' })).toBe(1)
    expect(ask(me, 'space.collect', 't', A)).toEqual([2, 3, 4].map((n) => ['a', n]))
    expect(ask(me, 'space.count', 's', A)).toBe(1)
  })

  test('takes leases along', () => {
    const { ask, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 1], { leaseMs: 10 })
    ask(me, 'space.collect', 's', A, { into: 't' })
    driver.advance(10)
    expect(ask(me, 'space.count', 't', A)).toBe(0)
  })

  test('answers at most 512 kB of tuples, to the byte, and leaves the others', () => {
    const { ask } = setUp()
    const overhead = encode(['a', 'x'.repeat(100_000)]).length - 100_000
    for (let n = 0; n < 5; n++) ask(me, 'space.out', 's', ['a', 'x'.repeat(100_000)])
    const rest = MAX_REPLY_BYTES - 5 * (100_000 + overhead)
    const around = encode(['a', 'x'.repeat(rest - 20)]).length - (rest - 20)
    ask(me, 'space.out', 's', ['a', 'x'.repeat(rest - around)])
    ask(me, 'space.out', 's', ['a', 1])
    const found = ask(me, 'space.copyCollect', 's', A) as unknown[][]
    expect(found).toHaveLength(6)
    expect(found.reduce((sum, tuple) => sum + encode(tuple).length, 0)).toBe(MAX_REPLY_BYTES)
    expect(ask(me, 'space.collect', 's', A)).toHaveLength(6)
    expect(ask(me, 'space.collect', 's', A)).toEqual([['a', 1]])
  })
})

describe('a quota', () => {
  test('refuses an out with what there is and may be, until there is room', () => {
    const { ask, driver } = setUp(2)
    ask(me, 'space.quota', 's', { tuples: 2 })
    const [reply] = driver.apply(me, 1, 'space.out', 's', ['a', 3])
    expect(reply?.outcome).toMatchObject({
      error: { code: QUOTA, data: { space: 's', what: 'tuples', used: 2, limit: 2, wanted: 1 } },
    })
    ask(me, 'space.inp', 's', A)
    expect(ask(me, 'space.out', 's', ['a', 3])).toBeUndefined()
    ask(me, 'space.quota', 's', null)
    expect(ask(me, 'space.out', 's', ['a', 4])).toBeUndefined()
  })

  test('counts what nobody sees: held, delayed, computed and promised tuples', () => {
    const cases: readonly ((asking: Asking) => unknown)[] = [
      ({ ask }) => [ask(me, 'space.out', 's', ['a', 1]), ask(me, 'space.inp', 's', A, { hold: { leaseMs: 9 } })],
      ({ ask }) => ask(me, 'space.out', 's', ['a', 1], { notBeforeMs: 9 }),
      ({ ask }) => {
        const def = { definition: 'd', layer: 'none', retainMs: 0, maxTurnMs: 1 }
        return ask(me, 'space.eval', 's', ['a', null], [[1, def, []]])
      },
      ({ ask }) => ask(me, 'space.failure', 's', ['a', 1]),
    ]
    for (const use of cases) {
      const asking = setUp()
      asking.ask(me, 'space.quota', 's', { tuples: 1 })
      use(asking)
      expect(asking.ask(me, 'space.out', 's', ['b'])).toBe(QUOTA)
    }
  })

  test('bounds bytes, waiting operations and holds', () => {
    const { ask } = setUp()
    ask(me, 'space.quota', 's', { bytes: 1_000, waiting: 2, holds: 1 })
    expect(ask(me, 'space.out', 's', ['b', 'x'.repeat(1_000)])).toBe(QUOTA)
    expect(ask(me, 'space.in', 's', A, { hold: { leaseMs: 9 } })).toBe('waits')
    expect(ask(me, 'space.in', 's', A, { hold: { leaseMs: 9 } })).toBe(QUOTA)
    expect(ask(me, 'space.rd', 's', A)).toBe('waits')
    expect(ask(me, 'space.rd', 's', A)).toBe(QUOTA)
    expect(ask(me, 'space.out', 's', ['a', 1])).toBeUndefined()
    expect(ask(me, 'space.inp', 's', A, { hold: { leaseMs: 9 } })).toBe(QUOTA)
  })

  test('refuses a collection that does not fit as a whole', () => {
    const { ask } = setUp(3)
    ask(me, 'space.quota', 't', { tuples: 2 })
    expect(ask(me, 'space.collect', 's', A, { into: 't' })).toBe(QUOTA)
    expect(ask(me, 'space.count', 's', A)).toBe(3)
    expect(ask(me, 'space.collect', 's', A, { into: 't', limit: 2 })).toBe(2)
  })

  test('lets a group put as many as it takes', () => {
    const { ask } = setUp(2)
    ask(me, 'space.quota', 's', { tuples: 2 })
    const take = ['in', A, []]
    const put = ['out', ['b'], []]
    expect(ask(me, 'space.atomic', 's', [take, put])).toEqual([['a', 1]])
    expect(ask(me, 'space.atomic', 's', [take, put, put])).toBe(QUOTA)
    expect(ask(me, 'space.count', 's', A)).toBe(1)
  })

  test('may be had by so many spaces and no more', () => {
    const { ask } = setUp()
    for (let n = 0; n < MAX_QUOTAS; n++) ask(me, 'space.quota', `s${n}`, { tuples: 1 })
    expect(ask(me, 'space.quota', 'other', { tuples: 1 })).toBe(QUOTA)
    expect(ask(me, 'space.quota', 's1', { tuples: 2 })).toBeUndefined()
    expect(ask(me, 'space.quota', 's1', null)).toBeUndefined()
    expect(ask(me, 'space.quota', 'other', { tuples: 1 })).toBeUndefined()
  })
})

describe('a failure tuple', () => {
  test('appears when its session is lost, and never when it left', () => {
    const { ask, driver } = setUp()
    for (const id of [2, 3]) ask(session(id), 'space.failure', 's', ['a', id])
    driver.apply(session(4), 1, 'space.in', 's', A)
    expect(outcomes(driver.ended(session(2), 'left'))).toEqual([])
    expect(outcomes(driver.ended(session(3), 'lost'))).toEqual([['a', 3]])
  })

  test('is one for each space, the last one, until it is taken back', () => {
    const { ask, driver } = setUp()
    ask(session(2), 'space.failure', 's', ['a', 1])
    ask(session(2), 'space.failure', 's', ['a', 2])
    ask(session(2), 'space.failure', 't', ['a', 3])
    ask(session(2), 'space.failure', 'u', ['a', 4])
    ask(session(2), 'space.failure', 'u', null)
    driver.ended(session(2), 'lost')
    expect(['s', 't', 'u'].map((name) => ask(me, 'space.collect', name, A))).toEqual([[['a', 2]], [['a', 3]], []])
  })

  test('is nothing for a run', () => {
    const { ask } = setUp()
    expect(ask(run(1), 'space.failure', 's', ['a', 1])).toBe('PERDURE_E_USAGE')
  })
})
