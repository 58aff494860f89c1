import { expect, test } from 'vitest'
import { protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import { crashAgainAndAgain } from './crashing-group.ts'
import { TRACES_EACH, tracesMs } from './traces-amount.ts'

test.each(['hmnr', 'fdas', 'bhmr'] as const)(
  '%s: members crash again and again, and every line, replay set, drop set, garbage set and ghost is the one that brute force finds',
  (name) => {
    const found = crashAgainAndAgain(protocols[name], TRACES_EACH)
    for (const [what, count] of Object.entries(found)) expect(count, what).toBeGreaterThan(20)
  },
  tracesMs,
)
