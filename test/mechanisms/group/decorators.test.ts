/** Groups by standard decorators, which the test runner lowers as the compiler does. */
import { describe, expect, test } from 'vitest'
import { majority, unanimity } from '../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { metaclass, reflect } from '../../../src/mechanisms/group/decorators.ts'
import { dependable, groupOf } from '../../../src/mechanisms/group/dependable.ts'
import { nVersion } from '../../../src/mechanisms/group/strategies/n-version.ts'
import { ArrayStack } from './stacks.ts'
import { usageOf } from './usage-of.ts'

describe('decorators', () => {
  @metaclass(nVersion({ variants: () => [Original, Fast, Careful], adjudicator: majority() }))
  class Sorter {
    static readonly order = 'ascending'
    readonly #compare = (a: number, b: number): number => a - b
    readonly seen: number[] = []

    @reflect
    sort(items: readonly number[]): readonly number[] {
      return [...items].sort(this.#compare)
    }
    @reflect
    get calls(): number {
      return this.seen.length
    }
    note(n: number): void {
      this.seen.push(n)
    }
  }
  class Original extends Sorter {}
  class Fast extends Sorter {
    override sort(items: readonly number[]): readonly number[] {
      return [...super.sort(items)].reverse()
    }
  }
  class Careful extends Sorter {
    override sort(items: readonly number[]): readonly number[] {
      return super.sort(super.sort(items))
    }
  }

  test('@metaclass makes new build a group, of variants that extend the class', () => {
    const sorter = new Sorter()
    expect(sorter.sort([3, 1, 2])).toEqual([1, 2, 3])
    expect(groupOf(sorter).counts).toMatchObject({ calls: 1, masked: 1 })
    expect([Sorter.name, Sorter.order]).toEqual(['Sorter', 'ascending'])
    expect(sorter).toBeInstanceOf(Sorter)
  })

  test('@metaclass without variants has the class as it was written for its only member', () => {
    @metaclass(nVersion({ adjudicator: majority() }))
    class Alone {
      readonly #n = 7
      value(): number {
        return this.#n
      }
    }
    const alone = new Alone()
    expect(alone.value()).toBe(7)
    expect(groupOf(alone).members).toHaveLength(1)
  })

  test('@reflect chooses methods and accessors: the others are the first member’s', () => {
    const sorter = new Sorter()
    sorter.note(1)
    expect(sorter.calls).toBe(0)
    expect(sorter.seen).toEqual([1])
    expect(groupOf(sorter).counts.calls).toBe(1)
  })

  test('@reflect chooses automatic accessors, written by a call', () => {
    class Lamp {
      @reflect
      accessor level = 1
    }
    const lamp = new (dependable(Lamp, nVersion({ variants: [Lamp, Lamp], adjudicator: unanimity() })))()
    lamp.level = 5
    expect([lamp.level, groupOf(lamp).counts.calls]).toEqual([5, 2])
  })

  test('@reflect before a static or private method is refused', () => {
    const define = (context: Partial<ClassMethodDecoratorContext>) =>
      reflect(() => 1, { kind: 'method', name: 'm', ...context } as ClassMethodDecoratorContext)
    expect(usageOf(() => define({ static: true }))).toMatch(/no public method/)
    expect(usageOf(() => define({ private: true }))).toMatch(/no public method/)
    expect(usageOf(() => define({ name: 'toJSON' }))).toMatch(/toJSON cannot be intercepted/)
  })

  test('decorators of the older kind are refused', () => {
    const old = metaclass(nVersion({ adjudicator: majority() })) as unknown as (base: unknown) => unknown
    expect(usageOf(() => old(ArrayStack))).toMatch(/older kind of decorator/)
  })
})
