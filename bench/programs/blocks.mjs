/**
 * How long a node holds its event loop under load: the longest time for which nothing else was heard.
 *
 *     node blocks.mjs LOAD FOLDER SHARE
 *
 * Prints one JSON line: the longest block in milliseconds, and beside it that of the same number of promises and objects without
 * perdure, which is what the collector alone takes.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { host, open, space, start } from 'perdure'
import { pairs, steps } from './definitions.mjs'

const [load = '', folder = '', share = '1'] = process.argv.slice(2)
const scale = Number(share)
/** Operations issued in one go: what a program does in one go holds the loop too. */
const PIPELINED = 1_000

/** @type {Record<string, () => Promise<void>>} */
const LOADS = {
  async pairs() {
    const site = await open('memory:')
    const jobs = await space(site, 'jobs')
    for (let round = 0; round < 200 * scale; round += 1) {
      const waiting = []
      for (let n = 0; n < PIPELINED; n += 1) waiting.push(jobs.out(['job', n, 'cat.png']), jobs.in(['job', Number, String]))
      await Promise.all(waiting)
    }
    await site.close()
  },
  async callers() {
    const site = await open(join(folder, 'data'))
    const jobs = await space(site, 'jobs')
    const caller = async (/** @type {number} */ who) => {
      for (let n = 0; n < 1_000 * scale; n += 1) {
        await jobs.out([who, n, 'cat.png'])
        await jobs.in([who, Number, String])
      }
    }
    await Promise.all(Array.from({ length: 64 }, (_, who) => caller(who)))
    await site.close()
  },
  async runs() {
    const site = await open(join(folder, 'data'))
    const node = await host(site, 'bench', [steps, pairs])
    const all = shortRuns(site, 'short', 2_000 * scale)
    for (let n = 0; n < 64; n += 1) all.push((await start(site, steps, `long-${n}`, [100])).result())
    all.push((await start(site, pairs, 'pairs', ['jobs', 20_000 * scale])).result())
    await Promise.all(all)
    await node.close()
    await site.close()
  },
  async resident() {
    const site = await open('memory:')
    const jobs = await space(site, 'jobs')
    await fill(jobs, 1_000_000 * scale)
    await site.close()
  },
}

/** @param {import('perdure').Space} jobs @param {number} count */
async function fill(jobs, count) {
  for (let n = 0; n < count; n += PIPELINED) {
    const waiting = []
    for (let i = n; i < Math.min(count, n + PIPELINED); i += 1) waiting.push(jobs.out(['resident', i, 'cat.png']))
    await Promise.all(waiting)
  }
}

/** Code that has not been compiled yet takes several times as long: of no interest after the first second of a program. */
async function warmUp() {
  const site = await open('memory:')
  const jobs = await space(site, 'jobs')
  for (let round = 0; round < 40; round += 1) {
    await fill(jobs, 250)
    await Promise.all(Array.from({ length: 250 }, () => jobs.in(['resident', Number, String])))
  }
  if (load === 'runs') {
    const node = await host(site, 'bench', [steps])
    for (let round = 0; round < 8; round += 1) await Promise.all(shortRuns(site, `warm-${round}`, 250))
    await node.close()
  }
  await site.close()
}

/** Started in one go. @param {import('perdure').Site} site @param {string} prefix @param {number} count */
function shortRuns(site, prefix, count) {
  return Array.from({ length: count }, async (_, n) => (await start(site, steps, `${prefix}-${n}`, [1])).result())
}

/** The same number of promises, settled in a later turn, and of small objects that stay or go. */
async function bare() {
  const kept = new Map()
  for (let round = 0; round < 400 * scale; round += 1) {
    const waiting = []
    for (let n = 0; n < PIPELINED; n += 1) {
      waiting.push(new Promise((resolve) => setImmediate(() => resolve(kept.set(n, ['job', n, 'cat.png'])))))
      kept.delete(n)
    }
    await Promise.all(waiting)
  }
}

/** A timer that is due all the time is late by as much as the loop was held. @param {() => Promise<void>} work */
async function longestBlock(work) {
  await pause(20)
  let longestMs = 0
  let lastMs = performance.now()
  const look = () => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
  }
  const timer = setInterval(look, 1)
  await work()
  clearInterval(timer)
  look()
  return longestMs
}

const work = LOADS[load]
if (work === undefined) throw new Error(`no load ${load}`)
const floorMs = await longestBlock(bare)
await warmUp()
console.log(JSON.stringify({ ms: await longestBlock(work), floorMs }))
process.exit(0)
