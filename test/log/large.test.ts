/** What is too large is refused where it comes from: nothing that one caller sends can be more than a record holds. */
import { type PerdureError, resilient, start } from 'perdure'
import { describe, expect, test } from 'vitest'
import { encode } from '../../src/log/codec/codec.ts'
import { LocalConnection } from '../../src/log/connection.ts'
import { MAX_RECORD, MAX_VALUE } from '../../src/log/log.ts'
import { encodeBody, encodeOperation, MAX_OPERATION, prependHeader } from '../../src/log/operation.ts'
import { failureOf } from '../../src/log/outcome.ts'
import { spaceOver } from '../../src/mechanisms/space/space.ts'
import { Stage } from '../mechanisms/process/stage.ts'

const codeOf = (error: PerdureError) => error.code

function longestRecord(stage: Stage): number {
  return Math.max(...stage.shelf.records.map(({ length }) => length))
}

describe('an operation', () => {
  test('takes an argument of MAX_VALUE bytes and not one more', () => {
    const operation = { caller: { kind: 'session', id: 1 }, number: 1, code: 20 } as const
    const fits = ['x'.repeat(MAX_VALUE - encode('').length - 3)]
    expect(encode(fits[0])).toHaveLength(MAX_VALUE)
    expect(encodeOperation(operation, fits).length).toBeLessThan(MAX_OPERATION)
    expect(() => encodeOperation(operation, [`${fits[0]}x`])).toThrow(expect.objectContaining({ code: 'PERDURE_E_VALUE' }))
  })

  test('of a client that is too large is refused, those before and after it are not, also while they queue', async () => {
    const stage = await Stage.open({ durability: 'by hand' })
    const box = spaceOver(new LocalConnection(stage.gateway, 'c').client, 'box')
    const outs: Promise<unknown>[] = []
    const text = 'x'.repeat(100_000)
    while (!stage.gateway.pressed) outs.push(box.out([text, outs.length]))
    const queued = outs.push(box.out([text, outs.length]))
    const refused = box.out(['x'.repeat(2_000_000), 0]).catch(codeOf)
    outs.push(box.out([text, outs.length]))
    expect(await refused).toBe('PERDURE_E_VALUE')
    stage.log.durability = 'at once'
    stage.log.sync()
    await stage.settle(Promise.all(outs))
    expect(outs.length).toBe(queued + 1)
    expect(await stage.settle(box.count([String, Number]))).toBe(outs.length)
    expect(longestRecord(stage)).toBeLessThan(MAX_RECORD)
  })

  test('that is too large for a record ends the connection that sent it, and not the site', async () => {
    const stage = await Stage.open()
    const own = new LocalConnection(stage.gateway, 'c')
    const caller = { kind: 'session', id: own.session } as const
    const body = encodeBody(stage.gateway.replica.code('space.out'), ['box', ['x'.repeat(600_000)]], Number.POSITIVE_INFINITY)
    const huge = prependHeader({ caller, number: 1, code: 0 }, body)
    expect(() => stage.gateway.submit(huge)).toThrow(expect.objectContaining({ code: 'PERDURE_E_PROTOCOL' }))
    await stage.settle(spaceOver(own.client, 'box').out(['small']))
    expect(longestRecord(stage)).toBeLessThan(MAX_RECORD)
  })
})

describe('a run', () => {
  test('is told when a tuple is too large, and goes on', async () => {
    const stage = await Stage.open()
    const body = resilient('body', async (p) => {
      const box = p.space('box')
      const refused = await box.out(['x'.repeat(2_000_000)]).catch(codeOf)
      await box.out(['small'])
      return [refused, await box.count([String])]
    })
    await stage.node('a', [body])
    const handle = await stage.settle(start(stage.site, body, 'k', []))
    expect(await stage.settle(handle.result())).toEqual(['PERDURE_E_VALUE', 1])
  })

  test.each(['step', 'body'])(
    'that throws an error of megabytes in its %s fails with its beginning, and nobody else does',
    async (where) => {
      const stage = await Stage.open()
      const body = resilient('body', async (p) => {
        const huge = Object.assign(
          new RangeError(`far too long: ${'x'.repeat(3_000_000)}`, { cause: new Error('y'.repeat(2_000_000)) }),
          {
            code: 'E_HUGE',
            data: { dump: 'z'.repeat(120_000) },
          },
        )
        if (where === 'body') throw huge
        await p.step('throws', () => Promise.reject(huge), { retry: false })
      })
      await stage.node('a', [body])
      const handle = await stage.settle(start(stage.site, body, 'k', []))
      const error = (await stage.settle(handle.result().catch((thrown: unknown) => thrown))) as PerdureError
      expect(error).toMatchObject({ name: 'RangeError', code: 'E_HUGE', message: expect.stringMatching(/^far too long: x+…$/) })
      expect(error.cause).toMatchObject({ message: expect.stringMatching(/^y+…$/) })
      expect(longestRecord(stage)).toBeLessThan(MAX_VALUE)
    },
  )
})

test('an error that travels never is larger than a value may be, however long its chain of causes', () => {
  let error = new Error('x'.repeat(1_000_000))
  for (let depth = 0; depth < 20; depth++)
    error = Object.assign(new Error(`\u{1F600}`.repeat(100_000), { cause: error }), {
      name: 'n'.repeat(100_000),
      code: 'c'.repeat(100_000),
    })
  expect(encode(failureOf(error)).length).toBeLessThan(MAX_VALUE)
  const small = Object.assign(new Error('small'), { data: { kept: 'x'.repeat(50_000) } })
  expect(failureOf(small)).toEqual({ name: 'Error', message: 'small', data: small.data })
})
