/** The processes that are hurt. What they do outside, they do in lines of a file, each written with one call. */
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { resilient } from 'perdure'

/**
 * `count` steps one after the other; each has its effect at once and then takes a while. The one in the middle lasts for as long as there
 * is a file `hold`: so no run is over before what is to happen to it.
 */
export const steps = resilient(
  'steps',
  async (
    p,
    /** @type {string} */ file,
    /** @type {number} */ count,
    /** @type {number} */ stepMs,
    /** @type {string} */ hold = '',
  ) => {
    const middle = Math.ceil(count / 2)
    let sum = 0
    for (let n = 1; n <= count; n += 1) {
      sum += await p.step(`step ${n}`, async ({ idempotencyKey, fence }) => {
        appendFileSync(file, `${JSON.stringify({ key: idempotencyKey, run: p.key, step: n, fence, pid: process.pid })}\n`)
        do await pause(stepMs)
        while (n === middle && hold !== '' && existsSync(hold))
        return n
      })
    }
    return sum
  },
)

/** Sleeps as often as told; how long by the time of the log. */
export const sleeper = resilient('sleeper', async (p, /** @type {number} */ times, /** @type {number} */ ms) => {
  const begun = p.now()
  for (let n = 1; n <= times; n += 1) await p.sleep(ms)
  return p.now() - begun
})

/** Takes more and more memory in a step, until its process is ended for it; meanwhile the other runs of the process go on. */
export const glutton = resilient('glutton', async (p) => {
  await p.step('before', () => 1)
  await p.step('leak', async () => {
    /** @type {unknown[]} */
    const kept = []
    for (;;) {
      kept.push(new Array(500_000).fill(kept.length))
      await pause(5)
    }
  })
})
