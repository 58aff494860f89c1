/**
 * The rules of the space machine one by one (S1 to S4 of `machine/machine.ts`), without a replica around it.
 *
 * Longer than other files: all of it drives the same machine with the same few helpers. What holds, leases, groups and bounds add has
 * files of its own beside this one.
 */
import { describe, expect, test } from 'vitest'
import type { Caller, Context, Outcome } from '../../../src/log/machine.ts'
import type { EvalRun } from '../../../src/mechanisms/space/machine/eval.ts'
import { SpaceMachine } from '../../../src/mechanisms/space/machine/machine.ts'
import { any, encodeTemplate, gt, oneOf } from '../../../src/support/template.ts'
import { MachineDriver, type Reply, run, session } from '../machine-driver.ts'

interface Bench {
  readonly machine: SpaceMachine
  readonly driver: MachineDriver
  readonly started: EvalRun[]
}

function setUp(): Bench {
  const started: EvalRun[] = []
  const machine = new SpaceMachine({ start: (evalRun) => started.push(evalRun) })
  return { machine, driver: new MachineDriver([machine]), started }
}

const T = (...fields: readonly unknown[]) => encodeTemplate(fields)

/** Who was told what. */
function told(replies: readonly Reply[]): unknown[] {
  return replies.map(({ caller, number, outcome }) => {
    const who = caller.kind === 'gateway' ? 'gateway' : `${caller.kind} ${caller.id}#${number}`
    return [who, 'value' in outcome ? outcome.value : outcome.error.code]
  })
}

const OUT = ['session 9#1', undefined] as const
const putter = session(9)

describe('a tuple that appears', () => {
  test('goes to the taker that has waited longest, and to no other', () => {
    const { driver } = setUp()
    for (const id of [3, 1, 2]) driver.apply(session(id), 1, 'space.in', 'jobs', T('job', Number))
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', ['job', 7]))).toEqual([['session 3#1', ['job', 7]], OUT])
    expect(told(driver.apply(putter, 2, 'space.out', 'jobs', ['job', 8]))).toContainEqual(['session 1#1', ['job', 8]])
  })

  test('goes to every reader first, in order of arrival, also to those that came after the taker', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.rd', 'jobs', T('job', any))
    driver.apply(session(2), 1, 'space.in', 'jobs', T('job', Number))
    driver.apply(run(2), 1, 'space.rd', 'jobs', T(String, 7))
    driver.apply(session(4), 1, 'space.rd', 'jobs', T('job', gt(7)))
    driver.apply(session(5), 1, 'space.rd', 'jobs', T('job', 7))
    const tuple = ['job', 7]
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', tuple))).toEqual([
      ['session 1#1', tuple],
      ['run 2#1', tuple],
      ['session 5#1', tuple],
      ['session 2#1', tuple],
      OUT,
    ])
    expect(told(driver.apply(session(6), 1, 'space.count', 'jobs', T(any, any)))).toEqual([['session 6#1', 0]])
  })

  test('stays when only readers wanted it', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.rd', 'jobs', T('job'))
    driver.apply(putter, 1, 'space.out', 'jobs', ['job'])
    expect(told(driver.apply(session(2), 1, 'space.inp', 'jobs', T('job')))).toEqual([['session 2#1', ['job']]])
  })

  test('goes to the older of two takers that ask in different ways', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.in', 'jobs', T(oneOf('a', 'b'), any))
    driver.apply(session(2), 1, 'space.in', 'jobs', T('a', 1))
    driver.apply(session(3), 1, 'space.in', 'jobs', T('a', Number))
    driver.apply(session(4), 1, 'space.in', 'jobs', T(any, 1))
    const winners = [1, 2, 3, 4].map((number) => told(driver.apply(putter, number, 'space.out', 'jobs', ['a', 1]))[0])
    expect(winners).toEqual([1, 2, 3, 4].map((id) => [`session ${id}#1`, ['a', 1]]))
  })

  test('goes to the older although one that came before them asked as the younger does', () => {
    const { driver } = setUp()
    const wait = (id: number, ...fields: readonly unknown[]) => {
      driver.apply(session(id), 1, 'space.in', 'jobs', T(...fields))
      driver.apply(session(id), 2, 'space.rd', 'jobs', T(...fields))
    }
    wait(1, 'a', 2)
    wait(2, 'a', Number)
    wait(3, 'a', 1)
    const tuple = ['a', 1]
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', tuple))).toEqual([
      ['session 2#2', tuple],
      ['session 3#2', tuple],
      ['session 2#1', tuple],
      OUT,
    ])
  })

  test('does not reach other spaces', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.in', 'other', T('job'))
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', ['job']))).toEqual([OUT])
  })

  test('is the same to all although a reader changes its copy', () => {
    const machine = new SpaceMachine({ start: () => undefined })
    const seen: unknown[] = []
    const context = {
      ...new MachineDriver([machine]).contextOf(machine),
      reply: (_caller: unknown, _number: number, outcome: Outcome) => {
        const tuple = (outcome as { value: [string, { n: number }] | undefined }).value
        seen.push(tuple?.[1].n)
        if (tuple !== undefined) tuple[1].n += 1
      },
    }
    const template = T('t', Object)
    machine.apply({ caller: session(1), number: 1, name: 'space.rd', args: ['s', template] }, context)
    machine.apply({ caller: session(2), number: 1, name: 'space.rd', args: ['s', template] }, context)
    machine.apply({ caller: putter, number: 1, name: 'space.out', args: ['s', ['t', { n: 1 }]] }, context)
    for (const name of ['space.rdp', 'space.rdp', 'space.inp']) {
      machine.apply({ caller: session(3), number: 1, name, args: ['s', template] }, context)
    }
    expect(seen).toEqual([1, 1, undefined, 1, 1, 1])
  })
})

describe('an answer that has consequences at once', () => {
  /** As a race does when it is decided: its first answer withdraws its other operations. */
  function deciding(bench: Bench, decided: (caller: Caller, number: number) => void): Context {
    const context = bench.driver.contextOf(bench.machine)
    return {
      ...context,
      reply: (caller, number, outcome) => {
        context.reply(caller, number, outcome)
        decided(caller, number)
      },
    }
  }

  const out = (tuple: unknown[]) => ({ caller: putter, number: 1, name: 'space.out', args: ['jobs', tuple] })

  test('gives nothing to those who are withdrawn by it', () => {
    const bench = setUp()
    const { driver, machine } = bench
    driver.apply(run(1), 1, 'space.rd', 'jobs', T('a'))
    driver.apply(run(1), 2, 'space.in', 'jobs', T('a'))
    driver.apply(run(1), 3, 'space.rd', 'jobs', T('a'))
    driver.apply(run(2), 1, 'space.in', 'jobs', T('a'))
    const replies = driver.entry(machine, () => {
      const context = deciding(bench, (caller, number) => {
        if (caller.kind === 'run' && caller.id === 1 && number === 1) for (const other of [2, 3]) machine.withdraw(caller, other)
      })
      machine.apply(out(['a']), context)
    })
    expect(told(replies)).toEqual([['run 1#1', ['a']], ['run 2#1', ['a']], OUT])
  })

  test('does not lose the tuple when it empties the space, and what it brings comes after it', () => {
    const bench = setUp()
    const { driver, machine } = bench
    driver.apply(
      session(1),
      1,
      'space.eval',
      'jobs',
      ['a', null],
      [[1, { definition: 'd', layer: 'none', retainMs: 0, maxTurnMs: 1 }, []]],
    )
    driver.apply(run(1), 1, 'space.rd', 'jobs', T('a', 1))
    driver.entry(machine, () => {
      const context = deciding(bench, (_, number) => machine.complete(1, 1, { value: number * 100 }, context))
      machine.apply(out(['a', 1]), context)
    })
    expect(machine.query('tuples', ['jobs'])).toMatchObject({ tuples: [{ tuple: ['a', 1] }, { tuple: ['a', 100] }] })
  })
})

describe('a wait', () => {
  test('ends with its time, and takes nothing afterwards', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.in', 'jobs', T('job'), { timeoutMs: 100 })
    driver.apply(session(2), 1, 'space.in', 'jobs', T('job'), { timeoutMs: 50 })
    expect(told(driver.advance(49))).toEqual([])
    expect(told(driver.advance(51))).toEqual([
      ['session 2#1', 'PERDURE_E_TIMEOUT'],
      ['session 1#1', 'PERDURE_E_TIMEOUT'],
    ])
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', ['job']))).toEqual([OUT])
  })

  test('that was answered does not end with its time', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.in', 'jobs', T('job'), { timeoutMs: 0 })
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', ['job']))).toEqual([['session 1#1', ['job']], OUT])
    expect(told(driver.advance(1_000))).toEqual([])
  })

  test('that is withdrawn is withdrawn once and gets nothing', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.in', 'jobs', T('job'), { timeoutMs: 10 })
    driver.apply(session(1), 2, 'space.in', 'jobs', T('job'))
    expect(driver.withdraw(session(1), 3)).toBe(false)
    expect(driver.withdraw(run(1), 1)).toBe(false)
    expect(driver.withdraw(session(1), 1)).toBe(true)
    expect(driver.withdraw(session(1), 1)).toBe(false)
    expect(told(driver.advance(10))).toEqual([])
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', ['job']))).toEqual([['session 1#2', ['job']], OUT])
  })

  test('ends with its caller, and not with another of the same number', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.in', 'jobs', T('job'))
    driver.apply(session(1), 2, 'space.rd', 'more', T('job'), { timeoutMs: 10 })
    driver.apply(run(1), 1, 'space.in', 'jobs', T('job'))
    expect(driver.ended(session(1))).toEqual([])
    expect(told(driver.advance(10))).toEqual([])
    expect(told(driver.apply(putter, 1, 'space.out', 'jobs', ['job']))).toEqual([['run 1#1', ['job']], OUT])
  })
})

describe('eval', () => {
  const double = { definition: 'double', layer: 'journal', retainMs: 1_000, maxTurnMs: 30_000 }

  test('starts a run for every active field and answers at once', () => {
    const { driver, started } = setUp()
    driver.apply(putter, 1, 'space.out', 'jobs', ['something before'])
    const replies = driver.apply(
      session(1),
      1,
      'space.eval',
      'jobs',
      ['fib', null, 30, null],
      [
        [1, double, [1]],
        [3, { ...double, definition: 'triple' }, [2]],
      ],
    )
    expect(told(replies)).toEqual([['session 1#1', undefined]])
    expect(started).toEqual([
      { ...double, input: [1], key: 'eval:2:1', placeholder: 2, field: 1 },
      { ...double, definition: 'triple', input: [2], key: 'eval:2:3', placeholder: 2, field: 3 },
    ])
  })

  test('becomes one tuple when the last field is there, as if put then', () => {
    const { driver, machine } = setUp()
    driver.apply(
      session(1),
      1,
      'space.eval',
      'jobs',
      ['fib', null, null],
      [
        [1, double, []],
        [2, double, []],
      ],
    )
    driver.apply(session(2), 1, 'space.in', 'jobs', T('fib', any, any))
    driver.apply(putter, 1, 'space.out', 'jobs', ['fib', 'other', 'other'])
    driver.apply(session(3), 1, 'space.in', 'jobs', T('fib', Number, any))
    const finish = (field: number, value: unknown) => told(driver.entry(machine, (c) => machine.complete(1, field, { value }, c)))
    expect(finish(2, 4)).toEqual([])
    expect(finish(2, 'a second outcome of one field')).toEqual([])
    expect(finish(1, 2)).toEqual([['session 3#1', ['fib', 2, 4]]])
    expect(finish(1, 2)).toEqual([])
    expect(finish(7, 'a field that is not active')).toEqual([])
  })

  test('has its place where it appears, not where it was asked for', () => {
    const { driver, machine } = setUp()
    driver.apply(session(1), 1, 'space.eval', 'jobs', ['fib', null], [[1, double, []]])
    driver.apply(putter, 1, 'space.out', 'jobs', ['fib', 1])
    driver.entry(machine, (c) => machine.complete(1, 1, { value: 2 }, c))
    expect(machine.query('tuples', ['jobs'])).toMatchObject({ tuples: [{ position: 2 }, { position: 3, tuple: ['fib', 2] }] })
  })

  test('becomes a tuple with the error in place of a field whose run failed', () => {
    const { driver, machine } = setUp()
    driver.apply(
      session(1),
      1,
      'space.eval',
      'jobs',
      ['fib', null, null],
      [
        [1, double, []],
        [2, double, []],
      ],
    )
    const long = `${'x'.repeat(999)}\u{1F600}`
    driver.entry(machine, (c) => machine.complete(1, 1, { error: { name: 'RangeError', message: long } }, c))
    driver.entry(machine, (c) => machine.complete(1, 2, { error: { name: 'Error', message: 'no', code: 'E_X', data: 1 } }, c))
    const [reply] = driver.apply(session(2), 1, 'space.inp', 'jobs', T('fib', any, any))
    expect(reply?.outcome).toEqual({
      value: ['fib', { code: 'RangeError', message: 'x'.repeat(999) }, { code: 'E_X', message: 'no' }],
    })
  })

  test('becomes a tuple with an error in place of a result that is too large', () => {
    const { driver, machine } = setUp()
    driver.apply(session(1), 1, 'space.eval', 'jobs', ['fib', null], [[1, double, []]])
    driver.entry(machine, (c) => machine.complete(1, 1, { value: 'x'.repeat(200_000) }, c))
    const [reply] = driver.apply(session(2), 1, 'space.inp', 'jobs', T('fib', any))
    expect(reply?.outcome).toMatchObject({ value: ['fib', { code: 'PERDURE_E_VALUE' }] })
  })

  test('does not share its result with whoever computed it', () => {
    const { driver, machine } = setUp()
    driver.apply(session(1), 1, 'space.eval', 'jobs', ['fib', null], [[1, double, []]])
    const value = { n: 1 }
    driver.entry(machine, (c) => machine.complete(1, 1, { value }, c))
    value.n = 2
    expect(told(driver.apply(session(2), 1, 'space.inp', 'jobs', T('fib', Object)))).toEqual([['session 2#1', ['fib', { n: 1 }]]])
  })

  test('without an active field puts the tuple at once', () => {
    const { driver } = setUp()
    driver.apply(session(1), 1, 'space.in', 'jobs', T('fib'))
    expect(told(driver.apply(session(2), 1, 'space.eval', 'jobs', ['fib'], []))).toEqual([
      ['session 1#1', ['fib']],
      ['session 2#1', undefined],
    ])
  })

  test('may be completed while it starts', () => {
    const machine: SpaceMachine = new SpaceMachine({
      start: ({ placeholder, field }, context) => machine.complete(placeholder, field, { value: field * 2 }, context),
    })
    const driver = new MachineDriver([machine])
    driver.apply(
      session(1),
      1,
      'space.eval',
      'jobs',
      ['fib', null, null],
      [
        [1, double, []],
        [2, double, []],
      ],
    )
    expect(told(driver.apply(session(1), 2, 'space.inp', 'jobs', T(any, any, any)))).toEqual([['session 1#2', ['fib', 2, 4]]])
  })
})

describe('several operations at one position', () => {
  test('may be several evals', () => {
    const { driver, machine, started } = setUp()
    const evaluate = (number: number) => {
      const args = ['jobs', ['x', null], [[1, { definition: 'd', layer: 'none', retainMs: 0, maxTurnMs: 1 }, []]]]
      return { caller: run(1), number, name: 'space.eval', args }
    }
    const replies = driver.entry(machine, (context) => {
      for (const number of [1, 2]) context.perform(evaluate(number))
    })
    expect(told(replies)).toEqual([
      ['run 1#1', undefined],
      ['run 1#2', undefined],
    ])
    const [first, second] = started
    expect(first?.key).not.toBe(second?.key)
    for (const { placeholder, field } of started.toReversed()) {
      driver.entry(machine, (context) => machine.complete(placeholder, field, { value: placeholder }, context))
    }
    const taken = [3, 4].map((number) => told(driver.apply(run(1), number, 'space.inp', 'jobs', T('x', Number))))
    expect(taken.flat()).toEqual([second, first].map((each, i) => [`run 1#${i + 3}`, ['x', each?.placeholder]]))
  })
})

describe('several tuples at one position', () => {
  test('keep the order in which they appeared', () => {
    const { driver, machine } = setUp()
    const def = { definition: 'd', layer: 'none', retainMs: 0, maxTurnMs: 1 }
    for (const number of [1, 2, 3]) driver.apply(session(1), number, 'space.eval', 'jobs', ['x', null], [[1, def, []]])
    driver.entry(machine, (context) => {
      for (const id of [2, 3, 1]) machine.complete(id, 1, { value: id }, context)
    })
    const taken = [4, 5, 6].map((number) => told(driver.apply(session(1), number, 'space.inp', 'jobs', T('x', Number)))[0])
    expect(taken).toEqual([2, 3, 1].map((id, i) => [`session 1#${i + 4}`, ['x', id]]))
  })
})

describe('malformed operations are refused by their reply', () => {
  const def = { definition: 'd', layer: 'none', retainMs: 0, maxTurnMs: 1 }
  const cases: readonly (readonly [name: string, ...args: unknown[]])[] = [
    ['space.out'],
    ['space.out', 'jobs'],
    ['space.out', 7, ['a']],
    ['space.out', '../jobs', ['a']],
    ['space.out', 'x'.repeat(65), ['a']],
    ['space.out', 'jobs', 'a'],
    ['space.out', 'jobs', new Array(65).fill(0)],
    ['space.out', 'jobs', ['a'], { leaseMs: 0 }],
    ['space.out', 'jobs', ['a'], { leaseMs: Number.POSITIVE_INFINITY }],
    ['space.out', 'jobs', ['a'], { notBeforeMs: -1 }],
    ['space.out', 'jobs', ['a'], { acknowledge: false }],
    ['space.out', 'jobs', ['a'], { later: 1 }],
    ['space.out', 'jobs', ['a'], {}, 1],
    ['space.in', 'jobs'],
    ['space.in', 'jobs', ['n', 1]],
    ['space.in', 'jobs', ['n'], 7],
    ['space.in', 'jobs', ['n'], { hold: {} }],
    ['space.in', 'jobs', ['n'], { timeoutMs: -1 }],
    ['space.rd', 'jobs', ['n'], { timeoutMs: Number.NaN }],
    ['space.rd', 'jobs', ['n'], { timeoutMs: Number.POSITIVE_INFINITY }],
    ['space.rd', 'jobs', ['n'], { timeoutMs: '5' }],
    ['space.rd', 'jobs', ['n'], undefined, 'more'],
    ['space.inp', 'jobs', 'n'],
    ['space.in', 'jobs', ['n'], { hold: { leaseMs: 0 } }],
    ['space.in', 'jobs', ['n'], { hold: { leaseMs: 1, maxDeliveries: 0 } }],
    ['space.in', 'jobs', ['n'], { hold: { leaseMs: 1, deadLetter: '../x' } }],
    ['space.in', 'jobs', ['n'], { hold: { leaseMs: 1, deadLetter: 'jobs' } }],
    ['space.in', 'jobs', ['n'], { hold: { leaseMs: 1, more: 1 } }],
    ['space.rd', 'jobs', ['n'], { hold: { leaseMs: 1 } }],
    ['space.inp', 'jobs', ['n'], { timeoutMs: 1 }],
    ['space.collect', 'jobs', 'n'],
    ['space.collect', 'jobs', ['n'], { limit: 0 }],
    ['space.collect', 'jobs', ['n'], { limit: 10_001 }],
    ['space.collect', 'jobs', ['n'], { into: 'jobs' }],
    ['space.copyCollect', 'jobs', ['n'], { into: 'a/b' }],
    ['space.copyCollect', 'jobs', ['n'], { other: 1 }],
    ['space.atomic', 'jobs'],
    ['space.atomic', 'jobs', new Array(65).fill(['out', ['a'], []])],
    ['space.atomic', 'jobs', [['inp', ['n'], []]]],
    ['space.atomic', 'jobs', [['in', ['n']]]],
    ['space.atomic', 'jobs', [['in', ['?'], []]]],
    ['space.atomic', 'jobs', [['out', 'a', []]]],
    ['space.atomic', 'jobs', [['in', ['n'], [[0, 0, 0]]]]],
    [
      'space.atomic',
      'jobs',
      [
        ['out', ['a'], []],
        ['in', ['n'], [[0, 0, 0]]],
      ],
    ],
    [
      'space.atomic',
      'jobs',
      [
        ['in', ['n'], []],
        ['out', ['a'], [[0, 0, 1]]],
      ],
    ],
    [
      'space.atomic',
      'jobs',
      [
        ['in', ['n'], []],
        ['out', ['a'], [[1, 0, 0]]],
      ],
    ],
    ['space.atomic', 'jobs', [['in', ['n'], []]], { hold: { leaseMs: 1 } }],
    ['space.ack', 'jobs'],
    ['space.ack', 'jobs', '1'],
    ['space.release', 'jobs', 1, 2],
    ['space.failure', 'jobs'],
    ['space.failure', 'jobs', 'a'],
    ['space.quota', 'jobs'],
    ['space.quota', 'jobs', { tuples: -1 }],
    ['space.quota', 'jobs', { apples: 1 }],
    ['space.rdp', 'jobs', null],
    ['space.count', 'jobs', ['>', null]],
    ['space.eval', 'jobs', ['a']],
    ['space.eval', 'jobs', ['a'], {}],
    ['space.eval', 'jobs', 'a', []],
    ['space.eval', 'jobs', ['a'], [7]],
    ['space.eval', 'jobs', ['a'], [[1, def, []]]],
    ['space.eval', 'jobs', ['a'], [[-1, def, []]]],
    ['space.eval', 'jobs', ['a'], [['0', def, []]]],
    ['space.eval', 'jobs', ['a'], [[0, null, []]]],
    ['space.eval', 'jobs', ['a'], [[0, { ...def, definition: 1 }, []]]],
    ['space.eval', 'jobs', ['a'], [[0, { ...def, retainMs: -1 }, []]]],
    [
      'space.eval',
      'jobs',
      ['a'],
      [
        [0, def, []],
        [0, def, []],
      ],
    ],
  ]
  for (const [name, ...args] of cases) {
    test(`${name} ${JSON.stringify(args).slice(0, 60)}`, () => {
      const { driver, machine, started } = setUp()
      expect(told(driver.apply(session(1), 1, name, ...args))).toEqual([['session 1#1', 'PERDURE_E_PROTOCOL']])
      expect(started).toEqual([])
      expect(machine.query('spaces', [])).toEqual([])
    })
  }
})

describe('questions', () => {
  test('list tuples in order, with how many there are', () => {
    const { driver, machine } = setUp()
    for (let i = 1; i <= 1_200; i++) driver.apply(putter, i, 'space.out', i % 2 === 0 ? 'even' : 'odd', [i])
    expect(machine.query('tuples', [undefined, 3])).toEqual({
      total: 1_200,
      tuples: [1, 2, 3].map((i) => ({ space: i % 2 === 0 ? 'even' : 'odd', position: i, tuple: [i] })),
    })
    expect(machine.query('tuples', ['even', 1])).toEqual({ total: 600, tuples: [{ space: 'even', position: 2, tuple: [2] }] })
    expect((machine.query('tuples', []) as { tuples: unknown[] }).tuples).toHaveLength(1_000)
    expect(machine.query('tuples', ['none'])).toEqual({ total: 0, tuples: [] })
    expect(machine.query('tuples', ['even', 'many'])).toBeUndefined()
  })

  test('list no more bytes than an answer may have', () => {
    const { driver, machine } = setUp()
    for (let i = 1; i <= 20; i++) driver.apply(putter, i, 'space.out', 'big', [i, 'x'.repeat(100_000)])
    const { total, tuples } = machine.query('tuples', ['big']) as { total: number; tuples: unknown[] }
    expect(total).toBe(20)
    expect(tuples).toHaveLength(5)
  })

  test('list spaces and who waits in them', () => {
    const { driver, machine } = setUp()
    const def = { definition: 'd', layer: 'none', retainMs: 0, maxTurnMs: 1 }
    driver.apply(session(1), 1, 'space.in', 'b', T('job', gt(3)), { timeoutMs: 10 })
    driver.apply(run(4), 2, 'space.rd', 'b', T(Number))
    driver.apply(putter, 1, 'space.out', 'a', [1])
    driver.apply(putter, 2, 'space.eval', 'c', [1], [[0, def, []]])
    driver.apply(putter, 3, 'space.out', 'z', [1])
    driver.apply(putter, 4, 'space.inp', 'z', T(1))
    expect(machine.query('spaces', [])).toEqual([
      { name: 'a', tuples: 1, waiting: 0, active: 0, held: 0, delayed: 0 },
      { name: 'b', tuples: 0, waiting: 2, active: 0, held: 0, delayed: 0 },
      { name: 'c', tuples: 0, waiting: 0, active: 1, held: 0, delayed: 0 },
    ])
    expect(machine.query('waiting', ['b'])).toEqual({
      total: 2,
      waiting: [
        { space: 'b', mode: 'in', template: '["job", gt(3)]', caller: session(1), number: 1, position: 1, deadlineMs: 1_010 },
        { space: 'b', mode: 'rd', template: '[Number]', caller: run(4), number: 2, position: 2, deadlineMs: undefined },
      ],
    })
    expect(machine.query('waiting', ['a'])).toEqual({ total: 0, waiting: [] })
    expect(machine.query('nothing of the kind', [])).toBeUndefined()
  })
})
