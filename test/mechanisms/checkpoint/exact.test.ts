import { describe, expect, test } from 'vitest'
import { type ExactState, skips } from '../../../src/mechanisms/checkpoint/exact.ts'
import { protocols } from '../../../src/mechanisms/checkpoint/protocols.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { type Sent, useless } from './judge.ts'

interface Verdict {
  readonly force: boolean
  readonly asked: boolean
  /** The delivery without a checkpoint would make one useless, by brute force. */
  readonly rewinds: boolean
  readonly sentBefore: boolean
  /** Something of the same sender's interval, or of a later one, came before. */
  readonly redundant: boolean
}

/** Random traffic under `exact`; beside every delivery what an omniscient judge says of it. */
function deliveries(seed: number, steps: number): Verdict[] {
  const random = new SeededRandom(seed)
  const n = random.between(2, 5)
  const p = protocols.exact(n)
  const last = new Array<number>(n).fill(0)
  const sentSince = new Array<boolean>(n).fill(false)
  const messages: Sent[] = []
  const wire: { message: Sent; stamp: ReturnType<typeof p.send> }[] = []
  const verdicts: Verdict[] = []
  const save = (k: number) => {
    last[k]!++
    sentSince[k] = false
  }
  for (let step = 0; step < steps; step++) {
    const die = random.next()
    if (die < 0.4) {
      const from = random.below(n)
      const message: Sent = { from, x: last[from]!, to: random.below(n), y: undefined, past: [] }
      wire.push({ message, stamp: p.send(from) })
      sentSince[from] = true
    } else if (die < 0.85 && wire.length > 0) {
      const [{ message, stamp }] = wire.splice(random.below(wire.length), 1) as [(typeof wire)[number]]
      const { from, to, x } = message
      const pasts = last.map((index) => new Array<number[]>(index + 2).fill([]))
      const rewinds = useless({ members: n, messages: [...messages, { ...message, y: last[to]! }], pasts }).length > 0
      const redundant = messages.some((m) => m.from === from && m.to === to && m.x >= x)
      const sentBefore = sentSince[to]!
      const before = p.questions
      const { force } = p.deliver(to, stamp)
      verdicts.push({ force, asked: p.questions > before, rewinds, sentBefore, redundant })
      if (force) save(to)
      messages.push({ ...message, y: last[to]! })
    } else if (die > 0.92) {
      const k = random.below(n)
      p.checkpoint(k)
      save(k)
    }
  }
  return verdicts
}

const VERDICTS = Array.from({ length: 60 }, (_, seed) => deliveries(seed, 250)).flat()

describe('exact', () => {
  test('forces if and only if the delivery would close a rewinding path, as an omniscient judge has it', () => {
    expect(VERDICTS.filter(({ force, rewinds }) => force !== rewinds)).toEqual([])
    expect(VERDICTS.filter(({ force }) => force).length).toBeGreaterThan(300)
    expect(VERDICTS.filter(({ force }) => !force).length).toBeGreaterThan(3000)
  })

  test('asks if and only if something was sent in this interval and the message brings a new dependency', () => {
    expect(VERDICTS.filter(({ asked, sentBefore, redundant }) => asked !== (sentBefore && !redundant))).toEqual([])
  })

  test('skip rule 1: where nothing was sent in this interval no delivery closes a rewinding path', () => {
    const silent = VERDICTS.filter(({ sentBefore }) => !sentBefore)
    expect(silent.length).toBeGreaterThan(1000)
    expect(silent.filter(({ rewinds }) => rewinds)).toEqual([])
  })

  test('skip rule 2: a message of an interval that is known already closes no rewinding path', () => {
    const known = VERDICTS.filter(({ redundant, sentBefore }) => redundant && sentBefore)
    expect(known.length).toBeGreaterThan(500)
    expect(known.filter(({ rewinds }) => rewinds)).toEqual([])
  })

  test('most questions are answered no: only a question is worth a round trip, not a checkpoint', () => {
    const asked = VERDICTS.filter(({ asked }) => asked)
    expect(asked.filter(({ force }) => force).length).toBeLessThan(asked.length / 2)
  })

  test('a member knows by itself when it need not ask', () => {
    const state: ExactState = { i: 0, y: 3, sent: true, received: [-1, 4] }
    expect(skips(state, { from: 1, epoch: 0, index: 5 })).toBe(false)
    expect(skips(state, { from: 1, epoch: 0, index: 4 })).toBe(true)
    expect(skips({ ...state, sent: false }, { from: 1, epoch: 0, index: 5 })).toBe(true)
  })

  test('a checkpoint of the member itself is never refused and forces nobody', () => {
    const p = protocols.exact(2)
    for (let count = 0; count < 10; count++) p.checkpoint(count % 2)
    expect(p.questions).toBe(0)
    expect(p.recover([0, 1])).toEqual([5, 5])
  })

  test('the token is epoch and index beside the sender, and nothing else', () => {
    const p = protocols.exact(2)
    expect(p.send(0)).toEqual({ from: 0, epoch: 0, index: 0 })
    p.checkpoint(0)
    p.checkpoint(1)
    p.recover([1])
    expect(p.send(0)).toEqual({ from: 0, epoch: 1, index: 1 })
  })

  test('asks again for an interval that a recovery has undone, although its index was known', () => {
    const p = protocols.exact(3)
    const [a, b, c] = [0, 1, 2] as const
    p.deliver(a, p.send(c))
    p.checkpoint(a)
    p.deliver(b, p.send(a))
    expect(p.recover([b, c])).toEqual([0, 0, 0])
    p.deliver(a, p.send(b))
    p.checkpoint(a)
    expect(p.deliver(b, p.send(a)).force).toBe(true)
  })

  test('knows that a slow message is old, where bare takes it for a new one and forces in vain', () => {
    const forced = (['exact', 'bare'] as const).map((name) => {
      const p = protocols[name](2)
      const slow = p.send(0)
      p.deliver(0, p.send(1))
      p.checkpoint(0)
      return p.deliver(1, slow).force
    })
    expect(forced).toEqual([false, true])
  })
})
