/**
 * Owns a folder, or attaches to whoever does and keeps a history of what it asks of a space and what it is answered.
 *
 * A line is written before each operation and another after it, each with one write; what has only the first has an unknown
 * outcome. Times are of the machine's monotonic clock, which all processes share.
 */
import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { open, space } from 'perdure'
import { obey, say } from './orders.mjs'

/** Waiting takes give up after this, so that nobody waits for ever for what nobody puts. */
const WAIT_MS = 15

/** @typedef {'out' | 'in' | 'inp' | 'rd' | 'rdp' | 'count'} Op */

/** Takes about as often as it puts, so that what lies there stays short. */
const OPS = /** @type {const} */ (['out', 'out', 'out', 'in', 'inp', 'inp', 'rd', 'rdp', 'count'])

obey({
  async own({ folder }) {
    const site = await open(folder)
    say('open', { position: site.position })
  },
  async work({ folder, file, name, first, keys, operations, callers }) {
    const site = await open(folder, { attach: true })
    const jobs = await space(site, 'history')
    appendFileSync(file, '')
    const history = openSync(file, 'a')
    let next = first
    let number = 0
    /** @param {Readonly<Record<string, unknown>>} line */
    const write = (line) =>
      writeSync(history, `${JSON.stringify({ process: name, at: process.hrtime.bigint().toString(), ...line })}\n`)
    const caller = async () => {
      while (number < operations) {
        number += 1
        const id = number
        const op = /** @type {Op} */ (OPS[Math.floor(Math.random() * OPS.length)])
        const key = Math.floor(Math.random() * keys)
        const value = op === 'out' ? next * keys + key : key
        if (op === 'out') next += 1
        write({ type: 'invoke', id, op, value })
        const outcome = await ask(jobs, op, key, value).then(
          (output) => ({ type: 'ok', output }),
          (error) => ({ type: error.code === 'PERDURE_E_TIMEOUT' ? 'fail' : 'info', code: error.code }),
        )
        write({ ...outcome, id })
        await pause(Math.random() * 3)
      }
    }
    say('working')
    await Promise.all(Array.from({ length: callers }, caller))
    closeSync(history)
    await site.close()
    say('over')
  },
})
say('ready')

/**
 * @param {import('perdure').Space} jobs
 * @param {Op} op
 * @param {number} key
 * @param {number} value
 * @returns {Promise<number | null>}
 */
async function ask(jobs, op, key, value) {
  if (op === 'out') {
    await jobs.out([key, value])
    return null
  }
  if (op === 'count') return jobs.count([key, Number])
  const waits = op === 'in' || op === 'rd'
  const tuple = await (waits ? jobs[op]([key, Number], { timeoutMs: WAIT_MS }) : jobs[op]([key, Number]))
  return tuple === null ? null : /** @type {number} */ (tuple[1])
}
