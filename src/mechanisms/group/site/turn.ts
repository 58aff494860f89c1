/**
 * Conducts one call of a group whose members live in a site: the strategy's procedure, moved by what the log says.
 *
 * Where the members are objects of this process the engine (`conduct.ts`) starts them itself and knows when each has answered. Here to
 * start is an operation and an answer is a note, and whoever conducts may be replaced in the middle by somebody who is told everything from
 * the beginning. So a turn only ever *repeats*: it plays the procedure, says every start again (the log starts nothing twice),
 * takes the answers that are there already, and goes on. What it decides is decided when the log has it; the first decision counts.
 *
 * Boundary: pure but for its timers; talks to the log through a `TurnPort`.
 *   T1  A ballot counts for the try that it answers, and once.
 *   T2  After the decision stragglers are only compared, and members in the shadow, which do not count, are compared only then.
 */
import type { Timer } from '../../../clock.ts'
import { PerdureError } from '../../../errors.ts'
import { copyValue, equal } from '../../../log/codec/codec.ts'
import type { Outcome } from '../../../log/machine.ts'
import { errorOf, failureOf } from '../../../log/outcome.ts'
import { frozen } from '../../../support/state/state.ts'
import type { Ballot, Decision } from '../ballot.ts'
import type { Cast } from '../conduct.ts'
import type { BallotExtra, DecisionNotes, RecordedBallot } from '../machine/protocol.ts'
import type { Finished } from '../record.ts'
import { type Acceptance, type CallView, type Move, type Procedure, type Strategy, WAIT } from '../strategy.ts'

/** What a turn is told about its call. */
export interface TurnSpec {
  readonly call: number
  readonly method: string
  readonly args: readonly unknown[]
  /** Ids of the members of the view at dispatch. */
  readonly members: readonly string[]
}

export interface TurnPort {
  start(members: readonly string[], args: readonly unknown[] | null, attempt: number): void
  decide(kind: Decision['kind'], answer: Outcome, notes: DecisionNotes): void
  blame(faulty: readonly string[], late: readonly string[]): void
  after(ms: number, fire: () => void): Timer
  /** Nothing more is expected, of members that count. */
  done(call: Finished): void
}

interface Seat {
  readonly member: { readonly id: string }
  /** Tries that were started; the last one may be outstanding. */
  tries: number
  outstanding: boolean
  limit: Timer | undefined
  extra: BallotExtra | undefined
}

export class Turn implements CallView, Finished {
  readonly call: number
  readonly members: number
  readonly method: string
  readonly args: readonly unknown[]
  readonly #ids: readonly string[]
  readonly #strategy: Strategy
  readonly #port: TurnPort
  readonly #procedure: Procedure
  readonly seats: readonly Seat[]
  readonly ballots: Cast[] = []
  readonly isAborted = false
  /** The time of the whole call was over before it was decided. */
  isLate = false
  decision: Decision | undefined
  decidedAfter = 0
  /** Answers to tries that this turn has not started yet: a front before it had. */
  readonly #early: RecordedBallot[]
  readonly #rejected = new Set<number>()
  #elapsing: Timer | undefined
  #straggling: Timer | undefined
  #finished = false
  readonly #shadows: RecordedBallot[] = []
  #testing = false
  #waiting: Ballot[] = []
  #over = false

  constructor(strategy: Strategy, spec: TurnSpec, ballots: readonly RecordedBallot[], port: TurnPort) {
    this.call = spec.call
    this.members = spec.members.length
    this.method = spec.method
    this.args = spec.args
    this.#ids = spec.members
    this.#strategy = strategy
    this.#port = port
    this.#early = [...ballots]
    this.seats = spec.members.map((id) => ({ member: { id }, tries: 0, outstanding: false, limit: undefined, extra: undefined }))
    this.#procedure = strategy.begin(this)
  }

  id(member: number): string {
    return this.#ids[member] ?? String(member)
  }

  begin(): void {
    this.#play(this.#ask(() => this.#procedure.begin()))
  }

  /** A member has answered, or the log has given it up. */
  ballot(recorded: RecordedBallot): void {
    if (this.#over) return
    if (!recorded.counted) return this.#shadow(recorded)
    this.#early.push(recorded)
    this.#takeEarly()
  }

  deadline(): void {
    if (this.decision !== undefined || this.#over) return
    this.isLate = true
    this.#play(this.#ask(() => this.#procedure.deadline()))
  }

  /** Somebody else conducts the call, or nobody. */
  stop(): void {
    this.#over = true
    this.#elapsing?.cancel()
    this.#straggling?.cancel()
    for (const { limit } of this.seats) limit?.cancel()
  }

  // Ballots

  #takeEarly(): void {
    for (let at = 0; at < this.#early.length && !this.#over; ) {
      const recorded = this.#early[at]!
      const place = this.#ids.indexOf(recorded.member)
      const seat = this.seats[place]
      if (seat !== undefined && recorded.attempt > seat.tries && this.decision === undefined && recorded.kind !== 'late') {
        at += 1
        continue
      }
      this.#early.splice(at, 1)
      if (!recorded.counted) this.#shadow(recorded)
      else if (seat !== undefined) this.#take(place, seat, recorded)
      at = 0
    }
  }

  #take(place: number, seat: Seat, recorded: RecordedBallot): void {
    if (!seat.outstanding || recorded.attempt !== seat.tries) return
    seat.outstanding = false
    seat.limit?.cancel()
    seat.extra = recorded.extra
    const ballot = ballotOf(place, recorded, this.#strategy.declared)
    if (this.decision === undefined) return this.#arrived(ballot)
    this.ballots.push({ ...ballot })
    this.#compare(this.decision, ballot, recorded.member)
    this.#finishIfQuiet()
  }

  #shadow(recorded: RecordedBallot): void {
    if (this.decision === undefined) this.#shadows.push(recorded)
    else
      this.#compare(
        this.decision,
        ballotOf(this.#ids.indexOf(recorded.member), recorded, this.#strategy.declared),
        recorded.member,
      )
  }

  #arrived(ballot: Ballot): void {
    this.ballots.push({ ...ballot })
    if (this.#testing) this.#waiting.push(ballot)
    else this.#play(this.#ask(() => this.#procedure.arrived(ballot)))
  }

  /** T2 */
  #compare(decision: Decision, ballot: Ballot, id: string): void {
    if (ballot.kind === 'late') return this.#port.blame([], [id])
    const disagrees = decision.kind !== 'error' && this.agrees(decision, ballot) === false
    if (ballot.kind === 'error' || disagrees) this.#port.blame([id], [])
  }

  agrees(decision: Decision, vote: Ballot): boolean | undefined {
    return this.#strategy.agrees?.(decision, vote)
  }

  /** Members with a state of their own come to the end of every call; all others have been told to stop. */
  #finishIfQuiet(): void {
    const waits = this.#strategy.state === 'own' && this.seats.some(({ outstanding }) => outstanding)
    if (!waits) return this.#finish()
    this.#straggling ??= this.#port.after(this.#strategy.stragglerMs, () => {
      const silent = [...this.seats.entries()].filter(([, { outstanding }]) => outstanding).map(([member]) => member)
      for (const member of silent) this.ballots.push({ member, kind: 'late', value: undefined, ms: this.#strategy.stragglerMs })
      this.#port.blame(
        [],
        silent.map((member) => this.id(member)),
      )
      this.#finish()
    })
  }

  #finish(): void {
    if (this.#finished || this.#over || this.decision === undefined) return
    this.#finished = true
    this.#straggling?.cancel()
    this.#port.done(this)
  }

  // Moves

  /** A function of the user that throws decides the call: nobody else would. */
  #ask(next: () => Move): Move {
    try {
      return next()
    } catch (error) {
      return { do: 'settle', decision: { kind: 'error', value: error, support: [], faulty: [] } }
    }
  }

  #play(first: Move): void {
    let move: Move | undefined = first
    while (move !== undefined && this.decision === undefined && !this.#over) {
      switch (move.do) {
        case 'wait':
          break
        case 'start':
          this.#start(move.members, move.args, move.afterMs)
          break
        case 'test':
          this.#test(move.member)
          break
        case 'settle':
          return this.#settle(move.decision, move.chosen)
      }
      const ballot: Ballot | undefined = this.#testing ? undefined : this.#waiting.shift()
      move = ballot && this.#ask(() => this.#procedure.arrived(ballot))
    }
    this.#takeEarly()
  }

  #start(members: readonly number[], args: readonly unknown[] | undefined, afterMs: number | undefined): void {
    const tries = new Map<number, string[]>()
    for (const member of members) {
      const seat = this.seats[member]
      if (seat === undefined)
        throw new PerdureError('PERDURE_E_INVARIANT', `A call of ${this.members} members has none at ${member}.`)
      seat.tries += 1
      seat.outstanding = true
      seat.extra = undefined
      this.#limit(member, seat)
      tries.set(seat.tries, [...(tries.get(seat.tries) ?? []), this.id(member)])
    }
    const other = args === undefined || equal(args, this.args) ? null : args
    for (const [attempt, ids] of tries) this.#port.start(ids, other, attempt)
    if (afterMs === undefined) return
    this.#elapsing?.cancel()
    this.#elapsing = this.#port.after(afterMs, () => {
      if (this.decision === undefined) this.#play(this.#ask(() => this.#procedure.elapsed?.() ?? WAIT))
    })
  }

  /** A member's own time; the log has another limit, for members that are dead. */
  #limit(member: number, seat: Seat): void {
    const { attemptMs } = this.#strategy
    if (attemptMs === Number.POSITIVE_INFINITY) return
    const { tries } = seat
    seat.limit = this.#port.after(attemptMs, () => {
      if (!seat.outstanding || seat.tries !== tries || this.decision !== undefined) return
      seat.outstanding = false
      this.#arrived({ member, kind: 'late', value: undefined, ms: attemptMs })
    })
  }

  #test(member: number): void {
    const { accept } = this.#strategy
    const ballot = this.ballots.findLast((told) => told.member === member)
    if (accept === undefined || ballot === undefined)
      throw new PerdureError('PERDURE_E_INVARIANT', `There is nothing to be tested of member ${member}.`)
    this.#testing = true
    const said = (verdict: unknown) => {
      this.#testing = false
      if (this.decision !== undefined || this.#over) return
      ballot.accepted = verdict === true
      if (!ballot.accepted) this.#rejected.add(member)
      this.#play(this.#ask(() => this.#procedure.tested?.(member, verdict === true) ?? WAIT))
    }
    // In a turn of its own: tests may be asynchronous, and the order of moves must not depend on it.
    new Promise<unknown>((resolve) => resolve(accept(frozen(ballot.value), this.#about(member)))).then(said, () => said(false))
  }

  #about(member: number): Acceptance {
    const extra = this.seats[member]?.extra
    const before = extra?.before
    const after = extra !== undefined && 'after' in extra ? extra.after : before
    return { args: frozen(this.args) as readonly unknown[], before: frozen(before), after: frozen(after) }
  }

  #settle(decision: Decision, chosen: number | undefined): void {
    this.decision = decision
    this.decidedAfter = this.ballots.length
    this.#elapsing?.cancel()
    const ids = (members: Iterable<number>) => [...members].map((member) => this.id(member))
    const late = this.ballots.filter(({ kind }) => kind === 'late').map(({ member }) => member)
    const answer: Outcome = decision.kind === 'value' ? { value: decision.value } : { error: failureOf(decision.value) }
    this.#port.decide(decision.kind, answer, {
      support: ids(decision.support),
      faulty: ids(decision.faulty),
      late: ids(new Set(late)),
      rejected: ids(this.#rejected),
      chosen: chosen === undefined ? null : this.id(chosen),
    })
    for (const recorded of this.#shadows.splice(0)) this.#shadow(recorded)
    this.#takeEarly()
    this.#finishIfQuiet()
  }
}

/** Hosts know nothing of what is declared. */
function ballotOf(member: number, { kind, answer, ms, extra }: RecordedBallot, declared: ReadonlySet<string>): Ballot {
  const value: unknown = 'value' in answer ? copyValue(answer.value) : errorOf(answer.error)
  const { name = '', code = '' } = 'error' in answer ? answer.error : {}
  const isFailure = kind === 'exception' && !declared.has(name) && !declared.has(code)
  return {
    member,
    kind: isFailure ? 'error' : kind,
    value: kind === 'late' ? undefined : value,
    ms,
    ...(extra.borderline && { borderline: true }),
  }
}
