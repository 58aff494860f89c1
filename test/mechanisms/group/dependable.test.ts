/** Groups in the place of a class: births, what clients see, and the traps of reflection with a group behind them. */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { majority, unanimity, weighted } from '../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import type { Verdict } from '../../../src/mechanisms/group/ballot.ts'
import { type DependableOptions, dependable, groupOf } from '../../../src/mechanisms/group/dependable.ts'
import { objectGroup } from '../../../src/mechanisms/group/ready-objects.ts'
import { nVersion } from '../../../src/mechanisms/group/strategies/n-version.ts'
import { recoveryBlock } from '../../../src/mechanisms/group/strategies/recovery-block.ts'
import type { Strategy, VariantClass } from '../../../src/mechanisms/group/strategy.ts'
import { ArrayStack, CarelessStack, ListStack, Stack } from './stacks.ts'
import { usageOf } from './usage-of.ts'

const variants = [ArrayStack, ListStack, CarelessStack] as const
const SafeStack = dependable(Stack, nVersion({ variants, adjudicator: majority() }))

/** Text that knows stacks only. */
function reversed(stack: Stack, items: readonly number[]): (number | undefined)[] {
  for (const item of items) stack.push(item)
  return items.map(() => stack.pop())
}

describe('a dependable class', () => {
  test('gives text that uses the class right answers, at once, though a variant is wrong', () => {
    const stack = new SafeStack(8)
    expect(reversed(stack, [1, 2, 3, 4])).toEqual([4, 3, 2, 1])
    expect(groupOf(stack).counts).toMatchObject({ calls: 8, masked: 1, failed: 0 })
  })

  test('builds one member of each variant, named by its class, with copies of the arguments', () => {
    const seen: unknown[][] = []
    class Noting {
      constructor(...args: unknown[]) {
        seen.push(args)
      }
      hear(): void {}
    }
    const Safe = dependable(Noting, nVersion({ variants: [Noting, Noting, Noting], adjudicator: majority() }))
    const list = [1]
    const client = new Safe(list, 'x')
    expect(seen).toEqual([
      [[1], 'x'],
      [[1], 'x'],
      [[1], 'x'],
    ])
    expect(new Set([list, ...seen.map(([first]) => first)]).size).toBe(4)
    expect((groupOf(client).members as readonly { id: string }[]).map(({ id }) => id)).toEqual(['Noting', 'Noting-2', 'Noting-3'])
  })

  test('is its own only member when no variants are listed', () => {
    const Safe = dependable(ArrayStack, nVersion({ adjudicator: majority() }))
    const stack = new Safe()
    expect([stack.push(7), stack.pop()]).toEqual([1, 7])
    expect(groupOf(stack).members).toHaveLength(1)
  })

  test('gives each new a group of its own', () => {
    const [one, two] = [new SafeStack(), new SafeStack()]
    one.push(1)
    expect([one.isEmpty(), two.isEmpty()]).toEqual([false, true])
  })

  test('lets the error of a constructor out of new', () => {
    class Picky {
      constructor(n: number) {
        if (n < 0) throw new RangeError('negative')
      }
      use(): void {}
    }
    const Safe = dependable(Picky, nVersion({ variants: [Picky, Picky], adjudicator: unanimity() }))
    expect(() => new Safe(-1)).toThrow(RangeError)
  })

  test('is called asynchronously by create as well, also as a subclass', async () => {
    class Audited extends dependable(ArrayStack, nVersion({ variants, adjudicator: majority() })) {
      readonly log: number[] = []
    }
    const stack = await SafeStack.create(3)
    expect(stack).toBeInstanceOf(Stack)
    expect([stack.push(1), stack.capacity]).toEqual([1, 3])
    expect(await Audited.create(3)).toBeInstanceOf(Audited)
    const { create } = SafeStack
    expect(await create(3)).toBeInstanceOf(SafeStack)
  })

  test('keeps a static create of its own, which builds groups by new this()', () => {
    class Made {
      static create(): Made {
        return new this()
      }
      use(): number {
        return 1
      }
    }
    const Safe = dependable(Made, nVersion({ variants: [Made, Made], adjudicator: unanimity() }))
    const made = (Safe as unknown as typeof Made).create()
    expect(made.use()).toBe(1)
    expect(groupOf(made).members).toHaveLength(2)
  })

  test('asks a function for its variants with the class as it was written', () => {
    const asked: VariantClass[] = []
    const strategy = nVersion({
      variants: (given) => {
        asked.push(given)
        return [given, ListStack, ArrayStack]
      },
      adjudicator: majority(),
    })
    const Safe = dependable(ArrayStack, strategy as Strategy)
    const stack = new Safe()
    new Safe()
    expect(asked).toEqual([ArrayStack])
    expect(groupOf(stack).members).toHaveLength(3)
  })

  test('whose variant is a dependable class is a group of groups', () => {
    const Inner = dependable(Stack, nVersion({ variants, adjudicator: majority() }))
    const Outer = dependable(Stack, nVersion({ variants: [Inner, ListStack, ArrayStack], adjudicator: unanimity() }))
    const stack = new Outer()
    expect(reversed(stack, [1, 2, 3])).toEqual([3, 2, 1])
    expect(groupOf(stack).counts).toMatchObject({ masked: 0, failed: 0 })
  })
})

describe('a method of a dependable class', () => {
  class Slow extends ArrayStack {
    override pop(): number | undefined {
      return Promise.resolve(super.pop()) as never
    }
  }
  class Async {
    readonly capacity = 1
    readonly size = 0
    push(item: number): number {
      return item
    }
    async pop(): Promise<number | undefined> {
      return 1
    }
    isEmpty(): boolean {
      return false
    }
  }

  test('gives a promise exactly where a member does', async () => {
    const stack = new (dependable(Stack, nVersion({ variants: [ArrayStack, Slow, ListStack], adjudicator: unanimity() })))()
    expect(stack.push(1)).toBe(1)
    const popped: unknown = stack.pop()
    expect(popped).toBeInstanceOf(Promise)
    expect(await popped).toBe(1)
  })

  test('that is async in one variant always gives a promise, also when the others have decided without it', async () => {
    const stack = new (dependable(Stack, nVersion({ variants: [ArrayStack, ListStack, Async], adjudicator: majority() })))()
    const popped: unknown = stack.pop()
    expect(popped).toBeInstanceOf(Promise)
    expect(await popped).toBeUndefined()
    expect(stack.isEmpty()).toBe(true)
  })

  test('whose acceptance test is async always gives a promise, also of an exception that ends the call untested', async () => {
    class Reader {
      read(): string {
        throw new RangeError('no such page')
      }
    }
    const accept = async () => true
    const Safe = dependable(Reader, recoveryBlock({ variants: [Reader, Reader], accept, declared: ['RangeError'] }))
    const read: unknown = new Safe().read()
    expect(read).toBeInstanceOf(Promise)
    await expect(read).rejects.toThrow('no such page')
  })

  test('may be an operation that has several methods of the class for its variants, with any name', () => {
    class Roots {
      byNewton(n: number): number {
        return Math.sqrt(n)
      }
      byHalving(n: number): number {
        return Math.sqrt(n)
      }
      byTable(): number {
        return 0
      }
    }
    interface RootFinder extends Roots {
      root(n: number): number
    }
    const operations = { root: ['byNewton', 'byHalving', 'byTable'] }
    const Safe = dependable(Roots, nVersion({ operations, adjudicator: majority(), stateless: true }))
    const finder = new Safe() as RootFinder
    expect([finder.root(4), finder.byTable()]).toEqual([2, 0])
    expect(groupOf(finder).counts.masked).toBe(1)
    const lacking = nVersion({ operations: { root: ['byNewton', 'byGuess'] }, adjudicator: majority() })
    expect(usageOf(() => dependable(Roots, lacking))).toMatch(/^Roots has no byGuess/)
  })

  test('that was not chosen is answered by the first member alone', () => {
    const verdicts: Verdict[] = []
    const onVerdict = (verdict: Verdict) => verdicts.push(verdict)
    const Safe = dependable(Stack, nVersion({ variants, adjudicator: majority() }), { methods: ['push'], onVerdict })
    const stack = new Safe()
    stack.push(1)
    expect([stack.isEmpty(), stack.pop()]).toEqual([false, 1])
    expect(verdicts.map(({ method }) => method)).toEqual(['push'])
  })

  test('is also that of an accessor which was chosen', () => {
    const verdicts: Verdict[] = []
    const onVerdict = (verdict: Verdict) => verdicts.push(verdict)
    const Safe = dependable(Stack, nVersion({ variants, adjudicator: majority() }), { methods: ['size', 'push'], onVerdict })
    const stack = new Safe()
    stack.push(1)
    expect(stack.size).toBe(1)
    expect(verdicts.map(({ method, support }) => [method, support.length])).toEqual([
      ['push', 3],
      ['get size', 3],
    ])
  })

  test('is also that of a field which holds a function', () => {
    const made: object[] = []
    class Bell {
      rung = 0
      readonly ring = (): number => {
        this.rung += 1
        return this.rung
      }
      constructor() {
        made.push(this)
      }
    }
    const bell = new (dependable(Bell, nVersion({ variants: [Bell, Bell, Bell], adjudicator: unanimity() })))()
    const { ring } = bell
    expect([ring(), bell.ring(), bell.rung]).toEqual([1, 2, 2])
    expect(made.map((each) => (each as Bell).rung)).toEqual([2, 2, 2])
  })
})

describe('errors at definition, also where nobody checks types', () => {
  const untyped = dependable as unknown as (...args: readonly unknown[]) => new () => object
  const make = (variant: unknown, options?: DependableOptions) =>
    untyped(Stack, nVersion({ variants: [ArrayStack, variant as VariantClass], adjudicator: majority() }), options)

  test('a variant that lacks a method of the class is named with the method', () => {
    class Poor {
      push(): void {}
    }
    expect(usageOf(() => make(Poor))).toMatch(/^Poor has no isEmpty/)
  })

  test('a variant that has the method in a field suits', () => {
    class Fields {
      capacity = 0
      push = (): number => 1
      pop = (): number => 1
      isEmpty = (): boolean => true
    }
    expect(make(Fields)).toBeTypeOf('function')
  })

  test('a method that was chosen and that a variant lacks is named', () => {
    expect(usageOf(() => make(ListStack, { methods: ['peek'] as never }))).toMatch(/^ArrayStack has no peek/)
  })

  test('then cannot be chosen', () => {
    expect(usageOf(() => make(ListStack, { methods: ['then'] as never }))).toMatch(/^then cannot be intercepted/)
  })

  test.each([
    ['no class', () => untyped({}, nVersion({ adjudicator: majority() })), /no class/],
    ['an arrow function', () => untyped(() => 1, nVersion({ adjudicator: majority() })), /no class/],
    ['no strategy', () => untyped(Stack, { variants }), /no strategy/],
    ['a variant that is no class', () => make('ListStack'), /Variant 1 .* expected a class/],
    ['no variants from a function', () => make(undefined), /Variant 1/],
  ])('%s is refused', (_, act, message) => {
    expect(usageOf(act)).toMatch(message)
  })

  test('a function that gives no variants is told at the first new', () => {
    const Safe = untyped(Stack, nVersion({ variants: () => [], adjudicator: majority() }))
    expect(usageOf(() => new Safe())).toMatch(/no array of 1 to 64 classes/)
  })

  test('a class of a site has no new', () => {
    const Safe = untyped(Stack, nVersion({ variants, adjudicator: majority() }), { site: {} })
    expect(usageOf(() => new Safe())).toMatch(/await Stack\.create\(\{ key \}\)/)
  })

  test('a variant that is placed on a node needs a site', () => {
    const Safe = make({ node: 'node-a', variant: ListStack })
    expect(usageOf(() => new Safe())).toMatch(/placed on node-a, and only a site has nodes/)
  })

  test('two variants that vote by majority are warned of, once', async () => {
    const heard: string[] = []
    const hear = ({ message }: Error) => message.startsWith('Pair:') && heard.push(message)
    process.on('warning', hear)
    class Pair extends ArrayStack {}
    for (let i = 0; i < 2; i += 1) dependable(Pair, nVersion({ variants: [Pair, ListStack], adjudicator: majority() }))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', hear)
    expect(heard).toEqual([expect.stringMatching(/^Pair: nVersion with 2 members .* only detects .* cannot mask it/)])
  })

  test('an adjudicator that cannot work with so many members is refused', () => {
    const strategy = nVersion({ variants: [ArrayStack, ListStack], adjudicator: weighted([1, 2, 3]) })
    expect(usageOf(() => dependable(Stack, strategy))).toMatch(/weighted/)
  })

  test('groupOf takes clients of groups only', () => {
    expect(usageOf(() => groupOf(new ArrayStack()))).toMatch(/no client of a group/)
  })
})

describe('traps, with a group behind the client', () => {
  test('await group gives the group', async () => {
    const stack = new SafeStack()
    expect(await Promise.resolve(stack)).toBe(stack)
  })

  test('JSON.stringify, console.log, structuredClone, spreading, keys and String call no member', () => {
    const verdicts: Verdict[] = []
    const onVerdict = (verdict: Verdict) => verdicts.push(verdict)
    const stack = new (dependable(Stack, nVersion({ variants, adjudicator: majority() }), { onVerdict }))(4)
    expect(JSON.stringify(stack)).toBe('{"capacity":4}')
    expect(inspect(stack)).toMatch(/^Stack/)
    expect(structuredClone(stack)).toEqual({ capacity: 4 })
    expect({ ...stack }).toEqual({ capacity: 4 })
    expect(Object.keys(stack)).toEqual(['capacity'])
    expect('push' in stack).toBe(true)
    expect(String(stack)).toBe('[object Object]')
    expect(verdicts).toEqual([])
  })

  test('instanceof, name, length and static members are those of the class', () => {
    const stack = new SafeStack()
    expect(stack instanceof Stack && stack instanceof SafeStack).toBe(true)
    expect([SafeStack.name, SafeStack.length, SafeStack.kinds]).toEqual(['Stack', 0, Stack.kinds])
  })

  test('const { push } = stack says that push has lost its object', () => {
    const { push } = new SafeStack()
    expect(usageOf(() => push(1))).toMatch(/push was used without its object/)
  })

  test('super.method() in a subclass is a call to the group', () => {
    class Audited extends dependable(ArrayStack, nVersion({ variants, adjudicator: majority() })) {
      readonly log: number[] = []
      override push(item: number): number {
        this.log.push(item)
        return super.push(item)
      }
    }
    const stack = new Audited()
    stack.push(5)
    expect([stack.log, stack.pop(), groupOf(stack).counts.calls]).toEqual([[5], 5, 2])
  })

  test('a self-call inside a member is part of the call', () => {
    class Twice extends ArrayStack {
      pushTwice(item: number): number {
        this.push(item)
        return this.push(item)
      }
    }
    const stack = new (dependable(Twice, nVersion({ variants: [Twice, Twice], adjudicator: unanimity() })))()
    expect([stack.pushTwice(1), groupOf(stack).counts.calls]).toEqual([2, 1])
  })

  test('an assignment to a field is refused, since only one member would have it', () => {
    const stack = new SafeStack() as { capacity: number }
    expect(usageOf(() => (stack.capacity = 1))).toMatch(/capacity was assigned to/)
  })

  test('the stack of an error starts with the line of the call', () => {
    const stack = new (dependable(Stack, nVersion({ variants: [ArrayStack, CarelessStack], adjudicator: unanimity() })))()
    stack.push(1)
    stack.pop()
    stack.pop()
    let error: unknown
    try {
      stack.pop()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'PERDURE_E_DISAGREEMENT' })
    const [first] = (error as Error).stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? []
    expect(first).toContain('dependable.test.ts')
  })

  test('the stack of an error that was decided later names who awaits the call', async () => {
    const later = (answer: number) => ({ ask: () => new Promise<number>((resolve) => setImmediate(resolve, answer)) })
    const group = objectGroup({ a: later(1), b: later(2) }, nVersion({ adjudicator: unanimity() }))
    async function callingProgram(): Promise<number> {
      return await group.ask()
    }
    const error = await callingProgram().then(undefined, (thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PERDURE_E_DISAGREEMENT' })
    expect((error as Error).stack).toMatch(/callingProgram .*dependable\.test\.ts/)
  })
})
