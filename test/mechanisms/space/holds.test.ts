/** Held takes: what comes back, when, where to, and what becomes of what comes back too often. */
import { describe, expect, test } from 'vitest'
import type { EvalPort } from '../../../src/mechanisms/space/machine/eval.ts'
import { deadLetterOf } from '../../../src/mechanisms/space/machine/holds.ts'
import { SpaceMachine } from '../../../src/mechanisms/space/machine/machine.ts'
import { any, encodeTemplate } from '../../../src/support/template.ts'
import { MachineDriver, run, session } from '../machine-driver.ts'
import { type Asking, askWith, outcomes } from './asking.ts'

const NO_EVAL: EvalPort = { start: () => undefined }
const T = (...fields: readonly unknown[]) => encodeTemplate(fields)
const JOB = T('job', any)
const hold = { leaseMs: 100 }

interface Handed {
  readonly id: number
  readonly tuple: unknown[]
  readonly deliveries: number
}

function setUp(): Asking & { readonly take: (who: number, terms?: object) => Handed } {
  const asking = askWith(new MachineDriver([new SpaceMachine(NO_EVAL)]))
  return { ...asking, take: (who, terms = hold) => asking.ask(session(who), 'space.inp', 'jobs', JOB, { hold: terms }) as Handed }
}

describe('a held tuple', () => {
  test('is taken, and gone for good with its ack, whoever acknowledges it', () => {
    const { ask, take, driver } = setUp()
    ask(session(1), 'space.out', 'jobs', ['job', 1])
    const held = take(1)
    expect(held).toMatchObject({ tuple: ['job', 1], deliveries: 1 })
    expect(ask(session(2), 'space.rdp', 'jobs', JOB)).toBeNull()
    expect(ask(run(7), 'space.ack', 'jobs', held.id)).toBeUndefined()
    driver.advance(1_000)
    driver.ended(session(1))
    expect(ask(session(2), 'space.rdp', 'jobs', JOB)).toBeNull()
  })

  for (const [how, giveUp] of [
    ['its lease ends', ({ driver }) => driver.advance(100)],
    ['it is released', ({ ask }, id) => ask(session(1), 'space.release', 'jobs', id)],
    ['its session ends in order', ({ driver }) => driver.ended(session(1), 'left')],
    ['its session is lost', ({ driver }) => driver.ended(session(1), 'lost')],
  ] as readonly (readonly [string, (asking: Asking, id: number) => unknown])[]) {
    test(`comes back to its old place when ${how}, with its count of deliveries, and its ack is an error`, () => {
      const asking = setUp()
      const { ask, take } = asking
      for (const n of [1, 2, 3]) ask(session(9), 'space.out', 'jobs', ['job', n])
      const first = take(1)
      giveUp(asking, first.id)
      expect(ask(session(2), 'space.ack', 'jobs', first.id)).toBe('PERDURE_E_HOLD_LOST')
      expect(ask(session(2), 'space.release', 'jobs', first.id)).toBe('PERDURE_E_HOLD_LOST')
      expect(ask(session(2), 'space.collect', 'jobs', JOB)).toEqual([1, 2, 3].map((n) => ['job', n]))
    })

    test(`goes to who waits for it when ${how}`, () => {
      const asking = setUp()
      const { ask, take, driver } = asking
      ask(session(9), 'space.out', 'jobs', ['job', 1])
      const first = take(1)
      driver.apply(session(2), 99, 'space.in', 'jobs', JOB, { hold })
      const before = driver.replies.length
      giveUp(asking, first.id)
      const [second] = outcomes(driver.replies.slice(before)) as [Handed]
      expect(second).toMatchObject({ tuple: ['job', 1], deliveries: 2 })
      expect(second.id).not.toBe(first.id)
    })
  }

  test('of a run comes back when the run ends', () => {
    const { ask, driver } = setUp()
    ask(session(9), 'space.out', 'jobs', ['job', 1])
    ask(run(4), 'space.inp', 'jobs', JOB, { hold })
    driver.ended(session(4))
    expect(ask(session(9), 'space.count', 'jobs', JOB)).toBe(0)
    driver.ended(run(4))
    expect(ask(session(9), 'space.count', 'jobs', JOB)).toBe(1)
  })

  test('without an end of its lease is held until it is said or its holder ends, and there is no deadline for it', () => {
    const { ask, driver } = setUp()
    ask(session(9), 'space.out', 'jobs', ['job', 1])
    const [machine] = driver.machines as [SpaceMachine]
    const endless = { leaseMs: Number.POSITIVE_INFINITY }
    const args = ['jobs', JOB, { hold: endless }] as const
    const scheduled: number[] = []
    driver.entry(machine, (context) => {
      const watched = { ...context, schedule: (atMs: number) => void scheduled.push(atMs) }
      machine.apply({ caller: session(1), number: 1, name: 'space.inp', args }, watched)
    })
    expect(scheduled).toEqual([])
    driver.advance(1e12)
    expect(ask(session(9), 'space.count', 'jobs', JOB)).toBe(0)
    driver.ended(session(1))
    expect(ask(session(9), 'space.count', 'jobs', JOB)).toBe(1)
  })

  test('is not lost because the site was down: its lease is service time', () => {
    const { ask, take, driver } = setUp()
    ask(session(9), 'space.out', 'jobs', ['job', 1])
    const held = take(1)
    driver.wallMs += 1_000_000
    driver.advance(99)
    expect(ask(session(1), 'space.ack', 'jobs', held.id)).toBeUndefined()
  })

  test('cannot be acknowledged through another space', () => {
    const { ask, take } = setUp()
    ask(session(9), 'space.out', 'jobs', ['job', 1])
    const held = take(1)
    expect(ask(session(1), 'space.ack', 'other', held.id)).toBe('PERDURE_E_HOLD_LOST')
    expect(ask(session(1), 'space.ack', 'jobs', held.id)).toBeUndefined()
  })

  test('is not changed by what its holder does with its copy', () => {
    const machine = new SpaceMachine(NO_EVAL)
    const driver = new MachineDriver([machine])
    const given: Handed[] = []
    const context = {
      ...driver.contextOf(machine),
      reply: (_caller: unknown, _number: number, outcome: unknown) => given.push((outcome as { value: Handed }).value),
    }
    machine.apply({ caller: session(1), number: 1, name: 'space.out', args: ['jobs', ['job', [1]]] }, context)
    machine.apply({ caller: session(1), number: 2, name: 'space.inp', args: ['jobs', JOB, { hold }] }, context)
    const [, held] = given
    expect(held?.tuple).toEqual(['job', [1]])
    if (held) (held.tuple[1] as number[]).push(2)
    driver.ended(session(1))
    expect(machine.query('tuples', ['jobs'])).toMatchObject({ tuples: [{ tuple: ['job', [1]] }] })
  })
})

describe('a tuple that comes back too often', () => {
  test('goes to the space for the dead after five deliveries, as a plain tuple', () => {
    const { ask, take, driver } = setUp()
    ask(session(9), 'space.out', 'jobs', ['job', 1])
    for (let delivery = 1; delivery <= 5; delivery++) {
      expect(take(1).deliveries).toBe(delivery)
      driver.advance(100)
    }
    expect(ask(session(9), 'space.count', 'jobs', JOB)).toBe(0)
    expect(ask(session(9), 'space.inp', 'jobs.dead', JOB, { hold })).toMatchObject({ tuple: ['job', 1], deliveries: 1 })
  })

  test('goes where its holder said, after as many as its holder said', () => {
    const { ask, take, driver } = setUp()
    ask(session(9), 'space.out', 'jobs', ['job', 1])
    take(1, { ...hold, maxDeliveries: 1, deadLetter: 'graves' })
    driver.advance(100)
    expect(ask(session(9), 'space.inp', 'graves', JOB)).toEqual(['job', 1])
  })

  test('stays among the living when there is no room among the dead', () => {
    const { ask, take, driver } = setUp()
    ask(session(9), 'space.quota', 'jobs.dead', { tuples: 0 })
    ask(session(9), 'space.out', 'jobs', ['job', 1])
    take(1, { ...hold, maxDeliveries: 1 })
    driver.advance(100)
    expect(take(1, { ...hold, maxDeliveries: 1 }).deliveries).toBe(2)
  })

  test('has a name for its space, however long that of its own', () => {
    expect(deadLetterOf('jobs')).toBe('jobs.dead')
    expect(deadLetterOf('x'.repeat(64))).toBe(`${'x'.repeat(59)}.dead`)
  })
})

test('holds are listed with holder and count', () => {
  const { ask, take, driver } = setUp()
  ask(session(9), 'space.out', 'jobs', ['job', 1])
  const { id } = take(3)
  const [machine] = driver.machines
  expect(machine?.query('holds', ['jobs'])).toEqual({
    total: 1,
    holds: [{ id, space: 'jobs', holder: session(3), tuple: ['job', 1], deliveries: 1, dueMs: driver.serviceMs + 100 }],
  })
  expect(machine?.query('holds', ['other'])).toEqual({ total: 0, holds: [] })
  expect(machine?.query('spaces', [])).toMatchObject([{ name: 'jobs', tuples: 0, held: 1 }])
})
