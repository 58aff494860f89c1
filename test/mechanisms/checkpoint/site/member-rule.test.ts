/** Protocols that need no service, in groups that grow: as if all members had been there from the beginning. */
import { protocols } from 'perdure/checkpoint'
import { describe, expect, test } from 'vitest'
import { encode } from '../../../../src/log/codec/codec.ts'
import type { GroupProtocol, Mail } from '../../../../src/mechanisms/checkpoint/machine/protocol.ts'
import { type MemberRule, memberRule } from '../../../../src/mechanisms/checkpoint/site/member-rule.ts'
import { seeded } from '../../../log/seeded.ts'

const MEMBERS = 5
const NAMES = ['bcs', 'hmnr', 'fdas', 'bhmr'] as const

const begun = (protocol: GroupProtocol, place: number, places: number): MemberRule =>
  memberRule({ protocol, place, index: -1, rule: null, places })

describe.each(NAMES)('%s', (protocol) => {
  test('forces the same in a group that members join one after the other as in one of fixed size', () => {
    let forced = 0
    for (let seed = 1; seed <= 200; seed++) {
      const random = seeded(seed)
      const draw = (n: number) => Math.floor(random() * n)
      const fixed = protocols[protocol](MEMBERS)
      const growing: MemberRule[] = [begun(protocol, 0, 1)]
      const index = new Array<number>(MEMBERS).fill(0)
      const wire: { readonly to: number; readonly stamp: never; readonly mail: Mail }[] = []
      for (let step = 0; step < 150; step++) {
        const here = growing.length
        const i = draw(here)
        const rule = growing[i]!
        const what = draw(10)
        if (what === 0 && here < MEMBERS) {
          growing.push(begun(protocol, here, here + 1))
          // Some hear of it late: what they are given may know more members than they do.
          for (const other of growing) if (draw(2) === 0) other.grow(here + 1)
        } else if (what === 1) {
          fixed.checkpoint(i)
          rule.take(null)
          index[i]! += 1
        } else if (what < 6) {
          const to = draw(here)
          const stamp = fixed.send(i, to) as never
          wire.push({ to, stamp, mail: [step, i, `m${i}`, index[i]!, new Uint8Array(), rule.stamp(to)] })
        } else if (wire.length > 0) {
          const { to, stamp, mail } = wire.splice(draw(wire.length), 1)[0]!
          const receiver = growing[to]!
          const { force } = fixed.deliver(to, stamp)
          expect(receiver.judge(mail)).toBe(force ? 'save' : 'deliver')
          if (force) {
            receiver.take(mail)
            index[to]! += 1
            forced += 1
          }
          receiver.merge(mail)
        }
      }
    }
    expect(forced).toBeGreaterThan(100)
  })

  test('takes in a message in full that was judged before somebody joined', () => {
    const [a, b] = [begun(protocol, 0, 2), begun(protocol, 1, 2)]
    const mail: Mail = [1, 0, 'a', 0, new Uint8Array(), a.stamp(1)]
    b.judge(mail)
    b.grow(4)
    b.take(mail)
    b.merge(mail)
    const fresh = begun(protocol, 3, 4)
    expect(fresh.judge([2, 1, 'b', 1, new Uint8Array(), b.stamp(3)])).toBe('deliver')
  })

  test('goes on from what was saved with a checkpoint as if it had not been away', () => {
    const random = seeded(3)
    const [a, b] = [begun(protocol, 0, 2), begun(protocol, 1, 2)]
    const mail = (from: number, rule: MemberRule, to: number, index: number): Mail => {
      return [0, from, 'm', index, new Uint8Array(), rule.stamp(to)]
    }
    for (let n = 0; n < 20; n++) {
      const given = mail(0, a, 1, 0)
      if (b.judge(given) === 'save') b.take(given)
      b.merge(given)
      if (random() < 0.5) a.take(null)
    }
    b.take(null)
    const saved = b.saved()
    const again = memberRule({ protocol, place: 1, index: 3, rule: saved, places: 2 })
    expect(again.saved()).toEqual(saved)
    expect(again.stamp(0)).toEqual(b.stamp(0))
  })

  test.each([
    ['no stamp', null],
    ['a text', encode('stamp')],
    ['a list of other things', encode([1, ['x'], new Uint8Array(1), {}])],
    ['vectors of unequal length', encode([1, [1, 2, 3], new Uint8Array(9), new Uint8Array(1)])],
    ['more members than a group may have', encode(new Array(300).fill(0))],
  ])('refuses a message with %s', (_, stamp) => {
    const rule = begun(protocol, 0, 2)
    expect(() => rule.judge([1, 1, 'b', 0, new Uint8Array(), stamp])).toThrow('no stamp of this group')
  })
})

describe('exact', () => {
  const mail = (from: number, index: number): Mail => [1, from, 'm', index, new Uint8Array(), null]

  test('asks only when something was sent in this interval and the message comes from a later interval than those before', () => {
    const rule = begun('exact', 0, 3)
    expect(rule.judge(mail(1, 0))).toBe('deliver')
    rule.merge(mail(1, 0))
    expect(rule.stamp(1)).toBeNull()
    expect(rule.judge(mail(1, 0))).toBe('deliver')
    expect(rule.judge(mail(1, 1))).toBe('ask')
    expect(rule.judge(mail(2, 0))).toBe('ask')
    rule.take(null)
    expect(rule.judge(mail(2, 0))).toBe('deliver')
  })

  test('knows after a rollback from whom it had been given what, and nothing of who has joined since', () => {
    const rule = begun('exact', 0, 2)
    rule.merge(mail(1, 4))
    rule.take(null)
    const again = memberRule({ protocol: 'exact', place: 0, index: 1, rule: rule.saved(), places: 3 })
    again.stamp(1)
    expect(again.judge(mail(1, 4))).toBe('deliver')
    expect(again.judge(mail(1, 5))).toBe('ask')
    expect(again.judge(mail(2, 0))).toBe('ask')
    expect(again.judge(mail(7, 0))).toBe('ask')
  })
})

test.each(['exact', 'bcs', 'hmnr', 'fdas', 'bhmr', 'cut', 'koo-toueg'] as const)(
  '%s delivers what comes from no member, and learns nothing from it',
  (protocol) => {
    const rule = begun(protocol, 0, 2)
    rule.stamp(1)
    const before = rule.saved()
    const outside: Mail = [1, -1, '@outside', 0, new Uint8Array(), null]
    expect(rule.judge(outside)).toBe('deliver')
    rule.merge(outside)
    expect(rule.saved()).toEqual(before)
  },
)
