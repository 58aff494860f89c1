/**
 * What the paper says of groups as such: L. E. Buzato, C. M. F. Rubira, M. L. B. Lisboa, "A Reflective Object-Oriented Architecture for
 * Developing Fault-Tolerant Software", Journal of the Brazilian Computer Society 4(2), 1997. Its other sentences are shown where the
 * mechanisms are tested, and by the examples; docs/acceptance.md has them all.
 */
import { activeReplication, adjudicator, dependable, groupOf, majority, nVersion, objectGroup, unanimity } from 'perdure/group'
import { describe, expect, test } from 'vitest'

class Leap {
  isLeap(year: number): boolean {
    return year % 4 === 0
  }
}

class ByRule extends Leap {
  override isLeap(year: number): boolean {
    return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  }
}

class ByCalendar extends Leap {
  override isLeap(year: number): boolean {
    return new Date(Date.UTC(year, 1, 29)).getUTCDate() === 29
  }
}

describe('fault tolerance concepts (section 2)', () => {
  test('software fault tolerance is not achieved by replication: replicas share the design fault', () => {
    const replicas = new (dependable(Leap, nVersion({ variants: [Leap, Leap, Leap], adjudicator: majority() })))()
    expect(replicas.isLeap(1900)).toBe(true)
    expect(groupOf(replicas).counts).toMatchObject({ calls: 1, masked: 0, failed: 0 })
    const active = new (dependable(Leap, activeReplication({ replicas: 3, agree: 2 })))()
    expect(active.isLeap(1900)).toBe(true)
  })

  test('it is where design diversity has been built in: variants, a control framework, an adjudicator', () => {
    const diverse = new (dependable(Leap, nVersion({ variants: [Leap, ByRule, ByCalendar], adjudicator: majority() })))()
    expect(diverse.isLeap(1900)).toBe(false)
    expect(groupOf(diverse).counts).toMatchObject({ calls: 1, masked: 1, failed: 0 })
  })
})

describe('the architecture (section 4)', () => {
  test('the same class is made fault-tolerant selectively: other objects of it are as they were', () => {
    const Safe = dependable(Leap, nVersion({ variants: [Leap, ByRule, ByCalendar], adjudicator: majority() }))
    expect([new Safe().isLeap(1900), new Leap().isLeap(1900)]).toEqual([false, true])
  })

  test('other voting strategies are other adjudicators: simple majority, unanimity, one of the programmer', () => {
    const never = adjudicator({ name: 'never', judge: () => false })
    const [byMajority, byUnanimity, byHand] = [majority(), unanimity(), never].map(
      (judge) => new (dependable(Leap, nVersion({ variants: [Leap, ByRule, ByCalendar], adjudicator: judge })))(),
    )
    expect(byMajority?.isLeap(1900)).toBe(false)
    expect(() => byUnanimity?.isLeap(1900)).toThrow(expect.objectContaining({ code: 'PERDURE_E_DISAGREEMENT' }))
    expect(byHand?.isLeap(2000)).toBe(false)
  })

  test('groups of variants, of replicas and of one are combined', () => {
    const one = new (dependable(Leap, nVersion({ variants: [ByRule], adjudicator: majority() })))()
    const replicas = new (dependable(ByCalendar, activeReplication({ replicas: 2 })))()
    const combined = objectGroup({ plain: new Leap(), one, replicas }, nVersion({ adjudicator: majority(), stateless: true }))
    expect(combined.isLeap(1900)).toBe(false)
  })
})
