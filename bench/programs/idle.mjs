/**
 * A node that has nothing to do: how much memory and processor time that costs.
 *
 *     node idle.mjs FOLDER MILLISECONDS     (FOLDER `none`: a bare Node process, the floor)
 *
 * Prints one JSON line: resident megabytes, and the share of one core used while idle, in percent.
 */
import { setTimeout as pause } from 'node:timers/promises'

/** Until what starting has left over is done. */
const SETTLE_MS = 500

const [folder, idleMs] = process.argv.slice(2)
let site
if (folder !== 'none') {
  const { host, open } = await import('perdure')
  const { steps } = await import('./definitions.mjs')
  site = await open(String(folder))
  await host(site, 'idle', [steps])
}
await pause(SETTLE_MS)
const before = process.cpuUsage()
await pause(Number(idleMs))
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ mb: process.memoryUsage().rss / 2 ** 20, percent: (user + system) / 10 / Number(idleMs) }))
await site?.close()
process.exit(0)
