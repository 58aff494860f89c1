/**
 * The engine against a second reading of the specification: random policies on random histories.
 */
import { compile, dryRun } from 'perdure/ariel'
import { expect, test } from 'vitest'
import { PLANT } from './policy-tree.ts'
import { randomHistory, randomPolicy } from './random-policies.ts'
import { SecondReading } from './second-reading.ts'

/** PERDURE_READINGS=20000 for a long run. */
const POLICIES = Number(process.env.PERDURE_READINGS ?? 300)
const HISTORIES = 4

/** The same policies everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % below
  }
}

test(`SPEC 2.1, 4, 5, 7.4, 11: ${POLICIES} random policies do in random histories what a second reading of these sections says`, () => {
  const random = randomFrom(Number(process.env.PERDURE_READINGS_SEED ?? 1))
  let acted = 0
  for (let count = 0; count < POLICIES; count += 1) {
    const policy = randomPolicy(random)
    const mode = random(5) === 0 ? 'classic' : 'settling'
    const compiled = compile(policy.script, { classic: mode === 'classic' })
    expect(compiled.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    for (let time = 0; time < HISTORIES; time += 1) {
      const history = randomHistory(random)
      const reading = new SecondReading(PLANT, policy, mode)
      reading.run(history)
      const lines = history.map((event) => JSON.stringify(event)).join('\n')
      const listed = dryRun(compiled, lines, { classic: mode === 'classic' })
      const found = listed.map(({ at, line, action, target, value }) => [at, line, action, target, value])
      expect(found, `${policy.script}\n${lines}`).toEqual(reading.listed)
      acted += found.length
    }
  }
  // Otherwise hardly any guard would have been true.
  expect(acted).toBeGreaterThan(POLICIES * HISTORIES * 10)
})
