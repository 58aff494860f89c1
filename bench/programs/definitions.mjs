/**
 * The processes that the benches run. Plain JavaScript, so that a worker process starts without a loader for TypeScript.
 *
 * Boundary: definitions only; workers import this file too.
 */
import { appendFileSync } from 'node:fs'
import { resilient } from 'perdure'

/** `count` trivial steps, one after the other. */
async function trivial(/** @type {import('perdure').RunContext} */ p, /** @type {number} */ count) {
  for (let n = 1; n <= count; n += 1) await p.step('work', () => n)
  return count
}

/** W1, W2, W3. */
export const steps = resilient('steps', trivial)

/** The same, executed by two copies. */
export const stepsOfTwo = resilient('steps-of-two', trivial, { layer: 'replicas', replicas: 2 })

/** Pairs of `out` and `in` with nothing outside: the run itself consumes what it produced. */
export const pairs = resilient('pairs', async (p, /** @type {string} */ name, /** @type {number} */ count) => {
  const jobs = p.space(name)
  for (let n = 0; n < count; n += 1) {
    await jobs.out(['job', n, 'cat.png'])
    await jobs.in(['job', Number, String])
  }
  return count
})

/**
 * Steps of a fixed length that tell when they begin. A line is `number pid milliseconds`.
 *
 * @param {import('perdure').RunContext} p
 * @param {string} file
 * @param {number} count
 * @param {number} stepMs
 */
async function pacedSteps(p, file, count, stepMs) {
  for (let n = 1; n <= count; n += 1) {
    await p.step('pause', async () => {
      appendFileSync(file, `${n} ${process.pid} ${performance.timeOrigin + performance.now()}\n`)
      await new Promise((resolve) => setTimeout(resolve, stepMs))
    })
  }
  return count
}

/** W4. */
export const paced = resilient('paced', pacedSteps)

/** The same, executed by two copies. */
export const pacedByTwo = resilient('paced-by-two', pacedSteps, { layer: 'replicas', replicas: 2 })
