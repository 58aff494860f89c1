/**
 * The alpha-count: transient faults told from those that stay (Bondavalli, Chiaradonna, Di Giandomenico, Grandoni, IEEE Trans. on
 * Computers 49(3), 2000; SPEC 7.4).
 *
 * Intuition: a score per entity. Each error adds 1, each success takes a share of it away. Errors that come rarely are forgotten
 * before the next one; errors that keep coming add up, until the score reaches the threshold and the fault is no longer taken for a
 * passing one.
 *
 * Boundary: pure; it is told the time, in whole microseconds.
 *   C1  What is kept is the score just after the last error and the number n of successes since; the score now is the one times K^n. So
 *       it does not matter whether successes are reported one by one or together, up to the last bit.
 *   C2  K^n is computed by multiplication alone, so that every machine comes to the same bits.
 *   C3  Nothing latches: a score that has fallen below the threshold is transient again.
 */

export interface AlphaFilter {
  /** From this score on a fault is intermittent or permanent; above 0. */
  readonly threshold: number
  /** K: what is left of the score after a success; from 0 up to, but not, 1. */
  readonly factor: number
  /** Each full period without an error counts as one success, in microseconds; absent: none does. */
  readonly everyUs?: number
}

/** What stands in for a filter where none is configured (SPEC 11): the score counts errors, and every fault is transient. */
export const NO_FILTER: AlphaFilter = { threshold: Number.POSITIVE_INFINITY, factor: 1 }

/** Plain data, for snapshots. */
export interface AlphaState {
  readonly afterError: number
  readonly successes: number
  readonly periods: number
  readonly errorUs: number
}

export class AlphaCount {
  readonly #filter: AlphaFilter
  #afterError = 0
  #successes = 0
  /** Full periods since the last error, as of the last record about the entity. */
  #periods = 0
  #errorUs = 0

  constructor(filter: AlphaFilter = NO_FILTER, state?: AlphaState) {
    this.#filter = filter
    this.restore(state)
  }

  get filter(): AlphaFilter {
    return this.#filter
  }

  /** Time of the last error. */
  get errorUs(): number {
    return this.#errorUs
  }

  /** As of the last record about the entity (SPEC 11): periods that have passed since are not in it. */
  get value(): number {
    const { factor } = this.#filter
    return this.#afterError === 0 ? 0 : this.#afterError * power(factor, this.#successes + this.#periods)
  }

  /** Of a fault that is open. */
  get isTransient(): boolean {
    return this.value < this.#filter.threshold
  }

  /** A record about the entity: periods that are full by now count. */
  observe(atUs: number): void {
    const { everyUs } = this.#filter
    if (everyUs !== undefined) this.#periods = Math.max(this.#periods, Math.floor((atUs - this.#errorUs) / everyUs))
  }

  succeed(times = 1): void {
    this.#successes += times
  }

  fail(atUs: number): void {
    this.#afterError = this.value + 1
    this.#successes = 0
    this.#periods = 0
    this.#errorUs = atUs
  }

  /** Without a state: as it was at first. */
  restore(state: AlphaState | undefined): void {
    this.#afterError = state?.afterError ?? 0
    this.#successes = state?.successes ?? 0
    this.#periods = state?.periods ?? 0
    this.#errorUs = state?.errorUs ?? 0
  }

  snapshot(): AlphaState {
    return { afterError: this.#afterError, successes: this.#successes, periods: this.#periods, errorUs: this.#errorUs }
  }
}

/** By squaring (C2). `exponent` is whole and not negative. */
function power(base: number, exponent: number): number {
  let result = 1
  let square = base
  let left = exponent
  while (left > 0) {
    if (left % 2 === 1) result *= square
    square *= square
    left = Math.floor(left / 2)
  }
  return result
}
