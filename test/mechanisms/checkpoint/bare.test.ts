import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../src/errors.ts'
import { recoveryLine, replaySet } from '../../../src/mechanisms/checkpoint/line.ts'
import type { Protocol } from '../../../src/mechanisms/checkpoint/protocol.ts'
import { protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import type { Trace, TraceEvent } from '../../../src/mechanisms/checkpoint/trace.ts'
import { play, useless } from './judge.ts'
import { anyPlan, schedule } from './schedules.ts'

const A = 0
const B = 1

function codeOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error instanceof PerdureError ? error.code : error
  }
  return undefined
}

function send(object: string, msg: string, to: string): TraceEvent {
  return { object, kind: 'send', msg, to }
}
function receive(object: string, msg: string, from: string): TraceEvent {
  return { object, kind: 'receive', msg, from }
}
function saves(object: string, index: number): TraceEvent {
  return { object, kind: 'checkpoint', index, forced: false }
}

describe('Check as the paper has it (Zweiacker 1997)', () => {
  test('"it must know the identity of the sending and the receiving object of a message": a message carries no more', () => {
    expect(protocols.bare(2).send(A)).toEqual({ from: A })
  })

  test('"indicate to the receiving object that it needs to take a checkpoint prior to processing the message which would introduce inconsistency"', () => {
    const p = protocols.bare(2)
    p.deliver(A, p.send(B))
    p.checkpoint(A)
    expect(p.deliver(B, p.send(A))).toEqual({ force: true })
  })

  test('"it must or must not take a checkpoint": a message that introduces no inconsistency forces none', () => {
    const p = protocols.bare(2)
    p.deliver(A, p.send(B))
    expect(p.deliver(B, p.send(A))).toEqual({ force: false })
  })

  test('"report every checkpoint taken apart from those decided by the POGS": a forced one is counted', () => {
    const p = protocols.bare(3)
    const C = 2
    p.deliver(B, p.send(C))
    p.deliver(A, p.send(B))
    p.checkpoint(A)
    expect(p.deliver(B, p.send(A)).force).toBe(true)
    // What led back to B was sent in the interval before the forced checkpoint.
    expect(p.deliver(B, p.send(A)).force).toBe(false)
    // C has sent what B received before it: what B sends after it would make it useless.
    expect(p.deliver(C, p.send(B)).force).toBe(true)
  })

  test('"a certain object is never requested to take a checkpoint, simply because it would not introduce inconsistency"', () => {
    const p = protocols.bare(3)
    for (let round = 0; round < 50; round++) {
      p.checkpoint(A)
      expect(p.deliver(2, p.send(A)).force).toBe(false)
    }
  })

  test('"the application objects are in theory allowed to only take checkpoints that were forced by it": then none is ever forced', () => {
    const p = protocols.bare(3)
    for (let round = 0; round < 50; round++) expect(p.deliver(round % 3, p.send((round + 1) % 3)).force).toBe(false)
  })

  test('"none of the checkpoints ... will be inconsistent in the long run": true while reports are awaited', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const plan = anyPlan(seed)
      expect(useless(play(protocols.bare(plan.members), schedule(seed, plan)))).toEqual([])
    }
  })
})

describe('the two arguments of Check are not enough', () => {
  test('a report that a message overtakes makes a checkpoint useless, and the vector handed out has an orphan', () => {
    const p = protocols.bare(2)
    const trace: TraceEvent[] = []
    const m0 = p.send(B)
    p.deliver(A, m0)
    trace.push(send('B', 'm0', 'A'), receive('A', 'm0', 'B'), saves('A', 1))
    // A has saved; its CheckpointNow is on the way, and it sends.
    const m1 = p.send(A)
    expect(p.deliver(B, m1)).toEqual({ force: false })
    trace.push(send('A', 'm1', 'B'), receive('B', 'm1', 'A'))
    p.checkpoint(A)
    const messages = [
      { from: B, x: 0, to: A, y: 0, past: [] },
      { from: A, x: 1, to: B, y: 0, past: [] },
    ]
    expect(
      useless({
        members: 2,
        messages,
        pasts: [
          [[], [], []],
          [[], []],
        ],
      }),
    ).toEqual(['C(0,1)'])
    // Whatever fails, A never goes back to C(A,1): it went for nothing.
    expect(recoveryLine({ objects: ['A', 'B'], events: trace }, ['A'])).toEqual({ A: 0, B: 0 })
  })

  test('exact forces there, for the message itself says that its sender has saved', () => {
    const p = protocols.exact(2)
    p.deliver(A, p.send(B))
    p.checkpoint(A)
    expect(p.deliver(B, p.send(A))).toEqual({ force: true })
  })

  test('reports that come three deliveries late make checkpoints useless in most random traces', () => {
    let spoilt = 0
    for (let seed = 1; seed <= 60; seed++) if (uselessWithLateReports(seed) > 0) spoilt++
    expect(spoilt).toBeGreaterThan(30)
  })

  test('two runs with the same calls need different replays, so no algorithm can be right in both', () => {
    const calls = (order: 'sent before' | 'sent after') => {
      const p = protocols.bare(2)
      const before = order === 'sent before' ? p.send(A) : undefined
      p.checkpoint(A)
      p.checkpoint(B)
      const m = before ?? p.send(A)
      return { stamp: m, decision: p.deliver(B, m) }
    }
    expect(calls('sent before')).toEqual(calls('sent after'))

    const both = (first: readonly TraceEvent[], last: readonly TraceEvent[]): Trace => ({
      objects: ['A', 'B'],
      events: [...first, saves('A', 1), saves('B', 1), ...last, receive('B', 'm', 'A')],
    })
    const line = { A: 1, B: 1 }
    expect(replaySet(both([send('A', 'm', 'B')], []), line)).toEqual(['m'])
    expect(replaySet(both([], [send('A', 'm', 'B')]), line)).toEqual([])
  })

  test('a ghost looks like a new message to bare; exact knows it', () => {
    const bare = protocols.bare(2)
    expect(bare.accepts(bare.send(A))).toBe(true)

    const exact = protocols.exact(2)
    exact.checkpoint(A)
    const ghost = exact.send(A)
    exact.recover([A])
    expect(exact.accepts(ghost)).toBe(false)
    expect(codeOf(() => exact.deliver(B, ghost))).toBe('PERDURE_E_STALE')
  })

  test('so bare refuses to recover', () => {
    expect(codeOf(() => protocols.bare(2).recover([A]))).toBe('PERDURE_E_UNSAFE')
  })
})

/** How many checkpoints become useless if the service hears of a basic one when its member asks for the third time after it. */
function uselessWithLateReports(seed: number): number {
  const plan = { ...anyPlan(seed), loss: 0, checkpointMean: 30, sendsPerMember: 30 }
  const p = protocols.bare(plan.members)
  const late: { k: number; after: number }[] = []
  const slow: Protocol = {
    members: plan.members,
    send: (i) => p.send(i),
    accepts: () => true,
    recover: (failed) => p.recover(failed),
    checkpoint: (k) => void late.push({ k, after: 3 }),
    deliver(j, stamp) {
      for (const report of late.filter(({ k }) => k === j)) report.after--
      for (let due = late.findIndex(({ after }) => after <= 0); due >= 0; due = late.findIndex(({ after }) => after <= 0))
        for (const { k } of late.splice(due, 1)) p.checkpoint(k)
      return p.deliver(j, stamp)
    },
  }
  return useless(play(slow, schedule(seed, plan))).length
}
