import { describe, expect, test } from 'vitest'
import { hiddenInSource, hiddenState } from '../../../../src/support/state/hidden-state.ts'

describe('what a class hides', () => {
  test('a private field, of the class or of one above it', () => {
    class Base {
      #top = 1
      top(): number {
        return this.#top
      }
    }
    class Derived extends Base {
      size = 0
    }
    expect(hiddenState(Base.prototype)).toBe('the private field or method #top of Base')
    expect(hiddenState(Derived.prototype)).toBe('the private field or method #top of Base')
  })

  test('nothing, in a class with fields and methods, or one that extends a built-in class of data', () => {
    class Plain {
      items: number[] = []
    }
    class Registry extends Map<string, number> {}
    class Failure extends Error {}
    for (const made of [Plain, Registry, Failure, class extends Array {}, class extends Set {}]) {
      expect(hiddenState(made.prototype)).toBeUndefined()
    }
  })

  test('what other built-in classes keep to themselves', () => {
    class Later extends Promise<number> {}
    expect(hiddenState(Later.prototype)).toBe('what the built-in class Promise keeps to itself')
    expect(hiddenState(Date.prototype)).toContain('Date')
  })

  test('a WeakMap keyed by the object, and what compilers make of private names', () => {
    const tops = new WeakMap<object, number>()
    class Old {
      constructor() {
        tops.set(this, 1)
      }
    }
    expect(hiddenState(Old.prototype)).toBe('state outside its fields, in tops of Old')
    expect(hiddenInSource('class A { constructor() { __privateAdd(this, _x, 1) } }', 'A')).toContain('a compiler has rewritten')
    expect(hiddenInSource('class A { get x() { return __classPrivateFieldGet(this, _A_x, "f") } }', 'A')).toContain('compiler')
  })

  test.each([
    ['a string', "class A { color = \"#fff\"; other = 'it\\'s #x' }"],
    ['a comment', 'class A { // #1 thing\n a = 1 /* #x */ }'],
    ['a template', `class A { text() { return \`#\${this.a}#b\` } }`],
    ['a template in a template', `class A { text() { return \`\${\`#a\${{ b: 1 }.b}\`}#c\` } }`],
    ['a regular expression', 'class A { is(s) { return /["#]#x/.test(s) && s.replace(/#y/g, "") } }'],
    ['a static private name', 'class A { static #made = 0; static async #x() {} constructor() { A.#made++ } }'],
    ['a word about privacy', 'class A { isPrivate = true; setPrivate(x) { this.isPrivate = x } }'],
  ])('nothing, where a private name only seems to be there, in %s', (_, source) => {
    expect(hiddenInSource(source, 'A')).toBeUndefined()
  })

  test.each([
    ['after a string with a quote in it', 'class A { a = "\\""; #x = 1 }'],
    ['after divisions', 'class A { half(a, b) { return (a + b) / 2 / this.n } #x = 1 /* / */ }'],
    ['inside a template', `class A { text() { return \`\${this.#x}\` } }`],
    ['after a template with braces', `class A { text() { return \`\${{ a: \`}\` }.a}\` } #x = 1 }`],
    ['after a regular expression with quotes', 'class A { is(s) { return /[\'"`]/.test(s) } #x = 1 }'],
    ['between comments that look like strings', "class A { // it's\n #x = 1 }"],
    ['as a method', 'class A { #push() {} }'],
    ['with letters of another language', 'class A { #größe = 1 }'],
    ['escaped', 'class A { #\\u0061 = 1 }'],
    ['beside a static one', 'class A { static #a = 1; #b = 2 }'],
  ])('a private name %s', (_, source) => {
    expect(hiddenInSource(source, 'A')).toContain('the private field or method #')
  })
})
