/**
 * Concurrent programs against the naive spaces, through the public API, on real engines: every answer is the model's at its position
 * in the log, and positions respect the order in which things happened.
 *
 * PERDURE_WITNESS_RUNS is the number of histories for each engine; 12 in `npm test`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { type Connection, LocalConnection } from '../../../src/log/connection.ts'
import { openFolder } from '../../../src/log/engines/folder.ts'
import { memoryLog } from '../../../src/log/engines/memory.ts'
import type { Gateway } from '../../../src/log/gateway.ts'
import type { Log } from '../../../src/log/log.ts'
import { connectRemote } from '../../../src/log/wire/remote.ts'
import { serve } from '../../../src/log/wire/server.ts'
import { ref, type Space, space } from '../../../src/mechanisms/space/space.ts'
import { composeReplica, openGateway } from '../../../src/node/compose.ts'
import { pipePair } from '../../log/pipe-pair.ts'
import * as arbitrary from './arbitraries.ts'
import { ABORTED, type Asked, answerOf, type Call, Witness } from './witness.ts'

const RUNS = Number(process.env.PERDURE_WITNESS_RUNS ?? 12)

interface Step {
  readonly asked: Asked
  readonly space: string
  readonly after: 'await' | 'go on' | 'abort'
}

interface Program {
  readonly over: 'the owner' | 'a pipe'
  readonly steps: readonly Step[]
}

const { template, tuple } = arbitrary
const timeoutMs = fc.integer({ min: 0, max: 8 })
const ms = fc.integer({ min: 1, max: 12 })
const name = fc.constantFrom('a', 'a', 'a', 'b')
const hold = fc.record({ leaseMs: fc.integer({ min: 1, max: 10 }), maxDeliveries: fc.integer({ min: 1, max: 3 }) })
const element = fc.oneof(
  fc.record({ in: template }),
  fc.record({ rd: template }),
  fc.record({ out: fc.oneof(tuple, fc.constant(['from', ref(0, 0)])) }),
)
const asked = fc.oneof(
  { arbitrary: fc.record({ op: fc.constant('out'), tuple }), weight: 9 },
  { arbitrary: fc.record({ op: fc.constant('out'), tuple, leaseMs: ms }), weight: 2 },
  { arbitrary: fc.record({ op: fc.constant('out'), tuple, notBeforeMs: ms }), weight: 2 },
  { arbitrary: fc.record({ op: fc.constantFrom('in', 'rd'), template, timeoutMs }), weight: 7 },
  { arbitrary: fc.record({ op: fc.constant('in'), template, timeoutMs, hold }), weight: 4 },
  { arbitrary: fc.record({ op: fc.constantFrom('inp', 'rdp', 'count'), template }), weight: 6 },
  {
    arbitrary: fc.record({ op: fc.constantFrom('collect', 'copyCollect'), template, limit: fc.integer({ min: 1, max: 5 }) }),
    weight: 2,
  },
  { arbitrary: fc.record({ op: fc.constant('collect'), template, limit: fc.constant(3), into: fc.constant('c') }), weight: 1 },
  {
    arbitrary: fc
      .tuple(fc.record({ in: template }), fc.array(element, { maxLength: 2 }), timeoutMs)
      .map(([first, others, time]) => ({ op: 'atomic', elements: [first, ...others], timeoutMs: time })),
    weight: 3,
  },
  { arbitrary: fc.record({ op: fc.constantFrom('ack', 'release'), id: fc.nat(3) }), weight: 3 },
) as fc.Arbitrary<Asked>

const step: fc.Arbitrary<Step> = fc.record({
  asked,
  space: name,
  after: fc.constantFrom('await', 'await', 'go on', 'go on', 'abort'),
})
const programs: fc.Arbitrary<Program[]> = fc.array(
  fc.record({
    over: fc.constantFrom('the owner', 'a pipe'),
    steps: fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
  }),
  { minLength: 2, maxLength: 5 },
)

/** Counts moments, over all programs. */
class Moments {
  #now = 0
  readonly calls: Call[] = []

  next(): number {
    this.#now += 1
    return this.#now
  }
}

async function connect(gateway: Gateway, over: Program['over']): Promise<Connection> {
  if (over === 'the owner') return new LocalConnection(gateway, 'owner')
  const [here, there] = pipePair()
  serve(gateway, there)
  return connectRemote(here, systemClock, 'attached')
}

function issue(jobs: Space, step: Asked, signal: AbortSignal): Promise<unknown> {
  const spaces = jobs as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const call = (...args: unknown[]) => (spaces[step.op] as (...given: unknown[]) => Promise<unknown>).apply(jobs, args)
  switch (step.op) {
    case 'out': {
      const { leaseMs, notBeforeMs } = step
      return call(step.tuple, { leaseMs, notBeforeMs })
    }
    case 'in':
      return call(step.template, { timeoutMs: step.timeoutMs, signal, hold: step.hold })
    case 'rd':
      return call(step.template, { timeoutMs: step.timeoutMs, signal })
    case 'atomic':
      return call(step.elements, { timeoutMs: step.timeoutMs, signal })
    case 'collect':
    case 'copyCollect':
      return call(step.template, { limit: step.limit, into: step.into })
    case 'ack':
    case 'release':
      return call(step.id)
    default:
      return call(step.template)
  }
}

async function play(gateway: Gateway, { over, steps }: Program, moments: Moments): Promise<void> {
  const connection = await connect(gateway, over)
  const site = { issuer: connection.client, link: { main: connection } }
  const spaces = new Map([...new Set(steps.map((each) => each.space))].map((each) => [each, space(site, each)]))
  const held = new Map<string, number[]>()
  const waiting: Promise<void>[] = []
  for (const { asked: given, space: where, after } of steps) {
    const jobs = (await spaces.get(where)) as Space
    const ids = held.get(where) ?? []
    // Whoever has held nothing acknowledges what never was.
    const mine: Asked = given.op === 'ack' || given.op === 'release' ? { ...given, id: ids[given.id % ids.length] ?? 0 } : given
    const call: Call = { session: connection.session, space: where, asked: mine, invokedAt: moments.next() }
    moments.calls.push(call)
    const giveUp = new AbortController()
    const answer = issue(jobs, mine, giveUp.signal).then(
      (value) => {
        if (typeof value === 'object' && value !== null && 'id' in value) held.set(where, [...ids, value.id as number])
        return value
      },
      (error: { code?: string }) => (error === giveUp.signal.reason ? ABORTED : answerOf(error)),
    )
    const settled = answer.then((value) => Object.assign(call, { answer: value, answeredAt: moments.next() }))
    waiting.push(settled.then(() => undefined))
    if (after === 'abort') giveUp.abort(new Error('given up'))
    if (after === 'await') await settled
  }
  await Promise.all(waiting)
  connection.close()
}

async function judged(log: Log, played: readonly Program[]): Promise<number> {
  const gateway = await openGateway(log, systemClock)
  const moments = new Moments()
  await Promise.all(played.map((program) => play(gateway, program, moments)))
  await gateway.durable()
  const compared = await new Witness(composeReplica(), moments.calls).judge(log)
  await gateway.close()
  return compared
}

test('what concurrent programs are told is what the naive spaces say at the same positions, in memory', async () => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(programs, async (played) => {
      compared += await judged(memoryLog(systemClock), played)
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
  expect(compared).toBeGreaterThan(RUNS * 10)
}, 600_000)

test('what concurrent programs are told is what the naive spaces say at the same positions, on disk', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-witness-'))
  let runs = 0
  let compared = 0
  try {
    await fc.assert(
      fc.asyncProperty(programs, async (played) => {
        runs += 1
        compared += await judged(await openFolder(join(folder, String(runs)), systemClock), played)
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  expect(compared).toBeGreaterThan(RUNS * 10)
}, 600_000)

test("the witness catches an answer that is not the model's, and an order that was not that of time", async () => {
  const log = memoryLog(systemClock)
  const gateway = await openGateway(log, systemClock)
  const moments = new Moments()
  const one = { op: 'out', tuple: ['a', 1] } as const
  const steps = [one, { op: 'inp', template: ['a', Number] }, { op: 'inp', template: ['a', Number] }] as const
  await play(gateway, { over: 'the owner', steps: steps.map((each) => ({ asked: each, space: 'a', after: 'await' })) }, moments)
  await gateway.durable()
  const judge = (calls: readonly Call[]) => new Witness(composeReplica(), calls).judge(log)
  const [out, took, missed] = moments.calls as [Call, Call, Call]
  expect(await judge([out, took, missed])).toBe(3)
  await expect(judge([out, took, { ...missed, answer: ['a', 1] }])).rejects.toThrow('the model says null')
  await expect(judge([out, { ...took, answer: null }, missed])).rejects.toThrow('the model says ["a",1]')
  await expect(judge([{ ...out, invokedAt: (took.answeredAt as number) + 0.5, answeredAt: 99 }, took, missed])).rejects.toThrow(
    'answered before it',
  )
  await gateway.close()
})
