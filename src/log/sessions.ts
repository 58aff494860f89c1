/**
 * Sessions: who is connected, and which of their operations have been seen and answered.
 *
 * An operation takes effect once, however often it arrives: the machine remembers every operation of a session that is still
 * open, and every reply the session has not yet said it received. What it has received is forgotten.
 *
 * Boundary: a deterministic machine of the log. Connections are the gateway's business.
 *   S1  A session's id is the position at which it entered: never reused.
 *   S2  Operations of a session are applied in the order of their numbers, without gaps.
 *   S3  An operation of a session that is not (or no longer) known is refused, never treated as new.
 *   S4  A new generation ends all sessions of the one before: what they saw of it may be undone.
 */
import { invariant } from '../errors.ts'
import { type Caller, type Context, inParts, type Machine, type Operation, type Outcome } from './machine.ts'
import type { IncomingOperation } from './operation.ts'
import { refusal } from './outcome.ts'

/**
 * Open operations of one session. Each is a few hundred bytes of state in every replica; a program with ten thousand blocked
 * takers fits, one that has forgotten to await does not grow without end.
 */
export const MAX_OPEN = 16_384

interface Session {
  readonly id: number
  readonly label: string
  next: number
  /** Every operation it has not said it received the reply to; null while there is none. One map, for all that is done passes it. */
  readonly kept: Map<number, Outcome | null>
  /** How many of `kept` are open. */
  open: number
}

/** What becomes of an arriving operation. */
export type Admission = 'fresh' | 'settled' | 'refused'

export class SessionMachine implements Machine {
  readonly name = 'site'
  readonly operations = { 'site.opened': 1, 'site.tick': 2, 'site.enter': 3, 'site.leave': 4, 'site.withdraw': 5 }
  readonly #sessions = new Map<number, Session>()
  #generation = 0

  /** Decides whether an operation is to be applied. */
  admit(operation: IncomingOperation): Admission {
    const session = operation.caller.kind === 'session' ? this.#sessions.get(operation.caller.id) : undefined
    if (session === undefined) return 'refused'
    for (const [first, last] of operation.received) {
      for (let number = first; number <= last && session.kept.get(number); number++) session.kept.delete(number)
    }
    if (operation.number < session.next) return 'settled'
    if (operation.number > session.next || session.kept.size >= MAX_OPEN * 2) return 'refused'
    session.next += 1
    session.kept.set(operation.number, null)
    session.open += 1
    return 'fresh'
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
        return this.#enter(String(args[0] ?? ''), context)
      case 'site.leave':
        return this.#leave(Number(args[0]), context)
    }
  }

  #opened(operation: Operation, context: Context): void {
    this.#generation = Number(operation.args[0])
    context.reopened()
    for (const id of [...this.#sessions.keys()]) this.#leave(id, context)
  }

  #enter(label: string, context: Context): void {
    const id = context.position
    this.#sessions.set(id, { id, label, next: 1, kept: new Map(), open: 0 })
  }

  #leave(id: number, context: Context): void {
    if (!this.#sessions.delete(id)) return
    context.ended({ kind: 'session', id })
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

  *snapshot(): Generator<Part> {
    yield ['generation', this.#generation]
    for (const { id, label, next, kept } of this.#sessions.values()) {
      yield ['session', { id, label, next }]
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
        this.#sessions.set(saved[1].id, { ...saved[1], kept: new Map(), open: 0 })
        return
      case 'kept': {
        const session = this.#sessions.get(saved[1]) as Session
        for (const [number, outcome] of saved[2]) {
          session.kept.set(number, outcome)
          if (outcome === null) session.open += 1
        }
      }
    }
  }
}

type Part =
  | readonly ['generation', number]
  | readonly ['session', Pick<Session, 'id' | 'label' | 'next'>]
  | readonly ['kept', session: number, readonly (readonly [number: number, outcome: Outcome | null])[]]
