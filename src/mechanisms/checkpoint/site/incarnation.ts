/**
 * One object of a member, from its building to its throwing away: what waits for it, and whose turn it is.
 *
 * Messages, saves and questions to the service take turns; what the object sends comes at any time, and goes out in the order of the
 * calls. Most turns are a synchronous `receive`, so these follow each other in a loop, without a promise between them.
 *
 * Boundary: knows the object, its rule and its states; notes come through `proxy.ts`, which makes a new one at every rollback.
 *   I1  One turn at a time. A message is delivered when its position is durable, and after whatever has to be saved before it.
 *   I2  Operations are issued in the order in which things happened: what is sent while the object saves, is halted, or is not built
 *       yet, waits and belongs to the interval after.
 *   I3  From `halt` to `reopen` nothing is issued, and no delivery begins.
 *   I4  After `retire` nothing it does reaches anybody: what it sends is refused, what it returns is not looked at.
 *   I5  Between the checkpoint that a message forces and its delivery nothing is issued.
 */
import type { PerdureError } from '../../../errors.ts'
import { type Grant, HEARD_EVERY, type Mail, type Of, type SaveCause, type WireLine } from '../machine/protocol.ts'
import { buildObject } from './building.ts'
import { type CallTerms, called, isThenable, limited, reasonOf, thrown } from './calls.ts'
import { type IncarnationPort, MESSAGES_PER_TURN, TURN_MS } from './incarnation-port.ts'
import { MailQueue } from './mail-queue.ts'
import type { CheckpointedObject, Self } from './member-object.ts'
import { type Judgement, type MemberRule, memberRule } from './member-rule.ts'
import { Outgoing } from './outgoing.ts'
import type { Recipe } from './recipe.ts'
import { isRefusalOfOld, receiptOf, thrownAway } from './refusals.ts'
import { messageIn } from './requests.ts'
import { type Call, insideCall, outside, type ScopedObject } from './scope.ts'
import { States, type TakenState, takenState } from './states.ts'
import { Marks, Wishes } from './wishes.ts'

export class Incarnation implements ScopedObject {
  readonly grant: Grant
  readonly #recipe: Recipe
  readonly #port: IncarnationPort
  readonly #abort = new AbortController()
  readonly #rule: MemberRule
  readonly #states: States
  readonly #queue = new MailQueue()
  readonly #wishes = new Wishes()
  readonly #marks = new Marks()
  readonly #out: Outgoing
  #object: CheckpointedObject | undefined
  readonly #terms: Omit<CallTerms, 'what'>
  #over = false
  #halted = false
  /** `reopen` is to come: until then it is still halted (I3). */
  #resumed = false
  /** From the beginning of a save to its operation, or as far as I5 reaches: what is sent waits. */
  #saving = false
  /** A turn is under way. */
  #busy = true
  #running = false
  #scheduled = false
  #arrived = false
  /** The checkpoint for the last marker. */
  #marked: Promise<void> = Promise.resolve()
  #receiving: Call | undefined
  #whenGoing: (() => void)[] = []
  #whenArrived: (() => void)[] = []

  constructor(recipe: Recipe, grant: Grant, port: IncarnationPort) {
    const { place, index, names, rule, state } = grant
    this.grant = grant
    this.#recipe = recipe
    this.#port = port
    this.#rule = memberRule({ protocol: recipe.protocol, place, index, rule, places: names.length })
    this.#states = new States(port.blobs, state)
    this.#out = new Outgoing(recipe.member, grant, this.#rule, port, () => this.schedule())
    this.#terms = { clock: port.clock, maxTurnMs: recipe.maxTurnMs, object: this }
  }

  get over(): boolean {
    return this.#over
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get delivered(): number {
    return this.#out.delivered
  }

  get halted(): boolean {
    return this.#halted
  }

  /** Operations may be issued in its name. */
  get isGoing(): boolean {
    return !this.#over && !this.#halted
  }

  /** Absent until it is built. */
  get object(): CheckpointedObject | undefined {
    return this.#object
  }

  get of(): Of {
    return this.#out.of
  }

  // From the proxy

  /** Makes the object: a new member saves its first state, another one is given its last. */
  async build(self: Self): Promise<void> {
    try {
      const { index, state } = this.grant
      this.#object = await buildObject(this.#recipe, self, state, this.#port.blobs, this.#terms)
      this.#alive()
      if (index < 0) {
        const { stable } = await this.#save('basic', null)
        this.#goOn()
        await stable
      } else this.#goOn()
      this.#alive()
      this.#port.live()
      this.#endTurn()
    } catch (error) {
      this.#broke(null, error)
    }
  }

  /** More messages. Comes in the middle of an operation: nothing happens before the next turn. */
  add(mail: readonly Mail[]): void {
    for (const each of mail) this.#queue.push(each)
    this.schedule()
  }

  /** Takes turns soon, if there are any to take. */
  schedule(): void {
    if (this.#scheduled || this.#busy || this.#running) return
    this.#scheduled = true
    this.#port.clock.hop(() => {
      this.#scheduled = false
      outside(this.#run)
    })
  }

  halt(): void {
    this.#halted = true
    this.#resumed = false
    this.#out.gate.shut()
  }

  /** It stays as it is; what it was given and is undone vanishes. `reopen` follows, in a turn of its own, if no `halt` does before. */
  resume(epoch: number, line: WireLine): void {
    this.#out.epoch = epoch
    this.#resumed = true
    this.#queue.drop(([, from, , index]) => from >= 0 && index >= (line[from] ?? Number.POSITIVE_INFINITY))
  }

  reopen(): void {
    if (this.#over || !this.#resumed) return
    this.#resumed = false
    this.#halted = false
    for (const go of this.#whenGoing.splice(0)) go()
    if (this.#object !== undefined && !this.#saving) this.#out.gate.open()
    // The last message that it should be given before it counts as arrived may be one of those that have vanished.
    if (!this.#arrived) void this.tell()
    this.schedule()
  }

  rename(names: readonly (string | null)[]): void {
    this.#out.names = names
    this.#rule.grow(names.length)
  }

  /** From now on it is nobody. `abandon` follows, outside of any operation: it calls code of the program. */
  retire(): void {
    this.#over = true
    this.#out.gate.shut()
  }

  abandon(reason: PerdureError): void {
    this.retire()
    this.#out.gate.refuse(reason)
    this.#wishes.reject(reason)
    this.#marks.reject(reason)
    for (const go of [...this.#whenGoing.splice(0), ...this.#whenArrived.splice(0)]) go()
    outside(() => this.#abort.abort(reason))
  }

  /** Says how far it is; resolves when the service knows, or needs not to know. */
  async tell(): Promise<void> {
    if (!this.isGoing) return
    const told = this.#out.say('checkpoint.heard', [this.#out.delivered])
    await told.then(() => this.#queue.first === undefined && this.#arrive(), ignore)
  }

  /** Somebody waits for its next checkpoint. */
  please(): void {
    if (this.#wishes.isEmpty) void this.#out.unheard(this.#wish('asked'))
  }

  /** Protocol `koo-toueg`: a save that is under way is the answer. */
  tentative(): void {
    if (!this.#saving && this.#wishes.isEmpty) void this.#out.unheard(this.#wish('forced'))
  }

  /** Protocol `cut`: a checkpoint before the first message behind this position. */
  marker(position: number): void {
    this.#marked = new Promise<void>((resolve, reject) => {
      this.#marks.add({ position, reject, act: () => this.#wishes.push([{ cause: 'forced', resolve, reject }]) })
    })
    void this.#out.unheard(this.#marked)
    this.schedule()
  }

  /** The state before the first message behind this position, for a snapshot. */
  record(snapshot: number, position: number): void {
    const record = async () => {
      const bytes = await this.#states.recorded(await this.#taken())
      await this.#going()
      void this.#out.unheard(this.#out.say('checkpoint.recorded', [snapshot, bytes]))
      this.#goOn()
      return undefined
    }
    this.#marks.add({ position, act: () => this.#takeTurn(record) })
    this.schedule()
  }

  // From the program

  /** `payload`: an encoded value. */
  send(to: string, payload: Uint8Array, signal?: AbortSignal): Promise<number> {
    return this.#out.send(to, payload, signal)
  }

  /** An operation that belongs to the interval in which it is called. */
  issue(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    return this.#out.issue(name, args, signal)
  }

  /** Resolves when a checkpoint of now, or of after the turn that is under way, is stable. */
  async checkpoint(): Promise<void> {
    if (this.#recipe.protocol !== 'cut') return this.#wish('basic')
    await this.#out.gate.wait(() => this.#out.say('checkpoint.mark', []))
    return this.#marked
  }

  /** Resolves when everything is saved that has happened to it, and that was on its way to it at the call. */
  async settle(): Promise<void> {
    // What it was given before, and is given again now, is part of it.
    while (!this.#arrived && !this.#over) await new Promise<void>((go) => this.#whenArrived.push(go))
    await this.#catchUp()
    if (this.#out.dirty || !this.#wishes.isEmpty || this.#busy) await this.#wish('asked')
  }

  /** The answer comes after all mail that there was; where that is more than fits the window, the next one after more of it. */
  async #catchUp(): Promise<void> {
    let upTo = 0
    let before: number
    do {
      await this.#going()
      before = this.#out.delivered
      await this.#out.say('checkpoint.heard', [before])
      // Thrown away meanwhile, it passes nothing any more.
      this.#alive()
      upTo ||= this.#port.durablePosition
      const passed = this.#marks.passed(upTo)
      this.schedule()
      await passed
    } while (before < this.#out.delivered && this.#out.delivered < upTo)
  }

  /** `signal` withdraws the operation. Rejects where it does not come about; then the member goes on. */
  async leave(signal?: AbortSignal): Promise<void> {
    try {
      await this.#out.gate.wait(() => this.#out.say('checkpoint.leave', [], signal), signal)
    } catch (error) {
      // While it was leaving it was given no mail.
      void this.tell()
      throw error
    }
  }

  /** Something that was called beside its turns has gone wrong. */
  breaks(error: unknown): void {
    this.#broke(null, error)
  }

  isReceiving(call: Call | undefined): boolean {
    return call?.open === true && call === this.#receiving
  }

  // Turns

  readonly #run = (): void => {
    if (this.#running) return
    this.#running = true
    const more = this.#turns()
    this.#running = false
    if (more) this.schedule()
  }

  /** True if turns are left that can be taken at once. */
  #turns(): boolean {
    const { clock } = this.#port
    const untilMs = clock.monotonicMs() + TURN_MS
    for (let count = 0; !this.#busy && !this.#halted && !this.#over; count += 1) {
      if (!this.#wishes.isEmpty) {
        this.#takeTurn(() => this.#fulfil())
        return false
      }
      const mail = this.#queue.first
      const mark = this.#marks.takeDue(mail?.[0])
      if (mark !== undefined) {
        mark.act()
        continue
      }
      if (mail === undefined || mail[0] > this.#port.durablePosition || this.#out.isCrowded) return false
      if (count === MESSAGES_PER_TURN || (count % 16 === 15 && clock.monotonicMs() > untilMs)) return true
      this.#next(mail)
    }
    return false
  }

  /** Delivers it, or does first what has to be done first. */
  #next(mail: Mail): void {
    let judgement: Judgement
    try {
      judgement = this.#rule.judge(mail)
    } catch (error) {
      return this.#broke(mail[0], error)
    }
    if (judgement === 'deliver') this.#deliver(mail)
    else this.#takeTurn(() => this.#prepare(judgement, mail))
  }

  /** Whatever goes wrong in a turn is the end of the object. */
  #takeTurn(turn: () => Promise<Mail | undefined>): void {
    this.#busy = true
    turn().then(
      (mail) => {
        if (this.#over) return
        if (mail !== undefined && !this.#halted && mail === this.#queue.first) return outside(() => this.#deliver(mail))
        if (this.#saving) this.#goOn()
        this.#endTurn()
      },
      (error: unknown) => this.#broke(null, error),
    )
  }

  #endTurn(): void {
    this.#busy = false
    if (this.#out.delivered >= this.grant.replayTo) this.#arrive()
    this.schedule()
  }

  #arrive(): void {
    if (this.#arrived || this.#over || this.#object === undefined) return
    this.#arrived = true
    this.#port.arrived()
    for (const go of this.#whenArrived.splice(0)) go()
  }

  /** Resolves with the message when it can be delivered, if it has not vanished meanwhile. */
  async #prepare(judgement: Judgement, mail: Mail): Promise<Mail> {
    const save = judgement === 'save' || (await this.#out.say('checkpoint.check', [this.#out.index, mail[0]])) === true
    await this.#going()
    if (save && this.#queue.first === mail) {
      const { stable } = await this.#save('forced', mail)
      await stable
      await this.#going()
    }
    return mail
  }

  #deliver(mail: Mail): void {
    const position = mail[0]
    this.#queue.shift()
    this.#out.delivered = position
    this.#out.dirty = true
    const call: Call = { object: this, open: true }
    let result: unknown
    try {
      this.#rule.merge(mail)
      if (this.#saving) this.#goOn()
      this.#receiving = call
      result = insideCall(call, this.#receive, mail)
    } catch (error) {
      return this.#broke(position, thrown(receiptOf(mail), error))
    }
    if (isThenable(result)) return this.#await(mail, call, result)
    call.open = false
    if (this.#busy) this.#endTurn()
    this.#afterDelivery()
  }

  readonly #receive = (mail: Mail): unknown => (this.#object as CheckpointedObject).receive(messageIn(mail), mail[2])

  #await(mail: Mail, call: Call, result: PromiseLike<unknown>): void {
    this.#busy = true
    limited({ ...this.#terms, what: receiptOf(mail) }, call, result).then(
      () => {
        if (this.#over) return
        this.#endTurn()
        this.#afterDelivery()
      },
      (error: unknown) => this.#broke(mail[0], error),
    )
  }

  #afterDelivery(): void {
    this.#out.unreported += 1
    if (!this.#arrived && this.#out.delivered >= this.grant.replayTo) this.#arrive()
    if (this.#out.unreported >= HEARD_EVERY) void this.tell()
  }

  // Checkpoints

  #wish(cause: SaveCause): Promise<void> {
    if (this.#over) return Promise.reject(thrownAway())
    const wish = this.#wishes.add(cause)
    this.schedule()
    return wish
  }

  /** One checkpoint for all who wait for one. */
  async #fulfil(): Promise<undefined> {
    const { wishes, cause } = this.#wishes.takeAll()
    const reject = (error: unknown) => wishes.forEach((wish) => void wish.reject(error))
    const failed = (error: unknown) => {
      reject(error)
      this.#broke(null, error)
    }
    try {
      const { stable } = await this.#save(cause, null)
      this.#goOn()
      stable.then((permanent) => {
        // A coordinated checkpoint that did not come about: those who wait go on waiting.
        if (permanent === false && !this.#over) this.#wishes.push(wishes)
        else for (const { resolve } of wishes) resolve()
        this.schedule()
      }, failed)
      return undefined
    } catch (error) {
      reject(error)
      throw error
    }
  }

  /** Resolves when the operation is issued; what is sent waits until `#goOn`. */
  async #save(cause: SaveCause, by: Mail | null): Promise<{ readonly stable: Promise<unknown> }> {
    const prepared = await this.#states.prepare(await this.#taken())
    await this.#going()
    const index = this.#out.index + 1
    if (index > 0) this.#rule.take(by)
    const args = [index, this.#out.delivered, cause, prepared.state, this.#rule.saved()]
    const stable = this.#out.say('checkpoint.save', args)
    void this.#out.unheard(stable)
    if (this.#recipe.protocol === 'koo-toueg' && (await stable) !== true) return { stable }
    this.#alive()
    this.#out.index = index
    this.#states.keep(prepared)
    this.#out.dirty = false
    return { stable }
  }

  async #taken(): Promise<TakenState> {
    this.#saving = true
    this.#out.gate.shut()
    const object = this.#object as CheckpointedObject
    const taken = await called({ ...this.#terms, what: 'save' }, () => {
      const state = object.save()
      return isThenable(state) ? Promise.resolve(state).then(takenState) : takenState(state)
    })
    this.#alive()
    return taken
  }

  /** Whatever is sent from now on belongs to the present interval. */
  #goOn(): void {
    this.#saving = false
    if (this.isGoing) this.#out.gate.open()
  }

  /** Resolves when it is not halted. Rejects when it is over. */
  async #going(): Promise<void> {
    while (this.#halted && !this.#over) await new Promise<void>((go) => this.#whenGoing.push(go))
    this.#alive()
  }

  #alive(): void {
    if (this.#over) throw thrownAway()
  }

  #broke(message: number | null, error: unknown): void {
    if (this.#over || isRefusalOfOld(error)) return
    this.retire()
    this.#port.broken(message, reasonOf(error))
  }
}

function ignore(): void {}
