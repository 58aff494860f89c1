import { describe, expect, test } from 'vitest'
import { type BcsState, bcs } from '../../../src/mechanisms/checkpoint/bcs.ts'
import { type BhmrStamp, type BhmrState, bhmr, c1, c2 } from '../../../src/mechanisms/checkpoint/bhmr.ts'
import { fdas } from '../../../src/mechanisms/checkpoint/fdas.ts'
import { GroupRun } from '../../../src/mechanisms/checkpoint/group-run.ts'
import { hmnr } from '../../../src/mechanisms/checkpoint/hmnr.ts'
import type { Protocol, Rule, Token } from '../../../src/mechanisms/checkpoint/protocol.ts'
import { protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import { play, untracked, useless } from './judge.ts'
import { anyPlan, schedule } from './schedules.ts'

const TOKEN: Token = { from: 1, epoch: 0, index: 0 }

/** How many of the traces are spoilt under a rule that is changed in one place. */
function spoilt<State, S extends Token>(
  ruleOf: (n: number) => Rule<State, S>,
  verdict: typeof useless | typeof untracked,
  traces = 150,
): number {
  let count = 0
  for (let seed = 1; seed <= traces; seed++) {
    const plan = anyPlan(seed)
    const run = play(new GroupRun(plan.members, () => ruleOf(plan.members)), schedule(seed, plan))
    if (verdict(run).length > 0) count++
  }
  return count
}

describe('bcs', () => {
  const state = (over: Partial<BcsState>): BcsState => ({ sn: 4, sent: true, equal: false, ...over })

  test('a message with a greater number forces, if something was sent in this interval', () => {
    expect(bcs.forces(state({}), { ...TOKEN, sn: 5 })).toBe(true)
    expect(bcs.forces(state({}), { ...TOKEN, sn: 4 })).toBe(false)
    expect(bcs.forces(state({}), { ...TOKEN, sn: 3 })).toBe(false)
  })

  test('after send: where nothing was sent the number rises without a checkpoint', () => {
    const silent = state({ sent: false })
    expect(bcs.forces(silent, { ...TOKEN, sn: 9 })).toBe(false)
    bcs.merge(silent, { ...TOKEN, sn: 9 })
    expect(silent).toEqual({ sn: 9, sent: false, equal: true })
  })

  test('lazy: a basic checkpoint raises the number only after a message with the same number', () => {
    const fresh = state({})
    bcs.take(fresh)
    expect(fresh.sn).toBe(4)
    bcs.merge(fresh, { ...TOKEN, sn: 3 })
    bcs.take(fresh)
    expect(fresh.sn).toBe(4)
    bcs.merge(fresh, { ...TOKEN, sn: 4 })
    bcs.take(fresh)
    expect(fresh).toEqual({ sn: 5, sent: false, equal: false })
  })

  test('a forced checkpoint takes the number of its message over', () => {
    const forced = state({})
    bcs.take(forced, { ...TOKEN, sn: 7 })
    bcs.merge(forced, { ...TOKEN, sn: 7 })
    expect(forced).toEqual({ sn: 7, sent: false, equal: true })
  })

  test('to be lazier still, and not to count the message that raised the number, makes checkpoints useless', () => {
    const lazier: typeof bcs = {
      ...bcs,
      merge(own, m) {
        own.equal ||= m.sn === own.sn
        own.sn = Math.max(own.sn, m.sn)
      },
    }
    expect(spoilt(() => lazier, useless)).toBeGreaterThan(0)
  })
})

describe('fdas', () => {
  const rule = fdas(3)

  test('forces if something was sent in this interval and the message brings a new dependency', () => {
    const state = rule.begin(0)
    const news = { ...TOKEN, D: [-1, 0, -1] }
    expect(rule.forces(state, news)).toBe(false)
    rule.send(state, TOKEN, 2)
    expect(rule.forces(state, news)).toBe(true)
    rule.merge(state, news)
    expect(state.D).toEqual([0, 0, -1])
    expect(rule.forces(state, news)).toBe(false)
  })

  test('a checkpoint begins an interval in which nothing was sent', () => {
    const state = rule.begin(0)
    rule.send(state, TOKEN, 2)
    rule.take(state)
    expect(state).toEqual({ i: 0, D: [1, -1, -1], sent: false })
  })

  test('without its condition RDT is lost', () => {
    expect(spoilt((n) => ({ ...fdas(n), forces: () => false }), untracked)).toBeGreaterThan(100)
  })
})

describe('bhmr', () => {
  test('C1: something new comes in after something went to a member that is not known to have it', () => {
    const rule = bhmr(3)
    const state = rule.begin(0)
    const m = rule.send(rule.begin(1), TOKEN, 0)
    expect(c1(state, m)).toBe(false)
    rule.send(state, { ...TOKEN, from: 0 }, 2)
    expect(c1(state, m)).toBe(true)
  })

  test('C1 does not hold where the new dependency is known to be doubled causally', () => {
    const rule = bhmr(3)
    const state = rule.begin(0)
    rule.send(state, { ...TOKEN, from: 0 }, 1)
    // 0 has sent to 1 only, and 1 depends on itself.
    expect(c1(state, rule.send(rule.begin(1), TOKEN, 0))).toBe(false)
  })

  test('C2: the own interval comes back through a checkpoint of another', () => {
    const rule = bhmr(2)
    const [zero, one] = [rule.begin(0), rule.begin(1)]
    rule.merge(one, rule.send(zero, { ...TOKEN, from: 0 }, 1))
    expect(c2(zero, rule.send(one, TOKEN, 0))).toBe(false)
    rule.take(one)
    expect(c2(zero, rule.send(one, { ...TOKEN, index: 1 }, 0))).toBe(true)
  })

  test('what is known of causal paths is passed on, along the message and by way of its sender', () => {
    const rule = bhmr(3)
    const [zero, one, two] = [rule.begin(0), rule.begin(1), rule.begin(2)]
    const early = rule.send(two, { ...TOKEN, from: 2 }, 0)
    rule.merge(one, rule.send(two, { ...TOKEN, from: 2 }, 1))
    rule.merge(zero, rule.send(one, TOKEN, 0))
    expect(zero.D).toEqual([0, 0, 0])
    expect(zero.simple).toEqual([true, true, true])
    expect(zero.causal).toEqual([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ])
    // Nothing that was known is forgotten for a message that knows less.
    rule.merge(zero, early)
    expect(zero.causal[2]).toEqual([true, true, true])
  })

  test('what came through a checkpoint is not simple, by whichever of two messages', () => {
    const rule = bhmr(3)
    const [zero, one, two] = [rule.begin(0), rule.begin(1), rule.begin(2)]
    const direct = rule.send(two, { ...TOKEN, from: 2 }, 0)
    rule.merge(one, rule.send(two, { ...TOKEN, from: 2 }, 1))
    rule.take(one)
    rule.merge(zero, direct)
    expect(zero.simple[2]).toBe(true)
    rule.merge(zero, rule.send(one, { ...TOKEN, index: 1 }, 0))
    expect(zero.simple[2]).toBe(false)
  })

  test('without C1 RDT is lost', () => {
    expect(spoilt((n) => ({ ...bhmr(n), forces: c2 }), untracked)).toBeGreaterThan(50)
  })

  test('without C2 RDT is lost', () => {
    expect(spoilt((n) => ({ ...bhmr(n), forces: c1 }), untracked)).toBeGreaterThan(20)
  })

  test('with OR instead of AND when simple is merged RDT is lost', () => {
    const either = (n: number): Rule<BhmrState, BhmrStamp> => {
      const rule = bhmr(n)
      return {
        ...rule,
        merge(state, m) {
          const own = { D: state.D.slice(), simple: state.simple.slice() }
          rule.merge(state, m)
          for (let k = 0; k < n; k++) if (k !== state.i && m.D[k] === own.D[k]) state.simple[k] = own.simple[k]! || m.simple[k]!
        },
      }
    }
    expect(spoilt(either, untracked)).toBeGreaterThan(10)
  })

  test('with C1 weakened to "something was sent and the dependency is new" it is fdas, message for message', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const plan = anyPlan(seed)
      const weak = bhmr(plan.members)
      const isNew = (state: BhmrState, m: BhmrStamp) => state.sentTo.includes(true) && m.D.some((known, k) => known > state.D[k]!)
      const weakened = new GroupRun(plan.members, () => ({ ...weak, forces: isNew }))
      const steps = schedule(seed, plan)
      expect(play(weakened, steps)).toEqual(play(protocols.fdas(plan.members), steps))
    }
  })
})

describe('hmnr', () => {
  const rule = hmnr(2)

  test('the initial state is a checkpoint like any other', () => {
    expect(rule.begin(0)).toMatchObject({ lc: 1, ckpt: [1, 0], taken: [false, true], greater: [false, true] })
  })

  test('a message that comes back to the interval it left from, through a checkpoint, forces', () => {
    const [zero, one] = [rule.begin(0), rule.begin(1)]
    rule.merge(one, rule.send(zero, { ...TOKEN, from: 0 }, 1))
    expect(rule.forces(zero, rule.send(one, TOKEN, 0))).toBe(false)
    rule.take(one)
    expect(rule.forces(zero, rule.send(one, { ...TOKEN, index: 1 }, 0))).toBe(true)
  })

  test('a greater clock forces only if somebody who was sent to may be behind it', () => {
    const [zero, one] = [rule.begin(0), rule.begin(1)]
    rule.take(one)
    const ahead = rule.send(one, { ...TOKEN, index: 1 }, 0)
    expect(rule.forces(zero, ahead)).toBe(false)
    rule.send(zero, { ...TOKEN, from: 0 }, 1)
    // 1 itself has the clock of its message.
    expect(ahead.greater).toEqual([true, false])
    expect(rule.forces(zero, ahead)).toBe(false)

    const three = hmnr(3)
    const [here, there] = [three.begin(0), three.begin(1)]
    three.take(there)
    three.send(here, { ...TOKEN, from: 0 }, 2)
    expect(three.forces(here, three.send(there, { ...TOKEN, index: 1 }, 0))).toBe(true)
  })

  test('a greater clock is taken over with what its owner knows of the others, and nobody is ahead of himself', () => {
    const three = hmnr(3)
    const [zero, one] = [three.begin(0), three.begin(1)]
    three.take(one)
    three.merge(zero, three.send(one, { ...TOKEN, index: 1 }, 0))
    expect(zero).toMatchObject({ lc: 2, greater: [false, false, true], ckpt: [1, 2, 0] })
  })

  test('of two equal clocks what both are ahead of counts', () => {
    const three = hmnr(3)
    const [zero, one] = [three.begin(0), three.begin(1)]
    three.merge(zero, three.send(one, TOKEN, 0))
    expect(zero).toMatchObject({ lc: 1, greater: [false, false, true] })
    expect(three.send(zero, { ...TOKEN, from: 0 }, 1).greater).toEqual([false, false, true])
  })

  test('without either condition checkpoints become useless', () => {
    const first = (n: number) => ({ ...hmnr(n), forces: back })
    const second = (n: number) => ({ ...hmnr(n), forces: behind })
    const back: ReturnType<typeof hmnr>['forces'] = ({ i, ckpt }, m) => m.ckpt[i] === ckpt[i] && m.taken[i]!
    const behind: ReturnType<typeof hmnr>['forces'] = ({ lc, sentTo }, m) =>
      m.lc > lc && sentTo.some((to, k) => to && m.greater[k])
    expect(spoilt(first, useless)).toBeGreaterThan(0)
    expect(spoilt(second, useless)).toBeGreaterThan(0)
  })
})

describe('cut', () => {
  test('one marker: every member saves before its first message after it, and before no other', () => {
    const p = protocols.cut(3)
    const before = p.send(1)
    p.checkpoint(0)
    expect(p.deliver(2, before).force).toBe(false)
    expect([1, 2, 1, 2].map((j) => p.deliver(j, p.send(0)).force)).toEqual([true, true, false, false])
    expect(p.deliver(0, p.send(1)).force).toBe(false)
  })

  test('the checkpoints of one marker are a consistent line: a crash of all goes back to them and no further', () => {
    const p = protocols.cut(3)
    p.deliver(1, p.send(0))
    p.checkpoint(0)
    for (const j of [1, 2]) p.deliver(j, p.send(0))
    expect(p.recover([0, 1, 2])).toEqual([1, 1, 1])
  })

  test('a forced checkpoint is for the marker of its message, later ones are not known yet', () => {
    const p = protocols.cut(2)
    p.checkpoint(0)
    const first = p.send(0)
    p.checkpoint(0)
    expect([first, p.send(0)].map((stamp) => p.deliver(1, stamp).force)).toEqual([true, true])
  })

  test('a member that is behind by several markers saves once', () => {
    const p = protocols.cut(2)
    for (let count = 0; count < 5; count++) p.checkpoint(0)
    expect([1, 1].map((j) => p.deliver(j, p.send(0)).force)).toEqual([true, false])
  })
})

test('whom a message goes to may be left unsaid: then it counts as sent to all', () => {
  for (const name of ['hmnr', 'bhmr'] as const) {
    const forced = (['named', 'unnamed'] as const).map((receivers) => {
      let sum = 0
      for (let seed = 1; seed <= 60; seed++) {
        const plan = anyPlan(seed)
        const p: Protocol = protocols[name](plan.members)
        sum += play(p, schedule(seed, plan), receivers).forced
      }
      return sum
    })
    expect(forced[1]).toBeGreaterThan(forced[0]!)
  }
})
