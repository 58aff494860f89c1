/**
 * An object group: members that do one job, behind one call.
 *
 *     client.push(1)  ->  group.call('push', [1])  ->  a Call over the members of the view  ->  the answer
 *
 * Boundary: what is true between calls: the view, the order in which members execute, suspicion and return, counts. A call itself is
 * conducted in `conduct.ts`; groups whose members live on the log of a site are in `site/`.
 *   J1  Members with a state of their own execute the calls of the group in the order in which they were made, each at its own pace.
 *   J2  With a common state one call is under way at a time: the next begins with the state that was accepted.
 *   J3  A member that is still busy with a call that has been given up is behind the others: it is asked nothing more until it has been
 *       made anew.
 */
import { type Clock, systemClock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import { type Fault, type FaultCode, publishFault } from '../../fault.ts'
import type { Site } from '../../log/site.ts'
import type { Metaobject } from '../../support/interception.ts'
import { CHECKPOINTED } from '../../support/state/state.ts'
import { type Timeouts, timeoutsOf } from '../../support/timeouts.ts'
import { warnOnce } from '../../support/warning.ts'
import type { Adjudicator } from './adjudicators/adjudicator.ts'
import { AttemptCell, enter, leave, type Outgoing } from './attempt.ts'
import type { Decision, Verdict } from './ballot.ts'
import { signalIn } from './caller-signal.ts'
import { Call, type Stage } from './conduct.ts'
import { type Enrolled, Enrolment, type GroupMember } from './enrolment.ts'
import { LocalMember, localMember, type Member, requireCommonState } from './member.ts'
import type { SuspicionRule, View } from './membership.ts'
import { operationsOf } from './operations.ts'
import { Counts, faultsOf, isSpotless, type MemberCounts, outcomesOf, type PairCounts, verdictOf } from './record.ts'
import { redecide } from './redecide.ts'
import type { Place } from './seat.ts'
import type { Strategy } from './strategy.ts'
import { usage } from './strategy-options.ts'

export interface GroupOptions {
  /** Default: the system's. */
  readonly clock?: Clock
  /** Hears of every call once its last member has answered or run out of time. What it throws is nobody's. */
  readonly onVerdict?: (verdict: Verdict) => void
  /** For people: in errors, faults and verdicts. Default: the name of the class. */
  readonly name?: string
  /** When members with faults are not asked any more, and how they come back. Default: only those that hang are suspended. */
  readonly suspicion?: SuspicionRule
  /** Where the group lives: its calls, votes and views are then entries of the site's log. */
  readonly site?: Site
  /** Hears of faults, besides the channel `perdure:fault`. */
  readonly report?: (fault: Fault) => void
}

export interface GroupCounts {
  readonly calls: number
  /** Calls that came to an answer although some member was at fault. */
  readonly masked: number
  readonly failed: number
  readonly members: Readonly<Record<string, Readonly<MemberCounts>>>
  /** Members that gave the same wrong answer: what voting cannot help against (Knight and Leveson). */
  readonly pairs: readonly Readonly<PairCounts>[]
}

/** What people do with a group; of a group in a site everything is a promise. */
export interface GroupHandle {
  readonly view: View | Promise<View>
  readonly members: readonly GroupMember[] | Promise<readonly GroupMember[]>
  readonly counts: GroupCounts
  /** A ready object, or in a site the class of a further member; it is asked from the next call on. */
  add(id: string, member: object): unknown
  remove(id: string): unknown
  suspend(id: string): unknown
  /** Puts a member first; one that was suspended returns. */
  promote(id: string): unknown
  /** From the next call on. */
  setAdjudicator(adjudicator: Adjudicator): void
  /** Judges the ballots of a recorded call again, by the adjudicator as it is now. Executes nothing. */
  replay(verdict: Verdict): Decision
  /** Ends members that live elsewhere; calls fail from here on with `PERDURE_E_CLOSED`. Idempotent. */
  close(): unknown
}

export interface GroupParts {
  readonly name: string
  readonly strategy: Strategy
  readonly members: readonly Member[]
  readonly options: GroupOptions
}

/** Calls of a group with a common state that wait for their turn. */
const MAX_WAITING = 1_024

export class ObjectGroup implements Metaobject, Stage {
  readonly name: string
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly handle: GroupHandle
  strategy: Strategy
  current: Member
  readonly #options: GroupOptions
  readonly #enrolment: Enrolment
  readonly #counts = new Counts()
  readonly #operations: ReadonlyMap<string, readonly Enrolled[]> | undefined
  readonly #waiting: (() => void)[] = []
  #active: Call | undefined
  #isInside = false
  #isClosed = false

  constructor({ name, strategy, members, options }: GroupParts) {
    const [first] = members
    if (first === undefined) throw usage(`The group ${name} has no members: expected at least one.`)
    this.name = options.name ?? name
    this.strategy = strategy
    this.clock = options.clock ?? systemClock
    this.timeouts = timeoutsOf(this.clock)
    this.current = first
    if (strategy.state === 'common') requireCommonState(members)
    if (strategy.state === 'own' && options.suspicion !== undefined) warnOfStranding(this.name, members)
    this.#options = options
    this.#enrolment = new Enrolment(members, {
      clock: this.clock,
      timeouts: this.timeouts,
      rule: options.suspicion,
      strategy: () => this.strategy,
      tell: (code, id) => this.#tell(code, id),
    })
    this.#operations = operationsOf(strategy.options.operations, members)
    this.handle = this.#makeHandle()
  }

  /** Answers what is not a call: fields, symbols, methods that were not chosen. */
  get primary(): object | undefined {
    const { current } = this
    return 'object' in current && typeof current.object === 'object' ? (current.object ?? undefined) : undefined
  }

  call(method: string, args: readonly unknown[]): unknown {
    if (this.#isClosed) throw new PerdureError('PERDURE_E_CLOSED', `The group ${this.name} is closed. Make another one.`)
    if (this.strategy.state !== 'common') return this.#conduct(method, args)
    if (this.#isInside)
      throw usage(
        `A member of ${this.name} called its own group in ${method}: the call under way has not changed the state yet. Call this.${method} instead.`,
      )
    if (this.#active === undefined) return this.#conduct(method, args)
    if (this.#waiting.length >= MAX_WAITING)
      throw new PerdureError(
        'PERDURE_E_BUSY',
        `${MAX_WAITING} calls of ${this.name} wait for the one under way. Await some before making more.`,
      )
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(new Promise((done) => done(this.#conduct(method, args)))))
    })
  }

  #conduct(method: string, args: readonly unknown[]): unknown {
    const places = this.#operations?.get(method) ?? this.#enrolment.places()
    const [only] = places
    if (places.length === 1 && only !== undefined && this.#passesThrough(only, args)) return this.#passThrough(only, method, args)
    const call = new Call(this, places, method, args)
    if (this.strategy.state === 'common') this.#active = call
    const outer = this.#isInside
    this.#isInside = true
    try {
      return call.run()
    } finally {
      this.#isInside = outer
      if (this.#enrolment.hasShadows) this.#enrolment.shadow(call)
    }
  }

  /** The state of a group that is itself a variant of another one: that of a member who agreed. Errors: `PERDURE_E_STATE`. */
  save(): unknown {
    const { state } = this.strategy
    const saved = (state === 'own' ? this.#enrolment.agreeing() : this.current)?.save()
    if (saved !== undefined && !(saved instanceof Promise)) return saved
    throw new PerdureError(
      'PERDURE_E_STATE',
      `The state of the group ${this.name} cannot be had at once, so the group cannot be an alternate of another one: its members live elsewhere, or are all busy. Let alternates live in this thread.`,
    )
  }

  get shape(): string {
    return this.current instanceof LocalMember ? this.current.holder.shape : CHECKPOINTED
  }

  /** Makes this the state of all its members. */
  load(state: unknown): void {
    if (this.strategy.state === 'own') for (const { member } of this.#enrolment.places()) member.load(state)
    else this.current.load(state)
  }

  /** Of a group of one, with nothing to decide, compare, time or give up, the member's answer is the call's. */
  #passesThrough(only: Enrolled, args: readonly unknown[]): boolean {
    const { passesThrough, timeoutMs, declared } = this.strategy
    return (
      passesThrough === true &&
      timeoutMs === Number.POSITIVE_INFINITY &&
      declared.size === 0 &&
      this.#options.onVerdict === undefined &&
      this.#options.suspicion === undefined &&
      !only.isBusy &&
      only.member.isLost === undefined &&
      signalIn(args) === undefined
    )
  }

  #passThrough(only: Enrolled, method: string, args: readonly unknown[]): unknown {
    const cell = new AttemptCell(1)
    const outer = enter(cell)
    let result: unknown
    if (this.strategy.state === 'own') only.inTurn(IDLE)
    try {
      result = only.member.invoke(method, args, cell)
    } catch (error) {
      this.#passed(only, method, error)
      throw error
    } finally {
      leave(outer)
    }
    if (result instanceof Promise)
      return result.then(
        (value: unknown) => {
          this.#passed(only, method)
          return cell.outs.length === 0 ? value : this.perform(cell.outs).then(() => value)
        },
        (error: unknown) => {
          this.#passed(only, method, error)
          throw error
        },
      )
    this.#passed(only, method)
    if (cell.outs.length > 0) this.perform(cell.outs).catch(() => undefined)
    return result
  }

  #passed(only: Enrolled, method: string, ...errors: readonly unknown[]): void {
    if (this.strategy.state === 'own') only.finished()
    const counts = this.#counts.of(only.member.id)
    this.#counts.calls += 1
    counts.calls += 1
    if (errors.length === 0) {
      counts.agreed += 1
      return
    }
    this.#counts.failed += 1
    counts.failed += 1
    this.#report({
      detector: this.strategy.kind,
      entity: { kind: 'group', name: this.name },
      code: 'call-failed',
      atMs: this.clock.wallMs(),
      data: { method, reason: String(errors[0]) },
    })
  }

  inTurn(place: Place, execute: () => void): void {
    ;(place as Enrolled).inTurn(execute)
  }

  finished(place: Place): void {
    ;(place as Enrolled).finished()
  }

  /** Everything at once, in order: what a space has been given it keeps in this order. */
  async perform(outs: readonly Outgoing[]): Promise<void> {
    const performed = outs.map(({ space, tuple, options }) => {
      if (typeof space !== 'string') return space.out(tuple, options)
      throw usage(
        `The group ${this.name} is in no site, so "${space}" names no space. Give attempt().space a space that is open.`,
      )
    })
    await Promise.all(performed)
  }

  answered(call: Call): void {
    if (this.#active !== call) return
    this.#active = undefined
    const next = this.#waiting.shift()
    if (next !== undefined) this.clock.hop(next)
  }

  complete(call: Call): void {
    const outcomes = outcomesOf(call)
    this.#counts.add(call, outcomes)
    const { onVerdict } = this.#options
    const isSpotted = !isSpotless(call, outcomes)
    if (isSpotted || onVerdict !== undefined) {
      const atMs = this.clock.wallMs()
      if (isSpotted) for (const fault of faultsOf(this.name, this.strategy.kind, call, outcomes, atMs)) this.#report(fault)
      if (onVerdict !== undefined) heedless(() => onVerdict(verdictOf(call, outcomes, atMs)))
    }
    if (this.#operations?.has(call.method) !== true) this.#enrolment.judge(call, outcomes)
  }

  #tell(code: FaultCode, id: string): void {
    this.#report({
      detector: this.strategy.kind,
      entity: { kind: 'member', name: `${this.name}/${id}` },
      code,
      atMs: this.clock.wallMs(),
      data: { view: this.#enrolment.view.id },
    })
  }

  #report(fault: Fault): void {
    publishFault(fault)
    const { report } = this.#options
    if (report !== undefined) heedless(() => report(fault))
  }

  #makeHandle(): GroupHandle {
    const enrolment = this.#enrolment
    const group = this
    return {
      get view() {
        return enrolment.view
      },
      get members() {
        return enrolment.members
      },
      get counts() {
        const { calls, masked, failed, members, pairs } = group.#counts
        return { calls, masked, failed, members, pairs }
      },
      add: (id, object) => enrolment.add(localMember(id, object)),
      remove: (id) => enrolment.remove(id),
      suspend: (id) => enrolment.suspend(id),
      promote: (id) => enrolment.promote(id),
      setAdjudicator: (adjudicator) => {
        if (this.strategy.judgedBy === undefined) throw usage(`${this.strategy.kind} has no adjudicator that could be replaced.`)
        this.strategy = this.strategy.judgedBy(adjudicator)
      },
      replay: (verdict) => redecide(this.strategy, verdict),
      close: () => {
        this.#isClosed = true
        enrolment.close()
      },
    }
  }
}

const IDLE = (): void => undefined

/** Whoever is suspended returns with the state of another member, if there is a way to give it to him. */
function warnOfStranding(name: string, members: readonly Member[]): void {
  try {
    requireCommonState(members)
  } catch (error) {
    warnOnce(`${name}: a member that is suspended can never return. ${(error as Error).message}`)
  }
}

/** A listener's error has nowhere to go: the call it is about is over. */
function heedless(listen: () => void): void {
  try {
    listen()
  } catch {
    // Its author finds it by calling his own function.
  }
}
