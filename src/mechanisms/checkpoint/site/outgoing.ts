/**
 * What leaves an object, and where the member is when it leaves: every operation says in which interval it was issued, and up to where
 * messages had been delivered.
 *
 * Boundary: operations out; when the gate opens and shuts, and where the member is, `incarnation.ts` says.
 *   G1  Operations are issued in the order in which the object did what they say; what waits at the gate takes its interval when it leaves.
 *   G2  Nobody has to await: what is refused is a warning, and what was thrown away with its object is nothing.
 */
import type { Grant, Of } from '../machine/protocol.ts'
import { reasonOf } from './calls.ts'
import { Gate } from './gate.ts'
import { type IncarnationPort, MAX_IN_FLIGHT } from './incarnation-port.ts'
import type { MemberRule } from './member-rule.ts'
import { isRevocation } from './refusals.ts'

export class Outgoing {
  readonly gate: Gate
  /** The interval in which the member is. */
  index: number
  /** Position of the last message that was given to the object. */
  delivered: number
  epoch: number
  names: readonly (string | null)[]
  /** Something has happened since the last checkpoint. */
  dirty = false
  /** Deliveries that no operation has told of. */
  unreported = 0
  readonly #grant: Grant
  readonly #rule: MemberRule
  readonly #port: IncarnationPort
  readonly #relieved: () => void
  #inFlight = 0

  /** `relieved` hears that `isCrowded` has ended. */
  constructor(member: string, grant: Grant, rule: MemberRule, port: IncarnationPort, relieved: () => void) {
    this.gate = new Gate(member)
    this.index = grant.index
    this.delivered = grant.delivered
    this.epoch = grant.epoch
    this.names = grant.names
    this.#grant = grant
    this.#rule = rule
    this.#port = port
    this.#relieved = relieved
  }

  get of(): Of {
    return [this.#grant.group, this.#grant.place, this.epoch]
  }

  /** So much is on its way that the object should not be given more to do. */
  get isCrowded(): boolean {
    return this.#inFlight >= MAX_IN_FLIGHT
  }

  /** A message. `payload`: an encoded value. */
  send(to: string, payload: Uint8Array, signal?: AbortSignal): Promise<number> {
    if (this.gate.isOpen) return this.#send(to, payload)
    return this.unheard(this.gate.wait(() => this.#send(to, payload), signal))
  }

  /** What belongs to the interval in which it leaves. */
  issue(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    const issued = this.gate.wait(() => {
      this.dirty = true
      return this.say(name, [this.index, this.delivered, ...args])
    }, signal)
    return this.unheard(issued)
  }

  /** At once, in the name of the member. */
  say(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    this.unreported = 0
    return this.#port.issue(name, [...this.of, ...args], signal)
  }

  unheard<T>(promise: Promise<T>): Promise<T> {
    promise.catch(this.#warn)
    return promise
  }

  #send(to: string, payload: Uint8Array): Promise<number> {
    const stamp = this.#rule.stamp(this.names.indexOf(to))
    this.dirty = true
    this.#inFlight += 1
    const sent = this.say('checkpoint.send', [this.index, this.delivered, to, payload, stamp])
    sent.then(this.#sent, this.#notSent)
    return sent as Promise<number>
  }

  readonly #sent = (): void => {
    this.#inFlight -= 1
    if (this.#inFlight === MAX_IN_FLIGHT - 1) this.#relieved()
  }

  readonly #notSent = (error: unknown): void => {
    this.#sent()
    this.#warn(error)
  }

  readonly #warn = (error: unknown): void => {
    if (!isRevocation(error)) this.#port.warn(reasonOf(error))
  }
}
