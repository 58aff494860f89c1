/**
 * Coordinated checkpoints and rollback after Koo and Toueg (1987): whoever saves takes along those, and only those, whose messages it has
 * been given since they last saved; whoever goes back takes along those that hold a message which it undoes. Two checkpoints for each
 * member are enough: the permanent one, and a tentative one while it is decided.
 *
 *     const a = new KooToueg<string>('a', ['b', 'c'])
 *     a.send('b', 'hello')       // [{ do: 'send', to: 'b', message: { kind: 'application', label: 1, payload: 'hello' } }]
 *     a.checkpoint()             // [{ do: 'take' }, …]: the object saves, and those it depends on are asked to
 *
 * Both go in two phases over a tree. The initiator asks, who has to take part asks in turn, answers come back up, the decision goes down
 * the same way:
 *
 *     checkpoint   take, last_rmsg       p takes a tentative one iff last_rmsg >= first_smsg_p > 0      commit: permanent · abort: undone
 *     rollback     prepare, last_smsg    p takes part iff last_rmsg_p > last_smsg                       commit: restarts · abort: goes on
 *
 * A message whose sending is kept and whose receipt is undone is *missing*; the paper leaves it lost. Here the receiver has logged it, and
 * after `restore` is given exactly those again.
 *
 * Boundary: pure; one participant for each member, driven by whoever has a transport: it carries out the actions that every input gives,
 * in their order. Control messages and application messages share one FIFO channel for each pair of members; nothing is lost there.
 * Whoever gives a member up answers `no` in its place.
 *   K1  Whoever takes part sends no application message until it has heard the decision: what its object sends is held back.
 *   K2  A member takes part in one instance at a time, and says no to all others meanwhile. So two that meet undo each other, and neither
 *       waits for the other.
 *   K3  All answers are in before anybody commits. An abort can overtake requests: who has heard it does not join that instance again, so
 *       every instance comes to an end.
 *   K4  Channels are FIFO, so when a request to prepare arrives all that it undoes has arrived: later messages of that sender are new.
 *
 * Source: Koo and Toueg, Checkpointing and rollback-recovery for distributed systems, IEEE TSE 13(1), 1987, sections III and IV, with the
 * changes above and in `koo-toueg-books.ts`.
 */
import { PerdureError } from '../../errors.ts'
import { Books, type Logged, MAX_LOGGED } from './koo-toueg-books.ts'

export type Undertaking = 'checkpoint' | 'rollback'

/** The `number`th instance that this member has begun. */
export interface InstanceId {
  readonly initiator: string
  readonly number: number
}

export type Control =
  /** Take a tentative checkpoint, if you sent the message with this label after your last one. */
  | { readonly kind: 'take'; readonly instance: InstanceId; readonly label: number }
  /** Prepare to go back, if you hold a message of mine with a greater label. */
  | { readonly kind: 'prepare'; readonly instance: InstanceId; readonly label: number }
  | { readonly kind: 'answer'; readonly instance: InstanceId; readonly willing: 'yes' | 'no' }
  | { readonly kind: 'decision'; readonly instance: InstanceId; readonly decision: 'commit' | 'abort' }

export interface ApplicationMessage<P> {
  readonly kind: 'application'
  readonly label: number
  readonly payload: P
}

export type Action<P> =
  | { readonly do: 'send'; readonly to: string; readonly message: ApplicationMessage<P> | Control }
  /** Give it to the object. `from` undefined: from no member. */
  | { readonly do: 'deliver'; readonly from: string | undefined; readonly payload: P }
  /** Save the object's state beside the permanent checkpoint. */
  | { readonly do: 'take' }
  /** The tentative checkpoint takes the place of the permanent one. */
  | { readonly do: 'make-permanent' }
  /** The tentative checkpoint is thrown away. */
  | { readonly do: 'undo' }
  /** Give the object the state of the permanent checkpoint. */
  | { readonly do: 'restore' }
  /** Nobody goes back. */
  | { readonly do: 'resume' }

interface Instance {
  readonly id: InstanceId
  readonly what: Undertaking
  /** Undefined: this member is the initiator. */
  readonly parent: string | undefined
  readonly asked: readonly string[]
  readonly awaited: Set<string>
  /** Whether the parent has been answered. */
  phase: 'asking' | 'answered'
}

/** Labels of messages that their sender has undone, which all have come. */
interface Undone {
  readonly after: number
  readonly upTo: number
}

export class KooToueg<P> {
  readonly name: string
  /** What this member refuses to take part in, for reasons of its own. */
  readonly unwilling: Set<Undertaking> = new Set()
  readonly #peers: readonly string[]
  readonly #books = new Books<P>()
  readonly #undone = new Map<string, Undone>()
  #held: { readonly to: string; readonly payload: P }[] = []
  #instance: Instance | undefined
  #condition: 'sound' | 'failed' = 'sound'
  #begun = 0
  /** Number of the last instance of each initiator whose decision has been heard. */
  readonly #over = new Map<string, number>()

  /** `peers`: all others. `PERDURE_E_USAGE` if a name comes twice. */
  constructor(name: string, peers: readonly string[]) {
    const names = [name, ...peers]
    if (new Set(names).size < names.length)
      throw usage(`The members ${names.join(', ')} are not all different: expected one name for each. Rename one.`)
    this.name = name
    this.#peers = [...peers]
  }

  /** What it takes part in: it has saved tentatively, or waits to go back. */
  get takesPartIn(): Undertaking | undefined {
    return this.#instance?.what
  }

  /** The object has lost its state and waits to go back. */
  get hasFailed(): boolean {
    return this.#condition === 'failed'
  }

  /** Messages that a checkpoint of this member would free. */
  get logged(): number {
    return this.#books.logged
  }

  /**
   * The object sends. Held back while this member takes part in something; nothing, if the object has failed. `PERDURE_E_BUSY` when more
   * than 65,536 are held back, `PERDURE_E_USAGE` for somebody who is no member.
   */
  send(to: string, payload: P): Action<P>[] {
    this.#peer(to)
    if (this.hasFailed) return []
    if (this.#instance === undefined) return [this.#sending(to, payload)]
    if (this.#held.length >= MAX_LOGGED) throw busy(`it holds back ${MAX_LOGGED} messages already`, this.#instance)
    this.#held.push({ to, payload })
    return []
  }

  /** Something has come from a member. `PERDURE_E_STALE` for an application message out of order, `PERDURE_E_BUSY` when the log is full. */
  receive(from: string, message: ApplicationMessage<P> | Control): Action<P>[] {
    this.#peer(from)
    switch (message.kind) {
      case 'application':
        return this.#arrived({ from, label: message.label, payload: message.payload })
      case 'take':
        return this.#askedToTake(from, message.instance, message.label)
      case 'prepare':
        return this.#askedToPrepare(from, message.instance, message.label)
      case 'answer':
        return this.#answered(from, message.instance, message.willing)
      case 'decision':
        return this.#decided(message.instance, message.decision)
    }
  }

  /** Something has come from no member: it is logged, and given again after a rollback. `PERDURE_E_BUSY` when the log is full. */
  post(payload: P): Action<P>[] {
    return this.#arrived({ from: undefined, label: 0, payload })
  }

  /** The object wants to save. `PERDURE_E_BUSY` while this member takes part in something, or has failed. */
  checkpoint(): Action<P>[] {
    if (this.hasFailed) throw busy('its object has lost its state, which only a rollback brings back')
    return this.#take(undefined, this.#begin('checkpoint'))
  }

  /** The object wants to go back, or has failed. `PERDURE_E_BUSY` while this member takes part in something. */
  rollback(): Action<P>[] {
    return this.#prepare(undefined, this.#begin('rollback'))
  }

  /**
   * The object has lost its state. The books and checkpoints are still there: they are stable. It is given nothing any more until this
   * member has gone back; of a checkpoint that is not decided it takes no part, unless it has promised to.
   */
  fail(): Action<P>[] {
    this.#condition = 'failed'
    this.#held = []
    const instance = this.#instance
    if (instance?.what !== 'checkpoint' || instance.phase === 'answered') return []
    return this.#conclude(instance, 'no')
  }

  #arrived(message: Logged<P>): Action<P>[] {
    this.#books.received(message)
    const waits = this.hasFailed || this.#instance?.what === 'rollback'
    return waits ? [] : this.#deliveries()
  }

  #askedToTake(from: string, id: InstanceId, label: number): Action<P>[] {
    if (!this.#isWilling('checkpoint', id) || this.hasFailed) return [answer(from, id, 'no')]
    const first = this.#books.firstSent(from)
    const depends = first > 0 && label >= first
    // After a tentative checkpoint nothing is sent, so who has one for this instance already does not depend.
    return depends ? this.#take(from, id) : [answer(from, id, 'yes')]
  }

  #take(parent: string | undefined, id: InstanceId): Action<P>[] {
    const cohort = this.#books.senders
    const labels = cohort.map((to) => this.#books.lastReceived(to))
    this.#books.takeTentative()
    const requests = cohort.map((to, k) => control<P>(to, { kind: 'take', instance: id, label: labels[k]! }))
    return [{ do: 'take' }, ...this.#ask({ id, what: 'checkpoint', parent, asked: cohort }, requests)]
  }

  #askedToPrepare(from: string, id: InstanceId, label: number): Action<P>[] {
    if (!this.#isWilling('rollback', id)) return [answer(from, id, 'no')]
    const holds = this.#books.lastReceived(from) > label
    if (holds) this.#undone.set(from, { after: label, upTo: this.#books.lastArrived(from) })
    return holds && this.#instance === undefined ? this.#prepare(from, id) : [answer(from, id, 'yes')]
  }

  #prepare(parent: string | undefined, id: InstanceId): Action<P>[] {
    const requests = this.#peers.map((to) => control<P>(to, { kind: 'prepare', instance: id, label: this.#books.lastKept(to) }))
    return this.#ask({ id, what: 'rollback', parent, asked: this.#peers }, requests)
  }

  #ask(instance: Omit<Instance, 'awaited' | 'phase'>, requests: Action<P>[]): Action<P>[] {
    const joined: Instance = { ...instance, awaited: new Set(instance.asked), phase: 'asking' }
    this.#instance = joined
    return joined.awaited.size > 0 ? requests : this.#conclude(joined, 'yes')
  }

  #answered(from: string, id: InstanceId, willing: 'yes' | 'no'): Action<P>[] {
    const instance = this.#instance
    // Of an instance that is over, or whose outcome is clear.
    if (instance === undefined || !isSame(instance.id, id) || instance.phase === 'answered') return []
    instance.awaited.delete(from)
    if (willing === 'no') return this.#conclude(instance, 'no')
    return instance.awaited.size === 0 ? this.#conclude(instance, 'yes') : []
  }

  /** All those below are willing, or one is not, and nobody needs to wait for the others. */
  #conclude(instance: Instance, willing: 'yes' | 'no'): Action<P>[] {
    instance.phase = 'answered'
    if (instance.parent !== undefined) return [answer(instance.parent, instance.id, willing)]
    return this.#decided(instance.id, willing === 'yes' ? 'commit' : 'abort')
  }

  #decided(id: InstanceId, decision: 'commit' | 'abort'): Action<P>[] {
    this.#over.set(id.initiator, Math.max(id.number, this.#over.get(id.initiator) ?? 0))
    const instance = this.#instance
    // Comes once from each who has asked.
    if (instance === undefined || !isSame(instance.id, id)) return []
    this.#instance = undefined
    const passedOn = instance.asked.map((to) => control<P>(to, { kind: 'decision', instance: id, decision }))
    const outcome = instance.what === 'checkpoint' ? this.#settle(decision) : this.#goBack(decision)
    this.#undone.clear()
    return [...passedOn, ...outcome]
  }

  #settle(decision: 'commit' | 'abort'): Action<P>[] {
    if (decision === 'commit') this.#books.makePermanent()
    else this.#books.undoTentative()
    return [{ do: decision === 'commit' ? 'make-permanent' : 'undo' }, ...this.#release()]
  }

  #goBack(decision: 'commit' | 'abort'): Action<P>[] {
    // What was held back goes first: its labels are smaller than those of what the object sends when it is given something.
    if (decision === 'abort') return [{ do: 'resume' }, ...this.#release(), ...(this.hasFailed ? [] : this.#deliveries())]
    this.#condition = 'sound'
    this.#held = []
    this.#books.goBack(({ from, label }) => {
      const undone = from === undefined ? undefined : this.#undone.get(from)
      return undone !== undefined && label > undone.after && label <= undone.upTo
    })
    return [{ do: 'restore' }, ...this.#deliveries()]
  }

  #release(): Action<P>[] {
    const held = this.#held
    this.#held = []
    return held.map(({ to, payload }) => this.#sending(to, payload))
  }

  #deliveries(): Action<P>[] {
    return this.#books.give().map(({ from, payload }) => ({ do: 'deliver', from, payload }))
  }

  #sending(to: string, payload: P): Action<P> {
    return { do: 'send', to, message: { kind: 'application', label: this.#books.sent(to), payload } }
  }

  #isWilling(what: Undertaking, id: InstanceId): boolean {
    // K2, K3
    const isOver = id.number <= (this.#over.get(id.initiator) ?? 0)
    return !isOver && !this.unwilling.has(what) && (this.#instance === undefined || isSame(this.#instance.id, id))
  }

  #begin(what: Undertaking): InstanceId {
    if (this.#instance !== undefined)
      throw busy(`it takes part in ${what === this.#instance.what ? 'another' : 'a'}`, this.#instance)
    this.#begun += 1
    return { initiator: this.name, number: this.#begun }
  }

  #peer(name: string): void {
    if (this.#peers.includes(name)) return
    throw usage(`${name} is no member beside ${this.name}: expected one of ${this.#peers.join(', ')}. Name one of them.`)
  }
}

function isSame(a: InstanceId, b: InstanceId): boolean {
  return a.initiator === b.initiator && a.number === b.number
}

function control<P>(to: string, message: Control): Action<P> {
  return { do: 'send', to, message }
}

function answer<P>(to: string, instance: InstanceId, willing: 'yes' | 'no'): Action<P> {
  return control(to, { kind: 'answer', instance, willing })
}

function busy(why: string, instance?: Instance): PerdureError {
  const of = instance === undefined ? '' : ` (${instance.what} ${instance.id.number} of ${instance.id.initiator})`
  const text = `The member cannot do this now: ${why}${of}. Expected one instance at a time; try again when it is decided.`
  return new PerdureError('PERDURE_E_BUSY', text)
}

function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}
