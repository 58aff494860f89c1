/** The machine against spaces as one would first write them: any sequence of operations of many callers, the same answers. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SpaceMachine } from '../../../src/mechanisms/space/machine.ts'
import { DEFAULT_INDEXING, type Indexing } from '../../../src/mechanisms/space/store.ts'
import { encodeTemplate } from '../../../src/mechanisms/space/template.ts'
import { MachineDriver, type Reply, session } from '../machine-driver.ts'
import * as arbitrary from './arbitraries.ts'
import { type Answer, NaiveSpaces, TIMED_OUT } from './naive-space.ts'

type Step =
  | { readonly kind: 'out'; readonly space: string; readonly tuple: unknown[] }
  | {
      readonly kind: 'wait'
      readonly mode: 'in' | 'rd'
      readonly space: string
      readonly template: unknown[]
      readonly timeoutMs?: number
    }
  | { readonly kind: 'ask'; readonly mode: 'inp' | 'rdp' | 'count'; readonly space: string; readonly template: unknown[] }
  | { readonly kind: 'eval'; readonly space: string; readonly tuple: unknown[]; readonly fields: readonly number[] }
  | { readonly kind: 'complete'; readonly which: number; readonly failed: boolean }
  | { readonly kind: 'withdraw'; readonly which: number }
  | { readonly kind: 'ended'; readonly caller: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'restart' }

/** What has a number of its caller. */
type Numbered = Extract<Step, { kind: 'out' | 'wait' | 'ask' | 'eval' }>

const caller = fc.integer({ min: 1, max: 4 })
const space = fc.constantFrom('a', 'a', 'b')
const { template, tuple } = arbitrary

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('out' as const), space, tuple }), weight: 8 },
  {
    arbitrary: fc.record(
      {
        kind: fc.constant('wait' as const),
        mode: fc.constantFrom('in' as const, 'rd' as const),
        space,
        template,
        timeoutMs: fc.integer({ min: 0, max: 20 }),
      },
      { requiredKeys: ['kind', 'mode', 'space', 'template'] },
    ),
    weight: 8,
  },
  {
    arbitrary: fc.record({ kind: fc.constant('ask' as const), mode: fc.constantFrom('inp', 'rdp', 'count'), space, template }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('eval' as const),
      space,
      tuple,
      fields: fc.uniqueArray(fc.nat(2), { maxLength: 3 }),
    }),
    weight: 2,
  },
  { arbitrary: fc.record({ kind: fc.constant('complete' as const), which: fc.nat(9), failed: fc.boolean() }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constant('withdraw' as const), which: fc.nat(9) }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('ended' as const), caller }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 15 }) }), weight: 2 },
  { arbitrary: fc.constant({ kind: 'restart' as const }), weight: 1 },
) as fc.Arbitrary<Step>

const history = fc.array(fc.tuple(caller, step), { maxLength: 80, size: 'max' })

const INDEXINGS: Readonly<Record<string, Indexing>> = {
  'indexed as usual': DEFAULT_INDEXING,
  'indexed at once': { fromStart: 3, afterLooking: 0 },
  'never indexed': { fromStart: 0, afterLooking: Number.POSITIVE_INFINITY },
}

for (const [name, indexing] of Object.entries(INDEXINGS)) {
  test(`answers whatever is asked as the naive spaces do, also after restarts, ${name}`, () => {
    fc.assert(
      fc.property(history, (steps) => {
        const pair = new Pair(indexing)
        for (const [who, what] of steps) {
          expect(pair.real(who, what)).toEqual(pair.naive(who, what))
          expect(pair.realTuples()).toEqual(pair.naiveTuples())
        }
        expect(pair.realWaiting()).toEqual(pair.naiveWaiting())
      }),
      { numRuns: 150 },
    )
  })
}

test('a restored machine has the same snapshot', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const pair = new Pair(DEFAULT_INDEXING)
      for (const [who, what] of steps) pair.real(who, what)
      const before = [...pair.machine.snapshot()]
      pair.real(1, { kind: 'restart' })
      expect([...pair.machine.snapshot()]).toEqual(before)
    }),
    { numRuns: 100 },
  )
})

interface NaivePlaceholder {
  readonly id: number
  readonly space: string
  readonly tuple: unknown[]
  readonly pending: number[]
}

const DEFINITION = { definition: 'd', layer: 'journal', retainMs: 0, maxTurnMs: 1 }

/** The real machine and the naive one, fed alike. Operations are numbered in one sequence for all callers. */
const WAITS = Symbol('waits')

class Pair {
  machine: SpaceMachine
  readonly #indexing: Indexing
  readonly #model = new NaiveSpaces()
  readonly #placeholders: NaivePlaceholder[] = []
  #driver: MachineDriver
  #realNumber = 0
  #naiveNumber = 0
  #naiveMs = 1_000

  constructor(indexing: Indexing) {
    this.#indexing = indexing
    this.machine = this.#fresh()
    this.#driver = new MachineDriver([this.machine])
  }

  real(who: number, what: Step): unknown {
    if (what.kind === 'advance') return answers(this.#driver.advance(what.ms))
    if (what.kind === 'ended') return answers(this.#driver.ended(session(who)))
    if (what.kind === 'restart') return this.#restart()
    if (what.kind === 'withdraw') return this.#withdraw(what.which)
    if (what.kind === 'complete') return this.#complete(what.which, what.failed)
    this.#realNumber += 1
    return answers(this.#driver.apply(session(who), this.#realNumber, ...operation(what)))
  }

  naive(who: number, what: Step): unknown {
    const model = this.#model
    model.answers = []
    if (what.kind === 'restart') return 'restarted'
    if (what.kind === 'withdraw') return this.#naiveWithdraw(what.which)
    if (what.kind === 'ended') model.ended(who)
    else if (what.kind === 'complete') this.#naiveComplete(what.which, what.failed)
    else if (what.kind === 'advance') {
      this.#naiveMs += what.ms
      model.expire(this.#naiveMs)
    } else {
      this.#naiveNumber += 1
      const answer = this.#naiveOperation(who, what)
      if (answer !== WAITS) model.answers.push([who, this.#naiveNumber, answer])
    }
    return model.answers
  }

  /** The answer to the operation itself, unless it waits or was answered. */
  #naiveOperation(who: number, what: Numbered): unknown {
    const model = this.#model
    switch (what.kind) {
      case 'out':
        model.out(what.space, what.tuple)
        return undefined
      case 'eval':
        this.#naiveEval(what)
        return undefined
      case 'ask':
        if (what.mode === 'count') return model.count(what.space, what.template)
        return model.ask(what.mode === 'inp' ? 'in' : 'rd', what.space, what.template)
      case 'wait': {
        const { mode, space: where, template: wanted, timeoutMs = Number.POSITIVE_INFINITY } = what
        const deadlineMs = this.#naiveMs + timeoutMs
        model.wait({ caller: who, number: this.#naiveNumber, mode, space: where, template: wanted, deadlineMs })
        return WAITS
      }
    }
  }

  realTuples(): unknown {
    const { tuples } = this.machine.query('tuples', []) as { tuples: { space: string; tuple: unknown[] }[] }
    return tuples.map(({ space: where, tuple: fields }) => ({ space: where, tuple: fields }))
  }

  naiveTuples(): unknown {
    return this.#model.tuples
  }

  realWaiting(): unknown {
    const { waiting } = this.machine.query('waiting', []) as { waiting: { number: number }[] }
    return waiting.map(({ number }) => number)
  }

  naiveWaiting(): unknown {
    return this.#model.waiters.map(({ number }) => number)
  }

  #fresh(): SpaceMachine {
    return new SpaceMachine({ start: () => undefined }, this.#indexing)
  }

  #restart(): string {
    this.machine = this.#fresh()
    this.#driver = this.#driver.restored([this.machine])
    return 'restarted'
  }

  /** One of those who wait, if anybody does. */
  #chosenWaiter(which: number): { caller: number; number: number } | undefined {
    return this.#model.waiters[which % Math.max(1, this.#model.waiters.length)]
  }

  #withdraw(which: number): boolean {
    const chosen = this.#chosenWaiter(which) ?? { caller: 1, number: 999 }
    return this.#driver.withdraw(session(chosen.caller), chosen.number)
  }

  #naiveWithdraw(which: number): boolean {
    const chosen = this.#chosenWaiter(which) ?? { caller: 1, number: 999 }
    return this.#model.withdraw(chosen.caller, chosen.number)
  }

  #naiveEval({ space: where, tuple: fields, fields: wanted }: Extract<Step, { kind: 'eval' }>): void {
    const pending = wanted.filter((field) => field < fields.length)
    if (pending.length === 0) return this.#model.out(where, fields)
    // The machine counts positions; evals of this test are told apart by the order of their ids.
    this.#placeholders.push({ id: this.#driver.position, space: where, tuple: [...fields], pending: [...pending] })
  }

  #complete(which: number, failed: boolean): unknown {
    const chosen = this.#placeholders[which % Math.max(1, this.#placeholders.length)]
    if (chosen === undefined) return []
    const outcome = failed ? { error: { name: 'Error', message: 'no' } } : { value: which % 3 }
    const field = chosen.pending[0] as number
    return answers(this.#driver.entry(this.machine, (context) => this.machine.complete(chosen.id, field, outcome, context)))
  }

  #naiveComplete(which: number, failed: boolean): void {
    const index = which % Math.max(1, this.#placeholders.length)
    const chosen = this.#placeholders[index]
    if (chosen === undefined) return
    chosen.tuple[chosen.pending.shift() as number] = failed ? { code: 'Error', message: 'no' } : which % 3
    if (chosen.pending.length > 0) return
    this.#placeholders.splice(index, 1)
    this.#model.out(chosen.space, chosen.tuple)
  }
}

function operation(what: Numbered): [name: string, ...args: unknown[]] {
  switch (what.kind) {
    case 'out':
      return ['space.out', what.space, what.tuple]
    case 'ask':
      return [`space.${what.mode}`, what.space, encodeTemplate(what.template)]
    case 'eval': {
      const fields = what.fields.filter((field) => field < what.tuple.length)
      return ['space.eval', what.space, what.tuple, fields.map((field) => [field, DEFINITION, []])]
    }
    case 'wait': {
      const options = what.timeoutMs === undefined ? [] : [{ timeoutMs: what.timeoutMs }]
      return [`space.${what.mode}`, what.space, encodeTemplate(what.template), ...options]
    }
  }
}

function answers(replies: readonly Reply[]): Answer[] {
  return replies.map(({ caller: to, number, outcome }) => {
    const id = to.kind === 'session' ? to.id : 0
    return [
      id,
      number,
      'value' in outcome ? outcome.value : outcome.error.code === 'PERDURE_E_TIMEOUT' ? TIMED_OUT : outcome.error,
    ]
  })
}
