/** Errors as data and back. */
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import { decode, encode } from '../../src/log/codec/codec.ts'
import { errorOf, failureOf } from '../../src/log/outcome.ts'

/** As it arrives after a journey. */
function travelled(thrown: unknown): Error & { code?: string; data?: unknown } {
  return errorOf(decode(encode(failureOf(thrown))) as Parameters<typeof errorOf>[0])
}

describe('an error that travels', () => {
  test('keeps name, message, code, data and causes', () => {
    const root = Object.assign(new SyntaxError('root'), { code: 'E_ROOT' })
    const error = Object.assign(new RangeError('outer', { cause: new Error('middle', { cause: root }) }), {
      code: 'E_X',
      data: new Map([[1, 2n]]),
    })
    const back = travelled(error)
    expect([back.name, back.message, back.code, back.data]).toEqual(['RangeError', 'outer', 'E_X', new Map([[1, 2n]])])
    const cause = (back.cause as Error).cause as Error & { code: string }
    expect([cause.name, cause.message, cause.code]).toEqual(['SyntaxError', 'root', 'E_ROOT'])
  })

  test('is a PerdureError when its code is one of ours, else an Error, and nothing else', () => {
    expect(travelled(new PerdureError('PERDURE_E_VALUE', 'x', { data: { n: 1 } }))).toBeInstanceOf(PerdureError)
    expect(travelled(new PerdureError('PERDURE_E_VALUE', 'x', { data: { n: 1 } })).data).toEqual({ n: 1 })
    const other = travelled(new TypeError('x'))
    expect(other).toBeInstanceOf(Error)
    expect(other).not.toBeInstanceOf(TypeError)
    expect(other).not.toBeInstanceOf(PerdureError)
  })

  test('a second journey changes nothing', () => {
    const once = failureOf(travelled(Object.assign(new Error('x', { cause: new Error('y') }), { code: 'E', data: [1] })))
    expect(failureOf(errorOf(once))).toEqual(once)
  })

  test('leaves out data that cannot travel, and keeps the rest', () => {
    const back = travelled(Object.assign(new Error('x'), { data: { f: () => 1 }, code: 'E' }))
    expect([back.message, back.code, back.data]).toEqual(['x', 'E', undefined])
  })

  test('a chain of causes is cut, a circle of them too', () => {
    const circle = new Error('round')
    circle.cause = circle
    let depth = 0
    for (let error: unknown = travelled(circle); error instanceof Error; error = error.cause) depth += 1
    expect(depth).toBeLessThan(12)
  })

  test.each([
    ['a text', 'message'],
    [null],
    [undefined],
    [{ n: 1 }],
    [Symbol('s')],
    [() => 1],
    [Object.create(null)],
  ] as unknown[][])('something thrown that is no Error (%o) becomes one', (thrown) => {
    expect(travelled(thrown)).toBeInstanceOf(Error)
  })

  test('a message with half a surrogate pair, a name that is no text, a code that is a number', () => {
    const odd = Object.assign(new Error('a\uD800'), { name: 5, code: 7 })
    const back = travelled(odd)
    expect([back.message, back.name, back.code]).toEqual(['a\uFFFD', '5', undefined])
  })

  test('a code that is a property of every object is no code of ours', () => {
    expect(travelled(Object.assign(new Error('x'), { code: 'toString' }))).not.toBeInstanceOf(PerdureError)
  })

  test('getters that throw do not make an error of their own', () => {
    const hostile = new Error('x')
    Object.defineProperty(hostile, 'data', {
      get() {
        throw new Error('gotcha')
      },
    })
    expect(() => failureOf(hostile)).not.toThrow()
  })
})
