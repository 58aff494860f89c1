/** Worker processes are killed at random while active tuples are computed: each becomes exactly one passive tuple. */
import { expect, test } from 'vitest'
import { amount, LONG_TEST_MS, report } from '../faults/amount.ts'
import { Workshop } from './cli-driver.ts'

const DEFINITIONS = `
import { setTimeout } from 'node:timers/promises'
import { resilient } from 'perdure'

export const square = resilient('square', async (p, n) => {
  const half = await p.step('half', async () => { await setTimeout(20); return n / 2 })
  await p.sleep(2)
  return await p.step('square', async () => { await setTimeout(20); return half * half * 4 })
})
`

/** So few for three workers that none of them is given up because it always dies young. */
const MOST_KILLS = 30

const program = (tuples: number) => `
import { host, open, space } from 'perdure'
import { active } from 'perdure/process'
import { square } from './definitions.mjs'

const workers = new Map()
let kills = 0
const site = await open('./perdure-data', {
  hear(event) {
    if (event.event === 'node') workers.set(event.name, event.pid)
    if (event.event === 'exit') workers.delete(event.name)
  },
})
const node = await host(site, 'a', [square], { workers: 3, capacity: 8, restartPauseMs: 1 })
const box = await space(site, 'box')
// The one that has lived longest, and after so much was done: so that each gets somewhere before its end, on any machine.
const killNow = () => {
  const [[name, pid] = []] = workers
  if (pid === undefined || kills >= ${MOST_KILLS} || Math.random() > 1 / 60) return
  kills += 1
  workers.delete(name)
  process.kill(pid, 'SIGKILL')
}
const wrong = []
let taken = 0
// However fast the machine is, some are killed meanwhile.
while (taken < ${tuples} || kills < 3) {
  const last = taken + 100
  for (let n = taken; n < last; n += 1) void box.eval(['square', n, active(square, [n])])
  for (; taken < last; taken += 1) {
    const [, , squared] = await box.in(['square', taken, Number])
    if (squared !== taken * taken) wrong.push([taken, squared])
    killNow()
  }
}
console.log(JSON.stringify({ taken, wrong, left: await box.count(['square', Number, Number]), kills }))
await site.close()
`

test(
  'kill -9 of workers at random: one tuple for each eval, none twice, none with another value',
  async () => {
    await using shop = new Workshop()
    shop.write('definitions.mjs', DEFINITIONS)
    const tuples = amount(500, 6_000)
    const { code, lines, stderr } = await shop.node(shop.write('main.mjs', program(tuples)))
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.at(-1)).toMatchObject({ wrong: [], left: 0 })
    const { taken, kills } = lines.at(-1) as { taken: number; kills: number }
    expect(taken).toBeGreaterThanOrEqual(tuples)
    expect(kills).toBeGreaterThan(2)
    report('eval', { tuples: taken, kills })
  },
  LONG_TEST_MS,
)
