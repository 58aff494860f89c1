/** The machine against spaces as one would first write them: any sequence of operations of many callers, the same answers. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEFAULT_INDEXING, type Indexing } from '../../../src/mechanisms/space/machine/tuple-class.ts'
import { Pair } from './model-pair.ts'
import { historyOf, SCARCE, type Stock, VARIED } from './model-steps.ts'

/** More in CI, where there is time. */
const RUNS = Number(process.env.PERDURE_MODEL_RUNS ?? 60)

const INDEXINGS: Readonly<Record<string, Indexing>> = {
  'indexed as usual': DEFAULT_INDEXING,
  'indexed at once': { fromStart: 3, afterLooking: 0 },
  'never indexed': { fromStart: 0, afterLooking: Number.POSITIVE_INFINITY },
}

/** Both machines do the same steps, and answer alike. */
function checkAlike(stock: Stock, indexing: Indexing): void {
  const check = fc.property(historyOf(stock), (steps) => {
    const pair = new Pair(indexing)
    for (const [who, what] of steps) {
      expect(pair.real(who, what)).toEqual(pair.naive(who, what))
      expect(pair.realTuples()).toEqual(pair.naiveTuples())
    }
    expect(pair.realWaiting()).toEqual(pair.naiveWaiting())
    expect(pair.realHolds()).toEqual(pair.naiveHolds())
  })
  fc.assert(check, { numRuns: RUNS })
}

for (const [name, indexing] of Object.entries(INDEXINGS)) {
  test(`answers whatever is asked as the naive spaces do, also after restarts, ${name}`, () => {
    checkAlike(VARIED, indexing)
  })
}

test('answers as the naive spaces do when all want the same few tuples', () => {
  checkAlike(SCARCE, DEFAULT_INDEXING)
})

test('a restored machine has the same snapshot', () => {
  fc.assert(
    fc.property(historyOf(VARIED), (steps) => {
      const pair = new Pair(DEFAULT_INDEXING)
      for (const [who, what] of steps) {
        pair.real(who, what)
        pair.naive(who, what)
      }
      const before = [...pair.machine.snapshot()]
      pair.real(1, { kind: 'restart' })
      expect([...pair.machine.snapshot()]).toEqual(before)
    }),
    { numRuns: RUNS },
  )
})
