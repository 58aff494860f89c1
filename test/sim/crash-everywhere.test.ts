/**
 * One program that uses everything a run has, killed at every event of its run: worker, owner and power, one after the other.
 *
 * `PERDURE_CRASH_EVERY=1` tries all events, as the longer checks do; the default tries enough of them to notice.
 */
import { active, gt, PerdureError, resilient, space } from 'perdure'
import { crashEverywhere, type Scenario, type StrikeKind } from 'perdure/testing'
import { describe, expect, test } from 'vitest'

const EVERY = Number(process.env.PERDURE_CRASH_EVERY ?? 53)

const KINDS: readonly StrikeKind[] = ['worker crash', 'owner crash', 'power loss']

/** Steps, sleeps, races, checkpoints, child runs, space operations, eval. */
const everything: Scenario = async (world) => {
  const square = resilient('square', async (p, n: number) => {
    await p.sleep(5)
    return p.step('square', (info) => world.effect(info, `square ${n}`) ?? n * n)
  })
  const refuse = resilient('refuse', async (p, n: number): Promise<number> => {
    await p.sleep(1)
    throw new RangeError(`not ${n}`)
  })
  const all = resilient('all', async (p, name: string) => {
    const box = p.space('box')
    let kept = (p.restored ?? []) as readonly unknown[]
    if (kept.length === 0) {
      const first = await p.step('first', (info) => world.effect(info, `first of ${name}`) ?? name.length)
      for (let n = 0; n < 5; n++) await box.out(['item', n])
      const [taken, read, none] = await Promise.all([box.in(['item', gt(2)]), box.rd(['item', Number]), box.inp(['none'])])
      const won = await p.race({ late: p.sleep(60_000), tuple: box.in(['item', Number]), never: box.in(['never']) })
      const slept = await p.race({ late: p.sleep(7), never: box.in(['never']) })
      const timedOut = await box.in(['never'], { timeoutMs: 3 }).catch((error: PerdureError) => error.code)
      kept = [first, taken, read, none, won.key, slept.key, timedOut]
      await p.checkpoint(kept)
    }
    if (kept.length === 7) {
      const child = await p.start(square, `${name}-child`, [12])
      await box.eval(['squares', active(square, [3]), active(square, [4])])
      await box.eval(['refused', active(square, [5]), active(refuse, [6])])
      const [, three, four] = await box.in(['squares', Number, Number])
      const [, five, error] = await box.in(['refused', Number, Object])
      const failing = await p
        .step('fails', () => Promise.reject(new Error('no')), { retry: { attempts: 2, delayMs: 1 } })
        .catch((thrown: Error) => thrown.message)
      kept = [...kept, await child.result(), three, four, five, (error as { code?: string }).code, failing]
      await p.checkpoint(kept)
    }
    return [...kept, await box.count(['item', Number]), p.random() < 1]
  })
  world.host([all, square, refuse])
  await world.start(all, 'k', ['name'])
  const result = await world.result(all, 'k')
  const items = await world.insist(async (site) => (await space(site, 'box')).count(['item', Number]))
  return [result, items]
}

/** The tuple of an `eval`, and nothing but it. */
const onePassive: Scenario = async (world) => {
  const half = resilient('half', async (p, n: number) => {
    if (n % 2 === 1) throw new PerdureError('PERDURE_E_USAGE', `${n} is odd`)
    await p.sleep(n)
    return p.step('halve', (info) => world.effect(info, `half of ${n}`) ?? n / 2)
  })
  const starter = resilient('starter', async (p) => {
    await p.space('halves').eval(['halves', active(half, [4]), active(half, [5]), active(half, [6])])
  })
  world.host([half, starter])
  await world.start(starter, 's', [])
  return world.insist(async (site) => {
    const halves = await space(site, 'halves')
    const tuple = await halves.rd(['halves', Number, Object, Number])
    const count = await halves.count(['halves', Number, Object, Number])
    world.check(count === 1, `${count} tuples came of one eval`)
    return tuple.map((field) => (field as { code?: string }).code ?? field)
  })
}

describe('killed at any event', () => {
  test.each(KINDS)(
    'a program of steps, sleeps, races, checkpoints, children, tuples and evals has the same result: %s',
    async (kind) => {
      const { events, crashes } = await crashEverywhere({ kinds: [kind], every: EVERY }, everything)
      expect(events).toBeGreaterThan(250)
      expect(crashes).toBe(Math.ceil(events / EVERY))
    },
  )

  test.each(KINDS)(
    'an eval of several active fields, one of which fails, becomes exactly one passive tuple: %s',
    async (kind) => {
      const { events, crashes } = await crashEverywhere({ kinds: [kind], every: Math.ceil(EVERY / 4) }, onePassive)
      expect(events).toBeGreaterThan(100)
      expect(crashes).toBe(Math.ceil(events / Math.ceil(EVERY / 4)))
    },
  )
})
