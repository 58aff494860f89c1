import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkLinearizable } from '../../src/testing/linearizability.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { KEYS, type TupleEntry, type TupleInput, type TupleOutput, tupleModel } from './tuple-model.ts'

function entry(input: TupleInput, calledAt: number, at?: number, output: TupleOutput = null): TupleEntry {
  return { process: 'p', input, calledAt, returned: at === undefined ? undefined : { at, output } }
}

const verdictOf = (history: readonly TupleEntry[], maxSteps?: number) => checkLinearizable(history, tupleModel, maxSteps).verdict

/** What concurrent programs might see: each operation takes effect somewhere between its call and its answer. */
function played(
  random: SeededRandom,
  operations: number,
  { clients, unknown }: { clients: number; unknown: number },
): TupleEntry[] {
  const started = Array.from({ length: operations }, (_, index) => {
    const calledAt = Math.floor(index / clients) * 10 + random.below(10) / 10
    return { index, calledAt, effectAt: calledAt + random.below(7), restMs: random.below(7) }
  })
  const history: TupleEntry[] = []
  let state = tupleModel.initial
  for (const { index, calledAt, effectAt, restMs } of started.sort((a, b) => a.effectAt - b.effectAt)) {
    const op = (['out', 'out', 'in', 'inp', 'inp', 'rd', 'rdp', 'count'] as const)[random.below(8)] as TupleInput['op']
    const key = random.below(KEYS)
    const input = { op, value: op === 'out' ? index * KEYS + key : key }
    const matching = state.filter((tuple) => tuple % KEYS === input.value)
    const output = op === 'out' ? null : op === 'count' ? matching.length : (matching[0] ?? null)
    const after = tupleModel.next(state, input, { output })
    // One that waits and finds nothing is given up, and the log says that it took nothing.
    if (after === undefined) continue
    if (random.below(100) < unknown) {
      if (random.below(2) === 0) state = after
      history.push(entry(input, calledAt))
    } else {
      state = after
      history.push(entry(input, calledAt, effectAt + restMs, output))
    }
  }
  return history
}

describe('the judge of histories', () => {
  test('accepts an order that the times allow, and refuses one they do not', () => {
    const out = entry({ op: 'out', value: 1 }, 0, 10)
    expect(verdictOf([out, entry({ op: 'inp', value: 1 }, 5, 8, 1)])).toBe('linearizable')
    expect(verdictOf([out, entry({ op: 'inp', value: 1 }, 5, 8, null)])).toBe('linearizable')
    expect(verdictOf([out, entry({ op: 'inp', value: 1 }, 11, 12, 1)])).toBe('linearizable')
    expect(verdictOf([out, entry({ op: 'inp', value: 1 }, 11, 12, null)])).toBe('not linearizable')
    expect(verdictOf([])).toBe('linearizable')
  })

  test('catches a tuple that two have taken, whichever answers came first', () => {
    const out = entry({ op: 'out', value: 1 }, 0, 1)
    const take = (from: number) => entry({ op: 'in', value: 1 }, from, from + 5, 1)
    expect(verdictOf([out, take(2)])).toBe('linearizable')
    expect(verdictOf([out, take(2), take(3)])).toBe('not linearizable')
    expect(verdictOf([take(0), take(0), out])).toBe('not linearizable')
  })

  test('an unknown outcome may have happened late, or never', () => {
    const unknown = entry({ op: 'out', value: 1 }, 0)
    expect(verdictOf([unknown, entry({ op: 'rdp', value: 1 }, 5, 6, null)])).toBe('linearizable')
    expect(verdictOf([unknown, entry({ op: 'rdp', value: 1 }, 5, 6, null), entry({ op: 'rdp', value: 1 }, 7, 8, 1)])).toBe(
      'linearizable',
    )
    expect(verdictOf([unknown, entry({ op: 'rdp', value: 1 }, 5, 6, 1), entry({ op: 'rdp', value: 1 }, 7, 8, null)])).toBe(
      'not linearizable',
    )
  })

  test('accepts whatever concurrent programs could have seen', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const history = played(new SeededRandom(seed), 300, { clients: 6, unknown: 3 })
      expect(verdictOf(history), `seed ${seed}`).toBe('linearizable')
    }
  })

  test('catches a planted double in, in each of 50 histories', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const history = played(new SeededRandom(seed), 200, { clients: 5, unknown: 3 })
      const takes = history.filter(
        ({ input, returned }) => ['in', 'inp'].includes(input.op) && returned && returned.output !== null,
      )
      const once = takes[Math.floor(takes.length / 2)] as TupleEntry
      expect(verdictOf([...history, { ...once, process: 'another' }]), `seed ${seed}`).toBe('not linearizable')
    }
  })

  test('says as much as trying every order does', () => {
    const input = fc.record({
      op: fc.constantFrom('out', 'in', 'inp', 'rd', 'rdp', 'count'),
      value: fc.constantFrom(1, 2),
    }) as fc.Arbitrary<TupleInput>
    const one = fc
      .tuple(input, fc.nat(8), fc.nat(5), fc.constantFrom(null, 1, 2), fc.boolean())
      .map(([asked, calledAt, restMs, output, known]) =>
        entry(asked, calledAt, known ? calledAt + restMs : undefined, asked.op === 'out' ? null : output),
      )
    const counts = { linearizable: 0, 'not linearizable': 0, unknown: 0 }
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), (history) => {
        const verdict = verdictOf(history)
        counts[verdict] += 1
        expect(verdict).toBe(tryEveryOrder(history) ? 'linearizable' : 'not linearizable')
      }),
      { numRuns: 1_000, seed: 7 },
    )
    expect(Math.min(counts.linearizable, counts['not linearizable'])).toBeGreaterThan(100)
  })

  test('says that it does not know rather than search for ever', () => {
    expect(verdictOf(played(new SeededRandom(1), 300, { clients: 6, unknown: 3 }), 20)).toBe('unknown')
  })
})

/** Depth first, without any memory. */
function tryEveryOrder(history: readonly TupleEntry[], state: readonly number[] = tupleModel.initial): boolean {
  if (history.every(({ returned }) => returned === undefined)) return true
  const earliestAnswer = Math.min(...history.map(({ returned }) => returned?.at ?? Number.POSITIVE_INFINITY))
  return history.some((each) => {
    if (each.calledAt > earliestAnswer) return false
    const after = tupleModel.next(state, each.input, each.returned)
    return (
      after !== undefined &&
      tryEveryOrder(
        history.filter((other) => other !== each),
        after,
      )
    )
  })
}
