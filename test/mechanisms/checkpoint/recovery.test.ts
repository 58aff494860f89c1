import { describe, expect, test } from 'vitest'
import { protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import { CrashingGroup } from './crashing-group.ts'

const SAFE = ['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut'] as const
const TRACES = 60
const STEPS = 400

describe('groups in which members crash again and again', () => {
  test.each(SAFE)('%s: every line, replay set, drop set, garbage set and ghost is the one that brute force finds', (name) => {
    const sum = { deliveries: 0, recoveries: 0, ghosts: 0, replayed: 0, freed: 0, duringReplay: 0 }
    for (let seed = 1; seed <= TRACES; seed++) {
      const { counts } = new CrashingGroup(protocols[name](2 + (seed % 5)), seed).run(STEPS)
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += counts[key]
    }
    for (const [what, count] of Object.entries(sum)) expect(count, what).toBeGreaterThan(20)
  })
})
