/** What objects offer, and calls that have become data. */
import { describe, expect, test } from 'vitest'
import { checkChoice, commonOffer, invoke, methodsOf, offerOf } from '../../src/support/offer.ts'

class Base {
  depth(): number {
    return 1
  }
  push(): string {
    return 'hidden by the subclass'
  }
}

class Stack extends Base {
  readonly #items: unknown[] = []
  limit = 3
  override push(...items: unknown[]): string {
    return String(this.#items.push(...items))
  }
  get size(): number {
    return this.#items.length
  }
  set size(n: number) {
    this.#items.length = n
  }
  toJSON(): unknown {
    return this.#items
  }
  override toString(): string {
    return 'Stack'
  }
  *[Symbol.iterator](): Iterator<unknown> {
    yield* this.#items
  }
}

const offer = offerOf(Stack.prototype)

describe('what an object offers', () => {
  test('ends below the prototype of all objects, the nearest first', () => {
    const names: (string | symbol)[] = ['depth', 'push', 'size', 'toJSON', 'toString', Symbol.iterator]
    expect(new Set(offer.keys())).toEqual(new Set(names))
    expect(offer.get('push')?.value).toBe(Stack.prototype.push)
  })

  test('are its own functions too, and no other fields', () => {
    expect([...offerOf({ solve: () => 1, steps: 3 }).keys()]).toEqual(['solve'])
  })

  test('in common is what all have', () => {
    const common = commonOffer([offer, offerOf({ push: () => 1, pop: () => 2 })])
    expect([...common.keys()]).toEqual(['push'])
  })

  test('of methods are calls all that only programs call', () => {
    expect(methodsOf(offer).sort()).toEqual(['depth', 'push'])
  })
})

describe('a call as data', () => {
  test('is made with the object as this', () => {
    expect(invoke(new Stack(), 'push', ['a', 'b'])).toBe('2')
  })

  test('reads and writes accessors and fields by get and set', () => {
    const stack = new Stack()
    invoke(stack, 'push', ['a', 'b'])
    expect([invoke(stack, 'get size', []), invoke(stack, 'get limit', [])]).toEqual([2, 3])
    expect(invoke(stack, 'set size', [0])).toBeUndefined()
    invoke(stack, 'set limit', [9])
    expect([stack.size, stack.limit]).toEqual([0, 9])
  })

  test('of what is not there says so', () => {
    expect(() => invoke(new Stack(), 'pop', [])).toThrow(/pop is no method of this object/)
  })
})

describe('a choice', () => {
  test.each(['then', 'catch', 'finally', 'toJSON', 'constructor', 'inspect', '__proto__'])('of %s is refused', (name) => {
    expect(() => checkChoice(name)).toThrow(new RegExp(`^${name} cannot be intercepted`))
  })

  test('of a symbol is refused', () => {
    expect(() => checkChoice(Symbol.iterator)).toThrow(/^Symbol\(Symbol\.iterator\) cannot be intercepted/)
  })

  test('of any other name is left as it is', () => {
    expect(checkChoice('toString')).toBe('toString')
  })
})
