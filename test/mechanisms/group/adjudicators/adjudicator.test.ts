import { describe, expect, test } from 'vitest'
import type { PerdureError } from '../../../../src/errors.ts'
import {
  type Adjudicator,
  first,
  kAgree,
  majority,
  mean,
  median,
  plurality,
  unanimity,
  weighted,
} from '../../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import type { Decision } from '../../../../src/mechanisms/group/ballot.ts'
import { ballot, borderline, closed, failed, late, lateWith, open, outcome, permutations, raised } from './polling.ts'

const NO_QUORUM = 'PERDURE_E_NO_QUORUM'
const DISAGREEMENT = 'PERDURE_E_DISAGREEMENT'
const TIE = 'PERDURE_E_TIE'
const TIMEOUT = 'PERDURE_E_TIMEOUT'

type Row = readonly [what: string, adjudicator: Adjudicator, said: readonly unknown[], expected: unknown]

const CLOSED: readonly Row[] = [
  ['majority: 2 of 3', majority(), [1, 2, 2], 2],
  ['majority: all differ', majority(), [1, 2, 3], NO_QUORUM],
  ['majority: half is not more than half', majority(), [1, 1, 2, 2], NO_QUORUM],
  ['majority: errors do not shrink n', majority(), [1, 1, failed, failed], NO_QUORUM],
  ['majority: silence does not shrink n', majority(), [1, 1, 2, late, late], NO_QUORUM],
  ['majority: a ballot that came too late is none, whatever it says', majority(), [1, lateWith(1), 2], NO_QUORUM],
  ['majority: silence as the only reason', majority(), [1, late, late], TIMEOUT],
  ['majority: silence of all', majority(), [late, late], TIMEOUT],
  ['majority: silence and an error', majority(), [1, failed, late], NO_QUORUM],
  ['majority: one member is passed through', majority(), [7], 7],
  ['majority of those that responded', majority({ base: 'responded' }), [1, 1, 2, late, late, failed], 1],
  ['majority of those that responded: half is not more than half', majority({ base: 'responded' }), [1, 2, failed], NO_QUORUM],
  ['majority of those that responded: one vote is too few', majority({ base: 'responded' }), [1, failed, failed], NO_QUORUM],
  ['majority with minBallots', majority({ base: 'responded', minBallots: 3 }), [1, 1, failed, failed], NO_QUORUM],
  ['weighted: one with more than half', weighted([3, 1, 1]), [1, 2, 2], 1],
  ['weighted: exactly half never wins', weighted([2, 1, 1]), [1, 2, 2], NO_QUORUM],
  ['weighted: exactly half in decimal numbers never wins', weighted([0.2, 0.7, 0.9]), [1, 1, 2], NO_QUORUM],
  ['weighted: of the total of the view, not of the votes', weighted([3, 1, 1]), [failed, 2, 2], NO_QUORUM],
  ['weighted: thirds', weighted([1 / 3, 2 / 3]), [1, 2], 2],
  ['weighted: weight 0 is no vote', weighted([0, 1, 1]), [1, 2, 2], 2],
  ['plurality: the largest class', plurality(), [1, 1, 2, 3, 4], 1],
  ['plurality: a tie', plurality(), [1, 1, 2, 2, 3], TIE],
  ['plurality: a tie by the order of the members', plurality({ tie: 'priority' }), [3, 2, 1, 1, 2], 2],
  ['plurality: singletons only', plurality(), [1, 2, 3], NO_QUORUM],
  ['plurality: singletons only, by priority', plurality({ tie: 'priority' }), [1, 2, 3], NO_QUORUM],
  ['plurality: one member is passed through', plurality(), [7], 7],
  ['unanimity: all equal', unanimity(), [1, 1, 1], 1],
  ['unanimity: one differs', unanimity(), [1, 1, 2], DISAGREEMENT],
  ['unanimity: two members are a comparison check', unanimity(), [1, 2], DISAGREEMENT],
  ['unanimity: an error', unanimity(), [1, 1, failed], DISAGREEMENT],
  ['unanimity: silence as the only reason', unanimity(), [1, 1, late], TIMEOUT],
  ['unanimity within a tolerance', unanimity({ within: 1 }), [3, 2, 2.5], 2.5],
  ['kAgree: k of n', kAgree(3), [1, 1, 1, 2, 2], 1],
  ['kAgree: fewer than k', kAgree(4), [1, 1, 1, 2, 2], NO_QUORUM],
  ['kAgree: ambiguous, the first to have k', kAgree(2, { ambiguous: 'allow' }), [2, 1, 1, 2, 2], 1],
  ['median: odd', median(), [9, 1, 5], 5],
  ['median: the lower of an even count', median(), [4, 1, 3, 2], 2],
  ['median: a wild value of a minority', median(), [1e300, 5, 6], 6],
  ['median: an infinity is a wild value', median(), [Number.POSITIVE_INFINITY, 5, 6], 6],
  ['median: of the valid numbers', median(), [Number.NaN, 'x', 3, 1, 2], 2],
  ['median: too few valid numbers', median(), [Number.NaN, 'x', 3, 1], NO_QUORUM],
  ['median: silence as the only reason', median(), [1, late, late], TIMEOUT],
  ['median: exceptions of more than half', median(), [1, raised('Domain'), raised('Domain')], expect.any(Error)],
  ['mean: trimmed', mean({ trim: 1 }), [1, 1000, 2, 3], 2.5],
  ['mean: fewer than 2t + 1 numbers', mean({ trim: 1 }), [1, 2, failed], NO_QUORUM],
  ['mean: an infinity is no number', mean({ trim: 1 }), [1, 2, 3, Number.POSITIVE_INFINITY], 2],
  ['mean: plain', mean({ trim: 0, unmasked: 'allow' }), [1, 2, 6], 3],
  ['mean: numbers whose sum is no double', mean({ trim: 0, unmasked: 'allow' }), [1.7e308, 1.7e308], 1.7e308],
  ['first: the first that is no error', first(), [failed, 2, 3], 2],
  ['first: all have failed', first(), [failed, failed], NO_QUORUM],
  ['first: silence of all', first(), [late, late], TIMEOUT],
]

const OPEN: readonly (readonly [
  what: string,
  adjudicator: Adjudicator,
  members: number,
  said: readonly unknown[],
  expected: unknown,
])[] = [
  ['majority: decided by 2 of 3', majority(), 3, [1, 1], 1],
  ['majority: open at 1 and 2', majority(), 3, [1, 2], 'open'],
  ['majority: lost with two errors of three', majority(), 3, [failed, failed], NO_QUORUM],
  ['majority: lost at best + outstanding of half', majority(), 4, [1, 2, failed], NO_QUORUM],
  ['majority, early: false, waits for all', majority({ early: false }), 3, [1, 1], 'open'],
  ['majority, early: false, waits for all when lost too', majority({ early: false }), 3, [failed, failed], 'open'],
  ['majority of those that responded waits for who could turn it', majority({ base: 'responded' }), 5, [1, 1, 2], 'open'],
  ['majority of those that responded, not to be turned', majority({ base: 'responded' }), 5, [1, 1, 1], 1],
  ['majority of those that responded, too few can still come', majority({ base: 'responded' }), 3, [failed, failed], NO_QUORUM],
  ['majority within a tolerance waits while the answer can move', majority({ within: 0.5 }), 3, [1, 1.4], 'open'],
  ["majority within a tolerance, early: 'agreed'", majority({ within: 0.5, early: 'agreed' }), 3, [1, 1.4], 1],
  ['majority within a tolerance, two the same', majority({ within: 0.5 }), 3, [1.4, 1.4], 1.4],
  ['weighted: half of the weight outstanding', weighted([2, 1, 1]), 3, [1], 'open'],
  ['weighted: more than half has spoken', weighted([3, 1, 1]), 3, [1], 1],
  ['weighted: lost with half', weighted([2, 1, 1]), 3, [failed], NO_QUORUM],
  ['plurality: lead of 2 with 1 outstanding', plurality(), 4, [1, 1, failed], 1],
  ['plurality: all agree so far, but as many as are outstanding could outnumber them', plurality(), 5, [1, 1], 'open'],
  ['plurality: lead of 1 with 1 outstanding', plurality(), 4, [1, 1, 2], 'open'],
  ['plurality: lead as large as what is outstanding, by priority', plurality({ tie: 'priority' }), 4, [1, 1, 2], 'open'],
  ['unanimity: the first disagreement', unanimity(), 5, [1, 2], DISAGREEMENT],
  ['unanimity: the first error', unanimity(), 5, [failed], DISAGREEMENT],
  ['unanimity: all equal so far', unanimity(), 3, [1, 1], 'open'],
  ['kAgree: the first class with k', kAgree(3), 5, [1, 2, 1, 1], 1],
  ['kAgree: cannot reach k', kAgree(4), 5, [1, 2, failed], NO_QUORUM],
  ['median: fixed by equal values', median(), 3, [5, 5], 5],
  ['median: still to move', median(), 3, [5, 6], 'open'],
  ['median: too few numbers can still come', median(), 3, [failed, 'x'], NO_QUORUM],
  ['mean: fixed when what comes is trimmed', mean({ trim: 1 }), 4, [5, 5, 5], 5],
  ['mean: still to move', mean({ trim: 1 }), 4, [5, 6, 7], 'open'],
  ['first: at once', first(), 3, [9], 9],
  ['first: open while all have failed so far', first(), 3, [failed, failed], 'open'],
]

describe('a closed poll', () => {
  test.each(CLOSED)('is decided by %s', (_what, adjudicator, said, expected) => {
    expect(outcome(closed(adjudicator, said))).toEqual(expected)
  })

  const orderly = CLOSED.filter(([what, , said]) => said.length < 6 && !/ambiguous|first/.test(what))
  test.each(orderly)('is decided the same in all orders of arrival by %s', (_what, adjudicator, said) => {
    const [inOrder, ...others] = permutations(said.length).map((order) => closed(adjudicator, said, order))
    for (const other of others) {
      const { kind, support, faulty } = other
      expect([kind, outcome(other), support, faulty]).toEqual([
        inOrder?.kind,
        outcome(inOrder),
        inOrder?.support,
        inOrder?.faulty,
      ])
    }
  })
})

describe('an open poll', () => {
  test.each(OPEN)('is judged by %s', (_what, adjudicator, members, said, expected) => {
    expect(outcome(open(adjudicator, members, said))).toEqual(expected)
  })
})

describe('a tolerance', () => {
  const CASES: readonly (readonly [string, Adjudicator, readonly unknown[], unknown, readonly number[], readonly number[]])[] = [
    ['no chain: 0, 1, 2, 3, 4 at 1 have no majority', majority({ within: 1 }), [0, 1, 2, 3, 4], NO_QUORUM, [], []],
    ['no chain: 0, 1, 2, 3, 4 at 1 are not unanimous', unanimity({ within: 1 }), [0, 1, 2, 3, 4], DISAGREEMENT, [], []],
    [
      '1.0, 1.4, 1.8 at 0.5: the one in the middle, nobody blamed',
      majority({ within: 0.5 }),
      [1.0, 1.4, 1.8],
      1.4,
      [0, 1, 2],
      [],
    ],
    ['no grid: 1.49999 and 1.50001', majority({ within: 0.1 }), [1.49999, 1.50001, 9], 1.49999, [0, 1], [2]],
    ['plain doubles: 1.8 - 1.4 is more than 0.4', unanimity({ within: 0.4 }), [1.4, 1.8], DISAGREEMENT, [], []],
    ['who is far off is blamed', majority({ within: 0.5 }), [1, 1.1, 1.2, 5, 9], 1.1, [0, 1, 2], [3, 4]],
    ['two disjoint largest classes', plurality({ within: 0.5 }), [1, 1.1, 5, 5.1], TIE, [], []],
    [
      'of two disjoint ones that of the first member',
      plurality({ within: 0.5, tie: 'priority' }),
      [5.1, 1, 1.1, 5],
      5,
      [0, 3],
      [],
    ],
    ['relative, of the greater amount', majority({ within: { relative: 0.01 } }), [1000, 1010, 2000], 1000, [0, 1], [2]],
    ['relative, with a floor near 0', majority({ within: { relative: 0.01, floor: 0.001 } }), [0, 0.001, 1], 0, [0, 1], [2]],
    [
      'an infinity equals itself only',
      majority({ within: 1e308 }),
      [Number.POSITIVE_INFINITY, 1e308, Number.POSITIVE_INFINITY],
      Number.POSITIVE_INFINITY,
      [0, 2],
      [1],
    ],
    ['NaN equals NaN only', majority({ within: 1 }), [Number.NaN, 1, Number.NaN], Number.NaN, [0, 2], [1]],
    ['weights move the median', weighted([1, 3, 1], { within: 1 }), [1, 2, 1.5], 2, [0, 1, 2], []],
    [
      "one's own: each agrees with each",
      majority({ equal: { relation: 'tolerance', equal: (a, b) => Math.abs(Number(a) - Number(b)) <= 1 } }),
      [0, 1, 2, 9, 9],
      NO_QUORUM,
      [],
      [],
    ],
  ]

  test.each(CASES)('in all orders of arrival: %s', (_what, adjudicator, said, expected, support, faulty) => {
    for (const order of permutations(said.length)) {
      const decision = closed(adjudicator, said, order)
      expect([outcome(decision), decision.support, decision.faulty]).toEqual([expected, support, faulty])
    }
  })

  test('of numbers does not accept what is no tolerance', () => {
    for (const within of [-1, Number.NaN, Number.POSITIVE_INFINITY, { relative: 1 }, { relative: 0.1, floor: -1 }])
      expect(() => majority({ within })).toThrow(/expected/)
  })

  test("of one's own has to say that it is one", () => {
    expect(() => majority({ equal: ((a: number, b: number) => a === b) as never })).toThrow(
      /bare function.*'equivalence' \| 'tolerance'/,
    )
    expect(() => majority({ within: (() => true) as never })).toThrow(/not transitive/)
  })
})

describe('comparison', () => {
  const cycle = (): unknown => {
    const one: Record<string, unknown> = {}
    one.self = one
    return one
  }
  const SAME: readonly (readonly [string, unknown, unknown, boolean])[] = [
    ['keys in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
    ['arrays in another order', [1, 2], [2, 1], false],
    ['NaN', Number.NaN, Number.NaN, true],
    ['-0 and 0', -0, 0, true],
    ['undefined and a missing key', { a: undefined }, {}, false],
    ['dates', new Date(5), new Date(5), true],
    ['bytes', new Uint8Array([1]), new Uint8Array([1]), true],
    ['bigint and number', 1n, 1, false],
    ['maps by content', new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]]), true],
    ['sets by content', new Set([1, 2]), new Set([2, 1]), true],
    ['cycles, which are refused', cycle(), cycle(), false],
    ['exceptions of one name with different texts', raised('Full', 'a'), raised('Full', 'b'), true],
    ['exceptions of one name with different codes', raised('Full', '', 'A'), raised('Full', '', 'B'), false],
    ['an exception and the same error as a value', raised('Full'), Object.assign(new Error(''), { name: 'Full' }), false],
  ]

  test.each(SAME)('of %s', (_what, a, b, same) => {
    expect(closed(unanimity(), [a, b]).kind === 'error').toBe(!same)
  })

  test('of declared exceptions makes them legal outcomes', () => {
    const decision = closed(majority(), [raised('Full', 'x'), 1, raised('Full', 'y')])
    expect(decision).toMatchObject({ kind: 'exception', value: { name: 'Full', message: 'x' }, support: [0, 2], faulty: [1] })
  })

  test('on a part leaves the answer whole, that of the first member in the class', () => {
    const adjudicator = majority({ compareOn: (answer: { km: number }) => answer.km })
    const said = [
      { km: 9, at: 1 },
      { km: 5, at: 2 },
      { km: 5, at: 3 },
    ]
    expect(permutations(3).map((order) => outcome(closed(adjudicator, said, order)))).toEqual(Array(6).fill({ km: 5, at: 2 }))
  })

  test('on a part that an answer has not is a fault of its member', () => {
    const decision = closed(majority({ compareOn: (answer: { km: number }) => answer.km }), [null, { km: 5 }, { km: 5 }])
    expect([decision.support, decision.faulty]).toEqual([[1, 2], [0]])
  })

  test('within a tolerance on a part', () => {
    const adjudicator = majority({ compareOn: (answer: { km: number }) => answer.km, within: 1 })
    expect(outcome(closed(adjudicator, [{ km: 7 }, { km: 1 }, { km: 6.5 }]))).toEqual({ km: 6.5 })
  })

  test("by an equivalence of one's own", () => {
    const equal = { relation: 'equivalence', equal: (a: string, b: string) => a.toLowerCase() === b.toLowerCase() } as const
    expect(outcome(closed(majority<string>({ equal }), ['B', 'A', 'a']))).toBe('A')
  })

  test('that throws says that they differ', () => {
    const equal = {
      relation: 'equivalence',
      equal() {
        throw new Error('no')
      },
    } as const
    expect(outcome(closed(majority({ equal }), [1, 2, 2]))).toBe(2)
    expect(outcome(closed(majority({ equal }), [1, 2, 3]))).toBe(NO_QUORUM)
  })
})

describe('blame', () => {
  test('falls on different votes and on errors, not on silence', () => {
    expect(closed(majority(), [1, 1, 2, failed, 1, late, 1])).toMatchObject({ support: [0, 1, 4, 6], faulty: [2, 3] })
  })

  test('does not fall on a borderline vote, nor on who differs from borderline votes only', () => {
    expect(closed(majority(), [1, 1, borderline(2)])).toMatchObject({ support: [0, 1], faulty: [] })
    expect(closed(majority(), [borderline(1), borderline(1), 2])).toMatchObject({ value: 1, faulty: [], blameless: true })
    expect(closed(majority(), [borderline(1), 1, 2])).toMatchObject({ value: 1, faulty: [2] })
  })

  test('falls on nobody who differs when k of half or less has decided', () => {
    expect(closed(kAgree(2, { ambiguous: 'allow' }), [1, 1, 2, 2])).toMatchObject({ support: [0, 1], faulty: [] })
  })

  test('falls on nobody who differs when there is no answer', () => {
    expect(closed(unanimity(), [1, 2, failed])).toMatchObject({ support: [], faulty: [2] })
  })

  test('falls on who gave a median no number, and on who is far off if a tolerance is given', () => {
    expect(closed(median(), [1, 2, 90, 'x'])).toMatchObject({ value: 2, support: [1], faulty: [3] })
    expect(closed(median({ within: 5 }), [1, 2, 90, 'x'])).toMatchObject({ value: 2, support: [0, 1], faulty: [2, 3] })
  })

  test.each<readonly [string, Adjudicator, readonly unknown[], unknown, boolean | undefined]>([
    ['an equal vote', majority(), [1, 1, late], 1, true],
    ['a different vote', majority(), [1, 1, late], 2, false],
    ['a borderline vote', majority(), [1, 1, late], borderline(2), undefined],
    ['an error', majority(), [1, 1, late], failed, false],
    ['a vote within the tolerance', majority({ within: 1 }), [1, 1.5, late], 2, true],
    ['a vote outside of it', majority({ within: 1 }), [1, 1.5, late], 2.1, false],
    ['an exception of the same name', majority(), [raised('Full'), raised('Full'), late], raised('Full', 'z'), true],
    ['a vote after a failure', majority(), [1, 2, late], 1, undefined],
    ['another vote after a first answer', first(), [1, late], 2, undefined],
    ['a number beside a median', median(), [1, 2, late], 9, undefined],
    ['no number beside a median', median(), [1, 2, late], 'x', false],
    ['a number far from a median with a tolerance', median({ within: 1 }), [1, 2, late], 9, false],
    ['a number near a mean', mean({ trim: 0, unmasked: 'allow', within: 1 }), [1, 2, late], 2, true],
  ])('of a straggler with %s', (_what, adjudicator, said, straggler, expected) => {
    expect(adjudicator.agrees(closed(adjudicator, said), ballot(said.length - 1, straggler))).toBe(expected)
  })
})

describe('an error', () => {
  const id = (member: number) => ['newton', 'bisection', 'table'][member] as string

  test('says what each member said, what was needed and what to do, and carries it as data', () => {
    const ballots = [ballot(2, failed), ballot(0, 1), ballot(1, { km: 2 })]
    const { value } = majority().judge({ members: 3, ballots, closed: true, id }) as Decision
    const { message, cause, data } = value as PerdureError
    expect(message).toMatch(
      /newton said 1; bisection said \{ km: 2 \}; table failed with TypeError: broken\. Expected 2 of 3 to agree\. Find/,
    )
    expect(cause).toBeInstanceOf(TypeError)
    expect(data).toMatchObject({ members: 3, most: 1, votes: 2, support: [], faulty: ['table'], late: [] })
    expect(data.answers).toEqual([
      { member: 'newton', kind: 'value', answer: '1' },
      { member: 'bisection', kind: 'value', answer: '{ km: 2 }' },
      { member: 'table', kind: 'error', answer: 'TypeError: broken' },
    ])
  })

  test('names those that were silent, also if no ballot says so', () => {
    const decision = majority().judge({ members: 3, ballots: [ballot(1, 5)], closed: true, id })
    expect(decision?.value).toMatchObject({ code: TIMEOUT, data: { late: ['newton', 'table'] } })
  })

  test('says why objects of a class equal only themselves', () => {
    class Point {}
    expect(closed(majority(), [new Point(), new Point()]).value).toMatchObject({ message: expect.stringContaining('compareOn') })
  })
})

describe('settings that cannot be meant', () => {
  test.each<readonly [string, () => unknown, RegExp]>([
    ['kAgree of not more than half', () => kAgree(2).check?.(4), /two different answers.*ambiguous: 'allow'/],
    ['kAgree of more than all', () => kAgree(4).check?.(3), /needs 4 votes/],
    ['kAgree(0)', () => kAgree(0), /from 1 on/],
    ['a plain mean', () => mean({ trim: 0 }), /unmasked: 'allow'/],
    ['a mean of fewer than 2t + 1', () => mean({ trim: 2 }).check?.(4), /needs 5 members/],
    ['minBallots of 1 with those that responded', () => majority({ base: 'responded', minBallots: 1 }), /from 2 on/],
    ['minBallots of more than all', () => majority({ base: 'responded', minBallots: 4 }).check?.(3), /needs 4 votes/],
    ['a negative weight', () => weighted([1, -1]), /from 0 on/],
    ['an infinite weight', () => weighted([1, Number.POSITIVE_INFINITY]), /finite/],
    ['weights of 0 only', () => weighted([0, 0]), /All weights/],
    ['weights that cannot be added exactly', () => weighted([1e300, 1]), /added exactly/],
    ['too few weights', () => weighted([1, 1]).check?.(3), /2 weights for 3 members/],
    ['weights by other ids', () => weighted({ a: 1, b: 1 }).check?.(2, () => 'c'), /no weight for c/],
    ['equal beside within', () => majority({ within: 1, equal: { relation: 'tolerance', equal: () => true } }), /choose one/],
    [
      "a tolerance of one's own for too many",
      () => majority({ equal: { relation: 'tolerance', equal: () => true } }).check?.(17),
      /16 members/,
    ],
  ])('are refused: %s', (_what, define, message) => {
    expect(define).toThrow(message)
    expect(define).toThrow(expect.objectContaining({ code: 'PERDURE_E_USAGE' }))
  })

  test('weights by id are those of the members, in whatever order they are listed', () => {
    const ballots = [ballot(0, 1), ballot(1, 2), ballot(2, 2)]
    const id = (member: number) => ['a', 'b', 'c'][member] as string
    expect(outcome(weighted({ c: 1, b: 1, a: 3 }).judge({ members: 3, ballots, closed: true, id }))).toBe(1)
  })
})

test.each<readonly [string, Adjudicator, number]>([
  ['majority', majority(), 3],
  ['majority of those that responded', majority({ base: 'responded' }), 2],
  ['plurality', plurality(), 2],
  ['unanimity', unanimity(), 5],
  ['kAgree', kAgree(4), 4],
  ['weighted', weighted([3, 3, 1, 1, 1]), 2],
  ['median', median(), 3],
  ['mean', mean({ trim: 2 }), 5],
  ['first', first(), 1],
])('%s needs of 5 members the fewest with which it can decide', (_what, adjudicator, fewest) => {
  expect(adjudicator.minimum(5)).toBe(fewest)
})
