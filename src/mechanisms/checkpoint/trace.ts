/**
 * The trace of a group: what every member has sent, received and saved, in its own order; and its reading, which finds out in which
 * intervals a message was sent and delivered, and what of it recoveries have undone since.
 *
 * There is no order between members: none is needed, as messages give it.
 *
 * Boundary: pure; `line.ts` computes recovery lines and sets of messages from the reading.
 *   T1  Events after a checkpoint to which the member has gone back did not happen, except that the message log of the member keeps
 *       what was received: a message whose sending still counts is replayed from it.
 *   T2  Intervals are counted as ranks. 0 begins with the first checkpoint of the member, if the trace begins there, and else with the
 *       one before it: the initial state, unless the trace was cut off.
 *   T3  A sender that is no member, or whose sending lies before the beginning of the trace, is never undone.
 */
import { PerdureError } from '../../errors.ts'

export interface Trace {
  readonly objects: readonly string[]
  /** In each object's own order. */
  readonly events: readonly TraceEvent[]
}

export type TraceEvent =
  | { readonly object: string; readonly kind: 'send'; readonly msg: string; readonly to: string }
  /** `replay`: given to the object again, out of its log, after it had gone back. */
  | { readonly object: string; readonly kind: 'receive'; readonly msg: string; readonly from: string; readonly replay?: true }
  | { readonly object: string; readonly kind: 'checkpoint'; readonly index: number; readonly forced: boolean }
  /** The object has gone back to the checkpoint with this index. */
  | { readonly object: string; readonly kind: 'rollback'; readonly to: number }

/** One message, as far as it counts after all rollbacks. */
export interface Message {
  readonly msg: string
  /** The sender, as its place in `objects`; undefined: no member, or before the trace (T3). */
  readonly from: number | undefined
  /** Rank of the sender's interval; `undone`: a rollback has undone the sending; -1: never undone (T3). */
  sent: number | 'undone'
  /** The receiver, as its place in `objects`; undefined: no member. */
  readonly to: number | undefined
  /** Rank of the receiver's interval; undefined: not delivered, or undone. */
  delivered: number | undefined
  /** It is in the receiver's log: it was delivered once, whatever became of that. */
  logged: boolean
}

export interface Reading {
  readonly objects: readonly string[]
  /** Indices of the checkpoints of each object, by rank. */
  readonly checkpoints: readonly (readonly number[])[]
  /** In the order in which they were first received, within one receiver; then those that were not. */
  readonly messages: readonly Message[]
}

/** `PERDURE_E_USAGE` for a trace that contradicts itself. */
export function read(trace: Trace): Reading {
  checkForm(trace)
  const reader = new Reader(trace.objects)
  for (const event of trace.events) if (event.kind === 'send') reader.announce(event)
  for (const event of trace.events) reader.next(event)
  return reader.reading()
}

type Sending = Extract<TraceEvent, { kind: 'send' }>
type Receipt = Extract<TraceEvent, { kind: 'receive' }>

class Reader {
  readonly #objects: readonly string[]
  readonly #places: Map<string, number>
  readonly #checkpoints: number[][]
  /** Whether the object has had no event yet, none that tells where it began, or one (T2). */
  readonly #beginning: ('silent' | 'assumed' | 'known')[]
  readonly #messages = new Map<string, Message>()
  readonly #received = new Set<Message>()
  /** What a rollback has to look through: the messages each object has sent, and been given, since. */
  readonly #sent: Message[][]
  readonly #given: Message[][]

  constructor(objects: readonly string[]) {
    this.#objects = objects
    this.#places = new Map(objects.map((name, place) => [name, place]))
    this.#checkpoints = objects.map(() => [0])
    this.#beginning = objects.map(() => 'silent')
    this.#sent = objects.map(() => [])
    this.#given = objects.map(() => [])
  }

  /** Sendings first: members' events may stand in any order among each other. */
  announce({ object, msg, to }: Sending): void {
    if (this.#messages.has(msg)) throw contradiction(`The message ${msg} is sent twice`, 'a fresh id for every sending')
    const message: Message = {
      msg,
      from: this.#placeOf(object),
      sent: 'undone',
      to: this.#places.get(to),
      delivered: undefined,
      logged: false,
    }
    this.#messages.set(msg, message)
  }

  next(event: TraceEvent): void {
    const k = this.#placeOf(event.object)
    if (event.kind === 'checkpoint') this.#checkpoint(k, event.index)
    else if (event.kind === 'rollback') this.#rollback(k, event.to)
    else if (event.kind === 'send') this.#send(k, event)
    else this.#receive(k, event)
    if (this.#beginning[k] === 'silent') this.#beginning[k] = 'assumed'
  }

  reading(): Reading {
    const unreceived = [...this.#messages.values()].filter((message) => !this.#received.has(message))
    return { objects: this.#objects, checkpoints: this.#checkpoints, messages: [...this.#received, ...unreceived] }
  }

  #checkpoint(k: number, index: number): void {
    const indices = this.#checkpoints[k]!
    if (this.#beginning[k] === 'silent' && index !== 1) indices.pop()
    else if (this.#beginning[k] !== 'known' && index > 0) indices[0] = index - 1
    this.#beginning[k] = 'known'
    const last = indices.at(-1) ?? -1
    if (!Number.isInteger(index) || index <= last)
      throw contradiction(`${this.#objects[k]} takes checkpoint ${index} after ${last}`, 'rising whole numbers')
    indices.push(index)
  }

  #rollback(k: number, to: number): void {
    const indices = this.#checkpoints[k]!
    if (this.#beginning[k] !== 'known') indices[0] = to
    const rank = indices.indexOf(to)
    if (rank < 0) throw contradiction(`${this.#objects[k]} goes back to checkpoint ${to}`, `one of ${indices.join(', ')}`)
    indices.length = rank + 1
    const sent = this.#sent[k]!
    for (let last = sent.at(-1); last !== undefined && (last.sent as number) >= rank; last = sent.at(-1)) {
      last.sent = 'undone'
      sent.pop()
    }
    const given = this.#given[k]!
    for (let last = given.at(-1); last !== undefined && last.delivered! >= rank; last = given.at(-1)) {
      last.delivered = undefined
      given.pop()
    }
  }

  #send(k: number, { msg }: Sending): void {
    const message = this.#messages.get(msg)!
    message.sent = this.#rank(k)
    this.#sent[k]!.push(message)
  }

  #receive(k: number, { msg, from }: Receipt): void {
    const message = this.#messages.get(msg) ?? this.#fromOutside(k, msg)
    if (message.to !== k || (message.from !== undefined && message.from !== this.#places.get(from)))
      throw contradiction(`${this.#objects[k]} receives ${msg} from ${from}`, 'the sender and the receiver of its sending')
    if (message.delivered !== undefined)
      throw contradiction(`${this.#objects[k]} receives ${msg} twice`, 'a rollback of the first receipt between')
    message.delivered = this.#rank(k)
    message.logged = true
    this.#received.add(message)
    this.#given[k]!.push(message)
  }

  /** The sending is not in the trace (T3). */
  #fromOutside(k: number, msg: string): Message {
    const message: Message = { msg, from: undefined, sent: -1, to: k, delivered: undefined, logged: false }
    this.#messages.set(msg, message)
    return message
  }

  #rank(k: number): number {
    return this.#checkpoints[k]!.length - 1
  }

  #placeOf(object: string): number {
    const place = this.#places.get(object)
    if (place === undefined) throw contradiction(`${object} has an event`, `one of the objects ${this.#objects.join(', ')}`)
    return place
  }
}

const KINDS: readonly unknown[] = ['send', 'receive', 'checkpoint', 'rollback']

/** `PERDURE_E_USAGE` for what has not the form of a trace. */
export function checkForm(trace: Trace): void {
  const { objects, events }: Partial<Trace> = trace ?? {}
  if (!(Array.isArray(objects) && Array.isArray(events))) {
    const text =
      'This is no trace: expected { objects: [names], events: [in the order of each object] }, as trace() of a group gives.'
    throw new PerdureError('PERDURE_E_USAGE', text)
  }
  if (new Set(objects).size < objects.length) throw contradiction('an object is listed twice', 'each of them once')
  const odd = events.findIndex((event: Partial<TraceEvent> | null) => !KINDS.includes(event?.kind))
  if (odd >= 0) throw contradiction(`event ${odd} is of no known kind`, KINDS.join(', '))
}

function contradiction(happened: string, expected: string): PerdureError {
  return new PerdureError(
    'PERDURE_E_USAGE',
    `The trace contradicts itself: ${happened}; expected: ${expected}. Correct its source.`,
  )
}
