import { describe, expect, test } from 'vitest'
import { RollbackGraph } from '../../../src/mechanisms/checkpoint/rollback-graph.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { greatestLine, type Sent, zigzag } from './judge.ts'

/** The same answers by the definitions, from a list of all messages. */
class NaiveGraph {
  readonly messages: Sent[] = []
  readonly last: number[]
  constructor(members: number) {
    this.last = new Array<number>(members).fill(0)
  }
  rewinds(from: number, x: number, to: number, y: number): boolean {
    const messages = [...this.messages, { from, x, to, y, past: [] }]
    return this.last.some((last, k) => {
      for (let a = 1; a <= last; a++) if ((zigzag(messages, k, a).get(k) ?? Number.POSITIVE_INFINITY) < a) return true
      return false
    })
  }
  line(failed: readonly number[], stable: readonly number[] = this.last): (number | 'current')[] {
    const line = greatestLine(
      this.messages,
      this.last.map((last, k) => (failed.includes(k) ? Math.min(last, stable[k]!) : last + 1)),
    )
    // Whoever goes back can go back to what is stable only.
    const volatile = line.findIndex((to, k) => to <= this.last[k]! && to > stable[k]!)
    if (volatile >= 0) return this.line([...failed, volatile], stable)
    return line.map((to, k) => (to > this.last[k]! ? 'current' : to))
  }
}

describe('the rollback graph', () => {
  test('answers as the definitions do, whether it has been trimmed or not', () => {
    const seen = { rewinding: 0, not: 0, lines: 0, trimmed: 0 }
    for (let seed = 1; seed <= 80; seed++) {
      const random = new SeededRandom(seed)
      const n = random.between(1, 5)
      const graph = new RollbackGraph(n)
      const naive = new NaiveGraph(n)
      for (let step = 0; step < 60; step++) {
        const [i, j] = [random.below(n), random.below(n)]
        const x = random.between(Math.max(0, naive.last[i]! - 3), naive.last[i]!)
        const y = naive.last[j]!
        const die = random.next()
        if (die < 0.25) {
          graph.open(i)
          naive.last[i]!++
        } else if (die < 0.75) {
          const rewinds = naive.rewinds(i, x, j, y)
          expect(graph.rewinds(i, x, j, y)).toBe(rewinds)
          seen[rewinds ? 'rewinding' : 'not']++
          if (rewinds) continue
          graph.add(i, x, j, y)
          naive.messages.push({ from: i, x, to: j, y, past: [] })
        } else if (die < 0.9) {
          const failed = naive.last.map((_, k) => k).filter(() => random.chance(0.4))
          expect(graph.line(failed)).toEqual(naive.line(failed))
          seen.lines++
        } else {
          const before = graph.live
          graph.trim()
          if (graph.live < before) seen.trimmed++
        }
      }
    }
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(50)
  })

  test('a line uses stable checkpoints only', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const n = random.between(2, 5)
      const graph = new RollbackGraph(n)
      const naive = new NaiveGraph(n)
      for (let step = 0; step < 40; step++) {
        const [i, j] = [random.below(n), random.below(n)]
        if (random.chance(0.3)) {
          graph.open(i)
          naive.last[i]!++
        } else {
          graph.add(i, naive.last[i]!, j, naive.last[j]!)
          naive.messages.push({ from: i, x: naive.last[i]!, to: j, y: naive.last[j]!, past: [] })
        }
      }
      const stable = naive.last.map((last) => Math.max(0, last - random.below(3)))
      const failed = naive.last.map((_, k) => k).filter(() => random.chance(0.5))
      expect(graph.line(failed, stable)).toEqual(naive.line(failed, stable))
    }
  })

  test('nobody has to go back if nobody has failed', () => {
    const graph = new RollbackGraph(3)
    graph.add(0, 0, 1, 0)
    expect(graph.line([])).toEqual(['current', 'current', 'current'])
  })

  test('who received what is undone goes back, who only sent to a failed member goes on', () => {
    const graph = new RollbackGraph(3)
    graph.add(0, 0, 1, 0)
    graph.add(2, 0, 0, 0)
    expect(graph.line([0])).toEqual([0, 0, 'current'])
  })

  test('intervals below the line of all are forgotten', () => {
    const graph = new RollbackGraph(2)
    for (let x = 0; x < 100; x++) {
      graph.add(0, x, 1, x)
      graph.open(0)
      graph.open(1)
    }
    expect(graph.floor()).toEqual([100, 100])
    graph.trim()
    expect([graph.live, graph.oldest(0), graph.latest(0)]).toEqual([2, 100, 100])
  })

  test('one member that never saves keeps the others from being forgotten', () => {
    const graph = new RollbackGraph(2)
    for (let x = 0; x < 100; x++) {
      graph.add(0, 0, 1, x)
      graph.open(1)
    }
    graph.trim()
    expect(graph.oldest(1)).toBe(0)
  })

  test('members that join later are as those that were there from the beginning', () => {
    const before = new RollbackGraph(6)
    const joined = new RollbackGraph(0)
    const random = new SeededRandom(7)
    for (let k = 0; k < 6; k++) {
      expect(joined.join()).toBe(k)
      for (let step = 0; step < 20; step++) {
        const [i, j] = [random.below(k + 1), random.below(k + 1)]
        const open = random.chance(0.3)
        for (const graph of [before, joined]) {
          if (open) graph.open(i)
          else graph.add(i, graph.latest(i), j, graph.latest(j))
        }
        expect(joined.line([i])).toEqual(before.line([i]).slice(0, k + 1))
      }
    }
  })

  test('a member leaves when nothing of it can be undone, and the next one gets its number', () => {
    const graph = new RollbackGraph(2)
    graph.add(0, 0, 1, 0)
    expect(() => graph.leave(0)).toThrow('can be undone')
    graph.open(0)
    graph.open(1)
    graph.trim()
    graph.leave(0)
    expect(graph.join()).toBe(0)
    expect([graph.latest(0), graph.latest(1), graph.join()]).toEqual([0, 1, 2])
  })
})
