/**
 * How long answers took lately: enough of them to say what is unusually slow, few enough to follow a change.
 *
 * Boundary: pure. What is sorted is sorted seldom, so that a call costs next to nothing.
 */

/** The 95th percentile then stands on 6 slower answers; all are replaced within as many calls. */
const KEPT = 128

/** With fewer, one slow answer would pass for usual. */
const ENOUGH = 20

/** So many new answers move a quantile little. */
const RENEWED_AFTER = 16

export class RecentLatencies {
  readonly #ms: number[] = []
  #next = 0
  #sorted: readonly number[] | undefined
  #sinceSorted = 0

  add(ms: number): void {
    this.#ms[this.#next] = ms
    this.#next = (this.#next + 1) % KEPT
    this.#sinceSorted += 1
    if (this.#sinceSorted >= RENEWED_AFTER) this.#sorted = undefined
  }

  /** What the share `p` of them took at most, in milliseconds; undefined as long as there are too few. */
  quantile(p: number): number | undefined {
    if (this.#ms.length < ENOUGH) return undefined
    if (this.#sorted === undefined) {
      this.#sorted = this.#ms.toSorted((a, b) => a - b)
      this.#sinceSorted = 0
    }
    const { length } = this.#sorted
    return this.#sorted[Math.min(length - 1, Math.max(0, Math.ceil(p * length) - 1))]
  }
}
