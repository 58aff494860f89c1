/**
 * What coordinated checkpoints (Koo and Toueg) save and say on a schedule, with a checkpoint begun wherever the schedule has a basic one,
 * or only where it has one of member 0.
 *
 * Application messages keep the delay that the schedule gives them, control messages have one of the same mean; channels are FIFO, as the
 * protocol asks. Who takes part in an instance sends nothing until it is decided, and two instances that meet undo each other; a
 * checkpoint that fails so is not tried again.
 */

import { SeededRandom } from 'perdure/testing'
import TinyQueue from 'tinyqueue'
import { type Action, KooToueg } from '../src/mechanisms/checkpoint/koo-toueg.ts'
import { exponential, type Plan, type Step } from './checkpoint-schedules.ts'

export interface Coordinated {
  /** Checkpoints that members wanted to take. */
  readonly initiated: number
  /** Of these, those that became permanent. */
  readonly committed: number
  /** All permanent checkpoints, of whoever had to take part. */
  readonly taken: number
  /** Requests, answers and decisions. */
  readonly control: number
}

type Message = Extract<Action<number>, { do: 'send' }>['message']
type Arrival = {
  readonly at: number
  readonly number: number
  readonly from: string
  readonly to: string
  readonly message: Message
}

export function coordinated(seed: number, plan: Plan, steps: readonly Step[], begun: 'by all' | 'by one'): Coordinated {
  const run = new CoordinatedRun(seed, plan, steps)
  for (const step of steps) {
    if (step.do === 'deliver') continue
    run.until(step.at)
    if (step.do === 'send') run.send(step.from, step.to, step.message)
    else if (begun === 'by all' || step.member === 0) run.checkpoint(step.member)
  }
  run.until(Number.POSITIVE_INFINITY)
  return run.counts
}

class CoordinatedRun {
  readonly counts = { initiated: 0, committed: 0, taken: 0, control: 0 }
  readonly #members: readonly KooToueg<number>[]
  readonly #places: ReadonlyMap<string, number>
  readonly #initiates: boolean[]
  readonly #delays: number[] = []
  readonly #random: SeededRandom
  readonly #mean: number
  readonly #wire = new TinyQueue<Arrival>([], (a, b) => a.at - b.at || a.number - b.number)
  readonly #lastArrival = new Map<string, number>()
  #now = 0
  #number = 0

  constructor(seed: number, { members, delay }: Plan, steps: readonly Step[]) {
    const names = Array.from({ length: members }, (_, k) => `m${k}`)
    this.#members = names.map(
      (name) =>
        new KooToueg<number>(
          name,
          names.filter((other) => other !== name),
        ),
    )
    this.#places = new Map(names.map((name, k) => [name, k]))
    this.#initiates = names.map(() => false)
    this.#random = new SeededRandom(seed + 1_000_000)
    this.#mean = delay
    for (const step of steps) {
      if (step.do === 'send') this.#delays[step.message] = -step.at
      if (step.do === 'deliver') this.#delays[step.message]! += step.at
    }
  }

  send(from: number, to: number, message: number): void {
    this.#carryOut(from, this.#members[from]!.send(this.#members[to]!.name, message))
  }

  checkpoint(k: number): void {
    this.counts.initiated += 1
    if (this.#members[k]!.takesPartIn !== undefined) return
    this.#initiates[k] = true
    this.#carryOut(k, this.#members[k]!.checkpoint())
  }

  /** Everything that arrives before. */
  until(at: number): void {
    for (let next = this.#wire.peek(); next !== undefined && next.at <= at; next = this.#wire.peek()) {
      this.#wire.pop()
      this.#now = next.at
      const to = this.#places.get(next.to)!
      this.#carryOut(to, this.#members[to]!.receive(next.from, next.message))
    }
    this.#now = at
  }

  #carryOut(k: number, actions: readonly Action<number>[]): void {
    for (const action of actions) {
      if (action.do === 'send') this.#put(k, action.to, action.message)
      else if (action.do === 'make-permanent') {
        this.counts.taken += 1
        if (this.#initiates[k]) this.counts.committed += 1
        this.#initiates[k] = false
      } else if (action.do === 'undo') this.#initiates[k] = false
    }
  }

  #put(k: number, to: string, message: Message): void {
    if (message.kind !== 'application') this.counts.control += 1
    const delay = message.kind === 'application' ? this.#delays[message.payload]! : exponential(this.#random, this.#mean)
    const from = this.#members[k]!.name
    const channel = `${from} ${to}`
    const at = Math.max(this.#now + delay, this.#lastArrival.get(channel) ?? 0)
    this.#lastArrival.set(channel, at)
    this.#number += 1
    this.#wire.push({ at, number: this.#number, from, to, message })
  }
}
