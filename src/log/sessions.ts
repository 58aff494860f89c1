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
import type { Caller, Context, Machine, Operation, Outcome } from './machine.ts'
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
  readonly open: Set<number>
  readonly replies: Map<number, Outcome>
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
      for (let number = first; number <= last && session.replies.delete(number); number++);
    }
    if (operation.number < session.next) return 'settled'
    if (operation.number > session.next || session.open.size + session.replies.size >= MAX_OPEN * 2) return 'refused'
    session.next += 1
    session.open.add(operation.number)
    return 'fresh'
  }

  /** The kept answer to an operation that was seen before. */
  reply(id: number, number: number): Outcome | undefined {
    return this.#sessions.get(id)?.replies.get(number)
  }

  /** Remembers the answer to an open operation; false when nobody waits for it any more. */
  settle(id: number, number: number, outcome: Outcome): boolean {
    const session = this.#sessions.get(id)
    if (session === undefined) return false
    invariant(session.open.delete(number), `operation ${number} of session ${id} was answered twice`)
    session.replies.set(number, outcome)
    return true
  }

  apply(operation: Operation, context: Context): void {
    switch (operation.name) {
      case 'site.opened':
        return this.#opened(operation, context)
      case 'site.enter':
        this.#enter(String(operation.args[0] ?? ''), context)
        return
      case 'site.leave':
        return this.#leave(Number(operation.args[0]), context)
      case 'site.withdraw':
        return this.#withdraw(operation, context)
    }
  }

  #opened(operation: Operation, context: Context): void {
    if (operation.caller.kind !== 'gateway') return
    this.#generation = Number(operation.args[0])
    context.reopened()
    for (const id of [...this.#sessions.keys()]) this.#leave(id, context)
  }

  #enter(label: string, context: Context): void {
    const id = context.position
    this.#sessions.set(id, { id, label, next: 1, open: new Set(), replies: new Map() })
  }

  #leave(id: number, context: Context): void {
    if (!this.#sessions.delete(id)) return
    context.ended({ kind: 'session', id })
  }

  /** The log decides a tie: if the operation was answered before this, the answer stands. */
  #withdraw({ caller, number, args }: Operation, context: Context): void {
    const target = Number(args[0])
    if (context.withdraw(caller, target)) {
      context.reply(caller, target, refusal('PERDURE_E_ABORTED', `operation ${target} was withdrawn by its caller`))
    }
    context.reply(caller, number, { value: null })
  }

  query(question: string): unknown {
    if (question !== 'sessions') return undefined
    return [...this.#sessions.values()].map(({ id, label, open }) => ({ id, label, open: open.size }))
  }

  get generation(): number {
    return this.#generation
  }

  expire(): void {}

  ended(): void {}

  withdraw(_caller: Caller, _number: number): boolean {
    return false
  }

  snapshot(): unknown {
    const sessions = [...this.#sessions.values()].map((s) => [s.id, s.label, s.next, [...s.open], [...s.replies]])
    return { generation: this.#generation, sessions }
  }

  restore(snapshot: unknown): void {
    const { generation, sessions } = snapshot as { generation: number; sessions: SessionSnapshot[] }
    this.#generation = generation
    this.#sessions.clear()
    for (const [id, label, next, open, replies] of sessions) {
      this.#sessions.set(id, { id, label, next, open: new Set(open), replies: new Map(replies) })
    }
  }
}

type SessionSnapshot = [id: number, label: string, next: number, open: number[], replies: [number, Outcome][]]
