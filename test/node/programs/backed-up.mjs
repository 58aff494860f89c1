/**
 * A site under load that takes snapshots and makes a backup meanwhile, as it is built: with a thread beside it.
 *
 *     node backed-up.mjs FOLDER BACKUP
 *
 * Prints one JSON object: what was acknowledged before the backup was asked for, and what was heard.
 */
import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { open, space } from 'perdure'

/** So many jobs at full speed after each snapshot; then slowly, so that what is to be copied does not grow with how slow the thread is. */
const SPURT = 1_000

const [folder = '', target = ''] = process.argv.slice(2)
/** @type {string[]} */
const warnings = []
/** @param {import('perdure/log').HostEvent} event */
const hear = (event) => void (event.event === 'warning' && warnings.push(event.text))
const sizes = { segmentBytes: 64 * 1024, grownBytes: 64 * 1024 }
const site = await open(folder, { sizes, hear })
const jobs = await space(site, 'jobs')

let acknowledged = 0
let done = false
const snapshots = new Set()

async function load() {
  let slowFrom = SPURT
  while (!done) {
    const n = acknowledged + 1
    if (n > slowFrom) await pause(5)
    const before = snapshots.size
    await jobs.out(['job', n, 'x'.repeat(100)])
    acknowledged = n
    if (n % 50 === 0) await Promise.all(Array.from({ length: 50 }, (_, at) => jobs.out(['crowd', n, at])))
    for (const name of readdirSync(folder)) if (/^snap-\d+-\d+$/.test(name)) snapshots.add(name)
    if (snapshots.size > before) slowFrom = n + SPURT
  }
}

const loading = load()
// Two are kept; a third means that the log was trimmed.
while (snapshots.size < 3) await pause(5)
const before = acknowledged
/** @type {[number, number][]} */
const progress = []
await site.backup(target, { progress: (copied, total) => progress.push([copied, total]) })
const after = acknowledged
const duringBackup = after - before
done = true
await loading
const first = readdirSync(folder)
  .filter((name) => name.endsWith('.seg'))
  .sort()[0]
await site.close()
console.log(JSON.stringify({ before, acknowledged, duringBackup, progress, warnings, snapshots: snapshots.size, first }))
