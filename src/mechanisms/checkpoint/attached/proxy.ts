/**
 * The proxy of an attached member. It stands between an object that cannot be replayed and everybody else: the object only saves, restores
 * and receives; the proxy logs, stamps, asks the service, and brings the object back to a consistent line when somebody has failed.
 *
 *     const member = await attach({ service: httpService(url), context: 'bank', name: 'a', store: await folderStore('./a'), transport,
 *       object: (self) => ({ save, restore, receive(message, from) { … self.send('b', reply) } }) })
 *
 * Boundary: stands alone with the files it imports, and `GET /checkpoint/proxy.mjs` hands them out as one. Service, transport, store and
 * timers are handed in. Payloads and states are JSON.
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
import { heardWhile, InTurn, type Life, lifeOf, type Request, type Signal, shared, signal } from './lives.ts'
import { type Entry, MemberLog } from './member-log.ts'
import type { Answer, Attach, Check, Decision, Grant, Names, Of, Order, Report } from './protocol.ts'
import type { AttachOptions, Receipt, Recoverable, Self, Token, Wire } from './proxy-parts.ts'
import { checkedObject, checkOptions, checkRoom, misused, refused, revoked, wedged } from './proxy-refusals.ts'
import { randomBoot, systemTimers } from './service-channel.ts'
import { ServiceLink, WAIT_MS } from './service-link.ts'
import { memoryStore } from './stores.ts'
import { copied, fromOutside, messageId, readWire, textOf } from './wire.ts'

/** Deliveries without a checkpoint after which one is taken, so that logs stay short. */
const LAG_DELIVERIES = 1_024
/** An object that breaks so often at the same message will always. */
const MAX_BREAKS = 3

/** Resolves once the member is in the group, restored to where the group has gone back to; waits for a service that is away. */
export async function attach(options: AttachOptions): Promise<Member> {
  checkOptions(options)
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
  readonly #orders = new InTurn()
  /** Reports what there is to report at the call; undefined: the service is away, and is told again later. */
  readonly #tell = shared(() => this.#tellOnce())
  /** While a checkpoint is being saved (A2). */
  #gate: Promise<unknown> | undefined
  #halting = false
  #leaving = false
  /** From `halted` to the next order (W3), and while there is no object: sends wait for it. */
  #quiet: Signal | undefined
  #halted: (() => void) | undefined
  #breaks = { at: -1, count: 0 }

  constructor(options: AttachOptions) {
    this.name = options.name
    this.#options = options
    this.#log = new MemberLog(options.store ?? memoryStore())
    const { service, timers = systemTimers, answerMs = 2_000, retryMs = 250, waitMs = WAIT_MS } = options
    this.#link = new ServiceLink({ service, timers, answerMs, retryMs, waitMs }, (error) => this.#end(error))
  }

  /** True while the service is away: checkpoints are taken that may not be necessary, and reported later. */
  get safeMode(): boolean {
    return this.#link.safe
  }

  /** Names, as far as heard. */
  get members(): readonly string[] {
    return this.#names.filter((name) => name !== null)
  }

  /** Index of the last checkpoint. */
  get index(): number {
    return this.#index
  }

  async start(): Promise<void> {
    await this.#log.read()
    const { context, boot = randomBoot(), callback } = this.#options
    const { index = -1, edges = [] } = this.#log.last ?? {}
    const whole = { context, member: this.name, boot, epoch: this.#log.epoch, ...tellable(index, edges) }
    const body: Attach = callback === undefined ? whole : { ...whole, callback }
    const grant = await this.#link.insist<Grant>('attach', body)
    this.#place = grant.place
    this.#incarnation = grant.incarnation
    await this.#heed(grant.order)
    this.#options.transport.listen((message) => this.receive(message))
    if (callback === undefined) void this.#listen()
    else void this.#tell()
  }

  /** Stamped at once, in the interval in which it is called, unless a checkpoint is being saved or the group goes back: then afterwards. */
  send(to: string, message: unknown): Promise<void> {
    return this.#send(to, message)
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
    checkRoom(this.#log.end - this.#at, this.name)
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

  /** Leaves the group for good, once it was given what is here, and nothing it has done can be undone any more. */
  async detach(): Promise<void> {
    for (const { end } = this.#log; ; ) {
      while (this.#at < end && !this.#link.over) await this.#link.pause()
      await this.checkpoint()
      this.#leaving = true
      const told = await this.#tell()
      if (told && this.#edges.own.length === 0 && (await this.#link.insist('detach', this.#of()))) break
      this.#leaving = false
      await this.#link.pause()
    }
    this.#end(refused('CLOSED', `${this.name} has left the group ${this.#options.context}.`))
  }

  /** Stops as if the process had ended: nobody is told. */
  close(): void {
    this.#end(refused('CLOSED', `The proxy of ${this.name} is closed.`))
  }

  /** What was posted to `callback`, which may be the same again while it is being heeded. Resolves when it is heeded. */
  heed(order: Order): Promise<void> {
    return this.#orders.do(`${order.do} ${order.epoch}`, async () => {
      const isNew = order.epoch > this.#log.epoch || order.do === 'halt' || order.do === 'save'
      if (this.#link.over || !isNew) return
      await this.#heed(order)
      void this.#tell()
    })
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
    if (this.#requests.length > 0) {
      const index = await this.#take(life, 'basic').catch((error) => {
        // What was asked of an object that is gone meanwhile is answered by the next one.
        if (this.#life === life) this.#requests.shift()?.reject(error)
        throw error
      })
      this.#requests.shift()?.resolve(index)
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
    const event = { object: this.name, kind: 'receive', msg: messageId(token, this.name, this.#at), from } as const
    this.#at++
    this.#options.observe?.(entry.delivered ? { ...event, replay: true } : event)
    entry.delivered = true
    life.receiving = true
    await life.object?.receive(copied(payload) as never, from)
    life.receiving = false
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
    await saving.finally(() => {
      if (this.#gate === gate) this.#gate = undefined
    })
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

  /** `life`: of the object that sends; without it, the member as such does. */
  async #send(to: string, message: unknown, life?: Life): Promise<void> {
    if (typeof to !== 'string') throw misused(`A message was to be sent to ${String(to)}: expected the name of a member.`)
    while (this.#gate || this.#quiet) await (this.#gate ?? this.#quiet?.promise)
    if (this.#link.over) throw this.#link.over
    if (this.#life === undefined || (life ?? this.#life) !== this.#life) throw revoked(this.name)
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
      const order = await this.#link.wait<Order>(this.#of())
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
    this.#throwAway()
    const saved = this.#log.checkpoint(index)
    const life = await lifeOf((begun) => this.#make(begun), saved, index)
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
    else {
      const state = textOf(await life.object?.save())
      await this.#log.save({ index: 0, at: this.#at, received: [], edges: [], state }, () => true)
    }
    this.#life = life
    this.#begin()
    void this.#work(life)
  }

  #make(life: Life): Recoverable {
    const isAlive = () => life === this.#life
    const self: Self = {
      name: this.name,
      send: (to, message) => heardWhile(isAlive, this.#send(to, message, life)),
      checkpoint: () => heardWhile(isAlive, this.#checkpointOf(life)),
    }
    return checkedObject(this.#options.object(self), this.name)
  }

  async #checkpointOf(life: Life): Promise<number> {
    if (life !== this.#life) throw revoked(this.name)
    const saved = this.checkpoint()
    if (!life.receiving) return saved
    // Who waited for it here would wait for its own end.
    saved.catch(() => undefined)
    return this.#index + this.#requests.length
  }

  #throwAway(): void {
    this.#life?.wake?.()
    this.#life = undefined
    this.#gate = undefined
    this.#quiet ??= signal()
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
    if (count >= MAX_BREAKS) return this.#end(wedged(this.name, count, error))
    this.#throwAway()
    await this.recover([this.name]).catch((reason) => this.#end(reason))
  }

  #end(error: Error): void {
    if (this.#link.over) return
    this.#link.over = error
    this.#throwAway()
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
