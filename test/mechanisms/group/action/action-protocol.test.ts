/** Coordinated atomic actions, the pure machine: any order of events ends in one outcome for all. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ActionEffect,
  type ActionEvent,
  type ActionRules,
  type ActionState,
  advance,
  entering,
  type Vote,
} from '../../../../src/mechanisms/group/action/action-protocol.ts'
import { exceptionTree, PARTICIPANT_LOST, UNIVERSAL } from '../../../../src/mechanisms/group/action/exception-tree.ts'

const tree = exceptionTree({ Failed: { NoFunds: {}, Closed: {} }, Busy: {} })
const EXCEPTIONS = [UNIVERSAL, PARTICIPANT_LOST, 'Failed', 'NoFunds', 'Closed', 'Busy']
const rulesFor = (roles: number): ActionRules => ({
  roles,
  tree,
  signals: new Map([
    ['NoFunds', 'undo'],
    ['Busy', 'commit'],
    ['Failed', 'commit'],
  ]),
})

function played(rules: ActionRules, events: readonly ActionEvent[]): { state: ActionState; effects: ActionEffect[] } {
  let state = entering(rules)
  const effects: ActionEffect[] = []
  for (const event of events) {
    const next = advance(rules, state, event)
    state = next.state
    effects.push(...next.effects)
  }
  return { state, effects }
}

const entry = (role: number): ActionEvent => ({ kind: 'entry', role })
const raise = (role: number, exception: string): ActionEvent => ({ kind: 'raise', role, exception })
const exit = (role: number, vote: Vote = { kind: 'normal' }): ActionEvent => ({ kind: 'exit', role, vote })

describe('the exception tree', () => {
  test.each([
    [['NoFunds'], 'NoFunds'],
    [['NoFunds', 'Closed'], 'Failed'],
    [['NoFunds', 'Failed'], 'Failed'],
    [['NoFunds', 'Busy'], UNIVERSAL],
    [['NoFunds', 'Closed', PARTICIPANT_LOST], UNIVERSAL],
    [['Busy', 'Busy'], 'Busy'],
  ])('covers %j by %s', (names, covering) => {
    expect(tree.covering(names)).toBe(covering)
    expect(tree.covering([...names].reverse())).toBe(covering)
  })

  test('knows an error by its code before its name, and one that is not declared as the root', () => {
    expect(tree.nameOf(Object.assign(new Error('x'), { code: 'NoFunds', name: 'Busy' }))).toBe('NoFunds')
    expect(tree.nameOf(Object.assign(new Error('x'), { name: 'Busy' }))).toBe('Busy')
    expect(tree.nameOf(new TypeError('x'))).toBe(UNIVERSAL)
    expect(tree.nameOf(undefined)).toBe(UNIVERSAL)
  })

  test('has ParticipantLost where it is declared, else below the root', () => {
    expect(tree.upwards(PARTICIPANT_LOST)).toEqual([PARTICIPANT_LOST, UNIVERSAL])
    const declared = exceptionTree({ Trouble: { ParticipantLost: {}, Slow: {} } })
    expect(declared.covering([PARTICIPANT_LOST, 'Slow'])).toBe('Trouble')
  })

  test('refuses a name that is declared twice, and that of the root', () => {
    expect(() => exceptionTree({ A: { B: {} }, B: {} })).toThrow(/declares the exception B/)
    expect(() => exceptionTree({ UniversalException: {} })).toThrow(/root of every tree/)
    const endless: { [name: string]: object } = {}
    endless.again = endless
    expect(() => exceptionTree(endless as never)).toThrow(/declares the exception again/)
  })
})

describe('the protocol', () => {
  const two = rulesFor(2)

  test('no one starts before all roles are filled', () => {
    expect(played(two, [entry(1)]).effects).toEqual([])
    expect(played(two, [entry(1), entry(0)]).effects).toEqual([{ do: 'start', roles: [0, 1] }])
  })

  test('who withdraws before the start leaves the role free', () => {
    const { effects } = played(two, [entry(0), { kind: 'withdrawal', role: 0 }, entry(1)])
    expect(effects).toEqual([])
  })

  test('when the entry deadline passes, those who are missing are lost, and no body starts', () => {
    const { effects } = played(two, [entry(1), { kind: 'entry-deadline' }])
    const raised = [{ role: 0, exception: PARTICIPANT_LOST }]
    expect(effects).toEqual([{ do: 'handle', roles: [1], exception: PARTICIPANT_LOST, raised }])
  })

  test('an exception interrupts those who work, also reaches those who are done, and waits until all have stopped', () => {
    const three = rulesFor(3)
    const start = [entry(0), entry(1), entry(2), exit(0), raise(1, 'NoFunds')]
    expect(played(three, start).effects.slice(1)).toEqual([{ do: 'interrupt', roles: [2] }])
    const { effects } = played(three, [...start, { kind: 'stop', role: 2 }])
    expect(effects.at(-1)).toMatchObject({ do: 'handle', roles: [0, 1, 2], exception: 'NoFunds' })
  })

  test('concurrent exceptions raise the least one that covers them in all participants', () => {
    const { effects } = played(two, [entry(0), entry(1), raise(0, 'NoFunds'), raise(1, 'Closed')])
    expect(effects.at(-1)).toMatchObject({ do: 'handle', roles: [0, 1], exception: 'Failed' })
  })

  const handling = [entry(0), entry(1), raise(0, 'NoFunds'), exit(1)]
  const signal = (exception: string): Vote => ({ kind: 'signalled', exception })
  test.each<[string, Vote, Vote, object]>([
    ['normal + normal', { kind: 'normal' }, { kind: 'normal' }, { kind: 'normal' }],
    ['normal + signalled', { kind: 'normal' }, signal('Busy'), { kind: 'signalled', exception: 'Busy', effects: 'commit' }],
    ['signalled + the same', signal('NoFunds'), signal('NoFunds'), { kind: 'signalled', exception: 'NoFunds', effects: 'undo' }],
    [
      'signalled + one above that keeps',
      signal('Failed'),
      signal('NoFunds'),
      { kind: 'signalled', exception: 'Failed', effects: 'undo' },
    ],
    ['signalled + another', signal('Busy'), signal('Failed'), { kind: 'signalled', exception: UNIVERSAL, effects: 'undo' }],
    ['signalled + abort', signal('Busy'), { kind: 'abort' }, { kind: 'abort' }],
    ['abort + normal', { kind: 'abort' }, { kind: 'normal' }, { kind: 'abort' }],
    ['abort + failure', { kind: 'abort' }, { kind: 'failure' }, { kind: 'failure' }],
    ['failure + signalled', { kind: 'failure' }, signal('Busy'), { kind: 'failure' }],
  ])('handlers that end in %s end in one outcome, in either order', (_, a, b, outcome) => {
    for (const votes of [
      [a, b],
      [b, a],
    ] as const) {
      expect(played(two, [...handling, exit(0, votes[0]), exit(1, votes[1])]).state.outcome).toEqual(outcome)
      expect(played(two, [...handling, exit(1, votes[0]), exit(0, votes[1])]).state.outcome).toEqual(outcome)
    }
  })

  test('a commit that did not work is an abort if it could be undone, else a failure', () => {
    const done = [entry(0), entry(1), exit(0), exit(1)]
    expect(played(two, [...done, { kind: 'settled', how: 'committed' }]).state.outcome).toEqual({ kind: 'normal' })
    expect(played(two, [...done, { kind: 'settled', how: 'undone' }]).state.outcome).toEqual({ kind: 'abort' })
    expect(played(two, [...done, { kind: 'settled', how: 'impossible' }]).state.outcome).toEqual({ kind: 'failure' })
  })

  test('a participant that is lost while it handles aborts the action: nobody handles the handling', () => {
    const { effects } = played(two, [...handling, { kind: 'lost', role: 1 }, exit(0), { kind: 'settled', how: 'undone' }])
    expect(effects.slice(-3)).toEqual([
      { do: 'fence', roles: [1] },
      { do: 'settle', disposal: 'undo' },
      { do: 'leave', outcome: { kind: 'abort' } },
    ])
  })

  test('after the time of the bodies, those who still work are interrupted; who comes back handles', () => {
    const late = [entry(0), entry(1), exit(0), { kind: 'limit' }] as const
    expect(played(two, late).effects.at(-1)).toEqual({ do: 'interrupt', roles: [1] })
    const { effects } = played(two, [...late, { kind: 'stop', role: 1 }])
    expect(effects.at(-1)).toMatchObject({ do: 'handle', roles: [0, 1], exception: PARTICIPANT_LOST })
    const gone = played(two, [...late, { kind: 'limit' }]).effects.slice(-2)
    expect(gone).toMatchObject([
      { do: 'fence', roles: [1] },
      { do: 'handle', roles: [0] },
    ])
  })
})

/** Anything may happen at any time, also what no shell would say. */
function anyEvent(roles: number): fc.Arbitrary<ActionEvent> {
  const role = fc.nat(roles - 1)
  const exception = fc.constantFrom(...EXCEPTIONS)
  const vote = fc.oneof(
    { weight: 4, arbitrary: fc.constant<Vote>({ kind: 'normal' }) },
    fc.constantFrom<Vote>({ kind: 'abort' }, { kind: 'failure' }),
    exception.map((name): Vote => ({ kind: 'signalled', exception: name })),
  )
  const plain = (kind: 'stop' | 'lost' | 'withdrawal') => role.map((who): ActionEvent => ({ kind, role: who }))
  return fc.oneof(
    { weight: 6, arbitrary: role.map(entry) },
    { weight: 6, arbitrary: fc.tuple(role, vote).map(([who, how]) => exit(who, how)) },
    { weight: 3, arbitrary: fc.tuple(role, exception).map(([who, name]) => raise(who, name)) },
    { weight: 2, arbitrary: plain('stop') },
    plain('lost'),
    plain('withdrawal'),
    fc.constantFrom<ActionEvent>({ kind: 'entry-deadline' }, { kind: 'limit' }, { kind: 'cancel' }),
    fc.constantFrom<ActionEvent>({ kind: 'settled', how: 'committed' }, { kind: 'settled', how: 'undone' }),
  )
}

/** Who is working, as one who only sees the effects and his own events would count; throws when P1 to P4 do not hold. */
function watch(rules: ActionRules, events: readonly ActionEvent[]): ActionEffect[] {
  let state = entering(rules)
  const seen: ActionEffect[] = []
  const busy = new Set<number>()
  const entered = new Set<number>()
  for (const event of events) {
    if (event.kind === 'entry' && state.phase === 'entering') entered.add(event.role)
    if (event.kind === 'withdrawal' && state.phase === 'entering') entered.delete(event.role)
    if (event.kind === 'exit' || event.kind === 'raise' || event.kind === 'stop') busy.delete(event.role)
    const next = advance(rules, state, event)
    state = next.state
    for (const effect of next.effects) {
      expect(seen.some((past) => past.do === 'leave')).toBe(false)
      if (effect.do === 'start') expect([...entered].sort()).toEqual(effect.roles)
      if (effect.do === 'start' || effect.do === 'handle') {
        expect(busy.size, `${effect.do} while some work`).toBe(0)
        for (const role of effect.roles) busy.add(role)
      }
      if (effect.do === 'interrupt') expect(effect.roles.every((role) => busy.has(role))).toBe(true)
      if (effect.do === 'fence') for (const role of effect.roles) busy.delete(role)
      if (effect.do === 'settle') expect(busy.size, 'settled while some work').toBe(0)
      seen.push(effect)
    }
  }
  return seen
}

describe('whatever happens in whatever order', () => {
  const histories = fc
    .integer({ min: 1, max: 4 })
    .chain((roles) => fc.tuple(fc.constant(roles), fc.array(anyEvent(roles), { minLength: 10, maxLength: 60, size: 'max' })))

  test('handlers start once, with one exception that covers what was raised, after all bodies have ended; all leave once', () => {
    let left = 0
    fc.assert(
      fc.property(histories, ([roles, events]) => {
        const rules = rulesFor(roles)
        const effects = watch(rules, events)
        for (const once of ['start', 'handle', 'settle', 'leave'])
          expect(effects.filter((effect) => effect.do === once).length).toBeLessThan(2)
        const leave = effects.find((effect) => effect.do === 'leave')
        if (leave !== undefined) {
          left += 1
          expect(effects.at(-1)).toBe(leave)
        }
        const handle = effects.find((effect) => effect.do === 'handle')
        for (const { exception } of handle?.raised ?? []) expect(tree.upwards(exception)).toContain(handle?.exception)
      }),
      { numRuns: 2000, seed: 4 },
    )
    expect(left).toBeGreaterThan(100)
  })

  test('the objects are all new or all old: committed exactly when the outcome says so', () => {
    fc.assert(
      fc.property(histories, ([roles, events]) => {
        const rules = rulesFor(roles)
        let state = entering(rules)
        let disposal: string | undefined
        for (const event of events) {
          const next = advance(rules, state, event)
          state = next.state
          for (const effect of next.effects) {
            if (effect.do === 'settle') {
              disposal = effect.disposal
              const how = disposal === 'commit' ? 'committed' : 'undone'
              state = advance(rules, state, { kind: 'settled', how }).state
            }
          }
        }
        if (state.phase !== 'left') return
        const kept =
          state.outcome?.kind === 'normal' || (state.outcome?.kind === 'signalled' && state.outcome.effects === 'commit')
        expect(disposal).toBe(kept ? 'commit' : 'undo')
      }),
      { numRuns: 1000, seed: 5 },
    )
  })

  test('time alone brings every action to its end', () => {
    fc.assert(
      fc.property(histories, ([roles, events]) => {
        const time: ActionEvent[] = [{ kind: 'entry-deadline' }, { kind: 'limit' }, { kind: 'limit' }, { kind: 'limit' }]
        const { state } = played(rulesFor(roles), [...events, ...time, { kind: 'settled', how: 'undone' }])
        expect(state.phase).toBe('left')
      }),
      { numRuns: 1000, seed: 6 },
    )
  })
})
