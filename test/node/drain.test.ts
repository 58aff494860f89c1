/** Nodes of real worker processes are drained, migrated from and stopped under load: no step is executed twice. */
import { expect, test } from 'vitest'
import { Workshop } from './cli-driver.ts'

const DEFINITIONS = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { resilient } from 'perdure'

/**
 * Each step takes a while, and says so before it begins: what is executed twice is there twice. No run is over before it may be, so
 * that what is to happen under load does: with ms it waits before its last step, without in each.
 */
export const busy = resilient('busy', async (p, steps, ms) => {
  for (let n = 1; n <= steps; n += 1) {
    if (n === steps && ms !== null) await p.space('box').rd(['may end'])
    await p.step('step ' + n, async ({ idempotencyKey }) => {
      appendFileSync('effects', idempotencyKey + ' ' + process.pid + '\\n')
      if (ms === null) while (!existsSync('may-end')) await setTimeout(5)
      else await setTimeout(ms)
    })
  }
  return steps
})
`

/** Runs RUNS times STEPS steps on a and b, two workers each, and does something meanwhile. */
const program = (meanwhile: string, runs: number, steps: number, ms: number | null) => `
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { host, open, space, start } from 'perdure'
import { busy } from './definitions.mjs'

const site = await open('./perdure-data')
// Patient: what a close cuts off is executed again, and a machine may stand still for some of the seconds that it waits otherwise.
const a = await host(site, 'a', [busy], { workers: 2, drainMs: 60_000 })
const b = await host(site, 'b', [busy], { workers: 2, drainMs: 60_000 })
const handles = []
for (let n = 0; n < ${runs}; n += 1) handles.push(await start(site, busy, 'run ' + n, [${steps}, ${ms}]))
const nodesUsed = async () => {
  const states = await Promise.all(handles.map((handle) => handle.status()))
  return [...new Set(states.flatMap(({ node }) => (node === undefined ? [] : [node])))].sort()
}
const said = {}
${meanwhile}
writeFileSync('may-end', '')
await (await space(site, 'box')).out(['may end'])
said.results = [...new Set(await Promise.all(handles.map((handle) => handle.result())))]
console.log(JSON.stringify(said))
await site.close()
`

async function executed(meanwhile: string, runs = 24, steps = 12, ms: number | null = 15) {
  await using shop = new Workshop()
  shop.write('definitions.mjs', DEFINITIONS)
  const { code, lines, stderr } = await shop.node(shop.write('main.mjs', program(meanwhile, runs, steps, ms)))
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const keys = shop.effects().map((line) => line.split(' ')[0])
  const said = lines.at(-1) ?? {}
  return { said, keys, steps: new Set(keys).size }
}

test('drain under load: every run handed over, 0 steps repeated, nothing left on the node', async () => {
  const { said, keys, steps } = await executed(`
    await setTimeout(100)
    said.drained = await a.drain()
    said.after = await nodesUsed()
  `)
  expect(said).toMatchObject({ drained: { cutOff: 0 }, results: [12] })
  const { runs, handedOver } = said.drained as { runs: number; handedOver: number }
  expect(runs).toBeGreaterThanOrEqual(10)
  expect(handedOver).toBe(runs)
  for (const node of said.after as string[]) expect(node).toMatch(/^b\//)
  expect(steps).toBe(24 * 12)
  expect(keys).toHaveLength(steps)
})

test('closing a host hands over too: 0 steps repeated', async () => {
  const { said, keys, steps } = await executed(`
    await setTimeout(100)
    await a.close()
    said.after = await nodesUsed()
  `)
  expect(said).toMatchObject({ results: [12] })
  for (const node of said.after as string[]) expect(node).toMatch(/^b\//)
  expect(steps).toBe(24 * 12)
  expect(keys).toHaveLength(steps)
})

test('migrating every run back and forth under load: 0 steps repeated', async () => {
  const { said, keys, steps } = await executed(`
    said.moves = 0
    for (let round = 0; round < 4; round += 1) {
      await setTimeout(30)
      const moved = await Promise.all(handles.map((handle, n) => handle.migrate((n + round) % 2 ? 'a' : 'b')))
      said.moves += moved.filter((node) => node !== null).length
    }
  `)
  expect(said).toMatchObject({ results: [12] })
  expect(said.moves).toBeGreaterThan(24)
  expect(steps).toBe(24 * 12)
  expect(keys).toHaveLength(steps)
})

test('a step longer than drainMs is cut off and executed again elsewhere, under the same key', async () => {
  const { said, keys, steps } = await executed(
    `
    const begun = () => { try { return readFileSync('effects', 'utf8').split('\\n').length - 1 } catch { return 0 } }
    while (begun() < 4) await setTimeout(5)
    said.drained = await a.drain({ drainMs: 100 })
  `,
    4,
    1,
    null,
  )
  expect(said).toMatchObject({ drained: { runs: 2, handedOver: 0, cutOff: 2 }, results: [1] })
  expect(steps).toBe(4)
  expect(keys).toHaveLength(6)
})
