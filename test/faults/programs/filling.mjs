/**
 * Owns a folder on a file system of its own, puts until that refuses, and opens again when told. Started in a mount namespace, so that
 * what it mounts is gone with it.
 */
import { execSync } from 'node:child_process'
import { open, space } from 'perdure'
import { obey, say } from './orders.mjs'

/** So many callers at a time, each with some bytes: enough to fill a small disk before there are more tuples than can be listed. */
const TOGETHER = 16
const BYTES = 1_000

/** @type {import('perdure').Site | undefined} */
let site
let next = 1

obey({
  shell({ name, command }) {
    execSync(command, { stdio: ['ignore', 'pipe', 'pipe'] })
    say('shell', { name })
  },
  async open({ folder, name }) {
    site = undefined
    /** @type {string | null} */
    let code = null
    try {
      site = await open(folder)
    } catch (error) {
      code = /** @type {any} */ (error).code
    }
    say('open', { name, code })
  },
  /** Puts until something is refused, or `most` tuples are there. Says which were acknowledged, and that nothing is served after it. */
  async fill({ name, most }) {
    const jobs = await space(owned(), 'jobs')
    /** @type {Set<string>} */
    const codes = new Set()
    /** @type {string[]} */
    const acknowledged = []
    /** @type {string[]} */
    const unknown = []
    const put = async () => {
      const id = `f${next}`
      next += 1
      try {
        await jobs.out(['own', id, new Uint8Array(BYTES)])
        acknowledged.push(id)
      } catch (error) {
        unknown.push(id)
        codes.add(/** @type {any} */ (error).code)
      }
    }
    while (codes.size === 0 && acknowledged.length < most) await Promise.all(Array.from({ length: TOGETHER }, put))
    const reading = await jobs.count(['own', String, Uint8Array]).catch((error) => error.code)
    say('filled', { name, acknowledged, unknown, codes: [...codes], reading })
  },
  async list({ name }) {
    const { total, tuples } = /** @type {any} */ (await owned().link.main.query('space', 'tuples', ['jobs']))
    say('list', { name, total, ids: tuples.map((/** @type {any} */ { tuple }) => tuple[1]) })
  },
  async close({ name }) {
    await owned().close()
    say('closed', { name })
  },
})
say('ready')

/** @returns {import('perdure').Site} */
function owned() {
  if (site === undefined) throw new Error('no site is open')
  return site
}
