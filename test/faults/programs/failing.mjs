/**
 * A script of 200 operations in a folder, in which one call of the system fails; then the folder is opened again and everything in
 * it is said. `{ do: 'case', folder, number, code, sizes }`; call number 0 lets none fail.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { host, open, resilient, run, space, start } from 'perdure'
import { callsMade, failCall, namesIn, watchCalls } from './failing-calls.mjs'
import { obey, say } from './orders.mjs'

/** Nothing in the script takes a tenth of this on a slow machine; what takes longer hangs. */
const HANGS_MS = 60_000

/** Above what fits an operation, so that it goes to a blob. */
const LARGE = 200_000

/** A snapshot of the script's site is taken within a small fraction of this. */
const SNAPSHOT_MS = 60_000

const OPERATIONS = 200
const TOGETHER = 8

watchCalls(/** @type {string} */ (process.argv[2]))

/** Its second step has a result that does not fit the log. */
const steps = resilient('steps', async (p) => {
  const small = await p.step('small', () => 1)
  const large = await p.step('large', () => new Uint8Array(LARGE).fill(7))
  return small + large.length
})

obey({
  async case({ folder, number, code, sizes }) {
    failCall(number, code)
    const script = new Script()
    await script.play(folder, sizes)
    const { calls, failed } = callsMade()
    failCall(0, 'EIO')
    const snapshots = snapshotsIn(folder)
    const after = await reopened(folder, script.started)
    say('case', { folder, number, calls, failed, asked: script.asked, errors: [...script.errors], snapshots, ...after })
  },
})
say('ready')

class Script {
  /** @type {{ kind: string, id: string, answer?: string | null }[]} */
  asked = []
  /** What was rejected, by code. */
  errors = new Set()
  /** The start of the run was acknowledged. */
  started = false
  hung = ''

  /**
   * @param {string} folder
   * @param {{ segmentBytes: number, grownBytes: number } | undefined} sizes
   */
  async play(folder, sizes) {
    /** @type {import('perdure').Site | undefined} */
    let site
    try {
      const opened = await inTime('open', open(folder, sizes ? { sizes } : {}))
      site = opened
      const jobs = await space(opened, 'jobs')
      const working = this.work(opened)
      for (let first = 0; first < OPERATIONS; first += TOGETHER) {
        await Promise.all(Array.from({ length: TOGETHER }, (_, n) => this.operation(jobs, first + n)))
      }
      await working
      if (sizes) await this.snapshot(folder)
      await this.note('durable', opened.durable())
    } catch (error) {
      this.errors.add(/** @type {any} */ (error).code ?? String(error))
    }
    await this.note('close', site?.close() ?? Promise.resolve())
  }

  /**
   * Two of three put a tuple, the third takes one that was put two groups ago.
   *
   * @param {import('perdure').Space} jobs
   * @param {number} n
   */
  async operation(jobs, n) {
    const takes = n % 3 === 2 && n >= TOGETHER * 2
    const id = takes ? `s${n - TOGETHER * 2}` : `s${n}`
    const entry = { kind: takes ? 'take' : 'out', id }
    this.asked.push(entry)
    if (takes) await this.note(id, jobs.inp(['own', id, Number]), (tuple) => Object.assign(entry, { answer: tuple?.[1] ?? null }))
    else await this.note(id, jobs.out(['own', id, n]), () => Object.assign(entry, { answer: id }))
  }

  /**
   * Waits for one, unless the call that fails has failed: then none may come.
   *
   * @param {string} folder
   */
  async snapshot(folder) {
    for (let waitedMs = 0; waitedMs < SNAPSHOT_MS; waitedMs += 10) {
      if (snapshotsIn(folder) > 0 || callsMade().failed !== null) return
      await pause(10)
    }
  }

  /** @param {import('perdure').Site} site */
  async work(site) {
    await this.note('host', host(site, 'a', [steps]))
    await this.note('start', start(site, steps, 'k', []), async (handle) => {
      this.started = true
      await this.note('result', handle.result())
    })
  }

  /**
   * @template T
   * @param {string} what
   * @param {Promise<T>} promise
   * @param {(value: T) => unknown} [then]
   */
  async note(what, promise, then = () => undefined) {
    try {
      await then(await inTime(what, promise))
    } catch (error) {
      this.errors.add(/** @type {any} */ (error).code ?? String(error))
    }
  }
}

/**
 * Everything that is there after all, and that the folder can be used again.
 *
 * @param {string} folder
 * @param {boolean} started
 */
async function reopened(folder, started) {
  const site = await inTime('open again', open(folder))
  const jobs = await space(site, 'jobs')
  const listed = /** @type {any} */ (await site.link.main.query('space', 'tuples', ['jobs']))
  const present = listed.tuples.map((/** @type {any} */ { tuple }) => tuple[1])
  await jobs.out(['own', 'after', 0])
  await host(site, 'a', [steps])
  const result = started ? await inTime('result', run(site, steps, 'k').result()) : null
  await inTime('close again', site.close())
  return { present, total: listed.total, result }
}

/** @param {string} folder */
function snapshotsIn(folder) {
  return namesIn(folder).filter((name) => /^snap-[0-9-]+$/.test(name)).length
}

/**
 * @template T
 * @param {string} what
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
async function inTime(what, promise) {
  const stop = new AbortController()
  const late = pause(HANGS_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${what} hangs`)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    stop.abort()
  }
}
