import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../src/errors.ts'
import type { Protocol } from '../../../src/mechanisms/checkpoint/protocol.ts'
import { type ProtocolName, protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import { play, untracked, useless } from './judge.ts'
import { anyPlan, type Plan, schedule, type Topology } from './schedules.ts'

const SAFE = ['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut'] as const
const TRACKABLE = ['fdas', 'bhmr'] as const
const TRACES = 200

function tryAll(name: ProtocolName, receivers: 'named' | 'unnamed' = 'named') {
  const sum = { useless: 0, untracked: 0, forced: 0, basic: 0 }
  for (let seed = 1; seed <= TRACES; seed++) {
    const plan = anyPlan(seed)
    const run = play(protocols[name](plan.members), schedule(seed, plan), receivers)
    if (useless(run).length > 0) sum.useless++
    if (untracked(run).length > 0) sum.untracked++
    sum.forced += run.forced
    sum.basic += run.basic
  }
  return sum
}

describe('on random traces, slow and lost and reordered messages among them', () => {
  test.each(SAFE)('%s makes no checkpoint useless', (name) => {
    const { useless, forced } = tryAll(name)
    expect({ useless, forcesAny: forced > 0 }).toEqual({ useless: 0, forcesAny: true })
  })

  test.each(SAFE)('%s makes no checkpoint useless where no message names its receiver', (name) => {
    expect(tryAll(name, 'unnamed').useless).toBe(0)
  })

  test.each(TRACKABLE)('%s doubles every Z-path by a causal one (RDT)', (name) => {
    expect(tryAll(name).untracked).toBe(0)
    expect(tryAll(name, 'unnamed').untracked).toBe(0)
  })

  test.each(['exact', 'bcs', 'hmnr', 'bare'] as const)('%s does not promise RDT: there are traces without', (name) => {
    expect(tryAll(name).untracked).toBeGreaterThan(0)
  })
})

/** Rows of the table of checkpoints: topology, members, mean time between checkpoints, delay. */
const ROWS: [Topology, number, number, number][] = [
  ['uniform', 4, 100, 5],
  ['uniform', 8, 100, 5],
  ['uniform', 8, 100, 30],
  ['uniform', 16, 100, 5],
  ['uniform', 16, 100, 30],
  ['group', 8, 100, 5],
  ['ring', 16, 100, 5],
  ['server', 4, 100, 5],
  ['server', 16, 50, 5],
]

describe.each(ROWS)(
  'forced checkpoints on the same schedule: %s, %i members, every %i, delay %i',
  (topology, members, mean, delay) => {
    const forced = new Map<ProtocolName, number>()
    for (let seed = 1; seed <= 2; seed++) {
      const plan: Plan = {
        topology,
        members,
        sendsPerMember: 100,
        checkpointMean: mean,
        leastDelay: 1,
        mostDelay: 2 * delay - 1,
        order: 'any',
        loss: 0,
      }
      const steps = schedule(seed, plan)
      for (const name of Object.keys(protocols) as ProtocolName[]) {
        const p: Protocol = protocols[name](members)
        forced.set(name, (forced.get(name) ?? 0) + forcedBy(p, steps))
      }
    }
    const of = (name: ProtocolName) => forced.get(name)!

    test('exact forces fewest', () => {
      for (const name of ['bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'bare'] as const) expect(of('exact'), name).toBeLessThan(of(name))
    })

    test('bhmr forces no more than fdas, and fewer except on a ring', () => {
      if (topology === 'ring') expect(of('bhmr')).toBe(of('fdas'))
      else expect(of('bhmr')).toBeLessThan(of('fdas'))
    })

    test('RDT costs more than a promise of no useless checkpoint', () => {
      for (const name of ['bcs', 'hmnr', 'exact'] as const) expect(of(name), name).toBeLessThan(of('bhmr'))
    })
  },
)

function forcedBy(p: Protocol, steps: ReturnType<typeof schedule>): number {
  const sent: { to: number; stamp: ReturnType<Protocol['send']> }[] = []
  let forced = 0
  for (const step of steps) {
    if (step.do === 'checkpoint') p.checkpoint(step.member)
    else if (step.do === 'send') sent[step.message] = { to: step.to, stamp: p.send(step.from, step.to) }
    else if (p.deliver(sent[step.message]!.to, sent[step.message]!.stamp).force) forced++
  }
  return forced
}

describe.each(Object.keys(protocols) as ProtocolName[])('%s as a program drives it', (name) => {
  const make = (n: number): Protocol => protocols[name](n)

  test('members are numbered from 0, and n of them are a group', () => {
    expect(make(3).members).toBe(3)
    for (const wrong of [-1, 3, 1.5, Number.NaN]) {
      expect(codeOf(() => make(3).send(wrong))).toBe('PERDURE_E_USAGE')
      expect(codeOf(() => make(3).checkpoint(wrong))).toBe('PERDURE_E_USAGE')
      expect(codeOf(() => make(3).deliver(wrong, make(3).send(0)))).toBe('PERDURE_E_USAGE')
    }
    for (const wrong of [0, -1, 257, 1.5]) expect(codeOf(() => make(wrong))).toBe('PERDURE_E_USAGE')
    expect(codeOf(() => make(3).send(0, 3))).toBe('PERDURE_E_USAGE')
    for (const wrong of [undefined, null, 'nonsense'] as never[])
      expect(codeOf(() => make(3).deliver(0, wrong))).toBe('PERDURE_E_USAGE')
  })

  test('a stamp is plain data and names its sender', () => {
    const p = make(3)
    p.deliver(1, p.send(0))
    p.checkpoint(1)
    const stamp = p.send(1, 2)
    expect(stamp.from).toBe(1)
    expect(JSON.parse(JSON.stringify(stamp))).toEqual(stamp)
  })

  test('a stamp does not change with what its sender does later', () => {
    const p = make(3)
    p.deliver(1, p.send(0))
    const stamp = p.send(1)
    const was = JSON.stringify(stamp)
    p.checkpoint(1)
    p.deliver(1, p.send(2))
    p.send(1, 2)
    expect(JSON.stringify(stamp)).toBe(was)
  })

  test('a member may send to itself, a group may have one member', () => {
    const p = make(1)
    for (let count = 0; count < 5; count++) {
      const early = p.send(0)
      p.checkpoint(0)
      p.deliver(0, early)
      expect(p.deliver(0, p.send(0)).force).toBe(false)
    }
  })

  test('one stamp may be delivered to several', () => {
    const p = make(4)
    const stamp = p.send(0)
    for (const j of [1, 2, 3]) expect(p.deliver(j, stamp)).toEqual({ force: false })
  })
})

describe.each(SAFE)('%s', (name) => {
  const make = (n: number): Protocol => protocols[name](n)

  test('a stamp of another group is refused', () => {
    const [here, there] = [make(2), make(2)]
    there.checkpoint(0)
    expect(codeOf(() => here.deliver(1, there.send(0)))).toBe('PERDURE_E_USAGE')
    there.recover([0])
    expect(codeOf(() => here.deliver(1, there.send(0)))).toBe('PERDURE_E_USAGE')
  })

  test('a stamp of another protocol, or one that was damaged on the wire, is refused', () => {
    const alien: ProtocolName = name === 'bcs' ? 'fdas' : 'bcs'
    const foreign: Protocol = protocols[alien](2)
    if (name !== 'exact') expect(codeOf(() => make(2).deliver(1, foreign.send(0)))).toBe('PERDURE_E_USAGE')
    expect(codeOf(() => make(2).recover(0 as never))).toBe('PERDURE_E_USAGE')
    const fields = Object.entries(make(2).send(0)) as [string, unknown][]
    for (const [field, value] of fields) {
      const damaged = { ...make(2).send(0), [field]: Array.isArray(value) ? value.map(() => 'nonsense') : 'nonsense' }
      expect(
        codeOf(() => make(2).deliver(1, damaged)),
        field,
      ).toBe('PERDURE_E_USAGE')
    }
  })

  test('a recovery of nobody changes nothing but the epoch', () => {
    const p = make(2)
    p.checkpoint(0)
    const stamp = p.send(0)
    expect(p.recover([])).toEqual(['current', 'current'])
    expect(p.accepts(stamp)).toBe(true)
  })

  test('what can never be gone back to is forgotten, and every line stays the same', () => {
    const p = make(3)
    for (let round = 0; round < 3000; round++) {
      const k = round % 3
      p.deliver((k + 1) % 3, p.send(k))
      p.checkpoint(k)
    }
    const line = p.recover([0, 1, 2])
    for (const to of line) expect(to).toBeGreaterThan(900)
    expect(p.recover([0, 1, 2])).toEqual(line)
  })
})

test('a member that goes back after much was forgotten has the state that it saved with that very checkpoint', () => {
  const p = protocols.fdas(3)
  for (let round = 0; round < 3000; round++) {
    const k = round % 3
    p.deliver((k + 1) % 3, p.send(k))
    p.checkpoint(k)
  }
  const line = p.recover([0, 1, 2])
  const after = line.map((_, k) => p.send(k))
  expect(after.map(({ index }) => index)).toEqual(line)
  // The dependency vector is saved with the checkpoint; its own entry says with which.
  expect(after.map(({ D }, k) => D[k])).toEqual(line)
})

function codeOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error instanceof PerdureError ? error.code : error
  }
  return undefined
}
