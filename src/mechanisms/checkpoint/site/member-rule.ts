/**
 * The checkpoint protocol of one member in its proxy: what it knows, what its messages carry, and what it has to do before a delivery.
 *
 * The rules are those of the pure part. What is different here: members join while the group works, so vectors grow. An entry that
 * is not there is that of a member nobody has heard of, and a rule keeps just this entry for a member that is silent, from the beginning
 * for as long as it is: so vectors are filled up with it, and everything is as if all members had been there from the beginning.
 *
 * Boundary: no site, no time.
 *   R1  What is saved is the state right after the checkpoint was counted.
 *   R2  Messages of no member carry no stamp, and nothing is learnt from them: they are never undone, or only with what asked for them.
 */
import { PerdureError } from '../../../errors.ts'
import { decode, encode } from '../../../log/codec/codec.ts'
import { bcs } from '../bcs.ts'
import { bhmr } from '../bhmr.ts'
import { type ExactState, skips } from '../exact.ts'
import { fdas } from '../fdas.ts'
import { hmnr } from '../hmnr.ts'
import type { GroupProtocol, Mail } from '../machine/protocol.ts'
import type { Rule, Token } from '../protocol.ts'
import { isFromOutside } from './requests.ts'
import { BCS, BHMR, FDAS, HMNR, type VectorForm } from './vectors.ts'

/** `ask`: the service decides whether to save first. `save`: before the delivery. */
export type Judgement = 'deliver' | 'ask' | 'save'

export interface MemberRule {
  judge(mail: Mail): Judgement
  /** The message is given to the object now. */
  merge(mail: Mail): void
  /** A checkpoint: forced by this message, or basic. */
  take(by: Mail | null): void
  /** Of a message that is sent now to the member at this place; -1: nobody knows where. */
  stamp(to: number): Uint8Array | null
  /** As it is saved with a checkpoint. */
  saved(): Uint8Array | null
  /** Somebody has joined: so many places are there now. */
  grow(places: number): void
}

export interface RuleOrigin {
  readonly protocol: GroupProtocol
  readonly place: number
  /** Of the checkpoint gone back to; its index, -1 for a new member. */
  readonly index: number
  readonly rule: Uint8Array | null
  readonly places: number
}

export function memberRule(origin: RuleOrigin): MemberRule {
  switch (origin.protocol) {
    case 'exact':
      return new ExactMember(origin)
    case 'bcs':
      return new StampingMember(() => bcs, BCS, origin)
    case 'hmnr':
      return new StampingMember(hmnr, HMNR, origin)
    case 'fdas':
      return new StampingMember(fdas, FDAS, origin)
    case 'bhmr':
      return new StampingMember(bhmr, BHMR, origin)
    case 'cut':
    case 'koo-toueg':
      return NOTHING
  }
}

/** Markers, or the service, say when to save. */
const NOTHING: MemberRule = {
  judge: () => 'deliver',
  merge: () => undefined,
  take: () => undefined,
  stamp: () => null,
  saved: () => null,
  grow: () => undefined,
}

/** The skip rules of `exact`; the token is in the message itself. */
class ExactMember implements MemberRule {
  readonly #state: ExactState
  /** Made once: every message is judged. */
  readonly #token: { from: number; epoch: number; index: number } = { from: 0, epoch: 0, index: 0 }

  constructor({ place, rule, places, index }: RuleOrigin) {
    const received = rule === null ? [] : (decode(rule) as number[])
    this.#state = { i: place, y: Math.max(0, index), sent: false, received }
    this.grow(places)
  }

  judge(mail: Mail): Judgement {
    if (isFromOutside(mail)) return 'deliver'
    const [, from, , index] = mail
    this.grow(from + 1)
    this.#token.from = from
    this.#token.index = index
    return skips(this.#state, this.#token) ? 'deliver' : 'ask'
  }

  merge(mail: Mail): void {
    if (isFromOutside(mail)) return
    const [, from, , index] = mail
    const { received } = this.#state
    this.grow(from + 1)
    if (index > received[from]!) received[from] = index
  }

  take(): void {
    this.#state.y += 1
    this.#state.sent = false
  }

  stamp(): null {
    this.#state.sent = true
    return null
  }

  saved(): Uint8Array {
    return encode(this.#state.received)
  }

  grow(places: number): void {
    const { received } = this.#state
    while (received.length < places) received.push(-1)
  }
}

/** A rule whose messages carry what it knows. */
class StampingMember<State, S extends Token> implements MemberRule {
  readonly #rule: Rule<State, S>
  readonly #form: VectorForm<State, S>
  readonly #place: number
  readonly #state: State
  #places: number
  /** Of the message judged last: it is merged next. */
  #judged: { readonly mail: Mail; readonly stamp: S } | undefined

  constructor(ruleFor: (members: number) => Rule<State, S>, form: VectorForm<State, S>, origin: RuleOrigin) {
    this.#places = Math.max(origin.places, origin.place + 1)
    this.#rule = ruleFor(this.#places)
    this.#form = form
    this.#place = origin.place
    this.#state = origin.rule === null ? this.#rule.begin(origin.place) : (decode(origin.rule) as State)
    this.#form.growState(this.#state, this.#places)
  }

  judge(mail: Mail): Judgement {
    const stamp = this.#stampOf(mail)
    return stamp !== undefined && this.#rule.forces(this.#state, stamp) ? 'save' : 'deliver'
  }

  merge(mail: Mail): void {
    const stamp = this.#stampOf(mail)
    if (stamp !== undefined) this.#rule.merge(this.#state, stamp)
    this.#judged = undefined
  }

  take(by: Mail | null): void {
    this.#rule.take(this.#state, by === null ? undefined : this.#stampOf(by))
  }

  stamp(to: number): Uint8Array {
    this.grow(to + 1)
    const token: Token = { from: this.#place, epoch: 0, index: 0 }
    return encode(this.#form.written(this.#rule.send(this.#state, token, to < 0 ? undefined : to)))
  }

  saved(): Uint8Array {
    return encode(this.#state)
  }

  grow(places: number): void {
    if (places <= this.#places) return
    this.#places = places
    // It was filled up to the places that were there then.
    this.#judged = undefined
    this.#form.growState(this.#state, places)
  }

  #stampOf(mail: Mail): S | undefined {
    if (this.#judged?.mail === mail) return this.#judged.stamp
    const [, from, sender, index, , bytes] = mail
    if (isFromOutside(mail)) return undefined
    const stamp = bytes === null ? undefined : this.#form.read(decode(bytes), { from, epoch: 0, index })
    if (stamp === undefined) throw unreadable(sender)
    this.grow(Math.max(from + 1, this.#form.placesOf(stamp)))
    const full = this.#form.growStamp(stamp, this.#places)
    this.#judged = { mail, stamp: full }
    return full
  }
}

function unreadable(sender: string): PerdureError {
  const text = `A message of ${sender} carries no stamp of this group's protocol: expected one made by a proxy of this version. All programs of a group must run the same version of perdure.`
  return new PerdureError('PERDURE_E_PROTOCOL', text)
}
