/** Groups of objects that exist already. */
import { describe, expect, test } from 'vitest'
import { majority, unanimity } from '../../../src/mechanisms/group/adjudicators/adjudicator.ts'
import type { Verdict } from '../../../src/mechanisms/group/ballot.ts'
import { objectGroup } from '../../../src/mechanisms/group/ready-objects.ts'
import { nVersion } from '../../../src/mechanisms/group/strategies/n-version.ts'
import { ArrayStack, ListStack, Stack } from './stacks.ts'
import { usageOf } from './usage-of.ts'

describe('objectGroup', () => {
  const newton = { root: (n: number) => Math.sqrt(n), steps: 3 }
  const bisection = { root: (n: number) => Math.sqrt(n), steps: 20, halve: () => 0 }
  const wrong = { root: (n: number) => -Math.sqrt(n), steps: 1 }

  test('has the methods, accessors and fields that all objects have', () => {
    const group = objectGroup({ newton, bisection, wrong }, nVersion({ adjudicator: majority() }))
    expect([group.root(4), group.steps]).toEqual([2, 3])
    expect('halve' in group).toBe(false)
    expect(Object.keys(group).sort()).toEqual(['root', 'steps'])
  })

  test('names members as they were named', () => {
    const verdicts: Verdict[] = []
    const onVerdict = (verdict: Verdict) => verdicts.push(verdict)
    objectGroup({ newton, bisection, wrong }, nVersion({ adjudicator: majority() }), { onVerdict }).root(4)
    expect(verdicts[0]).toMatchObject({ method: 'root', support: ['newton', 'bisection'], faulty: ['wrong'] })
  })

  test('has methods that may be used without it', () => {
    const { root } = objectGroup({ newton, bisection, wrong }, nVersion({ adjudicator: majority() }))
    expect(root(9)).toBe(3)
  })

  test('of objects of one class is an instance of it, of several the nearest that is common', () => {
    const same = objectGroup({ a: new ArrayStack(), b: new ArrayStack() }, nVersion({ adjudicator: unanimity() }))
    const mixed = objectGroup({ a: new ArrayStack(), b: new ListStack() }, nVersion({ adjudicator: unanimity() }))
    expect(same).toBeInstanceOf(ArrayStack)
    expect(mixed).toBeInstanceOf(Stack)
    expect(mixed).not.toBeInstanceOf(ArrayStack)
    expect([mixed.push(1), mixed.isEmpty()]).toEqual([1, false])
  })

  test.each([
    ['no objects', {}, /objects of the group are 0/],
    ['what is no object', { a: newton, b: () => 1 }, /^b is no object/],
    ['an object twice', { a: newton, b: newton }, /twice/],
    ['objects without a common method', { a: { x: () => 1 }, b: { y: () => 1 } }, /No method is common to a, b/],
  ])('refuses %s', (_, objects, message) => {
    expect(usageOf(() => objectGroup(objects as Record<string, object>, nVersion({ adjudicator: majority() })))).toMatch(message)
  })

  test('refuses variants and workers, which objects that exist cannot be', () => {
    const objects = { newton, bisection }
    expect(usageOf(() => objectGroup(objects, nVersion({ variants: [ArrayStack], adjudicator: majority() })))).toMatch(
      /Leave the variants out/,
    )
    expect(usageOf(() => objectGroup(objects, nVersion({ isolate: 'worker', adjudicator: majority() })))).toMatch(/isolate/)
  })
})
