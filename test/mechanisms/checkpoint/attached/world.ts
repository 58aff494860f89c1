/**
 * A group of attached members in one thread: the real machine, real proxies, a transport that delivers when it is told to, and virtual time.
 * What happened is kept twice: by the objects, and as intervals for the judge.
 */

import type { Context, Outcome } from '../../../../src/log/machine.ts'
import { errorOf } from '../../../../src/log/outcome.ts'
import { AttachedMachine } from '../../../../src/mechanisms/checkpoint/attached/machine.ts'
import { attach, type Member } from '../../../../src/mechanisms/checkpoint/attached/proxy.ts'
import type { ProxyEvent, Self, Store, Transport, Wire } from '../../../../src/mechanisms/checkpoint/attached/proxy-parts.ts'
import { memoryStore } from '../../../../src/mechanisms/checkpoint/attached/stores.ts'
import { type VirtualClock, virtualClock } from '../../../../src/testing/virtual-clock.ts'
import type { Sent } from '../judge.ts'

export interface Flight {
  readonly from: string
  readonly to: string
  readonly wire: Wire
}

/** The truth about one message. */
interface Truth extends Sent {
  readonly msg: string
  undone: boolean
}

/** How a call of the service goes wrong: the request is lost, the reply is, or it comes late. */
export type Mishap = 'request' | 'reply' | number | undefined

export class World {
  readonly clock: VirtualClock = virtualClock()
  machine = new AttachedMachine()
  readonly calls: { readonly member: string; readonly operation: string; readonly body: Record<string, unknown> }[] = []
  readonly events: ProxyEvent[] = []
  readonly flights: Flight[] = []
  readonly members = new Map<string, Member>()
  readonly ledgers = new Map<string, { got: string[] }>()
  readonly stores = new Map<string, Store>()
  readonly endings: Error[] = []
  readonly truth = new Map<string, Truth>()
  readonly names: string[] = []
  readonly intervals: number[] = []
  mishap: (member: string, operation: string, body: Record<string, unknown>) => Mishap = () => undefined
  /** What an object does when it is given something. */
  react: (self: Self, message: string) => unknown = () => undefined
  /** What the saving of objects waits for. */
  saving: Promise<void> | undefined
  #position = 0
  #number = 0
  readonly #waiting = new Map<number, (outcome: Outcome) => void>()

  readonly #context: Context = {
    position: 0,
    wallMs: 0,
    serviceMs: 0,
    reply: (_, number, outcome) => {
      this.#waiting.get(number)?.(outcome)
      this.#waiting.delete(number)
    },
    schedule: (deadlineMs, token) => {
      this.clock.after(deadlineMs - this.clock.monotonicMs(), () => this.machine.expire(token, this.#now()))
    },
    withdraw: () => false,
    perform: () => undefined,
    of: () => this.#context,
    ended: () => undefined,
    reopened: () => undefined,
    note: () => undefined,
    changed: () => undefined,
  }

  #now(): Context {
    this.#position++
    return Object.assign(this.#context, { position: this.#position, serviceMs: this.clock.monotonicMs() })
  }

  /** As an operation of the log. */
  apply(operation: string, body: unknown): Promise<unknown> {
    this.#number++
    const number = this.#number
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, (outcome) => ('value' in outcome ? resolve(outcome.value) : reject(errorOf(outcome.error))))
      const args = [JSON.parse(JSON.stringify(body))]
      this.machine.apply({ caller: { kind: 'session', id: 1 }, number, name: `attached.${operation}`, args }, this.#now())
    })
  }

  /** The way of one member to the service. */
  service(member: string): (operation: string, body: object) => Promise<unknown> {
    return async (operation, body) => {
      const given = body as Record<string, unknown>
      this.calls.push({ member, operation, body: given })
      const mishap = this.mishap(member, operation, given)
      if (mishap === 'request') throw new Error('no way to the service')
      if (typeof mishap === 'number') await this.clock.sleep(mishap)
      const answer = await this.apply(operation, body)
      if (mishap === 'reply') throw new Error('the reply was lost')
      return JSON.parse(JSON.stringify(answer))
    }
  }

  /** Attaches a member; again: its process was killed, only its store is left. */
  async join(name: string): Promise<Member> {
    this.members.get(name)?.close()
    if (!this.names.includes(name)) {
      this.names.push(name)
      this.intervals.push(0)
    }
    const store = this.stores.get(name) ?? memoryStore()
    this.stores.set(name, store)
    const attaching = attach({
      context: 'bank',
      name,
      service: this.service(name),
      transport: this.#transport(name),
      store,
      boot: `boot ${this.#number}`,
      timers: { after: (ms, fire) => this.clock.after(ms, fire).cancel },
      answerMs: 1_000,
      retryMs: 100,
      object: (self) => this.#object(name, self),
      observe: (event) => this.#observe(event),
      ended: (error) => this.endings.push(error),
    })
    const member = await this.until(attaching)
    this.members.set(name, member)
    return member
  }

  /** Delivers a message that is on its way; by default the first. */
  async deliver(index = 0): Promise<void> {
    const [flight] = this.flights.splice(index, 1)
    if (flight === undefined) throw new Error('nothing is on its way')
    await this.members.get(flight.to)?.receive(flight.wire)
    await this.clock.advance(0)
  }

  /** Delivers everything that is on its way, and what follows from it. */
  async drain(): Promise<void> {
    await this.clock.advance(0)
    while (this.flights.length > 0) await this.deliver()
  }

  /** Lets virtual time pass until it is settled. */
  async until<T>(promise: Promise<T>, stepMs = 100): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    watched.catch(() => undefined)
    for (let step = 0; !settled && step < 1_000; step++) await this.clock.advance(step === 0 ? 0 : stepMs)
    if (!settled) throw new Error('it does not come to an end')
    return watched
  }

  /** The service goes on from a snapshot of itself. */
  restore(): void {
    const restored = new AttachedMachine()
    for (const part of this.machine.snapshot()) restored.restore(structuredClone(part))
    this.machine = restored
  }

  got(name: string): readonly string[] {
    return this.ledgers.get(name)?.got ?? []
  }

  checkpoints(name: string, kind: 'forced' | 'basic'): number {
    return this.events.filter((e) => e.kind === 'checkpoint' && e.object === name && e.forced === (kind === 'forced')).length
  }

  asked(name: string): number {
    return this.calls.filter(({ member, operation }) => member === name && operation === 'check').length
  }

  /** Messages as they count after all rollbacks. */
  alive(): Truth[] {
    return [...this.truth.values()].filter(({ undone }) => !undone)
  }

  #object(name: string, self: Self) {
    const ledger = { got: [] as string[] }
    this.ledgers.set(name, ledger)
    return {
      save: async () => {
        await this.saving
        return ledger
      },
      restore: (state: unknown) => {
        ledger.got = (state as { got: string[] }).got
      },
      receive: (message: unknown) => {
        ledger.got.push(String(message))
        return this.react(self, String(message))
      },
    }
  }

  #transport(from: string): Transport {
    return {
      send: (to, wire) => {
        this.flights.push({ from, to, wire: JSON.parse(JSON.stringify(wire)) })
      },
      listen: () => undefined,
    }
  }

  #observe(event: ProxyEvent): void {
    this.events.push(event)
    const k = this.names.indexOf(event.object)
    if (event.kind === 'checkpoint') this.intervals[k]!++
    else if (event.kind === 'send') {
      const to = this.names.indexOf(event.to)
      this.truth.set(event.msg, { msg: event.msg, from: k, x: this.intervals[k]!, to, y: undefined, past: [], undone: false })
    } else if (event.kind === 'receive') {
      const message = this.truth.get(event.msg)
      if (message === undefined) return
      if (message.y !== undefined) throw new Error(`${event.msg} is delivered twice`)
      if (message.undone) throw new Error(`${event.msg} is delivered, but its sending is undone`)
      message.y = this.intervals[k]!
    } else {
      for (const message of this.truth.values()) {
        if (message.from === k && message.x >= event.to) message.undone = true
        if (message.to === k && message.y !== undefined && message.y >= event.to) message.y = undefined
      }
      this.intervals[k] = event.to
    }
  }
}

/** A context with these members. */
export async function worldOf(...names: string[]): Promise<World> {
  const world = new World()
  await world.apply('create', { context: 'bank' })
  for (const name of names) await world.join(name)
  return world
}
