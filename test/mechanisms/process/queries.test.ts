/** Questions about runs: in pages that fit a frame, however many runs there are and however long a journal is. */
import { host, open, resilient, start } from 'perdure'
import { expect, test } from 'vitest'
import { encodeFrame } from '../../../src/log/wire/frames.ts'
import type { Overview, RunPage, ShownOperation, ShownRun } from '../../../src/mechanisms/process/machine/queries.ts'

const nobody = resilient('nobody', async () => 'hosts it')

/** Fits an answer over a socket: throws otherwise. */
function answered<T>(answer: unknown): T {
  encodeFrame(['answer', 1, { value: answer }])
  return answer as T
}

test('runs are listed in the order of their starts, page by page', async () => {
  await using site = await open('memory:')
  const keys = Array.from({ length: 1_234 }, (_, n) => `run-${n}`)
  await Promise.all(keys.map((key) => start(site, nobody, key, [])))
  const listed: string[] = []
  let pages = 0
  for (let after: number | null = 0; after !== null; pages += 1) {
    const page: RunPage = answered(await site.link.main.query('process', 'list', [after]))
    for (const { key, state, reason } of page.runs) {
      expect({ state, reason }).toEqual({ state: 'waiting', reason: 'no host for nobody' })
      listed.push(key)
    }
    after = page.next
  }
  expect(listed).toEqual(keys)
  expect(pages).toBe(3)
  const overview = answered<Overview>(await site.link.main.query('process', 'overview', ['nobody', 'run-7']))
  expect(overview).toMatchObject({ run: { key: 'run-7', state: 'waiting' }, runs: { waiting: 1_234 }, nodes: [] })
})

test('a run is found by its key, or by its definition and key', async () => {
  await using site = await open('memory:')
  const other = resilient('other', async () => 1)
  await start(site, nobody, 'a/b', [])
  await start(site, nobody, 'twice', [])
  await start(site, other, 'twice', [])
  const named = (text: string) => site.link.main.query('process', 'named', [text])
  expect(await named('a/b')).toEqual([{ definition: 'nobody', key: 'a/b' }])
  expect(await named('nobody/a/b')).toEqual([{ definition: 'nobody', key: 'a/b' }])
  expect(await named('other/twice')).toEqual([{ definition: 'other', key: 'twice' }])
  expect(await named('twice')).toHaveLength(2)
  expect(await named('none')).toEqual([])
})

test('a long journal is shown in pages: every operation once, with the preview of its reply', async () => {
  await using site = await open('memory:')
  const count = 3_000
  const long = resilient('long', async (p) => {
    for (let n = 0; n < count; n += 1) await p.step(`step ${n} ${'x'.repeat(60)}`, () => `reply ${n} ${'y'.repeat(200)}`)
    await p.space('jobs').in(['never'])
  })
  await using node = await host(site, 'here', [long])
  expect(node.name).toBe('here')
  await start(site, long, 'k', [])
  const status = async () => (await site.link.main.query('process', 'overview', ['long', 'k'])) as Overview
  while (!String((await status()).run?.reason).includes('waits in space.in')) await site.durable()
  const operations: ShownOperation[] = []
  let pages = 0
  for (let after: number | null = 0; after !== null; pages += 1) {
    const page: ShownRun = answered(await site.link.main.query('process', 'show', ['long', 'k', after]))
    operations.push(...page.operations)
    after = page.next
  }
  expect(pages).toBeGreaterThan(1)
  expect(operations.map(({ number }) => number)).toEqual(Array.from({ length: count + 1 }, (_, n) => n + 1))
  expect(operations[6]).toMatchObject({ kind: 'process.step', state: 'answered', preview: expect.stringContaining('"step 6 ') })
  expect(operations[6]?.reply).toMatch(/^"reply 6 y+…"$/)
  expect(operations.at(-1)).toMatchObject({ kind: 'space.in', state: 'open' })
})
