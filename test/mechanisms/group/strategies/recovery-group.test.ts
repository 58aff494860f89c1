/** Recovery strategies as their users see them: groups of real objects, in virtual time. */
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import type { Verdict } from '../../../../src/mechanisms/group/ballot.ts'
import { dependable } from '../../../../src/mechanisms/group/dependable.ts'
import { objectGroup } from '../../../../src/mechanisms/group/ready-objects.ts'
import { acceptanceVoting } from '../../../../src/mechanisms/group/strategies/acceptance-voting.ts'
import { consensusRecoveryBlock } from '../../../../src/mechanisms/group/strategies/consensus-recovery-block.ts'
import { nSelfChecking } from '../../../../src/mechanisms/group/strategies/n-self-checking.ts'
import { recoveryBlock } from '../../../../src/mechanisms/group/strategies/recovery-block.ts'
import { retryBlock } from '../../../../src/mechanisms/group/strategies/retry-block.ts'
import type { Acceptance } from '../../../../src/mechanisms/group/strategy.ts'
import { checkpoint, restore } from '../../../../src/support/state/state.ts'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'

/** Sorts what it keeps; its subclasses do it wrongly in one way each. */
class Sorter {
  kept: number[] = []
  add(numbers: number[]): number[] {
    this.kept.push(...numbers)
    this.kept.sort((a, b) => a - b)
    return [...this.kept]
  }
}

class Forgetful extends Sorter {
  override add(numbers: number[]): number[] {
    this.kept.length = 0
    this.kept.push(...numbers)
    return this.kept
  }
}

class Destructive extends Sorter {
  override add(numbers: number[]): number[] {
    this.kept.push(numbers.pop() ?? 0)
    numbers.push(-1)
    throw new TypeError('half done')
  }
}

const isSorted = (list: readonly number[]): boolean => list.every((n, i) => i === 0 || list[i - 1]! <= n)
const complete = (result: number[], { args, before }: Acceptance): boolean =>
  isSorted(result) && result.length === (before as Sorter).kept.length + (args[0] as number[]).length

function failureOf(act: () => unknown): PerdureError {
  try {
    act()
  } catch (error) {
    if (error instanceof PerdureError) return error
    throw error
  }
  throw new Error('nothing failed')
}

describe('a recovery block of synchronous objects', () => {
  test('stays synchronous, and an alternate begins with the state and the arguments as they were', () => {
    const Safe = dependable(Sorter, recoveryBlock({ variants: [Destructive, Forgetful, Sorter], accept: complete }))
    const sorter = new Safe()
    const numbers = [3, 1]
    expect(sorter.add(numbers)).toEqual([1, 3])
    expect(sorter.add([2])).toEqual([1, 2, 3])
    expect(numbers).toEqual([3, 1])
    expect(sorter.kept).toEqual([1, 2, 3])
  })

  test('leaves the state as it was when all fail, and has the causes in order', () => {
    const Safe = dependable(
      Sorter,
      recoveryBlock({ variants: [Sorter, Destructive, Forgetful], accept: (result: number[]) => result.length < 3 }),
    )
    const sorter = new Safe()
    expect(sorter.add([2, 1])).toEqual([1, 2])
    const error = failureOf(() => sorter.add([5, 4, 3]))
    expect(error.code).toBe('PERDURE_E_RECOVERY_BLOCK')
    expect((error.data.causes as { member: string; why: string }[]).map(({ member, why }) => `${member} ${why}`)).toEqual([
      'Sorter rejected',
      'Destructive threw',
      'Forgetful rejected',
    ])
    expect(sorter.kept).toEqual([1, 2])
    expect(sorter.add([])).toEqual([1, 2])
  })

  test('shows the test the result, both states and the original arguments, and none of it can be changed', () => {
    const seen: unknown[] = []
    const attacks: unknown[] = []
    const accept = (result: number[], about: Acceptance): boolean => {
      seen.push({ result, args: about.args, before: about.before, after: about.after })
      const after = about.after as Sorter
      for (const list of [
        result,
        about.args as unknown[],
        about.args[0] as number[],
        (about.before as Sorter).kept,
        after.kept,
      ]) {
        try {
          list.push(666)
        } catch (error) {
          attacks.push(error)
        }
      }
      return true
    }
    const Safe = dependable(Sorter, recoveryBlock({ variants: [Destructive, Sorter], accept }))
    const sorter = new Safe()
    sorter.add([3])
    expect(sorter.add([2, 1])).toEqual([1, 2, 3])
    expect(seen[1]).toEqual({ result: [1, 2, 3], args: [[2, 1]], before: { kept: [3] }, after: { kept: [1, 2, 3] } })
    expect(attacks).toHaveLength(10)
    expect(sorter.kept).toEqual([1, 2, 3])
  })

  test('takes a test that throws, or does not say true, for a rejection', () => {
    for (const accept of [
      () => {
        throw new Error('cannot judge')
      },
      () => undefined as never,
    ]) {
      const sorter = new (dependable(Sorter, recoveryBlock({ accept })))()
      expect(failureOf(() => sorter.add([1])).code).toBe('PERDURE_E_RECOVERY_BLOCK')
      expect(sorter.kept).toEqual([])
    }
  })

  test('is an exception of the outer alternate where it is nested', () => {
    let innerTests = 0
    const never = () => {
      innerTests += 1
      return false
    }
    const Inner = dependable(Sorter, recoveryBlock({ accept: never }))
    const inner = new Inner()
    const outer = objectGroup(
      { nested: { add: (numbers: number[]) => inner.add(numbers) }, plain: new Sorter() },
      recoveryBlock({ accept: (result: number[]) => isSorted(result), stateless: true }),
    )
    expect(outer.add([2, 1])).toEqual([1, 2])
    expect([innerTests, inner.kept]).toEqual([1, []])
  })

  test('keeps private state by the two methods of the class', () => {
    class Counter {
      #n = 0
      add(by: number): number {
        this.#n += by
        if (by < 0) throw new RangeError('after the fact')
        return this.#n
      }
      [checkpoint](): number {
        return this.#n
      }
      [restore](n: number): void {
        this.#n = n
      }
    }
    const counter = new (dependable(Counter, recoveryBlock({ variants: [Counter, Counter], accept: (n: number) => n < 10 })))()
    expect(counter.add(4)).toBe(4)
    expect(() => counter.add(-100)).toThrow(PerdureError)
    expect(() => counter.add(6)).toThrow(PerdureError)
    expect(counter.add(5)).toBe(9)
  })

  test('of ready objects leaves the state in the very objects', () => {
    const primary = new Destructive()
    const backup = new Sorter()
    const group = objectGroup({ primary, backup }, recoveryBlock({ accept: isSorted as () => boolean }))
    expect(group.add([2, 1])).toEqual([1, 2])
    expect([primary.kept, backup.kept]).toEqual([[], [1, 2]])
    expect(group.add([0])).toEqual([0, 1, 2])
    expect(backup.kept).toEqual([0, 1, 2])
  })
})

describe('a primary that is given up and wakes up later', () => {
  class Slow extends Sorter {
    async collect(numbers: number[]): Promise<number[]> {
      return this.add(numbers)
    }
  }

  test('changes neither this, nor what this holds, nor its arguments, nor the caller', async () => {
    const clock = virtualClock()
    const woken: string[] = []
    class Sleeper extends Slow {
      override async collect(numbers: number[]): Promise<number[]> {
        const { kept } = this
        await clock.sleep(1000)
        kept.push(666)
        this.kept = [666]
        numbers.push(666)
        woken.push('woken')
        return [666]
      }
    }
    const Safe = dependable(Slow, recoveryBlock({ variants: [Sleeper, Slow], accept: () => true, attemptMs: 100 }), { clock })
    const slow = new Safe()
    const numbers = [2, 1]
    const first = slow.collect(numbers)
    await clock.advance(100)
    expect(await first).toEqual([1, 2])
    await clock.advance(2000)
    expect(woken).toEqual(['woken'])
    expect(numbers).toEqual([2, 1])
    expect(slow.kept).toEqual([1, 2])
    const second = slow.collect([0])
    await clock.advance(100)
    expect(await second).toEqual([0, 1, 2])
  })

  test('is not accepted after its time, even if its answer would be', async () => {
    const clock = virtualClock()
    class Late extends Slow {
      override async collect(): Promise<number[]> {
        await clock.sleep(101)
        return [42]
      }
    }
    const seen: unknown[] = []
    const accept = (result: unknown) => {
      seen.push(result)
      return true
    }
    const verdicts: Verdict[] = []
    const options = { clock, onVerdict: (verdict: Verdict) => verdicts.push(verdict) }
    const slow = new (dependable(Slow, recoveryBlock({ variants: [Late, Slow], accept, attemptMs: 100 }), options))()
    const answer = slow.collect([7])
    await clock.advance(5000)
    expect(await answer).toEqual([7])
    expect(seen).toEqual([[7]])
    expect(verdicts[0]).toMatchObject({ decision: 'value', support: ['Slow'], late: ['Late'], faulty: [] })
  })

  test('leaves the old state when the time of the whole call is over', async () => {
    const clock = virtualClock()
    class Never extends Slow {
      override async collect(): Promise<number[]> {
        this.kept.push(1)
        await clock.sleep(10_000)
        return this.kept
      }
    }
    const slow = new (dependable(Slow, recoveryBlock({ variants: [Never, Slow], accept: () => true, timeoutMs: 100 }), {
      clock,
    }))()
    const answer = slow.collect([5]).catch((error: unknown) => error)
    await clock.advance(20_000)
    expect(PerdureError.is(await answer, 'PERDURE_E_TIMEOUT')).toBe(true)
    expect(slow.kept).toEqual([])
  })

  test('an asynchronous test is waited for, and the state is the old one until it has accepted', async () => {
    const clock = virtualClock()
    const accept = async (result: number[]) => {
      await clock.sleep(50)
      return isSorted(result)
    }
    class Unsorted extends Slow {
      override async collect(numbers: number[]): Promise<number[]> {
        this.kept.push(...numbers)
        return [...this.kept]
      }
    }
    const slow = new (dependable(Slow, recoveryBlock({ variants: [Unsorted, Slow], accept }), { clock }))()
    const answer = slow.collect([2, 1])
    await clock.advance(49)
    expect(slow.kept).toEqual([])
    await clock.advance(100)
    expect(await answer).toEqual([1, 2])
    expect(slow.kept).toEqual([1, 2])
  })
})

describe('the other schemes, with real objects', () => {
  test('a retry block gives a fault at one point of the input a second expression of it', () => {
    class Inverse {
      /** A point is missing in the table. */
      of(x: number): number {
        if (x === 2) throw new RangeError('division by zero at 2')
        return 1 / x
      }
    }
    const accept = (result: number, { args }: Acceptance) => Math.abs(result * (args[0] as number) - 1) < 1e-3
    const reexpress = ([x]: [number], tryNumber: number) => [x + 1e-5 * tryNumber]
    const inverse = new (dependable(Inverse, retryBlock({ accept, reexpress, maxTries: 3 })))()
    expect(inverse.of(4)).toBe(0.25)
    expect(inverse.of(2)).toBeCloseTo(0.5, 4)
    const strict = {
      accept: (result: number, { args }: Acceptance) => result * (args[0] as number) === 1,
      reexpress,
      maxTries: 3,
    }
    expect(() => new (dependable(Inverse, retryBlock(strict)))().of(2)).toThrow(/No attempt of the retry block/)
  })

  test('a consensus recovery block executes each once, and installs the state of the one that is accepted', () => {
    const calls: string[] = []
    class Counting {
      total = 0
      add(n: number): number {
        calls.push(this.constructor.name)
        this.total += this.step(n)
        return this.total
      }
      step(n: number): number {
        return n
      }
    }
    class Doubling extends Counting {
      override step(n: number): number {
        return 2 * n
      }
    }
    class Negating extends Counting {
      override step(n: number): number {
        return -n
      }
    }
    const accept = (result: number, { before, args }: Acceptance) => result === (before as Counting).total + (args[0] as number)
    const strategy = consensusRecoveryBlock({ variants: [Doubling, Negating, Counting], accept })
    const counting = new (dependable(Counting, strategy))()
    expect([counting.add(1), counting.add(2), counting.add(3)]).toEqual([1, 3, 6])
    expect(counting.total).toBe(6)
    expect(calls).toHaveLength(9)
    calls.length = 0
    const agreeing = new (dependable(
      Counting,
      consensusRecoveryBlock({ variants: [Counting, Doubling, Counting], accept: () => false }),
    ))()
    expect([agreeing.add(1), agreeing.add(2)]).toEqual([1, 3])
  })

  test('acceptance voting lets nobody vote who is rejected', () => {
    const liar = { root: () => -3 }
    const group = objectGroup(
      { liar, accomplice: { root: () => -3 }, honest: { root: (x: number) => Math.sqrt(x) } },
      acceptanceVoting({ accept: (result: number) => result >= 0 }),
    )
    expect((group.root as (x: number) => number)(9)).toBe(3)
  })

  test('N self-checking pairs answer by the first pair that agrees', () => {
    const group = objectGroup(
      {
        a: { f: (x: number) => x + 1 },
        b: { f: (x: number) => x - 1 },
        c: { f: (x: number) => 2 * x },
        d: { f: (x: number) => x + x },
      },
      nSelfChecking({ pairs: 'in-order' }),
    )
    expect(group.f(5)).toBe(10)
  })
})
