import { describe, expect, test } from 'vitest'
import { Watchdog } from '../../src/support/watchdog.ts'

const LIMITS = { suspectMs: 2_000, fenceMs: 5_000 }

/** Checks every 500 ms up to `untilMs`, with the beats given; what was said, with its time. */
function watched(beats: readonly number[], untilMs: number, checks: readonly number[] = every(500, untilMs)): string[] {
  const watchdog = new Watchdog<string>(LIMITS, 0)
  const said: string[] = []
  const left = [...beats]
  for (const nowMs of checks) {
    while (left.length > 0 && (left[0] as number) <= nowMs) watchdog.beat('n', left.shift() as number)
    for (const verdict of watchdog.check(nowMs).values()) said.push(`${verdict} at ${nowMs}`)
  }
  return said
}

function every(ms: number, untilMs: number): number[] {
  return Array.from({ length: untilMs / ms }, (_, i) => (i + 1) * ms)
}

describe('silence', () => {
  test('of two seconds makes a suspect, once; of five a case for fencing, every time', () => {
    expect(watched([0], 6_000)).toEqual(['suspect at 2000', 'fence at 5000', 'fence at 5500', 'fence at 6000'])
  })

  test('shorter than the limit says nothing', () => {
    expect(watched([0, 1_900, 3_800, 5_700], 7_500)).toEqual([])
  })

  test('that ends refutes the suspicion, and the count starts anew', () => {
    expect(watched([0, 3_000], 8_500)).toEqual([
      'suspect at 2000',
      'refuted at 3000',
      'suspect at 5000',
      'fence at 8000',
      'fence at 8500',
    ])
  })

  test('of somebody who never beat is nobody’s', () => {
    expect(watched([], 10_000)).toEqual([])
  })

  test('of one says nothing of another', () => {
    const watchdog = new Watchdog<string>(LIMITS, 0)
    watchdog.beat('silent', 0)
    for (const nowMs of every(500, 2_000)) {
      watchdog.beat('alive', nowMs)
      const verdicts = watchdog.check(nowMs)
      expect([...verdicts.keys()]).toEqual(nowMs === 2_000 ? ['silent'] : [])
    }
  })
})

describe('a watchdog that was itself not called for long', () => {
  test('discards the interval: nobody is suspected for a silence that may be its own', () => {
    expect(watched([0], 10_000, [500, 1_000, 9_000])).toEqual([])
  })

  test('listens anew from then on', () => {
    expect(watched([0], 0, [500, 1_000, 9_000, 10_000, 10_900, 11_000])).toEqual(['suspect at 11000'])
  })

  test('does not refute a suspicion by its own absence, and fences only after another full silence', () => {
    expect(watched([0], 0, [1_000, 2_000, 9_000, 11_000, 13_500, 14_000])).toEqual(['suspect at 2000', 'fence at 14000'])
  })

  test('an interval of exactly half the fencing time counts', () => {
    expect(watched([0], 0, [2_500])).toEqual(['suspect at 2500'])
    expect(watched([0], 0, [2_501])).toEqual([])
  })
})

test('who is forgotten is watched no more', () => {
  const watchdog = new Watchdog<string>(LIMITS, 0)
  watchdog.beat('n', 0)
  expect(watchdog.ids).toEqual(['n'])
  watchdog.forget('n')
  expect(watchdog.ids).toEqual([])
  expect(watchdog.check(2_400).size).toBe(0)
})
