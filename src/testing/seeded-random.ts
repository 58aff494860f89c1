/**
 * Randomness from a seed: the same numbers on every machine, so that whatever they decide can be repeated.
 *
 * Boundary: pure. Not for secrets.
 */

export class SeededRandom {
  #state: number

  constructor(seed: number) {
    // Neighbouring seeds would begin with similar numbers; the first mixing parts them.
    this.#state = mix((seed ^ 0x9e3779b9) >>> 0)
  }

  /** Uniform in [0, 1), with 32 random bits (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    return mix(this.#state) / 2 ** 32
  }

  /** A whole number, 0 <= n < `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** A whole number, `least` <= n <= `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join('')
  }

  /** A generator of its own: what is drawn from it does not move this one. */
  fork(): SeededRandom {
    return new SeededRandom(this.below(2 ** 32))
  }
}

function mix(n: number): number {
  let mixed = Math.imul(n ^ (n >>> 15), n | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return (mixed ^ (mixed >>> 14)) >>> 0
}
