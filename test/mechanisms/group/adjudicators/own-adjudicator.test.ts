import { describe, expect, test } from 'vitest'
import { adjudicator, undecided } from '../../../../src/mechanisms/group/adjudicators/own-adjudicator.ts'
import type { Ballot } from '../../../../src/mechanisms/group/ballot.ts'
import { ballot, closed, failed, late, open, outcome, raised } from './polling.ts'

/** The greatest number, once all have answered. */
const greatest = adjudicator<number>({
  name: 'greatest',
  judge(ballots, { closed: isOver }) {
    if (!isOver) return undecided
    const numbers = ballots.filter(({ kind }) => kind === 'value').map(({ value }) => value as number)
    return numbers.length === 0 ? new RangeError('no numbers') : Math.max(...numbers)
  },
})

describe("an adjudicator of one's own", () => {
  test('decides for the value that it returns; equal votes support it, others are not blamed, errors are', () => {
    expect(closed(greatest, [1, 7, failed, 7, late])).toMatchObject({ kind: 'value', value: 7, support: [1, 3], faulty: [2] })
  })

  test('keeps the poll open as long as it is undecided', () => {
    expect(outcome(open(greatest, 3, [1, 7]))).toBe('open')
  })

  test('fails the call with the error that it returns', () => {
    expect(closed(greatest, [failed])).toMatchObject({ kind: 'error', value: expect.any(RangeError), support: [], faulty: [0] })
  })

  test('fails the call when it is still undecided at the end', () => {
    const never = adjudicator({ name: 'never', judge: () => undecided })
    expect(closed(never, [1]).value).toMatchObject({ code: 'PERDURE_E_NO_QUORUM', message: expect.stringContaining('never') })
  })

  test('may decide for undefined, and for an exception that a member raised', () => {
    const last = adjudicator({ name: 'last', judge: (ballots) => ballots.at(-1)?.value })
    expect(closed(last, [1, undefined])).toMatchObject({ kind: 'value', value: undefined })
    expect(closed(last, [1, raised('Full')])).toMatchObject({ kind: 'exception', value: { name: 'Full' }, support: [1] })
  })

  test('is told how many members there are and how many may still answer', () => {
    const views: unknown[] = []
    const asked = adjudicator({
      name: 'asked',
      judge(_ballots, view) {
        views.push(view)
        return undecided
      },
    })
    open(asked, 3, [1])
    closed(asked, [1, 2, 3])
    expect(views).toEqual([
      { members: 3, outstanding: 2, closed: false },
      { members: 3, outstanding: 0, closed: true },
    ])
  })

  test('says with agrees who is to blame, but for borderline votes', () => {
    const agrees = (answer: number, { value }: Ballot) => answer - Number(value) < 5
    const strict = adjudicator<number>({
      name: 'strict',
      judge: (all) => Math.max(...all.map(({ value }) => Number(value))),
      agrees,
    })
    const decision = closed(strict, [9, 6, 1])
    expect(decision).toMatchObject({ value: 9, support: [0, 1], faulty: [2] })
    expect(strict.agrees(decision, { ...ballot(2, 1), borderline: true })).toBeUndefined()
    expect(strict.agrees(decision, ballot(2, 1))).toBe(false)
  })

  test('has a name and a function', () => {
    expect(() => adjudicator({ name: 'x' } as never)).toThrow(/one of them is missing/)
  })
})
