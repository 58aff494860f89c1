/**
 * One performance of an action: drives the bodies and handlers of its participants as the protocol says.
 *
 * Whatever happens (an entry, a body that ends, a timer) becomes an event of the pure machine in `action-protocol.ts`, and its
 * effects are carried out here. Events that arise while effects are carried out wait their turn.
 *
 * Boundary: user code and the clock meet here, and nothing is decided here.
 */
import type { Clock, Timer } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { type FaultCode, publishFault } from '../../../fault.ts'
import { type AnyBody, HandlerParticipation, Leaving, Participation, type Surroundings } from './action-context.ts'
import { type Objects, queueFor, type Rebuild, type Ticket, Workspace } from './action-objects.ts'
import { outcomeError, type Unwanted } from './action-outcome.ts'
import {
  type ActionEffect,
  type ActionEvent,
  type ActionRules,
  type ActionState,
  advance,
  type Disposal,
  entering,
  type Outcome,
  type Raised,
  type Vote,
} from './action-protocol.ts'

/** An action as it was defined, checked. */
export interface Plan {
  readonly name: string
  readonly roles: readonly string[]
  readonly rules: ActionRules
  readonly objects: Objects
  readonly rebuild: Rebuild<Objects>
  readonly entryMs: number
  readonly bodyMs: number
  readonly stopMs: number
  readonly handlerMs: number
  readonly clock: Clock
}

/** Who enters. */
export interface Participant {
  readonly body: AnyBody
  readonly handlers: Readonly<Record<string, AnyBody | undefined>>
  readonly signal: AbortSignal | undefined
}

/** Leads into an action from within another one; found by the action itself. */
export type Entrance = (parent: Performance, role: string, body: AnyBody, options: object | undefined) => Promise<unknown>

export const entrances: WeakMap<object, Entrance> = new WeakMap()

interface Seat extends Participant {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly unlisten: () => void
  hand?: Participation
  value?: unknown
  error?: unknown
}

export class Performance {
  readonly #plan: Plan
  readonly #parent: Performance | undefined
  readonly #left: () => void
  readonly #seats: (Seat | undefined)[]
  readonly #nested = new Set<Performance>()
  readonly #events: ActionEvent[] = []
  #state: ActionState
  #carrying = false
  #timer: Timer | undefined
  #objects: readonly object[] = []
  #ticket: Ticket | undefined
  #workspace: Workspace | undefined
  /** What begins once the objects are there. */
  #next: (() => void) | undefined
  #someLost = false
  #cause: unknown

  /** `left` is called when all have left. `PERDURE_E_USAGE` when an object is none of the parent's. */
  constructor(plan: Plan, parent: Performance | undefined, left: () => void) {
    this.#plan = plan
    this.#parent = parent
    this.#left = left
    this.#seats = plan.roles.map(() => undefined)
    this.#state = entering(plan.rules)
    this.#arm(plan.entryMs, { kind: 'entry-deadline' })
    if (parent !== undefined) parent.#nested.add(this)
  }

  /** Whether somebody may still enter in this role. */
  hasRoom(role: number): boolean {
    return this.#state.phase === 'entering' && this.#seats[role] === undefined
  }

  enter(role: number, participant: Participant): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal } = participant
      const gone = () => this.#gone(role)
      signal?.addEventListener('abort', gone, { once: true })
      const unlisten = () => signal?.removeEventListener('abort', gone)
      this.#seats[role] = { ...participant, resolve, reject, unlisten }
      this.#apply({ kind: 'entry', role })
    })
  }

  /** Aborts it at once, with all that is nested in it; nothing is handled. */
  cancel(cause: unknown): void {
    this.#cause ??= cause
    this.#apply({ kind: 'cancel' })
  }

  #apply(event: ActionEvent): void {
    this.#events.push(event)
    if (this.#carrying) return
    this.#carrying = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const before = this.#state
      const { state, effects } = advance(this.#plan.rules, before, next)
      this.#state = state
      if (state.phase !== before.phase && state.phase === 'stopping') this.#arm(this.#plan.stopMs, { kind: 'limit' })
      this.#report(state.raised.slice(before.raised.length))
      for (const effect of effects) this.#carryOut(effect)
    }
    this.#carrying = false
  }

  #carryOut(effect: ActionEffect): void {
    switch (effect.do) {
      case 'start':
        return this.#withObjects(() => this.#start(effect.roles))
      case 'interrupt':
        return this.#interrupt(effect.roles)
      case 'fence':
        return this.#fence(effect.roles)
      case 'handle':
        return this.#withObjects(() => this.#handle(effect.roles, effect.exception, effect.raised))
      case 'settle':
        return this.#settle(effect.disposal)
      case 'leave':
        return this.#leave(effect.outcome)
    }
  }

  /** Waits for other actions to leave the objects, once; then copies them. */
  #withObjects(begin: () => void): void {
    this.#next = begin
    if (this.#workspace !== undefined) return this.#begin()
    this.#arm(this.#plan.entryMs, undefined)
    if (this.#ticket !== undefined) return
    try {
      this.#objects = Object.values(this.#outerObjects())
    } catch (error) {
      return this.cancel(error)
    }
    this.#ticket = queueFor(this.#objects, () => this.#begin())
  }

  #begin(): void {
    const begin = this.#next
    if (begin === undefined || this.#state.phase === 'left') return
    try {
      this.#workspace ??= new Workspace(this.#outerObjects(), this.#plan.rebuild)
      if (this.#someLost) this.#workspace.detach()
    } catch (error) {
      return this.cancel(error)
    }
    this.#next = undefined
    begin()
  }

  /** Within another action, that action's copies stand for the objects. */
  #outerObjects(): Objects {
    const parent = this.#parent
    const outer = parent === undefined ? undefined : parent.#workspace
    if (parent === undefined || outer === undefined) return this.#plan.objects
    return Object.fromEntries(
      Object.entries(this.#plan.objects).map(([name, object]) => {
        const copy = outer.copyOf(object)
        if (copy !== undefined) return [name, copy]
        const text = `The action ${this.#plan.name} was entered within ${parent.#plan.name}, which does not have its object ${name}: expected it among the objects of the outer action, so that both can be undone.`
        throw new PerdureError('PERDURE_E_USAGE', text)
      }),
    )
  }

  #start(roles: readonly number[]): void {
    this.#arm(this.#plan.bodyMs, { kind: 'limit' })
    for (const role of roles) {
      const seat = this.#seats[role] as Seat
      const hand = new Participation(this.#surroundings(role))
      seat.hand = hand
      void this.#run(role, hand, seat.body)
    }
  }

  #handle(roles: readonly number[], exception: string, raised: readonly Raised[]): void {
    this.#arm(this.#plan.handlerMs, { kind: 'limit' })
    const named = raised.map(({ role, exception: name }) => {
      return { role: this.#plan.roles[role] as string, exception: name, error: this.#seats[role]?.error }
    })
    const over = this.#revoked('The body of this participant is over, and its handler has begun.')
    this.#cause ??= named.find(({ error }) => error !== undefined)?.error
    for (const role of roles) {
      const seat = this.#seats[role] as Seat
      const handler = this.#plan.rules.tree
        .upwards(exception)
        .map((name) => seat.handlers[name])
        .find((found) => found !== undefined)
      seat.hand?.fence(over)
      const hand = new HandlerParticipation(this.#surroundings(role), exception, named)
      seat.hand = hand
      if (handler === undefined) this.#apply({ kind: 'exit', role, vote: { kind: 'abort' } })
      else void this.#run(role, hand, handler)
    }
  }

  /** In a later turn for whoever comes second: all contexts are there before the first body runs. */
  async #run(role: number, hand: Participation, body: AnyBody): Promise<void> {
    const seat = this.#seats[role] as Seat
    try {
      await Promise.resolve()
      const value = await body(hand as never)
      if (seat.hand !== hand) return
      seat.value = value
      this.#apply({ kind: 'exit', role, vote: { kind: 'normal' } })
    } catch (thrown) {
      if (seat.hand !== hand) return
      if (hand instanceof HandlerParticipation) this.#apply({ kind: 'exit', role, vote: this.#voteOf(thrown) })
      else if (hand.isInterruption(thrown)) this.#apply({ kind: 'stop', role })
      else {
        seat.error = thrown
        this.#cause ??= thrown
        this.#apply({ kind: 'raise', role, exception: this.#nameOf(thrown) })
      }
    }
  }

  #voteOf(thrown: unknown): Vote {
    if (thrown instanceof Leaving) {
      this.#cause = thrown.cause ?? this.#cause
      return { kind: thrown.how }
    }
    const exception = this.#nameOf(thrown)
    if (this.#plan.rules.signals.has(exception)) return { kind: 'signalled', exception }
    this.#cause = thrown
    return { kind: 'abort' }
  }

  /** A nested action that has signalled an exception raises the one of the same name. */
  #nameOf(thrown: unknown): string {
    const { tree } = this.#plan.rules
    const inner = PerdureError.is(thrown, 'PERDURE_E_ACTION_SIGNALLED') ? thrown.data.exception : undefined
    return typeof inner === 'string' && tree.has(inner) ? inner : tree.nameOf(thrown)
  }

  #interrupt(roles: readonly number[]): void {
    const reason = this.#interruption()
    this.#cancelNested(reason)
    for (const role of roles) {
      const hand = this.#seats[role]?.hand
      // Nobody is asked to stop who has not begun.
      if (hand === undefined) this.#apply({ kind: 'stop', role })
      else hand.interrupt(reason)
    }
  }

  #fence(roles: readonly number[]): void {
    this.#someLost = true
    this.#cancelNested(this.#interruption())
    for (const role of roles) this.#discard(role, this.#revoked('This participant was lost, or came back too late.'))
  }

  #interruption(): PerdureError {
    const { name, roles } = this.#plan
    const names = this.#state.raised.map(({ role, exception }) => `${exception} of ${roles[role]}`).join(', ')
    const text = `The action ${name} goes on without this part of it; raised: ${names}. Let this error pass, so that the handlers can begin.`
    return new PerdureError('PERDURE_E_INTERRUPTED', text, { data: { action: name } })
  }

  #revoked(why: string): PerdureError {
    const text = `${why} Nothing that it does in the action ${this.#plan.name} counts any more.`
    return new PerdureError('PERDURE_E_REVOKED', text, { data: { action: this.#plan.name } })
  }

  #discard(role: number, reason: PerdureError): void {
    const seat = this.#seats[role]
    const hand = seat?.hand
    if (seat !== undefined) delete seat.hand
    hand?.fence(reason)
  }

  #cancelNested(reason: unknown): void {
    for (const performance of [...this.#nested]) performance.cancel(reason)
  }

  #settle(disposal: Disposal): void {
    this.#disarm()
    this.#next = undefined
    this.#cancelNested(this.#interruption())
    if (disposal === 'undo' || this.#workspace === undefined) return this.#apply({ kind: 'settled', how: 'undone' })
    const installed = this.#workspace.install()
    if (installed.how !== 'committed') this.#cause = installed.cause
    this.#apply({ kind: 'settled', how: installed.how })
  }

  #leave(outcome: Outcome): void {
    this.#ticket?.release()
    if (this.#parent !== undefined) this.#parent.#nested.delete(this)
    this.#left()
    const over = this.#revoked('The action is over.')
    const error = outcome.kind === 'normal' ? undefined : this.#errorOf(outcome)
    const entered = this.#seats.some((seat) => seat !== undefined)
    if (outcome.kind === 'abort' && entered) this.#publish('action-aborted', 'action', this.#plan.name)
    if (outcome.kind === 'failure') this.#publish('action-failed', 'action', this.#plan.name)
    for (const [role, seat] of this.#seats.entries()) {
      if (seat === undefined) continue
      seat.unlisten()
      const wasLost = this.#state.standings[role] === 'lost'
      this.#discard(role, over)
      if (error !== undefined) seat.reject(error)
      else if (wasLost) seat.reject(over)
      else seat.resolve(seat.value)
    }
  }

  #errorOf(outcome: Unwanted): unknown {
    // What interrupts a nested action is what its participants are to see.
    if (outcome.kind === 'abort' && PerdureError.is(this.#cause, 'PERDURE_E_INTERRUPTED')) return this.#cause
    const { name, roles } = this.#plan
    return outcomeError({ name, roles, outcome, state: this.#state, cause: this.#cause })
  }

  #gone(role: number): void {
    if (this.#state.phase !== 'entering') return this.#apply({ kind: 'lost', role })
    const seat = this.#seats[role] as Seat
    this.#seats[role] = undefined
    seat.unlisten()
    const text = `The signal given to enter was aborted before the action ${this.#plan.name} started: nothing was done.`
    seat.reject(new PerdureError('PERDURE_E_ABORTED', text, { cause: seat.signal?.reason }))
    this.#apply({ kind: 'withdrawal', role })
    if (this.#seats.every((other) => other === undefined)) this.cancel(undefined)
  }

  #surroundings(role: number): Surroundings {
    return {
      role: this.#plan.roles[role] as string,
      objects: () => this.#workspace?.copies ?? {},
      known: (exception) => this.#plan.rules.tree.has(exception),
      nested: async (inner, innerRole, body, options) => {
        const entrance = entrances.get(inner)
        if (entrance !== undefined) return entrance(this, innerRole, body, options)
        throw new PerdureError(
          'PERDURE_E_USAGE',
          'context.enter was given something that is no action: expected what action(…) returns.',
        )
      },
    }
  }

  #report(raised: readonly Raised[]): void {
    for (const { role, exception } of raised) {
      const code: FaultCode = this.#state.standings[role] === 'lost' ? 'lost' : 'exception'
      this.#publish(code, 'participant', `${this.#plan.name}/${this.#plan.roles[role]}`, { exception })
    }
  }

  #publish(code: FaultCode, kind: 'action' | 'participant', name: string, data: Readonly<Record<string, unknown>> = {}): void {
    publishFault({ detector: 'action', entity: { kind, name }, code, atMs: this.#plan.clock.wallMs(), data })
  }

  /** One timer at a time, that of the phase; without an event: the objects were not to be had. */
  #arm(ms: number, event: ActionEvent | undefined): void {
    this.#disarm()
    if (ms === Number.POSITIVE_INFINITY) return
    this.#timer = this.#plan.clock.after(ms, () => (event === undefined ? this.#objectsTaken() : this.#apply(event)))
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #objectsTaken(): void {
    const text = `The objects of the action ${this.#plan.name} were in use by another action for ${this.#plan.entryMs} ms: nothing was done. Raise entryMs, or perform the action again.`
    this.cancel(new PerdureError('PERDURE_E_TIMEOUT', text))
  }
}
