/** The metaobject protocol alone: a metaobject that notes what it is told and asks one real object. */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import {
  type AnyClass,
  clientOf,
  type Interception,
  interceptClass,
  interceptObject,
  type Metaobject,
  metaobjectOf,
} from '../../src/support/interception.ts'
import { invoke, methodsOf, offerOf } from '../../src/support/offer.ts'

/** Notes every call that reaches it, and has it executed by the object behind it. */
class Noting implements Metaobject {
  readonly noted: [method: string, ...args: unknown[]][] = []
  readonly primary: object | undefined
  readonly real: object

  constructor(real: object, primary: object | undefined = real) {
    this.real = real
    this.primary = primary
  }

  call(method: string, args: readonly unknown[]): unknown {
    this.noted.push([method, ...args])
    return invoke(this.real, method, args)
  }
}

class Base {
  static made = 0
  static make(): object {
    Base.made += 1
    return Reflect.construct(Object, [], Object)
  }
  depth(): number {
    return 1
  }
}

class Stack extends Base {
  #items: unknown[] = []
  label = 'plain'
  readonly twice = (n: number): number => 2 * n

  constructor(first?: unknown, ..._more: unknown[]) {
    super()
    if (first !== undefined) this.#items.push(first)
  }

  static empty<T>(this: new () => T): T {
    return new this()
  }

  push(item: unknown): number {
    return this.#items.push(item)
  }

  pushAll(...items: unknown[]): number {
    for (const item of items) this.push(item)
    return this.size
  }

  async later(item: unknown): Promise<number> {
    return this.push(item)
  }

  fail(error: unknown): never {
    throw error
  }

  get size(): number {
    return this.#items.length
  }

  get limit(): number {
    return this.#items.length + 10
  }

  set limit(n: number) {
    this.#items.length = n
  }

  toJSON(): unknown {
    return { items: this.#items }
  }

  override toString(): string {
    return `Stack of ${this.#items.length}`
  }

  *[Symbol.iterator](): Iterator<unknown> {
    yield* this.#items
  }
}

const offer = offerOf(Stack.prototype)
const all: Interception = { offer, calls: new Set(methodsOf(offer)), functionFields: 'call' }

/** A class of intercepted stacks, and what the metaobject of the last one was told. */
function intercepted(interception: Partial<Interception> = {}) {
  const born: Noting[] = []
  const Reflective = interceptClass(
    Stack,
    (args) => {
      const metaobject = new Noting(new Stack(...args))
      born.push(metaobject)
      return metaobject
    },
    { ...all, ...interception },
  ) as unknown as typeof Stack
  return { Reflective, noted: () => born.at(-1)?.noted ?? [], born }
}

function usageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_USAGE')) return error.message
    throw error
  }
  throw new Error('expected PERDURE_E_USAGE, and nothing was thrown')
}

describe('a call of an intercepted object', () => {
  test('reaches the metaobject as data and gives back what it answers', () => {
    const { Reflective, noted } = intercepted()
    const stack = new Reflective('a')
    expect(stack.push('b')).toBe(2)
    expect(noted()).toEqual([['push', 'b']])
  })

  test('is executed with the real object as this, so that #private works', () => {
    const { Reflective } = intercepted()
    const stack = new Reflective()
    stack.push('a')
    expect([...stack]).toEqual(['a'])
  })

  test('is one call, also when the object calls itself in it', () => {
    const { Reflective, noted } = intercepted()
    new Reflective().pushAll(1, 2)
    expect(noted()).toEqual([['pushAll', 1, 2]])
  })

  test('of a method of a superclass reaches the metaobject', () => {
    const { Reflective, noted } = intercepted()
    expect(new Reflective().depth()).toBe(1)
    expect(noted()).toEqual([['depth']])
  })

  test('that nobody has chosen is executed by the primary and is not noted', () => {
    const { Reflective, noted } = intercepted({ calls: new Set(['pushAll']) })
    const stack = new Reflective()
    expect(stack.push('a')).toBe(1)
    expect(stack.pushAll('b')).toBe(2)
    expect(noted()).toEqual([['pushAll', 'b']])
  })

  test('gives the promise that the metaobject gives', async () => {
    const { Reflective } = intercepted()
    expect(await new Reflective().later('a')).toBe(1)
  })

  test('of a method that promises gives a promise, also of what was answered or thrown at once', async () => {
    const { Reflective } = intercepted({ promised: new Set(['push', 'fail']) })
    const stack = new Reflective()
    const answer: unknown = stack.push('a')
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toBe(1)
    const failure: unknown = stack.fail(new Error('no'))
    await expect(failure).rejects.toThrow('no')
  })
})

describe('trap: methods that lose their object', () => {
  test('const { push } = stack says that push was used without its object', () => {
    const { Reflective } = intercepted()
    const { push } = new Reflective()
    expect(usageOf(() => push('a'))).toMatch(/push was used without its object/)
  })

  test('a bound method works', () => {
    const { Reflective } = intercepted()
    const stack = new Reflective()
    const push = stack.push.bind(stack)
    expect(push('a')).toBe(1)
  })

  test('const { push } = client of a ready object works', () => {
    const metaobject = new Noting(new Stack())
    const { push } = interceptObject(Stack.prototype, metaobject, all) as Stack
    expect(push('a')).toBe(1)
    expect(metaobject.noted).toEqual([['push', 'a']])
  })

  test('a method taken from the class and applied to a stranger runs as it was written', () => {
    const { Reflective } = intercepted()
    const real = new Stack()
    expect(Reflective.prototype.push.call(real, 'a')).toBe(1)
  })
})

describe('trap: a client is thenable', () => {
  class Thenable {
    // biome-ignore lint/suspicious/noThenProperty: what must not come through is what is tested
    then(resolve: (value: string) => void): void {
      resolve('unwrapped')
    }
    catch(): string {
      return 'caught'
    }
  }
  const interception: Interception = {
    offer: offerOf(Thenable.prototype),
    calls: new Set(['then', 'catch']),
    functionFields: 'call',
  }

  test('await client gives the client, though its class has a method then', async () => {
    const Reflective = interceptClass(Thenable, () => new Noting(new Thenable()), interception)
    const client = new Reflective()
    expect(await Promise.resolve(client)).toBe(client)
  })

  test('await client gives the client, though its object has a field then', async () => {
    // biome-ignore lint/suspicious/noThenProperty: as above
    const metaobject = new Noting({ then: (resolve: (value: string) => void) => resolve('unwrapped') })
    const client = interceptObject(null, metaobject, { offer: new Map(), calls: new Set(), functionFields: 'call' })
    expect(await Promise.resolve(client)).toBe(client)
  })
})

describe('trap: looking at a client is a call', () => {
  test('JSON.stringify asks toJSON of the primary', () => {
    const { Reflective, noted } = intercepted()
    expect(JSON.stringify(new Reflective('a'))).toBe('{"items":["a"]}')
    expect(noted()).toEqual([])
  })

  test('JSON.stringify without toJSON shows the fields of the primary', () => {
    class Point {
      x = 1
      y = 2
    }
    const Reflective = interceptClass(Point, () => new Noting(new Point()), { ...all, offer: offerOf(Point.prototype) })
    expect(JSON.stringify(new Reflective())).toBe('{"x":1,"y":2}')
  })

  test('util.inspect names the class and calls nothing', () => {
    const { Reflective, noted } = intercepted()
    expect(inspect(new Reflective())).toMatch(/^Stack/)
    expect(noted()).toEqual([])
  })

  test('a custom inspect is answered by the primary', () => {
    class Shy {
      [inspect.custom](): string {
        return 'Shy!'
      }
    }
    const Reflective = interceptClass(Shy, () => new Noting(new Shy()), { ...all, offer: offerOf(Shy.prototype) })
    expect(inspect(new Reflective())).toBe('Shy!')
  })

  test('toString, which the language calls by itself, is answered by the primary', () => {
    const { Reflective, noted } = intercepted()
    expect(`${new Reflective('a')}`).toBe('Stack of 1')
    expect(noted()).toEqual([])
  })

  test('toString that was chosen is a call', () => {
    const { Reflective, noted } = intercepted({ calls: new Set(['toString']) })
    expect(`${new Reflective()}`).toBe('Stack of 0')
    expect(noted()).toEqual([['toString']])
  })

  test('toString of all objects stays what it is', () => {
    class Plain {}
    const Reflective = interceptClass(Plain, () => new Noting(new Plain()), { ...all, offer: offerOf(Plain.prototype) })
    expect(String(new Reflective())).toBe('[object Object]')
  })

  test('symbols are answered by the primary', () => {
    const { Reflective, noted } = intercepted()
    expect([...new Reflective('a')]).toEqual(['a'])
    expect(noted()).toEqual([])
  })

  test('structuredClone copies the fields, as it does with the object itself', () => {
    const { Reflective } = intercepted({ fields: new Set(['label']) })
    expect(structuredClone(new Reflective())).toEqual({ label: 'plain' })
  })

  test('Object.keys, in, for-in and spreading see the fields of the primary', () => {
    const { Reflective } = intercepted()
    const stack = new Reflective()
    expect(Object.keys(stack)).toEqual(Object.keys(new Stack()))
    expect('push' in stack && 'label' in stack && 'size' in stack).toBe(true)
    expect('other' in stack).toBe(false)
    expect({ ...stack }).toMatchObject({ label: 'plain' })
  })
})

describe('trap: the class in front is another one', () => {
  test('instanceof holds for the class, its superclass and the intercepted class', () => {
    const { Reflective } = intercepted()
    const stack = new Reflective()
    expect(stack instanceof Reflective && stack instanceof Stack && stack instanceof Base).toBe(true)
    expect(new Stack() instanceof Reflective).toBe(false)
  })

  test('name, length and constructor are those of the class', () => {
    const { Reflective } = intercepted()
    expect([Reflective.name, Reflective.length]).toEqual([Stack.name, Stack.length])
    expect(new Reflective().constructor).toBe(Reflective)
    expect([Reflective.prototype.push.name, Reflective.prototype.push.length]).toEqual(['push', 1])
  })

  test('static members are kept, and new this() in one builds an intercepted object', () => {
    const { Reflective, noted } = intercepted()
    Reflective.make()
    expect(Reflective.made).toBe(Base.made)
    Reflective.empty().push('a')
    expect(noted()).toEqual([['push', 'a']])
  })

  test('it cannot be called without new', () => {
    const { Reflective } = intercepted()
    expect(() => (Reflective as unknown as () => void)()).toThrow(/Class constructor Stack cannot be invoked without 'new'/)
  })

  test('a subclass calls super.method(), has fields of its own, and overrides', () => {
    const { Reflective, noted } = intercepted()
    class Audited extends Reflective {
      readonly log: unknown[] = []
      #count = 0
      override push(item: unknown): number {
        this.#count += 1
        this.log.push(item)
        return super.push(item)
      }
      get count(): number {
        return this.#count
      }
    }
    const stack = new Audited('first')
    expect(stack.push('a')).toBe(2)
    expect([stack.log, stack.count, stack.size]).toEqual([['a'], 1, 2])
    expect(noted()).toEqual([['push', 'a']])
    expect(stack instanceof Audited && stack instanceof Stack).toBe(true)
  })

  test('a class behind it may extend it: super and inherited methods run as they were written', () => {
    const Reflective = interceptClass(
      Stack,
      (_args, born) => (born === (Behind as AnyClass) ? undefined : new Noting(new Behind())),
      all,
    ) as unknown as typeof Stack
    class Behind extends Reflective {
      override push(item: unknown): number {
        return 100 + super.push(item)
      }
      grow(n: number): number {
        this.limit = n
        return this.size + super.limit
      }
    }
    expect(new Reflective().push('a')).toBe(101)
    expect(new Reflective().pushAll('a')).toBe(1)
    const behind = new Behind()
    expect(metaobjectOf(behind)).toBeUndefined()
    expect(behind.grow(3)).toBe(16)
  })

  test('what is intercepted may be known only at the first birth', () => {
    let asked = 0
    const Reflective = interceptClass(
      Stack,
      () => new Noting(new Stack()),
      () => {
        asked += 1
        return all
      },
    ) as unknown as typeof Stack
    expect(asked).toBe(0)
    const stack = new Reflective()
    new Reflective()
    stack.push('a')
    expect(asked).toBe(1)
    expect((metaobjectOf(stack) as Noting).noted).toEqual([['push', 'a']])
  })

  test('a client can be made for a metaobject whose birth took time', () => {
    const { Reflective } = intercepted()
    const metaobject = new Noting(new Stack())
    const stack = clientOf(metaobject, Reflective, all) as Stack
    expect(stack.push('a')).toBe(1)
    expect(stack).toBeInstanceOf(Reflective)
    expect(metaobject.noted).toHaveLength(1)
  })
})

describe('trap: arrow-function fields are per instance', () => {
  test('their use is a call, also without the object', () => {
    const { Reflective, noted } = intercepted()
    const { twice } = new Reflective()
    expect(twice(4)).toBe(8)
    expect(noted()).toEqual([['twice', 4]])
  })

  test('where others were chosen they are the primary’s', () => {
    const { Reflective, noted } = intercepted({ functionFields: 'primary' })
    expect(new Reflective().twice(4)).toBe(8)
    expect(noted()).toEqual([])
  })
})

describe('accessors and fields', () => {
  test('are read from the primary as it is now', () => {
    const { Reflective, noted, born } = intercepted()
    const stack = new Reflective()
    expect([stack.size, stack.label]).toEqual([0, 'plain'])
    ;(born[0]?.real as Stack).label = 'changed'
    expect(stack.label).toBe('changed')
    expect(noted()).toEqual([])
  })

  test('that were chosen are read and assigned by calls', () => {
    const { Reflective, noted } = intercepted({ calls: new Set(['limit', 'label']) })
    const stack = new Reflective('a')
    expect([stack.limit, stack.label]).toEqual([11, 'plain'])
    stack.limit = 0
    stack.label = 'new'
    expect([stack.size, stack.label]).toEqual([0, 'new'])
    expect(noted()).toEqual([['get limit'], ['get label'], ['set limit', 0], ['set label', 'new'], ['get label']])
  })

  test('that were not chosen refuse an assignment, which the others behind would not see', () => {
    const { Reflective } = intercepted()
    const stack = new Reflective()
    expect(usageOf(() => (stack.limit = 1))).toMatch(/limit was assigned to/)
    expect(usageOf(() => (stack.label = 'x'))).toMatch(/label was assigned to/)
    expect(stack.label).toBe('plain')
  })

  test('refuse an assignment that goes asynchronous, and leave no rejection that nobody handles', async () => {
    const unhandled: unknown[] = []
    const hear = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', hear)
    const metaobject = { primary: undefined, call: () => Promise.reject(new Error('unseen')) }
    const Reflective = interceptClass(Stack, () => metaobject, { ...all, calls: new Set(['limit']) })
    const stack = new Reflective() as Stack
    expect(usageOf(() => (stack.limit = 1))).toMatch(/setLimit/)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
  })

  test('of an object whose members all live elsewhere are seen by calls only', async () => {
    const real = new Stack('a')
    const elsewhere = { primary: undefined, call: async (method: string) => invoke(real, method, []) }
    const Reflective = interceptClass(Stack, () => elsewhere, { ...all, calls: new Set(['size', 'label']) })
    const stack = new Reflective() as Stack
    const reads: readonly unknown[] = [stack.size, stack.label]
    expect(await Promise.all(reads)).toEqual([1, 'plain'])
    expect(usageOf(() => stack.limit)).toMatch(/limit was asked of an object whose members all live elsewhere/)
  })
})

test('metaobjectOf knows clients only', () => {
  expect([metaobjectOf(new Stack()), metaobjectOf(1), metaobjectOf(null)]).toEqual([undefined, undefined, undefined])
})
