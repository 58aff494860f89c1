/** The strategies that ask several members, conducted by the real engine. */
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import { majority } from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { attempt } from '../../../../src/mechanisms/group/attempt.ts'
import type { Verdict } from '../../../../src/mechanisms/group/ballot.ts'
import { objectGroup } from '../../../../src/mechanisms/group/ready-objects.ts'
import { fallback } from '../../../../src/mechanisms/group/strategies/fallback.ts'
import { hedge } from '../../../../src/mechanisms/group/strategies/hedge.ts'
import { nVersion } from '../../../../src/mechanisms/group/strategies/n-version.ts'
import { stepwise } from '../../../../src/mechanisms/group/strategies/stepwise.ts'
import { tOverN1 } from '../../../../src/mechanisms/group/strategies/t-over-n1.ts'
import { type VirtualClock, virtualClock } from '../../../../src/testing/virtual-clock.ts'

/** Answers what it was told to, and counts how often it was asked. */
class Pricer {
  asked = 0
  readonly #price: number | Error

  constructor(price: number | Error) {
    this.#price = price
  }

  price(_item: string): number {
    this.asked += 1
    if (this.#price instanceof Error) throw this.#price
    return this.#price
  }
}

/** The same after a while; never, if that is Infinity. */
class SlowPricer {
  readonly signals: AbortSignal[] = []
  readonly #clock: VirtualClock
  readonly #afterMs: number
  readonly #price: number | Error

  constructor(clock: VirtualClock, afterMs: number, price: number | Error) {
    this.#clock = clock
    this.#afterMs = afterMs
    this.#price = price
  }

  async price(_item: string, _options?: { readonly signal: AbortSignal }): Promise<number> {
    this.signals.push(attempt().signal)
    if (this.#afterMs === Infinity) return new Promise(() => {})
    await this.#clock.sleep(this.#afterMs)
    if (this.#price instanceof Error) throw this.#price
    return this.#price
  }
}

const broken = new TypeError('broken')

describe('nVersion', () => {
  test('synchronous members answer at once, and a wrong one is outvoted and named', () => {
    const verdicts: Verdict[] = []
    const members = { a: new Pricer(3), b: new Pricer(4), c: new Pricer(3) }
    const group = objectGroup(members, nVersion({ adjudicator: majority(), stateless: true }), {
      onVerdict: (verdict: Verdict) => verdicts.push(verdict),
    })
    expect(group.price('tea')).toBe(3)
    expect(verdicts).toMatchObject([
      { decision: 'value', value: 3, support: ['a', 'c'], faulty: ['b'], started: ['a', 'b', 'c'] },
    ])
  })

  test('a hung variant does not delay the answer of the others', async () => {
    const clock = virtualClock()
    const verdicts: Verdict[] = []
    const members = { hung: new SlowPricer(clock, Infinity, 3), b: new SlowPricer(clock, 10, 3), c: new SlowPricer(clock, 20, 3) }
    const strategy = nVersion({ adjudicator: majority(), stateless: true, stragglerMs: 500 })
    const answer = objectGroup(members, strategy, { clock, onVerdict: (verdict: Verdict) => verdicts.push(verdict) }).price('tea')
    await clock.advance(20)
    expect(await answer).toBe(3)
    expect(verdicts).toEqual([])
    await clock.advance(600)
    expect(verdicts).toMatchObject([{ support: ['b', 'c'], faulty: [], late: ['hung'] }])
  })

  test('the deadline ends a call that too few have answered', async () => {
    const clock = virtualClock()
    const members = {
      a: new SlowPricer(clock, 10, 3),
      b: new SlowPricer(clock, Infinity, 3),
      c: new SlowPricer(clock, Infinity, 3),
    }
    const failed = objectGroup(members, nVersion({ adjudicator: majority(), stateless: true, timeoutMs: 100 }), { clock })
      .price('tea')
      .catch((error: unknown) => error)
    await clock.advance(120)
    expect(PerdureError.is(await failed, 'PERDURE_E_TIMEOUT')).toBe(true)
  })

  test('of diverse operations on one object the state of the accepted answer remains', () => {
    class Account {
      balance = 10

      pay(amount: number): number {
        return this.wrongly(amount)
      }

      wrongly(amount: number): number {
        this.balance += amount
        return this.balance
      }

      bySubtraction(amount: number): number {
        this.balance -= amount
        return this.balance
      }

      byNegation(amount: number): number {
        this.balance += -amount
        return this.balance
      }
    }
    const operations = { pay: ['wrongly', 'bySubtraction', 'byNegation'] }
    const account = objectGroup({ account: new Account() }, nVersion({ adjudicator: majority(), operations }))
    expect([account.pay(3), account.pay(3), account.balance]).toEqual([7, 4, 4])
  })

  test('a group of one throws its own error', () => {
    const group = objectGroup({ only: new Pricer(broken) }, nVersion({ adjudicator: majority(), stateless: true }))
    expect(() => group.price('tea')).toThrow(broken)
  })
})

describe('stepwise', () => {
  test('the third of three members is never asked while two agree', () => {
    const members = { a: new Pricer(3), b: new Pricer(3), c: new Pricer(3) }
    const group = objectGroup(members, stepwise({ stateless: true }))
    for (let i = 0; i < 5; i += 1) expect(group.price('tea')).toBe(3)
    expect([members.a.asked, members.b.asked, members.c.asked]).toEqual([5, 5, 0])
  })

  test('the third is asked when the first two differ, and latencies add up', async () => {
    const clock = virtualClock()
    const members = { a: new SlowPricer(clock, 100, 3), b: new SlowPricer(clock, 100, 4), c: new SlowPricer(clock, 100, 3) }
    let answer: number | undefined
    const group = objectGroup(members, stepwise({ stateless: true }), { clock })
    void group.price('tea').then((price) => {
      answer = price
    })
    await clock.advance(100)
    expect([members.c.signals.length, answer]).toEqual([1, undefined])
    await clock.advance(100)
    expect(answer).toBe(3)
  })

  test('a member that was not asked for a while still has the state of all', () => {
    class Counter {
      count = 0
      readonly step: number

      constructor(step: number) {
        this.step = step
      }

      next(): number {
        this.count += 1
        return this.count
      }
    }
    class Forgetful extends Counter {
      override next(): number {
        super.next()
        return this.count === 3 ? -1 : this.count
      }
    }
    const members = { a: new Counter(1), b: new Forgetful(1), c: new Counter(1) }
    const group = objectGroup(members, stepwise({}))
    expect([group.next(), group.next(), group.next(), group.next()]).toEqual([1, 2, 3, 4])
  })

  test('phaseMs: a hung member is not waited for', async () => {
    const clock = virtualClock()
    const members = { hung: new SlowPricer(clock, Infinity, 3), b: new SlowPricer(clock, 10, 3), c: new SlowPricer(clock, 10, 3) }
    const answer = objectGroup(members, stepwise({ stateless: true, phaseMs: 50, stragglerMs: 10 }), { clock }).price('tea')
    await clock.advance(100)
    expect(await answer).toBe(3)
  })
})

describe('tOverN1', () => {
  test('7, 7, 9, 9, 5 gives 5', () => {
    const members = { a: new Pricer(7), b: new Pricer(7), c: new Pricer(9), d: new Pricer(9), e: new Pricer(5) }
    expect(objectGroup(members, tOverN1({ t: 2, stateless: true })).price('tea')).toBe(5)
  })
})

describe('fallback', () => {
  test('the next provider is asked when one fails, one after the other', async () => {
    const clock = virtualClock()
    const members = { a: new SlowPricer(clock, 10, broken), b: new SlowPricer(clock, 10, 4), c: new SlowPricer(clock, 10, 5) }
    const answer = objectGroup(members, fallback(), { clock }).price('tea')
    await clock.advance(30)
    expect(await answer).toBe(4)
    expect(members.c.signals).toEqual([])
  })

  test('attemptMs gives a hung provider up and aborts its signal', async () => {
    const clock = virtualClock()
    const members = { hung: new SlowPricer(clock, Infinity, 3), b: new SlowPricer(clock, 10, 4) }
    const answer = objectGroup(members, fallback({ attemptMs: 50 }), { clock }).price('tea')
    await clock.advance(80)
    expect(await answer).toBe(4)
    expect(members.hung.signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  test("the caller's abort is no failure: nobody else is asked, and nobody is to blame", async () => {
    const clock = virtualClock()
    const verdicts: Verdict[] = []
    const caller = new AbortController()
    /** As fetch does: rejects as soon as its caller's signal is aborted. */
    const obedient = {
      price: (_item: string, { signal }: { readonly signal: AbortSignal }) =>
        new Promise<number>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }
    let isAsked = false
    const next = {
      price: async (_item: string, _options: { readonly signal: AbortSignal }) => {
        isAsked = true
        return 4
      },
    }
    const group = objectGroup({ obedient, next }, fallback({}), {
      clock,
      onVerdict: (verdict: Verdict) => verdicts.push(verdict),
    })
    const reason = new Error('the user left')
    const failed = group.price('tea', { signal: caller.signal }).catch((error: unknown) => error)
    caller.abort(reason)
    expect(await failed).toBe(reason)
    await clock.advance(60_000)
    expect(isAsked).toBe(false)
    for (const verdict of verdicts) expect(verdict.faulty).toEqual([])
  })

  test('synchronous providers answer at once', () => {
    const group = objectGroup({ a: new Pricer(broken), b: new Pricer(4) }, fallback({}))
    expect(group.price('tea')).toBe(4)
  })

  test('when all have failed, the error names them', () => {
    const group = objectGroup({ a: new Pricer(broken), b: new Pricer(broken) }, fallback({}))
    expect(() => group.price('tea')).toThrow(/All 2 members of the fallback failed at price: a threw TypeError: broken, b threw/)
  })
})

describe('hedge', () => {
  test('a slow provider is hedged after afterMs, the first answer wins, and the loser is aborted', async () => {
    const clock = virtualClock()
    const members = { slow: new SlowPricer(clock, 5_000, 3), b: new SlowPricer(clock, 30, 3) }
    const answer = objectGroup(members, hedge({ budget: 0.1, afterMs: 50 }), { clock }).price('tea')
    await clock.advance(40)
    expect(members.b.signals).toHaveLength(0)
    await clock.advance(60)
    expect(await answer).toBe(3)
    expect([members.slow.signals[0]?.aborted, members.b.signals[0]?.aborted]).toEqual([true, false])
  })

  test('a system that is slow as a whole is asked little more than without hedging', async () => {
    const clock = virtualClock()
    const members = { a: new SlowPricer(clock, 100, 3), b: new SlowPricer(clock, 100, 3) }
    const group = objectGroup(members, hedge({ budget: 0.1, afterMs: 20, burst: 2 }), { clock })
    const answers = Array.from({ length: 50 }, () => group.price('tea'))
    await clock.advance(200)
    expect(await Promise.all(answers)).toHaveLength(50)
    expect(members.a.signals).toHaveLength(50)
    expect(members.b.signals.length).toBeLessThanOrEqual(2 + 0.1 * 50)
    expect(members.b.signals.length).toBeGreaterThan(0)
  })

  test('a provider that fails is replaced at once', async () => {
    const clock = virtualClock()
    const members = { a: new SlowPricer(clock, 10, broken), b: new SlowPricer(clock, 10, 4) }
    const answer = objectGroup(members, hedge({ budget: 0.1, afterMs: 1_000 }), { clock }).price('tea')
    await clock.advance(30)
    expect(await answer).toBe(4)
  })
})
