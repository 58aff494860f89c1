/** The log as people read it: page by page, from anywhere, and never what is not durable. */
import { open, type Site, space } from 'perdure'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HistoryPage, ListedEntry } from '../../src/log/history.ts'

let site: Site
let all: readonly ListedEntry[]

function ask(question: string, ...args: readonly unknown[]): Promise<HistoryPage> {
  return site.link.main.query('log', question, args) as Promise<HistoryPage>
}

/** Everything from a position on, in pages. */
async function pages(from: number, limit: number): Promise<readonly ListedEntry[]> {
  const entries: ListedEntry[] = []
  for (let page = await ask('entries', from, limit); ; page = await ask('entries', page.next.position, limit, page.next.index)) {
    expect(page.entries.length).toBeLessThanOrEqual(limit)
    entries.push(...page.entries)
    if (page.atEnd) return entries
  }
}

beforeAll(async () => {
  site = await open('memory:')
  const jobs = await space(site, 'jobs')
  // Records of one operation and records of many, far more than are read one after the other.
  for (let n = 0; n < 200; n += 1) {
    if (n % 10 === 0) await Promise.all(Array.from({ length: 7 }, (_, i) => jobs.out(['crowd', n, i])))
    else await jobs.out(['single', n])
  }
  all = (await ask('last', 1_000)).entries
})
afterAll(() => site.close())

describe('entries', () => {
  test('have rising positions, the name of their operation and a preview of its arguments', () => {
    const positions = all.map(({ position }) => position)
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
    const outs = all.filter(({ operation }) => operation === 'space.out')
    expect(outs).toHaveLength(20 * 7 + 180)
    expect(outs[0]).toMatchObject({ caller: { kind: 'session' }, preview: '["jobs", ["crowd", 0, 0]]' })
    expect(outs.at(-1)?.preview).toBe('["jobs", ["single", 199]]')
    expect(all[0]?.operation).toBe('site.opened')
  })

  test('come whole, whatever the size of the pages', async () => {
    for (const limit of [1, 3, 7, 50, 1_000]) expect(await pages(1, limit)).toEqual(all)
  })

  test('are found from any position, also from one that is no entry', async () => {
    const end = all.at(-1)!.position
    for (let from = 1; from <= end + 1; from += 1) {
      const { entries } = await ask('entries', from, 3)
      const start = all.findIndex(({ position }) => position >= from)
      expect(entries, `from ${from}`).toEqual(start < 0 ? [] : all.slice(start, start + 3))
    }
  })

  test('the last ones are the newest, in order', async () => {
    for (const limit of [1, 5, 20]) expect((await ask('last', limit)).entries).toEqual(all.slice(-limit))
  })

  test('that are to come are waited for', async () => {
    const { next } = await ask('last', 1)
    const added = ask('added', next.position, 10, next.index)
    const early = await Promise.race([added, site.durable().then(() => 'nothing yet')])
    expect(early).toBe('nothing yet')
    await (await space(site, 'jobs')).out(['late'])
    const page = await added
    expect(page.entries).toMatchObject([{ operation: 'space.out', preview: '["jobs", ["late"]]' }])
    expect(page.atEnd).toBe(true)
  })
})

test('a question that nobody knows is refused', async () => {
  for (const args of [['entries'], ['entries', 0, 5], ['entries', 1, 'x'], ['last', -1], ['sizes', 1]]) {
    const [question, ...rest] = args
    await expect(ask(String(question), ...rest)).rejects.toMatchObject({ code: 'PERDURE_E_PROTOCOL' })
  }
})
