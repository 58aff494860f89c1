/** A process of a site: owns a folder or attaches to its owner, hosts runs, starts them and waits for them, as told. */
import { setTimeout as pause } from 'node:timers/promises'
import { host, open, run, space, start } from 'perdure'
import * as definitions from './definitions.mjs'
import { obey, say } from './orders.mjs'

/** @type {import('perdure').Site | undefined} */
let opened
/** When this process began to start a run, by the clock that never jumps. @type {Map<string, number>} */
const startedMs = new Map()

obey({
  async open({ folder, attach }) {
    const site = await open(folder, {
      ...(attach ? { attach: true } : {}),
      hear: ({ event, ...rest }) => {
        // A worker that is started again has the same name and another pid.
        if (event === 'node' || event === 'exit') say(event, rest)
      },
    })
    opened = site
    say('open', { position: site.position })
  },
  async host({ name, workers }) {
    await host(site(), name, Object.values(definitions), workers ? { workers } : {})
    say('hosting', { name })
  },
  async start({ definition, key, input }) {
    startedMs.set(key, performance.now())
    await start(site(), definitionOf(definition), key, input)
    say('started', { key })
  },
  /** Says how a run ended, and how long that took by a clock that never jumps: since its start, or since now if others started it. */
  async result({ definition, key }) {
    const begun = startedMs.get(key) ?? performance.now()
    const outcome = await run(site(), definitionOf(definition), key)
      .result()
      .then(
        (value) => ({ value }),
        (error) => ({ code: error.code }),
      )
    say('result', { key, ...outcome, tookMs: performance.now() - begun })
  },
  async status({ definition, key }) {
    say('status', { ...(await run(site(), definitionOf(definition), key).status()) })
  },
  /** Says when the run is asleep; what status says is durable. */
  async asleep({ definition, key }) {
    while ((await run(site(), definitionOf(definition), key).status()).state !== 'sleeping') await pause(5)
    say('asleep', { key })
  },
  /** Waits in vain for a tuple. */
  async wait({ name, timeoutMs }) {
    const begun = performance.now()
    const jobs = await space(site(), 'jobs')
    const code = await jobs.in(['never'], { timeoutMs }).catch((error) => error.code)
    say('waited', { name, code, tookMs: performance.now() - begun })
  },
  async put({ id }) {
    const jobs = await space(site(), 'jobs')
    await jobs.out(['own', id, 1])
    say('put', { id })
  },
  async ask({ name }) {
    const { main } = site().link
    say('answer', {
      name,
      wallMs: Date.now(),
      statistics: await main.query('process', 'statistics', []),
      nodes: await main.query('process', 'nodes', []),
    })
  },
  async close() {
    await site().close()
    say('closed')
  },
})
say('ready')

/** @returns {import('perdure').Site} */
function site() {
  if (opened === undefined) throw new Error('no site is open')
  return opened
}

/** @param {string} name */
function definitionOf(name) {
  const definition = Object.values(definitions).find((each) => each.name === name)
  if (definition === undefined) throw new Error(`there is no definition ${name}`)
  return /** @type {import('perdure').Definition<any, any, any>} */ (definition)
}
