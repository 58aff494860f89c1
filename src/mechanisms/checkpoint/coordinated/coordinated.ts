/**
 * Coordinated checkpointing as a metaobject: ordinary objects are saved together, and go back together, without a line in their classes
 * that says so (Buzato, Rubira and Lisboa 1997, section 5.1).
 *
 *     const bank = coordinated({ anna: new Account(100), bert: new Account(100) })
 *     bank.members.anna.transfer(bank.members.bert, 30)      // anna is called, and calls bert: two messages
 *     await bank.checkpoint('bert')                          // { anna: 1, bert: 1 }: anna too, since bert has been given something by her
 *     await bank.rollback('anna')                            // { anna: 1, bert: 'current' }
 *
 * Whoever saves takes along those, and only those, whose messages it has been given since they last saved; whoever goes back takes along
 * those that hold what it undoes. What others have sent to one that goes back, and have not undone, it is given again.
 *
 * Boundary: the facade; the decisions are the participants' (`koo-toueg.ts`), the work the members'. All objects live in this process and
 * so do their checkpoints, in memory: this is for objects that fail, not for processes that end.
 *   C1  Between objects there are messages only: calls through references, which return nothing.
 *   C2  One instance at a time; the others wait.
 *   C3  A message arrives once, in the order of its channel, whatever carries it.
 */
import { PerdureError } from '../../../errors.ts'
import type { Undertaking } from '../koo-toueg.ts'
import type { Line } from '../line.ts'
import { MAX_MEMBERS } from '../protocol.ts'
import type { Trace } from '../trace.ts'
import { type Call, Member, type Surroundings, type Wire } from './member.ts'
import { type Reference, References } from './reference.ts'

export interface CoordinatedOptions {
  /**
   * Carries the messages: it calls `arrive` when a message is there, once for each, for one pair of members in the order in which it got
   * them; `PERDURE_E_USAGE` otherwise, and the message is still there. Default: in the next microtask.
   */
  readonly carry?: (from: string, to: string, arrive: () => void) => void
  /**
   * A method of this member has thrown: the object is given nothing any more until `rollback`. Default: an uncaught exception. What is
   * thrown for the same reason each time comes again with each replay.
   */
  readonly onFailure?: (member: string, error: unknown) => void
}

/** Index of the permanent checkpoint of each member. */
export type PermanentSet = Readonly<Record<string, number>>

export interface CoordinatedTrace extends Trace {
  /** The permanent checkpoints after every commit. */
  readonly sets: readonly PermanentSet[]
}

export interface Coordinated<M extends Readonly<Record<string, object>>> {
  /**
   * Calls from outside, which nobody undoes: they are given again after a rollback. Fields may be read. A call, also of one member by
   * another, throws `PERDURE_E_BUSY` when 65,536 messages have come since the last permanent checkpoint of who is called, and
   * `PERDURE_E_STATE` for arguments that cannot be copied.
   */
  readonly members: { readonly [K in keyof M]: Reference<M[K]> }
  /**
   * Saves this member and all it depends on. `PERDURE_E_BUSY` when one of them has failed, or when too many wait; `PERDURE_E_STATE` when
   * one cannot be saved. Then nothing is saved.
   */
  checkpoint(member: keyof M & string): Promise<PermanentSet>
  /** This member goes back to its permanent checkpoint, with all that hold what it undoes. */
  rollback(member: keyof M & string): Promise<Line>
  /** Resolves when no call is on its way or being executed. */
  settled(): Promise<void>
  /** Reaches back to the permanent checkpoints of at least 100,000 events ago. */
  trace(): CoordinatedTrace
}

/**
 * These objects as members; who holds one itself and calls it, is not seen by the others. `PERDURE_E_USAGE` for what is no object, and more
 * than 256 of them; `PERDURE_E_STATE` for one whose state cannot be saved.
 */
export function coordinated<M extends Readonly<Record<string, object>>>(
  objects: M,
  options: CoordinatedOptions = {},
): Coordinated<M> {
  checkObjects(objects)
  return new CoordinatedSet({ ...objects }, options) as unknown as Coordinated<M>
}

/** Events after which a commit cuts off what is before the permanent checkpoints. */
const MAX_TRACED = 100_000

/** Checkpoints and rollbacks that wait for their turn: more are asked for by a loop that does not wait. */
const MAX_WAITING = 1024

interface Current {
  readonly initiator: Member
  readonly what: Undertaking
  readonly restored: Set<string>
  decision: 'commit' | 'abort' | undefined
  over(decision: 'commit' | 'abort'): void
}

class CoordinatedSet {
  readonly members: Readonly<Record<string, object>>
  readonly #members = new Map<string, Member>()
  readonly #references: References
  readonly #carry: NonNullable<CoordinatedOptions['carry']>
  readonly #onFailure: NonNullable<CoordinatedOptions['onFailure']>
  readonly #channels = new Map<string, { sent: number; arrived: number }>()
  #sets: PermanentSet[] = []
  #calls = 0
  /** Control messages that have been sent and not come to their turn. */
  #controls = 0
  #waiting = 0
  #turn: Promise<unknown> = Promise.resolve()
  #current: Current | undefined
  #idle: (() => void)[] = []

  constructor(objects: Readonly<Record<string, object>>, { carry = soon, onFailure = unhandled }: CoordinatedOptions) {
    this.#carry = carry
    this.#onFailure = onFailure
    this.#references = new References(objects, (holder, to, method, args) => this.#call(holder, to, method, args))
    const names = Object.keys(objects)
    const surroundings = this.#surroundings()
    for (const [name, object] of Object.entries(objects)) this.#members.set(name, new Member(name, object, names, surroundings))
    this.members = Object.fromEntries(names.map((name) => [name, this.#references.to(name, undefined)]))
  }

  async checkpoint(name: string): Promise<PermanentSet> {
    const member = this.#member(name)
    return await this.#inTurn(async () => {
      await this.#undertake(member, 'checkpoint')
      const set = Object.fromEntries([...this.#members].map(([each, { index }]) => [each, index]))
      this.#sets.push(set)
      this.#cutOff()
      return set
    })
  }

  async rollback(name: string): Promise<Line> {
    const member = this.#member(name)
    return await this.#inTurn(async () => {
      const restored = await this.#undertake(member, 'rollback')
      return Object.fromEntries([...this.#members].map(([each, { index }]) => [each, restored.has(each) ? index : 'current']))
    })
  }

  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.#stepped()
    })
  }

  trace(): CoordinatedTrace {
    const members = [...this.#members.values()]
    return {
      objects: members.map(({ name }) => name),
      events: members.flatMap(({ history }) => history.events),
      sets: [...this.#sets],
    }
  }

  #call(holder: string | undefined, to: string, method: string, args: readonly unknown[]): void {
    const member = this.#members.get(to)!
    this.#calls += 1
    const call: Call = { id: `${this.#calls}`, method, args: this.#references.argumentsFor(undefined, args), given: 'not yet' }
    if (holder === undefined) member.post(call)
    else if (holder === to) member.callItself(call)
    else this.#members.get(holder)!.send(member, call)
  }

  #surroundings(): Surroundings {
    return {
      carry: (from, to, message) => this.#send(from, to, message),
      argumentsFor: (member, args) => this.#references.argumentsFor(member, args),
      isShared: (instance) => this.#references.isShared(instance),
      outcome: (member, decision, restored) => this.#decided(member, decision, restored),
      heard: () => {
        this.#controls -= 1
      },
      stepped: () => this.#stepped(),
      failed: (member, error) => this.#onFailure(member, error),
    }
  }

  #send(from: string, to: string, message: Wire): void {
    const channel = this.#channels.get(`${from} ${to}`) ?? { sent: 0, arrived: 0 }
    this.#channels.set(`${from} ${to}`, channel)
    channel.sent += 1
    const place = channel.sent
    if (message.kind !== 'application') this.#controls += 1
    this.#carry(from, to, () => {
      if (place !== channel.arrived + 1) throw disorder(from, to, place, channel.arrived + 1)
      channel.arrived = place
      this.#members.get(to)!.arrived(from, message)
    })
  }

  async #undertake(initiator: Member, what: Undertaking): Promise<ReadonlySet<string>> {
    const restored = new Set<string>()
    for (const member of this.#members.values()) member.refusal = undefined
    const decision = await new Promise<'commit' | 'abort'>((resolve, reject) => {
      this.#current = { initiator, what, restored, decision: undefined, over: resolve }
      initiator.undertake(what, reject)
    }).finally(() => {
      this.#current = undefined
    })
    if (decision === 'abort') throw refused(initiator.name, what, this.#members.values())
    return restored
  }

  #decided(member: Member, decision: 'commit' | 'abort', restored: 'restored' | 'kept'): void {
    const current = this.#current
    if (current === undefined) return
    if (restored === 'restored') current.restored.add(member.name)
    if (member === current.initiator) current.decision = decision
  }

  #stepped(): void {
    const members = [...this.#members.values()]
    const current = this.#current
    // All have heard of the decision: the next one may begin.
    if (current?.decision !== undefined && this.#controls === 0) current.over(current.decision)
    if (this.#idle.length === 0 || this.#controls > 0 || members.some((member) => !member.isIdle)) return
    const waiting = this.#idle
    this.#idle = []
    for (const resolve of waiting) resolve()
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw crowded()
    this.#waiting += 1
    const turn = this.#turn.then(task)
    this.#turn = turn.catch(ignored)
    try {
      return await turn
    } finally {
      this.#waiting -= 1
    }
  }

  #cutOff(): void {
    const members = [...this.#members.values()]
    if (members.reduce((sum, { history }) => sum + history.events.length, this.#sets.length) < MAX_TRACED) return
    for (const { history } of members) history.cutOff()
    this.#sets = this.#sets.slice(-1)
  }

  #member(name: string): Member {
    const member = this.#members.get(name)
    if (member !== undefined) return member
    const text = `There is no member ${name} in this set: expected one of ${[...this.#members.keys()].join(', ')}. Name one of them.`
    throw new PerdureError('PERDURE_E_UNKNOWN_MEMBER', text)
  }
}

function soon(_from: string, _to: string, arrive: () => void): void {
  queueMicrotask(arrive)
}

function unhandled(_member: string, error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

function checkObjects(objects: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries(objects ?? {})
  if (entries.length === 0 || entries.length > MAX_MEMBERS)
    throw usage(`The set has ${entries.length} objects: expected 1 to ${MAX_MEMBERS} by name, as in coordinated({ anna, bert }).`)
  const odd = entries.find(([, object]) => typeof object !== 'object' || object === null)
  if (odd !== undefined) throw usage(`${odd[0]} is no object: expected an object with methods. Give it one.`)
  const unnamed = entries.find(([name]) => name === '' || name.startsWith('@'))
  if (unnamed !== undefined)
    throw usage(
      `'${unnamed[0]}' is no name of a member: expected one that does not begin with @, which senders outside have. Rename it.`,
    )
  if (new Set(entries.map(([, object]) => object)).size < entries.length)
    throw usage('The same object is in the set twice: expected one name for each object. Leave one out.')
}

function refused(name: string, what: Undertaking, members: Iterable<Member>): PerdureError {
  const list = [...members]
  const unable = list.find(({ refusal }) => refusal !== undefined)
  const text = `The ${what} of ${name} was given up and nothing has changed, since `
  if (unable !== undefined)
    return new PerdureError(
      'PERDURE_E_STATE',
      `${text}${unable.name} could not be saved: expected a state of which copies can be made.`,
      {
        cause: unable.refusal,
      },
    )
  const failed = list.filter(({ hasFailed }) => hasFailed).map((member) => member.name)
  return new PerdureError(
    'PERDURE_E_BUSY',
    `${text}${failed.join(', ')} has failed: expected all to be sound. Roll it back first.`,
  )
}

function disorder(from: string, to: string, place: number, next: number): PerdureError {
  return usage(
    `Message ${place} from ${from} to ${to} was about to arrive, and the next one is ${next}: expected every message once, in the order in which carry was given them. Keep them in a queue for each pair.`,
  )
}

function crowded(): PerdureError {
  const text = `${MAX_WAITING} checkpoints and rollbacks wait for their turn: expected fewer. Await them.`
  return new PerdureError('PERDURE_E_BUSY', text)
}

function usage(message: string): PerdureError {
  return new PerdureError('PERDURE_E_USAGE', message)
}

function ignored(): void {}
