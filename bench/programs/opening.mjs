/**
 * What a folder costs that has a past: filling it, opening it, and taking a snapshot of it.
 *
 *     node opening.mjs fill FOLDER PAIRS RESIDENT GROWN   pairs of out and in, pipelined, until so many tuples stay
 *     node opening.mjs open FOLDER                        opens it once
 *     node opening.mjs snapshot FOLDER                    opens it and waits for a snapshot, under a light load
 *     node opening.mjs objects COUNT                      as many objects made in slices, without perdure
 *
 * GROWN is the growth in bytes after which a snapshot is due. Prints one JSON line.
 */
import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { open, space } from 'perdure'

const [mode = '', folder = '', ...numbers] = process.argv.slice(2)
const PIPELINED = 512
const NEVER = Number.MAX_SAFE_INTEGER

/** Watches the event loop; gives the longest time in which nothing else was heard. */
function watchLoop() {
  let last = performance.now()
  let longest = 0
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    next = setImmediate(look)
  }
  let next = setImmediate(look)
  return () => {
    clearImmediate(next)
    return longest
  }
}

/** @param {number} pairs @param {number} resident @param {number} grownBytes */
async function fill(pairs, resident, grownBytes) {
  const site = await open(folder, { sizes: { grownBytes } })
  const jobs = await space(site, 'jobs')
  for (let n = 0; n < pairs; ) {
    const waiting = []
    for (let k = 0; k < PIPELINED && n < pairs; k += 1, n += 1) {
      waiting.push(jobs.out(['job', n, 'cat.png']))
      if (n >= resident) waiting.push(jobs.in(['job', n, String]))
    }
    await Promise.all(waiting)
  }
  await site.close()
  return {}
}

async function openOnce() {
  const stop = watchLoop()
  const started = performance.now()
  const site = await open(folder, { sizes: { grownBytes: NEVER } })
  const ms = performance.now() - started
  const blockMs = stop()
  const { position } = site
  await site.close()
  return { ms, blockMs, position }
}

async function takeSnapshot() {
  const site = await open(folder, { sizes: { grownBytes: 1 } })
  const jobs = await space(site, 'jobs')
  const started = performance.now()
  const stop = watchLoop()
  while (!readdirSync(folder).some((name) => /^snap-\d+-\d+$/.test(name))) {
    await jobs.out(['other', 1])
    await jobs.in(['other', 1])
    await pause(5)
  }
  const ms = performance.now() - started
  const blockMs = stop()
  await site.close()
  return { ms, blockMs }
}

/** What the collector takes for as many objects, whoever makes them. @param {number} count */
async function objects(count) {
  const stop = watchLoop()
  const made = new Map()
  while (made.size < count) {
    const until = performance.now() + 8
    while (performance.now() < until && made.size < count) {
      for (let n = 0; n < 100; n += 1) made.set(made.size, { order: made.size, fields: ['job', made.size, 'cat.png'] })
    }
    await pause(0)
  }
  return { blockMs: stop() }
}

/** @type {Record<string, () => Promise<object>>} */
const MODES = {
  fill: () => fill(Number(numbers[0]), Number(numbers[1]), numbers[2] === undefined ? NEVER : Number(numbers[2])),
  open: openOnce,
  snapshot: takeSnapshot,
  objects: () => objects(Number(folder)),
}

console.log(JSON.stringify(await MODES[mode]?.()))
