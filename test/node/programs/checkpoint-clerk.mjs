/**
 * A process of a site with one member of a checkpoint group, `checkpoint-clerk.mjs FOLDER`: a clerk that takes one job after the other out of a
 * space, writes it down in its state, and counts it in an account, which is an object group. When it saves is drawn by lot.
 */
import { open } from 'perdure'
import { checkpointGroup } from 'perdure/checkpoint'
import { groupNamed } from 'perdure/group'

const [folder = ''] = process.argv.slice(2)

/** One answer in so many is followed by a checkpoint. */
const SAVE_ONE_IN = 4

/** @typedef {{ deposit(amount: number): number }} Account */
const account = /** @type {Account} */ (groupNamed('accounts', 'k'))

class Clerk {
  /** Jobs that it has taken, and what the account has said. */
  state = { jobs: /** @type {number[]} */ ([]), balances: /** @type {number[]} */ ([]) }

  /** @param {import('perdure/checkpoint').Self} self */
  constructor(self) {
    this.self = self
  }

  save() {
    return this.state
  }

  /** @param {any} state */
  restore(state) {
    this.state = state
  }

  /**
   * @param {any} message
   * @param {string} from
   */
  receive(message, from) {
    const { jobs, balances } = this.state
    if (from === '@accounts') balances.push(message.value)
    else if (from === '@jobs') {
      jobs.push(message.value[1])
      void this.self.call(account, 'deposit', 1)
    }
    if (from !== '@accounts') void this.self.space('jobs').in(['job', Number])
    if (Math.random() * SAVE_ONE_IN < 1) void this.self.checkpoint()
  }
}

/** Whoever was killed may still be believed to be there. */
async function join() {
  const site = await open(folder, { attach: true })
  const group = await checkpointGroup(site, 'crew', { lag: { undoneMs: 100 } })
  for (;;) {
    try {
      return await group.join('clerk', (self) => new Clerk(self))
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== 'PERDURE_E_MEMBER_TAKEN') throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

await join()
process.stdout.write('ready\n')
