/**
 * Sessions: who is connected, and which of their operations have been seen and answered.
 *
 * An operation takes effect once, however often it arrives: the machine remembers every operation of a session that is still
 * open, and every reply the session has not yet said it received. What it has received is forgotten.
 *
 * A `bound` session ends with its connection, and with the generation: it may have been told what is not durable yet. A `lasting`
 * one was told only what is durable, so it survives both: its client comes back, proves by a secret who it is, and sends again what
 * was not answered.
 *
 * Boundary: a deterministic machine of the log. Connections, and how long one may be away, are the gateway's business.
 *   S1  A session's id is the position at which it entered: never reused.
 *   S2  Operations of a session are applied in the order of their numbers, without gaps.
 *   S3  An operation of a session that is not (or no longer) known is refused, never treated as new.
 *   S4  A new generation ends all bound sessions of the one before: what they saw of it may be undone.
 *   S5  Of a secret only the hash is known here: whoever reads the log cannot speak for a session.
 */
import { invariant } from '../errors.ts'
import { type Caller, type Context, type Ended, inParts, type Machine, type Operation, type Outcome } from './machine.ts'
import type { IncomingOperation, Range } from './operation.ts'
import { refusal } from './outcome.ts'
import { weightOf } from './weight.ts'

/**
 * Open operations of one session. Each is a few hundred bytes of state in every replica; a program with ten thousand blocked
 * takers fits, one that has forgotten to await does not grow without end.
 */
export const MAX_OPEN = 16_384

/**
 * Operations of one session that are open, and replies kept for it: an honest client has at most as many open as it may, and as many
 * replies under way.
 */
export const MAX_KEPT: number = MAX_OPEN * 2

/** Replies kept for one lasting session, by weight: as much as its client keeps to send again. Beyond it new operations are refused. */
export const MAX_KEPT_BYTES: number = 64 * 1024 * 1024

/** The secret hash of a session that lasts; a bound one needs none. */
export type SessionKind = { readonly kind: 'bound' } | { readonly kind: 'lasting'; readonly secretHash: string }

interface Session {
  readonly id: number
  readonly label: string
  /** Of a lasting session; empty for a bound one. */
  readonly secretHash: string
  next: number
  /** Every operation it has not said it received the reply to; null while there is none. One map, for all that is done passes it. */
  readonly kept: Map<number, Outcome | null>
  /** How many of `kept` are open. */
  open: number
  /** Weight of the replies in `kept`, of a lasting session. */
  bytes: number
}

/** What becomes of an arriving operation. A `full` one has taken its number, and is answered without being applied. */
export type Admission = 'fresh' | 'settled' | 'refused' | 'full'

export class SessionMachine implements Machine {
  readonly name = 'site'
  readonly operations = { 'site.opened': 1, 'site.tick': 2, 'site.enter': 3, 'site.leave': 4, 'site.withdraw': 5 }
  readonly #sessions = new Map<number, Session>()
  #generation = 0

  /** Decides whether an operation is to be applied. */
  admit(operation: IncomingOperation): Admission {
    const session = operation.caller.kind === 'session' ? this.#sessions.get(operation.caller.id) : undefined
    if (session === undefined) return 'refused'
    forgetReceived(session, operation.received)
    if (operation.number < session.next) return 'settled'
    // Withdrawing and acknowledging are ways out of a full table.
    const makesRoom = operation.name === 'site.withdraw'
    if (operation.number > session.next || session.kept.size >= (makesRoom ? MAX_KEPT + MAX_OPEN : MAX_KEPT)) return 'refused'
    session.next += 1
    session.kept.set(operation.number, null)
    session.open += 1
    return session.bytes >= MAX_KEPT_BYTES && !makesRoom ? 'full' : 'fresh'
  }

  /** The hash of the secret of a lasting session; undefined when there is no such session. */
  secretHash(id: number): string | undefined {
    return this.#sessions.get(id)?.secretHash || undefined
  }

  /** All sessions that survive their connection. */
  get lasting(): number[] {
    return [...this.#sessions.values()].filter(({ secretHash }) => secretHash !== '').map(({ id }) => id)
  }

  /** The kept answer to an operation that was seen before. */
  reply(id: number, number: number): Outcome | undefined {
    return this.#sessions.get(id)?.kept.get(number) ?? undefined
  }

  /** Remembers the answer to an open operation; false when nobody waits for it any more. */
  settle(id: number, number: number, outcome: Outcome): boolean {
    const session = this.#sessions.get(id)
    if (session === undefined) return false
    // The text is costly to make for every operation.
    if (session.kept.get(number) !== null) invariant(false, `operation ${number} of session ${id} was answered twice`)
    session.kept.set(number, outcome)
    session.open -= 1
    if (session.secretHash !== '') session.bytes += weightOf(outcome)
    return true
  }

  apply(operation: Operation, context: Context): void {
    const { name, caller, number, args } = operation
    if (name === 'site.withdraw') return this.#withdraw(operation, context)
    if (caller.kind !== 'gateway') {
      return context.reply(caller, number, refusal('PERDURE_E_PROTOCOL', `${name} is an operation of the gateway only.`))
    }
    switch (name) {
      case 'site.opened':
        return this.#opened(operation, context)
      case 'site.enter':
        return this.#enter(args, context)
      case 'site.leave':
        return this.#leave(Number(args[0]), args[1] === 'lost' ? 'lost' : 'left', context)
    }
  }

  #opened(operation: Operation, context: Context): void {
    this.#generation = Number(operation.args[0])
    context.reopened()
    for (const { id, secretHash } of [...this.#sessions.values()]) if (secretHash === '') this.#leave(id, 'lost', context)
  }

  /** Logs of before there were lasting sessions name no kind. */
  #enter([label, kind, secretHash]: readonly unknown[], context: Context): void {
    const id = context.position
    const known = kind === 'lasting' && typeof secretHash === 'string' ? secretHash : ''
    this.#sessions.set(id, fresh({ id, label: String(label ?? ''), secretHash: known, next: 1 }))
  }

  #leave(id: number, how: Ended, context: Context): void {
    if (!this.#sessions.delete(id)) return
    context.ended({ kind: 'session', id }, how)
  }

  /** The log decides a tie: if the operation was answered before this, the answer stands. */
  #withdraw({ caller, number, args }: Operation, context: Context): void {
    const target = args[0]
    if (typeof target === 'number' && context.withdraw(caller, target)) {
      context.reply(caller, target, refusal('PERDURE_E_ABORTED', `operation ${target} was withdrawn by its caller`))
    }
    context.reply(caller, number, { value: null })
  }

  query(question: string): unknown {
    if (question !== 'sessions') return undefined
    return [...this.#sessions.values()].map(({ id, label, open }) => ({ id, label, open }))
  }

  get generation(): number {
    return this.#generation
  }

  expire(): void {}

  ended(): void {}

  withdraw(_caller: Caller, _number: number): boolean {
    return false
  }

  census(): Record<string, number> {
    return { generation: this.#generation, sessions: this.#sessions.size }
  }

  *snapshot(): Generator<Part> {
    yield ['generation', this.#generation]
    for (const { id, label, secretHash, next, kept } of this.#sessions.values()) {
      yield ['session', { id, label, secretHash, next }]
      for (const part of inParts('kept', kept, id)) yield part as Part
    }
  }

  restore(part: unknown): void {
    const saved = part as Part
    switch (saved[0]) {
      case 'generation':
        this.#generation = saved[1]
        return
      case 'session':
        this.#sessions.set(saved[1].id, fresh(saved[1]))
        return
      case 'kept': {
        const session = this.#sessions.get(saved[1]) as Session
        for (const [number, outcome] of saved[2]) {
          session.kept.set(number, outcome)
          if (outcome === null) session.open += 1
          else if (session.secretHash !== '') session.bytes += weightOf(outcome)
        }
      }
    }
  }
}

function fresh(known: Known): Session {
  return { ...known, kept: new Map(), open: 0, bytes: 0 }
}

/** An acknowledgement that comes again, with its operation, finds its first reply gone and has nothing to do. */
function forgetReceived(session: Session, received: readonly Range[]): void {
  for (const [first, last] of received) {
    for (let number = first; number <= last; number++) {
      const outcome = session.kept.get(number)
      if (!outcome) break
      session.kept.delete(number)
      if (session.secretHash !== '') session.bytes -= weightOf(outcome)
    }
  }
}

type Known = Pick<Session, 'id' | 'label' | 'secretHash' | 'next'>

type Part =
  | readonly ['generation', number]
  | readonly ['session', Known]
  | readonly ['kept', session: number, readonly (readonly [number: number, outcome: Outcome | null])[]]
