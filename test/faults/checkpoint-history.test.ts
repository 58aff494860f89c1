/**
 * Black-box: who sends requests to a checkpoint group from outside, and reads its answers, sees only delay when processes of members are
 * killed, and the owner too. Each request is answered once, from a past that counts, and one order explains all answers.
 *
 * An account is a member, a payment a message from outside, and its second half a message between members. Answers are outputs.
 * PERDURE_FAULT_ROUNDS is three times the number of kills, in histories of five, with one protocol after the other; in the short version there
 * are 3, with `exact`.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkLinearizable, type HistoryEntry, type SequentialModel } from '../../src/testing/linearizability.ts'
import { seeded } from '../log/seeded.ts'
import { amount, KILL_ROUNDS, LONG_TEST_MS, report } from './amount.ts'
import { type Child, Children } from './children.ts'

/** Of one folder, and one protocol; histories stay short enough to be searched. */
const KILLS_PER_HISTORY = 5
const PROTOCOLS = ['exact', 'bcs', 'koo-toueg', 'fdas', 'cut', 'bhmr', 'hmnr'] as const
/** A kill takes longer here than where nobody waits for answers. */
const KILLS = amount(2, Math.ceil(KILL_ROUNDS / 20))

/** By the process that keeps them. */
const ACCOUNTS = [['a'], ['b', 'c']] as const
const NAMES = ACCOUNTS.flat()
const CUSTOMERS = 2
const CALLERS = 4
/** Between two kills: more than are under way at one time. */
const ANSWERS_BETWEEN_KILLS = 4 * CUSTOMERS * CALLERS

interface Line {
  readonly at: string
  readonly type: 'asked' | 'answered'
  readonly request: string
  readonly account: string
  readonly delta: number
  readonly balance: number
  readonly drawn: string
}

type FileLine = readonly [key: string, request: string, account: string, balance: number, drawn: string]

interface Payment {
  readonly account: string
  readonly delta: number
}

/** One account after the other as one process alone would keep it. */
const accountModel: SequentialModel<number, Payment, number> = {
  initial: 0,
  key: String,
  part: ({ account }) => account,
  next(balance, { delta }, returned) {
    const after = balance + delta
    return returned === undefined || returned.output === after ? after : undefined
  },
}

interface Totals {
  kills: number
  payments: number
  longestWaitMs: number
  steps: number
}

type ProtocolName = (typeof PROTOCOLS)[number]

class Bank implements AsyncDisposable {
  readonly children = new Children()
  readonly #protocol: ProtocolName
  readonly customers: Child[] = []
  readonly #keepers: Child[] = []
  readonly #folder: string = this.children.path('site')
  #owner: Child | undefined

  constructor(protocol: ProtocolName) {
    this.#protocol = protocol
  }

  async open(): Promise<void> {
    this.#owner = await this.#own()
    await Promise.all(ACCOUNTS.map((_, n) => this.#keep(n)))
    await Promise.all(Array.from({ length: CUSTOMERS }, () => this.#visit()))
  }

  async killOwner(): Promise<void> {
    await killed(this.#owner as Child)
    this.#owner = await this.#own()
  }

  async killKeeper(n: number): Promise<void> {
    await killed(this.#keepers[n] as Child)
    await this.#keep(n)
  }

  async killAll(): Promise<void> {
    await Promise.all([this.#owner as Child, ...this.#keepers].map(killed))
    this.#owner = await this.#own()
    await Promise.all(ACCOUNTS.map((_, n) => this.#keep(n)))
  }

  /** Resolves when customers have been answered all that they have asked for, with the number of answers that nobody wanted. */
  async stop(): Promise<unknown> {
    for (const customer of this.customers) customer.tell({ do: 'stop' })
    await Promise.all(this.customers.map((customer) => customer.event('over')))
    const [customer] = this.customers as [Child]
    customer.tell({ do: 'count' })
    return (await customer.event('left')).count
  }

  history(): Line[] {
    return this.customers.flatMap((_, n) => this.children.lines(`customer-${n}`).map((line) => JSON.parse(line) as Line))
  }

  answered(): number {
    return this.history().filter(({ type }) => type === 'answered').length
  }

  written(): FileLine[] {
    return this.children.lines('answers').map((line) => JSON.parse(line) as FileLine)
  }

  /** What was asked and has no line in the file of outputs. */
  unwritten(): string[] {
    const inFile = new Set(this.written().map(([, request, account]) => partOf({ request, account })))
    const asked = this.history().filter(({ type }) => type === 'asked')
    return asked.map(partOf).filter((part) => !inFile.has(part))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.children[Symbol.asyncDispose]()
  }

  async #own(): Promise<Child> {
    const owner = this.children.start('bank')
    owner.tell({ do: 'own', folder: this.#folder })
    await owner.event('open')
    return owner
  }

  async #keep(n: number): Promise<void> {
    const keeper = this.children.start('bank')
    this.#keepers[n] = keeper
    const file = this.children.path('answers')
    keeper.tell({ do: 'keep', folder: this.#folder, protocol: this.#protocol, names: ACCOUNTS[n], file })
    await keeper.event('keeping')
  }

  async #visit(): Promise<void> {
    const name = `customer-${this.customers.length}`
    const customer = this.children.start('bank')
    this.customers.push(customer)
    const file = this.children.path(name)
    const who = { name, accounts: NAMES, callers: CALLERS, file }
    customer.tell({ do: 'visit', folder: this.#folder, protocol: this.#protocol, ...who })
    await customer.event('visiting')
  }
}

async function killed(child: Child): Promise<void> {
  child.signal('SIGKILL')
  await child.ended()
}

async function playHistory(protocol: ProtocolName, kills: number, random: () => number, totals: Totals): Promise<void> {
  await using bank = new Bank(protocol)
  await bank.open()
  const more = async () => {
    const before = bank.answered()
    await expect
      .poll(() => bank.answered(), { interval: 20, timeout: 60_000 })
      .toBeGreaterThanOrEqual(before + ANSWERS_BETWEEN_KILLS)
  }
  // The first three are those of the short version.
  for (let n = 0; n < kills; n += 1) {
    await more()
    const choice = n < 3 ? n : Math.floor(random() * 4)
    if (choice === 0) await bank.killKeeper(1)
    else if (choice === 1) await bank.killOwner()
    else if (choice === 2) await bank.killAll()
    else await bank.killKeeper(0)
    totals.kills += 1
  }
  await more()
  expect(await bank.stop()).toBe(0)
  // An answer is a tuple and an output; the customers have their tuples, the last line of the file may still be on its way.
  await expect.poll(() => bank.unwritten(), { interval: 20, timeout: 60_000 }).toEqual([])
  judge(bank, totals)
}

function judge(bank: Bank, totals: Totals): void {
  const lines = bank.history()
  const answers = new Map(lines.filter(({ type }) => type === 'answered').map((line) => [partOf(line), line]))
  const asked = lines.filter(({ type }) => type === 'asked')
  // Once: every answer was taken, and none is left.
  expect(answers.size).toBe(asked.length)
  expect(lines.length).toBe(2 * asked.length)
  // Of one past: the file has the same answers as the customers were given, under one key each.
  const inFile = new Map(bank.written().map((line) => [line[0], line]))
  expect(inFile.size).toBe(asked.length)
  for (const [, request, account, balance, drawn] of inFile.values())
    expect(answers.get(partOf({ request, account }))).toMatchObject({ balance, drawn })
  const history = asked.map((line): HistoryEntry<Payment, number> => {
    const { at, balance } = answers.get(partOf(line)) as Line
    totals.longestWaitMs = Math.max(totals.longestWaitMs, (Number(at) - Number(line.at)) / 1e6)
    return { process: line.request, input: line, calledAt: Number(line.at), returned: { at: Number(at), output: balance } }
  })
  const { verdict, steps, part } = checkLinearizable(history, accountModel)
  totals.payments += asked.length
  totals.steps += steps
  if (verdict === 'linearizable') return
  const kept = join(tmpdir(), `perdure-bank-${process.pid}.jsonl`)
  writeFileSync(kept, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  throw new Error(`The history is ${verdict}, at account ${part}. It is kept in ${kept}.`)
}

function partOf({ request, account }: Pick<Line, 'request' | 'account'>): string {
  return `${request} ${account}`
}

test(
  'a client outside of a group sees only delay: each request is answered once, and one order explains all answers, whoever is killed',
  async () => {
    const random = seeded(5)
    const totals: Totals = { kills: 0, payments: 0, longestWaitMs: 0, steps: 0 }
    for (let n = 0; totals.kills < KILLS; n += 1) {
      const protocol = PROTOCOLS[n % PROTOCOLS.length] as ProtocolName
      await playHistory(protocol, Math.min(KILLS_PER_HISTORY, KILLS - totals.kills), random, totals)
    }
    report('clients of a checkpoint group', { ...totals })
    expect(totals.payments).toBeGreaterThanOrEqual(totals.kills * ANSWERS_BETWEEN_KILLS)
  },
  LONG_TEST_MS,
)
