/**
 * The proxy of an attached member. It stands between an object that cannot be replayed and everybody else: the object only saves, restores
 * and receives; the proxy logs, stamps, asks the service, and brings the object back to a consistent line when somebody has failed.
 *
 *     const member = await attach({ service: httpService(url), context: 'bank', name: 'a', store: await folderStore('./a'), transport,
 *       object: (self) => ({ save, restore, receive(message, from) { … self.send('b', reply) } }) })
 *
 * With the files it imports this is the whole proxy: they stand alone, and `GET /checkpoint/proxy.mjs` hands them out as one.
 *
 * Boundary: service, transport, store and timers are handed in. Payloads and states are JSON.
 *   A1  A message is stored before it is delivered; messages are delivered one at a time, in the order in which they came.
 *   A2  A checkpoint is stored before anything carries its index; sends wait in between. Saving happens only between two deliveries.
 *   A3  Only what brings a new dependency after something was sent in this interval is asked for (skip rules S1 and S2 of `exact`).
 *   A4  Edges accepted without a question travel with everything sent afterwards, until the service is known to have them. Where they are
 *       too many, their number travels instead, and the service answers `force` to whoever depends on edges it has not got.
 *   A5  Without an answer in time the question answers itself: save. Nothing was sent in the fresh interval, so no path leads through it.
 *   A6  Messages sent in an interval that a later line undoes are ghosts and never delivered; those of an epoch to come wait for its line.
 *   A7  An object that was thrown away can neither send nor save any more.
 *
 * Source: Zweiacker 1997, "A note on realization" (the proxy), "Discussion" (downloadable), "Robustness" (safe checkpoints).
 */

import { KnownEdges, tellable } from './known-edges.ts'
import { busy, type Life, type Request, revoked, type Signal, signal } from './lives.ts'
import { type Entry, MemberLog } from './member-log.ts'
import type { Answer, Attach, Check, Decision, Grant, Names, Of, Order, Report } from './protocol.ts'
import type { AttachOptions, Receipt, Saved, Token, Wire } from './proxy-parts.ts'
import { randomBoot, systemTimers } from './service-channel.ts'
import { ServiceLink, WAIT_MS } from './service-link.ts'
import { memoryStore } from './stores.ts'
import { copied, fromOutside, messageId, readWire, textOf } from './wire.ts'

/** Deliveries without a checkpoint after which one is taken, so that logs stay short. */
const LAG_DELIVERIES = 1_024
/** Messages that wait for a slow object; whoever sends more is told to send them again later. */
const MAX_WAITING = 100_000
/** An object that breaks so often at the same message will always. */
const MAX_BREAKS = 3
/** Resolves once the member is in the group, restored to where the group has gone back to; waits for a service that is away. */
export async function attach(options: AttachOptions): Promise<Member> {
  const member = new Member(options)
  await member.start()
  return member
}

/** `decided`, `forced`: by the service. `save`: nobody has answered (A5). `later`: an order is on its way. */
type Admission = 'accepted' | 'decided' | 'forced' | 'save' | 'later'

export class Member {
  readonly name: string
  readonly #options: AttachOptions
  readonly #link: ServiceLink
  readonly #log: MemberLog
  readonly #edges: KnownEdges = new KnownEdges(() => this.#place)
  #life: Life | undefined
  #place = -1
  #incarnation = 0
  #names: Names = []
  /** The interval, and whether something was sent in it. */
  #index = 0
  #sent = false
  /** By place: the latest interval from which something was delivered here. */
  #received: number[] = []
  readonly #counts = new Map<string, number>()
  /** Position of the next message. */
  #at = 0
  readonly #requests: Request[] = []
  /** While a checkpoint is being saved (A2). */
  #gate: Promise<unknown> | undefined
  #halting = false
  #leaving = false
  /** From `halted` to the next order: sends wait for it (W3). */
  #quiet: Signal | undefined
  #halted: (() => void) | undefined
  #telling: Promise<Answer | undefined> | undefined
  #tellingNext: Promise<Answer | undefined> | undefined
  #breaks = { at: -1, count: 0 }

  constructor(options: AttachOptions) {
    this.name = options.name
    this.#options = options
    this.#log = new MemberLog(options.store ?? memoryStore())
    const { service, timers = systemTimers, answerMs = 2_000, retryMs = 250 } = options
    this.#link = new ServiceLink({ service, timers, answerMs, retryMs }, (error) => this.#end(error))
  }

  /** True while the service is away: checkpoints are taken that may not be necessary, and reported later. */
  get safeMode(): boolean {
    return this.#link.safe
  }

  /** Names of the members, as far as heard. */
  get members(): readonly string[] {
    return this.#names.filter((name) => name !== null)
  }

  /** Index of the last checkpoint. */
  get index(): number {
    return this.#index
  }

  async start(): Promise<void> {
    await this.#log.read()
    const { context, boot = randomBoot() } = this.#options
    const { index = -1, edges = [] } = this.#log.last ?? {}
    const callback = this.#options.callback === undefined ? {} : { callback: this.#options.callback }
    const body: Attach = { context, member: this.name, boot, epoch: this.#log.epoch, ...tellable(index, edges), ...callback }
    const grant = await this.#link.insist<Grant>('attach', body)
    this.#place = grant.place
    this.#incarnation = grant.incarnation
    await this.#heed(grant.order)
    this.#options.transport.listen((message) => this.receive(message))
    if (this.#options.callback === undefined) void this.#listen()
    else void this.#tell()
  }

  /** Stamped at once, in the interval in which it is called, unless a checkpoint is being saved. */
  send(to: string, message: unknown): Promise<void> {
    return this.#send(this.#life, to, message)
  }

  /** Resolves with the index when the checkpoint is stable; taken before the next delivery. */
  checkpoint(): Promise<number> {
    if (this.#link.over) return Promise.reject(this.#link.over)
    return new Promise((resolve, reject) => {
      this.#requests.push({ resolve, reject })
      this.#wake()
    })
  }

  /** What the transport brings. Resolves when it is stored; `TypeError` for what is no message. */
  async receive(message: unknown): Promise<Receipt> {
    if (this.#link.over) throw this.#link.over
    if (this.#log.end - this.#at >= MAX_WAITING) throw busy(this.name)
    try {
      return await this.#log.add(readWire(message))
    } finally {
      this.#wake()
    }
  }

  /** A message from no member: its sending is never undone. */
  post(from: string, payload: unknown): Promise<Receipt> {
    return this.receive(fromOutside(from, payload))
  }

  /** These members have failed. Resolves with the line, when it is known; waits for a service that is away. */
  recover(failed: readonly string[]): Promise<unknown> {
    return this.#link.insist('recover', { context: this.#options.context, failed })
  }

  /** Leaves the group for good, once nothing this member has done can be undone any more. */
  async detach(): Promise<void> {
    for (;;) {
      await this.checkpoint()
      this.#leaving = true
      const told = await this.#tell()
      if (told && this.#edges.own.length === 0 && (await this.#link.insist('detach', this.#of()))) break
      this.#leaving = false
      await this.#link.pause()
    }
    this.#end(new Error(`${this.name} has left the group ${this.#options.context}.`))
  }

  /** Stops as if the process had ended: nobody is told. */
  close(): void {
    this.#end(new Error(`The proxy of ${this.name} is closed.`))
  }

  /** What was posted to `callback`. Resolves when it is heeded. */
  async heed(order: Order): Promise<void> {
    const isNew = order.epoch > this.#log.epoch || order.do === 'halt' || order.do === 'save'
    if (this.#link.over || !isNew) return
    await this.#heed(order)
    void this.#tell()
  }

  // The worker: one thing after the other, for one life of the object.

  async #work(life: Life): Promise<void> {
    while (this.#life === life) {
      life.woken = false
      try {
        if (await this.#turn(life)) continue
      } catch (error) {
        await this.#broken(life, error)
      }
      await new Promise<void>((resolve) => {
        life.wake = resolve
        if (life.woken || this.#life !== life) resolve()
      })
    }
  }

  /** False: nothing to do until woken. */
  async #turn(life: Life): Promise<boolean> {
    if (this.#halting) return this.#halt(life)
    if (this.#quiet) return false
    await this.#log.compact()
    if (this.#life !== life) return false
    const request = this.#requests.shift()
    if (request) {
      await this.#take(life, 'basic').then(request.resolve, request.reject)
      return true
    }
    if (this.#at - (this.#log.last?.at ?? 0) >= LAG_DELIVERIES) await this.#take(life, 'basic')
    const entry = this.#log.at(this.#at)
    if (entry === undefined || entry.state === 'storing' || this.#leaving) return false
    const { token } = entry.wire
    if (entry.state === 'lost' || (token !== null && !this.#log.accepts(token))) {
      this.#at++
      return true
    }
    if (token !== null && token[1] > this.#log.epoch) return this.#early(life, token[1])
    const ready = token === null || (await this.#admit(life, entry.wire, token))
    if (ready) await this.#deliver(life, entry)
    return ready
  }

  async #deliver(life: Life, entry: Entry): Promise<void> {
    const { from, token, payload } = entry.wire
    this.#at++
    const event = { object: this.name, kind: 'receive', msg: messageId(token, this.name), from } as const
    this.#options.observe?.(entry.delivered ? { ...event, replay: true } : event)
    entry.delivered = true
    await life.object?.receive(copied(payload) as never, from)
  }

  /** Whether it may be delivered now: nothing is needed, or the service says no, or the checkpoint is taken. */
  async #admit(life: Life, wire: Wire, token: Token): Promise<boolean> {
    const [from, epoch, index] = token
    // Of an earlier epoch: all edges were told before its line was computed, or are undone.
    if (epoch === this.#log.epoch) this.#edges.heard(wire)
    const news = index > (this.#received[from] ?? -1)
    const asked = news && this.#sent ? await this.#ask(wire, token) : 'accepted'
    if (this.#life !== life || asked === 'later') return false
    if (asked === 'save' || asked === 'forced') await this.#take(life, 'forced')
    if (this.#life !== life) return false
    if (news) this.#received[from] = index
    // What the service has decided it knows.
    if (news && (asked === 'accepted' || asked === 'save')) this.#edges.accepted(from, index, this.#index)
    return true
  }

  async #ask(wire: Wire, [from, sentEpoch, sent]: Token): Promise<Admission> {
    if (this.#link.safe) return 'save'
    const message = messageId(wire.token, this.name)
    const body: Check = { ...this.#report(), interval: this.#index, message, from, sentEpoch, sent }
    // Asked twice, since a reply may be lost; the service gives the same answer.
    const decision = await this.#link.call<Decision>('check', body, 2)
    if (this.#link.over || this.#log.epoch !== body.epoch) return 'later'
    if (decision === undefined) return 'save'
    if (decision.status !== 'ok') return 'later'
    this.#told(decision, body)
    return decision.force ? 'forced' : 'decided'
  }

  /** Its line is on its way; or it names an epoch that there is not, and is dropped. */
  async #early(life: Life, epoch: number): Promise<boolean> {
    const answer = await this.#tell()
    if (answer === undefined || this.#life !== life || answer.epoch >= epoch) return false
    this.#at++
    return true
  }

  async #take(life: Life, kind: 'basic' | 'forced'): Promise<number> {
    const saving = this.#save(life, kind)
    const gate = saving.catch(() => undefined)
    this.#gate = gate
    try {
      await saving
    } finally {
      if (this.#gate === gate) this.#gate = undefined
    }
    void this.#tell()
    return this.#index
  }

  async #save(life: Life, kind: 'basic' | 'forced'): Promise<void> {
    const valid = () => this.#life === life
    const state = textOf(await life.object?.save())
    if (!valid()) throw revoked(this.name)
    const saved = { index: this.#index + 1, at: this.#at, received: [...this.#received], edges: [...this.#edges.own], state }
    await this.#log.save(saved, valid)
    if (!valid()) throw revoked(this.name)
    this.#index = saved.index
    this.#sent = false
    this.#options.observe?.({ object: this.name, kind: 'checkpoint', index: saved.index, forced: kind === 'forced' })
  }

  async #send(life: Life | undefined, to: string, message: unknown): Promise<void> {
    while (this.#gate || this.#quiet) await (this.#gate ?? this.#quiet?.promise)
    if (this.#link.over) throw this.#link.over
    if (this.#life === undefined || life !== this.#life) throw revoked(this.name)
    const payload = copied(message)
    this.#sent = true
    const number = (this.#counts.get(to) ?? 0) + 1
    this.#counts.set(to, number)
    const token = [this.#place, this.#log.epoch, this.#index, number] as const
    this.#options.observe?.({ object: this.name, kind: 'send', msg: messageId(token, to), to })
    const attached = this.#edges.attached()
    if (attached.needs.length > 0) void this.#tell()
    await this.#options.transport.send(to, { from: this.name, token, ...attached, payload })
  }

  // What the service is told.

  #of(): Of {
    return { context: this.#options.context, member: this.name, incarnation: this.#incarnation, epoch: this.#log.epoch }
  }

  #report(): Report {
    return { ...this.#of(), ...this.#edges.report(this.#index) }
  }

  /** Reports what there is to report at the call; undefined: the service is away, and is told again later. */
  #tell(): Promise<Answer | undefined> {
    if (this.#telling === undefined) return this.#tellNow()
    this.#tellingNext ??= this.#telling.then(() => {
      this.#tellingNext = undefined
      return this.#tellNow()
    })
    return this.#tellingNext
  }

  #tellNow(): Promise<Answer | undefined> {
    const telling = this.#tellOnce().finally(() => {
      if (this.#telling === telling) this.#telling = undefined
    })
    this.#telling = telling
    return telling
  }

  async #tellOnce(): Promise<Answer | undefined> {
    const body = this.#report()
    const answer = await this.#link.call<Answer>('report', body)
    if (answer?.status === 'ok' && this.#log.epoch === body.epoch) this.#told(answer, body)
    if (answer === undefined && !this.#link.over) {
      this.#link.later(() => {
        if (this.#link.safe) void this.#tell()
      })
    }
    return answer
  }

  #told({ unknown, floor }: Answer, report: Report): void {
    this.#edges.told(report, unknown)
    this.#log.forget(floor)
    if (!this.#link.safe || this.#edges.own.length > 0) return
    this.#link.safe = false
    this.#wake()
  }

  // Orders of the service.

  async #listen(): Promise<void> {
    while (!this.#link.over) {
      const { waitMs = WAIT_MS } = this.#options
      const order = await this.#link.call<Order>('wait', { ...this.#of(), waitMs }, 1, waitMs ?? Number.POSITIVE_INFINITY)
      if (this.#link.over) return
      if (order === undefined) await this.#link.pause()
      else await this.#heed(order).catch((error) => this.#end(error))
    }
  }

  /** What a webhook hears, or a long poll. */
  async #heed(order: Order): Promise<void> {
    this.#names = order.names
    if (order.do === 'rollback') return this.#goBack(order)
    if (order.do === 'resume') {
      const stored = this.#log.begin(order.epoch, order.lines, null)
      this.#begin()
      return stored
    }
    this.#log.forget(order.floor)
    if (this.#link.safe) void this.#tell()
    if (order.do === 'nothing') return
    if (order.do === 'save') void this.checkpoint().catch(() => undefined)
    else this.#halting ||= this.#quiet === undefined
    // Until the worker has come to it, which an object that hangs may prevent; the service then takes it for failed.
    const halted = new Promise<void>((resolve) => {
      this.#halted = resolve
    })
    this.#wake()
    await Promise.race([this.#link.pause(), halted])
  }

  /** Nothing is under way here: says how far it is, with every edge. */
  async #halt(life: Life): Promise<boolean> {
    this.#quiet ??= signal()
    while (this.#edges.tooMany) if ((await this.#tell()) === undefined) await this.#link.pause()
    const body = this.#report()
    const answer = await this.#link.call<Answer>('halted', body)
    if (answer === undefined) await this.#link.pause()
    if (this.#life !== life || answer === undefined || this.#log.epoch !== body.epoch) return true
    this.#halting = false
    if (answer.status === 'ok') this.#told(answer, body)
    else this.#speak()
    this.#halted?.()
    return true
  }

  #speak(): void {
    this.#quiet?.resolve()
    this.#quiet = undefined
  }

  async #goBack({ epoch, lines, index }: Order & { readonly do: 'rollback' }): Promise<void> {
    this.#life?.wake?.()
    this.#life = undefined
    this.#gate = undefined
    const saved = this.#log.checkpoint(index)
    const life = await this.#make(saved, index)
    if (this.#link.over) return
    if (life === undefined) {
      this.#log.spoilt(index)
      await this.#link.call('unavailable', { ...this.#of(), epoch, index })
      return
    }
    const stored = this.#log.begin(epoch, lines, index)
    this.#index = index
    this.#sent = false
    this.#at = saved?.at ?? this.#log.base
    this.#received = [...(saved?.received ?? [])]
    this.#edges.clear()
    await stored
    if (saved) this.#options.observe?.({ object: this.name, kind: 'rollback', to: index })
    else await this.#saveFirst(life)
    this.#life = life
    this.#begin()
    void this.#work(life)
  }

  async #saveFirst({ object }: Life): Promise<void> {
    const first = { index: 0, at: this.#at, received: [], edges: [], state: textOf(await object?.save()) }
    await this.#log.save(first, () => true)
  }

  /** Undefined: that checkpoint is not here, or cannot be restored. Index 0 is what the factory makes. */
  async #make(saved: Saved | undefined, index: number): Promise<Life | undefined> {
    if (saved === undefined && index > 0) return undefined
    const life: Life = { object: undefined, wake: undefined, woken: false }
    const checkpoint = () => (life === this.#life ? this.checkpoint() : Promise.reject(revoked(this.name)))
    try {
      const object = this.#options.object({ name: this.name, send: (to, message) => this.#send(life, to, message), checkpoint })
      life.object = object
      if (saved) await object.restore(JSON.parse(saved.state))
      return life
    } catch (error) {
      if (saved === undefined) throw error
      return this.#make(undefined, index)
    }
  }

  #begin(): void {
    this.#edges.clear()
    this.#counts.clear()
    this.#halting = false
    this.#speak()
    this.#wake()
  }

  /** The object has thrown: it is thrown away, and goes back as any failed one. */
  async #broken(life: Life, error: unknown): Promise<void> {
    if (this.#life !== life || this.#link.over) return
    const count = this.#breaks.at === this.#at ? this.#breaks.count + 1 : 1
    this.#breaks = { at: this.#at, count }
    const text = `${this.name} broke ${count} times at the same message. Mend it, then attach it again.`
    if (count >= MAX_BREAKS) return this.#end(new Error(text, { cause: error }))
    this.#life = undefined
    await this.recover([this.name]).catch((refused) => this.#end(refused))
  }

  #end(error: Error): void {
    if (this.#link.over) return
    this.#link.over = error
    this.#life?.wake?.()
    this.#life = undefined
    this.#speak()
    for (const { reject } of this.#requests.splice(0)) reject(error)
    void this.#log.close()?.catch(() => undefined)
    this.#options.ended?.(error)
  }

  #wake(): void {
    if (!this.#life) return
    this.#life.woken = true
    this.#life.wake?.()
  }
}
