/**
 * What the machine waits for log time to do: wake sleepers, end clean-ups, forget finished runs, fence the silent.
 *
 * Boundary: data. The deadlines themselves are kept by the log (`log/deadlines.ts`); this says what each of them means.
 */

export interface Expiry {
  readonly kind: 'wake' | 'cleaned' | 'forget' | 'silent'
  /** The run concerned; 0 for `silent`. */
  readonly run: number
  /** The operation of a `wake`, the position of the suspicion of a `silent`. */
  readonly number: number
  /** The node of a `silent`. */
  readonly node?: string
}

export class Expiries {
  readonly #byToken = new Map<number, { readonly atMs: number; readonly expiry: Expiry }>()
  /** Tokens of sleeps, by run, then by number. */
  readonly #wakes = new Map<number, Map<number, number>>()
  #next = 1

  /** The token to schedule. */
  add(atMs: number, expiry: Expiry): number {
    const token = this.#next
    this.#next += 1
    this.#put(token, atMs, expiry)
    return token
  }

  #put(token: number, atMs: number, expiry: Expiry): void {
    this.#byToken.set(token, { atMs, expiry })
    if (expiry.kind !== 'wake') return
    const ofRun = this.#wakes.get(expiry.run) ?? new Map()
    this.#wakes.set(expiry.run, ofRun.set(expiry.number, token))
  }

  take(token: number): Expiry | undefined {
    const expiry = this.#byToken.get(token)?.expiry
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

  snapshot(): unknown {
    return { next: this.#next, tokens: [...this.#byToken].map(([token, { atMs, expiry }]) => [token, atMs, { ...expiry }]) }
  }

  restore(snapshot: unknown, schedule: (deadlineMs: number, token: number) => void): void {
    const { next, tokens } = snapshot as { next: number; tokens: readonly (readonly [number, number, Expiry])[] }
    this.#byToken.clear()
    this.#wakes.clear()
    this.#next = next
    for (const [token, atMs, expiry] of tokens) {
      this.#put(token, atMs, expiry)
      schedule(atMs, token)
    }
  }
}
