/** Tuples that are there for a while only. */
import { describe, expect, test } from 'vitest'
import { SpaceMachine } from '../../../src/mechanisms/space/machine/machine.ts'
import { any, encodeTemplate } from '../../../src/support/template.ts'
import { MachineDriver, session } from '../machine-driver.ts'
import { type Asking, askWith, outcomes } from './asking.ts'

const A = encodeTemplate(['a', any])
const me = session(1)

function setUp(): Asking & { readonly there: () => unknown } {
  const asking = askWith(new MachineDriver([new SpaceMachine({ start: () => undefined })]))
  return { ...asking, there: () => asking.ask(me, 'space.copyCollect', 's', A) }
}

describe('a tuple with a lease', () => {
  test('is gone when its time has come, in log time, and who watches is told', () => {
    const { ask, there, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 1], { leaseMs: 10 })
    driver.advance(9)
    expect(there()).toEqual([['a', 1]])
    driver.advance(1)
    expect(there()).toEqual([])
    expect(driver.changes).toMatchObject([{ kind: 'out' }, { kind: 'expired', topic: 's', value: ['a', 1] }])
  })

  test('that was taken does not expire', () => {
    const { ask, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 1], { leaseMs: 10 })
    ask(me, 'space.inp', 's', A)
    driver.advance(10)
    expect(driver.changes.map(({ kind }) => kind)).toEqual(['out', 'in'])
  })

  test('that is held when its lease ends does not come back', () => {
    const { ask, there, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 1], { leaseMs: 10 })
    ask(me, 'space.inp', 's', A, { hold: { leaseMs: 20 } })
    driver.advance(20)
    expect(there()).toEqual([])
    expect(driver.changes.map(({ kind }) => kind)).toEqual(['out', 'in'])
  })

  test('that comes back before its lease ends still has it', () => {
    const { ask, there, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 1], { leaseMs: 10 })
    ask(me, 'space.inp', 's', A, { hold: { leaseMs: 5 } })
    driver.advance(5)
    expect(there()).toEqual([['a', 1]])
    driver.advance(5)
    expect(there()).toEqual([])
  })

  test('that goes straight to a holder has its lease all the same', () => {
    const { ask, there, driver } = setUp()
    ask(me, 'space.in', 's', A, { hold: { leaseMs: 5 } })
    ask(me, 'space.out', 's', ['a', 1], { leaseMs: 10 })
    driver.advance(5)
    expect(there()).toEqual([['a', 1]])
    driver.advance(5)
    expect(there()).toEqual([])
  })
})

describe('a tuple that is to appear later', () => {
  test('is not there before, and then stands behind all that are', () => {
    const { ask, there, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 'late'], { notBeforeMs: 10 })
    driver.advance(9)
    expect(ask(me, 'space.rdp', 's', A)).toBeNull()
    expect(ask(me, 'space.count', 's', A)).toBe(0)
    expect(driver.machines[0]?.query('delayed', [])).toMatchObject({ total: 1, delayed: [{ tuple: ['a', 'late'] }] })
    expect(driver.machines[0]?.query('spaces', [])).toMatchObject([{ name: 's', tuples: 0, delayed: 1 }])
    ask(me, 'space.out', 's', ['a', 'early'])
    driver.advance(1)
    expect(there()).toEqual([
      ['a', 'early'],
      ['a', 'late'],
    ])
    expect(driver.changes.map(({ value }) => value)).toEqual([
      ['a', 'early'],
      ['a', 'late'],
    ])
  })

  test('comes in the order of the outs among those of one moment', () => {
    const { ask, there, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 1], { notBeforeMs: 10 })
    ask(me, 'space.out', 's', ['a', 2], { notBeforeMs: 10 })
    driver.advance(1_000)
    expect(there()).toEqual([
      ['a', 1],
      ['a', 2],
    ])
  })

  test('goes to who waits, at that moment', () => {
    const { ask, driver } = setUp()
    ask(me, 'space.in', 's', A)
    ask(me, 'space.out', 's', ['a', 1], { notBeforeMs: 10 })
    expect(outcomes(driver.advance(10))).toEqual([['a', 1]])
  })

  test('has its lease from then on', () => {
    const { ask, there, driver } = setUp()
    ask(me, 'space.out', 's', ['a', 1], { notBeforeMs: 10, leaseMs: 5 })
    driver.advance(12)
    driver.advance(4)
    expect(there()).toEqual([['a', 1]])
    driver.advance(1)
    expect(there()).toEqual([])
  })

  test('appears after its session has ended', () => {
    const { ask, driver, there } = setUp()
    ask(session(2), 'space.out', 's', ['a', 1], { notBeforeMs: 10 })
    driver.ended(session(2), 'lost')
    driver.advance(10)
    expect(there()).toEqual([['a', 1]])
  })
})
