/**
 * Groups under random operations, crashes of hosts and fronts, hosts that hang and come back, restarts of everything, and time.
 *
 * Call number i adds 4^i, and returns the sum. So every answer says by its digits in base 4 which calls had been executed, and how often,
 * on the state that gave it: whatever the order of events was, the answers must be those of one object that executes the calls one
 * after the other (the naive model), each once.
 */
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Outcome } from '../../../../src/log/machine.ts'
import type { FrontNote, GroupSpec, RecordedBallot } from '../../../../src/mechanisms/group/machine/protocol.ts'
import { type Behaviour, GroupStage, makeMachine, plain } from './stage.ts'

/** 4^25 is still an exact number. */
const MAX_CALLS = 25

const STEPS = [
  'call',
  'impatient',
  'work',
  'work',
  'work',
  'pause',
  'crash',
  'join',
  'hang',
  'wake',
  'time',
  'reopen',
  'restore',
  'front',
] as const

type Step = readonly [(typeof STEPS)[number], number]

interface Made {
  readonly call: string
  readonly index: number
  /** How many steps had been taken when it was issued, and when its answer was seen first. */
  readonly issued: number
  answered: number
}

class Play {
  readonly stage: GroupStage
  readonly made: Made[] = []
  /** Of calls that the front conducts: members that have not answered. */
  readonly #polls = new Map<number, { readonly left: Set<string> }>()
  #node = 0
  #front = 1
  #steps = 0

  readonly #behaviour: Behaviour

  constructor(given: Partial<GroupSpec>, make: typeof makeMachine, behaviour: Behaviour = plain) {
    this.#behaviour = behaviour
    this.stage = new GroupStage(given, make)
    this.stage.found()
    for (let i = 0; i < 3; i++) this.#join()
    this.stage.work()
  }

  take([step, n]: Step): void {
    const { stage } = this
    const host = stage.hosts[n % Math.max(1, stage.hosts.length)]
    switch (step) {
      case 'call':
        this.#call(null)
        break
      case 'impatient':
        this.#call(700)
        break
      case 'work':
        host?.work(1 + (n % 3))
        break
      case 'pause':
        for (const each of stage.hosts) each.work(1)
        break
      case 'crash':
        if (host !== undefined) stage.end(host.session)
        break
      case 'join':
        if (stage.hosts.length < 4) this.#join()
        break
      case 'hang':
        if (host !== undefined) host.hung = true
        break
      case 'wake':
        if (host !== undefined) host.hung = false
        break
      case 'time':
        stage.advance(100 * (1 + (n % 12)))
        break
      case 'reopen':
        if (n % 3 === 0) stage.reopen()
        break
      case 'restore': {
        const [before, after] = stage.restore()
        expect(after).toEqual(before)
        break
      }
      case 'front':
        if (stage.spec.style === 'vote') this.#changeFront()
    }
    this.#conduct()
    this.#look()
  }

  /** Everybody gets time and hosts to finish in. */
  finish(): void {
    const { stage } = this
    for (let i = 0; i < 20; i++) {
      for (const host of stage.hosts) host.hung = false
      if (stage.hosts.length < 3) this.#join()
      do {
        stage.work()
        this.#conduct()
      } while (stage.hosts.some(({ todo }) => todo.length > 0))
      stage.advance(20_000)
      this.#look()
    }
  }

  #join(): void {
    this.#node += 1
    this.stage.join(`n${this.#node}`).behaviour = this.#behaviour
  }

  #changeFront(): void {
    const before = this.#front
    this.#front += 1
    this.stage.found(this.#front)
    this.stage.end(before)
  }

  /** The procedure of a strategy that starts all, takes the first value, fails when there is none, and blames nobody. */
  #conduct(): void {
    const { stage } = this
    const front = this.#front
    const notes: FrontNote[] = stage.fronts.get(front) ?? []
    stage.fronts.set(front, [])
    for (const note of notes) {
      if (note[0] === 'group.turn') {
        const [, , call, , , members, , ballots] = note
        this.#polls.set(call, { left: new Set(members) })
        stage.issue(front, 'group.start', call, members, null, 1)
        for (const ballot of ballots) this.#heard(call, ballot)
      } else if (note[0] === 'group.ballot') this.#heard(note[2], note[3])
      else if (note[0] === 'group.deadline') this.#decide(note[2], FAILED, null)
    }
    if ((stage.fronts.get(front) ?? []).length > 0) this.#conduct()
  }

  #heard(call: number, { member, kind, counted, answer }: RecordedBallot): void {
    const left = this.#polls.get(call)?.left
    if (left === undefined || !counted || !left.delete(member)) return
    if (kind === 'value') this.#decide(call, answer, member)
    else if (left.size === 0) this.#decide(call, FAILED, null)
  }

  #decide(call: number, answer: Outcome, chosen: string | null): void {
    this.#polls.delete(call)
    const about = { support: [], faulty: [], late: [], rejected: [], chosen }
    this.stage.issue(this.#front, 'group.decide', call, 'value' in answer ? 'value' : 'error', answer, about)
  }

  #call(timeoutMs: number | null): void {
    const index = this.made.length
    if (index >= MAX_CALLS) return
    this.#steps += 1
    // A caller that nothing happens to.
    const call = this.stage.call('add', [4 ** index], timeoutMs, 9_000 + index)
    this.made.push({ call, index, issued: this.#steps, answered: Number.POSITIVE_INFINITY })
  }

  #look(): void {
    this.#steps += 1
    for (const made of this.made) {
      if (made.answered === Number.POSITIVE_INFINITY && this.stage.answers.has(made.call)) made.answered = this.#steps
    }
  }

  /** Compares the answers with those of one object that executes calls one after the other. */
  judge(): void {
    const values = this.made.flatMap((made) => {
      const value = this.stage.answer(made.call)
      return typeof value === 'number' ? [{ ...made, digits: [...value.toString(4)].reverse().map(Number) }] : []
    })
    for (const { index, digits } of values) {
      expect(Math.max(...digits), 'no call is executed twice').toBe(1)
      expect(digits[index], 'a call is executed before it is answered').toBe(1)
    }
    const has = (digits: readonly number[], index: number) => digits[index] === 1
    for (const one of values) {
      for (const other of values) {
        if (one.answered < other.issued) expect(has(other.digits, one.index), 'what was acknowledged is there').toBe(true)
        if (one === other || has(other.digits, one.index)) continue
        // The other one did not see this one: so this one has seen all that the other one saw.
        expect(
          other.digits.every((digit, i) => digit === 0 || has(one.digits, i)),
          'there is one order of all calls',
        ).toBe(true)
      }
    }
  }
}

const FAILED: Outcome = { error: { name: 'Error', message: 'nobody answered', code: 'PERDURE_E_NO_QUORUM' } }

const OTHERWISE = ['PERDURE_E_TIMEOUT', 'PERDURE_E_NO_QUORUM', 'PERDURE_E_GROUP_EXHAUSTED']

function play(given: Partial<GroupSpec>, steps: readonly Step[], make: typeof makeMachine = makeMachine): void {
  const game = new Play({ suspicion: { faults: 2, calls: 8, shadowCalls: 1, ejectMs: 300 }, ...given }, make)
  for (const step of steps) game.take(step)
  game.finish()
  game.judge()
  const { stage, made } = game
  for (const { call } of made) {
    const answer = stage.answer(call)
    expect(typeof answer === 'number' || OTHERWISE.includes(String(answer)), `a call came to ${String(answer)}`).toBe(true)
  }
  expect(stage.views.map(({ id }) => id)).toEqual(stage.views.map((_, i) => i))
  expect(stage.codes().filter((code) => code === 'minority-vote' || code === 'diverged')).toEqual([])
  expect(stage.view().open).toBe(0)
}

const STYLES: readonly (readonly [string, Partial<GroupSpec>])[] = [
  ['active, the first answer', { style: 'active', agree: 1, minimum: 1, hashEvery: 2 }],
  ['active, two equal answers', { style: 'active', agree: 2, minimum: 2, hashEvery: 3 }],
  ['passive', { style: 'passive' }],
  ['leader', { style: 'leader', hashEvery: 2 }],
  ['vote, a state for each', { style: 'vote', state: 'own' }],
  ['vote, a state in common', { style: 'vote', state: 'common' }],
]

const someSteps = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat(11)), { minLength: 10, maxLength: 90 })

describe('whatever happens, every call is decided once, and the answers are those of one object', () => {
  test.each(STYLES)('%s', (_, given) => {
    fc.assert(
      fc.property(someSteps, (steps) => play(given, steps)),
      { numRuns: 60 },
    )
  })
})

/** Executes as it should, and says something else. */
const lying: Behaviour = (state, method, args, at) => {
  const value = plain(state, method, args, at)
  return at.member === 'a' ? -1 : value
}

test('a member that lies is never believed where two must agree: answers are right, or there are none', () => {
  fc.assert(
    fc.property(someSteps, (steps) => {
      const game = new Play({ style: 'active', agree: 2, minimum: 2 }, makeMachine, lying)
      for (const step of steps) game.take(step)
      game.finish()
      game.judge()
      expect(game.made.map(({ call }) => game.stage.answer(call))).not.toContain(-1)
      expect(game.stage.view().open).toBe(0)
    }),
    { numRuns: 60 },
  )
})

afterEach(() => {
  vi.doUnmock('../../../../src/mechanisms/group/machine/balloting.ts')
  vi.resetModules()
})

test('a view change without a fence is found: the former primary writes over what the next one has done', async () => {
  vi.resetModules()
  vi.doMock('../../../../src/mechanisms/group/machine/balloting.ts', async (original) => {
    const right = await original<typeof import('../../../../src/mechanisms/group/machine/balloting.ts')>()
    const speaker: typeof right.speaker = (group, _, id) => group?.members.find((member) => member.id === id)
    return { ...right, speaker }
  })
  const { GroupMachine } = await import('../../../../src/mechanisms/group/machine/machine.ts')
  const outcome = fc.check(
    fc.property(someSteps, (steps) => play({ style: 'passive' }, steps, (ports) => new GroupMachine(ports))),
    { numRuns: 2_000, endOnFailure: true },
  )
  expect(String(outcome.errorInstance)).toMatch(
    /what was acknowledged is there|there is one order of all calls|no call is executed twice/,
  )
})
