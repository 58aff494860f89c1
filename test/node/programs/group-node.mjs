/**
 * A process of a site with groups: `group-node.mjs own FOLDER` owns the folder, `group-node.mjs host FOLDER NAME` hosts accounts,
 * `group-node.mjs runs FOLDER NAME` executes runs that deposit.
 *
 * Every execution of a deposit is a line in the file `executed`. Whoever finds a file `die-NAME` dies right after it has executed and
 * before anybody can know.
 */
import { appendFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { host, open, resilient } from 'perdure'
import { groupNamed } from 'perdure/group'

const [role, folder = '', name = ''] = process.argv.slice(2)

export class Account {
  balance = 0

  /** @param {number} amount */
  deposit(amount) {
    this.balance += amount
    appendFileSync(join(folder, '..', 'executed'), `${name} ${this.balance}\n`)
    const order = join(folder, '..', `die-${name}`)
    if (existsSync(order)) {
      rmSync(order)
      process.kill(process.pid, 'SIGKILL')
    }
    return this.balance
  }
}

/** Another author's. */
export class Ledger {
  /** @type {number[]} */
  entries = []

  /** @param {number} amount */
  deposit(amount) {
    this.entries.push(amount)
    return this.entries.reduce((sum, each) => sum + each, 0)
  }
}

/** Deposits 1 so often, and once it is half through waits to be told to go on: it is killed before. */
export const depositor = resilient('depositor', async (p, /** @type {number} */ times) => {
  const accounts = groupNamed('accounts', 'k')
  const balances = []
  for (let n = 0; n < times; n++) {
    balances.push(await p.call(/** @type {Account} */ (accounts), 'deposit', 1))
    if (n === times / 2) await p.space('orders').rd(['go on'])
    await p.sleep(1)
  }
  return balances
})

if (role === 'own') {
  await open(folder)
} else {
  const site = await open(folder, { attach: true })
  await host(site, name, role === 'host' ? [Account, Ledger] : [depositor])
}
process.stdout.write(`${JSON.stringify({ event: 'ready', name })}\n`)
setInterval(() => undefined, 60_000)
