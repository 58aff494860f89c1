/**
 * Hedged requests: a second member is asked when the first is unusually slow, and the first answer wins.
 *
 * The slowest calls of a service are slow by chance, and the same call elsewhere is not; so a few repeated calls cut off the long
 * tail. Done without a limit, hedging doubles the load of a system that is slow because it has too much to do. Hence a budget:
 * at most a share of the calls is hedged, in the long run. (Dean and Barroso, The Tail at Scale, section "Within request".)
 *
 * Boundary: pure, but for what a strategy remembers from call to call: its budget, and how long answers took. One strategy value
 * has one budget, which all groups made with it share.
 *   H1  A member is asked once at most in a call.
 *   H2  Whoever is asked while another is at work costs a token of the budget: after c calls at most `burst` + `budget` * c such.
 *   H3  As long as members are left, a call has one at work: when all that were asked have failed, the next costs no token.
 */
import type { Ballot } from '../ballot.ts'
import { type CallView, type Move, type Procedure, type Strategy, type StrategyOptions, WAIT } from '../strategy.ts'
import { commonOptions, count, duration, usage } from '../strategy-options.ts'
import { allFailed, answered, isAnswer, outOfTime } from './first-answer.ts'
import { RecentLatencies } from './latencies.ts'
import { nobody } from './poll.ts'

/** Enough for the calls that are under way when a member falls silent, little beside what an hour of calls earns. */
const BURST = 10

/** Answers that take no measurable time would have the next member asked at once. */
const LEAST_MS = 1

/** What is earned in tenths must not miss the whole by a rounding error. */
const ROUNDING = 1e-9

export interface HedgeOptions extends StrategyOptions {
  /** The share of calls that may be hedged: more than 0, at most 1, where 1 may double the load; 0.05 to 0.1 is usual. */
  readonly budget: number
  /**
   * How long the member asked last may take, in milliseconds, before the next one is asked as well. Default: what all but the share
   * `budget` of the last calls took; until a few answers have shown that, the next one is asked on failure only.
   */
  readonly afterMs?: number
  /** So many hedges may come together before the budget has earned them. Default 10. */
  readonly burst?: number
  /** How long one member may take, in milliseconds, before it counts as failed. Default: it is waited for. */
  readonly attemptMs?: number
}

/**
 * A strategy for `dependable` and `objectGroup`: the next member is asked when the one before has not answered within `afterMs`, or
 * has failed. Nothing is compared and no wrong answer masked; members that are still at work when another has answered are aborted.
 *
 * Calls fail with `PERDURE_E_GROUP_EXHAUSTED` when all members have failed, whose `cause` is an AggregateError of what they threw;
 * with `PERDURE_E_TIMEOUT` when the time is over; a group of one fails with its member's own error. `PERDURE_E_USAGE` for options
 * that do not fit.
 */
export function hedge<const O extends HedgeOptions>(options: O): Strategy<O> {
  const common = commonOptions('hedge', options)
  const memory = new HedgeMemory(options)
  return {
    kind: 'hedge',
    options,
    state: 'none',
    ...common,
    attemptMs: duration('hedge', 'attemptMs', options.attemptMs, Number.POSITIVE_INFINITY),
    minimum: () => 1,
    begin: (call) => new Hedged(call, memory),
  }
}

class Hedged implements Procedure {
  readonly #call: CallView
  readonly #memory: HedgeMemory
  readonly #failed: Ballot[] = []
  readonly #afterMs: number | undefined
  #started = 0
  #waitedMs = 0
  /** By member, how long had been waited when it was asked. */
  readonly #askedAtMs: number[] = []
  #over = false

  constructor(call: CallView, memory: HedgeMemory) {
    this.#call = call
    this.#memory = memory
    this.#afterMs = memory.afterMs()
  }

  begin(): Move {
    if (this.#call.members === 0) return this.#end(nobody(this.#call))
    this.#memory.earn()
    return this.#next()
  }

  arrived(ballot: Ballot): Move {
    if (this.#over) return WAIT
    if (isAnswer(ballot)) {
      this.#learn(ballot)
      return this.#end(answered(ballot, this.#failed))
    }
    this.#failed.push(ballot)
    if (this.#failed.length < this.#started) return this.#hedge()
    return this.#started < this.#call.members ? this.#next() : this.#end(allFailed('hedge', this.#call, this.#failed))
  }

  elapsed(): Move {
    if (this.#over) return WAIT
    this.#waitedMs += this.#afterMs ?? 0
    return this.#hedge()
  }

  deadline(): Move {
    return this.#over ? WAIT : this.#end(outOfTime('hedge', this.#call, this.#failed, this.#started))
  }

  /** Somebody is at work, so this costs a token. */
  #hedge(): Move {
    return this.#started < this.#call.members && this.#memory.spend() ? this.#next() : WAIT
  }

  #next(): Move {
    this.#askedAtMs.push(this.#waitedMs)
    this.#started += 1
    return { do: 'start', members: [this.#started - 1], afterMs: this.#afterMs }
  }

  /** How long the member asked first took; at least so long, if it was overtaken. One that failed tells nothing. */
  #learn(answer: Ballot): void {
    if (this.#failed.some(({ member }) => member === 0)) return
    this.#memory.answered((this.#askedAtMs[answer.member] ?? 0) + answer.ms)
  }

  #end(move: Move): Move {
    this.#over = true
    return move
  }
}

/** What is remembered from call to call. */
class HedgeMemory {
  readonly #share: number
  readonly #burst: number
  readonly #fixedMs: number | undefined
  readonly #latencies = new RecentLatencies()
  #tokens: number

  constructor({ budget, burst = BURST, afterMs }: HedgeOptions) {
    if (!(typeof budget === 'number' && budget > 0 && budget <= 1))
      throw usage(
        `The option budget of hedge is ${String(budget)}: expected the share of calls that may be hedged, more than 0 and at most 1, such as 0.1.`,
      )
    this.#share = budget
    this.#burst = count('hedge', 'burst', burst, 1)
    this.#fixedMs = afterMs === undefined ? undefined : duration('hedge', 'afterMs', afterMs, 0)
    this.#tokens = this.#burst
  }

  earn(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + this.#share)
  }

  spend(): boolean {
    if (this.#tokens < 1 - ROUNDING) return false
    this.#tokens -= 1
    return true
  }

  /** Undefined as long as nobody knows what is slow. */
  afterMs(): number | undefined {
    if (this.#fixedMs !== undefined) return this.#fixedMs
    const ms = this.#latencies.quantile(1 - this.#share)
    return ms === undefined ? undefined : Math.max(LEAST_MS, ms)
  }

  answered(ms: number): void {
    if (this.#fixedMs === undefined) this.#latencies.add(ms)
  }
}
