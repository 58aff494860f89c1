/**
 * What the state of an object is, and that a copy of it shares nothing with the object.
 *
 * Longer than other files: every kind of value and class goes through the same three ways of copying.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../../src/errors.ts'
import {
  checkpoint,
  holderOf,
  requireOneShape,
  requireState,
  restore,
  type StateHolder,
} from '../../../../src/support/state/state.ts'

class Stack {
  items: unknown[] = []
  name = 'stack'
  push(item: unknown): number {
    return this.items.push(item)
  }
}

/** Keeps its state where no copy of the fields would have it. */
class Vault {
  #items: unknown[]
  constructor(items: unknown[] = []) {
    this.#items = items
  }
  put(item: unknown): void {
    this.#items.push(item)
  }
  get size(): number {
    return this.#items.length
  }
  [checkpoint](): unknown[] {
    return this.#items
  }
  [restore](items: unknown[]): void {
    this.#items = items
  }
}

class Secret {
  #a = 1
  a(): number {
    return this.#a
  }
}

function refusalOf(act: () => unknown): PerdureError {
  try {
    act()
  } catch (error) {
    if (PerdureError.is(error, 'PERDURE_E_STATE')) return error
    throw error
  }
  throw new Error('nothing was refused')
}

function stackOf(items: unknown[]): Stack {
  const stack = new Stack()
  stack.items = items
  return stack
}

describe('the state of a data object', () => {
  test('is a deep copy of its fields, and comes back by load', () => {
    const stack = stackOf([{ n: 1 }])
    const holder = holderOf(stack)
    const state = holder.save() as { items: { n: number }[] }
    expect(state).toEqual({ items: [{ n: 1 }], name: 'stack' })
    stack.push(2)
    ;(stack.items[0] as { n: number }).n = 9
    Object.assign(stack, { extra: 1 })
    holder.load(state)
    expect(holder.object).toBe(stack)
    expect(stack).toEqual(stackOf([{ n: 1 }]))
    state.items[0]!.n = 5
    expect(stack.items).toEqual([{ n: 1 }])
  })

  test('can be tried on a fork of the same class, which nothing connects with the object', () => {
    const stack = stackOf([[1]])
    const fork = holderOf(stack).fork()
    const copy = fork.object as Stack
    expect(copy).toBeInstanceOf(Stack)
    expect(copy.push(2)).toBe(2)
    ;(copy.items[0] as number[]).push(7)
    expect(stack.items).toEqual([[1]])
    expect(fork.save()).toEqual({ items: [[1, 7], 2], name: 'stack' })
  })

  test('of an accepted fork is the new one: the object itself where it was given, another object where they can be made', () => {
    const given = stackOf([1])
    const kept = holderOf(given)
    const own = holderOf(stackOf([1]), () => new Stack())
    for (const holder of [kept, own]) {
      const fork = holder.fork()
      ;(fork.object as Stack).push(2)
      holder.install(fork)
      expect((holder.object as Stack).items).toEqual([1, 2])
    }
    expect(kept.object).toBe(given)
  })

  test('references to the object itself become references to the fork', () => {
    const stack = stackOf([])
    stack.push({ owner: stack })
    const copy = holderOf(stack).fork().object as Stack
    expect((copy.items[0] as { owner: Stack }).owner).toBe(copy)
    const holder = holderOf(stack)
    const state = holder.save()
    stack.items = []
    holder.load(state)
    expect((stack.items[0] as { owner: Stack }).owner).toBe(stack)
  })

  test('of subclasses of Array, Map and Set includes their elements', () => {
    class List extends Array<number> {
      label = 'l'
    }
    class Table extends Map<string, number[]> {
      hits = 0
    }
    class Bag extends Set<number> {}
    const list = Object.assign(new List(), { 0: 1, 1: 2, label: 'm' })
    const table = new Table([['a', [1]]])
    for (const object of [list, table, new Bag([1, 2])]) {
      const holder = holderOf(object)
      const fork = holder.fork()
      expect(fork.object).toStrictEqual(object)
      expect(Object.getPrototypeOf(fork.object)).toBe(Object.getPrototypeOf(object))
    }
    const holder = holderOf(table)
    const state = holder.save()
    table.get('a')!.push(2)
    table.set('b', [])
    table.hits = 5
    holder.load(state)
    expect([...table, table.hits]).toEqual([['a', [1]], 0])
    const before = holderOf(list).save()
    list.push(3)
    holderOf(list).load(before)
    expect([...list, list.label]).toEqual([1, 2, 'm'])
  })

  test('of an object literal leaves out its functions and accessors, which are its code and go with every fork', () => {
    const counter = {
      n: 0,
      inc() {
        this.n += 1
        return this.n
      },
      get double() {
        return this.n * 2
      },
    }
    const holder = holderOf(counter)
    expect(holder.save()).toEqual({ n: 0 })
    const fork = holder.fork()
    const copy = fork.object as typeof counter
    expect([copy.inc(), copy.inc(), copy.double, counter.n]).toEqual([1, 2, 4, 0])
    holder.install(fork)
    expect([counter.n, counter.double, counter.inc()]).toEqual([2, 4, 3])
  })

  test('may be frozen, read-only or keyed by symbols', () => {
    const key = Symbol('key')
    class Odd {
      [key] = [1]
    }
    const odd = Object.defineProperty(new Odd(), 'fixed', { value: 7, enumerable: true })
    const fork = holderOf(odd).fork().object as Odd
    expect(fork[key]).toEqual([1])
    expect(fork[key]).not.toBe(odd[key])
    expect(Object.getOwnPropertyDescriptor(fork, 'fixed')).toEqual({
      value: 7,
      enumerable: true,
      writable: false,
      configurable: false,
    })
    const ice = Object.freeze(Object.assign(new Stack(), { items: [1] }))
    const holder = holderOf(ice)
    const state = holder.save()
    ice.items.push(2)
    holder.load(state)
    expect((holder.object as Stack).items).toEqual([1])
    expect(Object.isFrozen(holder.object)).toBe(true)
  })

  test('keeps the order of fields, also of those that an attempt has deleted', () => {
    const object: Record<string, number> = { a: 1, b: 2 }
    const holder = holderOf(object)
    const state = holder.save()
    delete object.a
    object.c = 3
    holder.load(state)
    expect(Object.keys(object)).toEqual(['a', 'b'])
  })

  test('is not touched by a field of the class that a method of the prototype stands behind', () => {
    class Guarded {
      get level(): number {
        return -1
      }
      set level(_: number) {
        throw new Error('the accessor of the class was called')
      }
    }
    const guarded = Object.defineProperty(new Guarded(), 'level', {
      value: 5,
      writable: true,
      enumerable: true,
      configurable: true,
    })
    expect((holderOf(guarded).fork().object as Guarded).level).toBe(5)
  })
})

describe('the state that a class gives away itself', () => {
  test('is what [checkpoint] returns, copied both ways', () => {
    const vault = new Vault([{ n: 1 }])
    const holder = holderOf(vault, () => new Vault())
    const state = holder.save()
    vault.put(2)
    expect(state).toEqual([{ n: 1 }])
    holder.load(state)
    ;(state as unknown[]).push('later')
    expect(vault.size).toBe(1)
  })

  test('goes into a fork that the class itself has made', () => {
    let made = 0
    const vault = new Vault([1])
    const holder = holderOf(vault, () => {
      made += 1
      return new Vault(['of the constructor'])
    })
    const fork = holder.fork()
    ;(fork.object as Vault).put(2)
    expect([made, vault.size, (fork.object as Vault).size]).toEqual([1, 1, 2])
    holder.install(fork)
    expect(holder.save()).toEqual([1, 2])
  })

  test('of a ready object with private fields can be put back but not tried on a copy, which is explained', () => {
    const vault = new Vault([1])
    const holder = holderOf(vault)
    expect(holder.inPlace).toBe(true)
    const state = holder.save()
    vault.put(2)
    holder.load(state)
    expect(vault.size).toBe(1)
    expect(refusalOf(() => holder.fork()).message).toMatch(/given ready-made\. Give the class to dependable/)
  })

  test('of a ready object without private fields goes into a copy of it', () => {
    class Named {
      items = [1]
      cache: number[] | undefined;
      [checkpoint](): number[] {
        return this.items
      }
      [restore](items: number[]): void {
        this.items.length = 0
        this.items.push(...items)
        this.cache = undefined
      }
    }
    const named = new Named()
    const holder = holderOf(named)
    expect(holder.inPlace).toBe(false)
    const fork = holder.fork()
    ;(fork.object as Named).items.push(2)
    expect(named.items).toEqual([1])
    holder.install(fork)
    expect(named.items).toEqual([1, 2])
  })

  test('goes from a variant to another of different make', () => {
    class Linked {
      head: { item: unknown; next: unknown } | undefined;
      [checkpoint](): unknown[] {
        const items: unknown[] = []
        for (let link = this.head; link !== undefined; link = link.next as typeof link) items.push(link.item)
        return items
      }
      [restore](items: unknown[]): void {
        this.head = items.reduceRight<Linked['head']>((next, item) => ({ item, next }), undefined)
      }
    }
    const linked = holderOf(new Linked(), () => new Linked())
    const vault = holderOf(new Vault([1, 2]), () => new Vault())
    requireOneShape([linked, vault])
    expect(linked.fork(vault.save()).save()).toEqual([1, 2])
  })

  test('may hold objects of classes that give theirs away, and are made without arguments', () => {
    const stack = stackOf([new Vault([1]), 'x'])
    const copy = holderOf(stack).fork().object as Stack
    const [vault] = copy.items as [Vault]
    expect(vault).toBeInstanceOf(Vault)
    expect(vault).not.toBe(stack.items[0])
    vault.put(2)
    expect((stack.items[0] as Vault).size).toBe(1)
    expect(vault.size).toBe(2)
  })

  test('is refused when it comes, or is taken, as a promise', () => {
    class Slow {
      async [checkpoint](): Promise<number> {
        return 1
      }
      async [restore](): Promise<void> {}
    }
    const holder = holderOf(new Slow(), () => new Slow())
    expect(refusalOf(() => holder.save()).message).toContain('[checkpoint]() is an instance of Promise')
    expect(refusalOf(() => holder.load(1)).message).toContain('returned a promise')
  })
})

describe('states that cannot be copied are refused', () => {
  test('private state and neither method: the refusal shows how to write both', () => {
    const { message } = refusalOf(() => holderOf(new Secret()))
    expect(message).toContain('An object of Secret has the private field or method #a of Secret')
    expect(message).toContain('[checkpoint]() { return [...this.#items] } [restore](items) { this.#items = items }')
    expect(refusalOf(() => requireState(Secret.prototype)).message).toContain('#a of Secret')
  })

  test('one method without the other', () => {
    class Half {
      [checkpoint](): number {
        return 1
      }
    }
    expect(refusalOf(() => holderOf(new Half())).message).toMatch(/Half has a method \[checkpoint\] but no \[restore\]/)
  })

  test.each([
    ['a function', { done() {} }, 'this.items[0].done is a function (done)'],
    ['an instance of a class', { inner: new Secret() }, 'this.items[0].inner is an instance of Secret'],
    ['a WeakMap', new Map([['a', new WeakMap()]]), 'this.items[0]<value> is an instance of WeakMap'],
    ['a promise', new Set([Promise.resolve()]), 'this.items[0]<element> is an instance of Promise'],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(1)), 'this.items[0] is an instance of Uint8Array'],
    [
      'an accessor',
      {
        get a() {
          return 1
        },
      },
      'this.items[0].a is an accessor',
    ],
  ])('%s in a field, with its path', (_, item, text) => {
    const error = refusalOf(() => holderOf(stackOf([item])))
    expect(error.message.startsWith(text)).toBe(true)
    expect(error.data.path).toBe(text.split(' ')[0])
  })

  test('an arrow function in a field of an instance, since it belongs to the object it was made in', () => {
    class Button {
      clicks = 0
      click = (): void => {
        this.clicks += 1
      }
    }
    expect(refusalOf(() => holderOf(new Button())).message).toContain('this.click is a function (click)')
  })

  test.each([
    ['the object is given', undefined],
    ['objects can be made', () => new Stack()],
  ])(
    'what an attempt has put into the state, when it is to be accepted, and the state stays as it is, where %s',
    (_, rebuild) => {
      const stack = new Stack()
      const holder = holderOf(stack, rebuild)
      const fork = holder.fork()
      ;(fork.object as Stack).push(() => 1)
      expect(refusalOf(() => holder.install(fork)).data.path).toBe('this.items[0]')
      expect(holder.object).toBe(stack)
      expect(stack.items).toEqual([])
    },
  )

  test('an object of a built-in class whose parts cannot be made anew', () => {
    expect(() => holderOf(new Date())).toThrow(/Date/)
    expect(() => holderOf(Promise.resolve())).toThrow(/Promise/)
  })

  test('a state that is none', () => {
    expect(refusalOf(() => holderOf(new Stack()).load(7)).message).toContain('expected the value that save returned')
  })

  test('one state for classes with different fields', () => {
    class Other {
      head = 1
    }
    const { message } = refusalOf(() => requireOneShape([holderOf(new Stack()), holderOf(new Other())]))
    expect(message).toContain('Stack and Other are alternates with one state')
    expect(message).toContain('the fields items, name')
    requireOneShape([holderOf(new Stack()), holderOf(stackOf([1]))])
  })
})

type Operation = { readonly do: 'push' | 'pop' | 'nest' | 'set' | 'drop' | 'map' | 'cycle'; readonly n: number }

const operations = fc.array(
  fc.record({ do: fc.constantFrom<Operation['do']>('push', 'pop', 'nest', 'set', 'drop', 'map', 'cycle'), n: fc.nat(5) }),
  { maxLength: 12 },
)

class Model {
  list: unknown[] = []
  table = new Map<number, unknown>()
  fields: Record<string, unknown> = {}

  perform({ do: what, n }: Operation): unknown {
    switch (what) {
      case 'push':
        return this.list.push(n)
      case 'pop':
        return this.list.pop()
      case 'nest':
        return this.list.push([n, this.list[0]])
      case 'set':
        this.fields[`f${n}`] = { n, shared: this.list }
        return n
      case 'drop':
        return delete this.fields[`f${n}`]
      case 'map':
        return this.table.set(n, this.fields[`f${n}`]).size
      case 'cycle':
        this.fields.model = this
        return undefined
    }
  }
}

class PrivateModel extends Model {
  #seen = 0
  override perform(operation: Operation): unknown {
    this.#seen += 1
    return super.perform(operation)
  }
  [checkpoint](): unknown {
    return { seen: this.#seen, list: this.list, table: this.table, fields: this.fields }
  }
  [restore](state: { seen: number; list: unknown[]; table: Map<number, unknown>; fields: Record<string, unknown> }): void {
    this.#seen = state.seen
    this.list = state.list
    this.table = state.table
    this.fields = state.fields
  }
}

/** The same attempt by each of the ways in which it can be made and undone. */
const WAYS: Record<string, (holder: StateHolder, attempt: (model: Model) => void, accepted: boolean) => void> = {
  fork: (holder, attempt, accepted) => {
    const fork = holder.fork()
    attempt(fork.object as Model)
    if (accepted) holder.install(fork)
  },
  'fork of a snapshot': (holder, attempt, accepted) => {
    const fork = holder.fork(holder.save())
    attempt(fork.object as Model)
    if (accepted) holder.load(fork.save())
  },
  'in place': (holder, attempt, accepted) => {
    const state = holder.save()
    attempt(holder.object as Model)
    if (!accepted) holder.load(state)
  },
}

describe('fork, snapshot and restoration in place are observably equal', () => {
  test.each([
    ['a data object', () => new Model(), true],
    ['a ready data object', () => new Model(), false],
  ])('%s', (_, make, owned) => {
    compare((model) => holderOf(model, owned ? make : undefined), make)
  })

  test('a class with private state', () => {
    compare(
      (model) => holderOf(model, () => new PrivateModel()),
      () => new PrivateModel(),
    )
  })
})

function perform(model: Model, list: readonly Operation[]): void {
  for (const operation of list) model.perform(operation)
}

function compare(holderFor: (model: Model) => StateHolder, make: () => Model): void {
  const attempts = fc.array(fc.record({ operations, accepted: fc.boolean() }), { maxLength: 6 })
  fc.assert(
    fc.property(attempts, (all) => {
      const holders = Object.keys(WAYS).map((way) => ({ way: WAYS[way]!, holder: holderFor(make()) }))
      const model = make()
      for (const { operations: list, accepted } of all) {
        // The reference makes no attempts: what will be rejected it does not do.
        if (accepted) perform(model, list)
        for (const { way, holder } of holders) way(holder, (object) => perform(object, list), accepted)
      }
      const wanted = holderFor(model).save()
      for (const { holder } of holders) expect(holder.save()).toStrictEqual(wanted)
    }),
    { numRuns: 150 },
  )
}

describe('an attempt that was given up and goes on', () => {
  test('changes its fork only, whatever it can reach: this, nested objects, bytes, Maps', () => {
    const stack = stackOf([{ n: 1 }, new Map([['k', [1]]]), new Uint8Array(1), new Set([{ m: 1 }])])
    const holder = holderOf(stack)
    const before = holder.save()
    const zombie = holder.fork().object as Stack
    const winner = holder.fork()
    ;(winner.object as Stack).push('accepted')
    holder.install(winner)
    deface(zombie)
    expect(stack.items).toEqual([...(before as Stack).items, 'accepted'])
  })

  test('after its acceptance too, where the object was given', () => {
    const stack = stackOf([{ n: 1 }])
    const holder = holderOf(stack)
    const fork = holder.fork()
    holder.install(fork)
    deface(fork.object)
    expect(stack.items).toEqual([{ n: 1 }])
  })
})

/** Changes whatever can be reached. */
function deface(value: unknown, seen: Set<unknown> = new Set()): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  for (const key of Reflect.ownKeys(value)) deface(Reflect.get(value, key), seen)
  if (value instanceof Map) for (const item of value.values()) deface(item, seen)
  if (value instanceof Set) for (const item of value) deface(item, seen)
  if (value instanceof Map || value instanceof Set) value.clear()
  else if (value instanceof Uint8Array) value.fill(255)
  else if (Array.isArray(value)) value.push('zombie')
  else Object.assign(value, { zombie: true, n: 666 })
}
