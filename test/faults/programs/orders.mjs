/** What the programs of this folder share: lines of JSON in from whoever started them, lines of JSON out. */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

const STDOUT = 1

/**
 * Says something in one write, so that it is said even if the process is killed right after.
 *
 * @param {string} event
 * @param {Readonly<Record<string, unknown>>} [data]
 */
export function say(event, data = {}) {
  writeSync(STDOUT, `${JSON.stringify({ event, ...data })}\n`)
}

/**
 * Orders from standard input, by the name of what is to be done; ends the process when whoever gives them is gone.
 *
 * @param {Readonly<Record<string, (order: Record<string, any>) => unknown>>} handlers
 */
export function obey(handlers) {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const order = JSON.parse(line)
    void Promise.resolve(handlers[order.do]?.(order)).catch((error) => {
      say('failed', { what: order.do, code: error.code, message: String(error.message) })
    })
  })
  lines.on('close', () => process.exit(0))
}
