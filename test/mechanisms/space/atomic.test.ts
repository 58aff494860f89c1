/** Atomic groups: all or nothing, in order, unseen by others, and tried again whenever something that matters has changed. */
import { describe, expect, test } from 'vitest'
import { SpaceMachine } from '../../../src/mechanisms/space/machine/machine.ts'
import { any, encodeTemplate, gt } from '../../../src/support/template.ts'
import { MachineDriver, session } from '../machine-driver.ts'
import { type Asking, askWith, outcomes } from './asking.ts'

type Row = readonly [mode: string, body: unknown, references: readonly (readonly number[])[]]

const T = (...fields: readonly unknown[]) => encodeTemplate(fields)
const IN = (fields: readonly unknown[], ...references: readonly (readonly number[])[]): Row => ['in', T(...fields), references]
const RD = (fields: readonly unknown[], ...references: readonly (readonly number[])[]): Row => ['rd', T(...fields), references]
const OUT = (fields: readonly unknown[], ...references: readonly (readonly number[])[]): Row => ['out', fields, references]
const me = session(1)

interface Groups extends Asking {
  out(...fields: readonly unknown[]): readonly unknown[]
  atomic(...rows: readonly Row[]): unknown
  all(): unknown
}

function setUp(): Groups {
  const asking = askWith(new MachineDriver([new SpaceMachine({ start: () => undefined })]))
  const { ask, driver } = asking
  let putter = 0
  return {
    ...asking,
    out(...fields) {
      putter += 1
      return outcomes(driver.apply(session(9), putter, 'space.out', 's', fields)).slice(0, -1)
    },
    atomic: (...rows) => ask(me, 'space.atomic', 's', rows),
    all() {
      const listed = driver.machines[0]?.query('tuples', ['s']) as { tuples: { tuple: unknown }[] } | undefined
      return listed?.tuples.map(({ tuple }) => tuple)
    },
  }
}

describe('a group', () => {
  test('takes, reads and puts in one entry, and answers what it matched', () => {
    const { out, atomic, all, driver } = setUp()
    out('n', 1)
    out('rate', 5)
    const before = driver.position
    expect(atomic(IN(['n', Number]), RD(['rate', Number]), OUT(['sum', null, null], [1, 0, 1], [2, 1, 1]))).toEqual([
      ['n', 1],
      ['rate', 5],
    ])
    expect(driver.position).toBe(before + 1)
    expect(all()).toEqual([
      ['rate', 5],
      ['sum', 1, 5],
    ])
  })

  test('does nothing at all while one of its elements finds nothing, and waits', () => {
    const { out, atomic, all } = setUp()
    out('n', 1)
    expect(atomic(IN(['n', Number]), OUT(['x']), IN(['m', Number]))).toBe('waits')
    expect(all()).toEqual([['n', 1]])
    expect(out('m', 2)).toEqual([
      [
        ['n', 1],
        ['m', 2],
      ],
    ])
    expect(all()).toEqual([['x']])
  })

  test('sees the effects of its earlier elements: a tuple is taken once, and what it put can be taken', () => {
    const { out, atomic, all } = setUp()
    out('n', 1)
    expect(atomic(IN(['n', Number]), OUT(['n', 7]), IN(['n', Number]), OUT(['n', null], [1, 2, 1]))).toEqual([
      ['n', 1],
      ['n', 7],
    ])
    expect(all()).toEqual([['n', 7]])
    expect(atomic(IN(['n', any]), IN(['n', any]))).toBe('waits')
  })

  test('is not seen by others before its end', () => {
    const { out, atomic, driver } = setUp()
    driver.apply(session(2), 1, 'space.in', 's', T('step'))
    driver.apply(session(3), 1, 'space.rd', 's', T('step'))
    out('n', 1)
    atomic(OUT(['step']), IN(['step']), IN(['n', any]))
    expect(outcomes(driver.replies.filter(({ number }) => number === 1))).toEqual([undefined])
    atomic(OUT(['step']))
    expect(outcomes(driver.replies.filter(({ number }) => number === 1))).toEqual([undefined, ['step'], ['step']])
  })

  test('asks for the field that an earlier element matched', () => {
    const { out, atomic } = setUp()
    out('token', 2)
    out('job', 1)
    expect(atomic(RD(['token', Number]), IN(['job', null], [1, 0, 1]))).toBe('waits')
    expect(out('job', 2)).toEqual([
      [
        ['token', 2],
        ['job', 2],
      ],
    ])
  })

  test('is tried again when the tuple it had picked goes and another choice fits', () => {
    const { ask, out, atomic, driver } = setUp()
    out('token', 1)
    out('token', 2)
    out('job', 2)
    expect(atomic(IN(['token', Number]), IN(['job', null], [1, 0, 1]))).toBe('waits')
    const before = driver.replies.length
    ask(session(2), 'space.inp', 's', T('token', 1))
    expect(outcomes(driver.replies.slice(before))).toEqual([
      ['token', 1],
      [
        ['token', 2],
        ['job', 2],
      ],
    ])
  })

  test('is tried again when a tuple comes back before the one it had picked', () => {
    const { ask, out, atomic, driver } = setUp()
    out('a', 1)
    ask(session(2), 'space.inp', 's', T('a', 1), { hold: { leaseMs: 10 } })
    out('a', 2)
    // Both elements can take ['a', 2]; the second can take nothing else.
    expect(atomic(IN(['a', Number]), IN(['a', 2]))).toBe('waits')
    expect(outcomes(driver.advance(10))).toEqual([
      [
        ['a', 1],
        ['a', 2],
      ],
    ])
  })

  test('is tried again when a tuple takes the place of its own', () => {
    const { out, atomic } = setUp()
    expect(atomic(OUT(['a', 1]), IN(['a', Number]), IN(['a', 1]))).toBe('waits')
    expect(out('a', 2)).toEqual([
      [
        ['a', 2],
        ['a', 1],
      ],
    ])
  })

  test('competes with takers by age: the oldest who can be served is', () => {
    const { out, atomic, driver } = setUp()
    expect(atomic(IN(['n', any]), IN(['m']))).toBe('waits')
    driver.apply(session(2), 1, 'space.in', 's', T('n', any))
    expect(out('n', 1)).toEqual([['n', 1]])
    driver.apply(session(2), 2, 'space.in', 's', T('n', any))
    out('m')
    expect(out('n', 2)).toEqual([[['n', 2], ['m']]])
  })

  test('ends with its time, its caller or its withdrawal, and has done nothing', () => {
    const { ask, out, driver, all } = setUp()
    expect(ask(me, 'space.atomic', 's', [IN(['n'])], { timeoutMs: 5 })).toBe('waits')
    expect(outcomes(driver.advance(5))).toEqual(['PERDURE_E_TIMEOUT'])
    driver.apply(session(2), 7, 'space.atomic', 's', [IN(['n'])])
    driver.apply(session(3), 7, 'space.atomic', 's', [IN(['n'])])
    expect(driver.withdraw(session(2), 7)).toBe(true)
    driver.ended(session(3))
    expect(out('n')).toEqual([])
    expect(all()).toEqual([['n']])
  })

  test('may set another free, in order of age', () => {
    const { out, ask, driver } = setUp()
    for (const id of [1, 2, 3]) {
      expect(ask(session(id), 'space.atomic', 's', [IN(['n', id]), OUT(['n', id + 1])])).toBe('waits')
    }
    expect(out('n', 1)).toEqual([[['n', 1]], [['n', 2]], [['n', 3]]])
    expect(driver.machines[0]?.query('waiting', [])).toMatchObject({ total: 0 })
  })

  test('that would make a tuple too large is refused, and has done nothing', () => {
    const { out, atomic, all } = setUp()
    const large = 'x'.repeat(100_000)
    out('a', large)
    expect(atomic(IN(['a', String]), OUT(['b', null, null], [1, 0, 1], [2, 0, 1]))).toBe('PERDURE_E_VALUE')
    expect(all()).toEqual([['a', large]])
  })

  test('whose answer would be too large is refused, and has done nothing', () => {
    const { ask, out, atomic } = setUp()
    for (let n = 0; n < 6; n++) out('a', 'x'.repeat(100_000))
    expect(atomic(...new Array(6).fill(IN(['a', String])))).toBe('PERDURE_E_VALUE')
    expect(ask(me, 'space.count', 's', T('a', any))).toBe(6)
    expect(atomic(...new Array(5).fill(IN(['a', String])))).toHaveLength(5)
  })

  test('shows what it is blocked at', () => {
    const { out, atomic, driver } = setUp()
    out('token', 2)
    atomic(RD(['token', Number]), IN(['job', null, gt(3)], [1, 0, 1]))
    expect(driver.machines[0]?.query('waiting', [])).toMatchObject({
      waiting: [{ mode: 'atomic', template: '["job", 2, gt(3)]' }],
    })
  })
})
