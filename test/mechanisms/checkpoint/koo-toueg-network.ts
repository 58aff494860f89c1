/**
 * Members under Koo and Toueg's protocol on a seeded network, FIFO for each pair, and what a bystander sees of them. A member's object is a
 * list of what it has sent and been given, so whatever the protocol loses, doubles or orphans shows in the lists; the judge knows nothing
 * else, no label and no control message.
 */
import { expect } from 'vitest'
import { type Action, type ApplicationMessage, type Control, KooToueg } from '../../../src/mechanisms/checkpoint/koo-toueg.ts'
import type { SeededRandom } from '../../../src/testing/seeded-random.ts'

type Wire = ApplicationMessage<string> | Control

export interface Happening {
  readonly what: 'sent' | 'given'
  readonly id: string
  readonly peer: string | undefined
}

export interface Member {
  readonly name: string
  readonly protocol: KooToueg<string>
  history: Happening[]
  permanent: Happening[]
  tentative: Happening[] | undefined
  /** The instance that the tentative checkpoint belongs to. */
  instance: string
}

export class Network {
  readonly members: Member[]
  readonly channels = new Map<string, Wire[]>()
  /** Names of those that have saved, or gone back, in the order in which they did. */
  readonly taken: string[] = []
  readonly restored: string[] = []
  readonly violations: string[] = []
  commits = 0
  aborts = 0
  controls = 0
  #messages = 0
  readonly #judged = new Set<string>()

  readonly #objects: 'listen' | 'react'

  /** Objects that react send something on being given some of the messages. */
  constructor(size: number, objects: 'listen' | 'react' = 'listen') {
    this.#objects = objects
    const names = Array.from({ length: size }, (_, k) => String.fromCharCode(97 + k))
    this.members = names.map((name) => ({
      name,
      protocol: new KooToueg<string>(
        name,
        names.filter((other) => other !== name),
      ),
      history: [],
      permanent: [],
      tentative: undefined,
      instance: '',
    }))
  }

  member(name: string): Member {
    return this.members.find((member) => member.name === name)!
  }

  send(from: string, to: string): void {
    const member = this.member(from)
    if (member.protocol.hasFailed) return
    this.#messages += 1
    const id = `m${this.#messages}`
    member.history.push({ what: 'sent', id, peer: to })
    this.#do(member, member.protocol.send(to, id))
  }

  post(to: string): void {
    const member = this.member(to)
    this.#messages += 1
    this.#do(member, member.protocol.post(`m${this.#messages}`))
  }

  checkpoint(name: string): void {
    const member = this.member(name)
    if (!member.protocol.hasFailed && member.protocol.takesPartIn === undefined) this.#do(member, member.protocol.checkpoint())
  }

  rollback(name: string): void {
    const member = this.member(name)
    if (member.protocol.takesPartIn === undefined) this.#do(member, member.protocol.rollback())
  }

  fail(name: string): void {
    const member = this.member(name)
    member.history = []
    this.#do(member, member.protocol.fail())
  }

  /** Channels with something on them. */
  get busy(): string[] {
    return [...this.channels].filter(([, wire]) => wire.length > 0).map(([channel]) => channel)
  }

  arrive(channel: string): void {
    const [from = '', to = ''] = channel.split(' ')
    const member = this.member(to)
    this.#do(member, member.protocol.receive(from, this.channels.get(channel)!.shift()!))
  }

  drain(random: SeededRandom): void {
    for (let busy = this.busy; busy.length > 0; busy = this.busy) this.arrive(random.pick(busy))
  }

  #do(member: Member, actions: readonly Action<string>[]): void {
    if (actions.some((action) => action.do === 'take')) member.instance = this.#instanceOf(member, actions)
    for (const action of actions) this.#perform(member, action)
  }

  #instanceOf(member: Member, actions: readonly Action<string>[]): string {
    for (const action of actions)
      if (action.do === 'send' && action.message.kind !== 'application') return JSON.stringify(action.message.instance)
    return `${member.name} alone, ${this.taken.length}`
  }

  #perform(member: Member, action: Action<string>): void {
    switch (action.do) {
      case 'send':
        if (action.message.kind !== 'application') this.controls += 1
        else if (member.protocol.takesPartIn !== undefined) this.violations.push(`${member.name} sends before the decision`)
        this.#channel(member.name, action.to).push(JSON.parse(JSON.stringify(action.message)))
        return
      case 'deliver':
        member.history.push({ what: 'given', id: action.payload, peer: action.from })
        if (this.#objects === 'react' && action.payload.endsWith('3')) this.send(member.name, this.#next(member))
        return
      case 'take':
        if (member.tentative !== undefined) this.violations.push(`${member.name} has three checkpoints`)
        member.tentative = member.history.slice()
        this.taken.push(member.name)
        return
      case 'make-permanent':
        this.#judgeCommit(member.instance)
        member.permanent = member.tentative!
        member.tentative = undefined
        return
      case 'undo':
        member.tentative = undefined
        this.aborts += 1
        return
      case 'restore':
        member.history = member.permanent.slice()
        this.restored.push(member.name)
        return
      case 'resume':
        this.aborts += 1
    }
  }

  #next(member: Member): string {
    return this.members[(this.members.indexOf(member) + 1) % this.members.length]!.name
  }

  /** At the first member that commits: a tentative checkpoint counts from then on, also where the decision has not come yet. */
  #judgeCommit(instance: string): void {
    if (this.#judged.has(instance)) return
    this.#judged.add(instance)
    this.commits += 1
    const set = this.members.map((m) => (this.#judged.has(m.instance) ? m.tentative : undefined) ?? m.permanent)
    this.violations.push(...orphans(this.members, set))
  }

  #channel(from: string, to: string): Wire[] {
    const channel = `${from} ${to}`
    const known = this.channels.get(channel) ?? []
    this.channels.set(channel, known)
    return known
  }
}

/** What somebody was given and, by these histories, nobody has sent. */
export function orphans(members: readonly Member[], histories: readonly (readonly Happening[])[]): string[] {
  const sent = new Set(histories.flatMap((history) => history.filter((h) => h.what === 'sent').map((h) => h.id)))
  return histories.flatMap((history, k) =>
    history
      .filter((h) => h.what === 'given' && h.peer !== undefined && !sent.has(h.id))
      .map((h) => `${members[k]!.name} was given ${h.id}, which ${h.peer} has not sent`),
  )
}

/** On every channel: what its sender has sent and what its receiver was given, in order. */
export function expectEverythingGivenOnce(network: Network): void {
  for (const from of network.members)
    for (const to of network.members) {
      const sent = from.history.filter((h) => h.what === 'sent' && h.peer === to.name).map((h) => h.id)
      const given = to.history.filter((h) => h.what === 'given' && h.peer === from.name).map((h) => h.id)
      expect(given, `${from.name} -> ${to.name}`).toEqual(sent)
    }
}

const idsOf = (history: readonly Happening[], what: Happening['what']) =>
  new Set(history.filter((h) => h.what === what).map((h) => h.id))

/** Who has to save when `initiator` does: the senders of what savers were given and they themselves have not saved yet. */
export function mustSave(network: Network, initiator: string): Set<string> {
  const savers = new Set([initiator])
  for (const name of savers)
    for (const { what, id, peer } of network.member(name).history)
      if (what === 'given' && peer !== undefined && !idsOf(network.member(peer).permanent, 'sent').has(id)) savers.add(peer)
  return savers
}

/** Who has to go back when `initiator` does: who holds, or is about to be given, what those that go back have sent since they saved. */
export function mustGoBack(network: Network, initiator: string): Set<string> {
  const back = new Set([initiator])
  for (const name of back) {
    const { history, permanent } = network.member(name)
    const kept = idsOf(permanent, 'sent')
    for (const { what, id, peer } of history) if (what === 'sent' && !kept.has(id)) back.add(peer!)
  }
  return back
}
