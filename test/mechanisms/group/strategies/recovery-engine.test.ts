/** What the engine owes to strategies that make attempts on copies. */
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import { dependable } from '../../../../src/mechanisms/group/dependable.ts'
import { objectGroup } from '../../../../src/mechanisms/group/ready-objects.ts'
import { consensusRecoveryBlock } from '../../../../src/mechanisms/group/strategies/consensus-recovery-block.ts'
import { recoveryBlock } from '../../../../src/mechanisms/group/strategies/recovery-block.ts'
import { checkpoint, restore } from '../../../../src/support/state/state.ts'

class Hidden {
  #n = 0
  add(n: number): number {
    this.#n += n
    return this.#n
  }
}

class Counter extends Hidden {
  #sum = 0
  override add(n: number): number {
    this.#sum += n
    return this.#sum
  }
  [checkpoint](): number {
    return this.#sum
  }
  [restore](n: number): void {
    this.#sum = n
  }
}

class Keeper {
  kept: unknown[] = []
  keep(value: unknown): number {
    return this.kept.push(typeof value === 'string' ? () => value : value)
  }
  async keepLater(value: unknown): Promise<number> {
    return this.keep(value)
  }
}

const accept = (): boolean => true

describe('a class whose state can neither be seen nor asked for', () => {
  test('is refused when it is made an alternate', () => {
    expect(() => dependable(Hidden, recoveryBlock({ variants: [Hidden, Hidden], accept }))).toThrow(
      /the private field or method #n of Hidden/,
    )
    expect(() => objectGroup({ a: new Hidden(), b: new Hidden() }, recoveryBlock({ accept }))).toThrow(/#n of Hidden/)
  })

  test('is an alternate all the same if there is no state to be kept', () => {
    expect(new (dependable(Hidden, recoveryBlock({ variants: [Hidden, Hidden], accept, stateless: true })))().add(1)).toBe(1)
  })

  test('alternates with different fields are refused when they are to have one state', () => {
    const odd = { held: [], keep: () => 1 }
    expect(() => objectGroup({ a: new Keeper(), odd }, recoveryBlock({ accept }))).toThrow(/alternates with one state/)
  })
})

describe('an attempt that puts into the state what cannot be copied', () => {
  const keepers = () => objectGroup({ a: new Keeper(), b: new Keeper() }, recoveryBlock({ accept }))

  test('fails the call, leaves the state as it was, and later calls go on', async () => {
    const Safe = dependable(Keeper, recoveryBlock({ variants: [Keeper, Keeper], accept }))
    for (const group of [keepers(), new Safe()]) {
      expect(() => group.keep('a function')).toThrow(/this\.kept\[0\] is a function/)
      expect(group.keep(1)).toBe(1)
      const failed = await group.keepLater('a function').catch((error: unknown) => error)
      expect(PerdureError.is(failed, 'PERDURE_E_STATE')).toBe(true)
      expect(await group.keepLater(2)).toBe(2)
    }
  })
})

test('alternates and acceptance test see the arguments as they were at the call, whatever the caller does to them while he waits', async () => {
  const seen: unknown[] = []
  class Failing extends Keeper {
    override async keepLater(): Promise<number> {
      await Promise.resolve()
      throw new Error('primary is broken')
    }
  }
  const judge = (_: unknown, about: { readonly args: readonly unknown[]; readonly after: unknown }): boolean => {
    seen.push(about.args, about.after)
    return true
  }
  const keeper = new (dependable(Keeper, recoveryBlock({ variants: [Failing, Keeper], accept: judge })))()
  const list = [1]
  const answer = keeper.keepLater(list)
  list.push(666)
  expect(await answer).toBe(1)
  expect(seen).toEqual([[[1]], { kept: [[1]] }])
})

test('members that cannot be copied and are asked at once begin with the same state', () => {
  const group = objectGroup(
    { a: new Counter(), b: new Counter(), c: new Counter() },
    consensusRecoveryBlock({ accept: () => false }),
  )
  expect([group.add(1), group.add(1), group.add(1)]).toEqual([1, 2, 3])
})
