/**
 * The members of a group in this process: who is asked, in which order each works, who is suspended and how it comes back.
 *
 * Boundary: rules of suspicion and views are `membership.ts`; what a call is, `conduct.ts`.
 *   E1  A member executes one call after the other, in the order in which it was given them.
 *   E2  Whoever returns does so with the state of an active member that is between two calls, and sees every call after that.
 */
import type { Clock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import type { FaultCode } from '../../fault.ts'
import { copyArguments } from '../../support/state/state.ts'
import type { Timeouts } from '../../support/timeouts.ts'
import { AttemptCell, enter, leave } from './attempt.ts'
import type { Ballot } from './ballot.ts'
import type { Call } from './conduct.ts'
import { type Member, requireCommonState } from './member.ts'
import {
  blamed,
  canSpare,
  type MemberRecord,
  NO_VIEW,
  newRecord,
  nextView,
  type SuspicionRule,
  shadowed,
  suspended,
  tookPart,
  type View,
} from './membership.ts'
import type { Outcomes } from './record.ts'
import type { Place } from './seat.ts'
import type { Strategy } from './strategy.ts'
import { usage } from './strategy-options.ts'
import { isThenable } from './thenable.ts'

/** `stranded`: no state can be had for it, so it never returns by itself. */
export type Status = 'active' | 'suspended' | 'recovering' | 'shadow' | 'stranded'

export interface GroupMember {
  readonly id: string
  readonly status: Status
  readonly faults: number
  readonly suspensions: number
}

/** Calls that one member has not begun yet; a member that is so far behind does not catch up. */
const MAX_BACKLOG = 1_024

/** Of members that nobody suspects by rule: only those that hang, which are not tried again. */
const NO_RULE: SuspicionRule = { faults: Number.POSITIVE_INFINITY, calls: 0, shadowCalls: 0, ejectMs: Number.POSITIVE_INFINITY }

/** A member in its place: what it is doing, and what waits for it. */
export class Enrolled implements Place {
  readonly member: Member
  readonly record: MemberRecord
  status: Status = 'active'
  #isBusy = false
  readonly #waiting: (() => void)[] = []

  constructor(member: Member, record: MemberRecord = newRecord()) {
    this.member = member
    this.record = record
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  get backlog(): number {
    return this.#waiting.length
  }

  inTurn(execute: () => void): void {
    if (this.#isBusy) this.#waiting.push(execute)
    else {
      this.#isBusy = true
      execute()
    }
  }

  finished(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#isBusy = false
    else next()
  }

  /** The same member with nothing to do: what it was doing, and whatever waited for that, is nobody's any more. */
  anew(): Enrolled {
    this.status = 'suspended'
    return new Enrolled(this.member, this.record)
  }
}

export interface EnrolmentPort {
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly rule: SuspicionRule | undefined
  strategy(): Strategy
  tell(code: FaultCode, id: string): void
}

export class Enrolment {
  readonly #port: EnrolmentPort
  readonly #rule: SuspicionRule
  #enrolled: readonly Enrolled[]
  #active: readonly Enrolled[]
  #view: View
  #changes = 0
  /** Whose votes carried the last answer. */
  #agreed: readonly Enrolled[] = []

  constructor(members: readonly Member[], port: EnrolmentPort) {
    this.#port = port
    this.#rule = port.rule ?? NO_RULE
    this.#enrolled = members.map((member) => new Enrolled(member))
    this.#active = this.#enrolled
    this.#view = nextView(NO_VIEW, this.#ids(), 0)
  }

  get view(): View {
    return this.#view
  }

  get members(): readonly GroupMember[] {
    return this.#enrolled.map(({ member, status, record }) => ({
      id: member.id,
      status,
      faults: record.faults,
      suspensions: record.suspensions,
    }))
  }

  get hasShadows(): boolean {
    return this.#active.length < this.#enrolled.length && this.#enrolled.some(({ status }) => status === 'shadow')
  }

  /** Who is asked in a call that begins now. */
  places(): readonly Enrolled[] {
    for (const place of this.#active) if (place.backlog >= MAX_BACKLOG) this.#leaveBehind(place)
    if (this.#active.length < this.#enrolled.length)
      for (const place of this.#enrolled) if (place.status === 'recovering') this.#recover(place)
    return this.#active
  }

  /** A member that is between two calls and has agreed to the last answer. */
  agreeing(): Member | undefined {
    return this.#active.find((place) => !place.isBusy && (this.#agreed.length === 0 || this.#agreed.includes(place)))?.member
  }

  /** Gives a call to those that are tried, after it has been given to the members of the view. */
  shadow(call: Call): void {
    for (const place of this.#enrolled) {
      if (place.status !== 'shadow') continue
      const compare = (ballot: Ballot) => this.#compare(place, call, ballot)
      const execute = () => executeAlone(place, call, compare)
      if (this.#port.strategy().state === 'own') place.inTurn(execute)
      else execute()
    }
  }

  /** A call is over. */
  judge(call: Call, { support, disagreed, failed, late, rejected }: Outcomes): void {
    if (support.length > 0) this.#agreed = support.map((member) => call.seats[member]?.place as Enrolled)
    for (const [member, seat] of call.seats.entries()) {
      const place = seat.place as Enrolled
      if (place.status !== 'active' || seat.tries === 0) continue
      tookPart(place.record)
      if (place.member.isLost === true && this.#port.strategy().state === 'own') {
        this.#lose(place)
        continue
      }
      const isLate = late.includes(member)
      const isWrong = disagreed.includes(member) || failed.includes(member) || rejected.includes(member)
      const isHung = isLate && this.#port.strategy().state === 'own' && place.isBusy
      if (isHung && place.member.isLost !== undefined) this.#lose(place)
      else if (isHung) {
        place.record.faults += 1
        this.#suspend(place)
      } else if ((isLate && blamed(place.record, 'late', this.#rule)) || (isWrong && blamed(place.record, 'wrong', this.#rule)))
        this.#suspend(place)
    }
  }

  /** E2 holds for a new one too. */
  add(member: Member): void {
    if (this.#enrolled.some((place) => place.member.id === member.id))
      throw usage(`There is a member ${member.id} already. Give the new one another name, or remove the old one first.`)
    const place = new Enrolled(member)
    if (this.#port.strategy().state === 'own') this.#teach(place)
    this.#enrolled = [...this.#enrolled, place]
    this.#change()
  }

  #teach(place: Enrolled): void {
    const donor = this.agreeing()
    if (donor === undefined)
      throw usage(
        `All members are busy, so nobody can tell ${place.member.id} what the state is. Await the calls under way, then add it.`,
      )
    const state = donor.save()
    if (!isThenable(state)) return void place.member.load(state)
    place.inTurn(() => {
      Promise.resolve(state)
        .then((known) => place.member.load(known))
        .then(
          () => place.finished(),
          () => this.#strand(place),
        )
    })
  }

  remove(id: string): void {
    const place = this.#find(id)
    if (place.status === 'active' && this.#active.length === 1)
      throw usage(`${id} is the last member that is asked. Add another one before it is removed.`)
    this.#enrolled = this.#enrolled.filter((other) => other !== place)
    place.member.close?.()
    this.#change()
  }

  suspend(id: string): void {
    const place = this.#find(id)
    if (place.status === 'active' && this.#active.length === 1)
      throw usage(`${id} is the last member that is asked: nobody would be left. Add another one first.`)
    this.#setAside(place)
  }

  promote(id: string): void {
    let place = this.#find(id)
    if (place.status !== 'active') {
      place = this.#restore(place)
      if (place.status === 'shadow') place.status = 'active'
      place.record.shadowLeft = 0
    }
    this.#enrolled = [place, ...this.#enrolled.filter((other) => other !== place)]
    this.#change()
  }

  close(): void {
    for (const { member } of this.#enrolled) member.close?.()
  }

  #suspend(place: Enrolled): void {
    if (canSpare(this.#active.length, this.#port.strategy().minimum(this.#enrolled.length))) this.#setAside(place)
  }

  /** Its backlog is full: the others go on without it, or nobody does. */
  #leaveBehind(place: Enrolled): void {
    place.record.faults += 1
    this.#suspend(place)
    if (place.status === 'active')
      throw new PerdureError(
        'PERDURE_E_BUSY',
        `${MAX_BACKLOG} calls wait for ${place.member.id}, which the group cannot do without. Await some before making more.`,
      )
  }

  /** It takes part again as soon as it has the state of another one. */
  #lose(place: Enrolled): void {
    place.status = 'recovering'
    this.#port.tell('crashed', place.member.id)
    this.#change()
  }

  #setAside(place: Enrolled): void {
    const awayMs = suspended(place.record, this.#rule)
    place.status = 'suspended'
    this.#port.tell('suspended', place.member.id)
    this.#change()
    if (awayMs === Number.POSITIVE_INFINITY || this.#port.rule === undefined) return
    this.#port.timeouts.background(awayMs, () => {
      if (place.status === 'suspended') place.status = 'recovering'
    })
  }

  #recover(place: Enrolled): void {
    if (this.#restore(place).status === 'active') this.#change()
  }

  /** E2: with the state of one that is idle and has agreed; where there is none, the next call may find one. */
  #restore(place: Enrolled): Enrolled {
    if (this.#port.strategy().state !== 'own') return this.#return(place)
    const donor = this.agreeing()
    if (donor === undefined) return place
    const fresh = place.anew()
    this.#enrolled = this.#enrolled.map((other) => (other === place ? fresh : other))
    fresh.inTurn(() => {
      try {
        requireCommonState([donor, fresh.member])
        const state = donor.save()
        const renewed = isThenable(state) ? state.then((known) => fresh.member.renew(known)) : fresh.member.renew(state)
        if (!isThenable(renewed)) return fresh.finished()
        fresh.status = 'shadow'
        renewed.then(
          () => this.#renewed(fresh),
          () => this.#strand(fresh),
        )
      } catch {
        this.#strand(fresh)
      }
    })
    return fresh.status === 'active' ? this.#return(fresh) : fresh
  }

  /** Calls that were made meanwhile wait for it: it executes them uncounted, and is asked from now on. */
  #renewed(place: Enrolled): void {
    place.finished()
    if (place.status !== 'shadow' || place.record.shadowLeft > 0) return
    place.status = 'active'
    this.#change()
  }

  #return(place: Enrolled): Enrolled {
    place.status = place.record.shadowLeft > 0 ? 'shadow' : 'active'
    return place
  }

  #strand(place: Enrolled): void {
    place.status = 'stranded'
    this.#port.tell('stranded', place.member.id)
  }

  #compare(place: Enrolled, call: Call, ballot: Ballot): void {
    const { decision } = call
    if (place.status !== 'shadow' || decision === undefined) return
    const isVote = ballot.kind === 'value' || ballot.kind === 'exception'
    if (!isVote || (decision.kind !== 'error' && call.agrees(decision, ballot) === false)) {
      place.record.faults += 1
      return place.member.isLost === true ? this.#lose(place) : this.#setAside(place)
    }
    if (!shadowed(place.record)) return
    place.status = 'active'
    this.#change()
  }

  #change(): void {
    this.#active = this.#enrolled.filter(({ status }) => status === 'active')
    this.#changes += 1
    const view = nextView(this.#view, this.#ids(), this.#changes)
    if (view === this.#view) return
    this.#view = view
    this.#port.tell('view-changed', view.members.join(','))
  }

  #ids(): string[] {
    return this.#active.map(({ member }) => member.id)
  }

  #find(id: string): Enrolled {
    const place = this.#enrolled.find(({ member }) => member.id === id)
    if (place !== undefined) return place
    throw usage(
      `There is no member ${id}: the members are ${this.#enrolled.map(({ member }) => member.id).join(', ')}. Name one of them.`,
    )
  }
}

/** Executes a call outside of its vote; the ballot is told once the call has been decided. */
function executeAlone(place: Enrolled, call: Call, compare: (ballot: Ballot) => void): void {
  const cell = new AttemptCell(1)
  const cast = (kind: Ballot['kind'], value: unknown) => {
    place.finished()
    call.whenComplete(() => compare({ member: -1, kind, value, ms: 0 }))
  }
  let result: unknown
  try {
    const outer = enter(cell)
    try {
      result = place.member.invoke(call.method, copyArguments(call.args), cell)
    } finally {
      leave(outer)
    }
  } catch (error) {
    return cast(call.kindOf(error), error)
  }
  if (!isThenable(result)) return cast('value', result)
  result.then(
    (value: unknown) => cast('value', value),
    (error: unknown) => cast(call.kindOf(error), error),
  )
}
