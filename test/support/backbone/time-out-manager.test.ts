import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TimeOutManager } from '../../../src/support/backbone/time-out-manager.ts'

/** A manager whose alarms write `id@time`. */
function manager(): { readonly tom: TimeOutManager; readonly rung: string[] } {
  const rung: string[] = []
  return { tom: new TimeOutManager(0, ({ id }, atUs) => rung.push(`${id}@${atUs}`)), rung }
}

describe('SPEC 7.2, time-out manager', () => {
  test('the list is ordered by expiry, and every entry holds only the difference to the one before', () => {
    const { tom } = manager()
    for (const [id, deadlineUs] of [
      [1, 30],
      [2, 10],
      [3, 20],
    ] as const) {
      tom.declare({ id, deadlineUs })
      tom.insert({ id })
    }
    expect(tom.dump().map(({ id, leftUs }) => [id, leftUs])).toEqual([
      [2, 10],
      [3, 20],
      [1, 30],
    ])
    tom.delete({ id: 3 })
    tom.advance(4)
    expect(tom.dump().map(({ id, leftUs }) => [id, leftUs])).toEqual([
      [2, 6],
      [1, 26],
    ])
  })

  test('on expiry the alarms of all heads run in order, equal ones in that of insertion', () => {
    const { tom, rung } = manager()
    for (const id of [5, 4, 6]) {
      tom.declare({ id, deadlineUs: 10 })
      tom.insert({ id })
    }
    tom.advance(9)
    expect(rung).toEqual([])
    tom.advance(10)
    expect(rung).toEqual(['5@10', '4@10', '6@10'])
    expect(tom.dump()).toEqual([])
  })

  test('cyclic ones are put back with their full deadline, others are dropped', () => {
    const { tom, rung } = manager()
    tom.declare({ id: 1, deadlineUs: 10, cyclic: true })
    tom.declare({ id: 2, deadlineUs: 15 })
    for (const id of [1, 2]) tom.insert({ id })
    tom.advance(35)
    expect(rung).toEqual(['1@10', '2@15', '1@20', '1@30'])
    expect([tom.isPresent({ id: 1 }), tom.isPresent({ id: 2 })]).toEqual([true, false])
  })

  test('suspended entries expire silently; enable restarts', () => {
    const { tom, rung } = manager()
    tom.declare({ id: 1, deadlineUs: 10 })
    tom.insert({ id: 1 })
    tom.suspend({ id: 1 })
    tom.advance(12)
    expect([rung, tom.isPresent({ id: 1 })]).toEqual([[], false])
    tom.enable({ id: 1 })
    tom.advance(22)
    expect(rung).toEqual(['1@22'])
  })

  test('renew starts anew with the full deadline; set_deadline counts from the next start; set_action replaces the alarm', () => {
    const { tom, rung } = manager()
    tom.declare({ id: 1, deadlineUs: 10 })
    tom.insert({ id: 1 })
    tom.advance(6)
    tom.renew({ id: 1 })
    tom.setDeadline({ id: 1 }, 3)
    expect(tom.nextUs).toBe(16)
    tom.renew({ id: 1 })
    expect(tom.nextUs).toBe(9)
    tom.setAction({ id: 1 }, (_, atUs) => rung.push(`own@${atUs}`))
    tom.advance(20)
    expect(rung).toEqual(['own@9'])
  })

  test('id and subid together name an entry', () => {
    const { tom } = manager()
    tom.declare({ id: 1, deadlineUs: 10 })
    tom.declare({ id: 1, subid: 7, deadlineUs: 5 })
    tom.insert({ id: 1, subid: 7 })
    expect([tom.isPresent({ id: 1 }), tom.isPresent({ id: 1, subid: 7 })]).toEqual([false, true])
  })

  test('after close nothing expires and nothing can be declared', () => {
    const { tom, rung } = manager()
    tom.declare({ id: 1, deadlineUs: 10 })
    tom.insert({ id: 1 })
    tom.close()
    tom.advance(100)
    expect(rung).toEqual([])
    expect(() => tom.declare({ id: 2, deadlineUs: 1 })).toThrow(expect.objectContaining({ code: 'PERDURE_E_CLOSED' }))
  })

  test('what was not declared, or twice, or has no positive deadline is refused', () => {
    const { tom } = manager()
    tom.declare({ id: 1, deadlineUs: 10 })
    for (const wrong of [
      () => tom.insert({ id: 2 }),
      () => tom.declare({ id: 1, deadlineUs: 10 }),
      () => tom.declare({ id: 3, deadlineUs: 0 }),
      () => tom.setDeadline({ id: 1 }, Number.NaN),
    ]) {
      expect(wrong).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
    }
  })

  test('against a model that keeps every time of expiry, for any sequence of operations', () => {
    const step = fc.record({
      what: fc.constantFrom('insert', 'renew', 'delete', 'advance'),
      id: fc.integer({ min: 0, max: 5 }),
      us: fc.integer({ min: 1, max: 30 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { tom, rung } = manager()
        const expected: string[] = []
        let model: { id: number; dueUs: number; cyclic: boolean }[] = []
        let nowUs = 0
        const start = (id: number): void => {
          model = [...model.filter((each) => each.id !== id), { id, dueUs: nowUs + 7 + id, cyclic: id % 2 === 0 }]
        }
        const declare = (id: number): void => tom.declare({ id, deadlineUs: 7 + id, cyclic: id % 2 === 0 })
        for (let id = 0; id <= 5; id += 1) declare(id)
        for (const { what, id, us } of steps) {
          if (what === 'insert') {
            if (!model.some((each) => each.id === id)) start(id)
            tom.insert({ id })
          } else if (what === 'renew') {
            start(id)
            tom.renew({ id })
          } else if (what === 'delete') {
            model = model.filter((each) => each.id !== id)
            tom.delete({ id })
            declare(id)
          } else {
            const untilUs = nowUs + us
            for (;;) {
              const [next] = [...model].sort((a, b) => a.dueUs - b.dueUs)
              if (next === undefined || next.dueUs > untilUs) break
              nowUs = next.dueUs
              model = model.filter((each) => each !== next)
              if (next.cyclic) start(next.id)
              expected.push(`${next.id}@${nowUs}`)
            }
            nowUs = untilUs
            tom.advance(nowUs)
          }
          expect(rung).toEqual(expected)
          expect(tom.dump().map(({ id: each, leftUs }) => [each, nowUs + leftUs])).toEqual(
            [...model].sort((a, b) => a.dueUs - b.dueUs).map(({ id: each, dueUs }) => [each, dueUs]),
          )
        }
      }),
      { numRuns: 100 },
    )
  })
})
