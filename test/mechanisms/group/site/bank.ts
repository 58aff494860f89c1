/** Classes and a small site for the tests of groups in a site: every node is a session of its own in this process. */
import type { Site } from 'perdure'
import { host, type NodeHandle, open } from 'perdure'

/** A deterministic class whose state is its fields. */
export class Account {
  balance: number
  readonly seen: string[] = []

  constructor(balance = 0) {
    this.balance = balance
  }

  deposit(amount: number): number {
    this.balance += amount
    return this.balance
  }

  withdraw(amount: number): number {
    if (amount > this.balance) throw new RangeError(`${this.balance} is all there is`)
    this.balance -= amount
    return this.balance
  }

  read(): number {
    return this.balance
  }
}

/** Another way to do the same, as a variant. */
export class Ledger {
  entries: number[]

  constructor(balance = 0) {
    this.entries = [balance]
  }

  deposit(amount: number): number {
    this.entries.push(amount)
    return this.read()
  }

  withdraw(amount: number): number {
    if (amount > this.read()) throw new RangeError(`${this.read()} is all there is`)
    this.entries.push(-amount)
    return this.read()
  }

  read(): number {
    return this.entries.reduce((sum, each) => sum + each, 0)
  }
}

/** One that cannot count. */
export class Careless extends Account {
  override deposit(amount: number): number {
    return super.deposit(amount + 1)
  }
}

export interface Branch extends AsyncDisposable {
  readonly site: Site
  readonly nodes: ReadonlyMap<string, NodeHandle>
  join(name: string, hosted: Hosted): Promise<void>
}

type Hosted = Parameters<typeof host>[2]

/** A site in memory in which these nodes host these classes. */
export async function branch(hosted: Readonly<Record<string, Hosted>>): Promise<Branch> {
  const site = await open('memory:')
  const nodes = new Map<string, NodeHandle>()
  const join = async (name: string, classes: Hosted) => void nodes.set(name, await host(site, name, classes))
  for (const [name, classes] of Object.entries(hosted)) await join(name, classes)
  return { site, nodes, join, [Symbol.asyncDispose]: () => site.close() }
}
