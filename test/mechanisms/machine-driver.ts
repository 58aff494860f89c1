/**
 * Drives machines by hand: one operation after the other, time moved forward when the test says so.
 *
 * It does what the replica does for its machines and no more. Arguments go through the codec, so that a machine never shares
 * memory with its test; every operation is answered at most once, or the test fails.
 */
import { decode, encode } from '../../src/log/codec/codec.ts'
import type { Caller, Context, Ended, LogTime, Machine, Outcome } from '../../src/log/machine.ts'
import type { ReplyTable } from '../../src/log/replica.ts'

export interface Reply {
  readonly caller: Caller
  readonly number: number
  readonly outcome: Outcome
  readonly position: number
}

export interface Note {
  readonly session: number
  readonly body: readonly unknown[]
}

export interface Change {
  readonly topic: string
  readonly kind: string
  readonly value: unknown
}

interface Deadline {
  readonly time: LogTime
  readonly atMs: number
  readonly machine: Machine
  readonly token: number
}

export function session(id: number): Caller {
  return { kind: 'session', id }
}

export function run(id: number): Caller {
  return { kind: 'run', id }
}

export class MachineDriver {
  position = 0
  wallMs = 1_000
  serviceMs = 0
  /** Everything answered so far. */
  readonly replies: Reply[] = []
  readonly notes: Note[] = []
  /** Everything that watchers would have heard. */
  readonly changes: Change[] = []
  readonly machines: readonly Machine[]
  readonly #answered = new Set<string>()
  #deadlines: Deadline[] = []

  constructor(machines: readonly Machine[]) {
    this.machines = machines
  }

  /** Applies one operation at the next position; returns what was answered meanwhile, to whomever. */
  apply(caller: Caller, number: number, name: string, ...args: readonly unknown[]): readonly Reply[] {
    const machine = this.#owner(name)
    const operation = { caller, number, name, args: copied(args) as readonly unknown[] }
    return this.entry(machine, (context) => machine.apply(operation, context))
  }

  /** Does something to one machine at the next position. */
  entry(machine: Machine, work: (context: Context) => void): readonly Reply[] {
    this.position += 1
    return this.#answersTo(() => work(this.contextOf(machine)))
  }

  /** Lets log time pass; what falls due is expired in order. */
  advance(ms: number): readonly Reply[] {
    this.wallMs += ms
    this.serviceMs += ms
    return this.#answersTo(() => {
      for (let due = this.#takeDue(); due !== undefined; due = this.#takeDue())
        due.machine.expire(due.token, this.contextOf(due.machine))
    })
  }

  withdraw(caller: Caller, number: number): boolean {
    this.position += 1
    return this.machines.some((machine) => machine.withdraw(caller, number))
  }

  ended(caller: Caller, how: Ended = 'left'): readonly Reply[] {
    this.position += 1
    return this.#answersTo(() => {
      for (const machine of this.machines) machine.ended(caller, this.contextOf(machine), how)
    })
  }

  /** A driver at the same position and time over fresh machines that have been restored from these. */
  restored(fresh: readonly Machine[]): MachineDriver {
    const driver = new MachineDriver(fresh)
    Object.assign(driver, { position: this.position, wallMs: this.wallMs, serviceMs: this.serviceMs })
    for (const [index, machine] of fresh.entries()) {
      const original = this.machines[index] as Machine
      for (const part of original.snapshot()) machine.restore(copied(part))
      driver.#deadlines.push(...this.#deadlines.flatMap((each) => (each.machine === original ? [{ ...each, machine }] : [])))
    }
    return driver
  }

  contextOf(machine: Machine): Context {
    return {
      position: this.position,
      wallMs: this.wallMs,
      serviceMs: this.serviceMs,
      reply: (caller, number, outcome) => this.#route(caller, number, outcome),
      schedule: (atMs, token, time = 'wall') => this.#schedule({ time, atMs, machine, token }),
      withdraw: (caller, number) => this.machines.some((other) => other.withdraw(caller, number)),
      perform: (operation) => this.#owner(operation.name).apply(operation, this.contextOf(this.#owner(operation.name))),
      of: (other) => this.contextOf(other),
      ended: (caller, how) => {
        for (const other of this.machines) other.ended(caller, this.contextOf(other), how)
      },
      reopened: () => {
        for (const other of this.machines) other.reopened?.(this.contextOf(other))
      },
      note: (to, body) => this.notes.push({ session: to, body }),
      changed: (topic, kind, value) => this.changes.push({ topic, kind, value: copied(value) }),
    }
  }

  #owner(name: string): Machine {
    const machine = this.machines.find(({ operations }) => name in operations)
    if (machine === undefined) throw new Error(`no machine has the operation ${name}`)
    return machine
  }

  #answersTo(work: () => void): readonly Reply[] {
    const before = this.replies.length
    work()
    return this.replies.slice(before)
  }

  /** What was asked in the name of a member is answered to the machine that has members. */
  #route(caller: Caller, number: number, outcome: Outcome): void {
    const table = caller.kind === 'member' ? this.machines.find(({ name }) => name === 'checkpoint') : undefined
    if (caller.kind !== 'member' || table === undefined) return this.#reply(caller, number, outcome)
    ;(table as ReplyTable).settle(caller.id, number, outcome, this.contextOf(table))
  }

  #reply(caller: Caller, number: number, outcome: Outcome): void {
    const key = JSON.stringify([caller, number])
    if (this.#answered.has(key)) throw new Error(`operation ${key} was answered twice`)
    this.#answered.add(key)
    this.replies.push({ caller, number, outcome: copied(outcome) as Outcome, position: this.position })
  }

  #schedule(deadline: Deadline): void {
    this.#deadlines.push(deadline)
    // A stable sort keeps ties in the order of the calls.
    this.#deadlines.sort((a, b) => a.atMs - b.atMs)
  }

  #takeDue(): Deadline | undefined {
    const isDue = (wanted: LogTime, nowMs: number) =>
      this.#deadlines.findIndex(({ time, atMs }) => time === wanted && atMs <= nowMs)
    const wall = isDue('wall', this.wallMs)
    const index = wall < 0 ? isDue('service', this.serviceMs) : wall
    return index < 0 ? undefined : this.#deadlines.splice(index, 1)[0]
  }
}

function copied(value: unknown): unknown {
  return decode(encode(value, Number.POSITIVE_INFINITY))
}
