/** One call conducted over a log that the test plays: what is started, decided and blamed, and what a second front makes of it. */
import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../../../src/log/machine.ts'
import { majority } from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import type { Verdict } from '../../../../src/mechanisms/group/ballot.ts'
import type { BallotExtra, CastKind, RecordedBallot } from '../../../../src/mechanisms/group/machine/protocol.ts'
import { outcomesOf, verdictOf } from '../../../../src/mechanisms/group/record.ts'
import { Turn } from '../../../../src/mechanisms/group/site/turn.ts'
import { nVersion } from '../../../../src/mechanisms/group/strategies/n-version.ts'
import { recoveryBlock } from '../../../../src/mechanisms/group/strategies/recovery-block.ts'
import { retryBlock } from '../../../../src/mechanisms/group/strategies/retry-block.ts'
import type { Strategy } from '../../../../src/mechanisms/group/strategy.ts'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'

const MEMBERS = ['a', 'b', 'c']

function play(strategy: Strategy, members = MEMBERS, before: readonly RecordedBallot[] = []) {
  const clock = virtualClock()
  const said: unknown[] = []
  const verdicts: Verdict[] = []
  const turn = new Turn(strategy, { call: 1, method: 'root', args: [2], members }, before, {
    start: (ids, args, attempt) => said.push(['start', ids, args, attempt]),
    decide: (kind, answer, notes) =>
      said.push(['decide', kind, 'value' in answer ? answer.value : (answer.error.code ?? answer.error.name), notes]),
    blame: (faulty, late) => said.push(['blame', faulty, late]),
    after: (ms, fire) => clock.after(ms, fire),
    done: (call) => verdicts.push(verdictOf(call, outcomesOf(call), clock.wallMs())),
  })
  turn.begin()
  return { turn, clock, said, verdicts, take: () => said.splice(0) }
}

function recorded(member: string, answer: Outcome, more: Partial<RecordedBallot> = {}): RecordedBallot {
  const kind: CastKind = 'value' in answer ? 'value' : 'exception'
  return { member, epoch: 1, attempt: 1, kind, answer, ms: 1, extra: {}, counted: true, ...more }
}

const value = (member: string, of: unknown, extra: BallotExtra = {}, attempt = 1) =>
  recorded(member, { value: of }, { extra, attempt })
const refusal = (member: string, name = 'RangeError') => recorded(member, { error: { name, message: 'no' } })
const late = (member: string) => recorded(member, { error: { name: 'Error', message: 'silent' } }, { kind: 'late' })

const vote = nVersion({ adjudicator: majority(), declared: ['RangeError'] })
const turns = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a vote', () => {
  test('starts all members with one operation and decides as soon as nothing outstanding can change the decision', () => {
    const { turn, take } = play(vote)
    expect(take()).toEqual([['start', MEMBERS, null, 1]])
    turn.ballot(value('b', 4))
    expect(take()).toEqual([])
    turn.ballot(value('c', 4))
    expect(take()).toMatchObject([['decide', 'value', 4, { support: ['b', 'c'], faulty: [], chosen: 'b' }]])
  })

  test('has a declared exception as its answer, and counts no other error as a vote', () => {
    const { turn, take } = play(vote)
    take()
    turn.ballot(refusal('a'))
    turn.ballot(refusal('b', 'TypeError'))
    turn.ballot(refusal('c'))
    expect(take()).toMatchObject([['decide', 'exception', 'RangeError', { support: ['a', 'c'], faulty: ['b'] }]])
  })

  test('compares stragglers after the decision, blames those that differ, and is complete when all have answered', () => {
    const { turn, take, verdicts } = play(vote)
    turn.ballot(value('a', 4))
    turn.ballot(value('b', 4))
    take()
    expect(verdicts).toEqual([])
    turn.ballot(value('c', 5))
    expect(take()).toEqual([['blame', ['c'], []]])
    expect(verdicts).toMatchObject([{ method: 'root', value: 4, support: ['a', 'b'], started: MEMBERS }])
  })

  test('blames a straggler that stays silent for stragglerMs', async () => {
    const { turn, take, verdicts, clock } = play(nVersion({ adjudicator: majority(), stragglerMs: 100 }))
    turn.ballot(value('a', 4))
    turn.ballot(value('b', 4))
    take()
    await clock.advance(99)
    expect(take()).toEqual([])
    await clock.advance(1)
    expect(take()).toEqual([['blame', [], ['c']]])
    expect(verdicts).toMatchObject([{ late: ['c'] }])
  })

  test('decides at the deadline of the log with what there is', () => {
    const { turn, take } = play(vote)
    take()
    turn.ballot(value('a', 4))
    turn.deadline()
    expect(take()).toMatchObject([['decide', 'error', 'PERDURE_E_TIMEOUT', {}]])
  })

  test('counts a member that the log gave up among n', () => {
    const { turn, take } = play(vote)
    take()
    turn.ballot(late('a'))
    turn.ballot(value('b', 4))
    expect(take()).toEqual([])
    turn.ballot(value('c', 4))
    expect(take()).toMatchObject([['decide', 'value', 4, { late: ['a'] }]])
  })

  test('compares members in the shadow, which do not count, with the decision only', () => {
    const { turn, take } = play(vote)
    take()
    turn.ballot({ ...value('s', 5), counted: false })
    turn.ballot(value('a', 4))
    expect(take()).toEqual([])
    turn.ballot(value('b', 4))
    expect(take()).toMatchObject([
      ['decide', 'value', 4, {}],
      ['blame', ['s'], []],
    ])
  })
})

describe('a recovery block', () => {
  const block = recoveryBlock({
    accept: (result, { before, after, args }) => result === 4 && before === 'old' && after === 'new' && args[0] === 2,
  })

  test('starts the next alternate when the test refuses, and the accepted one is chosen', async () => {
    const { turn, take } = play(block, ['a', 'b'])
    expect(take()).toEqual([['start', ['a'], null, 1]])
    turn.ballot(value('a', 3, { before: 'old', after: 'new' }))
    await turns()
    expect(take()).toEqual([['start', ['b'], null, 1]])
    turn.ballot(value('b', 4, { before: 'old', after: 'new' }))
    await turns()
    expect(take()).toMatchObject([['decide', 'value', 4, { chosen: 'b', rejected: ['a'] }]])
  })

  test('whose first alternate takes longer than attemptMs goes on with the next, and hears of the first no more', async () => {
    const { turn, take, clock } = play(recoveryBlock({ accept: () => true, attemptMs: 50 }), ['a', 'b'])
    take()
    await clock.advance(50)
    expect(take()).toEqual([['start', ['b'], null, 1]])
    turn.ballot(value('a', 3))
    await turns()
    expect(take()).toEqual([])
    turn.ballot(value('b', 4))
    await turns()
    expect(take()).toMatchObject([['decide', 'value', 4, { chosen: 'b' }]])
  })
})

test('a function of the user that throws decides the call', async () => {
  const strategy = retryBlock({
    accept: () => false,
    reexpress: () => {
      throw new RangeError('no other words')
    },
    maxTries: 2,
  })
  const { turn, take } = play(strategy, ['a'])
  take()
  turn.ballot(value('a', 3))
  await turns()
  expect(take()).toMatchObject([['decide', 'error', expect.stringMatching(/RangeError|RECOVERY_BLOCK/), {}]])
})

test('another try of the same member has another number and other arguments', async () => {
  const strategy = retryBlock({ accept: (result) => result === 4, reexpress: ([n]) => [Number(n) + 1], maxTries: 2 })
  const { turn, take } = play(strategy, ['a'])
  expect(take()).toEqual([['start', ['a'], null, 1]])
  turn.ballot(value('a', 3))
  await turns()
  expect(take()).toEqual([['start', ['a'], [3], 2]])
  turn.ballot(value('a', 9, {}, 1))
  turn.ballot(value('a', 4, {}, 2))
  await turns()
  expect(take()).toMatchObject([['decide', 'value', 4, {}]])
})

describe('a front that takes over', () => {
  test('says every start again, takes the answers that are there, and comes to the same decision', async () => {
    const accept = (result: unknown) => result === 4
    const block = recoveryBlock({ accept })
    const { take, turn } = play(block, MEMBERS, [value('a', 3), value('b', 5)])
    await turns()
    expect(take()).toEqual([
      ['start', ['a'], null, 1],
      ['start', ['b'], null, 1],
      ['start', ['c'], null, 1],
    ])
    turn.ballot(value('c', 4))
    await turns()
    expect(take()).toMatchObject([['decide', 'value', 4, { chosen: 'c', rejected: ['a', 'b'] }]])
  })

  test('after the last ballot decides at once', () => {
    const { take } = play(vote, MEMBERS, [value('a', 4), value('c', 4)])
    expect(take()).toMatchObject([
      ['start', MEMBERS, null, 1],
      ['decide', 'value', 4, { support: ['a', 'c'] }],
    ])
  })

  test('keeps the answer to a second try until it has started one', async () => {
    const strategy = retryBlock({ accept: (result) => result === 4, reexpress: ([n]) => [Number(n) + 1], maxTries: 3 })
    const { take } = play(strategy, ['a'], [value('a', 3), value('a', 4, {}, 2)])
    await turns()
    expect(take()).toMatchObject([
      ['start', ['a'], null, 1],
      ['start', ['a'], [3], 2],
      ['decide', 'value', 4, {}],
    ])
  })
})
