/**
 * One member of a group, in the process that hosts it: an object, the calls that wait for it, and what it has said to them.
 *
 * A member does one thing after the other, in the order in which the log tells it to: it is built (constructed, restored from the
 * base, brought up to date by the calls since), then it executes calls, takes over states, gives its state away. All of it
 * passes through one queue, so a state is always that after a known call.
 *
 * Boundary: executes the user's class; knows the log only as a `MemberPort`. Whether a ballot counts is decided by the machine.
 *   H1  Calls on a state are executed one at a time; those of a group without state side by side.
 *   H2  After `destroy` the member says nothing any more, whatever its object still does.
 *   H3  Where the state is common an attempt changes a copy; the state that is chosen comes back with the decision.
 */
import type { Clock } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { copyValue, encode } from '../../../log/codec/codec.ts'
import type { Failure, Outcome } from '../../../log/machine.ts'
import { failureOf } from '../../../log/outcome.ts'
import { type Fork, holderOf, type StateHolder } from '../../../support/state/state.ts'
import type { AttemptCell } from '../attempt.ts'
import { stateDigest } from '../machine/digest.ts'
import type { BallotExtra, Base, PastCall } from '../machine/protocol.ts'
import type { StateMode, VariantClass } from '../strategy.ts'
import { choicesOf } from './choices.ts'
import { type Cast, castOf, cellOf, execute, type Order, type Result, saidBy } from './execution.ts'

/** How a member is to be built. */
export interface Placement {
  readonly member: string
  readonly epoch: number
  readonly args: readonly unknown[]
  readonly mode: StateMode
  readonly base: Base | null
  readonly calls: readonly PastCall[]
}

export interface MemberPort {
  readonly clock: Clock
  ready(failure: Failure | null): void
  cast(order: Order, cast: Cast): void
  /** Writes the n-th choice of a call down; resolves with the one that counts. */
  choose(call: number, n: number, value: unknown): Promise<unknown>
  donate(afterCall: number, state: Outcome): void
}

interface Live {
  readonly cell: AttemptCell
  /** Lets the queue go on without this attempt. */
  giveUp(): void
}

type Task = () => Promise<void> | undefined

export class HostedMember {
  readonly member: string
  readonly epoch: number
  readonly #variant: VariantClass
  readonly #placement: Placement
  readonly #port: MemberPort
  readonly #queue: Task[] = []
  /** Attempts that are being executed, by call. */
  readonly #live = new Map<number, Live[]>()
  #object: object | undefined
  #holder: StateHolder | undefined
  /** Why there is no object. */
  #unbuilt: { readonly error: unknown } | undefined
  #busy = false
  #over = false

  constructor(variant: VariantClass, placement: Placement, port: MemberPort) {
    this.member = placement.member
    this.epoch = placement.epoch
    this.#variant = variant
    this.#placement = placement
    this.#port = port
    this.#queue.push(() => this.#build())
  }

  run(order: Order): void {
    this.#queue.push(() => this.#run(order))
  }

  /** The call is decided; `state`, if there is one, is the state from here on. */
  end(call: number, chosen: string | null, state: readonly [state: unknown] | null): void {
    for (const live of this.#live.get(call) ?? []) {
      // Its state is its own: it has to come to the end of every call, and is compared.
      if (this.#placement.mode === 'own') continue
      live.cell.revoke(decided())
      live.giveUp()
    }
    // A primary is ahead of what has been decided.
    if (chosen === this.member && this.#placement.mode === 'own') return
    if (state !== null) this.#queue.push(() => this.#adopt(state[0]))
  }

  #adopt(state: unknown): undefined {
    try {
      this.#required().load(copyValue(state))
    } catch (error) {
      // It has missed a step: whatever it said from here on would be of another state.
      this.#unbuilt = { error }
    }
  }

  donate(afterCall: number): void {
    this.#queue.push(() => this.#port.donate(afterCall, this.#state()) as undefined)
  }

  /** Does what is queued, until something has to be waited for. Not to be called while an operation is being applied. */
  pump(): void {
    while (!this.#busy && !this.#over) {
      const task = this.#queue.shift()
      if (task === undefined) return
      const waiting = task()
      if (waiting === undefined) continue
      this.#busy = true
      void waiting.then(() => {
        this.#busy = false
        this.pump()
      })
    }
  }

  destroy(): void {
    this.#over = true
    this.#queue.length = 0
    for (const lives of this.#live.values()) for (const { cell } of lives) cell.revoke(decided())
    this.#live.clear()
  }

  // Building

  #build(): Promise<void> | undefined {
    const { args, mode, base, calls } = this.#placement
    try {
      const construct = () => new this.#variant(...(copyValue(args) as never[]))
      this.#object = construct()
      if (mode !== 'none') this.#holder = this.#hold(construct)
      if (base !== null) this.#required().load(base.state)
    } catch (error) {
      return this.#failBuild(error)
    }
    const repeating = this.#repeat(calls, 0)
    if (repeating === undefined) return this.#port.ready(null) as undefined
    return repeating.then(
      () => {
        if (!this.#over) this.#port.ready(null)
      },
      (error: unknown) => this.#failBuild(error),
    )
  }

  /** A class that cannot say what its state is can still execute every call from the first one on. */
  #hold(construct: () => object): StateHolder | undefined {
    try {
      return holderOf(this.#object as object, construct)
    } catch (error) {
      if (this.#placement.mode === 'common' || this.#placement.base !== null) throw error
      return undefined
    }
  }

  #failBuild(error: unknown): undefined {
    this.#unbuilt = { error }
    if (!this.#over) this.#port.ready(failureOf(error))
  }

  /** Executes what was executed before; nobody hears what comes of it. */
  #repeat(calls: readonly PastCall[], from: number): Promise<void> | undefined {
    for (let next = from; next < calls.length; next++) {
      const [call, method, args, choices] = calls[next]!
      const order: Order = { call, attempt: 1, method, args, role: 'replay', wantHash: false, choices }
      const result = execute(
        this.#now(),
        order,
        cellOf(
          1,
          choicesOf(order, (_, made) => Promise.resolve(made)),
        ),
      )
      if (result instanceof Promise) return result.then(() => this.#repeat(calls, next + 1))
    }
    return undefined
  }

  // Executing

  #run(order: Order): Promise<void> | undefined {
    if (this.#unbuilt) return this.#cast(order, { kind: 'error', value: this.#unbuilt.error }, 0, {})
    const { mode } = this.#placement
    const { clock } = this.#port
    let fork: Fork | undefined
    let before: unknown
    try {
      if (mode === 'common') fork = this.#required().fork()
      if (order.role === 'member') before = fork?.save()
    } catch (error) {
      return this.#cast(order, { kind: 'error', value: error }, 0, {})
    }
    const choices = choicesOf(order, (n, made) => this.#port.choose(order.call, n, made))
    const cell = cellOf(order.attempt, choices)
    const sinceMs = clock.monotonicMs()
    const done = (result: Result) => {
      if (this.#over || cell.isRevoked) return
      const ms = clock.monotonicMs() - sinceMs
      try {
        const extra = this.#extraOf(order, fork, cell)
        const made = choices && choices.asked > 0 && { choices: choices.asked }
        this.#cast(order, result, ms, { ...(before !== undefined && { before }), ...extra, ...made })
      } catch (error) {
        this.#cast(order, { kind: 'error', value: error }, ms, {})
      }
    }
    const result = execute(fork?.object ?? this.#now(), order, cell)
    if (!(result instanceof Promise)) return done(result) as undefined
    return this.#follow(order.call, cell, result.then(done))
  }

  #extraOf({ role, wantHash }: Order, fork: Fork | undefined, cell: AttemptCell): BallotExtra {
    const { mode } = this.#placement
    const after = mode === 'common' || role === 'primary' ? { after: (fork ?? this.#required()).save() } : undefined
    return {
      ...after,
      ...(wantHash && this.#hash()),
      ...saidBy(cell),
    }
  }

  /** Until the attempt has come back, or is given up; nobody waits where there is no state. */
  #follow(call: number, cell: AttemptCell, done: Promise<void>): Promise<void> | undefined {
    let giveUp: () => void = () => undefined
    const given = new Promise<void>((resolve) => {
      giveUp = resolve
    })
    const live: Live = { cell, giveUp }
    this.#live.set(call, [...(this.#live.get(call) ?? []), live])
    const over = Promise.race([done, given]).then(() => {
      const left = this.#live.get(call)?.filter((other) => other !== live) ?? []
      if (left.length > 0) this.#live.set(call, left)
      else this.#live.delete(call)
    })
    return this.#placement.mode === 'none' ? undefined : over
  }

  #cast(order: Order, result: Result, ms: number, extra: BallotExtra): undefined {
    // What is repeated was decided long ago.
    if (order.role !== 'replay') this.#port.cast(order, castOf(result, ms, extra))
  }

  // State

  #state(): Outcome {
    try {
      const state = this.#required().save()
      encode(state)
      return { value: state }
    } catch (error) {
      return { error: failureOf(error) }
    }
  }

  #hash(): { readonly hash: string } | undefined {
    const state = this.#holder && this.#state()
    return state && 'value' in state ? { hash: stateDigest(state.value) } : undefined
  }

  /** Throws what `holderOf` says of a class whose state cannot be copied. */
  #required(): StateHolder {
    this.#holder ??= holderOf(this.#object as object)
    return this.#holder
  }

  /** A holder may put another object in the place of the first. */
  #now(): object {
    return this.#holder?.object ?? (this.#object as object)
  }
}

function decided(): PerdureError {
  return new PerdureError(
    'PERDURE_E_REVOKED',
    'The call is decided, or this member is not asked any more; nobody waits for this attempt.',
  )
}
