import { describe, expect, test } from 'vitest'
import { PerdureError } from '../../../src/errors.ts'
import { dropSet, garbageSet, orphanSet, recoveryLine, replaySet } from '../../../src/mechanisms/checkpoint/line.ts'
import { trace } from './trace-words.ts'

function codeOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error instanceof PerdureError ? error.code : error
  }
  return undefined
}

/** "A message is termed missing ..." and "An orphan message ..." (Zweiacker 1997, Figure 2). */
const FIGURE_2 = {
  missing: trace('a b', 'a send m b', 'a checkpoint 1', 'b checkpoint 1', 'b receive m a'),
  orphan: trace('a b', 'a checkpoint 1', 'a send m b', 'b receive m a', 'b checkpoint 1'),
}

describe('what becomes of a message, sent by a and delivered to b', () => {
  const line = { a: 1, b: 1 }
  test.each([
    ['sent and delivered before the line: past', ['a send m b', 'b receive m a', 'a checkpoint 1', 'b checkpoint 1'], '', '', ''],
    [
      'sent before, delivered after: missing, replayed',
      ['a send m b', 'a checkpoint 1', 'b checkpoint 1', 'b receive m a'],
      'm',
      '',
      '',
    ],
    ['sent before, not delivered yet: it comes by itself', ['a send m b', 'a checkpoint 1', 'b checkpoint 1'], '', '', ''],
    ['sent and delivered after: dropped', ['a checkpoint 1', 'b checkpoint 1', 'a send m b', 'b receive m a'], '', 'm', ''],
    ['sent after, not delivered yet: dropped', ['a checkpoint 1', 'b checkpoint 1', 'a send m b'], '', 'm', ''],
    [
      'sent after, delivered before: an orphan',
      ['a checkpoint 1', 'a send m b', 'b receive m a', 'b checkpoint 1'],
      '',
      'm',
      'm',
    ],
  ])('%s', (_, lines, replayed, dropped, orphans) => {
    const given = trace('a b', ...lines)
    expect([replaySet(given, line).join(), dropSet(given, line).join(), orphanSet(given, line).join()]).toEqual([
      replayed,
      dropped,
      orphans,
    ])
  })

  test('one who goes on keeps what it has sent and received', () => {
    expect(dropSet(FIGURE_2.orphan, { a: 'current', b: 1 })).toEqual([])
    expect(replaySet(FIGURE_2.missing, { a: 1, b: 'current' })).toEqual([])
  })
})

describe('the recovery line', () => {
  test('"a missing message is not critical": the line may cut it', () => {
    expect(recoveryLine(FIGURE_2.missing, ['a', 'b'])).toEqual({ a: 1, b: 1 })
  })

  test('"orphan messages make two checkpoints useless in their combination": the line goes back', () => {
    expect(recoveryLine(FIGURE_2.orphan, ['a', 'b'])).toEqual({ a: 1, b: 0 })
  })

  test('a member that depends on nothing undone goes on as it is', () => {
    const given = trace('a b c', 'a checkpoint 1', 'a send m b', 'b receive m a', 'c send n a', 'a receive n c')
    expect(recoveryLine(given, ['a'])).toEqual({ a: 1, b: 0, c: 'current' })
    expect(recoveryLine(given, ['c'])).toEqual({ a: 1, b: 0, c: 0 })
    expect(recoveryLine(given, ['b'])).toEqual({ a: 'current', b: 0, c: 'current' })
    expect(recoveryLine(given, [])).toEqual({ a: 'current', b: 'current', c: 'current' })
  })

  test('the domino effect: without forced checkpoints every crash goes back to the beginning', () => {
    const lines: string[] = ['b send m0 a', 'a receive m0 b']
    for (let round = 1; round <= 20; round++) {
      const [from, to] = round % 2 === 1 ? ['a', 'b'] : ['b', 'a']
      lines.push(`${from} checkpoint ${Math.ceil(round / 2)}`, `${from} send m${round} ${to}`, `${to} receive m${round} ${from}`)
    }
    expect(recoveryLine(trace('a b', ...lines), ['a'])).toEqual({ a: 0, b: 0 })
  })

  test('an object that is not in the trace, or a line that is not of it, is refused', () => {
    expect(codeOf(() => recoveryLine(FIGURE_2.missing, ['z']))).toBe('PERDURE_E_USAGE')
    expect(codeOf(() => replaySet(FIGURE_2.missing, { a: 7, b: 1 }))).toBe('PERDURE_E_USAGE')
    expect(codeOf(() => dropSet(FIGURE_2.missing, { a: 1 }))).toBe('PERDURE_E_USAGE')
    for (const wrong of [undefined, null, 'a', 0] as never[]) {
      expect(codeOf(() => recoveryLine(FIGURE_2.missing, wrong))).toBe('PERDURE_E_USAGE')
      expect(codeOf(() => replaySet(FIGURE_2.missing, wrong))).toBe('PERDURE_E_USAGE')
    }
  })
})

describe('the replay set', () => {
  test('is in the order in which the receiver got the messages', () => {
    const sends = ['m1', 'm2', 'm3'].map((m) => `a send ${m} b`)
    const given = trace('a b', ...sends, 'b receive m2 a', 'b receive m1 a', 'b receive m3 a')
    expect(replaySet(given, { a: 'current', b: 0 })).toEqual(['m2', 'm1', 'm3'])
  })

  test('has the messages of an earlier recovery that were not replayed yet, and not those that were', () => {
    const given = trace('a b', 'a send m1 b', 'a send m2 b', 'b receive m1 a', 'b receive m2 a', 'b rollback 0', 'b replay m1 a')
    expect(replaySet(given, { a: 'current', b: 'current' })).toEqual(['m2'])
    expect(replaySet(given, { a: 'current', b: 0 })).toEqual(['m1', 'm2'])
  })

  test('has messages of senders outside the group, which never go back', () => {
    const given = trace('a', 'a receive m client', 'a checkpoint 1', 'a receive n client')
    expect(replaySet(given, { a: 1 })).toEqual(['n'])
    expect(dropSet(given, { a: 1 })).toEqual([])
    expect(recoveryLine(given, ['a'])).toEqual({ a: 1 })
  })

  test('has no message that an earlier rollback of its sender has undone', () => {
    const given = trace('a b', 'a checkpoint 1', 'a send m b', 'b receive m a', 'a rollback 1', 'b rollback 0')
    expect(replaySet(given, { a: 'current', b: 'current' })).toEqual([])
    expect(dropSet(given, { a: 'current', b: 'current' })).toEqual(['m'])
  })
})

describe('the garbage set', () => {
  test('has what lies below the line of all', () => {
    const given = trace('a b', 'a send m b', 'b receive m a', 'a checkpoint 1', 'b checkpoint 1', 'b checkpoint 2', 'a send n b')
    expect(garbageSet(given)).toEqual({ line: { a: 1, b: 2 }, checkpoints: { a: [0], b: [0, 1] }, messages: ['m'] })
  })

  test('keeps a missing message: its receipt may be undone', () => {
    expect(garbageSet(FIGURE_2.missing).messages).toEqual([])
  })

  test('one object that never saves keeps everything that hangs on it', () => {
    const lines = ['a send m b', 'b receive m a', 'b checkpoint 1', 'a send n b', 'b receive n a', 'b checkpoint 2']
    expect(garbageSet(trace('a b', ...lines))).toEqual({ line: { a: 0, b: 0 }, checkpoints: { a: [], b: [] }, messages: [] })
  })
})

describe('a trace', () => {
  test('may have the events of different objects in any order', () => {
    const sorted = trace('a b', 'a send m b', 'b receive m a', 'b checkpoint 1')
    const apart = trace('a b', 'b receive m a', 'b checkpoint 1', 'a send m b')
    expect(recoveryLine(apart, ['a'])).toEqual(recoveryLine(sorted, ['a']))
    expect(recoveryLine(apart, ['a'])).toEqual({ a: 0, b: 0 })
  })

  test('may begin at a checkpoint: what was received before is not in it', () => {
    const given = trace(
      'a b',
      'a checkpoint 4',
      'b checkpoint 7',
      'b receive old a',
      'a send m b',
      'b receive m a',
      'b checkpoint 8',
    )
    expect(recoveryLine(given, ['a'])).toEqual({ a: 4, b: 7 })
    expect(replaySet(given, { a: 4, b: 7 })).toEqual(['old'])
  })

  test('may begin between two checkpoints', () => {
    expect(recoveryLine(trace('a b', 'a send m b', 'a checkpoint 4'), ['b'])).toEqual({ a: 'current', b: 0 })
    expect(garbageSet(trace('a', 'a send m a', 'a receive m a', 'a checkpoint 4')).checkpoints).toEqual({ a: [3] })
    expect(recoveryLine(trace('a', 'a send m a', 'a rollback 3'), ['a'])).toEqual({ a: 3 })
  })

  test('counts indices anew after a rollback', () => {
    const given = trace(
      'a b',
      'a checkpoint 1',
      'a checkpoint 2',
      'a rollback 1',
      'a checkpoint 2',
      'a send m b',
      'b receive m a',
    )
    expect(recoveryLine(given, ['a'])).toEqual({ a: 2, b: 0 })
  })

  test.each([
    ['an object that is not listed', ['z send m a']],
    ['a message sent twice', ['a send m b', 'a send m b']],
    ['a message received twice', ['a send m b', 'b receive m a', 'b receive m a']],
    ['a message received by another', ['a send m b', 'a receive m b']],
    ['a message received from another', ['a send m b', 'b receive m b']],
    ['a checkpoint index that does not rise', ['a checkpoint 1', 'a checkpoint 1']],
    ['a rollback to a checkpoint that was not taken', ['a checkpoint 1', 'a rollback 2']],
  ])('with %s contradicts itself and is refused', (_, lines) => {
    expect(codeOf(() => recoveryLine(trace('a b', ...lines), []))).toBe('PERDURE_E_USAGE')
  })

  test.each([
    ['nothing', undefined],
    ['no events', { objects: ['a'] }],
    ['no objects', { events: [] }],
    ['an object twice', { objects: ['a', 'a'], events: [] }],
    ['an event of no known kind', { objects: ['a'], events: [{ object: 'a', kind: 'sent', msg: 'm', to: 'a' }] }],
    ['an event that is none', { objects: ['a'], events: [null] }],
  ])('with %s is no trace', (_, given) => {
    expect(codeOf(() => recoveryLine(given as never, []))).toBe('PERDURE_E_USAGE')
    expect(codeOf(() => garbageSet(given as never))).toBe('PERDURE_E_USAGE')
  })
})
