/**
 * What the machine waits for log time to do: wake sleepers, end clean-ups, forget finished runs, cut off those that leave too
 * slowly, fence the silent.
 *
 * Boundary: data. The deadlines themselves are kept by the log (`log/deadlines.ts`); this says what each of them means.
 */

export interface Expiry {
  readonly kind: 'wake' | 'cleaned' | 'forget' | 'handover' | 'silent'
  /** The run concerned; 0 for `silent`. */
  readonly run: number
  /**
   * The operation of a `wake`, the fence of a `handover`, the position of the suspicion of a `silent`; of the others, how often
   * their run had been begun anew.
   */
  readonly number: number
  /** The node of a `silent`. */
  readonly node?: string
}

export class Expiries {
  readonly #byToken = new Map<number, Expiry>()
  /** Tokens of sleeps, by run, then by number. */
  readonly #wakes = new Map<number, Map<number, number>>()
  #next = 1

  /** The token to schedule. */
  add(expiry: Expiry): number {
    const token = this.#next
    this.#next += 1
    this.#put(token, expiry)
    return token
  }

  #put(token: number, expiry: Expiry): void {
    this.#byToken.set(token, expiry)
    if (expiry.kind !== 'wake') return
    const ofRun = this.#wakes.get(expiry.run) ?? new Map()
    this.#wakes.set(expiry.run, ofRun.set(expiry.number, token))
  }

  take(token: number): Expiry | undefined {
    const expiry = this.#byToken.get(token)
    this.#byToken.delete(token)
    if (expiry?.kind !== 'wake') return expiry
    const ofRun = this.#wakes.get(expiry.run)
    ofRun?.delete(expiry.number)
    if (ofRun?.size === 0) this.#wakes.delete(expiry.run)
    return expiry
  }

  /** Takes back a sleep; false if there is none under this number. */
  dropWake(run: number, number: number): boolean {
    const token = this.#wakes.get(run)?.get(number)
    return token !== undefined && this.take(token) !== undefined
  }

  /** Takes back every sleep of a run. */
  dropWakes(run: number): void {
    for (const token of [...(this.#wakes.get(run)?.values() ?? [])]) this.take(token)
  }

  /** The token that the next one gets; for snapshots. */
  get nextToken(): number {
    return this.#next
  }

  restoreNextToken(token: number): void {
    this.#next = token
  }

  *saved(): Generator<readonly [token: number, expiry: Expiry]> {
    for (const [token, expiry] of this.#byToken) yield [token, { ...expiry }]
  }

  restore(saved: Iterable<readonly [token: number, expiry: Expiry]>): void {
    for (const [token, expiry] of saved) this.#put(token, expiry)
  }
}
