/**
 * The simulator in `npm test`: some seeds of every scenario, and the proof that it would notice.
 *
 * Each planted bug is one that a real implementation could have; it is put in from outside, and the simulator has to find it.
 */
import { PerdureError, resilient } from 'perdure'
import { crashAt, FAULT_KINDS, type FaultKind, type Scenario, type SimulateOptions, simulate } from 'perdure/testing'
import { afterEach, describe, expect, test } from 'vitest'
import type { Listener } from '../../src/log/attachments.ts'
import { Gateway } from '../../src/log/gateway.ts'
import type { IncomingOperation } from '../../src/log/operation.ts'
import { SessionMachine } from '../../src/log/sessions.ts'
import { RemoteConnection } from '../../src/log/wire/remote.ts'
import { Attempt } from '../../src/mechanisms/process/host/attempt.ts'
import { ProcessMachine } from '../../src/mechanisms/process/machine/machine.ts'
import { savedRuns } from '../../src/mechanisms/process/machine/snapshot.ts'
import { SpaceMachine } from '../../src/mechanisms/space/machine/machine.ts'
import { FaultyDisk } from '../../src/testing/faulty-disk.ts'
import { SCENARIOS } from './scenarios.ts'
import { HISTORICAL } from './seeds.ts'

/** Of each scenario; together more than a hundred. */
const SEEDS = 2

/** Of the events of a small program; `crash-everywhere.test.ts` tries all those of a larger one in the longer checks. */
const EVERY = 7

/** A planted bug must be found within so many. */
const SEEDS_FOR_A_BUG = 200

function scenario(name: string): Scenario {
  const found = SCENARIOS[name]
  if (found === undefined) throw new Error(`no scenario ${name}`)
  return found
}

function again(name: string): SimulateOptions['repeat'] {
  return (seed) => `npm run test:sim -- --scenario ${name} --seed ${seed}`
}

describe('whatever fails, nothing is lost and nothing happens twice', () => {
  test.each(Object.keys(SCENARIOS))(`in ${SEEDS} seeds of %s`, async (name) => {
    const report = await simulate({ seeds: SEEDS, repeat: again(name) as (seed: number) => string }, scenario(name))
    expect(report.seeds).toBe(SEEDS)
    expect(report.sometimes['owner reopened']).toBeGreaterThan(SEEDS)
  })

  test.each(HISTORICAL)('in a seed that once failed: $scenario $seed', async ({ scenario: name, seed }) => {
    expect((await simulate({ seed }, scenario(name))).seeds).toBe(1)
  })

  test('the same seed does the same again', async () => {
    for (const name of Object.keys(SCENARIOS)) {
      const [first, second] = [await simulate({ seeds: 1 }, scenario(name)), await simulate({ seeds: 1 }, scenario(name))]
      expect(first.events).toBeGreaterThan(100)
      expect(second).toEqual(first)
    }
  })
})

/** As small as a program can be that uses tuples, a step and a child run. */
const small: Scenario = async (world) => {
  const child = resilient('child', (p, n: number) => p.step('add', (info) => world.effect(info, `add ${n}`) ?? n + 1))
  const parent = resilient('parent', async (p) => {
    await p.space('s').out(['n', 1])
    const [, n] = await p.space('s').in(['n', Number])
    return await (await p.start(child, 'c', [n])).result()
  })
  world.host([parent, child])
  await world.start(parent, 'p', [])
  world.check((await world.result(parent, 'p')) === 2, 'the result is 2')
  const contents = world.effects.map(({ content }) => content)
  world.check(contents.length > 0 && contents.every((content) => content === 'add 1'), `the effects are ${contents}`)
}

describe('a crash at any event', () => {
  test.each(['worker crash', 'owner crash', 'power loss'] as const)('of a small program changes nothing: %s', async (kind) => {
    const { events } = await simulate({ seed: 1, nodes: 2, faults: [] }, small)
    expect(events).toBeGreaterThan(100)
    for (let event = 1; event < events; event += EVERY) {
      const report = await simulate({ seed: 1, nodes: 2, faults: [crashAt(event, kind)] }, small)
      expect(report.events).toBeGreaterThan(event)
    }
  })
})

const mend: (() => void)[] = []
afterEach(() => {
  for (const each of mend.splice(0)) each()
})

/** Replaces a method until the test is over. */
function plant<T extends object, K extends keyof T>(target: T, method: K, make: (original: T[K]) => T[K]): void {
  const original = target[method]
  target[method] = make(original)
  mend.push(() => {
    target[method] = original
  })
}

async function failureOf(name: string, faults: readonly FaultKind[] = FAULT_KINDS): Promise<PerdureError> {
  const failed = await simulate({ seeds: SEEDS_FOR_A_BUG, faults, shrinkEvents: 0 }, scenario(name)).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (failed instanceof PerdureError) return failed
  throw new Error(`no seed of ${SEEDS_FOR_A_BUG} found the planted bug`)
}

describe('the simulator finds a planted bug:', () => {
  test('a gateway that releases replies before they are durable', async () => {
    const listeners = new WeakMap<Gateway, Map<number, Listener>>()
    plant(Gateway.prototype, 'enter', (enter) => {
      return function (this: Gateway, label: string, listener: Listener): number {
        const session = enter.call(this, label, listener)
        const known = listeners.get(this) ?? new Map<number, Listener>()
        const { note } = this.replica.sink
        listeners.set(this, known.set(session, listener))
        this.replica.sink = { note, reply: (to, number, outcome, position) => known.get(to)?.reply(number, outcome, position) }
        return session
      }
    })
    expect((await failureOf('clients')).message).toContain('Acknowledged operations are not in the log')
  })

  test('a disk engine that does not sync', async () => {
    plant(FaultyDisk.prototype, 'start', (start) => {
      return function (this: FaultyDisk, segmentBytes?: number) {
        const started = start.call(this, segmentBytes)
        const committer = started.startCommitter
        started.disk.sync = () => undefined
        return { ...started, startCommitter: committer }
      }
    })
    expect((await failureOf('ring')).message).toMatch(/lost|damaged|not in the log/)
  })

  test('a table of runs that does not check the fence', async () => {
    plant(ProcessMachine.prototype, 'admit', (admit) => {
      return function (this: ProcessMachine, operation, context) {
        const runs = savedRuns([...this.snapshot()].map((part) => ['process', part]))
        const run = runs.find(({ id }) => operation.caller.kind === 'run' && id === operation.caller.id)
        return admit.call(this, { ...operation, fence: run?.fence ?? operation.fence }, context)
      }
    })
    expect((await failureOf('slow', ['pause'])).message).toMatch(/took effect under the fence|although the result/)
  })

  test('a replay that executes steps again', async () => {
    const numbers = new WeakMap<Attempt, number>()
    const count = (attempt: Attempt) => {
      const number = (numbers.get(attempt) ?? 0) + 1
      numbers.set(attempt, number)
      return number
    }
    plant(Attempt.prototype, 'issue', (issue) => {
      return function (this: Attempt, ...args) {
        count(this)
        return issue.apply(this, args)
      }
    })
    plant(Attempt.prototype, 'step', (step) => {
      return function (this: Attempt, name, task) {
        const { run, incarnation, fence } = this.identity
        const idempotencyKey = `${this.port.logId}:${run}:${incarnation}:${count(this)}`
        if (this.replaying) void task.fn({ idempotencyKey, fence, attempt: 1, signal: this.abort.signal })
        return step.call(this, name, task)
      }
    })
    expect((await failureOf('farm')).message).toContain('although the result of its step is recorded')
  })

  test('a host that executes steps on replies that are not durable', async () => {
    const original = Object.getOwnPropertyDescriptor(RemoteConnection.prototype, 'durablePosition') as PropertyDescriptor
    Object.defineProperty(RemoteConnection.prototype, 'durablePosition', {
      configurable: true,
      get: () => Number.MAX_SAFE_INTEGER,
    })
    mend.push(() => Object.defineProperty(RemoteConnection.prototype, 'durablePosition', original))
    expect((await failureOf('farm')).message).toMatch(/was not durable|a future that was undone/)
  })

  test('a host that believes an old confirmation', async () => {
    const asked = new WeakMap<RemoteConnection, number>()
    plant(RemoteConnection.prototype, 'confirm', (confirm) => {
      return async function (this: RemoteConnection) {
        const times = (asked.get(this) ?? 0) + 1
        asked.set(this, times)
        // An answer that came late is asked for again; this one is then believed unasked.
        if (times % 2 === 1) await confirm.call(this)
      }
    })
    expect((await failureOf('slow', ['pause'])).message).toContain('after the run was placed anew')
  })

  test('a space whose `inp` leaves the tuple', async () => {
    plant(SpaceMachine.prototype, 'apply', (apply) => {
      return function (this: SpaceMachine, operation, context) {
        apply.call(this, operation.name === 'space.inp' ? { ...operation, name: 'space.rdp' } : operation, context)
      }
    })
    expect((await failureOf('clients')).message).toContain('a job')
  })

  test('a site that takes an operation for new each time it arrives', async () => {
    plant(SessionMachine.prototype, 'admit', (admit) => {
      return function (this: SessionMachine, operation: IncomingOperation) {
        const admission = admit.call(this, operation)
        return admission === 'settled' ? 'fresh' : admission
      }
    })
    expect((await failureOf('clients')).message).toMatch(/answered twice|taken twice|lost/)
  })
})
