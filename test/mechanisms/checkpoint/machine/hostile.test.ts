import { describe, expect, test } from 'vitest'
import { CheckpointMachine } from '../../../../src/mechanisms/checkpoint/machine/machine.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { GroupStage } from './stage.ts'

const ODD = [
  undefined,
  null,
  -1,
  0,
  1,
  2,
  0.5,
  Number.NaN,
  2 ** 53,
  '',
  'a',
  'g',
  '@x',
  [],
  ['a'],
  {},
  new Uint8Array(1),
  true,
  1n,
  new Map(),
]

describe('whatever the arguments of an operation are', () => {
  test('it is answered at once or waits, never throws, and leaves a state that can be saved and restored', () => {
    const operations = Object.keys(new CheckpointMachine().operations)
    const codes = new Map<string, number>()
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed)
      const stage = new GroupStage(random.pick(['exact', 'koo-toueg', 'cut'] as const))
      const [a] = stage.members('a', 'b')
      for (let step = 0; step < 150; step++) {
        const name = random.pick(operations)
        if (name === 'checkpoint.delete' || name === 'checkpoint.close' || name === 'checkpoint.fail') continue
        const head = random.chance(0.7) ? [1, a!.place, 0] : []
        const args = [...head, ...Array.from({ length: random.below(7) }, () => random.pick(ODD))]
        stage.issue(random.chance(0.8) ? a!.session : 1, name, args, (outcome) => {
          const code = 'error' in outcome ? String(outcome.error.code) : 'none'
          codes.set(code, (codes.get(code) ?? 0) + 1)
        })
        stage.truth.failed.clear()
      }
      const [before, after] = stage.restore()
      expect(after).toEqual(before)
    }
    expect([...codes.keys()].sort()).toEqual(expect.arrayContaining(['PERDURE_E_USAGE', 'PERDURE_E_UNKNOWN_GROUP', 'none']))
  })

  test.each([
    ['a protocol that there is not', { protocol: 'bare', lag: { undoneMs: 1, undoneMessages: 1, logBytes: 1 } }],
    ['no lag', { protocol: 'exact' }],
    ['a lag without end', { protocol: 'exact', lag: { undoneMs: Number.POSITIVE_INFINITY, undoneMessages: 1, logBytes: 1 } }],
  ])('a group with %s is not founded', (_, spec) => {
    expect(new GroupStage().ask('checkpoint.found', 'h', spec)).toBe('PERDURE_E_USAGE')
  })

  test('the name of a member that begins like that of a stranger is refused', () => {
    expect(new GroupStage().join('@a').refusals).toEqual(['PERDURE_E_USAGE'])
  })
})
