/**
 * Conducts one call: starts members as the strategy's procedure says, brings it their ballots, and gives the caller its answer.
 *
 * The same code conducts synchronous calls and asynchronous ones. As long as members answer at once, everything happens in one go and
 * the call returns a value; as soon as one returns a promise, the call does too. After the answer those who are still under way
 * (*stragglers*) are waited for, compared, and given up in the end; only then is the verdict complete.
 *
 * Boundary: what happens within one call. What is true between calls (whose turn it is, who is a member) is `object-group.ts`.
 *   X1  The caller gets one answer, and nothing of a member reaches him that its procedure has not settled for.
 *   X2  Every promise of a member is listened to, so no rejection is ever unhandled; every time-out is withdrawn when it is not needed.
 *   X3  An attempt that has been given up has no effect any more: its ballot is cast, its copy is dropped, what it put out is forgotten.
 */
import type { Clock } from '../../clock.ts'
import { PerdureError } from '../../errors.ts'
import { copyArguments, frozen } from '../../support/state/state.ts'
import type { Timeout, Timeouts } from '../../support/timeouts.ts'
import { AttemptCell, enter, leave, type Outgoing } from './attempt.ts'
import type { Ballot, BallotKind, Decision } from './ballot.ts'
import { signalIn } from './caller-signal.ts'
import { type Base, baseOf, type Member, type Trial } from './member.ts'
import { Circumstances, type Place, type Seat, seatOf, viewOf } from './seat.ts'
import { type CallView, type Move, type Procedure, type Strategy, WAIT } from './strategy.ts'
import { isThenable } from './thenable.ts'

/** A ballot with what the engine knows of it. */
export interface Cast extends Ballot {
  accepted?: boolean
}

/** What a call needs of its group. */
export interface Stage {
  readonly clock: Clock
  readonly timeouts: Timeouts
  readonly strategy: Strategy
  /** Whose state the common one is; of strategies with a common state. */
  current: Member
  /** Calls `execute` when this member has finished what it was given before; at once if it is idle. */
  inTurn(place: Place, execute: () => void): void
  /** The member has finished. */
  finished(place: Place): void
  /** Performs what the chosen attempt has put out; a promise that the answer waits for, unless the call is synchronous. */
  perform(outs: readonly Outgoing[]): Promise<unknown>
  /** The caller has its answer. */
  answered(call: Call): void
  /** Nothing of the call is under way any more. */
  complete(call: Call): void
}

const NOTHING: readonly Outgoing[] = []

export class Call implements CallView {
  readonly members: number
  readonly method: string
  readonly args: readonly unknown[]
  readonly ballots: Cast[] = []
  readonly seats: readonly Seat[]
  decision: Decision | undefined
  /** How many of the ballots the procedure had seen when it decided. */
  decidedAfter = 0
  /** The time of the whole call was over before it was decided. */
  isLate = false
  /** The caller did not wait for it: what its members came to is nobody's fault. */
  isAborted = false
  readonly #stage: Stage
  readonly #strategy: Strategy
  readonly #procedure: Procedure
  readonly #inbox: Cast[] = []
  /** What attempts on a common state begin with. */
  #base: Base | undefined
  #isPumping = false
  #isFinished = false
  readonly #afterwards: (() => void)[] = []
  #outstanding = 0
  #isTesting = false
  #settle: { resolve(value: unknown): void; reject(error: unknown): void } | undefined
  #performing: Promise<unknown> | undefined
  #deadline: Timeout | undefined
  #elapsing: Timeout | undefined
  #straggling: Timeout | undefined
  #beganMs = 0
  #signal: AbortSignal | undefined
  #onAbort: (() => void) | undefined

  constructor(stage: Stage, places: readonly Place[], method: string, args: readonly unknown[]) {
    this.#stage = stage
    this.#strategy = stage.strategy
    this.method = method
    // Members may begin, and tests look, when the caller has gone on and changed what he gave.
    this.args = stage.strategy.state === 'none' && stage.strategy.agrees === undefined ? args : copyArguments(args)
    this.members = places.length
    this.seats = places.map(seatOf)
    this.#procedure = stage.strategy.begin(this)
  }

  id(member: number): string {
    return this.#seat(member).member.id
  }

  agrees(decision: Decision, vote: Ballot): boolean | undefined {
    return this.#strategy.agrees?.(decision, vote)
  }

  /** The answer, or a promise of it; throws where a synchronous call fails. */
  run(): unknown {
    this.#signal = signalIn(this.args)
    if (this.#signal?.aborted) throw this.#signal.reason
    this.#beganMs = this.#stage.clock.monotonicMs()
    this.#pump(this.#procedure.begin())
    const { decision } = this
    if (decision !== undefined) {
      if (decision.kind === 'value') return decision.value
      throw decision.value
    }
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      if (this.#strategy.timeoutMs !== Number.POSITIVE_INFINITY) this.#watchTime()
      this.#heedCaller()
    })
  }

  #watchTime(): void {
    const leftMs = this.#strategy.timeoutMs - (this.#stage.clock.monotonicMs() - this.#beganMs)
    this.#deadline = this.#stage.timeouts.after(Math.max(0, leftMs), () => {
      this.isLate = true
      this.#pump(this.#procedure.deadline())
    })
  }

  /** Whoever gives up waiting is told at once: nobody is asked in place of those he had asked, and nobody is to blame. */
  #heedCaller(): void {
    const signal = this.#signal
    if (signal === undefined) return
    this.#onAbort = () => {
      if (this.decision !== undefined) return
      const reason: unknown = signal.reason ?? new PerdureError('PERDURE_E_ABORTED', 'The caller gave up waiting.')
      this.isAborted = true
      this.#conclude({ kind: 'error', value: reason, support: [], faulty: [] }, undefined)
      for (const seat of this.seats) seat.cell?.revoke(reason)
      if (this.#outstanding === 0) this.#finish()
    }
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  #pump(first: Move): void {
    let move = first
    if (this.#isPumping) throw new PerdureError('PERDURE_E_INVARIANT', 'A call was driven from within itself.')
    this.#isPumping = true
    try {
      for (;;) {
        const next = this.#make(move)
        if (next !== undefined) {
          move = next
          continue
        }
        const ballot = this.#isTesting ? undefined : this.#inbox.shift()
        if (ballot === undefined) break
        move = this.decision === undefined ? this.#procedure.arrived(ballot) : WAIT
        // Nobody else is asked once the time of the whole call is over, also where no timer could fire.
        if (ballot.kind === 'late' && this.isLate && move.do !== 'settle' && this.decision === undefined)
          move = this.#procedure.deadline()
      }
    } finally {
      this.#isPumping = false
    }
    if (this.decision !== undefined && this.#outstanding === 0) this.#finish()
  }

  /** Makes a move; the answer is the next one, if it follows at once. */
  #make(move: Move): Move | undefined {
    if (this.decision !== undefined) return undefined
    switch (move.do) {
      case 'wait':
        return undefined
      case 'start':
        for (const member of move.members) this.#start(member, move.args ?? this.args)
        if (move.afterMs !== undefined) this.#watch(move.afterMs)
        return undefined
      case 'test':
        return this.#test(move.member)
      case 'settle':
        this.#conclude(move.decision, move.chosen)
        return undefined
    }
  }

  #watch(afterMs: number): void {
    this.#elapsing?.cancel()
    this.#elapsing = this.#stage.timeouts.after(afterMs, () => {
      if (this.decision === undefined && this.#procedure.elapsed !== undefined) this.#pump(this.#procedure.elapsed())
    })
  }

  #start(place: number, args: readonly unknown[]): void {
    const seat = this.#seat(place)
    seat.tries += 1
    seat.outstanding = true
    this.#outstanding += 1
    if (this.#strategy.state === 'own') this.#stage.inTurn(seat.place, () => this.#execute(place, seat, args))
    else this.#execute(place, seat, args)
  }

  #execute(place: number, seat: Seat, args: readonly unknown[]): void {
    const { clock } = this.#stage
    const { state } = this.#strategy
    const cell = new AttemptCell(seat.tries)
    seat.cell = cell
    seat.startedMs = clock.monotonicMs()
    let result: unknown
    try {
      const given = state === 'none' && this.#strategy.agrees === undefined ? args : copyArguments(args)
      const outer = enter(cell)
      try {
        if (state === 'common') {
          this.#base ??= baseOf(this.#stage.current)
          seat.trial = seat.member.trial(this.#base)
          result = seat.trial.invoke(this.method, given, cell)
        } else {
          if (this.#strategy.accept !== undefined) seat.before = viewOf(seat.member)
          result = seat.member.invoke(this.method, given, cell)
        }
      } finally {
        leave(outer)
      }
    } catch (error) {
      return this.#answered(place, seat, cell, this.kindOf(error), error)
    }
    if (!isThenable(result)) return this.#answered(place, seat, cell, 'value', result)
    const limitMs = this.#strategy.attemptMs
    if (limitMs !== Number.POSITIVE_INFINITY)
      seat.limit = this.#stage.timeouts.after(limitMs, () => this.#giveUp(place, seat, cell))
    result.then(
      (value: unknown) => this.#came(place, seat, cell, 'value', value),
      (error: unknown) => this.#came(place, seat, cell, this.kindOf(error), error),
    )
  }

  kindOf(error: unknown): BallotKind {
    const { declared } = this.#strategy
    if (declared.size === 0 || typeof error !== 'object' || error === null) return 'error'
    const { name, code } = error as { readonly name?: unknown; readonly code?: unknown }
    return declared.has(name as string) || declared.has(code as string) ? 'exception' : 'error'
  }

  /** The answer of a promise. Whoever was given up before has no say; only his member is free again. */
  #came(place: number, seat: Seat, cell: AttemptCell, kind: BallotKind, value: unknown): void {
    if (seat.cell === cell && seat.outstanding) {
      this.#answered(place, seat, cell, kind, value)
      if (!this.#isPumping) this.#pump(WAIT)
    } else if (this.#strategy.state === 'own') this.#stage.finished(seat.place)
  }

  #answered(place: number, seat: Seat, cell: AttemptCell, kind: BallotKind, value: unknown): void {
    seat.limit?.cancel()
    if (this.#strategy.state === 'own') this.#stage.finished(seat.place)
    // It has only now begun, for its state's sake: the call has been over for long.
    if (!seat.outstanding) return
    const { clock } = this.#stage
    const nowMs = clock.monotonicMs()
    const late = kind !== 'late' && this.decision === undefined && nowMs - this.#beganMs > this.#strategy.timeoutMs
    if (late) this.isLate = true
    const copied = kind === 'value' && this.#strategy.agrees !== undefined ? copyArguments([value])[0] : value
    this.#cast(seat, {
      member: place,
      kind: late ? 'late' : kind,
      value: late ? undefined : copied,
      ms: nowMs - seat.startedMs,
      ...(cell.isBorderline && { borderline: true }),
    })
  }

  #cast(seat: Seat, ballot: Cast): void {
    if (ballot.kind === 'error' || ballot.kind === 'late') seat.trial?.drop()
    seat.outstanding = false
    this.#outstanding -= 1
    this.ballots.push(ballot)
    this.#inbox.push(ballot)
  }

  /** A member's own time is over; a copy or a stateless member is left to itself. */
  #giveUp(place: number, seat: Seat, cell: AttemptCell): void {
    if (seat.cell !== cell || !seat.outstanding) return
    cell.revoke(timeOut(`The attempt of ${seat.member.id} took longer than its ${this.#strategy.attemptMs} ms.`))
    this.#cast(seat, { member: place, kind: 'late', value: undefined, ms: this.#stage.clock.monotonicMs() - seat.startedMs })
    if (!this.#isPumping) this.#pump(WAIT)
  }

  #test(place: number): Move | undefined {
    const { accept } = this.#strategy
    const ballot = this.ballots.findLast(({ member }) => member === place)
    if (accept === undefined || ballot === undefined)
      throw new PerdureError('PERDURE_E_INVARIANT', `There is nothing to be tested of member ${place}.`)
    const outer = enter(undefined)
    let verdict: unknown
    try {
      verdict = accept(frozen(ballot.value), new Circumstances(this.args, this.#seat(place)))
    } catch {
      verdict = false
    } finally {
      leave(outer)
    }
    if (!isThenable(verdict)) return this.#tested(ballot, verdict)
    this.#isTesting = true
    const ended = (said: unknown) => {
      this.#isTesting = false
      if (this.decision === undefined) this.#pump(this.#tested(ballot, said))
    }
    verdict.then(ended, () => ended(false))
    return undefined
  }

  /** Only `true` accepts: a test that forgets to return has tested nothing. */
  #tested(ballot: Cast, said: unknown): Move {
    ballot.accepted = said === true
    if (!ballot.accepted) this.#seat(ballot.member).trial?.drop()
    return this.#procedure.tested?.(ballot.member, ballot.accepted) ?? WAIT
  }

  #conclude(decision: Decision, chosen: number | undefined): void {
    this.decision = decision
    this.decidedAfter = this.ballots.length - this.#inbox.length
    this.#deadline?.cancel()
    this.#elapsing?.cancel()
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort)
    const seat = chosen === undefined ? undefined : this.#seat(chosen)
    for (const other of this.seats) if (other !== seat && !other.outstanding) other.trial?.drop()
    if (seat?.trial !== undefined) this.#accept(seat, seat.trial)
    const outs = seat?.cell?.outs ?? NOTHING
    if (outs.length > 0) {
      // Whoever got his answer at once does not wait; what goes wrong then is reported by the stage.
      const performing = this.#stage.perform(outs)
      if (this.#settle !== undefined) this.#performing = performing
      else performing.catch(() => undefined)
    }
    if (this.#outstanding > 0) this.#letGo(this.decision)
    if (this.#settle === undefined) this.#stage.answered(this)
    else this.#tell(this.decision)
  }

  /** An attempt whose state cannot be kept has failed, whatever it has answered; the state stays what it was. */
  #accept(seat: Seat, trial: Trial): void {
    try {
      trial.accept()
      this.#stage.current = seat.member
    } catch (error) {
      seat.cell?.revoke(error)
      trial.drop()
      this.decision = { kind: 'error', value: error, support: [], faulty: [this.seats.indexOf(seat)] }
    }
  }

  #tell(decision: Decision): void {
    const settle = this.#settle
    if (settle === undefined) return
    const failed = (error: unknown) => {
      this.#stage.answered(this)
      settle.reject(error)
    }
    const tell = () => {
      if (decision.kind !== 'value') return failed(decision.value)
      this.#stage.answered(this)
      settle.resolve(decision.value)
    }
    if (this.#performing === undefined) tell()
    else this.#performing.then(tell, failed)
  }

  /** Members that are compared may finish; all others are not needed any more. */
  #letGo(decision: Decision): void {
    const { strategy, timeouts } = this.#stage
    if (strategy.agrees === undefined || decision.kind === 'error') {
      const reason = new PerdureError('PERDURE_E_ABORTED', `The call of ${this.method} has been decided without this attempt.`)
      if (strategy.state !== 'own') return this.#abandon(reason, this.isLate ? 'late' : undefined)
    }
    this.#straggling = timeouts.background(strategy.stragglerMs, () => {
      this.#abandon(timeOut(`Still under way ${strategy.stragglerMs} ms after the call of ${this.method} was decided.`), 'late')
      this.#finish()
    })
  }

  /** As `late` it is a ballot; without a kind those who were not needed are nobody's fault. */
  #abandon(reason: PerdureError, kind: 'late' | undefined): void {
    for (const [place, seat] of this.seats.entries()) {
      if (!seat.outstanding) continue
      seat.outstanding = false
      this.#outstanding -= 1
      seat.limit?.cancel()
      seat.cell?.revoke(reason)
      seat.trial?.drop()
      if (kind !== undefined)
        this.ballots.push({ member: place, kind, value: undefined, ms: this.#stage.clock.monotonicMs() - seat.startedMs })
    }
  }

  /** Calls back once nothing of this call is under way any more. */
  whenComplete(act: () => void): void {
    if (this.#isFinished) act()
    else this.#afterwards.push(act)
  }

  #finish(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#straggling?.cancel()
    this.#stage.complete(this)
    for (const act of this.#afterwards.splice(0)) act()
  }

  #seat(place: number): Seat {
    const seat = this.seats[place]
    if (seat === undefined)
      throw new PerdureError('PERDURE_E_INVARIANT', `A call of ${this.members} members has none at ${place}.`)
    return seat
  }
}

function timeOut(text: string): PerdureError {
  return new PerdureError('PERDURE_E_TIMEOUT', text)
}
