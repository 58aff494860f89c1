/**
 * What groups promise to the compiler: a method keeps its type exactly when nothing behind it can make it wait. The type check of the
 * tests holds these lines; the one test here only makes sure that the file is looked at.
 */
import { expect, expectTypeOf, test } from 'vitest'
import type { Site } from '../../src/log/site.ts'
import type { Adjudicator } from '../../src/mechanisms/group/adjudicators/adjudicator.ts'
import { metaclass, reflect } from '../../src/mechanisms/group/decorators.ts'
import { dependable, groupOf } from '../../src/mechanisms/group/dependable.ts'
import type { GroupHandle } from '../../src/mechanisms/group/object-group.ts'
import { objectGroup } from '../../src/mechanisms/group/ready-objects.ts'
import { nVersion } from '../../src/mechanisms/group/strategies/n-version.ts'
import { recoveryBlock } from '../../src/mechanisms/group/strategies/recovery-block.ts'
import type { Strategy } from '../../src/mechanisms/group/strategy.ts'

abstract class Stack<T = number> {
  static readonly kinds: readonly string[] = ['array', 'list']
  protected readonly hidden = true
  readonly capacity: number

  constructor(capacity: number, _label?: string) {
    this.capacity = capacity
  }

  static describe(): string {
    return 'last in, first out'
  }

  abstract push(item: T): number
  abstract pop(): T | undefined
  abstract get size(): number
}

class ArrayStack extends Stack {
  readonly #items: number[] = []
  override push(item: number): number {
    return this.#items.push(item)
  }
  override pop(): number | undefined {
    return this.#items.pop()
  }
  override get size(): number {
    return this.#items.length
  }
}

/** Extends nothing: whoever has the methods is a variant. */
class ListStack {
  readonly hidden = true
  readonly capacity: number
  constructor(capacity: number) {
    this.capacity = capacity
  }
  push(_item: number): number {
    return 1
  }
  pop(): number | undefined {
    return
  }
  get size(): number {
    return 0
  }
}

/** Its pop takes time. */
class SlowStack extends ArrayStack {
  readonly slow = true
}
interface AsyncPop {
  readonly capacity: number
  readonly size: number
  push(item: number): number
  pop(): Promise<number | undefined>
}
declare const SlowPop: new (capacity: number, label?: string) => AsyncPop

class Lookup {
  find<K extends string>(key: K): K {
    return key
  }
  async fetch(key: string): Promise<string> {
    return key
  }
  peek?(): string
  count = 0
}

declare const adjudicator: Adjudicator
declare const site: Site

/** Never called: its types are the test. */
async function programs(): Promise<void> {
  // All synchronous and here: nothing changes, also for functions that take a Stack with its protected members.
  const SafeStack = dependable(Stack<number>, nVersion({ variants: [ArrayStack, SlowStack], adjudicator }))
  const stack = new SafeStack(16, 'label')
  expectTypeOf(stack.push).toEqualTypeOf<(item: number) => number>()
  expectTypeOf(stack.pop()).toEqualTypeOf<number | undefined>()
  expectTypeOf(stack.size).toEqualTypeOf<number>()
  expectTypeOf(stack).toExtend<Stack>()
  expectTypeOf(SafeStack.kinds).toEqualTypeOf<readonly string[]>()
  expectTypeOf(SafeStack.describe()).toEqualTypeOf<string>()
  expectTypeOf(await SafeStack.create(16)).toEqualTypeOf<Stack<number>>()
  expectTypeOf(groupOf(stack)).toEqualTypeOf<GroupHandle>()

  class Audited extends dependable(ArrayStack, nVersion({ variants: [ArrayStack, SlowStack], adjudicator })) {
    readonly log: number[] = []
    override push(item: number): number {
      this.log.push(item)
      return super.push(item)
    }
  }
  expectTypeOf(new Audited(3).pop()).toEqualTypeOf<number | undefined>()

  // Constructor parameters flow from the class.
  // @ts-expect-error a string is no capacity
  new SafeStack('16')
  // @ts-expect-error the capacity is missing
  new SafeStack()
  // @ts-expect-error no such method
  stack.peek()

  // One variant is asynchronous in one method: only this method gives promises.
  const Mixed = dependable(Stack<number>, nVersion({ variants: [ArrayStack, SlowPop], adjudicator }))
  const mixed = new Mixed(16)
  expectTypeOf(mixed.push).toEqualTypeOf<(item: number) => number>()
  expectTypeOf(mixed.pop).toEqualTypeOf<() => Promise<number | undefined>>()
  expectTypeOf(mixed.size).toEqualTypeOf<number>()

  // A test that takes time makes every call take time.
  const Tested = dependable(ArrayStack, recoveryBlock({ accept: async () => true }))
  expectTypeOf(new Tested(1).push).toEqualTypeOf<(item: number) => Promise<number>>()
  const Tested2 = dependable(ArrayStack, recoveryBlock({ accept: (result) => result !== undefined }))
  expectTypeOf(new Tested2(1).push).toEqualTypeOf<(item: number) => number>()

  // Elsewhere: methods give promises, and fields are seen by calls only.
  const Isolated = dependable(ArrayStack, nVersion({ adjudicator, isolate: 'worker' }))
  expectTypeOf(new Isolated(1).pop).toEqualTypeOf<() => Promise<number | undefined>>()
  // @ts-expect-error the field lives in a worker
  new Isolated(1).capacity
  const Placed = dependable(
    ArrayStack,
    nVersion({ variants: [{ node: 'node-a', variant: ArrayStack }, ArrayStack], adjudicator }),
  )
  expectTypeOf(new Placed(1).push).toEqualTypeOf<(item: number) => Promise<number>>()
  const Chosen = dependable(ArrayStack, nVersion({ adjudicator, isolate: 'worker' }), { methods: ['size', 'push'] })
  expectTypeOf(new Chosen(1).size).toEqualTypeOf<Promise<number>>()

  // In a site there is no new.
  const InSite = dependable(ArrayStack, nVersion({ adjudicator }), { site, name: 'stack' })
  expectTypeOf((await InSite.create({ key: 'a', args: [16] })).push).toEqualTypeOf<(item: number) => Promise<number>>()
  // @ts-expect-error birth takes time in a site
  new InSite(16)

  // Only chosen methods can change.
  const PushOnly = dependable(Stack<number>, nVersion({ variants: [ArrayStack, SlowPop], adjudicator }), { methods: ['push'] })
  expectTypeOf(new PushOnly(1).pop).toEqualTypeOf<() => number | undefined>()
  // @ts-expect-error no such method to choose
  dependable(ArrayStack, nVersion({ adjudicator }), { methods: ['peek'] })

  // Generic, optional and promising methods keep their types.
  const SafeLookup = dependable(Lookup, nVersion({ variants: [Lookup, Lookup], adjudicator }))
  expectTypeOf(new SafeLookup()).toEqualTypeOf<Lookup>()
  const FarLookup = dependable(Lookup, nVersion({ adjudicator, isolate: 'worker' }))
  expectTypeOf(new FarLookup().fetch).toEqualTypeOf<(key: string) => Promise<string>>()

  // Whoever has lost the types of the variants must expect promises.
  const untyped: Strategy = nVersion({ variants: [ArrayStack, SlowPop], adjudicator })
  expectTypeOf(new (dependable(ArrayStack, untyped))(1).pop).toEqualTypeOf<() => Promise<number | undefined>>()

  // Variants made by a function, as a metaobject that makes the classes.
  const Made = dependable(ArrayStack, nVersion({ variants: () => [ArrayStack, SlowPop], adjudicator }))
  expectTypeOf(new Made(1).pop).toEqualTypeOf<() => Promise<number | undefined>>()
}

function misfits(): void {
  class NoPop {
    readonly capacity = 1
    readonly size = 0
    push(_item: number): number {
      return 1
    }
  }
  class OtherResult extends NoPop {
    pop(): string {
      return ''
    }
  }
  class OtherParameters {
    readonly capacity = 1
    readonly size = 0
    push(item: number, _more: number): number {
      return item
    }
    pop(): number | undefined {
      return
    }
  }
  class OtherConstructor extends ArrayStack {
    constructor(capacity: number, label: string, _third: boolean) {
      super(capacity, label)
    }
  }
  dependable(Stack<number>, nVersion({ variants: [ListStack, ArrayStack], adjudicator }))
  // @ts-expect-error a variant has no pop
  dependable(Stack<number>, nVersion({ variants: [ArrayStack, NoPop], adjudicator }))
  // @ts-expect-error pop gives something else
  dependable(Stack<number>, nVersion({ variants: [ArrayStack, OtherResult], adjudicator }))
  // @ts-expect-error push needs more than it is given
  dependable(Stack<number>, nVersion({ variants: [ArrayStack, OtherParameters], adjudicator }))
  // @ts-expect-error the constructor needs more than it is given
  dependable(Stack<number>, nVersion({ variants: [ArrayStack, OtherConstructor], adjudicator }))
  // @ts-expect-error one that is placed on a node has no pop either
  dependable(Stack<number>, nVersion({ variants: [ArrayStack, { node: 'node-a', variant: NoPop }], adjudicator }))
  // @ts-expect-error an abstract class cannot be its own variant
  dependable(Stack<number>, nVersion({ adjudicator }))
  // @ts-expect-error an object is no class
  dependable(new ArrayStack(1), nVersion({ adjudicator }))
}

async function readyObjects(): Promise<void> {
  const newton = { root: (n: number): number => n, steps: 3, name: 'newton' }
  const bisection = { root: (n: number): number => n, halve: (): void => {} }
  const table = { root: async (n: number): Promise<number> => n }
  const group = objectGroup({ newton, bisection }, nVersion({ adjudicator }))
  expectTypeOf<keyof typeof group>().toEqualTypeOf<'root'>()
  expectTypeOf(group.root(2)).toEqualTypeOf<number>()
  expectTypeOf(objectGroup({ newton, table }, nVersion({ adjudicator })).root(2)).toEqualTypeOf<Promise<number>>()
  expectTypeOf(objectGroup({ a: new ArrayStack(1), b: new SlowStack(2) }, nVersion({ adjudicator })).push).toEqualTypeOf<
    (item: number) => number
  >()
  // @ts-expect-error not all have it
  group.halve()
  // @ts-expect-error not all have it
  objectGroup({ newton, bisection }, nVersion({ adjudicator }), { methods: ['halve'] })
}

function decorated(): void {
  @metaclass(nVersion({ variants: () => [Fast, Careful], adjudicator }))
  class Sorter {
    @reflect
    sort(items: readonly number[]): readonly number[] {
      return items
    }
    @reflect
    get order(): string {
      return 'ascending'
    }
  }
  class Fast extends Sorter {}
  class Careful extends Sorter {}
  // A decorator leaves the type as it is.
  expectTypeOf(new Sorter()).toEqualTypeOf<Sorter>()
  expectTypeOf(new Sorter().sort([1])).toEqualTypeOf<readonly number[]>()

  class Other {
    other(): void {}
  }
  // @ts-expect-error the variant has no sort
  @metaclass(nVersion({ variants: [Other], adjudicator }))
  class Wrong {
    sort(): void {}
  }
  new Wrong()
}

test('groups have the types that their members allow', () => {
  expect([programs, misfits, readyObjects, decorated].every((program) => typeof program === 'function')).toBe(true)
})
