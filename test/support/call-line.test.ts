/** Where the stacks of errors start, with a metaobject whose every call fails. */
import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../src/errors.ts'
import { interceptClass } from '../../src/support/interception.ts'
import { methodsOf, offerOf } from '../../src/support/offer.ts'

class Stack {
  push(_item: unknown): number {
    return 0
  }
  async later(_item: unknown): Promise<number> {
    return 0
  }
}

describe('the stack of an error', () => {
  const offer = offerOf(Stack.prototype)
  const own = (error: unknown): boolean => PerdureError.is(error, 'PERDURE_E_TIE')
  const tie = (): PerdureError => new PerdureError('PERDURE_E_TIE', 'Two say a, two say b.')

  /** An intercepted stack whose every call fails so. */
  function failing(fail: () => unknown): Stack {
    return new (interceptClass(Stack, () => ({ primary: undefined, call: fail }), {
      offer,
      calls: new Set(methodsOf(offer)),
      functionFields: 'call',
      own,
    }))() as Stack
  }

  test('of the metaobject starts with the line of the call', () => {
    let error: unknown
    try {
      failing(() => {
        throw tie()
      }).push('a')
    } catch (thrown) {
      error = thrown
    }
    expect(frames(error)[0]).toContain('call-line.test.ts')
    expect(frames(error).join()).not.toContain('src/support')
    expect((error as Error).stack).toMatch(/^PerdureError: Two say a, two say b\./)
  })

  test('of the metaobject, decided later, names who awaits the call', async () => {
    const stack = failing(() => Promise.resolve().then(() => Promise.reject(tie())))
    async function callingProgram(): Promise<void> {
      await stack.later('a')
    }
    const error = await callingProgram().then(undefined, (thrown: unknown) => thrown)
    expect(frames(error).join()).toMatch(/callingProgram .*call-line\.test\.ts/)
  })

  test('of the metaobject, decided later, names who awaits several calls by Promise.all', async () => {
    const stack = failing(() => Promise.resolve().then(() => Promise.reject(tie())))
    async function callingProgram(): Promise<void> {
      await Promise.all([stack.later('a')])
    }
    const error = await callingProgram().then(undefined, (thrown: unknown) => thrown)
    expect(frames(error).join()).toMatch(/callingProgram .*call-line\.test\.ts/)
  })

  test('that nobody awaits stays as it was made', async () => {
    const made = tie()
    const { stack } = made
    await new Promise<void>((resolve) => {
      failing(() => Promise.reject(made))
        .later('a')
        .catch(() => resolve())
    })
    expect(made.stack).toBe(stack)
  })

  test('of an object behind it stays as it was made', () => {
    const made = new Error('of the object')
    const { stack } = made
    expect(() =>
      failing(() => {
        throw made
      }).push('a'),
    ).toThrow(made)
    expect(made.stack).toBe(stack)
  })

  test('keeps its first line of call when it passes through a second metaobject', () => {
    function innerProgram(): unknown {
      return failing(() => {
        throw tie()
      }).push('a')
    }
    let error: unknown
    try {
      failing(innerProgram).push('b')
    } catch (thrown) {
      error = thrown
    }
    expect(frames(error)[0]).toContain('innerProgram')
  })

  test('is left alone when the error is frozen', () => {
    const made = Object.freeze(tie())
    expect(() =>
      failing(() => {
        throw made
      }).push('a'),
    ).toThrow(made)
  })

  function frames(error: unknown): string[] {
    return ((error as Error).stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  }
})
