/** Journals that are larger than a frame come to a host in pages, while replies go on arriving. */
import { resilient, start } from 'perdure'
import { space } from 'perdure/space'
import { expect, test } from 'vitest'
import { Journal, journalPage } from '../../../src/mechanisms/process/machine/journal.ts'
import { Stage } from './stage.ts'

test('a run with a journal of several megabytes is re-executed over a pipe, with the replies that come meanwhile', async () => {
  const sums: number[] = []
  const body = resilient('large', async (p) => {
    const box = p.space('box')
    let sum = 0
    for (let i = 0; i < 60; i++) sum += (await box.in(['part', i, String]))[2].length
    for (let i = 0; i < 3_000; i++) void box.out(['small', i])
    const late = [box.in(['late', 0]), box.in(['late', 1]), box.in(['late', 2])]
    sum += await box.count(['small', Number])
    sums.push(sum)
    const seen: unknown[] = []
    await Promise.all(late.map(async (one) => seen.push((await one)[1])))
    return [sum, ...seen]
  })
  const stage = await Stage.open()
  const node = await stage.node('a', [body], { over: 'a pipe' })
  const handle = await stage.settle(start(stage.site, body, 'k', []))
  const box = await space(stage.site, 'box')
  const text = 'x'.repeat(100_000)
  for (let i = 0; i < 60; i++) await stage.settle(box.out(['part', i, text]))
  await stage.clock.idle()
  node.kill()
  let pages = 0
  const { query } = stage.gateway
  stage.gateway.query = (machine, question, args) => {
    if (question === 'journal') {
      pages += 1
      if (pages === 5) for (const n of [2, 0, 1]) void box.out(['late', n])
    }
    return query.call(stage.gateway, machine, question, args)
  }
  await stage.node('b', [body], { over: 'a pipe' })
  expect(await stage.settle(handle.result())).toEqual([6_003_000, 2, 0, 1])
  expect(pages).toBeGreaterThan(20)
  expect(sums).toEqual([6_003_000, 6_003_000])
  expect(await stage.settle(box.count(['small', Number]))).toBe(3_000)
})

test('pages together hold every entry, reply and count of tries once, in order', () => {
  const journal = new Journal({ number: 0, seq: 0, state: null, wallMs: 0, randoms: 0, aborted: false })
  for (let number = 1; number <= 5_000; number++) {
    journal.entries.set(number, { number, kind: 'space.in', digest: number, preview: 'p'.repeat(80) })
    if (number % 2)
      journal.deliveries.push({ seq: number, number, outcome: { value: 'v'.repeat(1_000) }, wallMs: number, position: number })
  }
  journal.retries.set(7, 2)
  const [entries, deliveries, retries]: [number[], number[], unknown[]] = [[], [], []]
  let pages = 0
  for (let next: readonly [number, number] | null = [0, 0]; next !== null; pages++) {
    const page = journalPage(journal, ...next)
    entries.push(...page.entries.map(([number]) => number))
    deliveries.push(...page.deliveries.map(([, number]) => number))
    retries.push(...page.retries)
    next = page.next
  }
  expect(pages).toBeGreaterThan(5)
  expect(entries).toEqual([...journal.entries.keys()])
  expect(deliveries).toEqual(journal.deliveries.map(({ number }) => number))
  expect(retries).toEqual([[7, 2]])
})
