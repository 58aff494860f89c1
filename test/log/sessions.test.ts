/** Sessions as a machine: bounds, withdrawals, and the end of a generation. */
import { expect, test } from 'vitest'
import type { Outcome } from '../../src/log/machine.ts'
import { encodeOperation, type Issuer } from '../../src/log/operation.ts'
import { MAX_KEPT_BYTES, MAX_OPEN } from '../../src/log/sessions.ts'
import { composeReplica } from '../../src/node/compose.ts'
import { encodeTemplate } from '../../src/support/template.ts'

function fed() {
  const replica = composeReplica()
  const replies: [number, number, string][] = []
  replica.sink = {
    reply: (session: number, number: number, outcome: Outcome) =>
      replies.push([session, number, 'error' in outcome ? String(outcome.error.code) : 'value']),
    note: () => undefined,
  }
  replica.advance(1_000, 0)
  const apply = (caller: Issuer, number: number, name: string, ...args: unknown[]) => {
    const bytes = encodeOperation({ caller, number, code: replica.code(name) }, args)
    return replica.apply(bytes, 0, bytes.length)
  }
  const enter = (...kind: readonly string[]): Issuer & { id: number } => {
    apply({ kind: 'gateway' }, 1, 'site.enter', 'x', ...kind)
    return { kind: 'session', id: replica.position }
  }
  return { replica, replies, apply, enter }
}

const WAITING = ['box', encodeTemplate(['x'])]

test('ids are positions: never used twice, also after an end', () => {
  const { apply, enter } = fed()
  const ids = []
  for (let i = 0; i < 5; i++) {
    const { id } = enter()
    ids.push(id)
    if (i % 2) apply({ kind: 'gateway' }, 1, 'site.leave', id)
  }
  expect(new Set(ids).size).toBe(5)
})

test('a withdrawal answers the operation that waits, then itself', () => {
  const { replies, apply, enter } = fed()
  const caller = enter()
  apply(caller, 1, 'space.in', ...WAITING)
  apply(caller, 2, 'site.withdraw', 1)
  expect(replies).toEqual([
    [caller.id, 1, 'PERDURE_E_ABORTED'],
    [caller.id, 2, 'value'],
  ])
})

test('a withdrawal of what was answered, of another, of nothing or of nonsense changes nothing', () => {
  const { replies, apply, enter } = fed()
  const [caller, other] = [enter(), enter()]
  apply(other, 1, 'space.in', ...WAITING)
  apply(caller, 1, 'space.out', 'box', ['y'])
  for (const [i, target] of [1, 77, 'x', null, { toString: 1, valueOf: 2 }].entries())
    apply(caller, 2 + i, 'site.withdraw', target)
  expect(replies.map(([id, number, what]) => [id, number, what])).toEqual([1, 2, 3, 4, 5, 6].map((n) => [caller.id, n, 'value']))
})

test('a new generation ends all bound sessions of the one before, and what they waited for', () => {
  const { replica, apply, enter } = fed()
  const caller = enter()
  apply(caller, 1, 'space.in', ...WAITING)
  apply({ kind: 'gateway' }, 1, 'site.opened', 2)
  expect(replica.query('site', 'sessions', [])).toEqual([])
  expect(replica.query('space', 'waiting', [])).toMatchObject({ total: 0 })
  expect(apply(caller, 2, 'space.out', 'box', ['x'])).toBe('refused')
  expect(replica.sessions.generation).toBe(2)
})

test('beyond twice the bound of open and unacknowledged operations a session is refused, others are not', () => {
  const { apply, enter } = fed()
  const [hoarder, modest] = [enter(), enter()]
  for (let number = 1; number <= MAX_OPEN * 2; number++) expect(apply(hoarder, number, 'space.count', 'box', [])).toBe('fresh')
  expect(apply(hoarder, MAX_OPEN * 2 + 1, 'space.count', 'box', [])).toBe('refused')
  expect(apply(hoarder, MAX_OPEN * 2 + 1, 'site.withdraw', 1)).toBe('fresh')
  expect(apply(modest, 1, 'space.count', 'box', [])).toBe('fresh')
})

test('a new generation leaves lasting sessions as they are: what they wait for, what was answered, what comes again', () => {
  const { replica, replies, apply, enter } = fed()
  const caller = enter('lasting', 'hash')
  apply(caller, 1, 'space.in', ...WAITING)
  apply(caller, 2, 'space.count', 'box', encodeTemplate([]))
  apply({ kind: 'gateway' }, 1, 'site.opened', 2)
  expect(replica.sessions.lasting).toEqual([caller.id])
  expect(apply(caller, 1, 'space.in', ...WAITING)).toBe('settled')
  expect(apply(caller, 2, 'space.count', 'box', encodeTemplate([]))).toBe('settled')
  expect(apply(caller, 3, 'space.out', 'box', ['x'])).toBe('fresh')
  expect(replies).toEqual([2, 2, 1, 3].map((number) => [caller.id, number, 'value']))
  expect(replica.query('space', 'tuples', ['box'])).toMatchObject({ total: 0 })
})

test('a session is told apart by its kind alone: those of older logs have none, and are bound', () => {
  const { replica, enter } = fed()
  const [old, lasting] = [enter(), enter('lasting', 'hash')]
  for (const kind of [['bound'], ['lasting'], ['lasting', ''], ['else', 'hash']]) enter(...kind)
  expect(replica.sessions.lasting).toEqual([lasting.id])
  expect(replica.sessions.secretHash(old.id)).toBeUndefined()
  expect(replica.sessions.secretHash(lasting.id)).toBe('hash')
})

test('a lasting session that leaves too many bytes of replies unreceived is refused new work, but can withdraw and acknowledge', () => {
  const { replica, replies, apply, enter } = fed()
  const caller = enter('lasting', 'hash')
  apply(caller, 1, 'space.out', 'box', ['x'.repeat(120_000)])
  let number = 1
  const read = () => {
    number += 1
    return apply(caller, number, 'space.rd', 'box', encodeTemplate([String]))
  }
  while (read() === 'fresh') expect(number).toBeLessThan(1_000)
  expect(number).toBe(Math.ceil(MAX_KEPT_BYTES / 120_100) + 2)
  expect(replies.at(-1)).toEqual([caller.id, number, 'PERDURE_E_BUSY'])
  expect(apply(enter('lasting', 'other'), 1, 'space.count', 'box', encodeTemplate([]))).toBe('fresh')
  const fresh = composeReplica()
  fresh.restore(replica.snapshot())
  const out = encodeOperation({ caller, number: number + 1, code: fresh.code('space.count') }, ['box', encodeTemplate([])])
  expect(fresh.apply(out, 0, out.length)).toBe('full')
  expect(apply(caller, number + 1, 'site.withdraw', 0)).toBe('fresh')
  const received = encodeOperation({ caller, number: number + 2, code: replica.code('space.count'), received: [[1, number]] }, [
    'box',
    encodeTemplate([String]),
  ])
  expect(replica.apply(received, 0, received.length)).toBe('fresh')
})
