/**
 * A bank whose accounts are members of a checkpoint group, and its customers outside: owns a folder, keeps accounts, or asks for transfers
 * and writes down when it asked and what it was answered.
 *
 * Whoever keeps an account cannot be executed again: each answer has a number drawn at random, and when to save is drawn too.
 * Every answer goes out twice, as a tuple to the customer and as a line of a file, so that the two can be compared.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { open, space } from 'perdure'
import { checkpointGroup } from 'perdure/checkpoint'
import { obey, say } from './orders.mjs'

/** Of the messages after which an account saves. */
const SAVES = 0.5
const MOST_PAID = 1_000

let isOver = false
/** @type {import('perdure').Space | undefined} */
let answers

obey({
  async own({ folder }) {
    await open(folder)
    say('open')
  },
  async keep({ folder, protocol, names, file }) {
    const site = await open(folder, { attach: true })
    const bank = await checkpointGroup(site, 'bank', { protocol })
    const lines = openSync(file, 'a')
    await Promise.all(names.map((/** @type {string} */ name) => bank.join(name, (self) => new Account(self, lines))))
    say('keeping')
  },
  async visit({ folder, protocol, name, accounts, callers, file }) {
    const site = await open(folder, { attach: true })
    const history = openSync(file, 'a')
    /** @param {Readonly<Record<string, unknown>>} line */
    const write = (line) => writeSync(history, `${JSON.stringify({ at: process.hrtime.bigint().toString(), ...line })}\n`)
    answers = await space(site, 'answers')
    const customer = { bank: await checkpointGroup(site, 'bank', { protocol }), answers, write }
    say('visiting')
    let number = 0
    const caller = async () => {
      while (!isOver) {
        number += 1
        await ask(customer, `${name}-${number}`, accounts)
      }
    }
    await Promise.all(Array.from({ length: callers }, caller))
    closeSync(history)
    say('over')
  },
  stop() {
    isOver = true
  },
  async count() {
    say('left', { count: await answers?.count([String, String, Number, String]) })
  },
})
say('ready')

/** @typedef {{ request: string, delta: number, to?: string }} Request */

class Account {
  balance = 0
  /** @type {import('perdure/checkpoint').Self} */
  #self
  #file

  /**
   * @param {import('perdure/checkpoint').Self} self
   * @param {number} file
   */
  constructor(self, file) {
    this.#self = self
    this.#file = file
  }

  save() {
    return this.balance
  }

  /** @param {number} balance */
  restore(balance) {
    this.balance = balance
  }

  /**
   * A request of a customer, or the second half of one, from another account.
   *
   * @param {unknown} message
   */
  receive(message) {
    const { request, delta, to } = /** @type {Request} */ (message)
    this.balance += delta
    const answer = [request, this.#self.name, this.balance, randomUUID()]
    void this.#self.space('answers').out(answer)
    void this.#self.output(answer)
    if (to !== undefined) void this.#self.send(to, { request, delta: -delta })
    if (Math.random() < SAVES) void this.#self.checkpoint()
  }

  /**
   * @param {unknown} answer
   * @param {import('perdure/checkpoint').OutputInfo} info
   */
  output(answer, { idempotencyKey }) {
    writeSync(this.#file, `${JSON.stringify([idempotencyKey, .../** @type {unknown[]} */ (answer)])}\n`)
  }
}

/**
 * @typedef {{
 *   bank: import('perdure/checkpoint').CheckpointGroup
 *   answers: import('perdure').Space
 *   write: (line: Readonly<Record<string, unknown>>) => void
 * }} Customer
 */

/**
 * A payment from one account to another, or into one account.
 *
 * @param {Customer} customer
 * @param {string} request
 * @param {readonly string[]} accounts
 */
async function ask({ bank, answers, write }, request, accounts) {
  const [first, second] = [...accounts].sort(() => Math.random() - 0.5)
  const account = /** @type {string} */ (first)
  const to = Math.random() < 0.7 ? second : undefined
  const delta = Math.ceil(Math.random() * MOST_PAID)
  const parts =
    to === undefined
      ? [{ account, delta }]
      : [
          { account, delta },
          { account: to, delta: -delta },
        ]
  for (const part of parts) write({ type: 'asked', request, ...part })
  await bank.send(account, { request, delta, ...(to === undefined ? {} : { to }) })
  await Promise.all(
    parts.map(async (part) => {
      const [, , balance, drawn] = await answers.in([request, part.account, Number, String])
      write({ type: 'answered', request, account: part.account, balance, drawn })
    }),
  )
}
