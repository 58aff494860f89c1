/**
 * Randomness that repeats: a counter, mixed with a seed made from the identity of the run.
 *
 * Because only the counter moves, a checkpoint keeps one number, and a restored body goes on where it was. Not for secrets.
 *
 * Boundary: pure.
 */

export class RepeatableRandom {
  readonly #seed: number
  /** How often it was asked. */
  count: number

  constructor(seed: string, count: number) {
    this.#seed = hash(seed)
    this.count = count
  }

  /** 32 random bits. */
  #bits(): number {
    this.count += 1
    return mix(this.#seed ^ mix(this.count))
  }

  /** Uniform in [0, 1), with 53 random bits. */
  next(): number {
    return ((this.#bits() >>> 5) * 2 ** 26 + (this.#bits() >>> 6)) / 2 ** 53
  }

  /** An RFC 9562 version 4 UUID. */
  uuid(): string {
    const hex = Array.from({ length: 4 }, () => this.#bits().toString(16).padStart(8, '0')).join('')
    const variant = (8 + (Number.parseInt(hex[16] as string, 16) & 3)).toString(16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
  }
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** The finalizer of MurmurHash3 twice, with a Weyl step in between: every bit of the input moves every bit of the output. */
function mix(n: number): number {
  let h = (n + 0x9e3779b9) | 0
  for (let round = 0; round < 2; round++) {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h = (h ^ (h >>> 16)) + 0x9e3779b9
  }
  return h >>> 0
}
