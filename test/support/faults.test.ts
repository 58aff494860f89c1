/** The faults of a site on its log. */
import { describe, expect, test } from 'vitest'
import { FAULT_TOPIC, FaultMachine, MAX_FAULTS } from '../../src/support/faults.ts'
import { MachineDriver, session } from '../mechanisms/machine-driver.ts'

const CRASH = { detector: 'watchdog', entity: { kind: 'node', name: 'n1' }, code: 'crashed', atMs: 5 } as const

class FaultStage {
  driver = new MachineDriver([new FaultMachine()])
  #number = 0

  report(...args: readonly unknown[]): unknown {
    this.#number += 1
    return this.driver.apply(session(1), this.#number, 'fault.report', ...args)[0]?.outcome
  }

  recent(...args: readonly unknown[]): { faults: { number: number }[]; total: number } {
    return this.driver.machines[0]?.query('recent', args) as { faults: { number: number }[]; total: number }
  }
}

describe('a fault that is reported', () => {
  test('is listed with its number and the position of its entry', () => {
    const stage = new FaultStage()
    expect(stage.report(CRASH)).toEqual({ value: 1 })
    expect(stage.recent()).toEqual({ faults: [{ ...CRASH, number: 1, position: 1 }], total: 1 })
  })

  test('by another machine has the time of the entry', () => {
    const stage = new FaultStage()
    const machine = stage.driver.machines[0] as FaultMachine
    const { atMs: _, ...fault } = CRASH
    stage.driver.entry(machine, (context) => machine.report(fault, context))
    expect(stage.recent().faults).toMatchObject([{ ...fault, atMs: stage.driver.wallMs }])
  })

  test('is told to those who watch', () => {
    const stage = new FaultStage()
    stage.report(CRASH)
    expect(stage.driver.changes.map(({ topic, kind, value }) => [topic, kind, value])).toEqual([
      [FAULT_TOPIC, 'fault', { ...CRASH, number: 1, position: 1 }],
    ])
    expect(stage.driver.machines[0]?.interest?.([])?.topic).toBe(FAULT_TOPIC)
  })

  test('goes without its data where that is large', () => {
    const stage = new FaultStage()
    stage.report({ ...CRASH, data: { text: 'x'.repeat(10_000) } })
    stage.report({ ...CRASH, data: { text: 'short' } })
    expect(stage.recent().faults.map((fault) => 'data' in fault)).toEqual([false, true])
  })

  test.each([
    [[]],
    [['crashed']],
    [[{ ...CRASH, code: 'unheard-of' }]],
    [[{ ...CRASH, code: 'toString' }]],
    [[{ ...CRASH, entity: { kind: 'planet', name: 'x' } }]],
    [[{ ...CRASH, atMs: 'now' }]],
    [[{ ...CRASH, more: 1 }]],
    [[CRASH, CRASH]],
  ])('is refused when it is none: %j', (args) => {
    const stage = new FaultStage()
    expect(stage.report(...args)).toMatchObject({ error: { code: 'PERDURE_E_USAGE' } })
    expect(stage.recent().total).toBe(0)
  })
})

describe('the list of faults', () => {
  test('is asked for from a number on, and for so many of the latest', () => {
    const stage = new FaultStage()
    for (let i = 0; i < 10; i++) stage.report(CRASH)
    const numbers = (...args: readonly unknown[]) => stage.recent(...args).faults.map(({ number }) => number)
    expect([numbers(7), numbers(0, 2), numbers(null, 3), numbers(10)]).toEqual([[8, 9, 10], [9, 10], [8, 9, 10], []])
    expect(stage.recent('all')).toBeUndefined()
  })

  test('keeps the latest ones, and counts all; a restored one goes on the same', () => {
    const stage = new FaultStage()
    for (let i = 0; i < MAX_FAULTS + 3; i++) stage.report(CRASH)
    const other = new FaultStage()
    other.driver = stage.driver.restored([new FaultMachine()])
    for (const each of [stage, other]) each.report({ ...CRASH, detector: 'last' })
    expect(other.recent()).toEqual(stage.recent())
    expect(stage.recent().faults.at(-1)).toMatchObject({ number: MAX_FAULTS + 4, detector: 'last' })
    expect([...(other.driver.machines[0]?.snapshot() ?? [])]).toEqual([...(stage.driver.machines[0]?.snapshot() ?? [])])
  })
})
