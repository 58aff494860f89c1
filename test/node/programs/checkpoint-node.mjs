/**
 * A process of a site with a checkpoint group: `checkpoint-node.mjs own FOLDER` owns the folder, `checkpoint-node.mjs join FOLDER PROTOCOL
 * NAME...` has the members of these names.
 *
 * A member passes on what it is given to somebody it draws by lot, until the hops are used up; who has it then draws a number, writes it
 * down in its state, and puts it out. So nothing it does repeats. Outputs are lines `KEY JOB NUMBER` in the file `effects`. Whoever finds a
 * file `die-NAME-at-WHAT`, where WHAT is `receive`, `save` or `output`, dies there.
 */
import { appendFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'perdure'
import { checkpointGroup } from 'perdure/checkpoint'

const [role, folder = '', protocol = 'exact', ...names] = process.argv.slice(2)

const ALL = ['a', 'b', 'c', 'd']

/** One message in so many is followed by a checkpoint. */
const SAVE_ONE_IN = 8

/** @typedef {{ job: string, hops: number }} Job */

class Worker {
  /** @type {Map<string, number>} */
  done = new Map()

  /** @param {import('perdure/checkpoint').Self} self */
  constructor(self) {
    this.self = self
  }

  save() {
    dieAt(this.self.name, 'save')
    return this.done
  }

  /** @param {Map<string, number>} done */
  restore(done) {
    this.done = done
  }

  /** @param {unknown} message */
  receive(message) {
    const { job, hops } = /** @type {Job} */ (message)
    dieAt(this.self.name, 'receive')
    if (hops > 0) void this.self.send(ALL[Math.floor(Math.random() * ALL.length)] ?? 'a', { job, hops: hops - 1 })
    else {
      const number = Math.floor(Math.random() * 2 ** 40)
      this.done.set(job, number)
      void this.self.output({ job, number })
    }
    if (Math.random() * SAVE_ONE_IN < 1) void this.self.checkpoint()
  }

  /**
   * @param {unknown} payload
   * @param {{ idempotencyKey: string }} info
   */
  output(payload, { idempotencyKey }) {
    const { job, number } = /** @type {{ job: string, number: number }} */ (payload)
    appendFileSync(join(folder, '..', 'effects'), `${idempotencyKey} ${job} ${number}\n`)
    dieAt(this.self.name, 'output')
  }
}

/**
 * @param {string} name
 * @param {string} what
 */
function dieAt(name, what) {
  const order = join(folder, '..', `die-${name}-at-${what}`)
  if (!existsSync(order)) return
  rmSync(order)
  process.kill(process.pid, 'SIGKILL')
}

/**
 * Whoever was killed may still be believed to be there, or its owner be on its way.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
async function insist(act) {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      const { code } = /** @type {{ code?: string }} */ (error)
      if (!['PERDURE_E_MEMBER_TAKEN', 'PERDURE_E_FOLDER', 'PERDURE_E_SESSION_LOST', 'PERDURE_E_TIMEOUT'].includes(code ?? ''))
        throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

if (role === 'own') await open(folder)
else {
  const site = await insist(() => open(folder, { attach: true }))
  const group = await insist(() =>
    checkpointGroup(site, 'crew', { protocol: /** @type {'exact'} */ (protocol), lag: { undoneMs: 200 } }),
  )
  await Promise.all(names.map((name) => insist(() => group.join(name, (self) => new Worker(self)))))
}
process.stdout.write('ready\n')
